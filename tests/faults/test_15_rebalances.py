"""Line 15: a worker comes or goes every two seconds, some of them killed, so that partitions change hands all the time with batches
in work. No offset may be skipped: that would show as a batch whose message was acknowledged without a result."""

import time

from pace import Share
from world import DONE, check, dice, sized, wait_for

CHANGES = sized(6, 60)
EVERY = 2
RECORDS = CHANGES * sized(60, 300)
BATCH = 5
LIMIT = 300
SKIPPED = "its message was acknowledged without a result"


def test_workers_come_and_go(world, score):
    chance, workers, changes = dice("workers"), [], []
    world.front.handler = share = Share(RECORDS // BATCH, CHANGES)
    world.fill(RECORDS, dimension=8)
    world.setup()
    workers += world.consumers(2)
    job = world.start_migrate(batch_records=BATCH, job="storm")
    wait_for(lambda: (world.job("storm") or {}).get("verified"), LIMIT, "it has begun")
    for _ in range(CHANGES):
        began = time.monotonic()
        share.another()
        alive = [worker for worker in workers if worker.alive]
        how = "comes" if len(alive) < 2 else "goes" if len(alive) > 4 else chance.choice(["comes", "goes", "killed"])
        changes.append(how)
        if how == "comes":
            workers += world.consumers()
        elif how == "killed":
            chance.choice(alive).kill()
        else:
            chance.choice(alive).popen.terminate()
        time.sleep(max(0, EVERY - (time.monotonic() - began)))
    during = world.job("storm")["verified"]
    share.end()
    world.faults_end(LIMIT)
    if not any(worker.alive for worker in workers):
        workers += world.consumers()
    job.status = job.wait(LIMIT)
    wait_for(lambda: world.lag() == 0, LIMIT, "the lag returns to 0")
    skipped = [row for row in world.steps("batch.swept") if SKIPPED in row["detail"]]
    exported, delivered, planned = world.redone()
    figure = "%d changes (%s), %d of %d records verified meanwhile, %d offsets skipped, lag 0, %.2f deliveries a record, exit %d" % (
        len(changes), ", ".join("%d %s" % (changes.count(how), how) for how in sorted(set(changes))), during, RECORDS, len(skipped),
        delivered / planned, job.status)
    passed = job.status == DONE and not skipped and during < RECORDS
    score(line=15, figure=figure, target="no skipped offset, equality, lag 0", passed=passed)
    assert passed, figure + "\n" + job.err
    check.everything(world)
