"""A ledger in a database of its own, and the steps of both programs as they call them. No lease is waited for: expire()
moves it into the past."""

import hashlib
import itertools
import json
import uuid
from collections import namedtuple

import psycopg
from psycopg.rows import dict_row

# Another pair than submit()'s own.
MORE = {"source": 3, "target": 4, "source_name": "more", "target_name": "more"}

# What a message says of itself; fence is its export's.
Message = namedtuple("Message", "job batch rev sha fence")

LEASE = "60 s"


def uid(number):
    return str(uuid.UUID(int=number))


def ids(count, start=0):
    return [b"id-%06d" % number for number in range(start, start + count)]


def found(compared):
    """What the end's comparison counted."""
    return tuple(compared[name] for name in ("missing", "extra", "added", "deleted", "first_missing"))


def digest(job, batch, rev):
    return hashlib.sha256(b"%d/%d/%d" % (job, batch, rev)).hexdigest()


class Ledger:
    def __init__(self, dsn, role=None):
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
        self.run("SET statement_timeout = '15s'")  # as the programs set them
        self.run("SET lock_timeout = '5s'")
        if role:
            self.run("SET ROLE " + role)
        self.types = {}
        self.numbers = itertools.count(0xABC000)

    def another(self):
        """The same ledger over a connection of its own, for threads."""
        other = Ledger(self.dsn)
        other.types = self.types
        return other

    def close(self):
        self.connection.close()

    # --- SQL ---------------------------------------------------------------------------------------------------------

    def all(self, statement, *values):
        return self.connection.execute(statement, values or None).fetchall()

    def one(self, statement, *values):
        rows = self.all(statement, *values)
        assert len(rows) == 1, rows
        return rows[0]

    def value(self, statement, *values):
        return next(iter(self.one(statement, *values).values()))

    def run(self, statement, *values):
        return self.connection.execute(statement, values or None).rowcount

    def force(self, statement, *values):
        """Whatever the transition trigger says."""
        with self.connection.transaction():
            self.run("SET LOCAL session_replication_role = replica")
            return self.run(statement, *values)

    def call(self, function, *values):
        """Every row that ferry.FUNCTION answers. The arguments' types are the function's own."""
        if function not in self.types:
            self.types[function] = self.value(
                "SELECT ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) WITH ORDINALITY u (t, n) ORDER BY n)"
                " FROM pg_proc WHERE pronamespace = 'ferry'::regnamespace AND proname = %s", function)
        types = self.types[function]
        assert len(types) == len(values), (function, types)
        return self.all("SELECT * FROM ferry.%s(%s)" % (function, ", ".join("%s::" + type for type in types)), *values)

    def answer(self, function, *values):
        """The one value of the one row."""
        (row,) = self.call(function, *values)
        (value,) = row.values()
        return value

    def refusal(self, function, *values):
        """The SQLSTATE that it raises."""
        try:
            rows = self.call(function, *values)
        except psycopg.Error as error:
            return error.sqlstate
        raise AssertionError("no error but %r" % rows)

    # --- looking -----------------------------------------------------------------------------------------------------

    def batch(self, job, number):
        return self.one("SELECT * FROM ferry.batches WHERE job_id = %s AND batch_no = %s", job, number)

    def batches(self, job):
        return self.all("SELECT * FROM ferry.batches WHERE job_id = %s ORDER BY batch_no", job)

    def states(self, job):
        return [row["state"] for row in self.batches(job)]

    def job(self, job):
        return self.one("SELECT * FROM ferry.jobs WHERE job_id = %s", job)

    def pair(self, job):
        return self.one("SELECT * FROM ferry.job_collections WHERE job_id = %s", job)

    def target(self):
        return self.one("SELECT * FROM ferry.target_collections")

    def manifest(self, job):
        """[(ids, bitmap)] in the batches' order."""
        rows = self.all("SELECT ids, existed::text AS bits FROM ferry.batch_ids WHERE job_id = %s ORDER BY batch_no", job)
        return [([bytes(one) for one in row["ids"]], row["bits"]) for row in rows]

    def left_out(self, table, job):
        return {(row["batch_no"], bytes(row["id"])): row
                for row in self.all("SELECT * FROM ferry.%s WHERE job_id = %%s" % table, job)}

    def slots(self):
        return self.value("SELECT count(*) FROM ferry.write_slots WHERE lease_until > now()")

    def everything(self, job):
        """To see that nothing has changed."""
        return [self.all("SELECT * FROM ferry.%s ORDER BY 1, 2, 3" % table) for table in
                ("batches", "rejected_records", "vanished_records", "truncated_records", "write_slots", "target_collections")] + [self.job(job)]

    # --- time --------------------------------------------------------------------------------------------------------

    def expire(self, job, *numbers):
        """Ends the leases of batches, with their write slots."""
        self.run("UPDATE ferry.write_slots s SET lease_until = now() - interval '1 s' FROM ferry.batches b"
                 " WHERE s.fence = b.fence AND b.job_id = %s AND b.batch_no = ANY (%s)", job, list(numbers))
        self.run("UPDATE ferry.batches SET lease_until = now() - interval '1 s' WHERE job_id = %s AND batch_no = ANY (%s)",
                 job, list(numbers))

    def quieten(self, job):
        """As if every request of an ended claim had had its time."""
        self.run("UPDATE ferry.batches SET quiet_until = now() - interval '1 s' WHERE job_id = %s AND quiet_until IS NOT NULL",
                 job)
        self.run("UPDATE ferry.batches SET lease_until = NULL WHERE job_id = %s AND state = 'cancelled'", job)

    def settle(self, job):
        """As the producer does when it has read the doubtful batches again and found them unchanged."""
        self.quieten(job)
        self.run("UPDATE ferry.batches SET must_reread = false WHERE job_id = %s AND state = 'verified'", job)

    def set_retry(self, interval):
        self.run("UPDATE ferry.target_collections SET retry_at = now() + %s::interval, retry_cause = 'HTTP 503'", interval)

    # --- jobs and plans ----------------------------------------------------------------------------------------------

    def worker(self, kind="producer"):
        worker = uid(next(self.numbers))
        self.call("start_worker", worker, kind, "here", 1, "0", LEASE)
        return worker

    def submit(self, *pair, **submission):
        return self.call("submit", self.submission(*pair, **submission))[0]

    def submission(self, source=1, target=2, name=None, auth="none", source_name="docs", target_name="docs", max_records=300,
               worker=None, selection=None, title=None, **settings):
        """target None: its collection is not there yet."""
        side = {"tenant": "default_tenant", "database": "default_database"}
        return json.dumps({
            "name": name, "worker": worker, "settings": settings, "selection": selection, "title": title,
            "source": dict(side, uuid=uid(source), name=source_name, url="http://source", origin="http://source",
                           auth="none"),
            "target": dict(side, uuid=target and uid(target), name=target_name, url="http://target", origin="http://target",
                           auth=auth, space="l2", dimension=3, takes_base64=True, max_batch_records=max_records)})

    def submit_many(self, *pairs, name=None, title=None, worker=None, resumes=None, **settings):
        """A row for each pair. pairs: (source, target, name) each, name for both sides."""
        side = {"tenant": "default_tenant", "database": "default_database", "auth": "none"}
        return self.call("submit", json.dumps({
            "name": name, "title": title, "worker": worker, "settings": settings, "resumes": resumes,
            "collections": [{
                "source": dict(side, uuid=uid(source), name=called, url="http://source", origin="http://source"),
                "target": dict(side, uuid=uid(target), name=called, url="http://target", origin="http://target", space="l2",
                               dimension=3, takes_base64=True, max_batch_records=300),
                "fidelity": []} for source, target, called in pairs]}))

    def take_plan(self, worker, job, lease=LEASE, collection=1):
        return self.call("plan_take", worker, job, collection, lease)[0]

    def stage(self, job, epoch, side, listed, first=0, collection=1):
        return self.answer("plan_add", job, collection, epoch, side, first, listed)

    def cut(self, job, epoch, records=3, batches=200, collection=1):
        start, pieces = 0, []
        while start is not None:
            (row,) = self.call("plan_cut", job, collection, epoch, start, records, batches)
            pieces.append(row["batches"])
            start = row["next_ordinal"]
        return pieces

    def doubtful(self, job, epoch, asked=(), own=(), most=2, collection=1):
        """The next ids that an earlier job may have written."""
        listed = self.answer("plan_doubtful", job, collection, epoch, list(asked), list(own), most)
        return [bytes.fromhex(one) for one in listed.split(",")] if listed else []

    def plan(self, worker, job, source, target=(), records=3, collection=1, differ=()):
        """All of P1 to P4, of one pair. differ: what the target has otherwise than the source."""
        taken = self.take_plan(worker, job, collection=collection)
        assert taken["is_mine"]
        epoch = taken["epoch"]
        counts = [self.stage(job, epoch, side, list(listed), collection=collection)
                  for side, listed in (("s", source), ("t", target))]
        counts[0] = self.answer("plan_select", job, collection, epoch)
        if not taken["is_first"]:
            self.call("plan_prior", job, collection, epoch)
            asked = self.doubtful(job, epoch, collection=collection)
            while asked:
                asked = self.doubtful(job, epoch, asked, [one for one in asked if one not in differ], collection=collection)
        self.cut(job, epoch, records, collection=collection)
        return self.call("plan_close", job, collection, epoch, *counts)[0]

    def planned_job(self, worker, listed=None, target=(), records=3, pair=None):
        """A running job of, unless told otherwise, three batches of three. pair: what submit() takes."""
        job = self.submit(**(pair or {}))["job_id"]
        self.plan(worker, job, ids(9) if listed is None else listed, target, records)
        return job

    # --- the producer ------------------------------------------------------------------------------------------------

    def claim_exports(self, worker, job, most=100, ahead=128, ahead_bytes=1 << 28, lease=LEASE):
        return self.call("claim_exports", worker, job, most, lease, ahead, ahead_bytes)

    def record(self, worker, job, claims, left_out=(), empty=(), size=1000):
        """E3. left_out: (batch, id, reason) each; empty: batches of which nothing is left."""
        numbers = [claim["batch_no"] for claim in claims]
        return self.call("record_exports", worker, job, numbers, [claim["fence"] for claim in claims],
                         [claim["export_rev"] for claim in claims],
                         [None if claim["batch_no"] in empty else digest(job, claim["batch_no"], claim["export_rev"])
                          for claim in claims],
                         [None if claim["batch_no"] in empty else size for claim in claims],
                         [one[0] for one in left_out], [one[1] for one in left_out], [one[2] for one in left_out],
                         ["because" for _ in left_out])

    def report(self, job, messages, partition=4, offset=70):
        """E5, ok."""
        return self.call("report_exports", job, [one.batch for one in messages], [one.fence for one in messages],
                         [one.rev for one in messages], [partition for _ in messages], [offset for _ in messages])

    def export(self, worker, job, most=100, left_out=()):
        """E1 to E4: the messages, unreported."""
        claims = self.claim_exports(worker, job, most)
        self.record(worker, job, claims, left_out)
        return [Message(job, claim["batch_no"], claim["export_rev"],
                        digest(job, claim["batch_no"], claim["export_rev"]), claim["fence"]) for claim in claims]

    def publish(self, worker, job, most=100, left_out=()):
        messages = self.export(worker, job, most, left_out)
        self.report(job, messages)
        return messages

    # --- the consumer ------------------------------------------------------------------------------------------------

    def arrive(self, worker, *messages, secrets=()):
        """Intake: a row for each message, in order."""
        rows = self.call("claim_batches", worker, LEASE, [one.job for one in messages], [one.batch for one in messages],
                         [one.rev for one in messages], [one.sha for one in messages], list(secrets))
        return sorted(rows, key=lambda row: row["ord"])

    def claim(self, worker, *messages):
        """Their fences; all must be claimed."""
        rows = self.arrive(worker, *messages)
        assert [row["outcome"] for row in rows] == ["claimed"] * len(messages), rows
        return [row["fence"] for row in rows]

    def finish(self, worker, job, batch, fence, verified=3, rejects=(), rounded=0, status=0, doubtful=False):
        """D3 of one batch; rejects: (id, reason) each."""
        return self.call("finish_batches", worker, [job], [batch], [fence], [verified], [len(rejects)], [rounded],
                         ["ab" * 32], [doubtful], [job for _ in rejects], [batch for _ in rejects], [one[0] for one in rejects],
                         [one[1] for one in rejects], ["because" for _ in rejects], [status for _ in rejects])

    def deliver(self, worker, *messages, rejects=None):
        """Claims and finishes; rejects: {batch: [(id, reason)]}."""
        for message in messages:
            (row,) = self.arrive(worker, message)
            assert row["outcome"] == "claimed", row
            refused = (rejects or {}).get(message.batch, [])
            done = self.finish(worker, message.job, message.batch, row["fence"], row["n_operations"] - len(refused), refused)
            assert len(done) == 1

    def park(self, worker, message, fence=0, sent=False, cause="paused", lacks_secret=False):
        return self.call("park_batches", worker, LEASE, [message.job], [message.batch], [message.rev], [message.sha],
                         [fence], [sent], cause, [lacks_secret])

    def release(self, worker, message, fence, sent=False):
        return self.call("release_claims", worker, LEASE, [message.job], [message.batch], [fence], [sent])

    def renew(self, worker, claims=(), job=None, waits_for="", lease=LEASE, missing_secrets=(), partitions=None):
        """claims: (job, batch, fence) each; answers those that are left."""
        rows = self.call("renew", worker, lease, job, [one[0] for one in claims], [one[1] for one in claims],
                         [one[2] for one in claims], waits_for, list(missing_secrets), 0, partitions)
        return sorted((row["job_id"], row["batch_no"], row["fence"]) for row in rows)

    # --- the end -----------------------------------------------------------------------------------------------------

    def take_finish(self, worker, job):
        return self.answer("finish_take", worker, job, LEASE)

    def compare(self, worker, job, target, source, collection=1, take=True):
        assert not take or self.take_finish(worker, job)
        self.call("finish_add", worker, job, collection, "e", 0, list(target))
        self.call("finish_add", worker, job, collection, "d", 0, list(source))
        return self.call("finish_compare", worker, job, collection)[0]

    def next_deletions(self, worker, job, most=300):
        """state, fence and ids."""
        row = self.call("next_deletions", worker, job, 1, most, LEASE)[0]
        listed = [bytes.fromhex(one) for one in row["ids"].split(",")] if row["ids"] else []
        return row["state"], row["fence"], sorted(listed)

    def settle_deletions(self, job, fence, done=True, outcome=None):
        self.call("settle_deletions", job, 1, fence, outcome or ("done" if done else "unknown"))

    def end(self, worker, job, state="succeeded", error=""):
        return self.answer("finish_job", worker, job, state, error)

    def complete(self, producer, consumer, job, rejects=None, listed=None):
        """Everything from E1 to the end."""
        self.deliver(consumer, *self.publish(producer, job), rejects=rejects)
        moved = [one for batch, _ in self.manifest(job) for one in batch]
        self.compare(producer, job, moved if listed is None else listed, moved)
        assert self.end(producer, job) == "succeeded"
