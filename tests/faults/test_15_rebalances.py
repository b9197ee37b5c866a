"""Line 15: a worker comes or goes every two seconds, some of them killed, so that partitions change hands all the time with batches
in work. No offset may be skipped: that would show as a batch whose message was acknowledged without a result.

What is counted are the group's rebalances, by the assignments of a worker that stays: a change that follows another one soon, or a
kill that the group has not missed yet, makes none of its own."""

import re
import time

from pace import Share
from world import DONE, check, dice, sized, wait_for

REBALANCES = sized(5, 60)
CHANGES = 4 * REBALANCES  # at most
EVERY = 2
RECORDS = REBALANCES * sized(60, 300)
BATCH = 5
LIMIT = 300
SKIPPED = "its message was acknowledged without a result"


class Storm:
    """Workers that come and go, beside one that stays."""

    def __init__(self, world):
        self.world, self.chance, self.changes = world, dice("workers"), []
        self.stays, *self.others = world.consumers(2)

    def assigned(self):
        """How often the one that stays got its partitions anew, as all did."""
        return len(re.findall(r"event=bus\.assigned ", self.stays.err))

    def change(self):
        alive = [worker for worker in self.others if worker.alive]
        how = "comes" if not alive else "goes" if len(alive) > 3 else self.chance.choice(["comes", "comes", "goes", "goes", "killed"])
        self.changes.append(how)
        if how == "comes":
            self.others += self.world.consumers()
        elif how == "killed":
            self.chance.choice(alive).kill()
        else:
            self.chance.choice(alive).popen.terminate()

    def blow(self, share):
        """Returns how many rebalances there were; after each of them more of the work may be done."""
        before, seen = self.assigned(), 0
        while seen < REBALANCES and len(self.changes) < CHANGES:
            began = time.monotonic()
            self.change()
            time.sleep(max(0, EVERY - (time.monotonic() - began)))
            for _ in range(min(self.assigned() - before, REBALANCES) - seen):
                share.another()
                seen += 1
        return self.assigned() - before


def test_workers_come_and_go(world, score):
    world.front.handler = share = Share(RECORDS // BATCH, REBALANCES)
    world.fill(RECORDS, dimension=8)
    world.setup()
    storm = Storm(world)
    job = world.start_migrate(batch_records=BATCH, job="storm")
    wait_for(lambda: (world.job("storm") or {}).get("verified"), LIMIT, "it has begun")
    rebalances, changes = storm.blow(share), storm.changes
    during = world.job("storm")["verified"]
    share.end()
    world.faults_end(LIMIT)
    job.status = job.wait(LIMIT)
    wait_for(lambda: world.lag() == 0, LIMIT, "the lag returns to 0")
    skipped = [row for row in world.steps("batch.swept") if SKIPPED in row["detail"]]
    exported, delivered, planned = world.redone()
    said = ", ".join("%d %s" % (changes.count(how), how) for how in sorted(set(changes)))
    figure = ("%d rebalances by %d changes (%s), %d of %d records verified meanwhile, %d offsets skipped, lag 0, %.2f deliveries a record, "
              "exit %d" % (rebalances, len(changes), said, during, RECORDS, len(skipped), delivered / planned, job.status))
    passed = job.status == DONE and not skipped and during < RECORDS and rebalances >= REBALANCES and storm.stays.alive
    score(line=15, figure=figure, target="%d rebalances, no skipped offset, equality, lag 0" % REBALANCES, passed=passed)
    assert passed, figure + "\n" + job.err
    check.everything(world)
