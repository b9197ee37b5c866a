-- What people do to a job: pause, resume, cancel, redrive, retry, purge.

-- The job's state, its row held; what has ended is not stopped any more.
CREATE FUNCTION ferry.lock_unfinished(p_job bigint, p_deed text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v ferry.jobs;
BEGIN
    SELECT * INTO v FROM ferry.jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    IF v.state IN ('succeeded', 'failed') OR v.state = 'cancelled' AND p_deed <> 'cancel' THEN
        RAISE EXCEPTION 'job % has ended (%): there is nothing to %', v.name, v.state, p_deed USING ERRCODE = 'FE001';
    END IF;
    RETURN v.state;
END
$$;

-- Answers the state afterwards. Nothing of it is exported or claimed from now on; what is claimed may be finished.
CREATE FUNCTION ferry.pause(p_job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_job bigint := ferry.find_job(p_job);
    v_state text := ferry.lock_unfinished(v_job, 'pause');
BEGIN
    IF v_state IN ('pending', 'blocked') THEN
        RAISE EXCEPTION 'job % is %: only a running job can be paused', p_job,
            CASE v_state WHEN 'pending' THEN 'still being planned' ELSE v_state END USING ERRCODE = 'FE004';
    END IF;
    PERFORM ferry.refuse_while_repairing(v_job);
    UPDATE ferry.jobs SET state = 'paused' WHERE job_id = v_job AND state = 'running';
    IF FOUND THEN
        PERFORM ferry.log_event('job.paused', v_job, NULL, NULL, '');
    END IF;
    RETURN 'paused';
END
$$;

CREATE FUNCTION ferry.resume(p_job text) RETURNS text LANGUAGE sql AS $$
    SELECT ferry.resume_job(ferry.find_job(p_job))
$$;

-- Answers the state afterwards. A claimed batch keeps its fence and lease: until its claim is settled, or that has passed, a
-- request of it may be on its way (ferry.target_in_flight).
CREATE FUNCTION ferry.cancel(p_job text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_job bigint := ferry.find_job(p_job);
BEGIN
    PERFORM FROM ferry.job_collections WHERE job_id = v_job ORDER BY collection_no FOR UPDATE;
    PERFORM ferry.lock_unfinished(v_job, 'cancel');
    PERFORM ferry.refuse_while_repairing(v_job);
    UPDATE ferry.jobs SET state = 'cancelled', finished_at = now()
        WHERE job_id = v_job AND state IN ('pending', 'running', 'paused', 'blocked');
    IF FOUND THEN
        PERFORM FROM ferry.batches WHERE job_id = v_job ORDER BY batch_no FOR UPDATE;
        UPDATE ferry.batches SET state = 'cancelled', finished_at = now(),
                lease_until = CASE WHEN state = 'claimed' THEN lease_until END
            WHERE job_id = v_job AND state IN ('planned', 'published', 'claimed');
        UPDATE ferry.job_collections SET is_open = false WHERE job_id = v_job;
        PERFORM FROM ferry.target_collections WHERE writer_job_id = v_job ORDER BY target_uuid FOR NO KEY UPDATE;
        UPDATE ferry.target_collections SET writer_job_id = NULL WHERE writer_job_id = v_job;
        DELETE FROM ferry.plan_ids WHERE job_id = v_job;
        PERFORM ferry.log_event('job.cancelled', v_job, NULL, NULL, '');
    END IF;
    RETURN 'cancelled';
END
$$;

-- What of a job is still in somebody's hands, and what of it is at the target: for who has stopped it. claimed: batches that a
-- consumer may be writing; exporting: those that a producer holds; claims_ms: until the last of those leases ends by itself.
-- sent: records of batches that were begun and not verified; any of them may be at the target.
CREATE FUNCTION ferry.job_hold(p_job text)
RETURNS TABLE (job_id bigint, name text, state text, claimed bigint, exporting bigint, claims_ms bigint, workers text, verified bigint, sent bigint)
LANGUAGE sql STABLE AS $$
    WITH b AS (
        SELECT x.*, x.lease_until > now() AND x.owner IS NOT NULL AND x.state IN ('planned', 'claimed', 'cancelled') AS is_held
        FROM ferry.batches x WHERE x.job_id = ferry.find_job(p_job)
    )
    SELECT j.job_id, j.name, j.state,
        (SELECT count(*) FROM b WHERE is_held AND b.state <> 'planned'),
        (SELECT count(*) FROM b WHERE is_held AND b.state = 'planned'),
        (SELECT coalesce(ceil(extract(epoch FROM max(lease_until) - now()) * 1000), 0)::bigint FROM b WHERE is_held),
        (SELECT coalesce(string_agg(DISTINCT w.kind || ' ' || w.pid || ' on ' || w.host, ', '), '')
         FROM b JOIN ferry.workers w ON w.worker_id = b.owner WHERE is_held),
        (SELECT coalesce(sum(n_verified), 0) FROM b WHERE b.state IN ('verified', 'rejected')),
        (SELECT coalesce(sum(n_records - n_rejected - n_vanished), 0) FROM b
         WHERE b.state IN ('planned', 'published', 'claimed', 'cancelled') AND (b.deliveries > 0 OR b.must_reread))
    FROM ferry.jobs j WHERE j.job_id = ferry.find_job(p_job)
$$;

-- Another job of a pair of this one that has not ended, or null.
CREATE FUNCTION ferry.open_rival(p_job bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT j.name FROM ferry.job_collections me
    JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection) = (me.source_uuid, me.target_uuid, me.selection)
    JOIN ferry.jobs j ON j.job_id = o.job_id
    WHERE me.job_id = p_job AND o.job_id <> p_job AND o.is_open LIMIT 1
$$;

-- The job of a redrive goes on, also when it had ended: then its pairs are open again, and nobody else may hold them. What it was
-- to delete was asked for as the world was then: who still wants that asks again.
CREATE FUNCTION ferry.reopen_job(p_job bigint, p_detail text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_other text;
BEGIN
    v_other := ferry.open_rival(p_job);
    IF v_other IS NOT NULL THEN
        RAISE EXCEPTION 'job % moves the same collection now: wait until it has ended, or cancel it', v_other
            USING ERRCODE = 'FE002';
    END IF;
    SELECT j.name INTO v_other FROM ferry.job_collections me
        JOIN ferry.job_collections o ON o.target_uuid = me.target_uuid JOIN ferry.jobs j ON j.job_id = o.job_id
        WHERE me.job_id = p_job AND o.job_id <> p_job AND o.is_open LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'job % is writing into this target collection: run again when it has ended', v_other
            USING ERRCODE = 'FE005';
    END IF;
    PERFORM ferry.refuse_while_in_flight(c.target_uuid) FROM ferry.job_collections c WHERE c.job_id = p_job;
    UPDATE ferry.job_collections SET is_open = true, n_missing = NULL, n_extra = NULL, n_added = NULL, n_deleted = NULL,
            n_rounds = 0
        WHERE job_id = p_job;
    UPDATE ferry.jobs SET state = 'running', finished_at = NULL, last_error = NULL, finish_owner = NULL, finish_lease_until = NULL,
            settings = settings - ARRAY['catch_up', 'catch_up_rounds', 'delete_extra', 'max_delete']
        WHERE job_id = p_job AND state <> 'running';
    PERFORM FROM ferry.target_collections t
        WHERE t.target_uuid IN (SELECT target_uuid FROM ferry.job_collections WHERE job_id = p_job)
        ORDER BY t.target_uuid FOR NO KEY UPDATE;
    UPDATE ferry.target_collections t SET writer_epoch = writer_epoch + 1, writer_job_id = p_job
        WHERE t.target_uuid IN (SELECT target_uuid FROM ferry.job_collections WHERE job_id = p_job)
          AND t.writer_job_id IS DISTINCT FROM p_job;
    PERFORM ferry.log_event('job.redriven', p_job, NULL, NULL, p_detail);
END
$$;

-- Rejected records go again: they leave their batches, each batch's for a new one, and the job goes on with those, as the
-- source is now; of a job that leaves alone what is not the ferry's they are first looked for at the target (ferry.next_unseen),
-- but for those that the ferry has put there. p_ids and p_reason: only these. A batch that is under way is not touched. A batch of which nothing is left
-- is superseded. Answers how many records go again; 0: nothing was changed.
CREATE FUNCTION ferry.redrive(p_job text, p_ids bytea[] DEFAULT NULL, p_reason text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_job bigint := ferry.find_job(p_job);
    v_state text;
    v_last bigint;
    v_records bigint;
    v_batches bigint;
    v_looks boolean := ferry.on_existing(v_job) <> 'mirror';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ferry.submit', 0));
    PERFORM FROM ferry.job_collections WHERE job_id = v_job ORDER BY collection_no FOR UPDATE;
    SELECT state INTO v_state FROM ferry.jobs WHERE job_id = v_job FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM ferry.jobs WHERE job_id = v_job AND purged_at IS NOT NULL) THEN
        RAISE EXCEPTION 'job % was purged: its rejected records cannot go again; run migrate, which moves them', p_job
            USING ERRCODE = 'FE004';
    END IF;
    IF v_state NOT IN ('running', 'blocked', 'succeeded', 'failed') THEN
        RAISE EXCEPTION 'job % is %: its rejected records cannot go again%', p_job, v_state,
            CASE v_state WHEN 'paused' THEN '; resume it first' WHEN 'cancelled' THEN '; run migrate' ELSE ' yet' END
            USING ERRCODE = 'FE004';
    END IF;
    PERFORM FROM ferry.batches b
        WHERE b.job_id = v_job AND b.state IN ('verified', 'rejected') AND b.n_rejected > 0 ORDER BY b.batch_no FOR UPDATE;
    SELECT max(batch_no) INTO v_last FROM ferry.batches WHERE job_id = v_job;
    WITH chosen AS MATERIALIZED (
        SELECT r.batch_no, sha256(r.id) AS hash, ferry.was_written(r.reason) AS is_own FROM ferry.rejected_records r JOIN ferry.batches b USING (job_id, batch_no)
        WHERE r.job_id = v_job AND b.state IN ('verified', 'rejected')
          AND (p_ids IS NULL OR r.id = ANY (p_ids)) AND (p_reason IS NULL OR r.reason = p_reason)
    ), sorted AS (
        SELECT i.batch_no, u.id, u.ord, substring(i.existed FROM u.ord::integer FOR 1)::text AS bit, c.hash IS NOT NULL AS goes,
            CASE WHEN v_looks AND NOT c.is_own AND get_bit(i.existed, u.ord::integer - 1) = 0 THEN '1' ELSE '0' END AS look
        FROM ferry.batch_ids i CROSS JOIN LATERAL unnest(i.ids) WITH ORDINALITY AS u (id, ord)
        LEFT JOIN chosen c ON c.batch_no = i.batch_no AND c.hash = sha256(u.id)
        WHERE i.job_id = v_job AND i.batch_no IN (SELECT batch_no FROM chosen)
    ), parts AS MATERIALIZED (
        SELECT batch_no, v_last + row_number() OVER (ORDER BY batch_no) AS child_no,
            array_agg(id ORDER BY ord) FILTER (WHERE goes) AS gone,
            (string_agg(bit, '' ORDER BY ord) FILTER (WHERE goes))::bit varying AS gone_bits,
            (string_agg(look, '' ORDER BY ord) FILTER (WHERE goes))::bit varying AS looks,
            array_agg(id ORDER BY ord) FILTER (WHERE NOT goes) AS kept,
            (string_agg(bit, '' ORDER BY ord) FILTER (WHERE NOT goes))::bit varying AS kept_bits
        FROM sorted GROUP BY batch_no
    ), put_batches AS (
        INSERT INTO ferry.batches (job_id, batch_no, collection_no, kind, n_records, parent_no, redrives, unseen, must_reread, quiet_until)
        SELECT v_job, p.child_no, b.collection_no, b.kind, cardinality(p.gone), b.batch_no, b.redrives + 1,
            CASE WHEN position(B'1' IN p.looks) > 0 THEN p.looks END, b.must_reread,
            b.quiet_until
        FROM parts p JOIN ferry.batches b ON b.job_id = v_job AND b.batch_no = p.batch_no
    ), put_ids AS (
        INSERT INTO ferry.batch_ids (job_id, batch_no, ids, existed) SELECT v_job, child_no, gone, gone_bits FROM parts
    ), shrunk_ids AS (
        UPDATE ferry.batch_ids i SET ids = p.kept, existed = p.kept_bits FROM parts p
        WHERE i.job_id = v_job AND i.batch_no = p.batch_no AND p.kept IS NOT NULL
    ), emptied_ids AS (
        DELETE FROM ferry.batch_ids i USING parts p WHERE i.job_id = v_job AND i.batch_no = p.batch_no AND p.kept IS NULL
    ), forgotten AS (
        DELETE FROM ferry.rejected_records r USING chosen c
        WHERE r.job_id = v_job AND r.batch_no = c.batch_no AND sha256(r.id) = c.hash
    ), shrunk AS (
        UPDATE ferry.batches b SET
            n_records = CASE WHEN p.kept IS NULL THEN b.n_records ELSE cardinality(p.kept) END,
            n_rejected = b.n_rejected - cardinality(p.gone),
            state = CASE WHEN p.kept IS NULL THEN 'superseded' WHEN b.n_rejected > cardinality(p.gone) THEN b.state
                         ELSE 'verified' END
        FROM parts p WHERE b.job_id = v_job AND b.batch_no = p.batch_no
    ), noted AS (
        INSERT INTO ferry.events (kind, job_id, batch_no, detail)
        SELECT 'batch.redriven', v_job, batch_no, cardinality(gone) || ' records into batch ' || child_no FROM parts
    )
    SELECT count(*), coalesce(sum(cardinality(gone)), 0) INTO v_batches, v_records FROM parts;
    IF v_records > 0 THEN
        PERFORM ferry.reopen_job(v_job, v_records || ' rejected records in ' || v_batches || ' batches'
            || coalesce(', reason ' || p_reason, ''));
    END IF;
    RETURN v_records;
END
$$;

-- Rejected records go again, and the job with them: all that the command of this name does but to look at both ends, and to run.
-- A job that is blocked goes on, also when nothing of it was rejected. Answers how many records go again.
CREATE FUNCTION ferry.retry(p_job text, p_ids bytea[] DEFAULT NULL, p_reason text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_records bigint := ferry.redrive(p_job, p_ids, p_reason);
BEGIN
    PERFORM ferry.resume_job(ferry.find_job(p_job));
    RETURN v_records;
END
$$;

-- ---- purging ----

-- The lists of ids of a job that has ended: what it planned, skipped and missed. Its counts stay, and so does what needs a name:
-- rejects, cut documents, removals. Later jobs of the pair go by what the target has (ferry.trusts_target). Answers of how many
-- records the ids were removed; 0: it had been purged before, or had none.
CREATE FUNCTION ferry.purge(p_job text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_job bigint := ferry.find_job(p_job);
    v ferry.jobs;
    v_other text;
    v_ids bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ferry.submit', 0)); -- no job of the pair begins meanwhile
    PERFORM FROM ferry.job_collections WHERE job_id = v_job ORDER BY collection_no FOR UPDATE;
    SELECT * INTO v FROM ferry.jobs WHERE job_id = v_job FOR NO KEY UPDATE;
    IF v.state NOT IN ('succeeded', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'job % is %, and needs its lists: purge it when it has ended', v.name, v.state USING ERRCODE = 'FE004';
    END IF;
    v_other := ferry.open_rival(v_job);
    IF v_other IS NOT NULL THEN
        RAISE EXCEPTION 'job % moves the same collection now and needs the lists of %: wait until it has ended', v_other, v.name
            USING ERRCODE = 'FE002';
    END IF;
    SELECT coalesce(sum(b.n_records), 0) INTO v_ids FROM ferry.batches b
        WHERE b.job_id = v_job AND EXISTS (SELECT FROM ferry.batch_ids i WHERE i.job_id = v_job AND i.batch_no = b.batch_no);
    IF v.purged_at IS NULL THEN
        SELECT v_ids + coalesce(sum(n_skipped), 0) INTO v_ids FROM ferry.job_collections WHERE job_id = v_job;
        DELETE FROM ferry.batch_ids WHERE job_id = v_job;
        DELETE FROM ferry.skipped_ids WHERE job_id = v_job;
        DELETE FROM ferry.vanished_records WHERE job_id = v_job;
        DELETE FROM ferry.plan_ids WHERE job_id = v_job;
        DELETE FROM ferry.repairs WHERE job_id = v_job AND closed_at IS NOT NULL;
        UPDATE ferry.jobs SET purged_at = now() WHERE job_id = v_job;
        PERFORM ferry.log_event('job.purged', v_job, NULL, NULL, 'the ids of ' || v_ids || ' records');
    END IF;
    RETURN v_ids;
END
$$;

-- ---- rehearsals ----

-- Called by a submission: the target collection of a pair that moves a part only was made for it, by the producer that submits,
-- and may be removed with it (the only collections that the ferry ever deletes once a job has them).
CREATE FUNCTION ferry.mark_rehearsals(p_job bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.target_collections t SET rehearsal_job_id = p_job FROM ferry.job_collections c
        WHERE c.job_id = p_job AND c.selection <> 'all' AND t.target_uuid = c.target_uuid
$$;

-- The collections that were made for a rehearsal, and are still there as far as the ledger knows. Refused for every other job,
-- and while it has not ended.
CREATE FUNCTION ferry.rehearsal_targets(p_job text)
RETURNS TABLE (job_id bigint, job text, target_uuid uuid, name text, url text, tenant text, database_name text, is_purged boolean)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v ferry.jobs;
BEGIN
    SELECT * INTO v FROM ferry.jobs j WHERE j.job_id = ferry.find_job(p_job);
    IF NOT EXISTS (SELECT FROM ferry.target_collections t WHERE t.rehearsal_job_id = v.job_id) THEN
        RAISE EXCEPTION 'job % is no rehearsal: no collection was made for it alone, and none is removed', v.name
            USING ERRCODE = 'FE001';
    END IF;
    IF v.state NOT IN ('succeeded', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'rehearsal % is %: ferry-producer cancel % first', v.name, v.state, v.name USING ERRCODE = 'FE004';
    END IF;
    RETURN QUERY SELECT v.job_id, v.name, t.target_uuid, t.name, e.url, e.tenant, e.database_name, v.purged_at IS NOT NULL
        FROM ferry.target_collections t JOIN ferry.endpoints e USING (endpoint_id)
        WHERE t.rehearsal_job_id = v.job_id AND t.removed_at IS NULL ORDER BY t.name;
END
$$;

-- Of a piece of such a collection's list: how many ids the job has not planned, which somebody else has put there. One of them as
-- text for people.
CREATE FUNCTION ferry.rehearsal_strangers(p_job bigint, p_target uuid, p_ids bytea[])
RETURNS TABLE (staged bigint, strangers bigint, example text) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT cardinality(p_ids)::bigint, count(*), left(ferry.printable((array_agg(u.id ORDER BY u.id))[1]), 100)
        FROM unnest(p_ids) AS u (id) WHERE NOT EXISTS (
            SELECT FROM ferry.job_collections c JOIN ferry.batches b USING (job_id, collection_no)
            JOIN ferry.batch_ids i USING (job_id, batch_no) CROSS JOIN LATERAL unnest(i.ids) AS m (id)
            WHERE c.job_id = p_job AND c.target_uuid = p_target AND m.id = u.id);
END
$$;

CREATE FUNCTION ferry.rehearsal_removed(p_job bigint, p_target uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_name text;
BEGIN
    UPDATE ferry.target_collections SET removed_at = now()
        WHERE target_uuid = p_target AND rehearsal_job_id = p_job AND removed_at IS NULL RETURNING name INTO v_name;
    IF FOUND THEN
        PERFORM ferry.log_event('job.rehearsal_removed', p_job, NULL, NULL, v_name);
    END IF;
    RETURN FOUND;
END
$$;
