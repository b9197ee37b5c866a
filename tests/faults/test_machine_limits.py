"""A machine that gives no more memory, or few file descriptors: at the start, and in the middle of the work. A program that cannot
go on ends with an exit code and a line that says why; nothing is lost, and the next one goes on."""

import resource

import pytest

from world import DONE, check, sized, wait_for

BUG = 70
ABORTED = -6  # by a library that cannot do without: Kafka's client


def under(name, value):
    return ("prlimit", "--%s=%d" % (name, value))


def address_space(process):
    with open("/proc/%d/statm" % process.pid) as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def leave(process, size):
    """So many bytes more, and none beyond."""
    resource.prlimit(process.pid, resource.RLIMIT_AS, (address_space(process) + size, resource.RLIM_INFINITY))


def starved(process):
    said = {BUG: ("memory",), ABORTED: ("memory", "thread", "rd_malloc", "alloc")}
    return any(word in process.err for word in said.get(process.popen.poll(), ()))


@pytest.mark.parametrize("name, value", [("nofile", 8), ("as", 48 << 20)])
def test_too_little_to_begin_with(world, name, value):
    """Told in one line, with an exit code, and not by a signal."""
    world.setup()
    consumer = world.start("ferry-consumer", under=under(name, value))
    assert consumer.wait(60) in (3, BUG, ABORTED), consumer.err
    assert consumer.err.strip(), "it says why"


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
    assert starved(victim), (victim.popen.returncode, victim.err)
    if who == "consumer":
        world.consumers(1)
        assert migrate.wait(180) == DONE, migrate.err
    else:
        resumed = world.resume("memory", seconds=180)
        assert resumed.status == DONE, resumed.err
    world.faults_end()
    check.everything(world)
