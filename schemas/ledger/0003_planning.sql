-- Planning a job, by the one producer that holds the plan's lease and epoch: PROTOCOL §1.

-- P1. is_mine false: another producer plans, wait; also when one of its steps holds the row right now. is_complete: nothing
-- to plan any more. is_first: no earlier job of the pair matters, ferry.plan_prior has nothing to stage. The lease counts from
-- the end: deleting another's millions of ids takes its time.
CREATE FUNCTION ferry.plan_take(p_worker uuid, p_job bigint, p_collection integer, p_lease interval)
RETURNS TABLE (is_complete boolean, is_mine boolean, epoch bigint, is_first boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c ferry.job_collections;
    v_state text;
BEGIN
    SELECT j.state INTO v_state FROM ferry.jobs j WHERE j.job_id = p_job;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is gone', p_job USING ERRCODE = 'FE002';
    END IF;
    PERFORM ferry.work_on(p_worker, p_job);
    PERFORM ferry.begin_long_step(p_worker);
    SELECT * INTO c FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN QUERY SELECT false, false, 0::bigint, false;
        RETURN;
    END IF;
    IF c.plan_complete_at IS NULL AND v_state IN ('succeeded', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'job % is %: nothing is planned for it any more', p_job, v_state USING ERRCODE = 'FE004';
    END IF;
    IF c.plan_complete_at IS NOT NULL OR (c.plan_lease_until > now() AND c.plan_owner <> p_worker
            AND NOT EXISTS (SELECT FROM ferry.workers w WHERE w.worker_id = c.plan_owner AND w.stopped_at IS NOT NULL)) THEN
        RETURN QUERY SELECT c.plan_complete_at IS NOT NULL, false, c.plan_epoch, false;
        RETURN;
    END IF;
    DELETE FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection;
    DELETE FROM ferry.batches WHERE job_id = p_job AND collection_no = p_collection;
    DELETE FROM ferry.skipped_ids WHERE job_id = p_job AND collection_no = p_collection;
    UPDATE ferry.job_collections SET plan_epoch = plan_epoch + 1, plan_owner = p_worker,
            plan_lease_until = clock_timestamp() + p_lease
        WHERE job_id = p_job AND collection_no = p_collection;
    PERFORM ferry.end_long_step(p_worker);
    RETURN QUERY SELECT false, true, c.plan_epoch + 1, NOT EXISTS (
        SELECT FROM ferry.job_collections o JOIN ferry.jobs j USING (job_id)
        WHERE o.source_uuid = c.source_uuid AND o.target_uuid = c.target_uuid AND o.selection = c.selection
          AND o.job_id <> p_job AND (j.state = 'succeeded' OR ferry.on_existing(p_job) <> 'mirror'));
END
$$;

CREATE FUNCTION ferry.plan_check(p_job bigint, p_collection integer, p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection AND plan_epoch = p_epoch AND plan_complete_at IS NULL
        FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another producer has taken over the plan of job %', p_job USING ERRCODE = 'FE002';
    END IF;
    IF EXISTS (SELECT FROM ferry.jobs WHERE job_id = p_job AND state IN ('succeeded', 'failed', 'cancelled')) THEN
        RAISE EXCEPTION 'job % has ended while it was planned', p_job USING ERRCODE = 'FE004';
    END IF;
END
$$;

-- One piece of a listing, numbered from p_first on; an id that comes twice is kept once. Returns how many were new.
CREATE FUNCTION ferry.stage_ids(p_job bigint, p_collection integer, p_side text, p_first bigint, p_ids bytea[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_new bigint;
BEGIN
    INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
        SELECT p_job, p_collection, p_side::"char", p_first + ord - 1, id
        FROM unnest(p_ids) WITH ORDINALITY AS u (id, ord) ORDER BY ord
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_new = ROW_COUNT;
    RETURN v_new;
END
$$;

-- P2, one piece of a listing.
CREATE FUNCTION ferry.plan_add(p_job bigint, p_collection integer, p_epoch bigint, p_side text, p_first bigint, p_ids bytea[])
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    RETURN ferry.stage_ids(p_job, p_collection, p_side, p_first, p_ids);
END
$$;

-- P2, of a rehearsal: of the source's ids those of its selection stay, the first ones listed or a sample that its seed chooses,
-- whatever the order of the listing. Answers how many.
CREATE FUNCTION ferry.plan_select(p_job bigint, p_collection integer, p_epoch bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v text[];
    v_count bigint;
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    SELECT string_to_array(selection, ' ') INTO v FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection AND selection <> 'all';
    IF FOUND THEN
        DELETE FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection AND x.side = 's'
            AND x.ordinal NOT IN (
                SELECT s.ordinal FROM ferry.plan_ids s
                WHERE s.job_id = p_job AND s.collection_no = p_collection AND s.side = 's'
                ORDER BY CASE WHEN v[1] = 'sample' THEN sha256(convert_to(v[4] || ' ', 'UTF8') || s.id) END, s.ordinal
                LIMIT v[2]::bigint);
    END IF;
    SELECT count(*) INTO v_count FROM ferry.plan_ids s
        WHERE s.job_id = p_job AND s.collection_no = p_collection AND s.side = 's';
    RETURN v_count;
END
$$;

-- A succeeded job of the pair has been purged: nobody knows any more what it moved, and what the target has counts as that. Not
-- when a job that did not succeed was purged after it: what that has left there was never verified, and nobody knows which it is.
CREATE FUNCTION ferry.trusts_target(p_job bigint, p_collection integer) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH purged AS (
        SELECT j.job_id, j.state, j.finished_at FROM ferry.job_collections me
        JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection)
                                      = (me.source_uuid, me.target_uuid, me.selection)
        JOIN ferry.jobs j ON j.job_id = o.job_id AND j.purged_at IS NOT NULL
        WHERE me.job_id = p_job AND me.collection_no = p_collection AND o.job_id <> p_job
    )
    SELECT EXISTS (SELECT FROM purged s WHERE s.state = 'succeeded' AND NOT EXISTS (
        SELECT FROM purged f WHERE f.state <> 'succeeded' AND (f.job_id > s.job_id OR f.finished_at > s.finished_at)
          AND EXISTS (SELECT FROM ferry.batches b WHERE b.job_id = f.job_id AND (b.deliveries > 0 OR b.must_reread))))
$$;

-- A reject for this reason was written, and read back otherwise.
CREATE FUNCTION ferry.was_written(p_reason text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_reason IN ('mismatch', 'not_storable')
$$;

-- Of what any earlier job of the pair found absent and had in hand: as side 'o' what it has written for certain (verified, or
-- read back otherwise), which is the ferry's own whatever became of the job. As side 'q', if both sides have it, what it may have
-- sent and nobody has read back since: an application may have written it instead, or afterwards (ferry.plan_doubtful). Each id
-- is looked up by index: see ferry.plan_wanted.
CREATE FUNCTION ferry.plan_own(p_job bigint, p_collection integer) RETURNS void LANGUAGE sql AS $$
    WITH held AS (
        SELECT b.job_id, b.batch_no, b.state IN ('verified', 'rejected') AS is_final, b.n_rejected + b.n_vanished > 0 AS has_left_out
        FROM ferry.job_collections me
        JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection)
                                      = (me.source_uuid, me.target_uuid, me.selection) AND o.job_id <> p_job
        JOIN ferry.batches b ON b.job_id = o.job_id AND b.collection_no = o.collection_no
                            AND (b.deliveries > 0 OR b.must_reread)
        WHERE me.job_id = p_job AND me.collection_no = p_collection
    ), sent AS (
        SELECT u.id, h.is_final AND (NOT h.has_left_out
            OR NOT EXISTS (SELECT FROM ferry.rejected_records r WHERE r.job_id = h.job_id AND r.batch_no = h.batch_no
                           AND sha256(r.id) = sha256(u.id) AND NOT ferry.was_written(r.reason))
           AND NOT EXISTS (SELECT FROM ferry.vanished_records v WHERE v.job_id = h.job_id AND v.batch_no = h.batch_no
                           AND sha256(v.id) = sha256(u.id))) AS is_own
        FROM held h JOIN ferry.batch_ids i USING (job_id, batch_no)
        CROSS JOIN LATERAL unnest(i.ids) WITH ORDINALITY AS u (id, ord)
        WHERE get_bit(i.existed, u.ord::integer - 1) = 0
    ), put_own AS (
        INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
        SELECT p_job, p_collection, 'o', 0, id FROM sent WHERE is_own ON CONFLICT DO NOTHING
    )
    INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
        SELECT p_job, p_collection, 'q', 0, q.id FROM sent q
        CROSS JOIN LATERAL (SELECT FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection
                            AND x.side = 's' AND sha256(x.id) = sha256(q.id) LIMIT 1) s
        CROSS JOIN LATERAL (SELECT FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection
                            AND x.side = 't' AND sha256(x.id) = sha256(q.id) LIMIT 1) t
        WHERE NOT q.is_own ON CONFLICT DO NOTHING
$$;

-- P2, for a later job of the pair: the ids that a succeeded one has verified, as side 'p'; after a purge whatever the target has,
-- but for what was rejected and for what a job that did not succeed may have left there. Unless all that existed is made like
-- the source anyway, also what ferry.plan_own() stages.
CREATE FUNCTION ferry.plan_prior(p_job bigint, p_collection integer, p_epoch bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    PERFORM ferry.begin_long_step(plan_owner) FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection;
    INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
        SELECT p_job, p_collection, 'p', 0, u.id
        FROM ferry.job_collections me
        JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection)
                                      = (me.source_uuid, me.target_uuid, me.selection)
        JOIN ferry.jobs j ON j.job_id = o.job_id AND j.state = 'succeeded'
        JOIN ferry.batches b ON b.job_id = o.job_id AND b.collection_no = o.collection_no AND b.state = 'verified'
        JOIN ferry.batch_ids i ON i.job_id = b.job_id AND i.batch_no = b.batch_no
        CROSS JOIN LATERAL unnest(i.ids) AS u (id)
        WHERE me.job_id = p_job AND me.collection_no = p_collection
          AND NOT EXISTS (SELECT FROM ferry.rejected_records r WHERE r.job_id = b.job_id AND r.batch_no = b.batch_no
                          AND sha256(r.id) = sha256(u.id))
          AND NOT EXISTS (SELECT FROM ferry.vanished_records v WHERE v.job_id = b.job_id AND v.batch_no = b.batch_no
                          AND sha256(v.id) = sha256(u.id))
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF ferry.trusts_target(p_job, p_collection) THEN
        WITH pair AS (
            SELECT j.job_id, o.collection_no, j.state FROM ferry.job_collections me
            JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection)
                                          = (me.source_uuid, me.target_uuid, me.selection)
            JOIN ferry.jobs j ON j.job_id = o.job_id
            WHERE me.job_id = p_job AND me.collection_no = p_collection AND o.job_id <> p_job
        ), doubtful (hash) AS MATERIALIZED (
            SELECT sha256(r.id) FROM pair JOIN ferry.batches b USING (job_id, collection_no)
            JOIN ferry.rejected_records r USING (job_id, batch_no)
            UNION ALL
            SELECT sha256(u.id) FROM pair JOIN ferry.batches b USING (job_id, collection_no)
            JOIN ferry.batch_ids i USING (job_id, batch_no) CROSS JOIN LATERAL unnest(i.ids) AS u (id)
            WHERE pair.state <> 'succeeded' AND (b.deliveries > 0 OR b.must_reread)
        )
        INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
            SELECT p_job, p_collection, 'p', 0, t.id FROM ferry.plan_ids t
            WHERE t.job_id = p_job AND t.collection_no = p_collection AND t.side = 't'
              AND NOT EXISTS (SELECT FROM doubtful d WHERE d.hash = sha256(t.id))
            ON CONFLICT DO NOTHING;
    END IF;
    IF ferry.on_existing(p_job) <> 'mirror' THEN
        PERFORM ferry.plan_own(p_job, p_collection);
    END IF;
    -- This took longer than a lease, perhaps, and its renewal waits behind it.
    UPDATE ferry.job_collections
        SET plan_lease_until = greatest(plan_lease_until, clock_timestamp() + ferry.lease_of(plan_owner))
        WHERE job_id = p_job AND collection_no = p_collection;
    PERFORM ferry.end_long_step(plan_owner) FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection;
    RETURN v_count;
END
$$;

-- P2: the next ids of side 'q', hex, comma between; null: none is left. Of those that were asked for before, the target has
-- p_own as the source has them: what the ferry has sent, or as good. The others count as existing.
CREATE FUNCTION ferry.plan_doubtful(p_job bigint, p_collection integer, p_epoch bigint, p_asked bytea[], p_own bytea[], p_most integer)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    DELETE FROM ferry.plan_ids x USING unnest(p_asked) AS u (id)
        WHERE x.job_id = p_job AND x.collection_no = p_collection AND x.side = 'q' AND sha256(x.id) = sha256(u.id);
    PERFORM ferry.stage_ids(p_job, p_collection, 'o', 0, p_own);
    -- What another job is certain of needs no question.
    DELETE FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection AND x.side = 'q'
        AND EXISTS (SELECT FROM ferry.plan_ids o WHERE o.job_id = p_job AND o.collection_no = p_collection AND o.side IN ('o', 'p')
                    AND sha256(o.id) = sha256(x.id));
    RETURN (SELECT string_agg(encode(q.id, 'hex'), ',') FROM (
        SELECT x.id FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection AND x.side = 'q'
        LIMIT p_most) q);
END
$$;

-- The source ids that this job must move, in source order: all of them the first time; later those that no succeeded
-- job of the pair has verified, or that are absent at the target. The bit says: was at the target before. is_skipped: those of
-- them that are left as they are, because they existed there and are not the ferry's own. Each id is looked up by index (LIMIT
-- forbids a join of the whole sides), so that a chunk costs the same wherever it begins.
CREATE FUNCTION ferry.plan_wanted(p_job bigint, p_collection integer, p_from bigint, p_until bigint, p_limit bigint)
RETURNS TABLE (ordinal bigint, id bytea, existed boolean, is_skipped boolean) LANGUAGE sql STABLE AS $$
    SELECT s.ordinal, s.id, t.side IS NOT NULL,
           t.side IS NOT NULL AND o.side IS NULL AND (SELECT ferry.on_existing(p_job)) = 'skip'
    FROM ferry.plan_ids s
    LEFT JOIN LATERAL (SELECT x.side FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection
                       AND x.side = 't' AND sha256(x.id) = sha256(s.id) LIMIT 1) t ON true
    LEFT JOIN LATERAL (SELECT x.side FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection
                       AND x.side = 'p' AND sha256(x.id) = sha256(s.id) LIMIT 1) p ON true
    LEFT JOIN LATERAL (SELECT x.side FROM ferry.plan_ids x WHERE x.job_id = p_job AND x.collection_no = p_collection
                       AND x.side = 'o' AND sha256(x.id) = sha256(s.id) LIMIT 1) o ON true
    WHERE s.job_id = p_job AND s.collection_no = p_collection AND s.side = 's' AND s.ordinal >= p_from AND s.ordinal < p_until
      AND (t.side IS NULL OR p.side IS NULL)
    ORDER BY s.ordinal LIMIT p_limit
$$;

-- P3, one chunk: cuts at most p_batches batches from p_from on, and looks at no more than 100,000 ids (or what the batches
-- hold) for them, so that it takes seconds even where next to nothing is wanted. next_ordinal null: all are cut.
CREATE FUNCTION ferry.plan_cut(p_job bigint, p_collection integer, p_epoch bigint, p_from bigint, p_records integer, p_batches integer)
RETURNS TABLE (next_ordinal bigint, batches bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_limit bigint := p_records::bigint * p_batches;
    v_until bigint := p_from + greatest(v_limit, 100000);
    v_first bigint;
    v_last bigint;
    v_rows bigint;
    v_count bigint;
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    PERFORM FROM ferry.jobs WHERE job_id = p_job FOR NO KEY UPDATE; -- the numbers run on over all its collections
    SELECT coalesce(max(batch_no), 0) INTO v_first FROM ferry.batches WHERE job_id = p_job;
    WITH wanted AS MATERIALIZED (
        SELECT w.*, (count(*) OVER (PARTITION BY w.is_skipped ORDER BY w.ordinal) - 1) / p_records AS piece
        FROM ferry.plan_wanted(p_job, p_collection, p_from, v_until, v_limit) w
    ), pieces AS (
        SELECT piece, count(*) AS n, array_agg(id ORDER BY ordinal) AS ids,
               string_agg(CASE WHEN existed THEN '1' ELSE '0' END, '' ORDER BY ordinal)::bit varying AS bits
        FROM wanted WHERE NOT is_skipped GROUP BY piece
    ), put_skipped AS (
        INSERT INTO ferry.skipped_ids (job_id, collection_no, first_ordinal, ids)
        SELECT p_job, p_collection, min(ordinal), array_agg(id ORDER BY ordinal) FROM wanted WHERE is_skipped GROUP BY piece
    ), put_batches AS (
        INSERT INTO ferry.batches (job_id, batch_no, collection_no, n_records)
        SELECT p_job, v_first + 1 + piece, p_collection, n FROM pieces RETURNING batch_no
    ), put_ids AS (
        INSERT INTO ferry.batch_ids (job_id, batch_no, ids, existed)
        SELECT p_job, v_first + 1 + piece, ids, bits FROM pieces RETURNING batch_no
    )
    SELECT max(ordinal), count(*), (SELECT count(*) FROM put_batches) INTO v_last, v_rows, v_count FROM wanted;
    IF v_rows = v_limit THEN
        v_until := v_last + 1;
    END IF;
    RETURN QUERY SELECT CASE WHEN EXISTS (SELECT FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection
                                          AND side = 's' AND ordinal >= v_until) THEN v_until END, v_count;
END
$$;

-- A plan that --on-existing fail does not allow: the job ends before anything was written.
CREATE FUNCTION ferry.plan_refuse(p_job bigint, p_collection integer, p_count bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_first text;
    v_reason text;
BEGIN
    SELECT string_agg('"' || left(ferry.printable(f.id), 128) || '"', ', ' ORDER BY f.ordinal) INTO v_first
    FROM (SELECT s.ordinal, s.id FROM ferry.plan_ids s
          CROSS JOIN LATERAL (SELECT array_agg(x.side::text) AS sides FROM ferry.plan_ids x WHERE x.job_id = p_job
                AND x.collection_no = p_collection AND x.side IN ('t', 'p', 'o') AND sha256(x.id) = sha256(s.id)) o
          WHERE s.job_id = p_job AND s.collection_no = p_collection AND s.side = 's' AND o.sides = ARRAY['t']
          ORDER BY s.ordinal LIMIT 3) f;
    v_reason := ferry.which_collection(p_job, p_collection) || format('%s of the records to move exist at the target already; first: id %s; nothing was written: run again '
                       'with --on-existing mirror or skip', p_count, v_first);
    DELETE FROM ferry.batches WHERE job_id = p_job;
    UPDATE ferry.job_collections SET is_open = false, plan_lease_until = NULL WHERE job_id = p_job;
    UPDATE ferry.jobs SET state = 'failed', finished_at = now(), last_error = v_reason WHERE job_id = p_job;
    UPDATE ferry.target_collections SET writer_job_id = NULL WHERE writer_job_id = p_job;
    PERFORM ferry.log_event('job.failed', p_job, NULL, NULL, v_reason);
    RETURN v_reason;
END
$$;

-- Would the job have nothing to do at all, if this pair had not? All others are planned with nothing, and of each an earlier job
-- has succeeded; but one that is to look at its end has something to do.
CREATE FUNCTION ferry.plan_is_nothing(p_job bigint, p_collection integer) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT (ferry.wants(p_job, 'catch_up') OR ferry.wants(p_job, 'exact_target') OR ferry.wants(p_job, 'delete_extra'))
       AND NOT EXISTS (
        SELECT FROM ferry.job_collections me WHERE me.job_id = p_job
        AND (me.collection_no <> p_collection AND (me.plan_complete_at IS NULL OR me.n_planned > 0)
             OR NOT EXISTS (
                SELECT FROM ferry.job_collections o JOIN ferry.jobs j ON j.job_id = o.job_id AND j.state = 'succeeded'
                WHERE (o.source_uuid, o.target_uuid, o.selection) = (me.source_uuid, me.target_uuid, me.selection))))
$$;

-- P4. outcome: planned, nothing (no row of the job is left), or refused (the job has failed, for that reason). is_by_target: what
-- the target has was taken for moved, because the lists of earlier jobs were purged. The job runs once all its pairs are planned.
CREATE FUNCTION ferry.plan_close(p_job bigint, p_collection integer, p_epoch bigint, p_source_ids bigint, p_target_ids bigint)
RETURNS TABLE (outcome text, planned bigint, skipped bigint, reason text, is_by_target boolean)
LANGUAGE plpgsql SET work_mem = '64MB' SET jit = off AS $$
DECLARE
    v_source bigint;
    v_target bigint;
    v_done bigint := 0;
    v_existing bigint := 0;
    v_skipped bigint := 0;
    v_wanted bigint;
    v_manifest bigint;
    v_is_nothing boolean;
    v_by_target boolean := ferry.trusts_target(p_job, p_collection);
    v_on_existing text := ferry.on_existing(p_job);
    v_reason text;
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    PERFORM ferry.begin_long_step(plan_owner) FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection;
    SELECT count(*) FILTER (WHERE side = 's'), count(*) FILTER (WHERE side = 't') INTO v_source, v_target
        FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection;
    -- As plan_wanted, but all at once; by grouping, whose cost does not hang on what the planner believes. Bits: 1 at the
    -- source, 2 at the target, 4 verified by an earlier job, 8 sent by one.
    IF v_on_existing <> 'mirror'
       OR EXISTS (SELECT FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection AND side = 'p') THEN
        SELECT count(*) FILTER (WHERE bits & 7 = 7), count(*) FILTER (WHERE bits & 15 = 3) INTO v_done, v_existing FROM (
            SELECT bit_or(CASE side WHEN 's' THEN 1 WHEN 't' THEN 2 WHEN 'p' THEN 4 ELSE 8 END) AS bits FROM ferry.plan_ids
            WHERE job_id = p_job AND collection_no = p_collection AND side IN ('s', 't', 'p', 'o')
            GROUP BY sha256(id)) AS sides;
    END IF;
    IF v_on_existing = 'skip' THEN
        v_skipped := v_existing;
    END IF;
    v_wanted := v_source - v_done - v_skipped;
    SELECT coalesce(sum(cardinality(i.ids)), 0) INTO v_manifest FROM ferry.batches b
        JOIN ferry.batch_ids i USING (job_id, batch_no) WHERE b.job_id = p_job AND b.collection_no = p_collection;
    IF v_source <> p_source_ids OR v_target <> p_target_ids OR v_wanted <> v_manifest THEN
        RAISE EXCEPTION 'the plan of job % does not add up: % ids listed, % staged, % wanted, % in batches',
            p_job, p_source_ids, v_source, v_wanted, v_manifest USING ERRCODE = 'FE002';
    END IF;
    IF v_on_existing = 'fail' AND v_existing > 0 THEN
        v_reason := ferry.plan_refuse(p_job, p_collection, v_existing);
        DELETE FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection;
        RETURN QUERY SELECT 'refused'::text, 0::bigint, 0::bigint, v_reason, v_by_target;
        RETURN;
    END IF;
    PERFORM FROM ferry.jobs WHERE job_id = p_job FOR NO KEY UPDATE;
    v_is_nothing := v_manifest = 0 AND ferry.plan_is_nothing(p_job, p_collection);
    PERFORM ferry.end_long_step(plan_owner) FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection;
    DELETE FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection;
    IF v_is_nothing THEN
        UPDATE ferry.target_collections SET writer_job_id = NULL WHERE writer_job_id = p_job;
        DELETE FROM ferry.events WHERE job_id = p_job;
        DELETE FROM ferry.jobs WHERE job_id = p_job;
        RETURN QUERY SELECT 'nothing'::text, 0::bigint, v_skipped, NULL::text, v_by_target;
        RETURN;
    END IF;
    UPDATE ferry.job_collections SET plan_complete_at = now(), plan_lease_until = NULL, n_planned = v_manifest,
            n_skipped = v_skipped, n_source_ids = v_source, n_target_ids = v_target
        WHERE job_id = p_job AND collection_no = p_collection;
    UPDATE ferry.jobs SET state = 'running', started_at = now() WHERE job_id = p_job AND state = 'pending'
        AND NOT EXISTS (SELECT FROM ferry.job_collections WHERE job_id = p_job AND plan_complete_at IS NULL);
    PERFORM ferry.log_event('job.planned', p_job, NULL, NULL, ferry.which_collection(p_job, p_collection) || v_manifest || ' records' ||
        CASE WHEN v_skipped > 0 THEN ', ' || v_skipped || ' skipped: they existed at the target' ELSE '' END ||
        CASE WHEN v_by_target THEN '; earlier jobs were purged: what the target has was taken for moved' ELSE '' END);
    RETURN QUERY SELECT 'planned'::text, v_manifest, v_skipped, NULL::text, v_by_target;
END
$$;
