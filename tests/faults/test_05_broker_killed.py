"""Line 5: the broker is killed, again and again, while batches are produced and consumed, and comes back some seconds later. Nobody
does anything about it: the programs go on by themselves, and say what they wait for meanwhile."""

import time

from pace import Steady
from world import DONE, check, dice, sized, wait_for

OWN = ("kafka",)
KILLS = sized(2, 10)
RECORDS = KILLS * 300 + 900  # the last are more than both consumers have in hand: with those a job can end without a broker
BATCH = 5
LIMIT = 300


def test_the_broker_is_killed_and_comes_back(world, own, score):
    chance, seen, longest = dice("moments"), [], 0
    world.fill(RECORDS, dimension=8)
    world.setup()
    world.front.handler = Steady(40)
    consumers = world.consumers(2)
    job = world.start_migrate(batch_records=BATCH, job="broker")
    for number in range(1, KILLS + 1):
        # While both programs work: the next kill comes when so much more is done, and not on a boundary.
        world.wait_for_verified(300 * number, "broker", LIMIT)
        time.sleep(chance.random() / 4)
        own.kill("kafka")
        seen.append(world.job("broker")["verified"])
        began = time.monotonic()
        waits = wait_for(lambda: world.job("broker")["waits_for"], LIMIT, "it is said what is waited for")
        assert "Kafka" in waits or world.services["FERRY_KAFKA_BROKERS"] in waits or "127.0.0.1" in waits, waits
        assert any(row["waits_for"] for row in world.sql("SELECT * FROM ferry.worker_status")), "no worker says so"
        own.up("kafka")
        world.faults_end(LIMIT)
        wait_for(lambda: world.job("broker")["verified"] > seen[-1], LIMIT, "it goes on")
        longest = max(longest, time.monotonic() - began)
    job.status = job.wait(LIMIT)
    alive = all(process.alive for process in consumers)
    rebuilds = job.err.count("event=bus.rebuilt") + sum(process.err.count("event=bus.rebuilt") for process in consumers)
    lost = len(world.steps("batch.swept"))
    figure = "%d kills, at %s records; exit %d, %d batches swept, %d clients rebuilt, at most %.1f s from kill to progress" % (
        KILLS, ", ".join(map(str, seen)), job.status, lost, rebuilds, longest)
    passed = job.status == DONE and alive
    score(line=5, figure=figure, target="0 lost, no operator action", passed=passed)
    assert passed, figure + "\n" + job.err
    check.everything(world)
