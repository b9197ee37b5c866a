"""Line 8: PostgreSQL is restarted, stopped as by a power cut, and its connections are cut, at random moments, while two of each
program work. Nobody starts anything again, and nobody is told."""

import time

import pytest

from steady_job import SteadyJob
from world import dice, sized

TARGET = "0 lost, 0 verified twice"


@pytest.fixture(scope="module")
def services(shared_services, postgres):
    return postgres.services(shared_services)


def hurt(postgres, what, chance):
    if what == "cut":
        postgres.terminate_backends()
        return
    postgres.stop(what)
    time.sleep(chance.uniform(0, 1))
    postgres.start()


def test_restarts_and_cuts_at_random_moments(world, postgres, score):
    chance, count = dice(), sized(4, 20)
    job = SteadyJob(world, sized(800, 3000), producers=2)
    for what in chance.sample((["fast", "immediate", "cut", "cut"] * count)[:count], count):
        time.sleep(chance.uniform(0.05, 1))
        assert any(producer.alive for producer in job.producers)
        hurt(postgres, what, chance)
    good = job.end()
    score(8, "%d restarts and cuts, %s" % (count, TARGET), TARGET, good)
