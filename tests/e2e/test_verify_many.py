"""ferry-producer verify of many collections: chosen as for migrate, each compared by itself, and what they add up to."""

import json
import signal

import pytest

from ferry import DONE, INTERRUPTED, LIGHT, MISMATCH, UNAVAILABLE, USAGE, Server, corpus, last_line, load, wait_for
from proxy import Answer, Drop, Gate, Proxy
from test_bad_input import refused
from test_mapping import make_places
from test_verify import NOWHERE

SIZES = {("library", "docs-0"): 3, ("library", "docs-1"): 8, ("library", "docs-2"): 0, ("library", "docs-3"): 5,
         ("office", "notes-0"): 2, ("office", "notes-1"): 6}
RECORDS = sum(SIZES.values())
GOES = {("library", "docs-%d" % number): ("books", "v1.docs-%d" % number) for number in range(4)}
GOES.update({("office", "notes-%d" % number): ("papers", "%d.notes" % number) for number in range(2)})


def fill(server, name, size):
    collection = load.ensure(server, name, 4, "l2", LIGHT)
    load.put(server, collection, corpus.records(size, 4, sum(name.encode()), False))


class World:
    """A tenant of the source with two databases, and the tenant that they go to."""

    def __init__(self, ferry):
        self.ferry, self.tenant, self.to = ferry, "from-" + ferry.name, "to-" + ferry.name
        self.source = make_places(ferry.source, self.tenant, ["library", "office"])
        self.target = {}
        for (database, name), size in SIZES.items():
            fill(self.source[database], name, size)
        fill(self.source["library"], "docs-skipped", 4)
        self.maps = ["--map", "{0}/library/*={1}/books/v1.*".format(self.tenant, self.to),
                     "--map", "{0}/office/notes-*={1}/papers/*.notes".format(self.tenant, self.to), "--exclude", "*-skipped"]
        self.books = ["--source-tenant", self.tenant, "--source-database", "library", "--target-tenant", self.to,
                      "--target-database", "books"]

    def copy(self):
        """As if they had been migrated."""
        self.target = make_places(self.ferry.target, self.to, ["books", "papers"])
        for (database, name), (other, renamed) in GOES.items():
            collection = load.ensure(self.target[other], renamed, 4, "l2", LIGHT)
            load.put(self.target[other], collection, corpus.records(SIZES[database, name], 4, sum(name.encode()), False))

    def where(self, database, name):
        return "%s/%s/%s -> %s/%s/%s" % (self.tenant, database, name, self.to, *GOES[database, name])

    def verify(self, *arguments, chosen=None, seconds=120):
        return self.ferry.producer("verify", *(self.maps if chosen is None else chosen), *arguments, env=NOWHERE, seconds=seconds)

    def change(self, database, name):
        """One record of it reads otherwise at the target; its id."""
        server = self.target[GOES[database, name][0]]
        collection = server.collection(GOES[database, name][1])
        record = server.ids(collection)[0]
        server.records(collection, "update", {"ids": [record], "documents": ["not what was sent"]})
        return record


@pytest.fixture
def world(ferry):
    made = World(ferry)
    yield made
    for server in [*made.source.values(), *made.target.values()]:
        server.close()


def sections_of(process):
    """{where it goes: what is told of it}, and the summary."""
    *parts, total = process.out.split("\n\n")
    return dict(part.split("\n", 1) for part in parts), total.splitlines()


def groups_of(path):
    """{where it goes: {id: mark}} of a --combined file, and its remarks."""
    groups, remarks = {}, {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# ") and " -> " in line:
            name = line[2:]
            groups[name] = {}
        elif line.startswith("# "):
            remarks[name] = line[2:]
        else:
            assert line[1] == " " and line[0] in "=-+*!" and line[2:] not in groups[name], line
            groups[name][line[2:]] = line[0]
    return groups, remarks


def test_what_a_job_has_moved_is_equal_and_each_is_told(world, tmp_path):
    world.ferry.setup()
    world.ferry.consumers()
    moved = world.ferry.producer("migrate", *world.maps, "--create-tenant", "--create-database")
    assert moved.status == DONE, moved.err
    process = world.verify("--combined", str(tmp_path / "lines"))
    assert process.status == DONE and "ferry-producer" not in process.err, process.err
    sections, total = sections_of(process)
    assert total == ["6 collections are equal: %d records" % RECORDS]
    assert list(sections) == [world.where(*one) for one in SIZES]
    groups, remarks = groups_of(tmp_path / "lines")
    assert not remarks and list(groups) == list(sections)
    for (database, name), size in SIZES.items():
        told, marks = sections[world.where(database, name)], groups[world.where(database, name)]
        assert told.endswith("\nequal") and 'collection "%s"  %d records' % (name, size) in told
        assert len(marks) == size and set(marks.values()) <= {"="}
    # One of them alone is told as its section tells it, and as one object.
    alone = [*world.books, "-c", "docs-1", "--target-collection", "v1.docs-1"]
    process = world.verify(chosen=alone)
    assert process.status == DONE and process.out == sections[world.where("library", "docs-1")] + "\n", process.out
    one = json.loads(world.verify("--json", chosen=alone).out)
    process = world.verify("--json", "--queries", "2", "--min-recall", "0.1", "--sample", "50%", "--seed", "7")
    results = json.loads(process.out)
    assert process.status == DONE and [result["source"]["collection"] for result in results] == [name for _, name in SIZES]
    assert all(result["equal"] and result["seed"] == 7 and result["queries"] for result in results)
    assert [result["sample"]["records"] for result in results] == [-(-size // 2) for size in SIZES.values()]
    assert one["equal"] and set(one) == set(results[1]) and one["source"] == results[1]["source"]
    process = world.verify("--sample", "1")
    assert process.status == DONE and last_line(process.out) == "no difference found in 6 collections: %d records" % RECORDS


def test_what_differs_and_what_is_not_there_is_named_and_ends_with_5(world, tmp_path):
    world.copy()
    record = world.change("library", "docs-1")
    world.target["papers"].drop("0.notes")
    process = world.verify("--combined", str(tmp_path / "lines"))
    assert process.status == MISMATCH and "ferry-producer" not in process.err, process.err
    sections, total = sections_of(process)
    changed, absent = world.where("library", "docs-1"), world.where("office", "notes-0")
    assert total == [changed + ": 1 difference", absent + ": the target has no such collection",
                     "4 of 6 collections are equal, 1 differs, 1 is not at the target"]
    assert sections[changed].endswith("\n1 difference") and '* "%s"  document' % record in sections[changed]
    assert sections[absent] == "the target has no such collection"
    assert sum(told.endswith("\nequal") for told in sections.values()) == 4
    groups, remarks = groups_of(tmp_path / "lines")
    assert remarks == {absent: "the target has no such collection"} and groups[absent] == {}
    assert [name for name, mark in groups[changed].items() if mark == "*"] == [record] and len(groups) == 6

    process = world.verify("--json", "--exclude", "docs-0")
    results = {result["source"]["collection"]: result for result in json.loads(process.out)}
    assert process.status == MISMATCH and [result["equal"] for result in results.values()] == [False, True, True, False, True]
    assert results["docs-1"]["first_differences"][0]["id"] == record and "not_compared" not in results["docs-1"]
    missing = results["notes-0"]
    assert (missing["not_compared"], missing["exit_code"]) == ("the target has no such collection", MISMATCH)
    assert (missing["target"]["tenant"], missing["target"]["database"], missing["target"]["collection"]) == (world.to, "papers", "0.notes")
    # Lines on standard output: the words go elsewhere.
    process = world.verify("--combined", "-", chosen=[*world.books, "-c", "docs-0,docs-3", "--target-prefix", "v1."])
    assert process.status == DONE and last_line(process.err) == "2 collections are equal: 8 records"
    assert [line[0] for line in process.out.splitlines()] == ["#"] + 3 * ["="] + ["#"] + 5 * ["="]


def test_what_cannot_be_compared_at_all_is_refused(world):
    world.copy()
    for arguments, words in [
            (world.books, ["--collection", "--all", "--map"]),
            ([*world.books, "--all", "-c", "docs-1"], ["choose one"]),
            ([*world.books, "-c", "nothing-*"], ["nothing-*"]),
            ([*world.books, "-c", "docs-0,docs-1", "--target-collection", "x"], ["--target-collection"]),
            ([*world.books, "--all", "--exclude", "*"], ["--exclude leaves none"]),
            ([*world.books, "-c", "docs-0", "--target-collection", "absent"], ["target", "absent", "does not exist"]),
            ([*world.books, "-c", "docs-0*", "--target-collection", "absent"], ["--target-collection"]),
            ([*world.books, "-c", "docs-skippe?", "--target-prefix", "v1."], ["target", "v1.docs-skipped", "does not exist"])]:
        refused(world.verify(chosen=arguments), USAGE, *words)
    # The same collection on both sides proves nothing, whatever the others say.
    process = world.verify("--target", world.ferry.source.url, "--target-tenant", world.tenant, "--target-database", "library",
                           chosen=["--source-tenant", world.tenant, "--source-database", "library", "--all"])
    assert process.status == USAGE and process.err.count("are the same collection") == 5, process.err
    assert last_line(process.out) == "0 of 5 collections are equal, 5 could not be compared"


def fails_for(server, name, status=503):
    """A server at which every read of one collection's records fails."""
    uuid = server.collection(name)["id"]

    def handler(request, forward):
        if uuid in request.path:
            return Answer(status, {"error": "ChromaError", "message": "not this one"})
        return forward(request)
    return handler


def test_one_that_cannot_be_read_is_named_and_the_others_are_compared(world, tmp_path):
    world.copy()
    world.change("office", "notes-1")
    broken = world.where("library", "docs-1")
    with Proxy(world.ferry.target.url, fails_for(world.target["books"], "v1.docs-1")) as proxy:
        process = world.verify("--target", proxy.url, "--patience", "1s", "--combined", str(tmp_path / "lines"))
        asjson = world.verify("--target", proxy.url, "--patience", "0s", "--json")
    assert process.status == UNAVAILABLE, process.err
    sections, total = sections_of(process)
    assert "verify.waits" in process.err
    told = [line for line in process.err.splitlines() if line.startswith("ferry-producer verify: ")]
    assert len(told) == 1 and broken in told[0] and "not this one" in told[0] and proxy.url[7:] in told[0]
    assert total[-1] == "4 of 6 collections are equal, 1 differs, 1 could not be compared" and len(total) == 3
    assert total[0].startswith(broken + ": could not be compared: ") and "not this one" in sections[broken]
    groups, remarks = groups_of(tmp_path / "lines")
    assert list(remarks) == [broken] and len(groups[world.where("library", "docs-3")]) == 5
    results = json.loads(asjson.out)
    assert asjson.status == UNAVAILABLE and [result["equal"] for result in results] == [True, None, True, True, True, False]
    assert "not this one" in results[1]["not_compared"] and results[1]["exit_code"] == UNAVAILABLE


def test_a_lookup_that_fails_is_repeated_and_a_server_that_is_gone_is_waited_for_once(world):
    world.copy()
    failures, is_gone = iter([503, 429]), []

    def handler(request, forward):
        if request.method == "GET" and request.path.endswith("/v1.docs-1"):
            failure = next(failures, None)
            if failure:
                return Answer(failure, {"error": "ChromaError", "message": "later"})
        if is_gone and request.path.endswith("/v1.docs-3"):
            is_gone.append(1)
        if len(is_gone) > 1:
            raise Drop()
        return forward(request)
    with Proxy(world.ferry.target.url, handler) as proxy:
        process = world.verify("--target", proxy.url)
        assert process.status == DONE and next(failures, None) is None and process.err.count("verify.waits") == 2, process.err
        is_gone.append(1)
        process = world.verify("--target", proxy.url, "--patience", "2s")
    assert process.status == UNAVAILABLE, process.err
    assert last_line(process.out) == "3 of 6 collections are equal, 3 could not be compared"
    before, *after = process.err.split("ferry-producer verify: ")
    assert "verify.waits" in before and len(after) == 3 and "verify.waits" not in "".join(after), process.err


def test_a_signal_ends_it_with_6_and_tells_how_far_it_came(world):
    """Between two collections, where both sides have answered before anybody waits, and within the comparison of one."""
    world.copy()
    gates = {"between": Gate(), "within": Gate()}
    uuid = world.target["books"].collection("v1.docs-1")["id"]

    def held(moment):
        def handler(request, forward):
            is_met = request.verb == "get" and request.json().get("ids") if moment == "within" else request.method == "GET"
            if is_met and request.path.split("/")[-1 if moment == "between" else -2] in ("v1.docs-1", uuid):
                gates[moment].pass_through()
            return forward(request)
        gates[moment].close()
        return handler

    def start(proxy, *arguments):
        return world.ferry.start("ferry-producer", "verify", "--target", proxy.url, *world.maps, *arguments, env=NOWHERE)
    with Proxy(world.ferry.target.url, held("between")) as one, Proxy(world.ferry.target.url, held("within")) as other:
        between, asjson, within = start(one), start(one, "--json"), start(other)
        wait_for(lambda: gates["between"].waiting == 2 and gates["within"].waiting == 1, what="requests that wait")
        wait_for(lambda: "verify: 2 of 6, %s: 0 of 8 records compared" % world.where("library", "docs-1") in within.err,
                 what="a line about its progress")
        for process in (between, asjson, within):
            process.popen.send_signal(signal.SIGINT)
        gates["between"].open()
        statuses = [process.wait(30) for process in (between, asjson, within)]
        gates["within"].open()
    assert statuses == 3 * [INTERRUPTED], between.err + asjson.err + within.err
    assert "interrupted" in last_line(between.err) and "interrupted" in last_line(within.err)
    assert last_line(within.out) == "1 of 6 collections is equal, 5 were not reached"
    assert last_line(between.out) in ("1 of 6 collections is equal, 5 were not reached", "2 of 6 collections are equal, 4 were not reached",
                                      "3 of 6 collections are equal, 3 were not reached"), between.out
    assert 1 <= len(json.loads(asjson.out)) <= 3
