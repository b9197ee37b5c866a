-- Endpoints, targets, events; submitting a job, its settings and what it bears. Our own refusals carry SQLSTATEs that the programs turn into exit codes:
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
        max_batch_records = EXCLUDED.max_batch_records, max_request_bytes = NULL, limit_learnt_at = NULL,
        limits_origin = EXCLUDED.limits_origin; -- what was learnt is of the job before
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

-- Who does not name the job it finds, nor asks for its deletions, may not know of them: what the target holds may have become
-- another's since.
CREATE FUNCTION ferry.refuse_unasked_deletions(p_job bigint, p_settings jsonb) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_name text := (SELECT name FROM ferry.jobs WHERE job_id = p_job);
BEGIN
    IF ferry.wants(p_job, 'delete_extra') AND NOT coalesce((p_settings->>'delete_extra')::boolean, false) THEN
        RAISE EXCEPTION 'job %, which is unfinished, was begun with --delete-extra: at its end it deletes what the target holds beyond the source; ferry-producer resume % goes on with it so, SELECT ferry.change_settings(%, ''{"delete_extra": false}'') takes that off it first',
            v_name, v_name, p_job USING ERRCODE = 'FE001';
    END IF;
END
$$;

-- The pairs of a submission, numbered as they stand in it: collections, each {source, target, fidelity, selection}; a single one
-- may stand in the submission itself.
CREATE FUNCTION ferry.submitted_pairs(p jsonb)
RETURNS TABLE (ord integer, source_uuid uuid, target_uuid uuid, selection text, source jsonb, target jsonb, fidelity jsonb)
LANGUAGE sql IMMUTABLE AS $$
    SELECT x.ord::integer, (x.pair->'source'->>'uuid')::uuid, (x.pair->'target'->>'uuid')::uuid,
        coalesce(x.pair->>'selection', p->>'selection', 'all'), x.pair->'source', x.pair->'target', x.pair->'fidelity'
    FROM jsonb_array_elements(coalesce(p->'collections', jsonb_build_array(p))) WITH ORDINALITY AS x (pair, ord)
$$;

-- Some names of collections for a refusal, or ''.
CREATE FUNCTION ferry.some_names(p_words text, p_names text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN cardinality(p_names) = 0 THEN '' ELSE '; ' || p_words || ' ' || array_to_string(p_names[1:5], ', ')
        || CASE WHEN cardinality(p_names) > 5 THEN ' and ' || cardinality(p_names) - 5 || ' more' ELSE '' END END
$$;

-- The unfinished job that holds exactly these pairs; null: none holds any of them. Several jobs, or other pairs beside them, are
-- a refusal: nobody can tell what is meant to go on.
CREATE FUNCTION ferry.find_open_job(p jsonb) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v record;
    v_new text[];
    v_other text[];
BEGIN
    SELECT count(DISTINCT c.job_id) AS jobs, min(c.job_id) AS job_id, count(c.job_id) AS held, count(*) AS submitted INTO v
        FROM ferry.submitted_pairs(p) s LEFT JOIN ferry.job_collections c
        ON c.is_open AND (c.source_uuid, c.target_uuid, c.selection) = (s.source_uuid, s.target_uuid, s.selection);
    IF v.held = 0 THEN
        RETURN NULL;
    END IF;
    IF v.jobs = 1 AND v.held = v.submitted AND v.held = (SELECT count(*) FROM ferry.job_collections c WHERE c.job_id = v.job_id) THEN
        RETURN v.job_id;
    END IF;
    v_new := ARRAY(SELECT s.source->>'name' FROM ferry.submitted_pairs(p) s WHERE NOT EXISTS (
        SELECT FROM ferry.job_collections c WHERE c.job_id = v.job_id
        AND (c.source_uuid, c.target_uuid, c.selection) = (s.source_uuid, s.target_uuid, s.selection)) ORDER BY s.ord);
    v_other := ARRAY(SELECT c.source_name FROM ferry.job_collections c WHERE c.job_id = v.job_id AND NOT EXISTS (
        SELECT FROM ferry.submitted_pairs(p) s
        WHERE (c.source_uuid, c.target_uuid, c.selection) = (s.source_uuid, s.target_uuid, s.selection)) ORDER BY c.collection_no);
    RAISE EXCEPTION 'job % already moves % of these collections, but not exactly these%: ferry-producer resume % goes on with it, ferry-producer cancel % gives it up',
        (SELECT name FROM ferry.jobs WHERE job_id = v.job_id),
        (SELECT count(*) FROM ferry.submitted_pairs(p) s JOIN ferry.job_collections c ON c.job_id = v.job_id
         AND (c.source_uuid, c.target_uuid, c.selection) = (s.source_uuid, s.target_uuid, s.selection)),
        ferry.some_names('not in it:', v_new) || ferry.some_names('only in it:', v_other),
        (SELECT name FROM ferry.jobs WHERE job_id = v.job_id), (SELECT name FROM ferry.jobs WHERE job_id = v.job_id)
        USING ERRCODE = 'FE001';
END
$$;

-- Which of a job's collections something is said of; '' where there is only one.
CREATE FUNCTION ferry.which_collection(p_job bigint, p_collection integer) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT 'collection ' || c.source_name || ' of ' || e.tenant || '/' || e.database_name || ': '
        FROM ferry.job_collections c JOIN ferry.endpoints e ON e.endpoint_id = c.source_endpoint_id
        WHERE c.job_id = p_job AND c.collection_no = p_collection
          AND (SELECT count(*) FROM ferry.job_collections o WHERE o.job_id = p_job) > 1), '')
$$;

-- What forbids a new job of these pairs, whoever submits it.
CREATE FUNCTION ferry.check_new_pairs(p jsonb) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    v record;
    v_is_one boolean := (SELECT count(*) = 1 FROM ferry.submitted_pairs(p));
BEGIN
    SELECT j.name, CASE WHEN v_is_one THEN '' ELSE ' (' || c.source_name || ')' END AS which INTO v
        FROM ferry.submitted_pairs(p) x JOIN ferry.job_collections c ON c.source_name = x.source->>'name'
        JOIN ferry.jobs j USING (job_id) JOIN ferry.target_collections t ON t.target_uuid = c.target_uuid
        JOIN ferry.endpoints s ON s.endpoint_id = c.source_endpoint_id
        JOIN ferry.endpoints e ON e.endpoint_id = t.endpoint_id
        WHERE c.is_open AND t.name = x.target->>'name'
          AND (s.url, s.tenant, s.database_name) = (x.source->>'url', x.source->>'tenant', x.source->>'database')
          AND (e.url, e.tenant, e.database_name) = (x.target->>'url', x.target->>'tenant', x.target->>'database')
        ORDER BY x.ord LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'job % moves a collection of this name% that has been deleted or recreated since: cancel it first (ferry-producer cancel %)',
            v.name, v.which, v.name USING ERRCODE = 'FE004';
    END IF;
    SELECT j.name, CASE WHEN v_is_one THEN '' ELSE ' (' || (x.target->>'name') || ')' END AS which INTO v
        FROM ferry.submitted_pairs(p) x JOIN ferry.job_collections c USING (target_uuid) JOIN ferry.jobs j USING (job_id)
        WHERE c.is_open ORDER BY x.ord LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'job % is writing into this target collection%: run again when it has ended', v.name, v.which
            USING ERRCODE = 'FE005';
    END IF;
    -- A rehearsal's collection is its own, because it may be removed: nothing else goes there, before or after.
    SELECT t.name, j.name AS job, x.selection INTO v
        FROM ferry.submitted_pairs(p) x JOIN ferry.target_collections t USING (target_uuid)
        JOIN ferry.job_collections c USING (target_uuid) JOIN ferry.jobs j USING (job_id)
        WHERE x.selection <> 'all' OR t.rehearsal_job_id IS NOT NULL ORDER BY x.ord, j.job_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'target collection "%" % job %: choose another --target-collection', v.name,
            CASE v.selection WHEN 'all' THEN 'may be removed with the rehearsal' ELSE 'is that of' END, v.job
            USING ERRCODE = 'FE001';
    END IF;
END
$$;

-- Whatever a submission is refused for, but for what passes by itself within seconds. Asked also before the target collections
-- are made: those that are not there yet have no uuid. Answers the unfinished job that goes on, or null.
CREATE FUNCTION ferry.check_submission(p jsonb) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_count integer := (SELECT count(*) FROM ferry.submitted_pairs(p));
    v_same uuid;
    v_other record;
    v_job bigint;
BEGIN
    PERFORM ferry.check_settings(p->'settings');
    IF v_count NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'a job moves between 1 and 1000 collections, not %', v_count USING ERRCODE = 'FE001';
    END IF;
    SELECT s.source_uuid INTO v_same FROM ferry.submitted_pairs(p) s
        WHERE s.source_uuid IN (SELECT t.target_uuid FROM ferry.submitted_pairs(p) t) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'source and target are the same collection (%): name another target', v_same USING ERRCODE = 'FE001';
    END IF;
    SELECT s.target_uuid INTO v_same FROM ferry.submitted_pairs(p) s WHERE s.target_uuid IS NOT NULL
        GROUP BY s.target_uuid HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'two collections would go to the same target collection (%)', v_same USING ERRCODE = 'FE001';
    END IF;
    v_job := CASE WHEN p->>'resumes' IS NULL OR EXISTS (SELECT FROM ferry.job_collections c
                  WHERE c.job_id = (p->>'resumes')::bigint AND c.is_open) THEN ferry.find_open_job(p) END;
    IF p->>'resumes' IS NOT NULL AND v_job IS DISTINCT FROM (p->>'resumes')::bigint THEN -- it ended while both ends were looked at
        SELECT j.name, j.state INTO v_other FROM ferry.jobs j WHERE j.job_id = (p->>'resumes')::bigint;
        RAISE EXCEPTION 'job % has ended meanwhile (%): run migrate to move what is new', v_other.name, v_other.state
            USING ERRCODE = 'FE001';
    END IF;
    SELECT j.name, j.state INTO v_other FROM ferry.jobs j WHERE j.job_id = v_job;
    IF FOUND AND p->>'name' IS NOT NULL AND p->>'name' <> v_other.name THEN
        RAISE EXCEPTION 'job % already moves %: resume it, or leave --job out', v_other.name,
            CASE WHEN v_count = 1 THEN 'this collection' ELSE 'these collections' END USING ERRCODE = 'FE001';
    END IF;
    IF v_job IS NULL THEN
        PERFORM ferry.check_new_pairs(p);
        IF p->>'name' !~ '[^0-9]' THEN
            RAISE EXCEPTION '--job % would be taken for the number of a job: give it a letter', p->>'name' USING ERRCODE = 'FE001';
        END IF;
        IF EXISTS (SELECT FROM ferry.jobs j WHERE j.name = p->>'name') THEN
            RAISE EXCEPTION 'a job named % exists already: choose another --job', p->>'name' USING ERRCODE = 'FE001';
        END IF;
    END IF;
    RETURN v_job;
END
$$;

-- What the servers say of a job that goes on: addresses, and the targets' limits. Endpoints of the source are only written when
-- they change: whoever plans holds the row for as long as a step takes.
CREATE FUNCTION ferry.put_pairs(p jsonb, p_job bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v record;
    v_endpoint bigint;
BEGIN
    FOR v IN SELECT s.source, c.collection_no FROM ferry.submitted_pairs(p) s JOIN ferry.job_collections c ON c.job_id = p_job
             AND (c.source_uuid, c.target_uuid, c.selection) = (s.source_uuid, s.target_uuid, s.selection)
             ORDER BY c.collection_no LOOP
        v_endpoint := ferry.put_endpoint(v.source);
        UPDATE ferry.job_collections c SET source_endpoint_id = v_endpoint
            WHERE c.job_id = p_job AND c.collection_no = v.collection_no AND c.source_endpoint_id <> v_endpoint;
    END LOOP;
END
$$;

CREATE FUNCTION ferry.put_targets(p jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v record;
BEGIN
    FOR v IN SELECT s.target FROM ferry.submitted_pairs(p) s ORDER BY s.target_uuid LOOP
        PERFORM ferry.put_target(v.target);
    END LOOP;
END
$$;

-- What the target collections do not get as it is. Of a job with several, each with its name.
CREATE FUNCTION ferry.note_fidelity(p jsonb, p_job bigint) RETURNS void LANGUAGE sql AS $$
    SELECT ferry.log_event('job.fidelity', p_job, NULL, NULL, CASE WHEN n = 1 THEN x.fidelity ELSE jsonb_build_object(
        'tenant', x.source->>'tenant', 'database', x.source->>'database', 'collection', x.source->>'name',
        'settings', x.fidelity) END::text)
    FROM (SELECT s.*, count(*) OVER () AS n FROM ferry.submitted_pairs(p) s) x WHERE x.fidelity <> '[]' ORDER BY x.ord
$$;

-- p: name (or null), title (what a job without a name is named after; null: the source), selection (of all pairs that tell none;
-- null: all), worker, settings (those that were given), and pairs as ferry.submitted_pairs() reads them; resumes: the job that is meant to go on, and no new one. Answers a row for each
-- pair, in their order; catches_up, deletes_extra: whether the job deletes at its end.
CREATE FUNCTION ferry.submit(p jsonb)
RETURNS TABLE (job_id bigint, collection_no integer, job_name text, job_state text, is_resumed boolean, on_existing text,
               catches_up boolean, deletes_extra boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_pair record;
    v_job bigint;
    v_is_old boolean;
    v_name text;
    v_state text := 'pending';
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ferry.submit', 0));
    v_job := ferry.check_submission(p);
    v_is_old := v_job IS NOT NULL;
    IF v_is_old THEN
        IF p->>'resumes' IS NULL THEN
            PERFORM ferry.refuse_unasked_deletions(v_job, p->'settings');
        END IF;
        PERFORM ferry.put_pairs(p, v_job);
        PERFORM ferry.add_settings(v_job, coalesce(p->'settings', '{}'));
        IF p->'settings' ? 'max_rejects' THEN -- before it goes on, or it might block at once
            PERFORM ferry.change_settings(v_job, jsonb_build_object('max_rejects', p->'settings'->'max_rejects'));
        END IF;
        SELECT j.name INTO v_name FROM ferry.jobs j WHERE j.job_id = v_job;
        v_state := ferry.resume_job(v_job);
        PERFORM ferry.put_targets(p);
        PERFORM ferry.work_on((p->>'worker')::uuid, v_job);
    ELSE
        PERFORM ferry.refuse_while_in_flight(x.target_uuid) FROM ferry.submitted_pairs(p) x;
        SELECT coalesce(p->>'name', ferry.free_job_name(coalesce(p->>'title', s.source->>'name'))) INTO v_name
            FROM ferry.submitted_pairs(p) s WHERE s.ord = 1;
        PERFORM ferry.put_targets(p);
        INSERT INTO ferry.jobs (name, settings) VALUES (v_name, coalesce(p->'settings', '{}')) RETURNING ferry.jobs.job_id INTO v_job;
        FOR v_pair IN SELECT * FROM ferry.submitted_pairs(p) ORDER BY ord LOOP
            INSERT INTO ferry.job_collections (job_id, collection_no, source_endpoint_id, source_uuid, source_name, target_uuid, selection)
                VALUES (v_job, v_pair.ord, ferry.put_endpoint(v_pair.source), v_pair.source_uuid, v_pair.source->>'name',
                        v_pair.target_uuid, v_pair.selection);
        END LOOP;
        PERFORM ferry.mark_rehearsals(v_job);
        UPDATE ferry.target_collections t SET writer_epoch = writer_epoch + 1, writer_job_id = v_job
            WHERE t.target_uuid IN (SELECT s.target_uuid FROM ferry.submitted_pairs(p) s);
        PERFORM ferry.work_on((p->>'worker')::uuid, v_job);
        PERFORM ferry.log_event('job.submitted', v_job, NULL, NULL, v_name);
        PERFORM ferry.note_fidelity(p, v_job);
    END IF;
    RETURN QUERY SELECT v_job, c.collection_no, v_name, v_state, v_is_old, ferry.on_existing(v_job),
            ferry.wants(v_job, 'catch_up'), ferry.wants(v_job, 'delete_extra')
        FROM ferry.submitted_pairs(p) s JOIN ferry.job_collections c ON c.job_id = v_job
        AND (c.source_uuid, c.target_uuid, c.selection) = (s.source_uuid, s.target_uuid, s.selection) ORDER BY s.ord;
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

-- A job by name or number, for every function and command that takes one. No name is a number.
CREATE FUNCTION ferry.find_job(p_job text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_job bigint;
BEGIN
    SELECT job_id INTO v_job FROM ferry.jobs WHERE name = p_job OR job_id::text = p_job;
    IF v_job IS NULL THEN
        RAISE EXCEPTION 'there is no job named %: see ferry-producer status', p_job USING ERRCODE = 'FE003';
    END IF;
    RETURN v_job;
END
$$;

-- What a missing secret held back (ferry.park_batches) goes on at once.
CREATE FUNCTION ferry.resume_job(p_job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
BEGIN
    UPDATE ferry.jobs SET state = 'running', last_error = NULL WHERE job_id = p_job AND state IN ('paused', 'blocked');
    IF FOUND THEN
        PERFORM FROM ferry.batches WHERE job_id = p_job AND state = 'planned' AND owner IS NULL AND lease_until > now()
            ORDER BY batch_no FOR UPDATE;
        UPDATE ferry.batches SET lease_until = NULL
            WHERE job_id = p_job AND state = 'planned' AND owner IS NULL AND lease_until > now();
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
