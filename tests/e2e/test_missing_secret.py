"""Consumers that have no secret for the job's target, beside others."""

import math
import re
import threading
import time

from ferry import DONE, NEEDS_PERSON, wait_for
from proxy import Proxy
from test_bad_input import TOKEN, guarded


def assigned(consumer):
    """How many partitions it has been given last."""
    return [int(count) for count in re.findall(r"bus\.assigned.* partitions=(\d+)", consumer.err)][-1:]


def test_a_batch_comes_to_the_consumer_that_has_the_secret(ferry):
    """The other one parks what it gets and says so; the batch is not sent again at once, and not always to the same one."""
    ferry.fill(200)
    ferry.setup()
    is_seen = threading.Event()

    def held(request, forward):
        if request.verb == "upsert":
            is_seen.wait(60)
        return guarded(request, forward)
    with Proxy(ferry.target.url, held) as good:
        env = {"FERRY_TARGET": good.url, "FERRY_TARGET_TOKEN": TOKEN}
        one, = ferry.consumers(env=env)
        other, = ferry.consumers(env={"FERRY_TARGET": None})
        # each gets one of the two batches, whichever partitions it has
        wait_for(lambda: assigned(one) == assigned(other) == [6], what="both have partitions")
        begun_at = time.monotonic()
        migrate = ferry.start_migrate(env=env, batch_records=100)
        who = "a secret for %s: set FERRY_TARGET_TOKEN where ferry-consumer runs (consumer %d on " % (good.url, other.popen.pid)
        wait_for(lambda: ferry.job() and ferry.job()["waits_for"].startswith(who), what="its missing secret")
        lacking = ferry.sql("SELECT pid FROM ferry.worker_status WHERE missing_secrets = %s", [good.url])
        assert lacking == [{"pid": other.popen.pid}]
        is_seen.set()
        assert migrate.wait(150) == DONE, migrate.err
    most = 2 + math.log2(1 + time.monotonic() - begun_at)  # pauses of 1, 2, 4 … seconds
    assert ferry.topic.count() <= 2 * most
    assert ferry.sql("SELECT max(exports) AS n FROM ferry.batches")[0]["n"] <= most


def test_a_secret_that_no_consumer_has_blocks_also_beside_one_that_is_idle(ferry):
    assert ferry.producer("setup", "--partitions", "1").status == DONE
    ferry.fill(20)
    with Proxy(ferry.target.url, guarded) as good:
        two = ferry.consumers(2, env={"FERRY_TARGET": None})
        wait_for(lambda: sorted(assigned(two[0]) + assigned(two[1])) == [0, 1], what="one has the partition")
        migrate = ferry.migrate(env={"FERRY_TARGET": good.url, "FERRY_TARGET_TOKEN": TOKEN})
        assert migrate.status == NEEDS_PERSON and "no secret for " + good.url in migrate.err, migrate.err
    assert ferry.job()["state"] == "blocked"
    workers = ferry.sql("SELECT partitions, cardinality(missing_secrets) AS n FROM ferry.worker_status WHERE kind = 'consumer'")
    assert sorted((row["partitions"], row["n"]) for row in workers) == [(0, 0), (1, 1)]
