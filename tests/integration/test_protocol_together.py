"""Several workers at once: nothing is done twice, no limit is passed, and no two steps wait for each other."""

import collections
import contextlib
import random
import threading
import time

import psycopg
import pytest

from ledger import ids

THREADS = 8


@pytest.fixture
def together(ledger, request):
    """Runs body(ledger, number) in THREADS threads that begin at once, each with a connection of its own; their answers."""
    others = [ledger.another() for _ in range(THREADS)]

    def run(body):
        barrier = threading.Barrier(THREADS)
        answers, errors = [None] * THREADS, []

        def work(number):
            try:
                barrier.wait(30)
                answers[number] = body(others[number], number)
            except Exception as error:  # shown below
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert errors == []
        return answers

    yield run
    for other in others:
        other.close()


def twice(claims):
    return [one for one, count in collections.Counter(claims).items() if count > 1]


def test_no_batch_is_exported_twice_and_the_window_holds(ledger, together, producer):
    job = ledger.planned_job(producer, ids(300), records=3)
    workers = [ledger.worker() for _ in range(THREADS)]
    seen = []

    def export(one, number):
        mine = []
        while True:
            claims = one.claim_exports(workers[number], job, most=3, ahead=20)
            seen.append(one.value("SELECT count(*) FROM ferry.batches WHERE job_id = %s AND (state IN ('published', 'claimed')"
                                  " OR (state = 'planned' AND lease_until > now()))", job))
            if not claims:
                return mine
            mine += [(row["batch_no"], row["export_rev"]) for row in claims]
            one.record(workers[number], job, claims)

    claimed = [one for mine in together(export) for one in mine]
    assert twice(claimed) == [] and len(claimed) == 20
    assert max(seen) == 20


def test_no_message_is_claimed_twice_and_ten_at_most(ledger, together, producer):
    job = ledger.planned_job(producer, ids(120), records=3)
    messages = ledger.publish(producer, job)
    workers = [ledger.worker("consumer") for _ in range(THREADS)]
    seen, delivered = [], []

    def deliver(one, number):
        left = list(messages)
        random.Random(number).shuffle(left)
        end = time.monotonic() + 60
        while left and time.monotonic() < end:
            wanted, left = left[:4], left[4:]
            rows = one.arrive(workers[number], *wanted)
            seen.append(one.slots())
            for message, row in zip(wanted, rows):
                if row["outcome"] == "claimed":
                    delivered.append(message.batch)
                    done = one.finish(workers[number], job, message.batch, row["fence"])
                    assert [one["state"] for one in done] == ["verified"]
                elif row["outcome"] in ("busy", "hold"):
                    left.append(message)
                else:
                    assert row["outcome"] == "stale", row
        return left

    assert together(deliver) == [[]] * THREADS
    assert twice(delivered) == [] and len(delivered) == 40
    assert max(seen) <= 10 and ledger.slots() == 0
    assert set(ledger.states(job)) == {"verified"}


def test_one_message_delivered_to_all_is_claimed_by_one(ledger, together, producer, job):
    messages = ledger.publish(producer, job)
    workers = [ledger.worker("consumer") for _ in range(THREADS)]
    for message in messages:
        outcomes = together(lambda one, number: one.arrive(workers[number], message)[0]["outcome"])
        assert sorted(outcomes) == ["claimed"] + ["hold"] * (THREADS - 1)


def test_one_plan_and_one_finish_lease_are_given(ledger, together, producer, job):
    other = ledger.submit(source=3, target=4, source_name="more", target_name="more")["job_id"]
    workers = [ledger.worker() for _ in range(THREADS)]
    taken = together(lambda one, number: one.take_plan(workers[number], other)["is_mine"])
    assert taken.count(True) == 1
    taken = together(lambda one, number: one.take_finish(workers[number], job))
    assert taken.count(True) == 1


def test_one_job_comes_of_several_submissions_at_once(ledger, together):
    rows = together(lambda one, number: one.submit())
    assert len({row["job_id"] for row in rows}) == 1
    assert [row["is_resumed"] for row in rows].count(False) == 1


def test_workers_that_do_everything_at_once_never_deadlock(ledger, together, producer, request):
    """Random steps, most of them late or wrong, of all kinds over one job; the job's end is right all the same."""
    job = ledger.planned_job(producer, ids(90), records=3)
    workers = [ledger.worker("producer" if number % 2 else "consumer") for number in range(THREADS)]
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    ledger.run("UPDATE ferry.batches SET lease_until = NULL")
    end = time.monotonic() + 6
    refused, all_steps = collections.Counter(), collections.Counter()

    def too_few():
        return len(all_steps) < 13 or min(all_steps.values()) <= 5

    def work(one, number):
        rng, worker = random.Random(seed + number), workers[number]
        exported, fences = [], []
        steps = collections.Counter()

        def some(known, most=4):
            return rng.sample(known[-30:], min(len(known[-30:]), rng.randint(1, most)))

        def once(chosen):
            """No worker says two things of one batch in one statement."""
            return list({c[0]: c for c in chosen}.values())

        def produce():
            claims = one.claim_exports(worker, job, most=rng.randint(1, 8))
            rows = one.record(worker, job, claims)
            digests = {row["batch_no"] for row in rows}
            exported.extend((row["batch_no"], row["export_rev"], row["fence"]) for row in claims if row["batch_no"] in digests)

        def report():
            chosen = some(exported)
            one.call("report_exports", job, [c[0] for c in chosen], [c[2] for c in chosen], [c[1] for c in chosen],
                     [0] * len(chosen), [1] * len(chosen))

        def give_up():
            chosen = some(exported)
            one.call("release_exports", job, [c[0] for c in chosen], [c[2] for c in chosen], "failed")

        def split():
            rows = one.claim_exports(worker, job, most=1)
            if rows and rng.random() < 0.2:
                one.call("split_export", job, rows[0]["batch_no"], rows[0]["fence"])

        def rows_now():
            rows = one.all("SELECT batch_no, export_rev, encode(payload_sha256, 'hex') AS sha, fence FROM ferry.batches"
                           " WHERE job_id = %s", job)
            return rng.sample(rows, min(len(rows), rng.randint(1, 8)))

        def intake():
            chosen = [row for row in rows_now() if row["sha"]]
            rows = one.call("claim_batches", worker, "60 s", [job] * len(chosen), [row["batch_no"] for row in chosen],
                            [row["export_rev"] for row in chosen], [row["sha"] for row in chosen], [])
            for row in rows:
                if row["outcome"] == "claimed":
                    fences.append((chosen[row["ord"] - 1]["batch_no"], row["fence"], row["n_operations"]))

        def finish():
            """Some with a reject; so many that the job is blocked now and then."""
            chosen = once(some(fences))
            bad = [c[0] for c in chosen if rng.random() < 0.3]
            lost = [1 if c[0] in bad else 0 for c in chosen]
            count = len(bad)
            one.call("finish_batches", worker, [job] * len(chosen), [c[0] for c in chosen], [c[1] for c in chosen],
                     [c[2] - n for c, n in zip(chosen, lost)], lost, [0] * len(chosen), ["ab" * 32] * len(chosen),
                     [rng.random() < 0.1 for _ in chosen], [job] * count, bad, [b"no id of ours"] * count, ["refused"] * count,
                     ["because"] * count, [422] * count)

        def repair():
            chosen = once(some(fences))
            one.call("open_repairs", worker, [job] * len(chosen), [c[0] for c in chosen], [c[1] for c in chosen],
                     [job] * len(chosen), [c[0] for c in chosen], [b"no id of ours"] * len(chosen))

        def release():
            chosen = some(fences)
            one.call("release_claims", worker, "60 s", [job] * len(chosen), [c[0] for c in chosen], [c[1] for c in chosen],
                     [rng.random() < 0.5] * len(chosen))

        def park():
            chosen = rows_now()
            one.call("park_batches", worker, "60 s", [job] * len(chosen), [row["batch_no"] for row in chosen],
                     [row["export_rev"] for row in chosen], [row["sha"] or "" for row in chosen], [0] * len(chosen),
                     [False] * len(chosen), "parked", [False] * len(chosen))

        def renew():
            chosen = fences[-8:] + [(c[0], c[2], 0) for c in exported[-8:]]
            rng.shuffle(chosen)
            one.renew(worker, [(job, c[0], c[1]) for c in chosen], job=job)

        def sweep():
            if one.take_finish(worker, job):
                rows = one.call("sweep_candidates", job)
                rng.shuffle(rows)
                one.call("sweep_replan", worker, job, [row["batch_no"] for row in rows[:3]],
                         [row["export_rev"] for row in rows[:3]], "gone")

        def die():
            """Some leases end, as if their workers had been away."""
            one.run("UPDATE ferry.batches SET lease_until = now() - interval '1 s' WHERE (job_id, batch_no) IN"
                    " (SELECT job_id, batch_no FROM ferry.batches WHERE lease_until > now() ORDER BY random() LIMIT 3"
                    " FOR UPDATE SKIP LOCKED)")

        def rule():
            one.call(rng.choice(["pause", "resume", "resume", "resume"]), str(job))
            one.call("block_job", job, worker, "reason")
            one.call("resume_job", job)
            one.submit()
            one.call("job_progress", job)
            one.call("refuse_target", "00000000-0000-0000-0000-000000000002", "HTTP 503", "-1 s")

        kinds = [produce] * 4 + [report] * 2 + [intake] * 4 + [finish] * 4 + [repair, renew] * 2 + [give_up, split, release, park,
                                                                                         sweep, die, rule]
        while time.monotonic() < end or (too_few() and time.monotonic() < end + 60):
            step = rng.choice(kinds)
            try:
                step()
                steps[step.__name__] += 1
                all_steps[step.__name__] += 1
            except psycopg.errors.DeadlockDetected as error:
                raise AssertionError("deadlock in %s (seed %d): %s" % (step.__name__, seed, error))
            except psycopg.Error as error:
                refused[step.__name__, error.sqlstate] += 1
        return steps

    done = sum(together(work), collections.Counter())
    print(dict(done), dict(refused))
    assert not [one for one in refused if one[1] != "23514" and one not in (("rule", "FE005"), ("rule", "FE004"))], dict(refused)
    assert len(done) == 13 and min(done.values()) > 5, done
    assert ledger.slots() <= 10
    ledger.call("resume", str(job))
    ledger.call("change_settings", job, '{"max_rejects": "90"}')
    consumer = ledger.worker("consumer")
    ledger.run("UPDATE ferry.batches SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")
    ledger.run("UPDATE ferry.write_slots SET lease_until = NULL")
    ledger.run("UPDATE ferry.target_collections SET retry_at = NULL")
    ledger.run("UPDATE ferry.jobs SET finish_lease_until = now() - interval '1 s'")
    assert ledger.take_finish(producer, job)
    candidates = ledger.call("sweep_candidates", job)
    ledger.call("sweep_replan", producer, job, [row["batch_no"] for row in candidates],
                [row["export_rev"] for row in candidates], "gone")
    ledger.deliver(consumer, *ledger.publish(producer, job, 1000))
    ledger.settle(job)
    moved = sorted(one for batch, _ in ledger.manifest(job) for one in batch)
    assert moved == ids(90)
    assert ledger.compare(producer, job, moved, moved)["missing"] == 0
    assert ledger.end(producer, job) == "succeeded"


def test_cancelling_in_the_middle_never_deadlocks(ledger, together, producer):
    """cancel() takes every row of a job; so does planning; the others take some."""
    consumers = [ledger.worker("consumer") for _ in range(THREADS)]
    for turn in range(5):
        job = ledger.planned_job(producer, ids(60), records=3)
        messages = ledger.publish(producer, job)
        ledger.claim(consumers[0], *messages[:10])
        ledger.expire(job, *range(1, 11))

        def work(one, number):
            if number == 0:
                time.sleep(0.01 * turn)
                one.call("cancel", str(job))
                return
            if number == 1:
                for _ in range(3):
                    try:
                        one.submit()
                    except psycopg.Error as error:
                        assert error.sqlstate in ("FE001", "FE005"), error
                return
            rng = random.Random(100 * turn + number)
            for _ in range(4):
                mine = rng.sample(messages, 6)
                rows = one.arrive(consumers[number], *mine)
                one.renew(consumers[number], [(job, m.batch, r["fence"] or 0) for m, r in zip(mine, rows)], job=job)
                for message, row in zip(mine, rows):
                    if row["outcome"] == "claimed":
                        one.park(consumers[number], message, row["fence"], sent=True)

        together(work)
        assert set(ledger.states(job)) == {"cancelled"}
        ledger.quieten(job)
        for row in ledger.all("SELECT job_id FROM ferry.jobs WHERE state = 'pending'"):
            ledger.call("cancel", str(row["job_id"]))


# --- locks in one order ----------------------------------------------------------------------------------------------

@contextlib.contextmanager
def held_up(ledger, lock, *values, step):
    """While another transaction has this lock, for which step(ledger) waits; the transaction's ledger."""
    holder, waiter = ledger.another(), ledger.another()
    errors = []

    def work():
        try:
            step(waiter)
        except Exception as error:  # shown below
            errors.append(error)

    thread = threading.Thread(target=work)
    try:
        with holder.connection.transaction():
            assert holder.run(lock, *values) == 1
            thread.start()
            end = time.monotonic() + 30
            while not ledger.value("SELECT cardinality(pg_blocking_pids(%s)) > 0", waiter.connection.info.backend_pid):
                assert time.monotonic() < end and thread.is_alive(), errors
                time.sleep(0.01)
            yield holder
        thread.join(60)
        assert errors == [] and not thread.is_alive()
    finally:
        holder.close()
        waiter.close()


def test_a_job_that_goes_on_is_locked_after_its_pairs(ledger, producer, job):
    ledger.run("UPDATE ferry.endpoints SET url = 'http://before' WHERE url = 'http://source'")
    with held_up(ledger, "SELECT FROM ferry.job_collections WHERE job_id = %s FOR UPDATE", job,
                 step=lambda one: one.submit(catch_up=True)) as holder:
        holder.run("SELECT FROM ferry.jobs WHERE job_id = %s FOR NO KEY UPDATE NOWAIT", job)
    assert ledger.job(job)["settings"]["catch_up"]


@pytest.mark.parametrize("step", ["finish", "redrive", "cancel"])
def test_several_targets_are_locked_in_the_order_of_their_uuids(ledger, producer, consumer, step):
    job = ledger.submit_many(*[(n, 10 + n, "docs%d" % n) for n in (1, 2, 3, 4)], worker=producer)[0]["job_id"]
    for number in (1, 2, 3, 4):
        ledger.plan(producer, job, ids(3, 3 * number), collection=number)
    messages = ledger.publish(producer, job)
    fences = ledger.claim(consumer, *messages)
    batches, refused = [message.batch for message in messages], [ids(1, 3 * number)[0] for number in (1, 2, 3, 4)]

    def finish(one):
        assert len(one.call("finish_batches", consumer, [job] * 4, batches, fences, [2] * 4, [1] * 4, [0] * 4, ["ab" * 32] * 4,
                            [False] * 4, [job] * 4, batches, refused, ["refused"] * 4, ["because"] * 4, [0] * 4)) == 4
    if step == "redrive":
        finish(ledger)
    targets = [row["target_uuid"] for row in ledger.all("SELECT target_uuid FROM ferry.target_collections ORDER BY 1 DESC")]
    for target in targets:  # so that they lie in the table the other way round
        ledger.run("UPDATE ferry.target_collections SET retry_at = now() - interval '1 s', writer_job_id = nullif(%s, 0)"
                   " WHERE target_uuid = %s", 0 if step == "redrive" else job, target)
    steps = {"finish": finish, "redrive": lambda one: one.call("redrive", str(job), None, None),
             "cancel": lambda one: one.call("cancel", str(job))}
    with held_up(ledger, "SELECT FROM ferry.target_collections WHERE target_uuid = %s FOR UPDATE", targets[-1], step=steps[step]):
        free = ledger.all("SELECT target_uuid FROM ferry.target_collections ORDER BY 1 DESC FOR NO KEY UPDATE SKIP LOCKED")
        assert [row["target_uuid"] for row in free] == targets[:-1]
