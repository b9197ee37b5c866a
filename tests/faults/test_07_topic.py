"""Line 7, without the broker's fault: the topic is deleted and stays away for a while, its retention takes what nobody has read, and
it takes smaller messages than before."""

import time

import pytest

from ferry import NEEDS_PERSON, last_line
from pace import Share, Steady
from proxy import Gate, Proxy
from world import DONE, check, sized, wait_for

BATCHES = sized(40, 120)  # one window
BATCH = 5
LIMIT = 300
AWAY = sized(2, 90)  # the client library gives messages for an unknown topic up after 30
READS_A_SECOND = 10
MISSING = "topic %s does not exist; make it again with: ferry-producer setup"


@pytest.fixture
def published(world):
    """Everything is on the topic, and nobody has read it."""
    world.fill(BATCHES * BATCH, dimension=8)
    world.setup()
    job = world.start_migrate(batch_records=BATCH, job="topic")
    wait_for(lambda: (world.job("topic") or {}).get("published") == BATCHES * BATCH, LIMIT, "everything is published")
    return job


def swept(world):
    found = {}
    for row in world.steps("batch.swept"):
        found.setdefault(row["detail"], set()).add(row["batch_no"])
    return found


def end(world, score, job, what, passed=True):
    job.status = job.wait(LIMIT)
    figure = "%s, %s, exit %d" % (what, "; ".join("%d swept: %s" % (len(batches), why) for why, batches in swept(world).items()) or
                                  "none swept", job.status)
    passed = passed and job.status == DONE and not world.sql("SELECT * FROM ferry.rejected_records")
    score(line=7, figure=figure, target="0 lost", passed=passed)
    assert passed, figure + "\n" + job.err
    check.everything(world)


def say_that_it_is_gone(world):
    """Producer and consumer, each for itself. The job runs: nobody has called for a person."""
    job = world.job("topic")
    assert job["state"] == "running", job
    workers = world.sql("SELECT kind, waits_for FROM ferry.worker_status WHERE state = 'alive'")
    said = {worker["kind"] for worker in workers if worker["waits_for"] == MISSING % world.topic.name}
    return said == {"producer", "consumer"}


def stays_away(world):
    """Waited for in sight, by a job that goes on running; returns what it says."""
    world.topic.delete()
    wait_for(lambda: say_that_it_is_gone(world), LIMIT, "both programs say that the topic is gone")
    time.sleep(AWAY)
    said = world.job("topic")["waits_for"]
    assert say_that_it_is_gone(world) and said == MISSING % world.topic.name, said
    return said


def comes_back(world):
    wait_for(lambda: world.producer("setup").status == DONE, LIMIT, "the topic is there again")
    world.faults_end(LIMIT)


def test_retention_takes_what_nobody_has_read(world, score, published):
    world.topic.forget()
    assert world.topic.count() == 0
    world.sql("UPDATE ferry.batches SET partition = NULL, message_offset = NULL WHERE batch_no <= 3")  # as if nobody had told their places
    world.faults_end(LIMIT)
    world.consumers(2)
    wait_for(lambda: sum(map(len, swept(world).values())) >= BATCHES, LIMIT, "the sweep has found all of them")
    unplaced, placed = set(range(1, 4)), set(range(4, BATCHES + 1))
    assert swept(world) == {"its message is gone: the topic's retention took it": placed,
                            "its message never came, and everything on the topic has been read": unplaced}, "each for its own reason"
    end(world, score, published, "retention took %d unread messages" % BATCHES)


def test_a_topic_that_is_away_for_a_while(world, score, published):
    world.front.handler = share = Share(BATCHES, 1)
    world.consumers(2)
    world.wait_for_verified(BATCH, "topic", LIMIT)
    said = stays_away(world)
    share.end()
    comes_back(world)
    end(world, score, published, "topic away for %d s (waits for \"%s\")" % (AWAY, said))


def test_a_topic_that_is_away_while_most_is_still_to_be_exported(world, score):
    """Messages without a report are refused by the broker, and further ones by the client library itself."""
    pace, count = Steady(READS_A_SECOND), BATCHES * BATCH

    def handle(request, forward):
        if request.verb == "get" and "ids" in request.json():
            time.sleep(max(0, pace.turn() - time.monotonic()))
        return forward(request)
    world.fill(count, dimension=8)
    world.setup()
    world.consumers(1)
    with Proxy(world.source.url, handle) as source:
        job = world.start_migrate(source=source.url, batch_records=BATCH, job="topic")
        world.wait_for_verified(BATCH, "topic", LIMIT)
        said = stays_away(world)
        published = world.job("topic")["published"]
        assert published < count / 2, published
        exports, = world.sql("SELECT sum(exports) AS made FROM ferry.batches")
        assert exports["made"] < BATCHES, "they are read again and again"
        comes_back(world)
        end(world, score, job, "topic away for %d s with %d of %d records published (waits for \"%s\")" % (AWAY, published, count, said))


def test_a_topic_that_takes_smaller_messages_than_before(world, score):
    """Less than setup asks for, in the middle of a job: that is a person's doing, and it says so; nothing is rejected for it."""
    world.fill(600, dimension=64)
    world.setup()
    world.consumers(1)
    gate, seen = Gate(), []

    def handle(request, forward):
        if request.verb == "get" and "ids" in request.json():
            seen.append(1)
            if len(seen) > 1:
                gate.pass_through()
        return forward(request)
    gate.close()
    with Proxy(world.source.url, handle) as source:
        job = world.start_migrate(source=source.url, batch_records=100, job="narrow")
        wait_for(lambda: gate.waiting, LIMIT, "a read is held")
        world.topic.alter("max.message.bytes", 20_000)
        gate.open()
        blocked = job.wait(LIMIT)
        assert blocked == NEEDS_PERSON and "Message size too large" in last_line(job.err), job.err
        assert world.job("narrow")["state"] == "blocked" and "Message size too large" in world.job("narrow")["last_error"]
        world.topic.alter("max.message.bytes", 8 << 20)
        world.faults_end(LIMIT)
        resumed = world.start("ferry-producer", "resume", "narrow")
        end(world, score, resumed, "max.message.bytes too small in the middle: exit 4, widened and resumed")
