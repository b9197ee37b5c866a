"""Line 8: PostgreSQL stands still (SIGSTOP), the whole of it or what one consumer talks to, while a request of that consumer is with
the target. No request may be with the target for longer than its claim is good for, by the ledger's own record: who cannot renew a
lease ends the request in time, and another consumer may write the same records without meeting it."""

import os
import signal
import threading
import time

import pytest

from ferry import TooLate
from pace import Steady
from proxy import Drop, Gate
from world import DONE, check, dice, sized, wait_for

LEASE = 4
TARGET = "no request outlives its lease"


@pytest.fixture(scope="module")
def services(shared_services, postgres):
    return postgres.services(shared_services)


class Slow:
    """A target that answers when it is told to, and even then not quickly; keeps when each write began, and when the program had
    its answer or gave it up."""

    def __init__(self):
        self.writes, self.open, self.lock, self.steady = [], threading.Event(), threading.Lock(), Steady(5)

    def __call__(self, request, forward):
        if request.verb not in ("upsert", "delete"):
            return forward(request)
        write = {"ids": request.json()["ids"], "began": time.time(), "ended": None, "given_up": False}
        with self.lock:
            self.writes.append(write)
        turn = None  # only while it is open
        while (turn is None or time.monotonic() < turn) and not request.is_given_up:
            time.sleep(0.01)
            turn = (turn or self.steady.turn()) if self.open.is_set() else None
        write["given_up"] = request.is_given_up
        write["ended"] = time.time()
        if write["given_up"]:
            raise Drop()
        answer = forward(request)
        write["ended"] = time.time()
        return answer

    def held(self):
        return [write for write in self.writes if write["ended"] is None]


def leases(world):
    """{id: [(since, [(at, good until)])]}: claims for delivery, and what the ledger held of each from when on."""
    of_batch = {}
    for row in world.sql("SELECT batch_no, fence, extract(epoch FROM at)::float8 AS at, extract(epoch FROM lease_until)::float8 AS until"
                         " FROM faults.trail WHERE state = 'claimed' AND lease_until IS NOT NULL ORDER BY n"):
        of_batch.setdefault(row["batch_no"], {}).setdefault(row["fence"], []).append((row["at"], row["until"]))
    return {bytes(name).decode(): list(of_batch.get(row["batch_no"], {}).values())
            for row in world.sql("SELECT batch_no, ids FROM ferry.batch_ids") for name in row["ids"]}


def overdue(world, writes):
    """Writes that were with the target under no claim that was good until their end; and the least time that one had left."""
    known, late, least = leases(world), [], None
    for write in writes:
        left = [max(until for at, until in claim if at <= write["ended"]) - write["ended"]
                for claim in known[write["ids"][0]] if claim[0][0] <= write["began"]]
        if not left or max(left) < 0:
            late.append((write["began"], write["ended"], left))
        else:
            least = max(left) if least is None else min(least, max(left))
    return late, least


def backends_of(postgres, pid):
    """What this process talks to, whoever else is there."""
    with open("/proc/%d/net/tcp" % pid) as table:
        rows = [line.split() for line in table.readlines()[1:]]
    mine = {os.readlink(entry.path)[8:-1] for entry in os.scandir("/proc/%d/fd" % pid) if os.readlink(entry.path).startswith("socket:[")}
    ports = [int(row[1].split(":")[1], 16) for row in rows if row[9] in mine]
    return [row["pid"] for row in postgres.sql("SELECT pid FROM pg_stat_activity WHERE client_port = ANY (%s)", ports)]


@pytest.mark.parametrize("what", ["one backend", "all of it"])
def test_no_request_outlives_its_lease(world, postgres, score, what):
    chance, slow = dice(what), Slow()
    world.env["FERRY_LEASE"] = "%ds" % LEASE
    world.front.handler = slow
    world.fill(sized(300, 1200))
    world.setup()
    consumers = world.consumers(2)
    migrate = world.start_migrate(batch_records=30, job="frozen")
    ended = 0
    for _ in range(sized(1, 10)):
        if not migrate.alive:
            break
        slow.open.clear()
        try:
            wait_for(lambda: len(slow.held()) > 1, 30, "a request of each consumer at the target")
        except TooLate:  # too little is left to do for both
            slow.open.set()
            break
        time.sleep(chance.uniform(0, 1))
        frozen = backends_of(postgres, consumers[0].pid) if what == "one backend" else [postgres.process.pid, *postgres.children()]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(LEASE * chance.uniform(1.2, 1.6))
        ended += sum(write["given_up"] for write in slow.writes[-8:])
        slow.open.set()
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        time.sleep(chance.uniform(0, 1))
    world.faults_end()
    assert migrate.wait(120) == DONE, migrate.err
    late, least = overdue(world, slow.writes)
    print("%d writes, %d given up, the least time left was %.2f s" % (len(slow.writes), sum(w["given_up"] for w in slow.writes), least))
    assert sum(write["given_up"] for write in slow.writes) > 0
    check.everything(world)
    score(8, "%s frozen: %d writes, %d ended early, %d outlived their lease" % (
        what, len(slow.writes), sum(write["given_up"] for write in slow.writes), len(late)), TARGET, not late)
    assert not late


@pytest.mark.slow
def test_who_waits_for_requests_of_a_cancelled_job_outlasts_a_frozen_ledger(world, postgres, score):
    """Longer than a statement may take, and the next connection: that ends a program which only begins."""
    away, gate = 40, Gate()
    world.env["FERRY_LEASE"] = "30s"
    gate.close()

    def handle(request, forward):
        if request.verb == "upsert":
            gate.pass_through()
        return forward(request)
    world.front.handler = handle
    world.fill(60)
    world.setup()
    consumer, = world.consumers(1)
    world.start_migrate(batch_records=20, job="given-up")
    wait_for(lambda: gate.waiting, 60, "a write is held")
    world.kill(consumer)  # its claim ends with its lease, and not before
    assert world.producer("cancel", "given-up", "--no-wait").status == DONE
    following = world.start_migrate(batch_records=20, job="following")
    wait_for(lambda: "waits for requests of job given-up, which was cancelled" in following.err, 60, "it waits")
    frozen = [postgres.process.pid, *postgres.children()]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(away)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    assert following.alive, following.err
    gate.open()
    world.consumers(1)
    assert following.wait(240) == DONE, following.err
    world.assert_equal()
    score(8, "a ledger frozen for %d s under who waits for a cancelled job's requests: exit 0" % away, TARGET, True)
