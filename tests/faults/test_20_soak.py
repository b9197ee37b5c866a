"""Line 20: twenty minutes of a steady load, and every ten seconds something goes wrong. Afterwards the programs that lived through all
of it hold no more memory and no more descriptors than in the beginning, and what is unverified is young. FERRY_SOAK_SECONDS says how long."""

import os
import signal
import statistics
import time

import pytest

from front import pass_on
from pace import Steady
from proxy import Answer, Drop
from world import DONE, check, dice, sized, wait_for

SECONDS = float(os.environ.get("FERRY_SOAK_SECONDS") or sized(0, 1200))
EVERY, WARM_UP = 10, 0.2
BATCH, BATCHES_A_SECOND = 20, 8
YOUNG = 60
TARGET = "RSS below +1 MB/min, descriptors flat, oldest unverified below 60 s"
pytestmark = pytest.mark.skipif(not SECONDS, reason="FERRY_FAULTS=full")


@pytest.fixture(scope="module")
def services(shared_services, postgres):
    return postgres.services(shared_services)


class Weather:
    """What becomes of the writes: the target is out of order for a while when it is told so."""

    def __init__(self):
        self.answer = None

    def __call__(self, request, forward):
        how = self.answer if request.verb == "upsert" else None
        if how == "503":
            return Answer(503, b"<html>no backend</html>", "text/html")
        answer = forward(request)
        if how == "lost":
            raise Drop()
        return answer


class Gauge:
    """Memory and descriptors of a process."""

    def __init__(self, process):
        self.process, self.samples = process, []

    def read(self):
        with open("/proc/%d/statm" % self.process.pid) as statm:
            rss = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        self.samples.append((time.monotonic(), rss, len(os.listdir("/proc/%d/fd" % self.process.pid))))

    def warm(self):
        return self.samples[int(len(self.samples) * WARM_UP):]

    def slope(self):
        """Bytes a minute, by least squares."""
        times, sizes = [at / 60 for at, _, _ in self.warm()], [rss for _, rss, _ in self.warm()]
        x, y = statistics.mean(times), statistics.mean(sizes)
        return sum((a - x) * (b - y) for a, b in zip(times, sizes)) / sum((a - x) ** 2 for a in times)

    def more_descriptors(self):
        """In the last quarter than in the first, by the median."""
        counts = [count for _, _, count in self.warm()]
        quarter = max(1, len(counts) // 4)
        return statistics.median(counts[-quarter:]) - statistics.median(counts[:quarter])


class Trouble:
    KINDS = ("cut", "restart", "503", "lost", "kill", "stop")

    def __init__(self, world, postgres, weather, victim):
        self.world, self.postgres, self.weather, self.victim = world, postgres, weather, victim

    def make(self, kind):
        if kind == "cut":
            self.postgres.terminate_backends()
        elif kind == "restart":
            self.postgres.stop("immediate")
            self.postgres.start()
        elif kind == "kill":
            self.victim.kill()
            self.victim, = self.world.consumers(1)
        else:
            self.begin(kind)
            time.sleep(3)
            self.end()

    def begin(self, kind):
        if kind == "stop":
            self.victim.popen.send_signal(signal.SIGSTOP)
        else:
            self.weather.answer = kind

    def end(self):
        self.weather.answer = None
        self.victim.popen.send_signal(signal.SIGCONT)


def test_twenty_minutes(world, postgres, score):
    chance, weather = dice(), Weather()
    world.env["FERRY_LEASE"] = "5s"
    world.front.handler = Steady(BATCHES_A_SECOND, weather)
    world.fill(int((SECONDS + min(YOUNG, SECONDS) + 30) * BATCH * BATCHES_A_SECOND), dimension=8, arrays=False)
    world.setup()
    steady, victim = world.consumers(2)
    migrate = world.start_migrate(batch_records=BATCH, job="soak")
    wait_for(lambda: (world.job() or {"verified": 0})["verified"] > 0, 300, "the first verified records")
    gauges = {"producer": Gauge(migrate), "consumer": Gauge(steady)}
    trouble, begin, made = Trouble(world, postgres, weather, victim), time.monotonic(), 0
    while time.monotonic() < begin + SECONDS and migrate.alive and steady.alive:
        if time.monotonic() > begin + made * EVERY:
            kind = chance.choice(Trouble.KINDS)
            print("%4.0f s  %s" % (time.monotonic() - begin, kind), flush=True)
            trouble.make(kind)
            made += 1
        for gauge in gauges.values():
            gauge.read()
        time.sleep(1)
    assert migrate.alive, migrate.err
    assert steady.alive, steady.err
    time.sleep(min(YOUNG, SECONDS))
    row, = world.sql("SELECT coalesce(extract(epoch FROM oldest_unverified), 0)::float8 AS seconds FROM ferry.job_status")
    world.front.handler = pass_on
    world.faults_end(within=900)
    assert migrate.wait(900) == DONE, migrate.err
    check.everything(world)
    slopes = {name: gauge.slope() / 1e6 for name, gauge in gauges.items()}
    more = {name: gauge.more_descriptors() for name, gauge in gauges.items()}
    figure = "%.0f min, %d faults: %s; oldest unverified %.0f s" % (SECONDS / 60, made, ", ".join(
        "%s %+.2f MB/min, %+d descriptors" % (name, slopes[name], more[name]) for name in gauges), row["seconds"])
    minutes = SECONDS / 60 * (1 - WARM_UP)
    growth = [slope for slope in slopes.values() if slope * minutes > 2]  # MB; of a short soak the slope says nothing
    passed = max(growth, default=0) < 1 and max(more.values()) <= 3 and row["seconds"] < YOUNG
    score(20, figure, TARGET, passed)
    assert passed, figure
