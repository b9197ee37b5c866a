"""Records of the same ids in several versions, such that a mixture of any two is neither: each has keys, uris and documents that
the others lack."""

import ferry as e2e
from ferry import load

DIMENSION = 8


def records(version, count):
    for number in range(count):
        shape = (number + version) % 3  # the same id has a document in one version and none in the next
        yield {
            "id": "id-%05d" % number,
            "document": None if shape == 0 else "text %d of version %d" % (number, version),
            "uri": None if shape == 1 else "https://example.org/%d/%d" % (version, number),
            "metadata": None if number % 7 == version % 7 else {"version": version, "only-%d" % version: number, "same": "for all"},
            "embedding": [float(version + 1), number % 64 / 64, 1.0, 0.5, -0.5, 2.0, 4.0, 8.0],
        }


def put(world, version, count, name, server=None):
    """The collection with all its records in this version; whatever they were before is gone."""
    server = server or world.source
    collection = load.ensure(server, name, DIMENSION, "l2", e2e.LIGHT)
    there = server.ids(collection)
    for start in range(0, len(there), 300):
        server.records(collection, "delete", {"ids": there[start:start + 300]})
    load.put(server, collection, records(version, count))
    return name


def mixed(world, version, count, name):
    """Ids of the target whose record is not wholly of this version: chimeras, and what is merely old."""
    collection, found = world.target.collection(name), []
    for start in range(0, count, 300):
        ids = ["id-%05d" % number for number in range(start, min(start + 300, count))]
        page = world.target.records(collection, "get", {"ids": ids, "include": ["documents", "metadatas", "uris", "embeddings"]})
        seen = {name: (page["documents"][i], page["metadatas"][i] or None, page["uris"][i], page["embeddings"][i])
                for i, name in enumerate(page["ids"])}
        for record in list(records(version, count))[start:start + 300]:
            wanted = (record["document"], record["metadata"], record["uri"], record["embedding"])
            if seen.get(record["id"]) != wanted:
                found.append((record["id"], seen.get(record["id"])))
    return found
