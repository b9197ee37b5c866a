"""One job for many collections: chosen by name, pattern or map, each with its own row, its own place and its own name."""

import json
import re

import pytest

import judge
from ferry import DONE, NEEDS_PERSON, USAGE, Server, last_line, load, wait_for
from proxy import Proxy
from test_bad_input import refused
from test_kill import Held

EMPTY = {"docs-03", "docs-17", "notes-05", "letters-9"}
EXCLUDED = {"docs-skipped", "notes-skipped"}
HELD = {"library": ["docs-%02d" % number for number in range(20)] + ["docs-skipped"],
        "office": ["notes-%02d" % number for number in range(20)] + ["notes-skipped"],
        "archive": ["letters-%d" % number for number in range(10)]}


def size(name):
    return 0 if name in EMPTY else 2 + sum(name.encode()) % 9


def make_places(server, tenant, databases):
    """Servers, one for each database of a new tenant."""
    server.ask("POST", "/api/v2/tenants", {"name": tenant})
    for database in databases:
        server.ask("POST", "/api/v2/tenants/%s/databases" % tenant, {"name": database})
    return {database: Server(server.url, tenant, database) for database in databases}


def names_in(server, tenant, database):
    path = "/api/v2/tenants/%s/databases/%s/collections" % (tenant, database)
    return sorted(collection["name"] for collection in server.ask("GET", path))


FEW = {"library": HELD["library"][:6], "office": [], "archive": HELD["archive"][:1]}


@pytest.fixture(params=[FEW], ids=["few"])
def world(ferry, request):
    """A tenant of the source with three databases and some collections, and the tenant that they go to."""
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.tenant, ferry.to = "from-" + ferry.name, "to-" + ferry.name
    ferry.places = make_places(ferry.source, ferry.tenant, HELD)
    for database, names in request.param.items():
        for name in names:
            ferry.fill(size(name), name, dimension=4, seed=sum(name.encode()), arrays=False, server=ferry.places[database])
    ferry.setup()
    yield ferry
    for server in ferry.places.values():
        server.close()


def pairs(to):
    """{(database, name): (database, name)}, as the maps below ask for."""
    wanted = {}
    for database, names in HELD.items():
        for name in names:
            if name not in EXCLUDED:
                wanted[database, name] = {"library": ("books", "v1." + name), "office": ("office", name[6:] + ".notes"),
                                          "archive": ("old-archive", name)}[database]
    return wanted


def maps(ferry):
    return ["--map", "{0}/library/*={1}/books/v1.*".format(ferry.tenant, ferry.to),
            "--map", "{0}/office/notes-*={1}/office/*.notes".format(ferry.tenant, ferry.to),
            "--map", "{0}/arch*/*={1}/old-arch*/*".format(ferry.tenant, ferry.to),
            "--exclude", "*-skipped", "--create-tenant", "--create-database"]


def assert_all_equal(ferry, wanted):
    sources = {database: judge.connect(ferry.source.url, ferry.tenant, database) for database in HELD}
    targets = {database: judge.connect(ferry.target.url, ferry.to, database) for database in {to for to, _ in wanted.values()}}
    for (database, name), (other, renamed) in wanted.items():
        verdict = judge.judge_collections(sources[database].get_collection(name, embedding_function=None),
                                          targets[other].get_collection(renamed, embedding_function=None))
        assert verdict.equal and verdict.source_count == size(name), "%s: %s" % (name, verdict)


@pytest.mark.parametrize("world", [HELD], indirect=True, ids=["fifty-two"])
def test_fifty_collections_of_three_databases_survive_a_kill_and_each_has_its_row(world):
    wanted = pairs(world.to)
    records = sum(size(name) for _, name in wanted)
    consumer, = world.consumers()
    with Held(world.target.url, "upsert", first=12) as held:
        migrate = world.start("ferry-producer", "migrate", "--target", held.proxy.url, "--job", "many", *maps(world))
        held.wait()
        migrate.kill()
        consumer.kill()
        rows = world.sql("SELECT state, count(*) AS n FROM ferry.collection_status GROUP BY state")
        assert sum(row["n"] for row in rows) == 50
        assert {"verified", "running"} & {row["state"] for row in rows}, rows
        held.gate.open()
        world.consumers()
        again = world.producer("resume", "many", seconds=180)
    assert again.status == DONE, again.err
    assert last_line(again.out) == "%d of %d records verified in 50 collections" % (records, records)
    assert_all_equal(world, wanted)
    rows = world.sql("SELECT * FROM ferry.collection_status ORDER BY collection_no")
    assert {(row["source_database"], row["collection"]): (row["target_database"], row["target_collection"])
            for row in rows} == wanted
    for row in rows:
        assert (row["state"], row["percent"], row["rejected"]) == ("succeeded", 100, 0), row
        assert row["planned"] == row["verified"] == size(row["collection"]), row
        assert (row["source_tenant"], row["target_tenant"]) == (world.tenant, world.to)
    (job,) = world.jobs()
    assert (job["collection"], job["state"], job["planned"], job["verified"]) == (
        "50 collections", "succeeded", records, records)
    for database in ("books", "office", "old-archive"):
        assert not [name for name in names_in(world.target, world.to, database) if "skipped" in name]
    shown = world.producer("status", "many")
    assert shown.status == DONE and all(renamed in shown.out for _, renamed in wanted.values()), shown.out
    (told,) = json.loads(world.producer("status", "many", "--json").out)
    assert len(told["collections"]) == 50 and told["collections"][0]["state"] == "succeeded"
    # All of it has been moved: nothing is sent again, and no job is made.
    last = world.producer("migrate", *maps(world))
    assert last.status == DONE and last.out.startswith("0 records to send: all %d" % records), last.out + last.err
    assert len(world.jobs()) == 1


def test_one_that_cannot_be_refuses_all_before_anything_is_written(world):
    target = make_places(world.target, world.to, ["books", "other"])
    load.ensure(target["books"], "docs-04", 4, "l2", None)
    load.put(target["books"], target["books"].collection("docs-04"), [
        {"id": "one", "embedding": [1.0] * 7, "document": "", "metadata": None, "uri": None}])
    into = ["--source-tenant", world.tenant, "--source-database", "library", "--target-tenant", world.to]
    books = into + ["--target-database", "books"]
    for arguments, status, words in [
            ([*books, "--all"], NEEDS_PERSON, ["docs-04", "dimension 7"]),
            ([*books, "-c", "docs-0*", "-c", "nothing-*"], USAGE, ["nothing-*"]),
            ([*books, "--map", "docs-0*=same"], USAGE, ["docs-00", "docs-01", "same"]),
            ([*books, "-c", "docs-0*", "--target-prefix", "no good "], USAGE, ["no good docs-00", "Chroma does not take"]),
            ([*books, "--all", "--exclude", "*"], USAGE, ["--exclude leaves none"]),
            ([*books, "--all", "--exclude", "docs-00,doks-*"], USAGE, ["no collection matches --exclude doks-*"]),
            ([*books, "--map", "nowhere/*=*"], USAGE, ["nowhere"]),
            ([*books, "-c", "docs-00", "--all"], USAGE, ["choose one"]),
            (books, USAGE, ["--collection", "--all"]),
            ([*books, "-c", "docs-00", "-c", "docs-01", "--limit", "collection_name_bytes=6"], NEEDS_PERSON, ["docs-00"]),
            ([*into, "--target-database", "missing", "-c", "docs-0*"], USAGE, ["missing", "--create-database"])]:
        refused(world.producer("migrate", *arguments), status, *words)
    assert names_in(world.target, world.to, "books") == ["docs-04"] and names_in(world.target, world.to, "other") == []
    assert world.jobs() == []
    for server in target.values():
        server.close()


def test_one_that_is_deleted_while_the_list_is_read_hides_no_other(world):
    """What follows it moves one place forward, before the next page. Here a page holds three."""
    library = world.places["library"]
    listed = [collection["name"] for collection in library.ask("GET", library.base)]
    asked = []

    def handler(request, forward):
        path, _, query = request.path.partition("?")
        if request.method == "GET" and path.endswith("/collections"):
            asked.append(query)
            if len(asked) == 2:
                library.drop(listed[0])
            request.path = path + "?" + re.sub("limit=[0-9]+", "limit=3", query)
        return forward(request)

    with Proxy(world.source.url, handler) as proxy:
        told = world.producer("collections", "--json", "--source", proxy.url, "--source-tenant", world.tenant,
                              "--source-database", "library", env={"FERRY_TARGET": None})
    assert told.status == DONE, told.err
    assert sorted(row["name"] for row in json.loads(told.out)) == sorted(listed[1:]), asked


def test_a_job_goes_on_only_with_exactly_its_collections(world):
    into = ["--source-tenant", world.tenant, "--source-database", "library", "--target-tenant", world.to,
            "--target-database", "books", "--create-tenant", "--create-database"]

    def migrate(*names):
        return ["migrate", *into, *(word for name in names for word in ("-c", name))]

    first = world.start("ferry-producer", *migrate("docs-01", "docs-02", "docs-03"))
    wait_for(lambda: (world.job() or {}).get("state") == "running", what="a planned job")
    first.kill()
    job = world.job()["job"]
    assert job.startswith("docs-01-"), job
    refused(world.producer(*migrate("docs-01", "docs-02")), USAGE, job, "only in it: docs-03", "ferry-producer resume " + job)
    refused(world.producer(*migrate("docs-04", "docs-02")), USAGE, "not in it: docs-04", "only in it: docs-01, docs-03")
    refused(world.producer(*migrate("docs-01")), USAGE, job)
    world.consumers()
    target = Server(world.target.url, world.to, "books")
    load.put(target, target.collection("docs-02"), [
        {"id": "extra", "embedding": [1.0] * 4, "document": "", "metadata": None, "uri": None}])
    again = world.producer(*migrate("docs-03", "docs-01", "docs-02"), "--delete-extra", "--max-delete", "1")
    assert again.status == DONE, again.err
    assert "collection docs-02 of %s/library: job %s: the target holds 1 records" % (world.tenant, job) in again.err
    for name in ("docs-01", "docs-02", "docs-03"):
        assert len(target.ids(target.collection(name))) == size(name)
    target.close()
    assert "job %s goes on" % job in again.err
    (row,) = world.jobs()
    assert (row["state"], row["collection"]) == ("succeeded", "3 collections")
    prefixed = world.producer(*migrate("docs-01"), "--target-prefix", "x.")
    assert prefixed.status == DONE and "x.docs-01" in names_in(world.target, world.to, "books"), prefixed.err


def test_a_dry_run_tells_where_each_would_go(world):
    chosen = ["--map", "{0}/library/*={1}/books/v1.*".format(world.tenant, world.to), "--exclude", "docs-05"]
    line = "  {0}/library/docs-03 -> {1}/books/v1.docs-03 (new)\n".format(world.tenant, world.to)
    make = ["--create-tenant", "--create-database"]
    told = world.producer("migrate", "--dry-run", *chosen, *make)
    assert told.status == DONE, told.err
    assert told.out.startswith("5 collections of ") and line in told.out and told.out.count("docs-00") >= 2, told.out
    asjson = world.producer("migrate", "--dry-run", "--json", *chosen, *make, "-c", "docs-00,docs-01")
    assert asjson.status == DONE and len(json.loads(asjson.out)) == 2, asjson.out
    listed = world.producer("collections", *chosen)
    assert listed.status == DONE and listed.out.startswith("5 collections of ") and line in listed.out, listed.err
    # A variable that names the usual collection gives way to what the command line chooses.
    listed = json.loads(world.producer("collections", "--json", *chosen, env={"FERRY_COLLECTION": "usual"}).out)
    assert [row["target"]["collection"] for row in listed] == ["v1.docs-0%d" % number for number in range(5)]
    assert not any(row["target_exists"] for row in listed)
    for arguments, words in ((["-c", "nothing*"], ["nothing*"]), (["--all", "--target", ""], ["--target"])):
        refused(world.producer("collections", *arguments), USAGE, *words)


def test_a_rehearsal_of_several_makes_and_removes_a_collection_for_each(world):
    world.consumers()
    into = ["--source-tenant", world.tenant, "--source-database", "library", "--target-tenant", world.to,
            "--target-database", "tried", "--create-tenant", "--create-database"]
    first = world.producer("migrate", *into, "-c", "docs-00,docs-01,docs-03", "--sample", "2")
    assert first.status == DONE, first.err
    assert last_line(first.out) == "4 of 4 records verified in 3 collections"
    made = names_in(world.target, world.to, "tried")
    assert len(made) == 3 and all(name.startswith("docs-0") and "-rehearsal-" in name for name in made), made
    assert "3 collections stay; ferry-producer drop-rehearsal docs-00-rehearsal-" in first.err
    tried = Server(world.target.url, world.to, "tried")
    load.put(tried, tried.collection(made[1]), [
        {"id": "other", "embedding": [1.0] * 4, "document": "", "metadata": None, "uri": None}])
    dropped = world.producer("drop-rehearsal", world.job()["job"])
    assert dropped.status == NEEDS_PERSON and made[1] in dropped.err and "1 records" in dropped.err, dropped.err
    assert names_in(world.target, world.to, "tried") == [made[1]], "the others were removed"
    tried.records(tried.collection(made[1]), "delete", {"ids": ["other"]})
    tried.close()
    dropped = world.producer("drop-rehearsal", world.job()["job"])
    assert dropped.status == DONE and names_in(world.target, world.to, "tried") == [], dropped.err
