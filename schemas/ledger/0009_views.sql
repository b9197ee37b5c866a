-- What people watch. Views carry no vector, document or secret.

-- An id as text for people: its characters when it is UTF-8 without NUL, else escaped.
CREATE FUNCTION ferry.printable(p_id bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(p_id, 'UTF8');
EXCEPTION WHEN others THEN
    RETURN encode(p_id, 'escape');
END
$$;

CREATE VIEW ferry.throughput AS
    SELECT j.name AS job, date_trunc('minute', b.finished_at) AS minute, sum(b.n_verified) AS records, count(*) AS batches
    FROM ferry.batches b JOIN ferry.jobs j USING (job_id)
    WHERE b.state IN ('verified', 'rejected')
    GROUP BY j.name, date_trunc('minute', b.finished_at);

-- What the batches of each collection of a job amount to: for the views below.
CREATE VIEW ferry.collection_counts AS
    SELECT b.job_id, b.collection_no,
        coalesce(sum(n_records), 0) AS planned,
        coalesce(sum(n_records) FILTER (WHERE state IN ('published', 'claimed', 'verified', 'rejected')), 0) AS published,
        coalesce(sum(n_verified) FILTER (WHERE state IN ('verified', 'rejected')), 0) AS verified,
        coalesce(sum(n_rejected) FILTER (WHERE state IN ('verified', 'rejected')), 0) AS rejected,
        coalesce(sum(n_vanished) FILTER (WHERE state IN ('verified', 'rejected')), 0) AS vanished,
        coalesce(sum(n_truncated) FILTER (WHERE state IN ('verified', 'rejected')), 0) AS truncated,
        coalesce(sum(n_verified) FILTER (WHERE finished_at > now() - interval '1 minute'), 0) AS last_minute,
        count(*) FILTER (WHERE state IN ('planned', 'published', 'claimed')) AS open_batches,
        min(published_at) FILTER (WHERE state IN ('published', 'claimed')) AS oldest,
        max(quiet_until) AS quiet_until,
        max(last_error) FILTER (WHERE state IN ('planned', 'published', 'claimed')) AS batch_error,
        max(finished_at) AS last_finished
    FROM ferry.batches b WHERE state NOT IN ('superseded', 'cancelled') GROUP BY b.job_id, b.collection_no;

CREATE VIEW ferry.collection_status AS
    SELECT j.name AS job, c.collection_no, s.tenant AS source_tenant, s.database_name AS source_database,
        c.source_name AS collection, e.tenant AS target_tenant, e.database_name AS target_database, t.name AS target_collection,
        CASE WHEN j.state IN ('succeeded', 'failed', 'cancelled') THEN j.state
             WHEN c.plan_complete_at IS NULL THEN 'pending'
             WHEN coalesce(n.open_batches, 0) = 0 THEN 'verified'
             WHEN j.state = 'running' AND n.published = 0 THEN 'waiting'
             ELSE j.state END AS state,
        coalesce(n.planned, 0) AS planned, coalesce(n.verified, 0) AS verified, coalesce(n.rejected, 0) AS rejected,
        coalesce(n.vanished, 0) AS vanished, coalesce(c.n_skipped, 0) AS skipped,
        CASE WHEN n.planned > 0 THEN round(100.0 * (n.verified + n.rejected + n.vanished) / n.planned, 1)
             WHEN c.plan_complete_at IS NOT NULL AND j.state NOT IN ('failed', 'cancelled') THEN 100.0 ELSE 0.0 END AS percent,
        j.job_id, c.source_uuid, c.target_uuid, s.url AS source_url, e.url AS target_url
    FROM ferry.job_collections c JOIN ferry.jobs j USING (job_id)
    JOIN ferry.endpoints s ON s.endpoint_id = c.source_endpoint_id
    JOIN ferry.target_collections t ON t.target_uuid = c.target_uuid
    JOIN ferry.endpoints e ON e.endpoint_id = t.endpoint_id
    LEFT JOIN ferry.collection_counts n ON n.job_id = c.job_id AND n.collection_no = c.collection_no
    ORDER BY c.job_id, c.collection_no;

CREATE VIEW ferry.job_status AS
    WITH counted AS (
        SELECT n.job_id, sum(n.planned)::bigint AS planned, sum(n.published)::bigint AS published,
            sum(n.verified)::bigint AS verified, sum(n.rejected)::bigint AS rejected, sum(n.vanished)::bigint AS vanished,
            sum(n.truncated)::bigint AS truncated, sum(n.last_minute)::bigint AS last_minute, min(n.oldest) AS oldest,
            max(n.quiet_until) AS quiet_until, max(n.batch_error) AS batch_error, max(n.last_finished) AS last_finished
        FROM ferry.collection_counts n GROUP BY n.job_id
    ), alive AS (
        SELECT count(*) FILTER (WHERE lease_until > now()) AS consumers, max(seen_at) AS last_seen FROM ferry.workers
        WHERE kind = 'consumer'
    ), paired AS ( -- of the targets, the one that is left alone for longest
        SELECT c.job_id, CASE WHEN count(*) = 1 THEN min(c.source_name) ELSE count(*) || ' collections' END AS collection,
            sum(coalesce(c.n_skipped, 0))::bigint AS skipped, max(t.retry_at) AS retry_at,
            (array_agg(t.retry_cause ORDER BY t.retry_at DESC NULLS LAST))[1] AS retry_cause,
            (array_agg(t.refused_since ORDER BY t.retry_at DESC NULLS LAST))[1] AS refused_since
        FROM ferry.job_collections c JOIN ferry.target_collections t USING (target_uuid) GROUP BY c.job_id
    ), rated AS (
        SELECT j.*, c.collection, c.skipped, c.retry_at, c.retry_cause, c.refused_since, coalesce(n.planned, 0) AS planned,
            coalesce(n.published, 0) AS published, coalesce(n.verified, 0) AS verified,
            coalesce(n.rejected, 0) AS rejected, coalesce(n.vanished, 0) AS vanished,
            coalesce(n.truncated, 0) AS truncated, n.oldest, n.batch_error, n.quiet_until, n.last_finished,
            CASE WHEN j.state = 'running' THEN n.last_minute / greatest(1, least(60, extract(epoch FROM now() - j.started_at)))
                 ELSE n.verified / greatest(1, extract(epoch FROM coalesce(n.last_finished, now()) - j.started_at))
            END AS per_second
        FROM ferry.jobs j JOIN paired c USING (job_id) LEFT JOIN counted n USING (job_id)
    )
    SELECT r.name AS job, r.state, r.collection, r.planned, r.published, r.verified, r.rejected, r.vanished,
        CASE WHEN r.planned = 0 THEN CASE WHEN r.state = 'succeeded' THEN 100.0 ELSE 0.0 END
             ELSE round(100.0 * (r.verified + r.rejected + r.vanished) / r.planned, 1) END AS percent,
        round(r.per_second::numeric, 1) AS rate,
        CASE WHEN r.state = 'running' AND r.per_second > 0 THEN
             make_interval(secs => round((r.planned - r.verified - r.rejected - r.vanished) / r.per_second)) END AS eta,
        CASE WHEN r.state = 'running' THEN date_trunc('second', now() - r.oldest) END AS oldest_unverified,
        coalesce(x.what, '') AS waits_for,
        coalesce(r.last_error, CASE WHEN r.state = 'running' THEN r.batch_error END, '') AS last_error,
        r.job_id, date_trunc('second', r.created_at) AS created_at, date_trunc('second', r.finished_at) AS finished_at,
        r.skipped, r.truncated, date_trunc('second', x.since) AS waits_since, date_trunc('second', r.purged_at) AS purged_at
    FROM rated r CROSS JOIN alive a
    -- The first reason that holds, by rank; 8 holds for one that nothing was said of.
    LEFT JOIN LATERAL (
        SELECT w.what, w.since FROM (
            SELECT 1 AS rank, CASE r.state WHEN 'blocked' THEN 'a person: ' ELSE '' END || 'ferry-producer resume ' || r.name AS what,
                (SELECT max(e.at) FROM ferry.events e WHERE e.job_id = r.job_id AND e.kind = 'job.' || r.state) AS since
            WHERE r.state IN ('paused', 'blocked')
            UNION ALL
            SELECT 2, 'a producer: ferry-producer ' || CASE r.state WHEN 'pending' THEN 'migrate, as before' ELSE 'resume ' || r.name END,
                (SELECT max(least(coalesce(w.stopped_at, w.lease_until), w.lease_until)) FROM ferry.workers w
                 WHERE w.kind = 'producer' AND w.job_id = r.job_id)
            WHERE r.state IN ('pending', 'running')
              AND NOT EXISTS (SELECT FROM ferry.workers w WHERE w.kind = 'producer' AND w.job_id = r.job_id
                              AND ferry.is_alive(w.worker_id, w.lease_until, w.stopped_at))
            UNION ALL
            SELECT 3, 'a consumer: none is running, start ferry-consumer', greatest(a.last_seen, r.oldest)
            WHERE r.state = 'running' AND a.consumers = 0 AND r.published > r.verified + r.rejected + r.vanished
            UNION ALL
            SELECT 4, 'a secret for ' || e.origin || ': set FERRY_TARGET_TOKEN where ferry-consumer runs ('
                || array_to_string((array_agg(DISTINCT w.kind || ' ' || w.pid || ' on ' || w.host))[1:3], ', ')
                || CASE WHEN count(DISTINCT w.worker_id) > 3 THEN ' and others' ELSE '' END || ')', min(w.started_at)
            FROM ferry.job_collections c JOIN ferry.target_collections t USING (target_uuid) JOIN ferry.endpoints e USING (endpoint_id)
            JOIN ferry.workers w ON w.kind = 'consumer' AND w.lease_until > now() AND e.origin = ANY (w.missing_secrets)
            WHERE r.state = 'running' AND c.job_id = r.job_id AND e.auth_style <> 'none'
              AND r.planned > r.verified + r.rejected + r.vanished
            GROUP BY e.origin
            UNION ALL
            SELECT 5, 'the target until ' || to_char(r.retry_at, 'HH24:MI:SS') || ': ' || r.retry_cause, r.refused_since
            WHERE r.state = 'running' AND r.retry_at > now()
            UNION ALL
            SELECT 6, 'requests of ended claims, until ' || to_char(r.quiet_until, 'HH24:MI:SS'), r.last_finished
            WHERE r.state = 'running' AND r.quiet_until > now() AND r.planned = r.verified + r.rejected + r.vanished
            UNION ALL
            (SELECT 7, w.waits_for, w.waits_since FROM ferry.workers w
             WHERE r.state IN ('pending', 'running') AND w.lease_until > now() AND w.waits_for <> ''
               AND (w.kind = 'consumer' AND r.state = 'running' OR w.job_id = r.job_id)
             ORDER BY w.waits_since LIMIT 1)
            UNION ALL
            SELECT 8, 'the plan', r.created_at WHERE r.state = 'pending'
        ) w ORDER BY w.rank LIMIT 1
    ) x ON true ORDER BY r.job_id;

CREATE VIEW ferry.batch_status AS
    SELECT j.name AS job, c.source_name AS collection, b.batch_no AS batch, b.state, b.n_records AS records,
        b.n_verified AS verified, b.n_rejected AS rejected, b.n_vanished AS vanished, b.n_rounded AS rounded,
        b.export_rev, b.payload_bytes, b.partition, b.message_offset, b.exports, b.deliveries, b.must_reread,
        CASE WHEN b.state IN ('planned', 'claimed') AND b.lease_until > now() THEN b.owner END AS worker_id,
        CASE WHEN b.state IN ('planned', 'claimed') THEN b.lease_until END AS lease_until,
        b.published_at, b.finished_at, coalesce(b.last_error, '') AS last_error
    FROM ferry.batches b JOIN ferry.jobs j USING (job_id)
    JOIN ferry.job_collections c ON c.job_id = b.job_id AND c.collection_no = b.collection_no;

CREATE VIEW ferry.worker_status AS
    SELECT w.kind, w.worker_id, w.host, w.pid, w.version,
        CASE WHEN w.stopped_at IS NOT NULL THEN 'stopped' WHEN ferry.is_alive(w.worker_id, w.lease_until, w.stopped_at) THEN 'alive'
            ELSE 'lost' END AS state,
        (SELECT name FROM ferry.jobs j WHERE j.job_id = w.job_id) AS job, w.waits_for,
        date_trunc('second', now() - w.waits_since) AS waits_since, w.missing_secrets, w.foreign_messages,
        w.started_at, w.seen_at, w.partitions
    FROM ferry.workers w;

CREATE VIEW ferry.rejects AS
    SELECT j.name AS job, c.source_name AS collection, r.batch_no AS batch, ferry.printable(r.id) AS id, r.reason, r.message,
        r.stage, r.status, r.attempts, r.at, b.redrives AS redriven, r.id AS id_bytes
    FROM ferry.rejected_records r JOIN ferry.jobs j USING (job_id)
    JOIN ferry.batches b ON b.job_id = r.job_id AND b.batch_no = r.batch_no
    JOIN ferry.job_collections c ON c.job_id = b.job_id AND c.collection_no = b.collection_no;

CREATE VIEW ferry.truncated AS
    SELECT j.name AS job, c.source_name AS collection, r.batch_no AS batch, ferry.printable(r.id) AS id, r.message, r.at
    FROM ferry.truncated_records r JOIN ferry.jobs j USING (job_id)
    JOIN ferry.batches b ON b.job_id = r.job_id AND b.batch_no = r.batch_no
    JOIN ferry.job_collections c ON c.job_id = b.job_id AND c.collection_no = b.collection_no;

CREATE VIEW ferry.removals AS
    SELECT j.name AS job, c.source_name AS collection, ferry.printable(d.id) AS id, d.cause, d.decided_at, d.deleted_at, d.spared_at
    FROM ferry.deletions d JOIN ferry.jobs j USING (job_id)
    JOIN ferry.job_collections c ON c.job_id = d.job_id AND c.collection_no = d.collection_no;
