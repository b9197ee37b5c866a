"""Random collections, everything mixed that a Chroma can hold, moved by the programs and compared by the official client. Every
second one finds half of its records at the target already, with other contents.

FERRY_PROPERTY_COLLECTIONS says how many (10; tests/run full: 200), FERRY_TEST_SEED with which seed to begin, which repeats a
failure. Two are moved at a time, by one consumer, through one topic and one ledger.
"""

import concurrent.futures
import json
import os
import random

import pytest

from ferry import DONE, Server
from generate import Collection, Token

COUNT = int(os.environ.get("FERRY_PROPERTY_COLLECTIONS", 10))
# Processes of one run, beside each other, must mean the same tests: they share its id.
FIRST = int(os.environ.get("FERRY_TEST_SEED", random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(10**9)))
SEEDS = range(FIRST, FIRST + COUNT)


def fill(url, creation, bodies):
    server = Server(url)
    try:
        made = server.ask("POST", server.base, creation, "create collection")
        for body in bodies:
            server.records(made, "upsert", body)
    finally:
        server.close()


def cross(ferry, seed):
    """Fills a source collection and moves it; returns the collection, its name and the ended program."""
    collection = Collection(seed)
    name = ferry.also("%d" % seed)
    creation = collection.creation(name)
    fill(ferry.source.url, creation, collection.bodies())
    older = collection.others(0.5) if seed % 2 else []
    if older:
        fill(ferry.target.url, creation, [collection.body(older)])
    return collection, name, ferry.migrate(name, batch_records=collection.batch_records)


@pytest.fixture(scope="module")
def crossings(module_ferry):
    """By seed: what becomes of it, a future."""
    module_ferry.setup()
    module_ferry.consumers()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield {seed: pool.submit(cross, module_ferry, seed) for seed in SEEDS}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_collection_arrives_as_it_was(crossings, module_ferry, seed):
    collection, name, migrate = crossings[seed].result()
    print("%s; FERRY_TEST_SEED=%d FERRY_PROPERTY_COLLECTIONS=1 tests/run e2e property repeats it" % (collection, seed))
    assert migrate.status == DONE, migrate.err
    if collection.size:
        assert "%d of %d records verified" % (collection.size, collection.size) in migrate.out.splitlines()
    verdict = module_ferry.assert_equal(name)
    assert verdict.source_count == verdict.target_count == collection.size
    source, target = (server.collection(name) for server in (module_ferry.source, module_ferry.target))
    for field in ("metadata", "dimension", "configuration_json"):
        assert text(source[field]) == text(target[field]), field


def test_the_collections_hold_what_they_are_meant_to_hold():
    """Without services: over some seeds everything comes up that the fidelity rules speak of."""
    collections = [Collection(seed) for seed in range(60)]
    records = [record for collection in collections for record in collection.records]
    values = [value for record in records for value in (record[3] or {}).values()]
    assert {collection.space for collection in collections} == {"l2", "ip", "cosine"}
    assert {0, 1, 300, 301} <= {collection.size for collection in collections}
    assert {1, 384} <= {collection.dimension for collection in collections}
    assert len({collection.batch_records for collection in collections}) > 4
    assert max(len(name.encode()) for name, *_ in records) == 128
    for part in " \"'/\n\0\\😀":
        assert any(part in name for name, *_ in records), part
        assert any(part in (document or "") for _, _, document, _, _ in records), part
    assert {None, ""} <= {document for _, _, document, _, _ in records} & {uri for *_, uri in records}
    assert any(metadata is None for *_, metadata, _ in records) and any(metadata == {} for *_, metadata, _ in records)
    assert {"id", "embedding", "op"} <= {key for *_, metadata, _ in records for key in metadata or {}}
    for wanted in (-2**63, 2**63 - 1, 1, "1.0", "1e-40", "1e300", True, False, "", "\0", None):
        assert any(value == wanted and type(value) in (type(wanted), Token) for value in values), wanted
    for kind in (int, float, bool, str):
        assert any(isinstance(value, list) and value and isinstance(value[0], kind) for value in values), kind


def text(value):
    """In which 1 is not 1.0."""
    return json.dumps(value, sort_keys=True)
