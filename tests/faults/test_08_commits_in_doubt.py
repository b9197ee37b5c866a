"""Line 8: the answer to a statement is lost after it was committed. Of every kind of statement that the programs say the first one,
and further ones by chance: nobody can tell whether it was applied, until the next look."""

import pytest

from pg_front import PgFront
from world import DONE, SEED, check, dice, sized

TARGET = "0 lost, 0 verified twice"


@pytest.fixture(scope="module")
def services(shared_services, postgres):
    return postgres.services(shared_services)


class First:
    """Loses the first answer of each kind, and one in so many of the others."""

    def __init__(self, one_in):
        self.seen, self.chance, self.one_in = set(), dice("answers"), one_in

    def __call__(self, function):
        if function not in self.seen:
            self.seen.add(function)
            return True
        return self.chance.randrange(self.one_in) == 0


def nothing_to_move(world, postgres):
    """A plan whose close leaves no row of its job: who asks again must know its own deed."""
    with PgFront(postgres.port, lambda function: function == "plan_close" and not front.lost[function]) as front:
        again = world.migrate(env={"PGPORT": str(front.port)}, job="again", batch_records=100)
    assert front.lost["plan_close"] == 1
    assert again.status == DONE and "0 records to send" in again.out, again.err
    assert [job["job"] for job in world.jobs()] == ["doubt"]


def test_an_answer_that_is_lost_after_the_commit(world, postgres, score):
    print("FERRY_TEST_SEED=%d" % SEED)
    world.fill(sized(600, 3000))
    world.setup()
    with PgFront(postgres.port, First(sized(100, 20))) as front:
        world.env["PGPORT"] = str(front.port)
        consumers = world.consumers(2)
        migrate = world.start_migrate(batch_records=sized(100, 20), job="doubt")
        assert migrate.wait(sized(120, 400)) == DONE, migrate.err
        for consumer in consumers:
            assert consumer.alive, consumer.err
        world.env["PGPORT"] = str(postgres.port)
    nothing_to_move(world, postgres)
    print("lost answers: %s" % dict(front.lost))
    world.faults_end()
    found = check.everything(world)
    lost = sum(front.lost.values())
    assert {"submit", "plan_close", "record_exports", "claim_batches", "finish_batches", "finish_job"} <= set(front.lost)
    score(8, "%d answers lost after the commit (%d kinds), %s" % (lost, len(front.lost), TARGET), TARGET,
          all(finding.holds for finding in found))
