"""Chroma Cloud, or what stands in for it (cloud.py): as target and as source, its limits, and whose a key is."""

import concurrent.futures
import json
import threading
import time

import pytest

import judge
from cloud import KEY, MOST, Cloud
from ferry import DONE, NEEDS_PERSON, USAGE, corpus, load, mixed, wait_for
from proxy import Answer
from test_bad_input import refused

RECORDS, DIMENSION = 2000, 384
SLOW_DOWN = {"error": "ChromaError", "message": "Backoff and retry"}


@pytest.fixture
def cloud(ferry, tmp_path):
    with Cloud(ferry.target.url, tmp_path / "cloud") as stand_in:
        yield stand_in


# --- the stand-in itself ----------------------------------------------------------------------------------------------

def fill(cloud, name, count, dimension=24, space="cosine", arrays=True):
    with_collection = cloud.inside()
    collection = load.ensure(with_collection, name, dimension, space, {"ef_construction": 10, "max_neighbors": 4})
    load.put(with_collection, collection, corpus.records(count, dimension, corpus.SEED, arrays))
    with_collection.close()
    return collection


def test_the_stand_in_refuses_what_cloud_refuses(ferry, cloud):
    collection = fill(cloud, ferry.name, 310)
    place = "/api/v2/tenants/%s/databases/%s/collections" % (cloud.tenant, cloud.database)
    records = "%s/%s/" % (place, collection["id"])
    assert cloud.ask("GET", "/api/v2/heartbeat", key=None)[0] == 200
    for key in (None, "", "ck-another"):
        assert cloud.ask("GET", place, key=key) == (401, {"error": "ChromaError", "message": "Permission denied."})
    assert cloud.ask("GET", "/api/v2/auth/identity") == (
        200, {"user_id": "", "tenant": cloud.tenant, "databases": [cloud.database]})
    assert cloud.ask("GET", "/api/v2/tenants/default_tenant/databases/default_database/collections")[0] == 403
    many = [record["id"] for record in corpus.records(301, 24)]
    status, said = cloud.ask("POST", records + "upsert", {"ids": many, "embeddings": [[0.5] * 24] * 301})
    assert status == 422 and "usage of 301 exceeds limit of 300" in said["message"]
    assert cloud.ask("POST", records + "delete", {"ids": many})[0] == 422
    assert cloud.ask("POST", records + "get", {"ids": many, "include": []})[0] == 422
    assert cloud.ask("POST", records + "get", {"limit": 301, "include": []})[0] == 422
    assert len(cloud.ask("POST", records + "get", {"include": []})[1]["ids"]) == MOST
    assert len(cloud.ask("POST", records + "get", {"include": [], "limit": 300, "offset": 300})[1]["ids"]) == 10
    shown = cloud.ask("GET", "%s/%s" % (place, ferry.name))[1]["configuration_json"]
    assert shown["hnsw"] is None and shown["spann"]["space"] == "cosine"


@pytest.mark.parametrize("verb, body", [("upsert", {"ids": ["a"], "embeddings": [[0.5] * 24]}), ("get", {"limit": 1})])
def test_the_stand_in_lets_ten_pass_at_a_time(ferry, cloud, verb, body):
    collection = fill(cloud, ferry.name, 3)
    path = "/api/v2/tenants/%s/databases/%s/collections/%s/%s" % (cloud.tenant, cloud.database, collection["id"], verb)
    ten, go_on = threading.Semaphore(0), threading.Event()

    def hold(request):
        if request.verb == verb:
            ten.release()
            assert go_on.wait(60)

    cloud.before = hold
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        held = [pool.submit(cloud.ask, "POST", path, body) for _ in range(10)]
        for _ in held:
            assert ten.acquire(timeout=60)
        assert cloud.crowded() == 0
        assert cloud.ask("POST", path, body) == (429, {"error": "ChromaError", "message": "Too many requests; backoff and try again"})
        assert cloud.crowded(verb) == cloud.crowded() == 1
        go_on.set()
        assert [status for status, _ in (one.result(60) for one in held)] == [200] * 10
    assert cloud.ask("POST", path, body)[0] == 200


# --- the ferry --------------------------------------------------------------------------------------------------------

def check_equal(source, target, count=RECORDS):
    verdict = judge.judge_collections(source, target)
    assert verdict.equal and verdict.source_count == verdict.target_count == count, str(verdict)


def of(server, name):
    return judge.connect(server.url, "default_tenant", "default_database").get_collection(name, embedding_function=None)


def throttled(cloud, verbs, every, wait=None):
    """Every so many-th request of these kinds is told to come again later."""
    lock, seen = threading.Lock(), {}

    def before(request):
        if request.verb not in verbs:
            return None
        with lock:
            seen[request.verb] = seen.get(request.verb, 0) + 1
            if seen[request.verb] % every:
                return None
        return Answer(429, SLOW_DOWN, headers=[("Retry-After", wait)] if wait is not None else ())

    cloud.before = before


def calm(cloud):
    """For the judge, whose client does not ask again."""
    cloud.before = lambda request: None


def test_a_collection_of_everything_moves_into_cloud_and_out_again(ferry, cloud):
    function = {"type": "known", "name": "default", "config": {}}
    there = ferry.source.ask("POST", ferry.source.base, {
        "name": ferry.name, "metadata": {"title": "a \"tome\"", "pages": 2**53 + 1, "weight": 1.0, "hnsw:space": "cosine"},
        "configuration": {"hnsw": {"space": "cosine", "ef_construction": 20}, "embedding_function": function}})
    load.put(ferry.source, there, mixed(RECORDS, DIMENSION))
    ferry.setup()
    env = cloud.env("TARGET")
    throttled(cloud, ("upsert", "get"), 6, "1")
    ferry.consumers(2, env=env)
    process = ferry.migrate(env=env)
    assert process.status == DONE, process.err
    assert cloud.count("upsert", 429) > 0 and cloud.count("get", 429) > 0
    assert cloud.count("upsert", 422) == cloud.count("get", 422) == 0, "it was asked for more than it gives"
    assert cloud.crowded() == 0, "more than ten at a time"
    calm(cloud)
    target = cloud.collection(ferry.name)
    check_equal(of(ferry.source, ferry.name), target)
    inside = cloud.inside()
    kept = inside.collection(ferry.name)
    inside.close()
    assert kept["configuration_json"]["embedding_function"] == function
    assert kept["configuration_json"]["hnsw"]["space"] == "cosine"
    assert kept["metadata"] == there["metadata"]
    said = ferry.sql("SELECT auth_style, tenant FROM ferry.endpoints WHERE url = %s", cloud.url)
    assert said == [{"auth_style": "x-chroma-token", "tenant": cloud.tenant}]
    again = ferry.migrate(env=env)
    assert again.status == DONE and len(ferry.jobs()) == 1, again.err
    # and back, by the same rules, to a server of one's own
    throttled(cloud, ("get", "count"), 6, "1")
    env = dict(cloud.env("SOURCE", "_TENANT", "_DATABASE"), FERRY_TARGET=ferry.source.url)
    back = ferry.also("back")
    process = ferry.migrate(env=env, target_collection=back)
    assert process.status == DONE, process.err
    calm(cloud)
    check_equal(target, of(ferry.source, back))
    made = ferry.source.collection(back)
    assert made["configuration_json"]["embedding_function"] == function and made["metadata"] == there["metadata"]
    assert cloud.count("get", 422) == 0 and cloud.crowded() == 0
    throttled(cloud, ("get",), 7, "1")
    compared = ferry.producer("verify", "--collection", ferry.name, "--target-collection", back, "--json", env=env)
    assert compared.status == DONE and json.loads(compared.out)["equal"] is True, compared.err


def only(ferry, slots):
    """The target's other write slots are somebody else's for as long as the test lasts. Answers whether there are any yet."""
    return ferry.sql("UPDATE ferry.write_slots SET lease_until = CASE WHEN slot >= %s THEN now() + interval '1 hour' END"
                     " WHERE fence IS NULL RETURNING slot", slots)


def test_over_all_consumers_there_are_no_more_at_a_time_than_slots(ferry, tmp_path):
    """With two of each instead of ten, which three consumers exceed at once where the ledger lets them."""
    ferry.fill(300, arrays=False)
    ferry.setup()
    with Cloud(ferry.target.url, tmp_path / "cloud", at_a_time=2) as cloud:
        cloud.before = lambda request: time.sleep(0.1 if request.verb in ("upsert", "get") else 0)
        env = cloud.env("TARGET")
        ferry.start_migrate(env=env, batch_records=5)
        wait_for(lambda: only(ferry, 2), what="the target's write slots")
        ferry.consumers(3, env=env)
        ferry.wait_for_verified(60)
        assert cloud.crowded() == 0, "more than two at a time"
        only(ferry, 10)
        wait_for(cloud.crowded, what="a third at the same time, and nginx's refusal")


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["upsert", "get"])
def test_there_is_never_an_eleventh_at_the_same_time(ferry, cloud, verb):
    """Far away, so that more at a time are worth it: each consumer finds that out for itself."""
    ferry.fill(1200, arrays=False)
    ferry.setup()
    cloud.before = lambda request: time.sleep(0.3 if request.verb == verb else 0)
    env = cloud.env("TARGET")
    ferry.consumers(3, env=env)
    process = ferry.migrate(env=env, batch_records=4)
    assert process.status == DONE, process.err
    most = cloud.most_running["write" if verb == "upsert" else "read"]
    assert 8 <= most <= 10 and cloud.crowded() == 0, (most, cloud.crowded())


def test_a_list_that_is_cut_without_a_word_is_noticed(ferry, cloud):
    """Nobody has said that it is Cloud: a gateway that cuts answers looks like any other server."""
    fill(cloud, ferry.name, 1234)
    ferry.setup()
    ferry.consumers()
    env = cloud.env("SOURCE", "_CLOUD")
    process = ferry.migrate(env=dict(env, FERRY_TARGET=ferry.source.url))
    assert process.status == DONE, process.err
    assert len(ferry.source.ids(ferry.source.collection(ferry.name))) == 1234


def test_a_list_that_stays_too_short_blocks(ferry, cloud):
    fill(cloud, ferry.name, 20)
    ferry.setup()
    cloud.before = lambda request: Answer(200, 21) if request.path.endswith("/count") else None
    process = ferry.migrate(env=dict(cloud.env("SOURCE"), FERRY_TARGET=ferry.source.url))
    assert process.status == NEEDS_PERSON and "lists 20 ids of the 21 records that it counts" in process.err, process.err
    assert ferry.topic.count() == 0


# --- whose a key is ---------------------------------------------------------------------------------------------------

def test_tenant_and_database_are_the_key_s(ferry, cloud):
    ferry.fill(10)
    ferry.setup()
    env = cloud.env("TARGET", "_TENANT", "_DATABASE")
    ferry.consumers(env=env)
    process = ferry.migrate(env=env)
    assert process.status == DONE, process.err
    assert judge.ids_of(cloud.collection(ferry.name))
    looked = ferry.producer("doctor", "--target", cloud.url, "--json", env=env)
    rows = {(row["area"], row["check"]): row for row in json.loads(looked.out)["checks"]}
    assert rows["target", "tenant"]["state"] == "ok" and cloud.tenant in rows["target", "tenant"]["found"]
    assert rows["target", "database"]["state"] == "ok" and cloud.database in rows["target", "database"]["found"]
    assert rows["target", "limits"]["found"].startswith("300 records in one write (profile chroma-cloud, by what the server is; ")
    listed = ferry.producer("collections", "--target", cloud.url, env=env)
    assert listed.status == DONE and cloud.tenant in listed.out and ferry.name in listed.out, listed.err


def test_chroma_s_own_variables_are_enough(ferry, cloud):
    """A key, a tenant and where the old server is, as people have them in .env; only the CA is ours."""
    ferry.fill(10)
    ferry.setup()
    old = ferry.source.url[7:].split(":")
    (ferry.folder / ".env").write_text(
        "# Chroma Cloud\nexport CHROMA_API_KEY='%s'\nCHROMA_TENANT=%s\nCHROMA_DATABASE=\"%s\"\nCHROMA_ENDPOINT=%s\n"
        "CHROMA_HOST=%s\nCHROMA_PORT=%s\n" % (cloud.key, cloud.tenant, cloud.database, cloud.url, *old))
    env = {"FERRY_SOURCE": None, "FERRY_TARGET": None, "FERRY_TARGET_CA_FILE": str(cloud.authority.certificate)}
    ferry.consumers(env=env)
    process = ferry.migrate(env=env)
    assert process.status == DONE, process.err
    check_equal(of(ferry.source, ferry.name), cloud.collection(ferry.name), 10)
    looked = ferry.producer("doctor", "--json", env=env)
    settings = {row["name"]: (row["value"], row["from"]) for row in json.loads(looked.out)["settings"]}
    assert settings["target"] == (cloud.url, ".env line 5 (CHROMA_ENDPOINT)")
    assert settings["source"] == (ferry.source.url, ".env line 6 (CHROMA_HOST)")
    assert settings["CHROMA_API_KEY"] == ("(set, not shown)", ".env line 2 (CHROMA_API_KEY)")
    assert settings["target-cloud"][0] == "true" and cloud.key not in looked.out + looked.err


@pytest.mark.parametrize("names, said", [
    (["docs", "drafts"], ["2 databases", "docs, drafts", "--target-database"]),
    ([], ["no database", "--target-database"]),
    (["*"], ["every database", "--target-database"]),
], ids=["several", "none", "all"])
def test_a_key_that_names_no_single_database_is_told_of(ferry, cloud, names, said):
    ferry.fill(3)
    ferry.setup()
    cloud.names = names
    refused(ferry.migrate(env=cloud.env("TARGET", "_TENANT", "_DATABASE")), USAGE, "target", *said)
    assert ferry.jobs() == []


def test_a_database_of_cloud_is_made_when_asked_for(ferry, cloud):
    ferry.fill(3)
    ferry.setup()
    env = dict(cloud.env("TARGET"), FERRY_TARGET_DATABASE="brand-new")
    ferry.consumers(env=env)
    refused(ferry.migrate(env=env), USAGE, "database \"brand-new\" does not exist", "--create-database")
    process = ferry.producer(*ferry.migrate_arguments(), "--create-database", env=env)
    assert process.status == DONE, process.err
    inside = cloud.inside(database="brand-new")
    assert len(inside.ids(inside.collection(ferry.name))) == 3
    inside.close()
    # A tenant is the key's or another one's; none is made.
    env["FERRY_TARGET_TENANT"] = "somebody-else"
    process = ferry.producer(*ferry.migrate_arguments(), "--create-database", "--create-tenant", env=env)
    refused(process, USAGE, "target", "403")


def test_a_wrong_or_missing_key_is_told_and_not_printed(ferry, cloud):
    ferry.fill(3)
    ferry.setup()
    env = cloud.env("TARGET", "_TENANT", "_DATABASE")
    # This Cloud has a name of its own: CHROMA_API_KEY would not be sent there.
    refused(ferry.migrate(env=dict(env, FERRY_TARGET_TOKEN=None)), USAGE, "target", "401", r"Cloud asks for a key.*\(set FERRY_TARGET_TOKEN\)")
    process = ferry.migrate(env=dict(env, FERRY_TARGET_TOKEN="ck-wrong-0815"))
    refused(process, USAGE, "target", "401", "refused the X-Chroma-Token")
    assert "ck-wrong-0815" not in process.err and KEY not in process.err
