"""Line 5, the other way: the broker is there and says nothing (SIGSTOP), for longer than a session lasts. Everybody waits, and says
for whom; then it goes on by itself."""

import signal
import time

from pace import Steady
from world import DONE, check, sized, wait_for

OWN = ("kafka",)
SECONDS = sized(20, 90)
SAID = 40  # ten seconds of silence, and statistics every five; the rest is a busy machine
RECORDS = 600
BATCH = 5
LIMIT = 300


def test_a_broker_that_says_nothing(world, own, score):
    world.fill(RECORDS, dimension=8)
    world.setup()
    world.front.handler = Steady(40)
    consumers = world.consumers(2)
    job = world.start_migrate(batch_records=BATCH, job="silent")
    world.wait_for_verified(RECORDS // 4, "silent", LIMIT)
    own.kill("kafka", signal.SIGSTOP)
    began, said = time.monotonic(), None
    try:
        def waiting():
            return world.sql("SELECT kind, waits_for, waits_since FROM ferry.worker_status WHERE waits_for LIKE %s",
                             "%" + world.services["FERRY_KAFKA_BROKERS"] + "%")
        while time.monotonic() - began < SECONDS or said is None:
            if said is None and waiting():
                said = time.monotonic() - began
            assert said is not None or time.monotonic() - began < LIMIT, "nobody says that the broker does not answer"
            time.sleep(0.2)
    finally:
        own.kill("kafka", signal.SIGCONT)
    stood = world.job("silent")
    world.faults_end(LIMIT)
    job.status = job.wait(LIMIT)
    alive = all(process.alive for process in consumers)
    figure = "silent for %.0f s, said after %.0f s (\"%s\"), %d of %d records were verified then; exit %d" % (
        time.monotonic() - began, said, stood["waits_for"][:80], stood["verified"], RECORDS, job.status)
    passed = said < SAID and job.status == DONE and alive and not world.sql("SELECT * FROM ferry.rejected_records")
    score(line=5, figure=figure, target="0 lost, waiting is visible", passed=passed)
    assert passed, figure + "\n" + job.err
    check.everything(world)
