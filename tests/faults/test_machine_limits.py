"""A machine that gives no more memory, or few file descriptors: at the start, and in the middle of the work. A program that cannot
go on ends with an exit code and a line that says why, unless Kafka's client or the C library aborts it, whose word is then the line;
nothing is lost, and the next one goes on."""

import re
import resource

import pytest

from world import DONE, check, sized, wait_for

UNAVAILABLE, BUG = 3, 70
ABORTED = -6
NO_MEMORY = re.compile(r"memory|broker thread")  # a thread needs some, too
NO_DESCRIPTOR = re.compile(r"Too many open files")
# librdkafka checks some allocations and threads by assert(), and the C library has one text for what it did not expect, seen with no
# memory left: then nothing of ours is said. Any other abort is a fault.
ASSERTION = re.compile(r"^(?:[\w-]+: \S*\b(?:rd|tinycthread)\w*\.[ch]:\d+: \w+: Assertion .* failed"
                       r"|\*\*\* \S*\brd\w*\.[ch]:\d+:\w+: .*|Unexpected error\.$)", re.M)


def under(name, value):
    return ("prlimit", "--%s=%d" % (name, value))


def address_space(process):
    with open("/proc/%d/statm" % process.pid) as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def leave(process, size):
    """So many bytes more, and none beyond."""
    resource.prlimit(process.pid, resource.RLIMIT_AS, (address_space(process) + size, resource.RLIM_INFINITY))


def names(process, cause):
    """Whether it ended with an exit status and one line that names the cause, or by what ASSERTION is."""
    status = process.popen.poll()
    if status == ABORTED:
        return ASSERTION.search(process.err)
    failures = [line for line in process.err.splitlines() if " level=error " in line or line.startswith("ferry-")]
    return status in (UNAVAILABLE, BUG) and len(failures) == 1 and cause.search(failures[0])


@pytest.mark.parametrize("name, value, cause", [("nofile", 8, NO_DESCRIPTOR), ("as", 48 << 20, NO_MEMORY)], ids=["nofile", "as"])
def test_too_little_to_begin_with(world, name, value, cause):
    world.setup()
    consumer = world.start("ferry-consumer", under=under(name, value))
    consumer.wait(60)
    assert names(consumer, cause), (consumer.popen.returncode, consumer.err)


def test_few_descriptors_are_enough(world):
    world.fill(sized(300, 2000))
    world.setup()
    world.start("ferry-consumer", under=under("nofile", 20))
    migrate = world.start("ferry-producer", *world.migrate_arguments(batch_records=30, job="few"), under=under("nofile", 20))
    assert migrate.wait(120) == DONE, migrate.err
    world.faults_end()
    check.everything(world)


@pytest.mark.parametrize("who", sized(["consumer"], ["consumer", "producer"]))
def test_no_memory_is_left_in_the_middle(world, who):
    world.fill(sized(600, 1200), dimension=1536)
    world.setup()
    consumer, = world.consumers(1)
    if who == "consumer":
        wait_for(lambda: "bus.assigned" in consumer.err, 30, "it is ready")
        leave(consumer, 1 << 20)
    migrate = world.start_migrate(batch_records=300, job="memory")
    if who == "producer":
        wait_for(lambda: "records to move" in migrate.err, 60, "the plan")
        leave(migrate, 1 << 20)
    victim = consumer if who == "consumer" else migrate
    wait_for(lambda: not victim.alive, 60, "it ends")
    assert names(victim, NO_MEMORY), (victim.popen.returncode, victim.err)
    if who == "consumer":
        world.consumers(1)
        assert migrate.wait(180) == DONE, migrate.err
    else:
        resumed = world.resume("memory", seconds=180)
        assert resumed.status == DONE, resumed.err
    world.faults_end()
    check.everything(world)
