"""A job that is at work, at a pace that leaves something to do while a fault is made; and its end, which nobody helped along."""

from pace import Steady
from world import DONE, check, wait_for

BATCH = 20
WRITES_A_SECOND = 5  # of all workers together
LEASE = "3s"


class SteadyJob:
    """Two consumers, and some producers of the same job; at least one batch of it is verified."""

    def __init__(self, world, records, producers=1):
        self.world = world
        world.env["FERRY_LEASE"] = LEASE
        world.front.handler = Steady(WRITES_A_SECOND)
        world.fill(records)
        world.setup()
        self.consumers = world.consumers(2)
        self.producers = [world.start_migrate(batch_records=BATCH, job="steady") for _ in range(producers)]
        wait_for(self.verified, 60, "the first verified records")

    def verified(self):
        return (self.world.job() or {"verified": 0})["verified"]

    @property
    def migrate(self):
        return self.producers[0]

    def end(self, within=120):
        """The last fault is over. Whether all invariants hold; the programs must have lived and be done."""
        self.world.faults_end(within=within)
        for producer in self.producers:
            assert producer.wait(180) == DONE, producer.err
        for consumer in self.consumers:
            assert consumer.alive, consumer.err
        return all(finding.holds for finding in check.everything(self.world))
