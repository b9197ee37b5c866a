"""What servers before 1.0 keep although it cannot be moved: records without a vector, and vectors with null in them."""

import legacy
import pytest

from ferry import DONE, REJECTS
from own_chroma import OwnChroma


@pytest.mark.parametrize("version, reason", [("0.6.3", "malformed"), ("0.4.24", "malformed")])
def test_records_without_a_vector_are_rejected_by_name(ferry, tmp_path, version, reason):
    """One in a page shifts the other vectors there (0.6.3), or makes all of it a 500 (0.4.24)."""
    count = 250
    with legacy.Legacy(version, tmp_path / "old") as chroma:
        chroma.create(ferry.name, {"hnsw:space": "l2"})
        chroma.records(ferry.name, "upsert", {
            "ids": ["r%d" % i for i in range(count)], "embeddings": [[float(i), 1.5, 2.0] for i in range(count)],
            "documents": ["d%d" % i for i in range(count)]})
        bare = ["bare 1", "bare 2", "zz bare"]
        chroma.records(ferry.name, "add", {"ids": bare, "documents": ["x"] * 3})
        null = []
        if version != "0.4.24":  # which refuses them
            null = ["null"]
            chroma.records(ferry.name, "add", {"ids": null, "embeddings": [[None, 1.0, 2.0]]})
        ferry.setup()
        ferry.consumers()
        done = ferry.migrate(source=chroma.url, patience="20s")  # its tenth are the pauses of a search
        assert done.status == REJECTS, done.err
        found = {row["id"]: row["reason"] for row in ferry.sql("SELECT * FROM ferry.rejects")}
        assert found == dict({name: reason for name in bare}, **{name: "not_finite" for name in null})
        job = ferry.job()
        assert (job["verified"], job["rejected"], job["vanished"]) == (count, len(found), 0)
        target = ferry.target.collection(ferry.name)
        page = ferry.target.records(target, "get", {"include": ["embeddings", "documents"]})
        for i, name in enumerate(page["ids"]):  # nobody has another's vector
            assert page["embeddings"][i][0] == float(name[1:]) and page["documents"][i] == "d" + name[1:]


def test_an_upgraded_collection_keeps_the_distance_space_that_it_really_has(ferry, tmp_path):
    """A directory of 0.6.3 in the hands of a 1.x server, which shows l2 and measures by cosine."""
    with legacy.Legacy("0.6.3", tmp_path / "old") as chroma:
        chroma.create(ferry.name, {"hnsw:space": "cosine", "owner": "x"})
        chroma.records(ferry.name, "upsert", {"ids": ["a", "b", "c"], "embeddings": [[3.0, 4.0, 0.0], [0.0, 5.0, 12.0], [1.0, 2.0, 2.0]]})

    def distances(server):
        question = {"query_embeddings": [[3.0, 4.0, 0.0]], "n_results": 3, "include": ["distances"]}
        return [round(x, 5) for x in server.records(server.collection(ferry.name), "query", question)["distances"][0]]
    with OwnChroma(tmp_path / "old") as chroma:
        assert chroma.server.collection(ferry.name)["configuration_json"]["hnsw"]["space"] == "l2"
        truth = distances(chroma.server)
        assert truth[-1] < 1
        ferry.setup()
        ferry.consumers()
        done = ferry.migrate(source=chroma.url)
    assert done.status == DONE, done.err
    assert "space.differs" not in done.err and "space.unconfirmed" not in done.err
    assert distances(ferry.target) == truth
    target = ferry.target.collection(ferry.name)
    assert target["configuration_json"]["hnsw"]["space"] == "cosine"
    assert target["metadata"] == {"hnsw:space": "cosine", "owner": "x"}
