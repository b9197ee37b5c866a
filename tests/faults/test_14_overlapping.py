"""Line 14: two jobs write into one target collection, the second one newer contents of the same records. The first is stopped
somewhere, the second is refused while it is unfinished; then the first is finished or cancelled, the second runs, and the first one's
messages and even its last request come late. What is at the target in the end is the second's, record by record.

Each seed is another sequence of that."""

import threading

import confluent_kafka

import versions
from ferry import UNAVAILABLE
from world import DONE, check, dice, sized, wait_for

SEEDS = sized(4, 50)
RECORDS = 48
BATCH = 6
LIMIT = 300
HOWS = ["workers killed", "paused", "runs", "killed"]


class Hold:
    """Keeps one upsert back, as a network may: it arrives later, whatever became of its sender. Until then its job cannot end."""

    def __init__(self):
        self.before, self.held, self.go, self.lock = -1, threading.Event(), threading.Event(), threading.Lock()

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
