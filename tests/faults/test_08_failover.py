"""Line 8: the ledger lets nobody write for a while, and it moves to a standby: the programs are given both hosts, meet one that
answers questions and takes nothing, and go on when there is one that does. Nobody starts them again."""

import time

import pytest

from world import DONE, check, sized, wait_for

TARGET = "0 lost, 0 verified twice"


@pytest.fixture
def services(shared_services, postgres):
    return postgres.services(shared_services)


def slowly(request, forward):
    if request.verb == "upsert":
        time.sleep(0.2)
    return forward(request)


def begin(world):
    world.env["FERRY_LEASE"] = "3s"
    world.front.handler = slowly
    world.fill(sized(600, 2000))
    world.setup()
    consumers = world.consumers(2)
    migrate = world.start_migrate(batch_records=20, job="failover")
    wait_for(lambda: (world.job() or {"verified": 0})["verified"] > 0, 60, "the first verified records")
    return consumers, migrate


def end(world, consumers, migrate):
    world.faults_end(within=120)
    assert migrate.wait(180) == DONE, migrate.err
    for consumer in consumers:
        assert consumer.alive, consumer.err
    return all(finding.holds for finding in check.everything(world))


def test_a_ledger_that_is_read_only_for_a_while(world, postgres, score):
    consumers, migrate = begin(world)
    for _ in range(sized(1, 5)):
        postgres.read_only(True)
        wait_for(lambda: "read-only" in consumers[0].err and "read-only" in consumers[1].err, 30, "they say what they wait for")
        verified = world.job()["verified"]
        time.sleep(2)
        assert world.job()["verified"] == verified
        postgres.read_only(False)
        wait_for(lambda: world.job()["verified"] > verified, 60, "it goes on")
    good = end(world, consumers, migrate)
    score(8, "read-only %d times, %s" % (sized(1, 5), TARGET), TARGET, good)


def test_a_failover_to_a_standby(world, postgres, score):
    copy = postgres.standby()
    try:
        copy.start()
        postgres.follow_closely()
        world.env.update(PGHOST="127.0.0.1,127.0.0.1", PGPORT="%d,%d" % (postgres.port, copy.port))
        consumers, migrate = begin(world)
        postgres.stop("immediate")
        world.services["PGPORT"] = str(copy.port)
        wait_for(lambda: "read-only" in consumers[0].err + migrate.err, 30, "they meet a standby")
        copy.sql("SELECT pg_promote()")
        good = end(world, consumers, migrate)
        score(8, "1 failover, %s" % TARGET, TARGET, good)
    finally:
        for process in world.processes:
            if process.alive:
                process.kill()
        world.services["PGPORT"] = str(postgres.port)
        postgres.start()
        postgres.follow_nobody()
        copy.__exit__()
