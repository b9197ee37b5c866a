"""Line 2: either program is killed at its k-th send, write or fsync, for every k, while it moves three batches; then the job goes
on, and everything arrives. strace does the killing, as the call begins: what was done before it is all that was done.

Two kinds of job: a plain one, and a troubled one whose target has older versions of the records, with a document too many (so
that it is repaired), and refuses one record (so that it is sought, rejected, and becomes a dead letter). Lanes of worlds run beside each
other, because much of a crash's time is waiting for leases and for the group to notice."""

import collections
import concurrent.futures
import re
import shutil

import pytest

from ferry import DONE, LIGHT, REJECTS, corpus, load, wait_for
from proxy import Answer
from world import check, dice, sized

CALLS = ("sendto", "sendmsg", "write", "writev", "pwrite64", "fsync", "fdatasync")
RECORDS, BATCH, DIMENSION = 12, 4, 8
KINDS, PROGRAMS = ("plain", "troubled"), ("producer", "consumer")
LANES = sized(4, 8)
REFUSED = "cannot be stored"

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")

Point = collections.namedtuple("Point", "kind program call number")


def strace(log, *more):
    # -D: the program stays our child, and strace becomes somebody else's. Not with --seccomp-bpf, which injects nothing (6.1).
    return ("strace", "-D", "-f", "-qq", "-o", str(log), "-e", "trace=" + ",".join(CALLS), *more)


def calls_of(log):
    """{call: how many}, of the thread that makes the most of them, because strace counts in each by itself."""
    found = {}
    for (_, call), number in collections.Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.M)).items():
        found[call] = max(number, found.get(call, 0))
    return found


def kill_at(call, number):
    return strace("/dev/null", "-e", "inject=%s:signal=KILL:when=%d" % (call, number))


def refuse_one(request, forward):
    if request.verb == "upsert" and REFUSED.encode() in request.body:
        return Answer(422, {"error": "InvalidArgumentError", "message": "this one " + REFUSED})
    return forward(request)


def records(kind):
    for number, record in enumerate(corpus.records(RECORDS, DIMENSION, 7)):
        yield dict(record, document=None if number % 3 == 1 else REFUSED if kind == "troubled" and number == 6 else record["document"])


def older(record):
    return dict(record, document="an older text", metadata={"old": True, "n": 1.5}, uri="file:///old")


class Lane:
    def __init__(self, world, kind):
        self.kind, self.number, self.world = kind, 0, world
        self.front = self.world.front
        self.expected = DONE
        if kind == "troubled":
            self.front.handler, self.expected = refuse_one, REJECTS
        load.put(self.world.source, load.ensure(self.world.source, self.world.name, DIMENSION, "l2", LIGHT), records(kind))
        self.world.setup()

    def target(self):
        """The name of another target collection."""
        self.number += 1
        name = self.world.also("t%d" % self.number)
        if self.kind == "troubled":
            load.put(self.world.target, load.ensure(self.world.target, name, DIMENSION, "l2", LIGHT),
                     [older(record) for record in records(self.kind)][::2])
        return name

    def arguments(self, target, batch=BATCH):
        return self.world.migrate_arguments(target_collection=target, batch_records=batch)

    def migrate(self, target, batch=BATCH, under=()):
        return self.world.start("ferry-producer", *self.arguments(target, batch), under=under)

    def done(self, process):
        status = process.wait()
        assert status == self.expected, "%s: %s" % (process.name, process.err)

    def count(self):
        """{(program, call): how many}"""
        logs = {program: self.world.folder / (program + ".strace") for program in PROGRAMS}
        consumer = self.world.start("ferry-consumer", under=strace(logs["consumer"]))
        self.done(self.migrate(self.target(), under=strace(logs["producer"])))
        wait_for(lambda: self.world.lag() == 0, 30, "everything acknowledged")
        assert consumer.stop() == DONE, consumer.err
        return {(program, call): most for program, log in logs.items() for call, most in calls_of(log).items()}

    def crash(self, point):
        """Whether the program died at that point; everything has arrived, or an assertion fails."""
        under = kill_at(point.call, point.number)
        return (self.crash_producer if point.program == "producer" else self.crash_consumer)(under)

    def crash_producer(self, under):
        target = self.target()
        consumer, = self.world.consumers()
        victim = self.migrate(target, under=under)
        killed = victim.wait() == -9
        if killed:  # the same command with another size of batches, which counts only where nothing was planned yet
            self.done(self.migrate(target, batch=BATCH + 1))
        else:
            self.done(victim)
        assert consumer.stop() == DONE, consumer.err
        return killed

    def crash_consumer(self, under):
        victim = self.world.start("ferry-consumer", under=under)
        migrate = self.migrate(self.target())
        wait_for(lambda: not (victim.alive and migrate.alive), what="an end")
        if victim.alive:
            status = victim.stop()  # it may be killed on its way out
            self.done(migrate)
            assert status in (DONE, -9), victim.err
            return status == -9
        assert victim.wait() == -9, victim.err
        consumer, = self.world.consumers()
        self.done(migrate)
        assert consumer.stop() in (DONE, -15), consumer.err  # there was perhaps nothing left to do, and it had hardly begun
        return True

    def run(self, points):
        """[(point, died, what went wrong)]; the lane's check at the end is of all of its jobs."""
        results = []
        for point in points:
            killed, wrong = True, None
            try:
                killed = self.crash(point)
            except AssertionError as error:
                wrong = "%s of job kind %s, killed at %s %d: %s" % (point.program, point.kind, point.call, point.number, error)
                self.world.kill(*self.world.processes)
            results.append((point, killed, wrong))
        return results


@pytest.fixture
def lanes(make_world):
    kinds = [KINDS[number % len(KINDS)] for number in range(LANES)]
    return [Lane(make_world("crash-%s-%d" % (kind, number)), kind) for number, kind in enumerate(kinds)]


def choose(found):
    """Crash points of both kinds in the order of their use: in full size those that send come before the others, which mostly wake
    another thread."""
    points = [Point(kind, program, call, number) for kind, calls in found.items() for (program, call), most in sorted(calls.items())
              for number in range(1, most + 1)]
    chance = dice("crash points")
    chance.shuffle(points)
    return sorted(points, key=lambda point: sized(0, not point.call.startswith("send")))


def run_all(pool, lanes, points):
    """Their results."""
    shares = []
    for index, lane in enumerate(lanes):
        mine = [point for point in points if point.kind == lane.kind]
        shares.append(mine[index // len(KINDS)::LANES // len(KINDS)])
    return sum(pool.map(Lane.run, lanes, shares), [])


def test_killed_at_every_call_that_could_make_a_difference(lanes, score):
    count, wanted = sized(20, 400), sized(10, 300)
    with concurrent.futures.ThreadPoolExecutor(LANES) as pool:
        found = dict(zip(KINDS, pool.map(Lane.count, lanes[:len(KINDS)])))
        points = choose(found)[:2 * count]
        results = run_all(pool, lanes, points[:count])
        while len(results) < len(points) and sum(killed for _, killed, _ in results) < wanted:  # another run makes other calls
            results += run_all(pool, lanes, points[len(results):len(results) + LANES])
    died = collections.Counter(point.program for point, killed, _ in results if killed)
    killed = sum(died.values())
    failures = [wrong for _, _, wrong in results if wrong]
    assert not failures, "\n".join(failures)
    for lane in lanes:
        check.everything(lane.world)
    figure = "%d kill points (%d of the producer, %d of the consumer) of %d tried, all equal afterwards" % (
        killed, died["producer"], died["consumer"], len(results))
    score(2, figure, "at least %d, all equal" % wanted, killed >= wanted)
    assert killed >= wanted, results


def test_setup_killed_at_every_call(world, score):
    """Making ledger and topics: the schema is there as a whole or not at all, and the same command goes on."""
    log = world.folder / "setup.strace"
    world.producer("setup")  # the topics are there from now on
    assert world.start("ferry-producer", "setup", under=strace(log)).wait() == DONE
    calls = {call: most for call, most in calls_of(log).items() if call == "sendto" or not sized(True, False)}
    points = [(call, number) for call, most in sorted(calls.items()) for number in range(1, most + 1)]
    points = sized(dice("setup").sample(points, 3), points)
    killed = 0
    for call, number in points:
        world.sql("DROP SCHEMA IF EXISTS ferry CASCADE")
        killed += world.start("ferry-producer", "setup", under=kill_at(call, number)).wait() == -9
        wait_for(lambda: world.producer("setup").status == DONE, what="setup goes on")  # a busy broker may be late
        assert world.producer("status").status == DONE
    score(2, "%d kill points of setup" % killed, "goes on", killed > 0)
    assert killed > 0
