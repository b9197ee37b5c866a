"""Line 14: two jobs write into one target collection, the second one newer contents of the same records. The first is stopped
somewhere, the second is refused while it is unfinished; then the first is finished or cancelled, the second runs, and the first one's
messages and even its last request come late. What is at the target in the end is the second's, record by record.

Each seed is another sequence of that. Once more by itself: a request of a cancelled job that comes so late that the next one would have
written everything before, if it did not wait."""

import threading

import confluent_kafka

import versions
from ferry import UNAVAILABLE
from world import DONE, check, dice, sized, wait_for

SEEDS = sized(4, 50)
RECORDS = 48
BATCH = 6
LIMIT = 300
LONG_LEASE = 30
WAITS = "waits for requests of job old, which was cancelled"
HOWS = ["workers killed", "paused", "runs", "killed"]


class Hold:
    """Keeps one upsert back, as a network may: it arrives later, whatever became of its sender. Until then its job cannot end."""

    def __init__(self):
        self.before, self.lock = -1, threading.Lock()
        self.held, self.go, self.served = threading.Event(), threading.Event(), threading.Event()

    def arm(self, after):
        """after: so many upserts pass before it."""
        self.held.clear()
        self.go.clear()
        self.before = after

    def release(self, seconds=0.0):
        threading.Timer(seconds, self.go.set).start()

    def __call__(self, request, forward):
        if request.verb == "upsert":
            with self.lock:
                mine, self.before = self.before == 0, self.before - 1
            if mine:
                self.held.set()
                self.go.wait(LIMIT)
                answer = forward(request)
                self.served.set()
                return answer
        return forward(request)


def again(world, messages, chance):
    """They come once more, in another order, on other partitions."""
    messages = list(messages)
    chance.shuffle(messages)
    producer = confluent_kafka.Producer(dict(world.topic.settings))
    for message in messages:
        producer.produce(world.topic.name, message.value, message.key, partition=chance.randrange(12), headers=message.headers)
    assert producer.flush(60) == 0


class Overlap:
    """One seed."""

    def __init__(self, world, hold, seed):
        self.world, self.hold, self.seed, self.chance = world, hold, seed, dice("overlap %d" % seed)
        self.target = world.also("seed-%d" % seed)
        self.sources = [versions.put(world, version, RECORDS, world.also("seed-%d-%d" % (seed, version))) for version in (1, 2)]
        self.first, self.second = "first-%d" % seed, "second-%d" % seed
        self.how, self.end = HOWS[seed % len(HOWS)], self.chance.choice(["cancel", "finish"])
        # Its last request arrives when it is over, but before the next one writes: within a lease.
        self.late = self.chance.random()

    def start(self, number):
        return self.world.start_migrate(self.sources[number], job=(self.first, self.second)[number], target_collection=self.target,
                                        batch_records=BATCH)

    def verified(self, job, share):
        self.world.wait_for_verified(RECORDS * share, job, LIMIT)

    def interrupt(self, job):
        """Somewhere in the middle, with a request on its way."""
        wait_for(self.hold.held.is_set, LIMIT, "a request is on its way")
        if self.how == "paused":
            assert self.world.producer("pause", self.first, "--no-wait").status == DONE
            job.wait(LIMIT)
        elif self.how == "killed":
            job.kill()
        elif self.how == "workers killed":
            self.world.kill(*self.world.processes)
            self.hold.release(self.late)
            self.world.consumers(2)

    def refused(self):
        second = self.start(1)
        assert second.wait(LIMIT) == UNAVAILABLE, second.err
        assert "job %s is writing into this target collection" % self.first in second.err, second.err

    def finish(self, job):
        if self.end == "cancel":
            assert self.world.producer("cancel", self.first, "--no-wait").status == DONE
            self.hold.release(self.late)
            job.wait(LIMIT)
            return
        self.hold.release(self.late)
        if self.how == "runs":
            assert job.wait(LIMIT) == DONE, job.err
        else:
            resumed = self.world.resume(self.first, seconds=LIMIT)
            assert resumed.status == DONE, resumed.err

    def run(self):
        self.hold.arm(self.chance.randrange(RECORDS // BATCH // 2))
        first = self.start(0)
        self.interrupt(first)
        if self.how != "workers killed":
            self.refused()
        self.finish(first)
        old = [message for message in self.world.topic.messages() if message.key.startswith(b"%d/" % self.world.job(self.first)["job_id"])]
        assert old
        second = self.start(1)
        self.verified(self.second, self.chance.random() / 2)
        again(self.world, old, self.chance)
        assert second.wait(LIMIT) == DONE, second.err
        again(self.world, old, self.chance)
        wait_for(lambda: self.world.lag() == 0, LIMIT, "all that came late is acknowledged")
        return versions.mixed(self.world, 2, RECORDS, self.target)


def test_the_newest_is_what_remains(world, score):
    world.front.handler = hold = Hold()
    world.setup()
    world.consumers(2)
    good, plots = 0, []
    for seed in range(SEEDS):
        overlap = Overlap(world, hold, seed)
        wrong = overlap.run()
        plots.append("%s, %s" % (overlap.how, overlap.end))
        print("seed %d: %s: %d records wrong %s" % (seed, plots[-1], len(wrong), wrong[:3]))
        good += not wrong
    figure = "the newest is at the target in %d of %d seeds, %d different plots" % (good, SEEDS, len(set(plots)))
    score(line=14, figure=figure, target="final = newest, %d of %d" % (SEEDS, SEEDS), passed=good == SEEDS)
    assert good == SEEDS, figure
    for seed in range(SEEDS):
        found = check.findings(world.where("second-%d" % seed), [check.i1, check.i2, check.i5, check.i6])
        assert all(finding.holds for finding in found), "seed %d\n%s" % (seed, "\n".join(map(str, found)))
    check.everything(world, "second-%d" % (SEEDS - 1))


def test_a_request_that_is_late(world, score):
    """Sent for a job that was cancelled, it arrives when the next one is there; a lease is long enough for that one to have written
    everything, however busy the machine."""
    world.env["FERRY_LEASE"] = "%ds" % LONG_LEASE
    world.front.handler = hold = Hold()
    world.setup()
    world.consumers()
    target = world.also("late")
    old, new = (versions.put(world, version, RECORDS, world.also("late-%d" % version)) for version in (1, 2))
    hold.arm(1)
    world.start_migrate(old, job="old", target_collection=target, batch_records=BATCH)
    wait_for(hold.held.is_set, LIMIT, "a request is on its way")
    assert world.producer("cancel", "old", "--no-wait").status == DONE
    second = world.start_migrate(new, job="new", target_collection=target, batch_records=BATCH)
    wait_for(lambda: WAITS in second.err or not second.alive, LIMIT, "it waits, or needs not to")
    waited = WAITS in second.err and second.alive
    hold.release()
    wait_for(hold.served.is_set, LIMIT, "the late request is served")
    # As far as the ledger is concerned, the time has passed.
    world.sql("UPDATE ferry.batches b SET quiet_until = now(), lease_until = NULL FROM ferry.jobs j "
              "WHERE j.job_id = b.job_id AND j.name = 'old' AND b.state = 'cancelled'")
    status = second.wait(LIMIT)
    wrong = versions.mixed(world, 2, RECORDS, target)
    figure = "a request of a cancelled job came when the next one was there: that one %s, exit %d, %d records wrong" % (
        "waited" if waited else "did not wait", status, len(wrong))
    passed = waited and status == DONE and not wrong
    score(line=14, figure=figure, target="final = newest", passed=passed)
    assert passed, "%s\n%s\n%s" % (figure, wrong[:3], second.err)
    found = check.findings(world.where("new"), [check.i1, check.i2, check.i5, check.i6])
    assert all(finding.holds for finding in found), "\n".join(map(str, found))
