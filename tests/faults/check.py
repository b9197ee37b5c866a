#!/usr/bin/env python3
"""The independent check: reads PostgreSQL, Kafka and both Chromas, and says of each invariant whether it holds.

    tests/faults/check.py --dsn "host=… dbname=…" --brokers HOST:PORT --topic T --source URL --target URL [--job NAME]
                          [--front-log FILE] [--canary-file FILE] [--output FILE]… [--ended SECONDS --within SECONDS]

    I1  the target equals the source, record by record, or the record is in the rejects with a reason
    I2  each batch was verified once, by the claim with the highest fence
    I3  no offset is committed beyond a message that is not done
    I4  nothing was written to the target without a live claim on its records
    I5  the counts add up, and every id is in exactly one batch
    I6  the jobs have ended, in time, and hold nothing any more
    I7  no secret is anywhere

One line for each; exit status 1 when one is broken. For I2 and I4 the ledger needs trail.sql, installed before the job; for I4
there is also the log of a front (front.py); for I7 a file with one secret a line. What was not given is not looked at, and said so.
"""

import argparse
import array
import hashlib
import json
import sys

from evidence import FINAL, Bus, Chroma, Ledger, Where, disguises, writes

PAGE = 300
SLACK = 0.5  # seconds between the sending of a request and its arrival at the front


class Finding:
    """What one invariant came to. Broken when there is anything in `faults`."""

    def __init__(self, name, says, faults=(), looked=True):
        self.name, self.says, self.faults, self.looked = name, says, list(faults), looked

    @property
    def holds(self):
        return not self.faults

    def __str__(self):
        state = "broken" if self.faults else "holds" if self.looked else "not looked at"
        line = "%s %s: %s" % (self.name, state, self.says)
        if self.faults:
            line += "; %d faults: %s" % (len(self.faults), "; ".join(self.faults[:5]))
        return line


# --- I1 --------------------------------------------------------------------------------------------------------------

def plain(value):
    """Metadata as it counts: neither null nor an empty list is there, -0.0 is 0.0."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None and item != []}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return 0.0 if isinstance(value, float) and value == 0 else value


def record_sha256(record):
    vector = array.array("f", record["embedding"]).tobytes() if record["embedding"] is not None else b"none"
    text = json.dumps([record["document"], record["uri"], plain(record["metadata"] or {})], sort_keys=True)
    return hashlib.sha256(vector + text.encode("utf-8", "surrogatepass")).digest()


def difference(left, right, space):
    """None when they are equal: to the bit, or as near as a server that rounds can bring them (judge.py)."""
    if record_sha256(left) == record_sha256(right):
        return None
    import judge  # which brings Chroma's own client, and takes its time
    left, right = (dict(record, embedding=judge.vector(record["embedding"])) for record in (left, right))
    return judge.Comparison().record(left, right, space)


def pair_differences(source, target, rejected, pair, may_have_more):
    left, right = source.collection(pair["source_name"]), target.collection(pair["target_name"])
    if left is None or right is None:
        yield "no collection %s" % (pair["source_name"] if left is None else pair["target_name"])
        return
    space = (left["configuration_json"].get("hnsw") or {}).get("space", "l2")
    here, there = source.ids(left), set(target.ids(right))
    yield len(here)
    excused = {name for name, reason in rejected.items() if reason.strip()}
    more = sorted(there - set(here))
    if more and not may_have_more:
        yield "%d more at the target, first %r" % (len(more), more[0])
    for start in range(0, len(here), PAGE):
        ids = here[start:start + PAGE]
        ours, theirs = source.records(left, ids), target.records(right, [name for name in ids if name in there])
        for name in ids:
            if name in excused:
                continue
            if name not in theirs:
                yield "%r is missing" % name
            elif name in ours:
                what = difference(ours[name], theirs[name], space)
                if what:
                    yield "%r differs: %s" % (name, what)


def i1(where, ledger):
    source, target, records, faults, rejects = Chroma(where.source), Chroma(where.target), 0, [], 0
    for pair in ledger.pairs():
        rejected = ledger.rejected(pair["job_id"])
        rejects += len(rejected)
        for found in pair_differences(source, target, rejected, pair, where.extra):
            if isinstance(found, int):
                records += found
            else:
                faults.append(found)
    return Finding("I1", "%d records of the source compared, %d rejects" % (records, rejects), faults, records > 0)


# --- I2 to I6 --------------------------------------------------------------------------------------------------------

def i2(where, ledger):
    trail = ledger.trail()
    if trail is None:
        return Finding("I2", "nobody has kept a trail", ["no trail"])
    faults, verified = [], 0
    for batch in ledger.batches():
        name = "batch %s/%d" % (batch["job"], batch["batch_no"])
        highest, done = 0, 0
        for step in trail.get((batch["job_id"], batch["batch_no"]), ()):
            highest = max(highest, step["fence"] or 0)
            now, before = (state in ("verified", "rejected") for state in (step["state"], step["was"]))
            done += now and not before
            done -= before and not now
            if now and not before and step["was"] == "claimed":
                if step["by_fence"] != highest:
                    faults.append("%s was verified with fence %s, the highest was %d" % (name, step["by_fence"], highest))
                if step["by_worker"] != step["owner"]:
                    faults.append("%s was %s's, and verified by %s" % (name, step["owner"], step["by_worker"]))
            if done > 1:
                faults.append("%s was verified twice" % name)
        if batch["state"] in ("verified", "rejected"):
            verified += 1
            if done != 1:
                faults.append("%s is %s and has %d such events" % (name, batch["state"], done))
            if batch["fence"] is not None and batch["fence"] < highest:
                faults.append("%s carries fence %d, the highest was %d" % (name, batch["fence"], highest))
    return Finding("I2", "%d batches are verified, each once" % verified, faults)


def i3(where, ledger):
    bus = Bus(where.brokers)
    committed = bus.committed(where.topic, ledger.group())  # first: what was done when it was committed is done later
    messages = [(message.partition, message.offset, message.batch()) for message in bus.messages(where.topic)]
    rows = {(row["job_id"], row["batch_no"]): row for row in
            ledger.rows("SELECT job_id, batch_no, state, export_rev FROM ferry.batches")}
    faults = []
    for partition, offset, batch in messages:
        row = rows.get(batch[:2]) if batch else None
        open_ = row is not None and row["state"] not in FINAL and row["export_rev"] == batch[2]
        if open_ and offset < committed.get(partition, 0):
            faults.append("partition %d is committed at %d, and batch %d/%d at %d is %s" % (
                partition, committed[partition], batch[0], batch[1], offset, row["state"]))
    return Finding("I3", "%d messages, %d partitions with a committed offset" % (len(messages), len(committed)), faults)


class Claims:
    """When who might write which record."""

    def __init__(self, ledger):
        self.spans = {}  # (job_id, batch_no): [(from, until)]
        for batch, steps in (ledger.trail() or {}).items():
            spans = self.spans[batch] = []
            for index, step in enumerate(steps):
                if step["state"] == "claimed" and step["lease_until"] is not None:
                    after = steps[index + 1]["at"] if index + 1 < len(steps) else step["lease_until"]
                    spans.append((step["at"], min(step["lease_until"], after)))
        self.batches = {}  # (target_uuid, id): [batch]
        parents = {(row["job_id"], row["batch_no"]): row["parent_no"] for row in
                   ledger.rows("SELECT job_id, batch_no, parent_no FROM ferry.batches")}
        for row in ledger.rows("SELECT b.job_id, b.batch_no, c.target_uuid::text AS target, i.ids FROM ferry.batches b "
                               "JOIN ferry.batch_ids i USING (job_id, batch_no) "
                               "JOIN ferry.job_collections c USING (job_id, collection_no)"):
            line, number = [], row["batch_no"]
            while number is not None:  # a split batch was perhaps written under its first number
                line.append((row["job_id"], number))
                number = parents.get((row["job_id"], number))
            for name in row["ids"]:
                self.batches.setdefault((row["target"], bytes(name).decode("utf-8", "surrogateescape")), []).extend(line)

    def live(self, target, name, at):
        return any(start - SLACK <= at <= end + SLACK for batch in self.batches.get((target, name), ())
                   for start, end in self.spans.get(batch, ()))


def i4(where, ledger):
    if where.front_log is None:
        return Finding("I4", "no front has kept a log", looked=False)
    claims, faults = Claims(ledger), []
    ours = {str(row["target_uuid"]) for row in ledger.rows("SELECT target_uuid FROM ferry.job_collections")}
    deletions = {bytes(row["id"]) for row in ledger.rows("SELECT id FROM ferry.deletions")}
    repairs = {bytes(row["id"]) for row in ledger.rows("SELECT id FROM ferry.repairs")}
    seen = [write for write in writes(where.front_log) if write["collection"] in ours]
    for write in seen:
        for name in write["ids"]:
            raw = name.encode("utf-8", "surrogateescape")
            if write["verb"] == "delete" and raw in deletions:
                continue
            if write["verb"] == "delete" and raw not in repairs:
                faults.append("delete of %r, of which no repair was noted" % name)
            elif not claims.live(write["collection"], name, write["at"]):
                faults.append("%s of %r at %.3f under no live claim" % (write["verb"], name, write["at"]))
                break
    return Finding("I4", "%d writes were seen on their way" % len(seen), faults)


def i5(where, ledger):
    faults, planned, verified, rejected, vanished = [], 0, 0, 0, 0
    counts = {table: {(row["job_id"], row["batch_no"]): row["n"] for row in ledger.rows(
        "SELECT job_id, batch_no, count(*) AS n FROM ferry.%s GROUP BY 1, 2" % table)}
        for table in ("rejected_records", "vanished_records")}
    of_job = {}
    for row in ledger.batches():
        name, key = "batch %s/%d" % (row["job"], row["batch_no"]), (row["job_id"], row["batch_no"])
        if row["state"] in ("superseded", "cancelled"):
            continue
        of_job[row["job_id"]] = of_job.get(row["job_id"], 0) + row["n_records"]
        planned += row["n_records"]
        if row["state"] not in ("verified", "rejected"):
            faults.append("%s is %s" % (name, row["state"]))
            continue
        verified, rejected, vanished = verified + row["n_verified"], rejected + row["n_rejected"], vanished + row["n_vanished"]
        if row["n_records"] != row["n_verified"] + row["n_rejected"] + row["n_vanished"]:
            faults.append("%s: %d records, but %d verified, %d rejected, %d vanished" % (
                name, row["n_records"], row["n_verified"], row["n_rejected"], row["n_vanished"]))
        for table, column in (("rejected_records", "n_rejected"), ("vanished_records", "n_vanished")):
            if counts[table].get(key, 0) != row[column]:
                faults.append("%s: %s is %d, %s has %d" % (name, column, row[column], table, counts[table].get(key, 0)))
    for pair in ledger.rows("SELECT * FROM ferry.job_collections"):
        if pair["job_id"] in of_job and pair["n_planned"] != of_job[pair["job_id"]]:
            faults.append("job %d: planned are %d, its batches have %d" % (pair["job_id"], pair["n_planned"], of_job[pair["job_id"]]))
    for row in ledger.rows("SELECT b.job_id, u.id, count(*) AS n FROM ferry.batches b JOIN ferry.batch_ids i USING (job_id, batch_no) "
                           "CROSS JOIN LATERAL unnest(i.ids) AS u (id) WHERE b.state <> 'superseded' "
                           "AND NOT EXISTS (SELECT FROM ferry.vanished_records v WHERE v.job_id = b.job_id AND v.batch_no = b.batch_no "
                           "AND v.id = u.id) "  # planned again when it was there again
                           "GROUP BY b.job_id, b.collection_no, u.id HAVING count(*) > 1 LIMIT 5"):
        faults.append("job %d: %r is in %d batches" % (row["job_id"], bytes(row["id"]), row["n"]))
    return Finding("I5", "%d planned = %d verified + %d rejected + %d vanished" % (planned, verified, rejected, vanished), faults,
                   planned > 0)


def i6(where, ledger):
    faults, latest = [], None
    jobs = ledger.jobs()
    for job in jobs:
        if job["state"] not in where.states or job["finished"] is None:
            faults.append("job %s is %s" % (job["name"], job["state"]))
        elif where.ended is not None:
            latest = max(latest or 0, job["finished"] - where.ended)
    if latest is not None and where.within is not None and latest > where.within:
        faults.append("the last job ended %.1f s after the last fault, allowed are %.1f" % (latest, where.within))
    for row in ledger.rows("SELECT count(*) AS n FROM ferry.batches WHERE state NOT IN ('planned') AND lease_until > now()"):
        if row["n"]:
            faults.append("%d batches are still leased" % row["n"])
    for row in ledger.rows("SELECT count(*) AS n FROM ferry.repairs WHERE closed_at IS NULL"):
        if row["n"]:
            faults.append("%d repairs are open" % row["n"])
    says = "%d jobs have ended" % len(jobs)
    if latest is not None:
        says += ", %.1f s after the last fault" % max(latest, 0)
    return Finding("I6", says, faults if jobs else ["there is no job"])


# --- I7 --------------------------------------------------------------------------------------------------------------

def places(where, ledger):
    """(name, text) of all that the programs leave behind."""
    yield from where.texts
    for path in where.files:
        with open(path, errors="replace") as file:
            yield str(path), file.read()
    for table, row in ledger.texts():
        yield "table " + table, row
    bus = Bus(where.brokers)
    for topic in filter(None, (where.topic, where.dead_letters)):
        for message in bus.messages(topic):
            for text in message.texts():
                yield "topic %s" % topic, text


def i7(where, ledger):
    if not where.canaries:
        return Finding("I7", "no canaries were given", looked=False)
    forms = {form: number for number, secret in enumerate(where.canaries) for form in disguises(secret)}
    faults, looked = set(), 0
    for name, text in places(where, ledger):
        looked += 1
        faults.update("secret %d is in %s" % (number, name) for form, number in forms.items() if form in text)
    return Finding("I7", "%d secrets, %d texts searched" % (len(where.canaries), looked), sorted(faults))


# --- all of them -----------------------------------------------------------------------------------------------------

ALL = (i1, i2, i3, i4, i5, i6, i7)


def findings(where, only=ALL):
    ledger = Ledger(where)
    try:
        return [invariant(where, ledger) for invariant in only]
    finally:
        ledger.connection.close()


def everything(world, job=None, only=ALL, **changes):
    """For a scenario: prints one line each, and fails when an invariant is broken. changes: of what Where knows."""
    found = findings(world.where(job, **changes), only)
    lines = [str(finding) for finding in found]
    print("\n".join(lines))
    assert all(finding.holds for finding in found), "\n" + "\n".join(lines)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("dsn", "brokers", "topic", "source", "target"):
        parser.add_argument("--" + name, required=True)
    for name in ("dead-letters", "job", "front-log", "canary-file"):
        parser.add_argument("--" + name)
    for name in ("ended", "within"):
        parser.add_argument("--" + name, type=float, metavar="SECONDS")
    parser.add_argument("--output", action="append", default=[], metavar="FILE", help="where no secret may be")
    parser.add_argument("--extra", action="store_true", help="the target may have more than the source")
    options = vars(parser.parse_args())
    canary_file, options["files"] = options.pop("canary_file"), options.pop("output")
    if canary_file:
        with open(canary_file) as lines:
            options["canaries"] = lines.read().split()
    found = findings(Where(**options))
    print("\n".join(str(finding) for finding in found))
    return 0 if all(finding.holds for finding in found) else 1


if __name__ == "__main__":
    sys.exit(main())
