"""Line 8: the ledger lets nobody write for a while, and it moves to a standby: the programs are given both hosts, meet one that
answers questions and takes nothing, and go on when there is one that does. Nobody starts them again."""

import time

import pytest

from steady_job import SteadyJob
from world import sized, wait_for

TARGET = "0 lost, 0 verified twice"


@pytest.fixture
def services(shared_services, postgres):
    return postgres.services(shared_services)


def times(process, event):
    return process.err.count("event=%s " % event)


def test_a_ledger_that_is_read_only_for_a_while(world, postgres, score):
    job = SteadyJob(world, sized(600, 2000))
    for number in range(sized(1, 5)):
        postgres.read_only(True)
        try:
            wait_for(lambda: all(times(consumer, "ledger.waiting") > number for consumer in job.consumers), 30,
                     "they say what they wait for")
            verified = job.verified()
            time.sleep(2)
            assert job.verified() == verified
        finally:
            postgres.read_only(False)
        wait_for(lambda: job.verified() > verified and all(times(consumer, "ledger.back") > number for consumer in job.consumers),
                 60, "they go on")
    assert all("read-only" in consumer.err for consumer in job.consumers)
    good = job.end()
    score(8, "read-only %d times, %s" % (sized(1, 5), TARGET), TARGET, good)


def test_a_failover_to_a_standby(world, postgres, score):
    copy = postgres.standby()
    try:
        copy.start()
        postgres.follow_closely()
        world.env.update(PGHOST="127.0.0.1,127.0.0.1", PGPORT="%d,%d" % (postgres.port, copy.port))
        job = SteadyJob(world, sized(600, 2000))
        postgres.stop("immediate")
        world.services["PGPORT"] = str(copy.port)
        wait_for(lambda: "read-only" in job.consumers[0].err + job.migrate.err, 30, "they meet a standby")
        copy.sql("SELECT pg_promote()")
        good = job.end()
        score(8, "1 failover, %s" % TARGET, TARGET, good)
    finally:
        for process in world.processes:
            if process.alive:
                process.kill()
        world.services["PGPORT"] = str(postgres.port)
        postgres.start()
        postgres.follow_nobody()
        copy.__exit__()
