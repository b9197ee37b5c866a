"""Line 8: PostgreSQL is restarted, stopped as by a power cut, and its connections are cut, at random moments, while two of each
program work. Nobody starts anything again, and nobody is told."""

import time

import pytest

from world import DONE, check, dice, sized, wait_for

TARGET = "0 lost, 0 verified twice"


@pytest.fixture(scope="module")
def services(shared_services, postgres):
    return postgres.services(shared_services)


def slowly(request, forward):
    """So that there is something to be hit at any moment."""
    if request.verb == "upsert":
        time.sleep(0.25)
    return forward(request)


def hurt(postgres, what, chance):
    if what == "cut":
        postgres.terminate_backends()
        return
    postgres.stop(what)
    time.sleep(chance.uniform(0, 1))
    postgres.start()


def test_restarts_and_cuts_at_random_moments(world, postgres, score):
    chance, count = dice(), sized(4, 20)
    world.env["FERRY_LEASE"] = "3s"
    world.front.handler = slowly
    world.fill(sized(800, 3000))
    world.setup()
    consumers = world.consumers(2)
    producers = [world.start_migrate(batch_records=20, job="restarts") for _ in range(2)]
    wait_for(world.job, what="a job")
    for what in chance.sample((["fast", "immediate", "cut", "cut"] * count)[:count], count):
        time.sleep(chance.uniform(0.05, 1))
        assert any(producer.alive for producer in producers)
        hurt(postgres, what, chance)
    world.faults_end(within=120)
    for process in consumers:
        assert process.alive, process.err
    for producer in producers:
        assert producer.wait(180) == DONE, producer.err
    found = check.everything(world)
    score(8, "%d restarts and cuts, %s" % (count, TARGET), TARGET, all(finding.holds for finding in found))
