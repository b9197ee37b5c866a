-- Sweeping and ending a job, by the one producer that holds the finish lease: PROTOCOL §5 and §8. What the end lists and compares: 0008.

-- False: not now, ask again. It is another producer's, or one of its steps holds the row. Whoever begins to end a job does so
-- with nothing staged: an earlier attempt may have left its listings behind, and those go a million ids at a time. Nor with
-- deletions that were decided on those: the world may be another by now.
CREATE FUNCTION ferry.finish_take(p_worker uuid, p_job bigint, p_lease interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_at_once constant integer := 1000000;
    v_count bigint;
    v_is_anew boolean := ferry.finish_is_anew(p_worker, p_job);
BEGIN
    IF v_is_anew THEN
        SELECT count(*) INTO v_count FROM (SELECT FROM ferry.job_collections WHERE job_id = p_job
                                           ORDER BY collection_no FOR UPDATE SKIP LOCKED) l;
        IF v_count < (SELECT count(*) FROM ferry.job_collections WHERE job_id = p_job) THEN
            RETURN false;
        END IF;
    END IF;
    PERFORM FROM ferry.jobs
        WHERE job_id = p_job AND state = 'running'
          AND (finish_owner IS NULL OR finish_owner = p_worker OR finish_lease_until < now()
               OR EXISTS (SELECT FROM ferry.workers w WHERE w.worker_id = finish_owner AND w.stopped_at IS NOT NULL))
        FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM ferry.begin_long_step(p_worker);
    DELETE FROM ferry.plan_ids WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ferry.plan_ids WHERE job_id = p_job AND side IN ('e', 'd', 'v') LIMIT v_at_once));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_is_anew THEN
        PERFORM ferry.finish_forget(p_worker, p_job);
    END IF;
    UPDATE ferry.jobs SET finish_owner = p_worker, finish_lease_until = clock_timestamp() + p_lease WHERE job_id = p_job;
    PERFORM ferry.end_long_step(p_worker);
    RETURN v_count < v_at_once;
END
$$;

-- Would this worker begin with deletions that are open?
CREATE FUNCTION ferry.finish_is_anew(p_worker uuid, p_job bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM ferry.jobs j WHERE j.job_id = p_job
                   AND (j.finish_owner IS DISTINCT FROM p_worker OR j.finish_lease_until < now()))
       AND EXISTS (SELECT FROM ferry.deletions d WHERE d.job_id = p_job AND d.deleted_at IS NULL AND d.spared_at IS NULL)
$$;

-- Open deletions that nothing was sent for are decided anew; the round that had decided them does not count. Of the others nobody
-- knows whether they have happened: they come again, and are in the counts.
CREATE FUNCTION ferry.finish_forget(p_worker uuid, p_job bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_collection integer;
BEGIN
    FOR v_collection IN SELECT collection_no FROM ferry.job_collections WHERE job_id = p_job ORDER BY collection_no LOOP
        IF ferry.spare_idle(p_worker, p_job, v_collection, true, 'another producer ends the job, and decides anew') > 0 THEN
            UPDATE ferry.job_collections SET n_rounds = greatest(n_rounds - 1, 0)
                WHERE job_id = p_job AND collection_no = v_collection;
        END IF;
    END LOOP;
END
$$;

-- What the sweep has to ask the bus about: published, or claimed under a dead lease.
CREATE FUNCTION ferry.sweep_candidates(p_job bigint)
RETURNS TABLE (batch_no bigint, export_rev bigint, partition integer, message_offset bigint) LANGUAGE sql STABLE AS $$
    SELECT batch_no, export_rev, partition, message_offset FROM ferry.batches
    WHERE job_id = p_job AND (state = 'published' OR (state = 'claimed' AND lease_until < now())) ORDER BY batch_no
$$;

-- Their messages cannot come again: back to planned, as in parking.
CREATE FUNCTION ferry.sweep_replan(p_worker uuid, p_job bigint, p_batch bigint[], p_rev bigint[], p_cause text)
RETURNS TABLE (batch_no bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM ferry.jobs j WHERE j.job_id = p_job AND j.finish_owner = p_worker AND j.finish_lease_until > now();
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH lost AS (
        SELECT b.batch_no FROM ferry.batches b JOIN unnest(p_batch, p_rev) AS r (batch_no, rev) USING (batch_no)
        WHERE b.job_id = p_job AND b.export_rev = r.rev
          AND (b.state = 'published' OR (b.state = 'claimed' AND b.lease_until < now()))
        ORDER BY b.batch_no FOR UPDATE OF b
    ), swept AS (
        UPDATE ferry.batches b SET state = 'planned', export_rev = b.export_rev + 1, payload_sha256 = NULL,
            payload_bytes = NULL, owner = NULL, fence = NULL, lease_until = NULL, published_at = NULL, last_error = p_cause,
            must_reread = b.must_reread OR (b.state = 'claimed' AND b.owner IS NOT NULL),
            quiet_until = ferry.quiet_after(b.quiet_until, b.state = 'claimed' AND b.owner IS NOT NULL, ferry.lease_of(p_worker))
        FROM lost WHERE b.job_id = p_job AND b.batch_no = lost.batch_no
        RETURNING b.batch_no
    ), noted AS (
        INSERT INTO ferry.events (kind, job_id, batch_no, worker_id, detail)
        SELECT 'batch.swept', p_job, s.batch_no, p_worker, p_cause FROM swept s
    )
    SELECT s.batch_no FROM swept s;
END
$$;

-- How far a job is; the follower asks once a second.
CREATE FUNCTION ferry.job_progress(p_job bigint)
RETURNS TABLE (state text, last_error text, planned bigint, published bigint, verified bigint, rejected bigint,
               vanished bigint, rounded bigint, mismatches bigint, batches bigint, open_batches bigint, sent_batches bigint,
               waiting_batches bigint, is_quiet boolean, consumers bigint, target_wait_ms bigint, target_cause text,
               worker_waits text, is_missing_secret boolean, last_batch_error text, missing bigint, extra bigint, added bigint, deleted bigint,
               secret_origin text, skipped bigint, truncated bigint, first_extra text, is_exact boolean, caught_up bigint,
               removed bigint, removed_extra bigint, rounds bigint, returned bigint, unsettled bigint, unseen_batches bigint)
LANGUAGE sql STABLE AS $$
    SELECT j.state, j.last_error, b.planned, b.published, b.verified, b.rejected, b.vanished, b.rounded,
        (SELECT count(*) FROM ferry.rejected_records r WHERE r.job_id = p_job AND r.reason = 'mismatch'),
        b.batches, b.open_batches, b.sent_batches, b.waiting_batches, coalesce(b.quiet_until < now(), true),
        (SELECT count(*) FROM ferry.workers w WHERE w.kind = 'consumer' AND w.lease_until > now()),
        t.wait_ms, t.cause,
        (SELECT w.waits_for FROM ferry.workers w WHERE w.lease_until > now() AND w.waits_for <> ''
           AND (w.kind = 'consumer' OR w.job_id = p_job)
         ORDER BY w.kind, w.waits_since LIMIT 1),
        s.origin IS NOT NULL AND b.open_batches > 0,
        b.last_batch_error, c.missing, c.extra, c.added, c.deleted, s.origin, c.skipped, b.truncated, c.first_extra,
        ferry.wants(p_job, 'exact_target') OR ferry.wants(p_job, 'delete_extra'), c.caught_up, c.removed, c.removed_extra, c.rounds,
        c.returned, c.unsettled, b.unseen_batches
    FROM ferry.jobs j
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(x.n_missing), 0) AS missing, coalesce(sum(x.n_extra), 0) AS extra,
               coalesce(sum(x.n_added), 0) AS added, coalesce(sum(x.n_deleted), 0) AS deleted,
               coalesce(sum(x.n_skipped), 0) AS skipped, max(x.first_extra) AS first_extra,
               sum(x.n_caught_up)::bigint AS caught_up, sum(x.n_removed)::bigint AS removed,
               sum(x.n_removed_extra)::bigint AS removed_extra, max(x.n_rounds)::bigint AS rounds,
               sum(x.n_returned)::bigint AS returned, coalesce(sum(x.n_unsettled), 0)::bigint AS unsettled
        FROM ferry.job_collections x WHERE x.job_id = p_job
    ) c
    CROSS JOIN LATERAL ( -- one whose secret nobody has who takes batches
        SELECT min(e.origin) AS origin
        FROM ferry.job_collections x JOIN ferry.target_collections t USING (target_uuid)
        JOIN ferry.endpoints e ON e.endpoint_id = t.endpoint_id
        WHERE x.job_id = p_job AND e.auth_style <> 'none' AND NOT ferry.may_have_secret(e.origin)
          AND EXISTS (SELECT FROM ferry.workers w WHERE w.kind = 'consumer' AND w.lease_until > now()
                      AND e.origin = ANY (w.missing_secrets))
    ) s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(n_records), 0) AS planned,
            coalesce(sum(n_records) FILTER (WHERE x.state IN ('published', 'claimed', 'verified', 'rejected')), 0) AS published,
            coalesce(sum(n_verified) FILTER (WHERE x.state IN ('verified', 'rejected')), 0) AS verified,
            coalesce(sum(n_rejected) FILTER (WHERE x.state IN ('verified', 'rejected')), 0) AS rejected,
            coalesce(sum(n_vanished) FILTER (WHERE x.state IN ('verified', 'rejected')), 0) AS vanished,
            coalesce(sum(n_rounded) FILTER (WHERE x.state IN ('verified', 'rejected')), 0) AS rounded,
            coalesce(sum(n_truncated) FILTER (WHERE x.state IN ('verified', 'rejected')), 0) AS truncated,
            max(x.quiet_until) AS quiet_until,
            count(*) AS batches,
            count(*) FILTER (WHERE x.state IN ('planned', 'published', 'claimed')) AS open_batches,
            count(*) FILTER (WHERE x.state <> 'planned') AS sent_batches,
            count(*) FILTER (WHERE x.state = 'planned' AND (x.lease_until IS NULL OR x.lease_until < now())) AS waiting_batches,
            count(*) FILTER (WHERE x.state = 'planned' AND x.unseen IS NOT NULL) AS unseen_batches,
            max(x.last_error) FILTER (WHERE x.state IN ('planned', 'published', 'claimed')) AS last_batch_error
        FROM ferry.batches x WHERE x.job_id = p_job AND x.state NOT IN ('superseded', 'cancelled')
    ) b
    CROSS JOIN LATERAL (
        SELECT max((extract(epoch FROM x.retry_at - now()) * 1000)::bigint) FILTER (WHERE x.retry_at IS NOT NULL) AS wait_ms,
               max(x.retry_cause) AS cause
        FROM ferry.job_collections c JOIN ferry.target_collections x USING (target_uuid) WHERE c.job_id = p_job
    ) t
    WHERE j.job_id = p_job
$$;

-- The last step: only from running, only by the finish lease's holder, only when every batch is final, the plan complete
-- and no request of an older claim can be in flight. Answers the job's state afterwards.
CREATE FUNCTION ferry.finish_job(p_worker uuid, p_job bigint, p_state text, p_error text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_state text;
BEGIN
    PERFORM FROM ferry.job_collections WHERE job_id = p_job ORDER BY collection_no FOR UPDATE;
    UPDATE ferry.jobs j SET state = p_state, finished_at = now(), last_error = nullif(p_error, '')
        WHERE j.job_id = p_job AND j.state = 'running' AND j.finish_owner = p_worker AND p_state IN ('succeeded', 'failed')
          AND NOT EXISTS (SELECT FROM ferry.batches b WHERE b.job_id = p_job
                          AND (b.state IN ('planned', 'published', 'claimed') OR b.quiet_until >= now()))
          AND NOT EXISTS (SELECT FROM ferry.job_collections c WHERE c.job_id = p_job
                          AND (c.plan_complete_at IS NULL
                               OR (p_state = 'succeeded' AND c.n_missing IS DISTINCT FROM 0)
                               OR c.n_planned <> (SELECT coalesce(sum(b.n_verified + b.n_rejected + b.n_vanished), 0)
                                   FROM ferry.batches b WHERE b.job_id = p_job AND b.collection_no = c.collection_no
                                   AND b.state IN ('verified', 'rejected'))))
          AND (p_state <> 'succeeded'
               OR NOT EXISTS (SELECT FROM ferry.rejected_records r WHERE r.job_id = p_job AND r.reason = 'mismatch')
              AND NOT EXISTS (SELECT FROM ferry.deletions d WHERE d.job_id = p_job AND d.deleted_at IS NULL AND d.spared_at IS NULL)
              AND NOT EXISTS (SELECT FROM ferry.job_collections c WHERE c.job_id = p_job AND c.n_extra > 0
                              AND (ferry.wants(p_job, 'exact_target') OR ferry.wants(p_job, 'delete_extra')))
              AND NOT EXISTS (SELECT FROM ferry.batches b WHERE b.job_id = p_job AND b.state = 'verified'
                              AND b.must_reread AND b.n_verified > 0)
              AND NOT EXISTS (SELECT FROM ferry.repairs r WHERE r.job_id = p_job AND r.closed_at IS NULL));
    IF FOUND THEN
        UPDATE ferry.job_collections SET is_open = false WHERE job_id = p_job;
        PERFORM FROM ferry.target_collections WHERE writer_job_id = p_job ORDER BY target_uuid FOR NO KEY UPDATE;
        UPDATE ferry.target_collections SET writer_job_id = NULL WHERE writer_job_id = p_job;
        PERFORM ferry.log_event('job.' || p_state, p_job, NULL, p_worker, p_error);
    END IF;
    SELECT state INTO v_state FROM ferry.jobs WHERE job_id = p_job;
    RETURN v_state;
END
$$;

-- ---- redriving ----
