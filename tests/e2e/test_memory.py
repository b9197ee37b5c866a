"""Memory does not grow with the collection: 20,000 records of 1,536 dimensions cross in as much as 5,000 do."""

import os

import pytest

import judge
from ferry import DONE, LIGHT, last_line, load

DIMENSION = 1536
CEILING = 150_000_000
SIZES = [5_000, 20_000]

pytestmark = pytest.mark.skipif(os.environ.get("FERRY_TEST_PRESET") == "asan", reason="sanitizers take memory of their own")


class Peaks:
    """Each size crosses once, with fresh processes, when a test first asks for it."""

    def __init__(self, ferry):
        self.ferry, self.found = ferry, {}
        ferry.setup()

    def of(self, size):
        if size not in self.found:
            self.found[size] = self.measure(size)
        return self.found[size]

    def measure(self, size):
        ferry, name = self.ferry, self.ferry.also("n%d" % size)
        load.load(ferry.source, name, size, DIMENSION, 1, "l2", plain=True, hnsw=LIGHT)
        consumer, = ferry.consumers()
        migrate = ferry.migrate(name, seconds=600)
        assert migrate.status == DONE and last_line(migrate.out) == "%d of %d records verified" % (size, size), migrate.err
        assert consumer.stop() == DONE
        self.spot_check(name, size)
        peaks = {"producer": migrate.peak_bytes, "consumer": consumer.peak_bytes}
        print("%d records: producer %.1f MB, consumer %.1f MB" % (size, peaks["producer"] / 1e6, peaks["consumer"] / 1e6))
        return peaks

    def spot_check(self, name, size):
        """All ids, and some records by the judge's rules."""
        left, right = (judge.connect(server.url, "default_tenant", "default_database").get_collection(name, embedding_function=None)
                       for server in (self.ferry.source, self.ferry.target))
        ids = sorted(left.get(include=[])["ids"])
        assert len(ids) == size and sorted(right.get(include=[])["ids"]) == ids
        some = ids[::size // 250]
        here, there = judge.read(left, some), judge.read(right, some)
        assert [judge.Comparison().record(here[record], there[record], "l2") for record in some] == [None] * len(some)


@pytest.fixture(scope="module")
def peaks(module_ferry):
    return Peaks(module_ferry)


@pytest.mark.parametrize("size", [SIZES[0], pytest.param(SIZES[1], marks=pytest.mark.slow)])
def test_each_program_stays_below_150_mb(peaks, size):
    found = peaks.of(size)
    assert 0 < found["producer"] <= CEILING and 0 < found["consumer"] <= CEILING, found


@pytest.mark.slow
@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_four_times_the_records_take_the_same_memory(peaks, program):
    """But for the consumer's batches in hand, whose number it finds out while it works."""
    small, large = (peaks.of(size)[program] for size in SIZES)
    assert abs(large - small) <= (0.3 if program == "consumer" else 0.1) * small, (small, large)
