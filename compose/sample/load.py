#!/usr/bin/env python3
"""Puts the sample collection into a Chroma; a second time it finds all there and changes nothing.

    compose/sample/load.py --url http://127.0.0.1:8000
    compose/sample/load.py --url http://127.0.0.1:8000 --plain --collection big --records 20000 --dimension 1536 --space l2

Exit status: 0 it is there, 2 a wrong argument or a collection of that name which is something else, 3 no server.
"""

import argparse
import array
import base64
import os
import sys
import time

import corpus
from server import Refused, Server, Unreachable, space_of

BATCH_RECORDS = 300
# More neighbours and a longer search than the defaults, so that the answers do not depend on the order of arrival.
HNSW = {"ef_construction": 200, "ef_search": 200, "max_neighbors": 32}


class Unlike(Exception):
    """A collection of that name exists and is another one."""


def body_of(records, base64_allowed):
    """The upsert request of some records."""
    embeddings = []
    for record in records:
        raw = record.get("embedding_bytes")
        if raw is None:
            floats = corpus.float32(record["embedding"])
            embeddings.append(corpus.base64_of(floats) if base64_allowed else list(floats))
        elif base64_allowed:
            embeddings.append(base64.b64encode(raw).decode("ascii"))
        else:
            embeddings.append(list(array.array("f", raw)))
    return {
        "ids": [record["id"] for record in records],
        "embeddings": embeddings,
        "documents": [record["document"] for record in records],
        "metadatas": [record["metadata"] for record in records],
        "uris": [record["uri"] for record in records],
    }


def put(server, collection, records):
    """Upserts records (any iterable) in batches and returns how many there were."""
    base64_allowed = server.takes_base64()
    count, batch = 0, []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH_RECORDS:
            server.records(collection, "upsert", body_of(batch, base64_allowed))
            count, batch = count + len(batch), []
    if batch:
        server.records(collection, "upsert", body_of(batch, base64_allowed))
    return count + len(batch)


def ensure(server, name, dimension, space, hnsw=None):
    """The collection, created when it is not there."""
    collection = server.collection(name)
    if collection is None:
        metadata = {"title": "The Dusty Tome, sample edition", "records are": "invented"}
        return server.create(name, space, metadata, **(hnsw or HNSW))
    if collection["dimension"] not in (None, dimension) or space_of(collection) != space:
        raise Unlike("collection %s exists with %s dimensions and %s distance, not %d and %s; name another one with --collection"
                     % (name, collection["dimension"], space_of(collection), dimension, space))
    return collection


def takes_arrays(server, collection, dimension):
    """Do metadata values of this server (1.5 and newer) hold arrays? Asks with a record that is deleted again."""
    probe = {"id": "probe", "document": None, "uri": None, "metadata": {"list": [1]}, "embedding": [1.0] * dimension}
    try:
        server.records(collection, "upsert", body_of([probe], False))
        kept = server.records(collection, "get", {"ids": ["probe"], "include": ["metadatas"]})["metadatas"]
    except Refused:
        return False
    server.records(collection, "delete", {"ids": ["probe"]})
    return kept == [{"list": [1]}]


def absent(records, there):
    return (record for record in records if record["id"] not in there)


def load(server, name=corpus.NAME, count=corpus.RECORDS, dimension=corpus.DIMENSION, seed=corpus.SEED, space=corpus.SPACE,
         plain=False, hnsw=None):
    """Returns (records that had to be written, records of the sample)."""
    collection = ensure(server, name, dimension, space, hnsw)
    there = set(server.ids(collection))
    if plain:
        return put(server, collection, absent(corpus.plain_records(count, dimension, seed), there)), count
    missing = list(absent(corpus.records(count, dimension, seed), there))
    if missing and not takes_arrays(server, collection, dimension):
        missing = list(absent(corpus.records(count, dimension, seed, arrays=False), there))
    return put(server, collection, missing), count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default=os.environ.get("FERRY_SOURCE"), help="the Chroma to fill [FERRY_SOURCE]")
    parser.add_argument("--collection", default=corpus.NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--records", type=int, default=corpus.RECORDS, metavar="N", help="default: %(default)s")
    parser.add_argument("--dimension", type=int, default=corpus.DIMENSION, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=corpus.SEED, metavar="N", help="another seed, other texts; default: %(default)s")
    parser.add_argument("--space", choices=["cosine", "l2", "ip"], default=corpus.SPACE, help="default: %(default)s")
    parser.add_argument("--plain", action="store_true", help="quick to make: noise for vectors, nothing planted")
    options = parser.parse_args()
    if not options.url:
        parser.error("--url or FERRY_SOURCE says which Chroma")
    if options.records < 0 or options.dimension < 1:
        parser.error("--records and --dimension are positive numbers")
    started = time.monotonic()
    try:
        written, count = load(Server(options.url), options.collection, options.records, options.dimension, options.seed,
                              options.space, options.plain)
    except (Unlike, ValueError) as error:
        sys.exit(fail(2, error))
    except Refused as error:
        sys.exit(fail(4, error))
    except Unreachable as error:
        sys.exit(fail(3, error))
    if written:
        print("%s: wrote %d of %d records to %s in %.1f s"
              % (options.collection, written, count, options.url, time.monotonic() - started))
    else:
        print("%s: all %d records are in %s already" % (options.collection, count, options.url))


def fail(status, error):
    print("load.py: %s" % error, file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
