"""What --catch-up and --delete-extra must never delete: what nobody asks for any more, and what the source has. README, "Again"."""

import json

import pytest

import load
from ferry import DONE, INTERRUPTED, REJECTS, USAGE, corpus, wait_for
from proxy import Answer, Proxy

RECORDS = 60


@pytest.fixture
def ready(ferry):
    ferry.env["FERRY_LEASE"] = "3s"
    ferry.fill(RECORDS, arrays=False)
    ferry.setup()
    return ferry


def write(server, name, prefix, count):
    """An application's records."""
    collection = load.ensure(server, name, 24, "cosine")
    load.put(server, collection, [dict(record, id=prefix + record["id"]) for record in corpus.records(count, 24, 5, False)])


def count(ferry, prefix, server=None):
    server = server or ferry.target
    return len([one for one in server.ids(server.collection(ferry.name)) if one.startswith(prefix)])


# --- what was asked for long ago -------------------------------------------------------------------------------------

def test_a_retry_deletes_nothing_that_was_not_asked_for_again(ready):
    """The application has moved to the target, and the old source is being cleaned up, when the rejected records go again."""
    ready.consumers()
    both = ("--catch-up", "--delete-extra")
    first = ready.producer(*ready.migrate_arguments(limit="document_bytes=200", max_rejects=RECORDS), *both)
    assert first.status == REJECTS, first.err
    write(ready.target, ready.name, "app-", 10)
    gone = sorted(ready.target_ids() & {record["id"] for record in corpus.records(RECORDS, 24)})[-5:]
    ready.source.records(ready.source.collection(ready.name), "delete", {"ids": gone})
    retry = ("retry", ready.job()["job"], "--rejected", "--limit")
    again = ready.producer(*retry, "document_bytes=250")
    assert again.status in (DONE, REJECTS), again.err
    assert "a retry goes without its --catch-up" in again.err and "a retry goes without its --delete-extra" in again.err
    assert count(ready, "app-") == 10 and set(gone) <= ready.target_ids()
    assert again.status == REJECTS, "some are left for the last retry"
    asked = ready.producer(*retry, "document_bytes=none", "--delete-extra", "--max-delete", "10")
    assert asked.status == DONE and "goes without" not in asked.err, asked.err
    assert "has --delete-extra: at its end it deletes" in asked.err
    assert count(ready, "app-") == 0 and len(ready.target_ids()) == RECORDS, "but --catch-up was not"


def test_who_joins_a_job_that_deletes_is_told_first(ready):
    write(ready.target, ready.name, "app-", 4)
    begun = ready.start("ferry-producer", *ready.migrate_arguments(max_delete="100%"), "--delete-extra", "--catch-up")
    wait_for(lambda: ready.job() and ready.job()["published"] == RECORDS)
    assert begun.stop() == INTERRUPTED
    ready.consumers()
    plain = ready.migrate()
    job = ready.job()
    assert plain.status == USAGE and plain.out == "", plain.err
    for way in ("was begun with --delete-extra", "ferry-producer resume %s goes on with it" % job["job"],
                "SELECT ferry.change_settings(%d, '{\"delete_extra\": false}') takes that off" % job["job_id"]):
        assert way in plain.err
    assert count(ready, "app-") == 4 and ready.job()["state"] == job["state"]
    assert ready.sql("SELECT ferry.change_settings(%s, '{\"delete_extra\": false}') AS done", job["job_id"]) == [{"done": True}]
    done = ready.migrate()
    assert done.status == DONE, done.err
    assert "has --catch-up: at its end it deletes" in done.err and "has --delete-extra" not in done.err
    assert done.err.index("has --catch-up") < done.err.index("records verified")
    assert count(ready, "app-") == 4


# --- what the source has ---------------------------------------------------------------------------------------------

PAGE, CHURN = 25, 5


class Pages:
    """A source whose lists are cut, so that they are read by pages. Between the first two pages of the nth list an application
    deletes the oldest records and adds as many: as many living ones slip through, and the number of ids is right."""

    def __init__(self, ferry, nth):
        self.ferry, self.nth, self.lists, self.asked, self.added = ferry, nth, 0, 0, set()
        self.proxy = Proxy(ferry.source.url, self.handle)

    def churn(self):
        collection = self.ferry.source.collection(self.ferry.name)
        oldest = self.ferry.source.records(collection, "get", {"include": [], "limit": CHURN, "offset": 0})["ids"]
        self.ferry.source.records(collection, "delete", {"ids": oldest})
        write(self.ferry.source, self.ferry.name, "new-", CHURN)

    def handle(self, request, forward):
        if request.verb != "get":
            return forward(request)
        body = request.json()
        if "ids" in body and body["include"] == []:
            self.asked += 1
            if self.asked == 1:
                return Answer(503, {"error": "ServiceUnavailable", "message": "later"})
            return self.cut(forward(request))
        if "ids" not in body:
            self.lists += not body.get("offset")
            if self.lists == self.nth and body.get("offset") == PAGE:
                self.nth = 0
                self.churn()
            request.set_json(dict(body, limit=min(body.get("limit") or PAGE, PAGE)))
        return forward(request)

    @staticmethod
    def cut(answer):
        """An answer by ids, too: two of them at a time."""
        listed = json.loads(answer.body)["ids"]
        return Answer(200, {"ids": listed[:2], "embeddings": None, "documents": None, "metadatas": None, "uris": None})


@pytest.mark.parametrize("later", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["one-job", "a-later-job"])
def test_what_a_list_has_missed_is_not_deleted(ready, later):
    ready.consumers()
    if later:
        assert ready.migrate().status == DONE
    pages, deleted = Pages(ready, 2), []

    def note(request, forward):
        deleted.extend(request.json()["ids"] if request.verb == "delete" else [])
        return forward(request)
    with pages.proxy as source, Proxy(ready.target.url, note) as target:
        done = ready.producer(*ready.migrate_arguments(source=source.url, target=target.url),
                              "--catch-up", *["--delete-extra"] if later else [])
    assert pages.nth == 0, "nothing has slipped through"
    assert done.status == DONE, done.err
    assert "%d are to be deleted at the target" % CHURN in done.err, "the living ones: the list still had the others"
    assert "%d records are not deleted at the target: the source has not listed them, but it has them" % CHURN in done.err
    assert "deleting.waits" in done.err, "for the source's answer"
    assert len(deleted) == CHURN and not set(deleted) & set(ready.source.ids(ready.source.collection(ready.name)))
    ready.assert_equal()
    spared = ready.sql("SELECT count(*) AS n FROM ferry.removals WHERE spared_at IS NOT NULL AND deleted_at IS NULL")
    events = ready.sql("SELECT detail FROM ferry.events WHERE kind = 'job.spared'")
    assert spared == [{"n": CHURN}] and "the source has them" in events[0]["detail"]


# --- what was decided before -----------------------------------------------------------------------------------------

def test_a_change_of_mind_holds_for_what_was_decided(ready):
    """The target refuses to delete for a while, its producer is stopped, the setting taken off; and the source has them by now."""
    refusing = [True]

    def handle(request, forward):
        if request.verb == "delete" and refusing[0]:
            return Answer(503, {"error": "ServiceUnavailable", "message": "later"})
        return forward(request)
    write(ready.target, ready.name, "mine-", 4)
    ready.consumers()
    with Proxy(ready.target.url, handle) as target:
        begun = ready.start("ferry-producer", *ready.migrate_arguments(target=target.url, job="mind", max_delete=4), "--delete-extra")
        wait_for(lambda: target.count("delete") > 0, what="a request to delete")
        assert begun.stop() == INTERRUPTED
        job_id = ready.job()["job_id"]
        assert ready.sql("SELECT ferry.change_settings(%s, '{\"delete_extra\": false}') AS done", job_id) == [{"done": True}]
        write(ready.source, ready.name, "mine-", 4)
        refusing[0] = False
        sent = target.count("delete")
        done = ready.producer("resume", "mind")
        assert target.count("delete") == sent, "nothing is sent any more"
    assert done.status == DONE and "has --delete-extra" not in done.err, done.err
    assert count(ready, "mine-") == 4 and "4 records were added to the source" in done.out
