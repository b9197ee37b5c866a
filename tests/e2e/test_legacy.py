"""Collections move out of Chroma servers before 1.0, and what such a server's client reads is what arrives."""

import re

import pytest

import judge
from ferry import DONE, NEEDS_PERSON, REJECTS, USAGE, corpus, load
from legacy import TOKEN, Legacy
from proxy import Answer, Proxy

RECORDS, DIMENSION = 2000, 384
COLLECTION = {"hnsw:space": "cosine", "hnsw:M": 8, "hnsw:construction_ef": 20, "title": "Old \"tome\"", "pages": 2**53 + 1,
              "weight": 1.0}
CURIOUS = [
    {"least": -2**63, "most": 2**63 - 1, "one": 1, "one.0": 1.0, "tiny": 5e-324, "huge": 1.7976931348623157e308, "flat": 1e16,
     "third": 1 / 3, "yes": True, "no": False, "empty": "", "nul": "a\0b", "snow": "\u2603 \U0001F600", "id": "x", "embedding": 1},
    {" spaced key ": "\r\n\t\\\"/"},
    {"float": 0.1 + 0.2, "time": 1795268901.971370234},
]

CASES = [
    pytest.param("0.6.3", "x-chroma-token", id="0.6.3-x-chroma-token"),
    pytest.param("0.4.15", None, id="0.4.15", marks=pytest.mark.slow),
    pytest.param("0.5.0", None, id="0.5.0", marks=pytest.mark.slow),
    pytest.param("0.5.15", "bearer", id="0.5.15-bearer", marks=pytest.mark.slow),
    pytest.param("0.5.16", None, id="0.5.16", marks=pytest.mark.slow),
    pytest.param("0.5.23", "x-chroma-token", id="0.5.23-x-chroma-token", marks=pytest.mark.slow),
    pytest.param("0.6.3", "basic", id="0.6.3-basic", marks=pytest.mark.slow),
]


def mixed(version, count=RECORDS):
    """Everything that a server of that version can hold."""
    for place, record in enumerate(corpus.records(count, DIMENSION, arrays=False)):
        if place % 19 == 3:
            record["metadata"] = CURIOUS[place // 19 % len(CURIOUS)]
        if place % 23 == 5:
            record["document"] = "\u2603 \U0001F600 \\ \" /\r\n\t" + "x" * place
        if version < (0, 4, 16):
            record["uri"] = None
        yield record


def refused(process, status, *names):
    assert process.status == status, (process.status, process.err)
    line = [line for line in process.err.splitlines() if line.strip() and not re.match("Try: |ts=.* level=info ", line)][-1]
    for name in names:
        assert name in line, "%r is not in %r" % (name, line)
    assert TOKEN not in process.err + process.out


def untouched(ferry):
    assert ferry.jobs() == [] and ferry.topic.count() == 0


def take_to(ferry, chroma, name=None):
    """Moves the collection and compares both sides."""
    name = name or ferry.name
    consumer, = ferry.consumers()
    process = ferry.migrate(name, source=chroma.url, env=chroma.secret("SOURCE"))
    assert process.status == DONE, process.err
    target = judge.connect(ferry.target.url, "default_tenant", "default_database").get_collection(name, embedding_function=None)
    verdict = judge.judge_collections(chroma.dump(name), target)
    assert verdict.equal, str(verdict)
    said = re.search(r"(\d+) of them have a metadata float", process.out)
    assert len(verdict.rounded) == int(said.group(1) if said else 0)
    return verdict, target


def move_everything(ferry, chroma):
    chroma.create(ferry.name, COLLECTION)
    chroma.put(ferry.name, mixed(chroma.version))
    ferry.setup()
    verdict, target = take_to(ferry, chroma)
    assert verdict.source_count == verdict.target_count == RECORDS
    assert target.metadata == COLLECTION
    assert target.configuration_json["hnsw"]["space"] == "cosine"
    assert target.configuration_json["hnsw"]["max_neighbors"] == 8


@pytest.mark.parametrize("version, auth", CASES)
def test_a_collection_of_everything_moves(ferry, tmp_path, version, auth):
    with Legacy(version, tmp_path / "chroma", auth) as chroma:
        move_everything(ferry, chroma)


@pytest.mark.slow
@pytest.mark.parametrize("version, auth", [("0.5.16", "bearer"), ("0.6.3", "basic")])
def test_a_collection_moves_back_into_an_old_server(ferry, tmp_path, version, auth):
    """Lists in metadata are what it cannot hold, so there are none here."""
    with Legacy(version, tmp_path / "chroma", auth) as chroma:
        ferry.fill(1000, dimension=64, space="ip", arrays=False)
        ferry.setup()
        env = dict(chroma.secret("TARGET"), FERRY_TARGET=chroma.url)
        ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == DONE, process.err
        source = judge.connect(ferry.source.url, "default_tenant", "default_database").get_collection(
            ferry.name, embedding_function=None)
        target = chroma.dump(ferry.name)
        verdict = judge.judge_collections(source, target)
        assert verdict.equal and verdict.target_count == 1000, str(verdict)
        assert target.metadata == dict(source.metadata, **{"hnsw:space": "ip", "hnsw:construction_ef": 10, "hnsw:M": 4})
        again = ferry.migrate(env=env)
        assert again.status == DONE and len(ferry.jobs()) == 1, again.err
        rehearsal = ferry.producer(*ferry.migrate_arguments(target_collection="tried"), "--first", "5", env=env)
        assert rehearsal.status == DONE, rehearsal.err
        uuid = chroma.ask("GET", chroma.base + "/tried")["id"]
        with Proxy(chroma.url) as front:
            dropped = ferry.producer("drop-rehearsal", ferry.job()["job"], "--target", front.url, env=dict(env, FERRY_TARGET=front.url))
        assert dropped.status == DONE and 'removed collection "tried"' in dropped.out, dropped.err
        assert [status for path, status in front.requests if path.endswith("/" + uuid)] == [200], "it was renamed first"
        assert chroma.collections() == [ferry.name]


@pytest.mark.slow
def test_lists_are_refused_before_an_old_server_drops_them(ferry, tmp_path):
    with Legacy("0.6.3", tmp_path / "chroma") as chroma:
        records = list(corpus.records(12, 24, arrays=False))
        records[3]["metadata"] = {"tags": ["a", "b"], "n": 1}
        records[7]["metadata"] = {"none": [], "n": 1}
        load.put(ferry.source, load.ensure(ferry.source, ferry.name, 24, "l2"), records)
        ferry.setup()
        env = {"FERRY_TARGET": chroma.url}
        blocked = ferry.migrate(env=env, on_limit="metadata_lists=fail", target_collection="other")
        assert blocked.status == NEEDS_PERSON and records[3]["id"] in blocked.err and "tags" in blocked.err, blocked.err
        ferry.consumers(env=env)
        process = ferry.migrate(env=env)
        assert process.status == REJECTS, process.err
        rejects = ferry.sql("SELECT id, reason, message FROM ferry.rejects WHERE job = %s", ferry.job()["job"])
        assert [(row["id"], row["reason"]) for row in rejects] == [(records[3]["id"], "quota_metadata_lists")]
        assert "where the target takes 0 (key tags)" in rejects[0]["message"]
        chroma.uuids[ferry.name] = chroma.ask("GET", chroma.base + "/" + ferry.name)["id"]
        assert set(chroma.records(ferry.name, "get", {"include": []})["ids"]) == {
            record["id"] for record in records if record is not records[3]}


def refuses_long_names(ferry, url):
    """Before anything is written, and so does a dry run. Answers the names of two collections that may go there."""
    names = {count: ("n%s-" % ferry.name[-40:].strip("-")).ljust(count, "x") for count in (58, 63, 64)}
    for name in names.values():
        ferry.fill(1, name, arrays=False)
    ferry.setup()
    for name, *more in ((names[64],), (names[58], "--target-prefix", "older."), (names[63], "--collection", names[64]),
                        (names[64], "--dry-run")):
        process = ferry.producer(*ferry.migrate_arguments(name), *more, env={"FERRY_TARGET": url})
        assert process.status == NEEDS_PERSON and "nothing was written" in process.err + process.out, process.err
        said = [r"collection_name_bytes +63 +64 +refuses the job"] if "--dry-run" in more else [
            names[58 if "--target-prefix" in more else 64], "a collection name of 64 bytes, where the target takes 63"]
        assert all(re.search(words, process.err + process.out) for words in said), process.err + process.out
    assert ferry.jobs() == []
    return names


def test_a_name_that_servers_before_1_do_not_take_is_refused(ferry):
    def older(request, forward):
        return Answer(200, "0.6.3") if request.path.endswith("/version") else forward(request)

    with Proxy(ferry.target.url, older) as front:
        names = refuses_long_names(ferry, front.url)
        assert [ferry.target.collection(name) for name in names.values()] == [None] * 3


@pytest.mark.slow
def test_it_is_the_names_that_0_6_3_refuses(ferry, tmp_path):
    with Legacy("0.6.3", tmp_path / "chroma") as chroma:
        names = refuses_long_names(ferry, chroma.url)
        assert chroma.collections() == []
        with pytest.raises(AssertionError, match="3-63 characters"):
            chroma.create(names[64])
        ferry.consumers(env={"FERRY_TARGET": chroma.url})
        process = ferry.migrate(names[63], env={"FERRY_TARGET": chroma.url})
        assert process.status == DONE and chroma.collections() == [names[63]], process.err


# --- one old server, looked at from several sides --------------------------------------------------------------------

@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A 0.4.24 with a token, and one small collection."""
    with Legacy("0.4.24", tmp_path_factory.mktemp("guarded"), "bearer") as chroma:
        chroma.create("docs")
        chroma.put("docs", corpus.records(20, 24, arrays=False))
        yield chroma


def test_a_collection_of_everything_moves_out_of_0_4_24(ferry, guarded):
    move_everything(ferry, guarded)
    compared = ferry.producer("verify", "--collection", ferry.name, "--source", guarded.url, env=guarded.secret("SOURCE"))
    assert compared.status == DONE, compared.err + compared.out


def test_a_collection_keeps_the_distance_by_which_it_is_measured(ferry, guarded):
    """Clients overwrote the metadata of what they meant to open, until 0.5.9; the index stayed as it was."""
    guarded.create(ferry.name, {"hnsw:space": "cosine"})
    guarded.put(ferry.name, corpus.records(150, 24, arrays=False))
    guarded.ask("POST", guarded.base, {"name": ferry.name, "metadata": {"title": "opened again"}, "get_or_create": True})
    guarded.create(ferry.also("ip"), {"hnsw:space": "ip"})
    guarded.put(ferry.also("ip"), corpus.records(1, 24, arrays=False))
    guarded.create(ferry.also("empty"), {"hnsw:space": "ip"})
    ferry.setup()
    ferry.consumers()
    for name, space, count in ((ferry.name, "cosine", 150), (ferry.also("ip"), "ip", 1), (ferry.also("empty"), "ip", 0)):
        process = ferry.migrate(name, source=guarded.url, env=guarded.secret("SOURCE"))
        assert process.status == DONE, process.err
        target = ferry.target.collection(name)
        assert target["configuration_json"]["hnsw"]["space"] == space
        assert len(ferry.target.ids(target)) == count
        warned = "event=space.differs" in process.err and "declared=l2 measured=cosine" in process.err
        assert warned == (name == ferry.name), process.err


def test_the_wrong_style_is_told_with_the_right_one(ferry, guarded):
    ferry.setup()
    env = dict(guarded.secret("SOURCE"), FERRY_SOURCE_AUTH="x-chroma-token")
    for token, said in ((TOKEN, ["refused the X-Chroma-Token", "check FERRY_SOURCE_TOKEN", "FERRY_SOURCE_AUTH to bearer"]),
                        (None, ["asks for credentials", "FERRY_SOURCE_TOKEN", "FERRY_SOURCE_AUTH"])):
        process = ferry.migrate("docs", source=guarded.url, env=dict(env, FERRY_SOURCE_TOKEN=token))
        refused(process, USAGE, "source " + guarded.url[7:], "401 to /api/v1/", *said)
    untouched(ferry)


def test_a_missing_collection_is_told_as_in_any_server(ferry, guarded):
    ferry.setup()
    process = ferry.migrate("docsx", source=guarded.url, env=guarded.secret("SOURCE"))
    refused(process, USAGE, 'collection "docsx" does not exist')
    untouched(ferry)


def test_tenant_and_database_are_looked_into(ferry, guarded):
    guarded.ask("POST", "/api/v1/tenants", {"name": "ac me"})
    guarded.ask("POST", "/api/v1/databases?tenant=ac%20me", {"name": "r&d"})
    uuid = guarded.ask("POST", guarded.base + "?tenant=ac%20me&database=r%26d", {"name": "docs"})["id"]
    guarded.uuids[uuid] = uuid
    guarded.put(uuid, corpus.records(7, 24, arrays=False))
    ferry.setup()
    ferry.consumers()
    process = ferry.migrate("docs", source=guarded.url, source_tenant="ac me", source_database="r&d", target_collection=ferry.name,
                            env=guarded.secret("SOURCE"))
    assert process.status == DONE, process.err
    assert len(ferry.target_ids()) == 7
    process = ferry.migrate("docs", source=guarded.url, source_tenant="ac me", env=guarded.secret("SOURCE"))
    refused(process, USAGE, 'collection "docs" does not exist in ac me/default_database')


def test_a_target_of_another_dimension_is_refused_though_the_source_says_none(ferry, guarded):
    ferry.setup()
    name = ferry.fill(5, dimension=25, server=ferry.target, space="l2")
    before = ferry.target_ids(name)
    process = ferry.migrate("docs", source=guarded.url, target_collection=name, env=guarded.secret("SOURCE"))
    refused(process, NEEDS_PERSON, "has dimension 25, the source has 24")
    untouched(ferry)
    assert ferry.target_ids(name) == before


def test_it_is_no_target(ferry, guarded):
    ferry.fill(5)
    ferry.setup()
    process = ferry.migrate(target=guarded.url, env=guarded.secret("TARGET"))
    refused(process, USAGE, "target " + guarded.url, "Chroma 0.4.24 can be a source but no target")
    untouched(ferry)
    assert ferry.name not in guarded.collections()


def test_another_version_is_refused(ferry):
    ferry.fill(1)
    ferry.setup()
    for side, api, version, said in (("source", "v1", "0.3.29", "is too old"), ("target", "v1", "0.4.14", "is too old"),
                                     ("target", "v2", "0.7.1", "is not known"), ("source", "v2", "2.0.0", "is not known")):
        def handler(request, forward):
            return Answer(200, version) if request.path == "/api/%s/version" % api else Answer(404, {"detail": "Not Found"})
        with Proxy(handler=handler) as proxy:
            refused(ferry.migrate(**{side: proxy.url}), USAGE, side + " " + proxy.url, "Chroma %s %s" % (version, said))
    untouched(ferry)
