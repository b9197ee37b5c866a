"""A job goes on from the ledger alone, with other flags; and only between the two collections that are its own."""

import pytest

from ferry import DONE, LIGHT, USAGE, last_line, load, wait_for
from proxy import Proxy
from test_kill import Held

RECORDS = 200


def interrupt(ferry):
    """A job in the middle, whose programs were all killed."""
    ferry.env["FERRY_LEASE"] = "2s"
    ferry.fill(RECORDS)
    ferry.setup()
    with Held(ferry.target.url, "upsert", first=4) as held:
        consumers = ferry.consumers(2)
        migrate = ferry.start_migrate(target=held.proxy.url, batch_records=10, job="moving")
        held.wait()
        for process in (migrate, *consumers):
            process.kill()
    assert 0 < ferry.job()["planned"] == RECORDS
    return ferry


@pytest.fixture
def interrupted(ferry):
    return interrupt(ferry)


@pytest.fixture(scope="module")
def refusing(module_ferry):
    """One for all that is refused: it changes nothing."""
    return interrupt(module_ferry)


@pytest.mark.parametrize("records, consumers, concurrency", [(300, 1, 8), (3, 3, 1)])
def test_it_goes_on_with_other_batches_workers_and_flags(interrupted, records, consumers, concurrency):
    interrupted.consumers(consumers)
    resumed = interrupted.producer("resume", "moving", "--target", interrupted.target.url, "--batch-records", str(records),
                                   "--source-concurrency", str(concurrency), "--catch-up", "--max-rejects", "0")
    assert resumed.status == DONE, resumed.err
    assert last_line(resumed.out) == "%d of %d records verified" % (RECORDS, RECORDS)
    assert [row["records"] for row in interrupted.batches()] == [10] * (RECORDS // 10)  # they were planned before
    assert sum(row["deliveries"] for row in interrupted.batches()) <= 2 * RECORDS // 10
    interrupted.assert_equal()


def job_rows(ferry):
    return ferry.sql("SELECT job_id, name, state, settings, source_uuid, target_uuid, source_endpoint_id, e.* FROM ferry.jobs "
                     "JOIN ferry.job_collections USING (job_id) JOIN ferry.endpoints e ON e.endpoint_id = source_endpoint_id")


def refused(ferry, *words, arguments=()):
    before = job_rows(ferry)
    process = ferry.producer("resume", "moving", *arguments, seconds=30)
    assert process.status == USAGE, process.err
    for word in words:
        assert word in process.err, (word, process.err)
    assert job_rows(ferry) == before


def test_another_source_is_refused_by_name(refusing):
    """The target's server has a collection of that name."""
    refused(refusing, "source %s" % refusing.target.url, '"%s"' % refusing.name, "it was recreated, or this is another server",
            arguments=["--source", refusing.target.url])


def test_another_target_is_refused_by_name(refusing):
    refused(refusing, "target %s" % refusing.source.url, '"%s"' % refusing.name, "it was recreated, or this is another server",
            arguments=["--target", refusing.source.url])


@pytest.mark.parametrize("flag, own", [("--source-database", "default_database"), ("--source-tenant", "default_tenant"),
                                       ("--target-database", "default_database"), ("--target-tenant", "default_tenant")])
def test_another_tenant_or_database_is_refused_by_name(refusing, flag, own):
    refused(refusing, flag, "another", own, arguments=[flag, "another", "--target", refusing.target.url])


def test_another_collection_is_no_option(refusing):
    for flag in ("--collection", "--target-collection"):
        refused(refusing, flag, arguments=[flag, "another"])


def test_another_pair_does_not_take_the_jobs_name(refusing):
    other = refusing.fill(10, refusing.also("other"))
    before = job_rows(refusing)
    process = refusing.migrate(other, job="moving", seconds=30)
    assert process.status == USAGE and "a job named moving exists already" in last_line(process.err), process.err
    assert job_rows(refusing) == before


def test_a_collection_that_was_recreated_is_refused_by_name(refusing):
    """The last one: the job can never go on."""
    refusing.target.drop(refusing.name)
    refused(refusing, "target %s" % refusing.target.url, '"%s" of job moving does not exist any more' % refusing.name,
            arguments=["--target", refusing.target.url])
    load.ensure(refusing.target, refusing.name, 24, "cosine", LIGHT)
    refused(refusing, "target %s" % refusing.target.url, "it was recreated", arguments=["--target", refusing.target.url])


def test_what_another_producer_began_meanwhile_is_joined(ferry):
    """The second one has seen that there is no target collection; the first one's job is there before it asks the ledger."""
    ferry.fill(30, arrays=False)
    ferry.setup()
    begun = []

    def handler(request, forward):
        answer = forward(request)
        if request.path.endswith("/collections/" + ferry.name) and answer.status == 404 and not begun:
            begun.append(None)
            begun.append(ferry.start_migrate(target=target.url))
            wait_for(ferry.jobs, what="the first one's job")
        return answer

    with Proxy(ferry.target.url, handler) as target:
        second = ferry.start_migrate(target=target.url)
        wait_for(lambda: "goes on" in second.err or not second.alive, what="the second one has asked the ledger")
        ferry.consumers()  # not before: the first one's job must not be over
        assert second.wait() == DONE and begun[1].wait() == DONE, second.err
    assert "job %s goes on" % ferry.job()["job"] in second.err and len(ferry.jobs()) == 1
    ferry.assert_equal()
