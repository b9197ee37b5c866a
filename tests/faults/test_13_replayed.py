"""Line 13, by the group's own doing: in the middle of a job its offsets are set back to the beginning, so that everything comes again,
or to the end, so that what nobody has delivered is skipped; as people do by hand."""

import confluent_kafka
import pytest

import versions
from pace import Steady
from world import DONE, check, sized, wait_for

BATCHES = sized(30, 120)
BATCH = 5
LIMIT = 300
SKIPPED = "its message was acknowledged without a result"


def move_offsets(world, to_end):
    """Kafka lets nobody do it while the group has members."""
    group = "ferry." + world.ledger_uuid()
    consumer = world.topic._consumer(group)
    try:
        places = []
        for number in world.topic.partitions():
            low, high = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(world.topic.name, number), timeout=30)
            places.append(confluent_kafka.TopicPartition(world.topic.name, number, high if to_end else low))
    finally:
        consumer.close()
    admin = world.topic.admin()

    def moved():
        try:
            admin.alter_consumer_group_offsets([confluent_kafka.ConsumerGroupTopicPartitions(group, places)])[group].result(30)
        except confluent_kafka.KafkaException:  # the group is not empty yet
            return False
        return True
    wait_for(moved, LIMIT, "the offsets are moved", interval=0.5)


@pytest.mark.parametrize("to_end", [False, True], ids=["to-the-beginning", "to-the-end"])
def test_offsets_are_moved(world, score, to_end):
    count = BATCHES * BATCH
    world.env["FERRY_LEASE"] = "20s"  # nobody waits for one, and none is lost on a busy machine: what is delivered is so once
    source = versions.put(world, 1, count, world.also("one"))
    world.setup()
    job = world.start_migrate(source, job="moved", target_collection=world.name, batch_records=BATCH)
    wait_for(lambda: (world.job("moved") or {}).get("published") == count, LIMIT, "everything is published")
    world.front.handler = Steady(10)
    consumer, = world.consumers()
    world.wait_for_verified(count // 3, "moved", LIMIT)
    consumer.stop(LIMIT)
    open_ = {row["batch"] for row in world.batches() if row["state"] not in ("verified", "rejected")}
    move_offsets(world, to_end)
    world.faults_end(LIMIT)
    world.consumers(2)
    job.status = job.wait(LIMIT)
    wait_for(lambda: world.lag() == 0, LIMIT, "everything is acknowledged")
    skipped = {row["batch_no"] for row in world.steps("batch.swept") if SKIPPED in row["detail"]}
    wrong = versions.mixed(world, 1, count, world.name)
    figure = "offsets moved to the %s with %d of %d batches open: %d found as skipped, %d records wrong, exit %d" % (
        "end" if to_end else "beginning", len(open_), BATCHES, len(skipped), len(wrong), job.status)
    passed = job.status == DONE and not wrong and open_ and skipped == (open_ if to_end else set())
    score(line=13, figure=figure, target="equality, 0 chimeras", passed=passed)
    assert passed, figure + "\n" + job.err
    assert all(row["deliveries"] == 1 for row in world.batches() if row["batch"] not in open_)
    check.everything(world)
