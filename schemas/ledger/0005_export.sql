-- Exporting batches, the producer's steps: PROTOCOL §2 and §6. Every function is one compare-and-set for all that is
-- ready; what matches no row has moved on and is left out of the answer.

-- E1. The job row's lock makes producers take turns, so that the window holds over all of them. A target that refused is
-- left alone until retry_at, and then gets exactly one batch as a probe; the job's other targets go on. A lease without an owner
-- is the pause of ferry.park_batches: nobody exports that batch, and it fills the window all the same.
CREATE FUNCTION ferry.claim_exports(p_worker uuid, p_job bigint, p_max integer, p_lease interval,
                                    p_ahead integer, p_ahead_bytes bigint)
RETURNS TABLE (collection_no integer, batch_no bigint, fence bigint, export_rev bigint, n_records integer, ids text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_open integer;
    v_bytes bigint;
    v_max integer := p_max;
    v_refused integer[];
    v_probes bigint[];
BEGIN
    PERFORM FROM ferry.jobs j WHERE j.job_id = p_job AND j.state = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT count(*), coalesce(sum(b.payload_bytes), 0) INTO v_open, v_bytes FROM ferry.batches b
        WHERE b.job_id = p_job
          AND (b.state IN ('published', 'claimed') OR (b.state = 'planned' AND b.lease_until > now()));
    v_refused := ARRAY(SELECT c.collection_no FROM ferry.job_collections c JOIN ferry.target_collections t USING (target_uuid)
        WHERE c.job_id = p_job AND t.retry_at IS NOT NULL);
    IF cardinality(v_refused) > 0 THEN
        v_probes := ARRAY(SELECT min(b.batch_no) FILTER (WHERE b.lease_until IS NULL OR b.lease_until < now()) FROM ferry.batches b
            JOIN ferry.job_collections c USING (job_id, collection_no) JOIN ferry.target_collections t USING (target_uuid)
            WHERE b.job_id = p_job AND b.state IN ('planned', 'published', 'claimed') AND t.retry_at <= now()
            GROUP BY b.collection_no
            HAVING bool_and(b.state = 'planned' AND (b.lease_until IS NULL OR b.lease_until < now() OR b.owner IS NULL)));
    END IF;
    v_max := least(v_max, p_ahead - v_open);
    IF v_max <= 0 OR v_bytes >= p_ahead_bytes THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH picked AS (
        SELECT b.batch_no FROM ferry.batches b
        JOIN ferry.job_collections c ON c.job_id = b.job_id AND c.collection_no = b.collection_no
        WHERE b.job_id = p_job AND b.state = 'planned' AND (b.lease_until IS NULL OR b.lease_until < now())
          AND b.unseen IS NULL AND c.plan_complete_at IS NOT NULL AND (b.collection_no <> ALL (v_refused) OR b.batch_no = ANY (v_probes))
        ORDER BY b.batch_no LIMIT v_max FOR UPDATE OF b SKIP LOCKED
    ), claimed AS (
        UPDATE ferry.batches b SET owner = p_worker, fence = nextval('ferry.fences'), lease_until = now() + p_lease,
               export_rev = b.export_rev + 1, payload_sha256 = NULL, payload_bytes = NULL, partition = NULL,
               message_offset = NULL, published_at = NULL, exports = b.exports + 1
        FROM picked WHERE b.job_id = p_job AND b.batch_no = picked.batch_no
        RETURNING b.collection_no, b.batch_no, b.fence, b.export_rev, b.n_records
    )
    SELECT c.collection_no, c.batch_no, c.fence, c.export_rev, c.n_records,
           (SELECT string_agg(encode(u.id, 'hex'), ',' ORDER BY u.ord) FROM unnest(i.ids) WITH ORDINALITY u (id, ord))
    FROM claimed c JOIN ferry.batch_ids i ON i.job_id = p_job AND i.batch_no = c.batch_no
    ORDER BY c.batch_no;
END
$$;

-- E3. p_sha null: no operation is left, the batch is final, and a repair of it has nothing left to write. Records left out come
-- flattened, each with its batch; reason 'vanished' or why it was rejected; or 'truncated', which travels.
CREATE FUNCTION ferry.record_exports(p_worker uuid, p_job bigint, p_batch bigint[], p_fence bigint[], p_rev bigint[],
                                     p_sha text[], p_bytes bigint[],
                                     p_out_batch bigint[], p_out_id bytea[], p_out_reason text[], p_out_message text[])
RETURNS TABLE (batch_no bigint, state text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_rejects boolean := EXISTS (SELECT FROM unnest(p_out_reason) AS u (reason) WHERE reason NOT IN ('vanished', 'truncated'));
BEGIN
    IF v_rejects THEN -- it may be blocked below
        PERFORM FROM ferry.jobs j WHERE j.job_id = p_job FOR NO KEY UPDATE;
    END IF;
    RETURN QUERY
    WITH r AS (
        SELECT * FROM unnest(p_batch, p_fence, p_rev, p_sha, p_bytes) AS u (batch_no, fence, rev, sha, bytes)
    ), mine AS (
        SELECT b.batch_no FROM ferry.batches b JOIN r USING (batch_no)
        WHERE b.job_id = p_job AND b.state = 'planned' AND b.fence = r.fence AND b.export_rev = r.rev
          AND b.owner = p_worker
        ORDER BY b.batch_no FOR UPDATE OF b
    ), said AS (
        SELECT o.batch_no, o.id, o.reason, o.message
        FROM unnest(p_out_batch, p_out_id, p_out_reason, p_out_message) AS o (batch_no, id, reason, message)
        JOIN mine USING (batch_no)
    ), left_out AS (
        SELECT * FROM said WHERE reason <> 'truncated'
    ), truncated AS (
        SELECT * FROM said WHERE reason = 'truncated'
    ), old_truncated AS (
        DELETE FROM ferry.truncated_records x USING mine WHERE x.job_id = p_job AND x.batch_no = mine.batch_no
            AND NOT EXISTS (SELECT FROM truncated l WHERE l.batch_no = x.batch_no AND sha256(l.id) = sha256(x.id))
    ), put_truncated AS (
        INSERT INTO ferry.truncated_records (job_id, batch_no, id, message)
        SELECT p_job, l.batch_no, l.id, l.message FROM truncated l
        ON CONFLICT (job_id, batch_no, sha256(id)) DO UPDATE SET message = EXCLUDED.message, at = now()
    ), old_rejects AS (
        DELETE FROM ferry.rejected_records x USING mine WHERE x.job_id = p_job AND x.batch_no = mine.batch_no
            AND NOT EXISTS (SELECT FROM left_out l WHERE l.batch_no = x.batch_no AND l.reason <> 'vanished'
                            AND sha256(l.id) = sha256(x.id))
    ), old_vanished AS (
        DELETE FROM ferry.vanished_records x USING mine WHERE x.job_id = p_job AND x.batch_no = mine.batch_no
            AND NOT EXISTS (SELECT FROM left_out l WHERE l.batch_no = x.batch_no AND l.reason = 'vanished'
                            AND sha256(l.id) = sha256(x.id))
    ), put_rejects AS (
        INSERT INTO ferry.rejected_records (job_id, batch_no, id, reason, message, stage, export_rev)
        SELECT p_job, l.batch_no, l.id, l.reason, l.message, 'export', r.rev FROM left_out l JOIN r USING (batch_no)
        WHERE l.reason <> 'vanished'
        ON CONFLICT (job_id, batch_no, sha256(id)) DO UPDATE SET reason = EXCLUDED.reason, message = EXCLUDED.message,
            stage = 'export', status = NULL, export_rev = EXCLUDED.export_rev, at = now()
    ), put_vanished AS (
        INSERT INTO ferry.vanished_records (job_id, batch_no, id)
        SELECT p_job, l.batch_no, l.id FROM left_out l WHERE l.reason = 'vanished' ON CONFLICT DO NOTHING
    ), over AS (
        UPDATE ferry.repairs x SET closed_at = now() FROM mine JOIN r USING (batch_no)
        WHERE r.sha IS NULL AND x.job_id = p_job AND x.batch_no = mine.batch_no AND x.closed_at IS NULL
    ), counts AS (
        SELECT mine.batch_no, count(l.id) FILTER (WHERE l.reason = 'vanished') AS gone,
               count(l.id) FILTER (WHERE l.reason <> 'vanished') AS refused
        FROM mine LEFT JOIN left_out l USING (batch_no) GROUP BY mine.batch_no
    )
    UPDATE ferry.batches b SET
        payload_sha256 = decode(r.sha, 'hex'), payload_bytes = r.bytes,
        n_vanished = c.gone, n_rejected = c.refused, n_truncated = (SELECT count(*) FROM truncated l WHERE l.batch_no = b.batch_no),
        n_verified = 0, n_rounded = 0, readback_sha256 = NULL,
        state = CASE WHEN r.sha IS NOT NULL THEN 'planned' WHEN c.refused > 0 THEN 'rejected' ELSE 'verified' END,
        lease_until = CASE WHEN r.sha IS NOT NULL THEN b.lease_until END,
        finished_at = CASE WHEN r.sha IS NULL THEN now() END
    FROM r JOIN counts c USING (batch_no) WHERE b.job_id = p_job AND b.batch_no = r.batch_no
    RETURNING b.batch_no, b.state;
    IF v_rejects THEN
        PERFORM ferry.check_rejects(p_job, p_worker);
    END IF;
END
$$;

-- E5, report ok: partition and offset wherever the rev is mine, in whatever state; the state only from planned.
CREATE FUNCTION ferry.report_exports(p_job bigint, p_batch bigint[], p_fence bigint[], p_rev bigint[],
                                     p_partition integer[], p_offset bigint[])
RETURNS TABLE (batch_no bigint, state text) LANGUAGE sql AS $$
    WITH r AS (
        SELECT * FROM unnest(p_batch, p_fence, p_rev, p_partition, p_offset)
            AS u (batch_no, fence, rev, partition, message_offset)
    ), locked AS (
        SELECT b.batch_no FROM ferry.batches b JOIN r USING (batch_no) WHERE b.job_id = p_job AND b.export_rev = r.rev
        ORDER BY b.batch_no FOR UPDATE OF b
    )
    UPDATE ferry.batches b SET partition = r.partition, message_offset = r.message_offset, published_at = now(),
        state = CASE WHEN b.state = 'planned' AND b.fence = r.fence THEN 'published' ELSE b.state END,
        lease_until = CASE WHEN b.state = 'planned' AND b.fence = r.fence THEN NULL ELSE b.lease_until END,
        owner = CASE WHEN b.state = 'planned' AND b.fence = r.fence THEN NULL ELSE b.owner END
    FROM r JOIN locked USING (batch_no) WHERE b.job_id = p_job AND b.batch_no = r.batch_no AND b.export_rev = r.rev
    RETURNING b.batch_no, b.state
$$;

-- E5, report failed, or the producer stops: another export follows.
CREATE FUNCTION ferry.release_exports(p_job bigint, p_batch bigint[], p_fence bigint[], p_cause text)
RETURNS TABLE (batch_no bigint) LANGUAGE sql AS $$
    WITH mine AS (
        SELECT b.batch_no FROM ferry.batches b JOIN unnest(p_batch, p_fence) AS r (batch_no, fence) USING (batch_no)
        WHERE b.job_id = p_job AND b.state = 'planned' AND b.fence = r.fence
        ORDER BY b.batch_no FOR UPDATE OF b
    )
    UPDATE ferry.batches b SET lease_until = NULL, owner = NULL, last_error = nullif(p_cause, '')
    FROM mine WHERE b.job_id = p_job AND b.batch_no = mine.batch_no
    RETURNING b.batch_no
$$;

-- §6: the batch is replaced by two halves under new numbers, which inherit what its earlier claims left behind.
CREATE FUNCTION ferry.split_export(p_job bigint, p_batch bigint, p_fence bigint)
RETURNS TABLE (first_no bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_next bigint;
    v_half integer;
    b ferry.batches;
    i ferry.batch_ids;
BEGIN
    PERFORM FROM ferry.jobs j WHERE j.job_id = p_job FOR NO KEY UPDATE;
    SELECT * INTO b FROM ferry.batches x
        WHERE x.job_id = p_job AND x.batch_no = p_batch AND x.state = 'planned' AND x.fence = p_fence FOR UPDATE;
    IF NOT FOUND OR b.n_records < 2 THEN
        RETURN;
    END IF;
    SELECT * INTO i FROM ferry.batch_ids x WHERE x.job_id = p_job AND x.batch_no = p_batch;
    SELECT max(x.batch_no) + 1 INTO v_next FROM ferry.batches x WHERE x.job_id = p_job;
    v_half := b.n_records / 2;
    INSERT INTO ferry.batches (job_id, batch_no, collection_no, kind, n_records, parent_no, redrives, must_reread, quiet_until) VALUES
        (p_job, v_next, b.collection_no, b.kind, v_half, p_batch, b.redrives, b.must_reread, b.quiet_until),
        (p_job, v_next + 1, b.collection_no, b.kind, b.n_records - v_half, p_batch, b.redrives, b.must_reread, b.quiet_until);
    INSERT INTO ferry.batch_ids (job_id, batch_no, ids, existed) VALUES
        (p_job, v_next, i.ids[1:v_half], substring(i.existed FROM 1 FOR v_half)),
        (p_job, v_next + 1, i.ids[v_half + 1:], substring(i.existed FROM v_half + 1));
    UPDATE ferry.repairs x SET batch_no = CASE WHEN x.id = ANY (i.ids[1:v_half]) THEN v_next ELSE v_next + 1 END
        WHERE x.job_id = p_job AND x.batch_no = p_batch;
    DELETE FROM ferry.batch_ids x WHERE x.job_id = p_job AND x.batch_no = p_batch;
    DELETE FROM ferry.rejected_records x WHERE x.job_id = p_job AND x.batch_no = p_batch;
    DELETE FROM ferry.vanished_records x WHERE x.job_id = p_job AND x.batch_no = p_batch;
    DELETE FROM ferry.truncated_records x WHERE x.job_id = p_job AND x.batch_no = p_batch;
    UPDATE ferry.batches x SET state = 'superseded', lease_until = NULL, owner = NULL, finished_at = now(),
            payload_sha256 = NULL, payload_bytes = NULL, n_verified = 0, n_rejected = 0, n_vanished = 0, n_rounded = 0,
            n_truncated = 0
        WHERE x.job_id = p_job AND x.batch_no = p_batch;
    PERFORM ferry.log_event('batch.split', p_job, p_batch, b.owner, 'into ' || v_next || ' and ' || (v_next + 1));
    RETURN QUERY SELECT v_next;
END
$$;

-- ---- redriven batches that are looked for at the target first: --on-existing skip and fail ----

-- The next batch that is not exported before, and which of its ids are looked for.
CREATE FUNCTION ferry.next_unseen(p_job bigint) RETURNS TABLE (collection_no integer, batch_no bigint, ids text)
LANGUAGE sql STABLE AS $$
    SELECT b.collection_no, b.batch_no,
        (SELECT string_agg(encode(u.id, 'hex'), ',' ORDER BY u.ord) FROM unnest(i.ids) WITH ORDINALITY u (id, ord)
         WHERE get_bit(b.unseen, u.ord::integer - 1) = 1)
    FROM ferry.batches b JOIN ferry.batch_ids i USING (job_id, batch_no) JOIN ferry.jobs j USING (job_id)
    WHERE b.job_id = p_job AND b.state = 'planned' AND b.unseen IS NOT NULL AND j.state = 'running' ORDER BY b.batch_no LIMIT 1
$$;

-- p_found: of those, what is at the target; somebody else has put it there. Skip leaves it out, fail blocks the job. Answers how
-- many were left out.
CREATE FUNCTION ferry.settle_unseen(p_worker uuid, p_job bigint, p_batch bigint, p_found bytea[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    b ferry.batches;
    v_found bytea[];
    v_kept bytea[];
    v_bits bit varying;
BEGIN
    PERFORM FROM ferry.job_collections WHERE job_id = p_job ORDER BY collection_no FOR UPDATE;
    PERFORM FROM ferry.jobs WHERE job_id = p_job AND state = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT * INTO b FROM ferry.batches
        WHERE job_id = p_job AND batch_no = p_batch AND state = 'planned' AND unseen IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT array_agg(u.id ORDER BY u.ord) FILTER (WHERE is_found), array_agg(u.id ORDER BY u.ord) FILTER (WHERE NOT is_found),
           (string_agg(get_bit(i.existed, u.ord::integer - 1)::text, '' ORDER BY u.ord) FILTER (WHERE NOT is_found))::bit varying
        INTO v_found, v_kept, v_bits
        FROM ferry.batch_ids i CROSS JOIN LATERAL unnest(i.ids) WITH ORDINALITY AS u (id, ord)
        CROSS JOIN LATERAL (SELECT u.id = ANY (p_found) AND get_bit(b.unseen, u.ord::integer - 1) = 1 AS is_found) x
        WHERE i.job_id = p_job AND i.batch_no = p_batch;
    IF v_found IS NULL THEN
        UPDATE ferry.batches SET unseen = NULL WHERE job_id = p_job AND batch_no = p_batch;
        RETURN 0;
    END IF;
    IF ferry.on_existing(p_job) = 'fail' THEN
        PERFORM ferry.block_job(p_job, p_worker, ferry.which_collection(p_job, b.collection_no) || format(
            '%s of the rejected records that go again exist at the target by now (--on-existing fail); first: id "%s"; none of them '
            'was written: delete them there, or cancel the job and run migrate with --on-existing mirror or skip',
            cardinality(v_found), left(ferry.printable(v_found[1]), 128)));
        RETURN 0;
    END IF;
    INSERT INTO ferry.skipped_ids (job_id, collection_no, first_ordinal, ids)
        SELECT p_job, b.collection_no, coalesce(max(first_ordinal), -1) + 1, v_found FROM ferry.skipped_ids
        WHERE job_id = p_job AND collection_no = b.collection_no;
    UPDATE ferry.job_collections SET n_planned = n_planned - cardinality(v_found),
            n_skipped = coalesce(n_skipped, 0) + cardinality(v_found)
        WHERE job_id = p_job AND collection_no = b.collection_no;
    IF v_kept IS NULL THEN
        DELETE FROM ferry.batch_ids WHERE job_id = p_job AND batch_no = p_batch;
        UPDATE ferry.batches SET state = 'superseded', unseen = NULL, finished_at = now() WHERE job_id = p_job AND batch_no = p_batch;
    ELSE
        UPDATE ferry.batch_ids SET ids = v_kept, existed = v_bits WHERE job_id = p_job AND batch_no = p_batch;
        UPDATE ferry.batches SET n_records = cardinality(v_kept), unseen = NULL WHERE job_id = p_job AND batch_no = p_batch;
    END IF;
    PERFORM ferry.log_event('batch.skipped', p_job, p_batch, p_worker, cardinality(v_found) || ' records exist at the target by now');
    RETURN cardinality(v_found);
END
$$;
