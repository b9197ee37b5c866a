#!/usr/bin/env python3
"""What finding the number of writes at a time is worth: against one at a time, and against ten.

    eval "$(compose/local env)" && tests/bench/write_limit.py

Moves the same collection again and again, each time into a fresh target: by one ferry-consumer that finds its number, by one with
--write-limit 1, and by ten with --write-limit 1 each, which is ten writes at a time whatever comes of it; to a local Chroma, and to
the same server behind a proxy that takes --latency milliseconds for every request. The three follow each other in every round, so
that what else the machine does concerns all of them; said are the medians over all rounds of the ratios within a round.
Programs are those of PATH: build/release, for figures to quote.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from ferry import DONE, LIGHT, Ferry, load  # noqa: E402
from proxy import Proxy  # noqa: E402

WAYS = {"found": (1, 10), "one": (1, 1), "ten": (10, 1)}  # consumers, --write-limit


class Bench:
    def __init__(self, ferry, options):
        self.ferry, self.options, self.crossings = ferry, options, 0
        self.name = "%s-%d" % (ferry.name, options.records)
        load.load(ferry.source, self.name, options.records, options.dimension, 1, "l2", plain=True, hnsw=LIGHT)

    def crossing(self, way, url):
        """Records per second, from the first batch's claim to the last one's mark."""
        count, limit = WAYS[way]
        consumers = [self.ferry.start("ferry-consumer", "--write-limit", str(limit)) for _ in range(count)]
        self.crossings += 1
        done = self.ferry.migrate(self.name, target=url, target_collection="%s.%d" % (self.name, self.crossings), seconds=1200,
                                  batch_records=self.options.batch_records)
        if done.status != DONE or any(consumer.stop() != DONE for consumer in consumers):
            sys.exit("it did not arrive\n" + self.ferry.logs())
        row, = self.ferry.sql("SELECT extract(epoch FROM max(finished_at) - min(claimed_at))::float8 AS seconds FROM ferry.batches"
                              " WHERE job_id = (SELECT max(job_id) FROM ferry.jobs)")
        return self.options.records / row["seconds"]

    def compare(self, what, url):
        rounds = []
        for number in range(self.options.rounds):
            order = list(WAYS)[number % 3:] + list(WAYS)[:number % 3]
            rounds.append({way: self.crossing(way, url) for way in order})
            print("%s, round %d, records/s: %s" % (what, number + 1, ", ".join(
                "%s %.0f" % (way, rounds[-1][way]) for way in WAYS)), flush=True)
        for other in ("one", "ten"):
            ratios = sorted(speed["found"] / speed[other] for speed in rounds)
            print("%s: found is %.2f times %s (median; %.2f to %.2f)" % (
                what, statistics.median(ratios), other, ratios[0], ratios[-1]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=12_000, metavar="N")
    parser.add_argument("--dimension", type=int, default=128, metavar="N")
    parser.add_argument("--batch-records", type=int, default=100, metavar="N")
    parser.add_argument("--latency", type=int, default=100, metavar="MS")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    options = parser.parse_args()

    def late(request, forward):
        time.sleep(options.latency / 1000)
        return forward(request)

    with tempfile.TemporaryDirectory() as folder:
        ferry = Ferry(dict(os.environ), pathlib.Path(folder), "bench_write_limit")
        try:
            ferry.setup()
            bench = Bench(ferry, options)
            bench.compare("local", ferry.target.url)
            with Proxy(ferry.target.url, late) as proxy:
                bench.compare("%d ms away" % options.latency, proxy.url)
        finally:
            ferry.end()


if __name__ == "__main__":
    main()
