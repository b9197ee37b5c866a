"""Line 7: the broker comes back without the newest part of its log, as after a power failure without replicas; and the topic is
deleted and made again while a job runs. The ledger knows what was published and not delivered: the sweep has it exported again."""

import pytest

import segments
from pace import Share
from world import DONE, check, dice, sized, wait_for

OWN = ("kafka",)
BATCHES = sized(60, 120)  # one window: all of them may be published before anything is verified
BATCH = 5
LIMIT = 300
# Consumers that have little in their hands: what they have taken from the topic is delivered, whatever becomes of the topic.
LITTLE = {"FERRY_KAFKA_QUEUED_MIN_MESSAGES": "1", "FERRY_KAFKA_QUEUED_MAX_MESSAGES_KBYTES": "1",
          "FERRY_KAFKA_FETCH_MESSAGE_MAX_BYTES": "1"}
GONE = "the bus lost its tail, or the topic was recreated"


@pytest.fixture
def begun(world):
    """A third is done, the rest is published and waits for world.front.handler.end(); two consumers work."""
    world.fill(BATCHES * BATCH, dimension=8)
    world.setup()
    job = world.start_migrate(batch_records=BATCH, job="tail")
    wait_for(lambda: (world.job("tail") or {}).get("published") == BATCHES * BATCH, LIMIT, "everything is published")
    world.front.handler = Share(BATCHES, 1)
    world.consumers(2, env=LITTLE)
    world.wait_for_verified(BATCHES * BATCH // 3, "tail", LIMIT)
    return job


def settled(world):
    """What the consumers had in their hands is done, and nothing new came."""
    def verified():
        return sum(row["state"] == "verified" for row in world.batches()), any(row["state"] == "claimed" for row in world.batches())
    before = [None, 0]

    def quiet():
        now = verified()
        before[1] = before[1] + 1 if now == before[0] and not now[1] else 0
        before[0] = now
        return before[1] > 10
    wait_for(quiet, LIMIT, "nothing is in hand any more", interval=0.2)
    return [row for row in world.batches() if row["state"] == "published"]


def judge(world, score, job, what, lost):
    """lost: batches whose message was lost before it was delivered."""
    job.status = job.wait(LIMIT)
    swept = world.sql("SELECT batch_no, detail FROM ferry.events WHERE kind = 'batch.swept'")
    gone = {row["batch_no"] for row in swept if GONE in row["detail"]}
    figure = "%s: %d unfinished batches had lost their message, %d of them swept as lost by the broker, %d sweeps in all, exit %d" % (
        what, len(lost), len(gone & lost), len(swept), job.status)
    passed = job.status == DONE and gone == lost
    score(line=7, figure=figure, target="100 % produced again, and exactly those", passed=passed)
    assert passed, figure + "\n" + job.err
    wait_for(lambda: world.lag() == 0, LIMIT, "everything is acknowledged")
    check.everything(world)


def test_a_tail_that_is_lost(world, own, score, begun):
    chance = dice("tails")
    own.kill("kafka")
    world.front.handler.end()
    open_ = settled(world)
    ends = segments.cut_all(own.folder / "data" / "kafka", world.topic.name, 0.6, chance)
    lost = {row["batch"] for row in open_ if row["message_offset"] >= ends[row["partition"]]}
    assert lost, (ends, open_)
    own.up("kafka")
    world.faults_end(LIMIT)
    judge(world, score, begun, "tail", lost)


def test_a_topic_that_is_made_again(world, score, begun):
    world.topic.delete()
    world.front.handler.end()
    open_ = settled(world)
    lost = {row["batch"] for row in open_}
    assert lost
    wait_for(lambda: world.producer("setup").status == DONE, LIMIT, "the topic is there again")
    world.faults_end(LIMIT)
    judge(world, score, begun, "topic recreated", lost)
