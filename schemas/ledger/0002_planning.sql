-- Submitting a job and planning it: PROTOCOL §1. Our own refusals carry SQLSTATEs that the programs turn into exit codes:
-- FE001 usage, FE002 the world has moved on, FE003 not found, FE004 refused, FE005 come back later.

CREATE FUNCTION ferry.log_event(p_kind text, p_job bigint, p_batch bigint, p_worker uuid, p_detail text) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO ferry.events (kind, job_id, batch_no, worker_id, detail)
    VALUES (p_kind, p_job, p_batch, p_worker, coalesce(p_detail, ''))
$$;

-- Many of a kind at once; 0 for no job or batch.
CREATE FUNCTION ferry.note_events(p_kind text, p_worker uuid, p_job bigint[], p_batch bigint[], p_detail text[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO ferry.events (kind, worker_id, job_id, batch_no, detail)
    SELECT p_kind, p_worker, nullif(job, 0), nullif(batch, 0), detail
    FROM unnest(p_job, p_batch, p_detail) AS u (job, batch, detail)
$$;

CREATE FUNCTION ferry.put_endpoint(p jsonb) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO ferry.endpoints AS e (url, origin, tenant, database_name, auth_style)
    VALUES (p->>'url', p->>'origin', p->>'tenant', p->>'database', p->>'auth')
    ON CONFLICT (url, tenant, database_name) DO UPDATE SET auth_style = EXCLUDED.auth_style
    RETURNING endpoint_id
$$;

-- What the servers answered becomes the target's row; its ten write slots come with it.
CREATE FUNCTION ferry.put_target(p jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_uuid uuid := (p->>'uuid')::uuid;
BEGIN
    INSERT INTO ferry.target_collections AS t
        (target_uuid, endpoint_id, name, dimension, space, takes_base64, max_batch_records, limits_origin)
    VALUES (v_uuid, ferry.put_endpoint(p), p->>'name', (p->>'dimension')::integer, p->>'space',
            (p->>'takes_base64')::boolean, (p->>'max_batch_records')::integer, 'pre-flight')
    ON CONFLICT (target_uuid) DO UPDATE SET endpoint_id = EXCLUDED.endpoint_id, name = EXCLUDED.name,
        dimension = EXCLUDED.dimension, space = EXCLUDED.space, takes_base64 = EXCLUDED.takes_base64,
        max_batch_records = EXCLUDED.max_batch_records;
    -- Not ON CONFLICT, which would wait for whoever is using them.
    IF NOT EXISTS (SELECT FROM ferry.write_slots WHERE target_uuid = v_uuid) THEN
        INSERT INTO ferry.write_slots (target_uuid, slot) SELECT v_uuid, generate_series(0, 9);
    END IF;
    RETURN v_uuid;
END
$$;

CREATE FUNCTION ferry.free_job_name(p_collection text) RETURNS text LANGUAGE sql AS $$
    SELECT name FROM (SELECT p_collection || '-' || to_char(now(), 'YYYYMMDD') || '-' || n AS name, n
                      FROM generate_series(1, 100000) n) c
    WHERE NOT EXISTS (SELECT FROM ferry.jobs j WHERE j.name = c.name) ORDER BY n LIMIT 1
$$;

-- What a job does with records that the target had before it: mirror (make them like the source's), skip (leave them as they
-- are) or fail (before anything is written). Held for the job's whole life, because the plan is made by it.
CREATE FUNCTION ferry.on_existing(p_job bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(settings->>'on_existing', 'mirror') FROM ferry.jobs WHERE job_id = p_job
$$;

-- catch_up: what came and went at the source while the job ran is copied and deleted at the target. exact_target: the job fails
-- when the target has records that it should not have. delete_extra: those are deleted first.
CREATE FUNCTION ferry.wants(p_job bigint, p_setting text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce((settings->>p_setting)::boolean, false) FROM ferry.jobs WHERE job_id = p_job
$$;

CREATE FUNCTION ferry.check_settings(p_settings jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF coalesce(p_settings->>'on_existing', 'mirror') NOT IN ('mirror', 'skip', 'fail') THEN
        RAISE EXCEPTION '--on-existing must be mirror, skip or fail, not "%"', p_settings->>'on_existing'
            USING ERRCODE = 'FE001';
    END IF;
    IF p_settings->>'max_rejects' !~ '^([0-9]{1,12}|[0-9]{1,3}([.][0-9]{1,6})?%)$' THEN
        RAISE EXCEPTION '--max-rejects must be a number, or a percentage like 2%% or 0.5%%, not "%"', p_settings->>'max_rejects'
            USING ERRCODE = 'FE001';
    END IF;
    IF p_settings->>'max_delete' !~ '^([0-9]{1,12}|[0-9]{1,3}([.][0-9]{1,6})?%)$' THEN
        RAISE EXCEPTION '--max-delete must be a number, or a percentage like 2%% or 0.5%%, not "%"', p_settings->>'max_delete'
            USING ERRCODE = 'FE001';
    END IF;
    IF p_settings->>'on_existing' = 'skip' AND (p_settings->>'delete_extra')::boolean THEN
        RAISE EXCEPTION '--delete-extra makes the target a mirror of the source, --on-existing skip leaves records as they are: choose one'
            USING ERRCODE = 'FE001';
    END IF;
END
$$;

-- A job that goes on: how it treats what existed stays, what concerns its end only may be added.
CREATE FUNCTION ferry.add_settings(p_job bigint, p_settings jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_old jsonb;
    v_new jsonb;
BEGIN
    SELECT settings INTO v_old FROM ferry.jobs WHERE job_id = p_job;
    SELECT v_old || coalesce(jsonb_object_agg(key, value), '{}') INTO v_new FROM jsonb_each(p_settings)
        WHERE key IN ('catch_up', 'catch_up_rounds', 'exact_target', 'delete_extra', 'max_delete');
    PERFORM ferry.check_settings(v_new);
    PERFORM ferry.change_settings(p_job, v_new);
END
$$;

-- p: name (or null), worker, settings (those that were given), source, target; resumes: the job that is meant to go on, and no new one.
CREATE FUNCTION ferry.submit(p jsonb)
RETURNS TABLE (job_id bigint, collection_no integer, job_name text, job_state text, is_resumed boolean, on_existing text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_source uuid := (p->'source'->>'uuid')::uuid;
    v_target uuid := (p->'target'->>'uuid')::uuid;
    v_other record;
    v_job bigint;
    v_name text;
    v_endpoint bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ferry.submit', 0));
    PERFORM ferry.check_settings(p->'settings');
    IF v_source = v_target THEN
        RAISE EXCEPTION 'source and target are the same collection (%): name another target', v_source
            USING ERRCODE = 'FE001';
    END IF;
    SELECT j.job_id, j.name, c.collection_no, j.state INTO v_other FROM ferry.job_collections c
        JOIN ferry.jobs j USING (job_id)
        WHERE c.is_open AND c.source_uuid = v_source AND c.target_uuid = v_target AND c.selection = 'all';
    IF p->>'resumes' IS NOT NULL AND v_other.job_id IS DISTINCT FROM (p->>'resumes')::bigint THEN -- it ended while both ends were looked at
        SELECT j.name, j.state INTO v_other FROM ferry.jobs j WHERE j.job_id = (p->>'resumes')::bigint;
        RAISE EXCEPTION 'job % has ended meanwhile (%): run migrate to move what is new', v_other.name, v_other.state
            USING ERRCODE = 'FE001';
    END IF;
    IF v_other.job_id IS NOT NULL THEN
        IF p->>'name' IS NOT NULL AND p->>'name' <> v_other.name THEN
            RAISE EXCEPTION 'job % already moves this collection: resume it, or leave --job out', v_other.name
                USING ERRCODE = 'FE001';
        END IF;
        PERFORM ferry.add_settings(v_other.job_id, coalesce(p->'settings', '{}'));
        -- Only when it changes: whoever plans holds the row for as long as a step takes.
        v_endpoint := ferry.put_endpoint(p->'source');
        UPDATE ferry.job_collections c SET source_endpoint_id = v_endpoint
            WHERE c.job_id = v_other.job_id AND c.collection_no = v_other.collection_no
              AND c.source_endpoint_id <> v_endpoint;
        IF p->'settings' ? 'max_rejects' THEN -- before it goes on, or it might block at once
            PERFORM ferry.change_settings(v_other.job_id, jsonb_build_object('max_rejects', p->'settings'->'max_rejects'));
        END IF;
        job_state := ferry.resume_job(v_other.job_id);
        PERFORM ferry.put_target(p->'target');
        PERFORM ferry.work_on((p->>'worker')::uuid, v_other.job_id);
        RETURN QUERY SELECT v_other.job_id, v_other.collection_no, v_other.name, job_state, true,
            ferry.on_existing(v_other.job_id);
        RETURN;
    END IF;
    SELECT j.name INTO v_other FROM ferry.job_collections c
        JOIN ferry.jobs j USING (job_id) JOIN ferry.target_collections t USING (target_uuid)
        JOIN ferry.endpoints s ON s.endpoint_id = c.source_endpoint_id
        JOIN ferry.endpoints e ON e.endpoint_id = t.endpoint_id
        WHERE c.is_open AND c.source_name = p->'source'->>'name' AND t.name = p->'target'->>'name'
          AND (s.url, s.tenant, s.database_name) = (p->'source'->>'url', p->'source'->>'tenant', p->'source'->>'database')
          AND (e.url, e.tenant, e.database_name) = (p->'target'->>'url', p->'target'->>'tenant', p->'target'->>'database');
    IF FOUND THEN
        RAISE EXCEPTION 'job % moves a collection of this name that has been deleted or recreated since: cancel it first (ferry-producer cancel %)',
            v_other.name, v_other.name USING ERRCODE = 'FE004';
    END IF;
    SELECT j.name INTO v_other FROM ferry.job_collections c JOIN ferry.jobs j USING (job_id)
        WHERE c.is_open AND c.target_uuid = v_target;
    IF FOUND THEN
        RAISE EXCEPTION 'job % is writing into this target collection: run again when it has ended', v_other.name
            USING ERRCODE = 'FE005';
    END IF;
    PERFORM ferry.refuse_while_in_flight(v_target);
    v_name := coalesce(p->>'name', ferry.free_job_name(p->'source'->>'name'));
    IF EXISTS (SELECT FROM ferry.jobs j WHERE j.name = v_name) THEN
        RAISE EXCEPTION 'a job named % exists already: choose another --job', v_name USING ERRCODE = 'FE001';
    END IF;
    PERFORM ferry.put_target(p->'target');
    INSERT INTO ferry.jobs (name, settings) VALUES (v_name, coalesce(p->'settings', '{}')) RETURNING ferry.jobs.job_id INTO v_job;
    INSERT INTO ferry.job_collections (job_id, collection_no, source_endpoint_id, source_uuid, source_name, target_uuid)
        VALUES (v_job, 1, ferry.put_endpoint(p->'source'), v_source, p->'source'->>'name', v_target);
    UPDATE ferry.target_collections t SET writer_epoch = writer_epoch + 1, writer_job_id = v_job
        WHERE t.target_uuid = v_target;
    PERFORM ferry.work_on((p->>'worker')::uuid, v_job);
    PERFORM ferry.log_event('job.submitted', v_job, NULL, NULL, v_name);
    IF p->'fidelity' <> '[]' THEN
        PERFORM ferry.log_event('job.fidelity', v_job, NULL, NULL, (p->'fidelity')::text);
    END IF;
    RETURN QUERY SELECT v_job, 1, v_name, 'pending'::text, false, ferry.on_existing(v_job);
END
$$;

-- How long a worker's leases are.
CREATE FUNCTION ferry.lease_of(p_worker uuid) RETURNS interval LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT lease_until - seen_at FROM ferry.workers WHERE worker_id = p_worker AND stopped_at IS NULL),
                    interval '1 minute')
$$;

-- What may still arrive at a target from a job that was cancelled: its claims until they are settled, its irregular ends, its
-- deletions. Whoever writes there next waits for that: an older content must not come after a newer one. No lease is longer than
-- an hour, hence the three.
CREATE FUNCTION ferry.target_in_flight(p_target uuid) RETURNS TABLE (job text, wait_ms bigint) LANGUAGE sql STABLE AS $$
    SELECT j.name, ceil(extract(epoch FROM max(u.until) - now()) * 1000)::bigint
    FROM ferry.job_collections c JOIN ferry.jobs j USING (job_id)
    CROSS JOIN LATERAL (
        SELECT greatest(b.quiet_until, CASE WHEN b.state = 'cancelled' THEN b.lease_until + ferry.lease_of(b.owner) END) AS until
        FROM ferry.batches b WHERE b.job_id = c.job_id AND b.collection_no = c.collection_no
        UNION ALL
        SELECT d.in_flight_until FROM ferry.deletions d
        WHERE d.job_id = c.job_id AND d.collection_no = c.collection_no AND d.deleted_at IS NULL
    ) u
    WHERE c.target_uuid = p_target AND j.state = 'cancelled' AND j.finished_at > now() - interval '3 hours' AND u.until > now()
    GROUP BY j.job_id, j.name ORDER BY 2 DESC LIMIT 1
$$;

CREATE FUNCTION ferry.refuse_while_in_flight(p_target uuid) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    v record;
BEGIN
    SELECT * INTO v FROM ferry.target_in_flight(p_target);
    IF FOUND THEN
        RAISE EXCEPTION 'requests of job %, which was cancelled, may still be on their way to this target collection: run again in % s',
            v.job, v.wait_ms / 1000 + 1 USING ERRCODE = 'FE005';
    END IF;
END
$$;

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

-- P2, one piece of a listing; an id that comes twice is kept once. Returns how many were new.
CREATE FUNCTION ferry.plan_add(p_job bigint, p_collection integer, p_epoch bigint, p_side text, p_first bigint, p_ids bytea[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_new bigint;
BEGIN
    PERFORM ferry.plan_check(p_job, p_collection, p_epoch);
    INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
        SELECT p_job, p_collection, p_side::"char", p_first + ord - 1, id
        FROM unnest(p_ids) WITH ORDINALITY AS u (id, ord) ORDER BY ord
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_new = ROW_COUNT;
    RETURN v_new;
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

-- P2, for a later job of the pair: the ids that a succeeded one has verified, as side 'p'; after a purge whatever the target has,
-- but for what was rejected and for what a job that did not succeed may have left there. Unless all that existed is made like
-- the source anyway, also those that any earlier one found absent and has sent, as side 'o': what a job that failed or was
-- cancelled left behind is the ferry's own, and did not exist before.
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
            SELECT sha256(r.id) FROM pair JOIN ferry.rejected_records r USING (job_id)
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
        INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
            SELECT p_job, p_collection, 'o', 0, u.id
            FROM ferry.job_collections me
            JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection)
                                          = (me.source_uuid, me.target_uuid, me.selection) AND o.job_id <> p_job
            JOIN ferry.batches b ON b.job_id = o.job_id AND b.collection_no = o.collection_no
                                AND (b.deliveries > 0 OR b.must_reread)
            JOIN ferry.batch_ids i ON i.job_id = b.job_id AND i.batch_no = b.batch_no
            CROSS JOIN LATERAL unnest(i.ids) WITH ORDINALITY AS u (id, ord)
            WHERE me.job_id = p_job AND me.collection_no = p_collection
              AND get_bit(i.existed, u.ord::integer - 1) = 0
            ON CONFLICT DO NOTHING;
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
    v_reason := format('%s of the records to move exist at the target already; first: id %s; nothing was written: run again '
                       'with --on-existing mirror or skip', p_count, v_first);
    DELETE FROM ferry.batches WHERE job_id = p_job AND collection_no = p_collection;
    UPDATE ferry.job_collections SET is_open = false, plan_lease_until = NULL WHERE job_id = p_job;
    UPDATE ferry.jobs SET state = 'failed', finished_at = now(), last_error = v_reason WHERE job_id = p_job;
    UPDATE ferry.target_collections SET writer_job_id = NULL WHERE writer_job_id = p_job;
    PERFORM ferry.log_event('job.failed', p_job, NULL, NULL, v_reason);
    RETURN v_reason;
END
$$;

-- P4. outcome: planned, nothing (no row of the job is left), or refused (the job has failed, for that reason). is_by_target: what
-- the target has was taken for moved, because the lists of earlier jobs were purged.
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
    v_prior boolean;
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
    SELECT EXISTS (SELECT FROM ferry.job_collections me JOIN ferry.job_collections o
            ON (o.source_uuid, o.target_uuid, o.selection) = (me.source_uuid, me.target_uuid, me.selection)
            JOIN ferry.jobs j ON j.job_id = o.job_id AND j.state = 'succeeded'
            WHERE me.job_id = p_job AND me.collection_no = p_collection) INTO v_prior;
    PERFORM ferry.end_long_step(plan_owner) FROM ferry.job_collections
        WHERE job_id = p_job AND collection_no = p_collection;
    DELETE FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection;
    -- A job that is to look at its end has something to do.
    IF v_manifest = 0 AND v_prior AND NOT (ferry.wants(p_job, 'catch_up') OR ferry.wants(p_job, 'exact_target')
                                           OR ferry.wants(p_job, 'delete_extra')) THEN
        UPDATE ferry.target_collections SET writer_job_id = NULL WHERE writer_job_id = p_job;
        DELETE FROM ferry.events WHERE job_id = p_job;
        DELETE FROM ferry.jobs WHERE job_id = p_job;
        RETURN QUERY SELECT 'nothing'::text, 0::bigint, v_skipped, NULL::text, v_by_target;
        RETURN;
    END IF;
    UPDATE ferry.job_collections SET plan_complete_at = now(), plan_lease_until = NULL, n_planned = v_manifest,
            n_skipped = v_skipped, n_source_ids = v_source, n_target_ids = v_target
        WHERE job_id = p_job AND collection_no = p_collection;
    UPDATE ferry.jobs SET state = 'running', started_at = now() WHERE job_id = p_job AND state = 'pending';
    PERFORM ferry.log_event('job.planned', p_job, NULL, NULL, v_manifest || ' records' ||
        CASE WHEN v_skipped > 0 THEN ', ' || v_skipped || ' skipped: they existed at the target' ELSE '' END ||
        CASE WHEN v_by_target THEN '; earlier jobs were purged: what the target has was taken for moved' ELSE '' END);
    RETURN QUERY SELECT 'planned'::text, v_manifest, v_skipped, NULL::text, v_by_target;
END
$$;

-- A job by name or number, for every function and command that takes one.
CREATE FUNCTION ferry.find_job(p_job text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_job bigint;
BEGIN
    SELECT job_id INTO v_job FROM ferry.jobs WHERE name = p_job OR job_id::text = p_job ORDER BY name = p_job DESC LIMIT 1;
    IF v_job IS NULL THEN
        RAISE EXCEPTION 'there is no job named %: see ferry-producer status', p_job USING ERRCODE = 'FE003';
    END IF;
    RETURN v_job;
END
$$;

CREATE FUNCTION ferry.resume_job(p_job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
BEGIN
    UPDATE ferry.jobs SET state = 'running', last_error = NULL WHERE job_id = p_job AND state IN ('paused', 'blocked');
    IF FOUND THEN
        PERFORM ferry.log_event('job.resumed', p_job, NULL, NULL, '');
    END IF;
    SELECT state INTO v_state FROM ferry.jobs WHERE job_id = p_job;
    RETURN v_state;
END
$$;

-- Settings of an unfinished job that were given again when it went on; the others stay.
CREATE FUNCTION ferry.change_settings(p_job bigint, p jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ferry.jobs SET settings = settings || p
        WHERE job_id = p_job AND state NOT IN ('succeeded', 'failed', 'cancelled') AND settings || p <> settings;
    IF FOUND THEN
        PERFORM ferry.log_event('job.settings', p_job, NULL, NULL, p::text);
    END IF;
    RETURN FOUND;
END
$$;

CREATE FUNCTION ferry.block_job(p_job bigint, p_worker uuid, p_reason text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ferry.jobs SET state = 'blocked', last_error = p_reason WHERE job_id = p_job AND state = 'running';
    IF FOUND THEN
        PERFORM ferry.log_event('job.blocked', p_job, NULL, p_worker, p_reason);
    END IF;
    RETURN FOUND;
END
$$;

-- How many rejected records a job bears: the setting max_rejects, N or P% of what was planned (but then never less than 20).
CREATE FUNCTION ferry.max_rejects(p_job bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN right(s.most, 1) = '%'
                THEN greatest(20, floor(coalesce(c.planned, 0) * rtrim(s.most, '%')::numeric / 100)::bigint)
                ELSE s.most::bigint END
    FROM (SELECT coalesce(settings->>'max_rejects', '1%') AS most FROM ferry.jobs WHERE job_id = p_job) s
    CROSS JOIN (SELECT sum(n_planned) AS planned FROM ferry.job_collections WHERE job_id = p_job) c
$$;

-- How many of so many records a job may delete at the target: the setting max_delete, N or P%. By default half of them, but none
-- when the source lists no ids at all: it was emptied by mistake more often than on purpose.
CREATE FUNCTION ferry.max_delete(p_job bigint, p_records bigint, p_source_ids bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN s.most IS NULL AND p_source_ids = 0 THEN 0
                WHEN right(coalesce(s.most, '50%'), 1) = '%'
                THEN floor(p_records * rtrim(coalesce(s.most, '50%'), '%')::numeric / 100)::bigint
                ELSE s.most::bigint END
    FROM (SELECT settings->>'max_delete' AS most FROM ferry.jobs WHERE job_id = p_job) s
$$;

-- A job is not drained into its rejects: with more of them than it bears it waits for a person. Called by whatever has just
-- rejected records, and holds the job's row already, before those of its batches.
CREATE FUNCTION ferry.check_rejects(p_job bigint, p_worker uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_limit bigint := ferry.max_rejects(p_job);
    v_count bigint;
    v_most record;
BEGIN
    SELECT count(*) INTO v_count FROM ferry.rejected_records WHERE job_id = p_job;
    IF v_count <= v_limit OR NOT EXISTS (SELECT FROM ferry.jobs WHERE job_id = p_job AND state = 'running') THEN
        RETURN;
    END IF;
    SELECT reason, count(*) AS n, min(message) AS words INTO v_most
        FROM ferry.rejected_records WHERE job_id = p_job GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 1;
    PERFORM ferry.block_job(p_job, p_worker, format(
        '%s of %s records were rejected, more than the %s allowed (--max-rejects allows more, ferry.rejects names all); %s of them as %s, such as: %s',
        v_count, (SELECT sum(n_planned) FROM ferry.job_collections WHERE job_id = p_job), v_limit, v_most.n, v_most.reason,
        v_most.words));
END
$$;

-- Between delete and upsert a record is missing at the target: nothing stops a job there. The caller holds the job's row, so
-- that none is opened meanwhile.
CREATE FUNCTION ferry.refuse_while_repairing(p_job bigint) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF EXISTS (SELECT FROM ferry.repairs r WHERE r.job_id = p_job AND r.closed_at IS NULL) THEN
        RAISE EXCEPTION 'a repair is under way at the target of job %: try again in a moment, with a ferry-consumer running',
            (SELECT name FROM ferry.jobs WHERE job_id = p_job) USING ERRCODE = 'FE005',
            HINT = format('Only where the target is gone for good: UPDATE ferry.repairs SET closed_at = now() WHERE job_id = %s', p_job);
    END IF;
END
$$;

CREATE FUNCTION ferry.is_repairing(p_job bigint, p_batch bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM ferry.repairs r WHERE r.job_id = p_job AND r.batch_no = p_batch AND r.closed_at IS NULL)
$$;

-- ---- what people do to a job: pause, resume, cancel (purge and redrive: 0005) ----

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
        SELECT x.*, x.lease_until > now() AND x.state IN ('planned', 'claimed', 'cancelled') AS is_held
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
