#!/usr/bin/env python3
"""Asks source and target the sample's three questions and compares the five nearest records of each. An index is
approximate and may lose one: where the answers differ, both sides' records are searched one by one, and that decides.

Exit status: 0 the answers agree, 5 they do not, 2 a wrong argument or no such collection, 3 no server, 4 a server refuses.
"""

import argparse
import os
import sys

import corpus
from server import Refused, Server, Unreachable

NEAREST = 5
ASKED = 400  # the index searches as widely as it is asked for results: with few it can miss a whole cluster
CLOSE = 1e-5  # a cosine collection stores vectors rounded


class Missing(Exception):
    """There is no such collection."""


def ask(server, name, query):
    """[(id, distance, document)], nearest first."""
    collection = server.collection(name)
    if collection is None or not collection["dimension"]:
        raise Missing("%s has no collection %s with records" % (server.url, name))
    vector = list(corpus.float32(corpus.embed(query, collection["dimension"])))
    answer = server.records(collection, "query",
                            {"query_embeddings": [vector], "n_results": ASKED, "include": ["distances", "documents"]})
    return list(zip(answer["ids"][0], answer["distances"][0], answer["documents"][0]))[:NEAREST]


def search(server, name, query):
    """The same answer without the index: every record's distance."""
    collection = server.collection(name)
    vector = corpus.unit(corpus.float32(corpus.embed(query, collection["dimension"])))
    there = server.records(collection, "get", {"include": ["embeddings", "documents"]})
    ranked = sorted((1 - sum(a * b for a, b in zip(vector, corpus.unit(embedding))), id, document)
                    for id, embedding, document in zip(there["ids"], there["embeddings"], there["documents"]))
    return [(id, distance, document) for distance, id, document in ranked[:NEAREST]]


def agree(left, right):
    return len(left) == len(right) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= CLOSE for a, b in zip(left, right))


def printable(text, width):
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text or "")
    return text[:width].ljust(width)


def show(query, left, right):
    print("\n  “%s?”" % query)
    print("     source  target  id                        document")
    for rank in range(max(len(left), len(right))):
        a, b = (rows[rank] if rank < len(rows) else ("nothing", float("nan"), "") for rows in (left, right))
        print("  %d  %.4f  %.4f  %s  %s" % (rank + 1, a[1], b[1], printable(a[0], 24), printable(a[2], 60).rstrip()))
        if a[0] != b[0]:
            print("     but at the target   %s  %s" % (printable(b[0], 24), printable(b[2], 60).rstrip()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", default=os.environ.get("FERRY_SOURCE"), metavar="URL", help="[FERRY_SOURCE]")
    parser.add_argument("--target", default=os.environ.get("FERRY_TARGET"), metavar="URL", help="[FERRY_TARGET]")
    parser.add_argument("--collection", default=corpus.NAME, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--target-collection", metavar="NAME", help="default: as in the source")
    options = parser.parse_args()
    if not options.source or not options.target:
        parser.error("--source and --target (or FERRY_SOURCE and FERRY_TARGET) say which servers")
    differ = 0
    try:
        source, target = Server(options.source), Server(options.target)
        for topic in corpus.TOPICS:
            left = ask(source, options.collection, topic["query"])
            right = ask(target, options.target_collection or options.collection, topic["query"])
            show(topic["query"], left, right)
            if not agree(left, right):
                name = options.target_collection or options.collection
                left, right = search(source, options.collection, topic["query"]), search(target, name, topic["query"])
                print("     the indexes answer differently; record by record %s"
                      % ("both hold the same five nearest" if agree(left, right) else "they differ too"))
            differ += not agree(left, right)
    except (Missing, ValueError) as error:
        sys.exit(fail(2, error))
    except Refused as error:
        sys.exit(fail(4, error))
    except Unreachable as error:
        sys.exit(fail(3, error))
    if differ:
        sys.exit(fail(5, "source and target answer %d of %d queries differently" % (differ, len(corpus.TOPICS))))
    print("\nsource and target agree on all %d queries" % len(corpus.TOPICS))


def fail(status, error):
    print("queries.py: %s" % error, file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
