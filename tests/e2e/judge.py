#!/usr/bin/env python3
"""Reads two collections completely with Chroma's own client and says in what they differ.

    tests/e2e/judge.py --source http://HOST:PORT --target http://HOST:PORT --collection NAME

Shares no code with the programs it judges. What counts as equal:

    ids, documents, uris   characters; "" is not null
    metadata               key order is free; null, {} and nothing are the same; so are a key with [] or null and no key
    metadata values        int, float, bool and string are four types; -0.0 equals 0.0; a float may move by 4 units in the
                           last place (Chroma's own parser rounds, twice): such records are equal and are counted as rounded
    embeddings             float32, bit by bit; in a cosine collection each component within 1e-6 of the largest one

Exit status: 0 equal, 2 a wrong argument or no such collection, 3 no server, 5 they differ.
"""

import argparse
import struct
import sys
import urllib.parse

import chromadb
import chromadb.errors
import httpx
import numpy

PAGE = 300
CLOSE = 1e-6
ULPS = 4


class Verdict:
    def __init__(self):
        self.source_count = self.target_count = 0
        self.missing = []    # ids of the source that the target lacks
        self.extra = []      # ids of the target that the source lacks
        self.different = []  # (id, what)
        self.rounded = []    # ids: equal, but a metadata float was rounded

    @property
    def equal(self):
        return not (self.missing or self.extra or self.different)

    def __str__(self):
        lines = ["%d records in the source, %d in the target: %d missing, %d extra, %d different, %d rounded" % (
            self.source_count, self.target_count, len(self.missing), len(self.extra), len(self.different), len(self.rounded))]
        lines += ["missing: %r" % name for name in self.missing[:20]]
        lines += ["extra: %r" % name for name in self.extra[:20]]
        lines += ["different: %r: %s" % pair for pair in self.different[:20]]
        return "\n".join(lines)


# --- values ----------------------------------------------------------------------------------------------------------

def place(number):
    """Doubles as integers that are neighbours when the doubles are."""
    bits = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)


def kind(value):
    """bool is asked for first: Python counts it among the ints."""
    for name, types in (("bool", bool), ("int", int), ("float", float), ("string", str), ("list", list)):
        if isinstance(value, types):
            return name
    return type(value).__name__


class Comparison:
    """Compares one record's fields and remembers whether anything was rounded."""

    def __init__(self):
        self.rounded = False

    def same_value(self, left, right):
        if kind(left) != kind(right):
            return False
        if isinstance(left, float):
            distance = abs(place(left) - place(right))
            self.rounded = self.rounded or 0 < distance <= ULPS
            return distance <= ULPS
        if isinstance(left, list):
            return len(left) == len(right) and all(map(self.same_value, left, right))
        return left == right

    def metadata(self, left, right):
        left, right = ({key: value for key, value in (side or {}).items() if value is not None and value != []}
                       for side in (left, right))
        if left.keys() != right.keys():
            return "metadata: keys only here %r, only there %r" % (sorted(left.keys() - right.keys()),
                                                                   sorted(right.keys() - left.keys()))
        for key, value in left.items():
            if not self.same_value(value, right[key]):
                return "metadata %r: %s %r and %s %r" % (key, kind(value), value, kind(right[key]), right[key])
        return None

    @staticmethod
    def text(field, left, right):
        return None if left == right and type(left) is type(right) else "%s: %.60r and %.60r" % (field, left, right)

    @staticmethod
    def embedding(left, right, space):
        if left is None or right is None:
            return None if left is right else "embedding: one has none"
        if left.shape != right.shape:
            return "embedding: %s and %s components" % (left.size, right.size)
        if not numpy.isfinite(left).all() or not numpy.isfinite(right).all():
            return "embedding: not finite"
        if space == "cosine":
            wrong = numpy.abs(left.astype(numpy.float64) - right) > CLOSE * numpy.abs(left).max()
        else:
            wrong = left.view(numpy.uint32) != right.view(numpy.uint32)
        if not wrong.any():
            return None
        where = int(wrong.argmax())
        return "embedding: component %d is %r and %r" % (where, float(left[where]), float(right[where]))

    def record(self, left, right, space):
        """None, or the first difference."""
        return (self.text("document", left["document"], right["document"]) or self.text("uri", left["uri"], right["uri"])
                or self.metadata(left["metadata"], right["metadata"])
                or self.embedding(left["embedding"], right["embedding"], space))


# --- reading ---------------------------------------------------------------------------------------------------------

def connect(url, tenant, database, token=None, authority=None):
    """authority: the file of the CA that is trusted, if another than the system's."""
    parts = urllib.parse.urlsplit(url)
    more = {"settings": chromadb.Settings(chroma_server_ssl_verify=authority)} if authority else {}
    host = "[%s]" % parts.hostname if ":" in parts.hostname else parts.hostname  # the client puts it into a URL as it is
    return chromadb.HttpClient(
        host=host, port=parts.port or (443 if parts.scheme == "https" else 80), ssl=parts.scheme == "https",
        tenant=tenant, database=database, headers={"X-Chroma-Token": token} if token else None, **more)


def ids_of(collection):
    """All of them, also where a server gives so many at a time only."""
    ids, count = collection.get(include=[])["ids"], collection.count()
    while len(ids) < count:
        page = collection.get(include=[], limit=PAGE, offset=len(ids))["ids"]
        assert page, "%d ids listed of %d records counted" % (len(ids), count)
        ids += page
    return ids


def space_of(collection):
    configuration = collection.configuration_json
    index = configuration.get("hnsw") or configuration.get("spann") or {}
    metadata = collection.metadata or {}
    return metadata.get("hnsw:space", "l2") if index.get("space", "l2") == "l2" else index["space"]


def vector(components):
    return None if components is None else numpy.asarray(components, dtype=numpy.float64).astype(numpy.float32)


def read(collection, ids):
    """{id: record} of some ids; those that are not there are left out."""
    page = collection.get(ids=ids, include=["embeddings", "documents", "metadatas", "uris"])
    return {name: {"embedding": vector(page["embeddings"][i]), "document": page["documents"][i],
                   "metadata": page["metadatas"][i], "uri": page["uris"][i]}
            for i, name in enumerate(page["ids"])}


def judge_collections(source, target):
    """Compares two collections of the official client."""
    verdict, space = Verdict(), space_of(source)
    if space_of(target) != space:
        verdict.different.append(("(collection)", "space: %s and %s" % (space, space_of(target))))
    left_ids, right_ids = map(ids_of, (source, target))
    verdict.source_count, verdict.target_count = len(left_ids), len(right_ids)
    verdict.missing = sorted(set(left_ids) - set(right_ids))
    verdict.extra = sorted(set(right_ids) - set(left_ids))
    common = set(right_ids)
    common = [name for name in left_ids if name in common]
    for start in range(0, len(common), PAGE):
        ids = common[start:start + PAGE]
        left, right = read(source, ids), read(target, ids)
        for name in ids:
            comparison = Comparison()
            if name not in left or name not in right:
                verdict.different.append((name, "was listed, but is not there"))
                continue
            difference = comparison.record(left[name], right[name], space)
            if difference:
                verdict.different.append((name, difference))
            elif comparison.rounded:
                verdict.rounded.append(name)
    return verdict


def judge(source, target, collection, target_collection=None, tenant="default_tenant", database="default_database",
          target_tenant=None, target_database=None, target_token=None):
    """Compares a collection on two servers, given as URLs."""
    left = connect(source, tenant, database).get_collection(collection, embedding_function=None)
    right = connect(target, target_tenant or tenant, target_database or database, target_token).get_collection(
        target_collection or collection, embedding_function=None)
    return judge_collections(left, right)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", required=True, metavar="URL")
    parser.add_argument("--target", required=True, metavar="URL")
    parser.add_argument("--collection", required=True, metavar="NAME")
    parser.add_argument("--target-collection", metavar="NAME", help="default: as in the source")
    options = parser.parse_args()
    try:
        verdict = judge(options.source, options.target, options.collection, options.target_collection)
    except chromadb.errors.NotFoundError as error:
        print("judge.py: %s" % error, file=sys.stderr)
        return 2
    except (httpx.HTTPError, ValueError) as error:  # the client turns a refused connection into a ValueError
        print("judge.py: %s" % error, file=sys.stderr)
        return 3
    print(verdict)
    return 0 if verdict.equal else 5


if __name__ == "__main__":
    sys.exit(main())
