#!/usr/bin/env python3
"""How much memory ferry-producer verify takes, for many records and for few.

    eval "$(compose/local env)" && tests/bench/verify_memory.py

Loads collections of noise into FERRY_SOURCE and FERRY_TARGET, unless they are there, and compares them. Says seconds and peak
resident memory of each run. Exit status 1 when a peak is above --ceiling or the largest collection takes more than a tenth
more than the smallest.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "compose" / "sample"))
import load  # noqa: E402
from server import Server  # noqa: E402

LIGHT = {"ef_construction": 10, "max_neighbors": 4}  # an index that costs little


def measure(command):
    """(exit status, peak resident bytes, seconds)"""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=sys.stdout, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            with open("/proc/%d/status" % process.pid) as status:
                peak = max([peak] + [int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")])
        except OSError:
            pass
        time.sleep(0.02)
    return process.returncode, peak, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, nargs="+", default=[25_000, 100_000], metavar="N")
    parser.add_argument("--dimension", type=int, default=384, metavar="N")
    parser.add_argument("--ceiling", type=int, default=100, metavar="MB")
    parser.add_argument("--program", default="ferry-producer")
    parser.add_argument("arguments", nargs="*", help="more for verify, after --")
    options = parser.parse_args()
    peaks = []
    for records in options.records:
        name = "verify-%d-%d" % (records, options.dimension)
        for variable in ("FERRY_SOURCE", "FERRY_TARGET"):
            load.load(Server(os.environ[variable]), name, records, options.dimension, 1, "l2", plain=True, hnsw=LIGHT)
        sys.stdout.flush()
        status, peak, seconds = measure([options.program, "verify", "--collection", name, *options.arguments])
        print("%d records of %d dimensions: exit %d, peak %.1f MB, %.1f s" % (
            records, options.dimension, status, peak / 1e6, seconds), flush=True)
        peaks.append(peak)
    return int(max(peaks) > options.ceiling * 1e6 or peaks[-1] > 1.1 * peaks[0])


if __name__ == "__main__":
    sys.exit(main())
