#!/usr/bin/env python3
"""What finding the number of writes at a time is worth: --write-limit 1 against free, on a local Chroma and on one far away.

    eval "$(compose/local env)" && tests/bench/write_limit.py

Moves the same collection once for each of the four, with fresh targets, one ferry-consumer, and the programs of PATH. The one far
away is the same server behind a proxy that takes --latency milliseconds for every request. Says records per second and the
ratio of the two; seconds vary from run to run, ratios less.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from ferry import DONE, LIGHT, Ferry, load  # noqa: E402
from proxy import Proxy  # noqa: E402


def crossing(ferry, name, url, limit, options, number):
    """Records per second, from the first batch's claim to the last one's mark."""
    consumer = ferry.start("ferry-consumer", "--write-limit", str(limit))
    done = ferry.migrate(name, target=url, target_collection="%s.%d" % (name, number), seconds=1200,
                         batch_records=options.batch_records)
    if done.status != DONE or consumer.stop() != DONE:
        sys.exit("it did not arrive\n" + ferry.logs())
    row, = ferry.sql("SELECT extract(epoch FROM max(finished_at) - min(claimed_at))::float8 AS seconds FROM ferry.batches"
                     " WHERE job_id = (SELECT max(job_id) FROM ferry.jobs)")
    return options.records / row["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=12_000, metavar="N")
    parser.add_argument("--dimension", type=int, default=128, metavar="N")
    parser.add_argument("--batch-records", type=int, default=100, metavar="N")
    parser.add_argument("--latency", type=int, default=100, metavar="MS")
    options = parser.parse_args()

    def late(request, forward):
        time.sleep(options.latency / 1000)
        return forward(request)

    with tempfile.TemporaryDirectory() as folder:
        ferry = Ferry(dict(os.environ), pathlib.Path(folder), "bench_write_limit")
        try:
            ferry.setup()
            name = "%s-%d" % (ferry.name, options.records)
            load.load(ferry.source, name, options.records, options.dimension, 1, "l2", plain=True, hnsw=LIGHT)
            with Proxy(ferry.target.url, late) as proxy:
                for number, (what, url) in enumerate([("local", ferry.target.url), ("%d ms away" % options.latency, proxy.url)]):
                    alone, free = (crossing(ferry, name, url, limit, options, 2 * number + (limit > 1)) for limit in (1, 10))
                    print("%s: %.0f records/s with one write at a time, %.0f with as many as are found: %.2f times" % (
                        what, alone, free, free / alone), flush=True)
        finally:
            ferry.end()


if __name__ == "__main__":
    main()
