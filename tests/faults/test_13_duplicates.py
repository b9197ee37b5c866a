"""Line 13: everything that was ever on the topic comes three times more, in another order, on other partitions, while the job runs
and after it: messages of the job, of its own older exports, and of another job with older contents of the same records.

An upsert merges: an older message that gets through makes a record of two versions, which equals neither (a chimera)."""

import confluent_kafka

import versions
from world import DONE, check, dice, sized, wait_for

RECORDS = sized(200, 4_000)
BATCH = sized(10, 40)   # so that a job is one window: published whole before anything is consumed
TIMES = 3
LIMIT = 90


def replay(world, messages, chance):
    """All of them, three times, in any order, wherever."""
    again = [message for message in messages for _ in range(TIMES)]
    chance.shuffle(again)
    producer, failed = confluent_kafka.Producer(dict(world.topic.settings, **{"message.max.bytes": 8_000_000})), []
    for message in again:
        producer.produce(world.topic.name, message.value, message.key, partition=chance.randrange(12), headers=message.headers,
                         on_delivery=lambda error, _: failed.append(error) if error else None)
        producer.poll(0)
    assert producer.flush(60) == 0 and not failed, failed
    return len(again)


def move(world, source, job):
    """One that is followed in the background."""
    return world.start_migrate(source, job=job, target_collection=world.name, batch_records=BATCH)


def published(world, job):
    wait_for(lambda: (world.job(job) or {}).get("published") == RECORDS, LIMIT, "all of %s is published" % job)


def older_job(world):
    """Moves version 1, wholly."""
    consumer, = world.consumers()
    done = move(world, versions.put(world, 1, RECORDS, world.also("one")), "old")
    assert done.wait(LIMIT) == DONE, done.err
    consumer.stop()


def older_exports(world):
    """Version 2 is published, and taken back before anything of it is written: the topic keeps it. Then the source is version 3."""
    source = versions.put(world, 2, RECORDS, world.also("two"))
    first = move(world, source, "new")
    published(world, "new")
    assert world.producer("pause", "new", "--no-wait").status == DONE
    first.wait(LIMIT)
    consumer, = world.consumers()
    wait_for(lambda: all(row["state"] == "planned" for row in world.batches("new")), LIMIT, "everything parked")
    consumer.stop()
    return versions.put(world, 3, RECORDS, source)


def test_everything_again_in_any_order(world, score):
    chance = dice("order")
    world.env["FERRY_LEASE"] = "20s"  # nobody waits for one, and none is lost on a busy machine: what is delivered is so once
    world.setup()
    older_job(world)
    source = older_exports(world)
    stale = world.topic.messages()
    resumed = world.start("ferry-producer", "resume", "new")
    published(world, "new")
    sent = replay(world, world.topic.messages(), chance)
    world.consumers(2)
    sent += replay(world, stale, chance)
    resumed.status = resumed.wait(300)
    sent += replay(world, world.topic.messages()[:len(stale)], chance)
    world.faults_end()
    wait_for(lambda: world.lag() == 0, LIMIT, "everything that came again is acknowledged")
    wrong = versions.mixed(world, 3, RECORDS, world.name)
    figure = "%d messages came again (%d different old ones), %d records are not wholly the newest, exit %d" % (
        sent, len(stale), len(wrong), resumed.status)
    passed = resumed.status == DONE and not wrong and sent >= TIMES * len(stale)
    score(line=13, figure=figure, target="equality, 0 chimeras", passed=passed)
    assert passed, "%s\n%s\n%s" % (figure, wrong[:5], resumed.err)
    assert all(row["deliveries"] == 1 for row in world.batches("new")), "a message that came again was claimed again"
    assert world.judge(source, world.name).equal
    check.everything(world, "new")
