"""What --catch-up and --delete-extra must never delete: what nobody asks for any more, and what the source has. README, "Again"."""

import pytest

import load
from ferry import DONE, INTERRUPTED, REJECTS, USAGE, corpus, wait_for

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
    asked = ready.producer(*retry, "document_bytes=none", "--delete-extra")
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
