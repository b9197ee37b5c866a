-- Delivering batches, the consumer's steps: PROTOCOL §3 and §4, and the leases of both programs (§9).

-- A request of a claim that ended irregularly may still be on its way for as long as its lease would have lasted (§8, §9).
CREATE FUNCTION ferry.quiet_after(p_before timestamptz, p_is_irregular boolean, p_lease interval) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_is_irregular THEN greatest(p_before, now() + p_lease + interval '1 second') ELSE p_before END
$$;

-- A free slot, or false. Claimers meet at an advisory lock and look again behind it, so that none ever locks a row that another
-- has just taken: its holder could not free it then.
CREATE FUNCTION ferry.take_slot(p_target uuid, p_worker uuid, p_fence bigint, p_lease interval) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_slot smallint;
BEGIN
    FOR v_slot IN SELECT s.slot FROM ferry.write_slots s
                  WHERE s.target_uuid = p_target AND (s.lease_until IS NULL OR s.lease_until < now()) ORDER BY s.slot LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtext(p_target::text), v_slot);
        UPDATE ferry.write_slots s SET worker_id = p_worker, fence = p_fence, lease_until = now() + p_lease
            WHERE s.target_uuid = p_target AND s.slot = v_slot AND (s.lease_until IS NULL OR s.lease_until < now());
        IF FOUND THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;

-- What was learnt from a 413 is forgotten after a while: it may have been the trouble of a moment.
CREATE FUNCTION ferry.known_limit(p_bytes bigint, p_learnt_at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_learnt_at > now() - interval '10 minutes' THEN p_bytes END
$$;

-- Intake. One row per message, in order; outcome is what PROTOCOL §3's first table says:
--   claimed    mine now, under `fence`; must_reread when another claim of it ended irregularly, quiet_ms: so long may a request
--              of such a claim still arrive
--   hold       another claim lives; look again later        busy    no write slot is free; look again soon
--   stale      acknowledge                                  park    ferry.park_batches, then acknowledge
--   secret     the target's origin needs a secret that is not in p_secrets; find it or park
--   unknown, newer, digest: poison; acknowledge, the row stays as it is
-- A batch with an open repair is never parked: it is claimed whether its job runs or not, and held where its target refuses.
CREATE FUNCTION ferry.claim_batches(p_worker uuid, p_lease interval, p_job bigint[], p_batch bigint[], p_rev bigint[],
                                    p_sha text[], p_secrets text[])
RETURNS TABLE (ord bigint, outcome text, fence bigint, must_reread boolean, n_operations integer, target_uuid uuid,
               target_name text, url text, origin text, tenant text, database_name text, auth_style text,
               dimension integer, space text, takes_base64 boolean, max_request_bytes bigint, reason text,
               is_repairing boolean, quiet_ms bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    m record;
    b ferry.batches;
    j ferry.jobs;
    t ferry.target_collections;
    e ferry.endpoints;
    v_fence bigint;
    v_took_over boolean;
    v_repairing boolean;
    v_quiet timestamptz;
    v_outcome text;
    v_reason text;
BEGIN
    FOR m IN SELECT * FROM unnest(p_job, p_batch, p_rev, p_sha) WITH ORDINALITY AS u (job, batch, rev, sha, ord)
             ORDER BY job, batch, ord LOOP
        v_outcome := NULL; v_reason := ''; v_fence := NULL; v_took_over := false; b := NULL; t := NULL; e := NULL;
        v_quiet := NULL;
        SELECT * INTO b FROM ferry.batches x WHERE x.job_id = m.job AND x.batch_no = m.batch FOR UPDATE;
        v_repairing := ferry.is_repairing(m.job, m.batch);
        IF NOT FOUND OR m.rev > b.export_rev THEN
            v_outcome := CASE WHEN b.job_id IS NULL THEN 'unknown' ELSE 'newer' END;
        ELSIF m.rev < b.export_rev OR b.state IN ('verified', 'rejected', 'superseded', 'cancelled') THEN
            v_outcome := 'stale';
        ELSIF encode(b.payload_sha256, 'hex') IS DISTINCT FROM m.sha THEN
            v_outcome := 'digest';
        ELSIF b.state = 'claimed' AND b.lease_until > now() THEN
            v_outcome := 'hold';
        END IF;
        IF v_outcome IS NULL THEN
            SELECT * INTO j FROM ferry.jobs x WHERE x.job_id = m.job;
            SELECT x.* INTO t FROM ferry.job_collections c JOIN ferry.target_collections x USING (target_uuid)
                WHERE c.job_id = m.job AND c.collection_no = b.collection_no;
            SELECT * INTO e FROM ferry.endpoints x WHERE x.endpoint_id = t.endpoint_id;
            IF j.state <> 'running' AND NOT v_repairing THEN
                v_outcome := 'park'; v_reason := 'job is ' || j.state;
            ELSIF t.retry_at > now() THEN
                v_outcome := CASE WHEN v_repairing THEN 'hold' ELSE 'park' END; v_reason := 'target refuses: ' || coalesce(t.retry_cause, '');
            ELSIF e.auth_style <> 'none' AND e.origin <> ALL (p_secrets) THEN
                v_outcome := 'secret'; v_reason := 'no secret for ' || e.origin;
            END IF;
        END IF;
        IF v_outcome IS NULL THEN
            v_fence := nextval('ferry.fences');
            IF NOT ferry.take_slot(t.target_uuid, p_worker, v_fence, p_lease) THEN
                v_fence := NULL;
                v_outcome := 'busy'; v_reason := 'all write slots of the target are taken';
            ELSE
                v_outcome := 'claimed';
                v_took_over := b.state = 'claimed' AND b.owner IS NOT NULL;
                UPDATE ferry.batches x SET state = 'claimed', owner = p_worker, fence = v_fence, claimed_at = now(),
                        lease_until = now() + p_lease, deliveries = x.deliveries + 1,
                        must_reread = x.must_reread OR v_took_over,
                        quiet_until = ferry.quiet_after(x.quiet_until, v_took_over, p_lease)
                    WHERE x.job_id = m.job AND x.batch_no = m.batch
                    RETURNING x.quiet_until INTO v_quiet;
                IF v_took_over THEN
                    PERFORM ferry.log_event('batch.taken_over', m.job, m.batch, p_worker, 'from ' || b.owner);
                END IF;
            END IF;
        END IF;
        RETURN QUERY SELECT m.ord, v_outcome, v_fence, coalesce(b.must_reread OR v_took_over, false),
            b.n_records - b.n_rejected - b.n_vanished, t.target_uuid, t.name, e.url, e.origin, e.tenant, e.database_name,
            e.auth_style, t.dimension, t.space, t.takes_base64,
            ferry.known_limit(t.max_request_bytes, t.limit_learnt_at), v_reason, v_repairing,
            greatest(0, ceil(extract(epoch FROM v_quiet - now()) * 1000))::bigint;
    END LOOP;
END
$$;

-- A slot that someone else has just locked is dead already, and his.
CREATE FUNCTION ferry.free_slots(p_fence bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.write_slots s SET worker_id = NULL, fence = NULL, lease_until = NULL
    FROM (SELECT target_uuid, slot FROM ferry.write_slots WHERE fence = ANY (p_fence) FOR UPDATE SKIP LOCKED) mine
    WHERE s.target_uuid = mine.target_uuid AND s.slot = mine.slot
$$;

-- Claims of a job that was cancelled meanwhile: nothing of them is on its way any more, unless something was sent and not
-- answered.
CREATE FUNCTION ferry.settle_cancelled(p_job bigint[], p_batch bigint[], p_fence bigint[], p_in_doubt boolean[]) RETURNS void
LANGUAGE sql AS $$
    UPDATE ferry.batches b SET lease_until = NULL
    FROM unnest(p_job, p_batch, p_fence, p_in_doubt) AS r (job_id, batch_no, fence, in_doubt)
    WHERE b.job_id = r.job_id AND b.batch_no = r.batch_no AND b.state = 'cancelled' AND b.fence = r.fence AND NOT r.in_doubt
$$;

-- How long a batch stays, after so many exports, that has met a consumer without its target's secret: a second, then twice as
-- long each time, up to a minute. Its next message goes to another partition, by its rev.
CREATE FUNCTION ferry.secret_pause(p_exports integer) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT least(interval '1 minute', interval '1 s' * 2 ^ least(greatest(p_exports, 1) - 1, 6))
$$;

-- Whether a consumer may have the secret for an origin: one that takes batches and has not been found without it. One whose
-- partitions are not known may be about to take some; and when one ends, its partitions need a while to get to another.
CREATE FUNCTION ferry.may_have_secret(p_origin text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM ferry.workers w WHERE w.kind = 'consumer' AND w.lease_until > now() - interval '10 s'
                   AND p_origin <> ALL (w.missing_secrets) AND coalesce(w.partitions, 1) > 0)
$$;

-- §4: back to planned under a new rev, so that reports and redeliveries of the parked message match nothing any more.
-- p_fence 0: not claimed by me; then the message's rev and digest must match. Answers the batches that were parked, and those
-- that must not be, because a repair is open: their messages are held. p_lacks_secret: another consumer may have it, so
-- that nobody exports the batch before a pause has gone by, a lease without an owner.
CREATE FUNCTION ferry.park_batches(p_worker uuid, p_lease interval, p_job bigint[], p_batch bigint[], p_rev bigint[],
                                   p_sha text[], p_fence bigint[], p_sent boolean[], p_cause text,
                                   p_lacks_secret boolean[] DEFAULT NULL)
RETURNS TABLE (job_id bigint, batch_no bigint, is_parked boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    m record;
BEGIN
    FOR m IN SELECT * FROM unnest(p_job, p_batch, p_rev, p_sha, p_fence, p_sent, p_lacks_secret)
                 AS u (job, batch, rev, sha, fence, sent, lacks_secret) ORDER BY job, batch LOOP
        PERFORM FROM ferry.batches b WHERE b.job_id = m.job AND b.batch_no = m.batch AND b.export_rev = m.rev
            AND b.state IN ('planned', 'published', 'claimed') FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        IF ferry.is_repairing(m.job, m.batch) THEN
            RETURN QUERY SELECT m.job, m.batch, false;
            CONTINUE;
        END IF;
        UPDATE ferry.batches b SET state = 'planned', export_rev = b.export_rev + 1, payload_sha256 = NULL,
                payload_bytes = NULL, owner = NULL, fence = NULL, published_at = NULL, last_error = p_cause,
                lease_until = CASE WHEN m.lacks_secret THEN now() + ferry.secret_pause(b.exports) END,
                must_reread = b.must_reread OR m.sent OR (b.state = 'claimed' AND m.fence = 0 AND b.owner IS NOT NULL),
                quiet_until = ferry.quiet_after(b.quiet_until,
                    m.sent OR (b.state = 'claimed' AND m.fence = 0 AND b.owner IS NOT NULL), p_lease)
            WHERE b.job_id = m.job AND b.batch_no = m.batch AND b.export_rev = m.rev
              AND (CASE WHEN m.fence <> 0 THEN b.state = 'claimed' AND b.fence = m.fence
                   ELSE encode(b.payload_sha256, 'hex') = m.sha
                        AND (b.state IN ('planned', 'published') OR (b.state = 'claimed' AND b.lease_until < now())) END);
        IF FOUND THEN
            PERFORM ferry.log_event('batch.parked', m.job, m.batch, p_worker, p_cause);
            RETURN QUERY SELECT m.job, m.batch, true;
        END IF;
    END LOOP;
    PERFORM ferry.settle_cancelled(p_job, p_batch, p_fence, p_sent);
    PERFORM ferry.free_slots(p_fence);
END
$$;

-- A target that refuses is left alone by everyone until retry_at, the latest that anyone was told; the first one verified
-- there afterwards clears it.
CREATE FUNCTION ferry.refuse_target(p_target uuid, p_cause text, p_wait interval) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.target_collections SET retry_at = greatest(retry_at, now() + p_wait), retry_cause = p_cause,
        refused_since = coalesce(refused_since, now()), refusals = refusals + 1
    WHERE target_uuid = p_target
$$;

-- A 413 taught us the target's limit (§3 D1): the smallest of ten minutes. Then larger requests are tried again.
CREATE FUNCTION ferry.learn_limit(p_target uuid, p_bytes bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.target_collections SET max_request_bytes = least(ferry.known_limit(max_request_bytes, limit_learnt_at), p_bytes),
        limit_learnt_at = now(), limits_origin = 'a 413'
    WHERE target_uuid = p_target
$$;

-- Decision 13: the ids that are about to be deleted at the target and written again, noted before. Under my claim only, and
-- for a job that runs, unless a repair of the batch is open already: is_open false says that it must be parked instead.
CREATE FUNCTION ferry.open_repairs(p_worker uuid, p_job bigint[], p_batch bigint[], p_fence bigint[],
                                   p_out_job bigint[], p_out_batch bigint[], p_out_id bytea[])
RETURNS TABLE (job_id bigint, batch_no bigint, is_open boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    -- Who pauses or cancels takes this lock, too, and then looks for repairs.
    PERFORM FROM ferry.jobs j WHERE j.job_id = ANY (p_job) ORDER BY j.job_id FOR SHARE;
    RETURN QUERY
    WITH r AS (
        SELECT * FROM unnest(p_job, p_batch, p_fence) AS u (job_id, batch_no, fence)
    ), mine AS (
        SELECT b.job_id, b.batch_no, b.fence, j.state = 'running' OR ferry.is_repairing(b.job_id, b.batch_no) AS may_open
        FROM ferry.batches b JOIN r USING (job_id, batch_no) JOIN ferry.jobs j USING (job_id)
        WHERE b.state = 'claimed' AND b.fence = r.fence AND b.owner = p_worker
        ORDER BY b.job_id, b.batch_no FOR UPDATE OF b
    ), noted AS (
        INSERT INTO ferry.repairs (job_id, batch_no, id, fence)
        SELECT m.job_id, m.batch_no, o.id, m.fence FROM unnest(p_out_job, p_out_batch, p_out_id) AS o (job_id, batch_no, id)
        JOIN mine m USING (job_id, batch_no) WHERE m.may_open
        ON CONFLICT (job_id, batch_no, sha256(id)) DO UPDATE SET fence = EXCLUDED.fence, opened_at = now(), closed_at = NULL
        RETURNING repairs.job_id, repairs.batch_no
    ), said AS (
        INSERT INTO ferry.events (kind, job_id, batch_no, worker_id, detail)
        SELECT 'batch.repairing', n.job_id, n.batch_no, p_worker, count(*) || ' records' FROM noted n GROUP BY 2, 3
    ), doubtful AS ( -- a delete that arrives late would not be seen otherwise (§8)
        UPDATE ferry.batches b SET must_reread = true FROM mine m
        WHERE b.job_id = m.job_id AND b.batch_no = m.batch_no AND m.may_open
    )
    SELECT m.job_id, m.batch_no, m.may_open FROM mine m;
END
$$;

-- D3: claimed, fence mine. Closes the repairs; p_doubtful: a request that was not answered may still be on its way. Rejects come flattened. Answers the batches that were mine.
CREATE FUNCTION ferry.finish_batches(p_worker uuid, p_job bigint[], p_batch bigint[], p_fence bigint[],
                                     p_verified integer[], p_rejected integer[], p_rounded integer[], p_readback text[],
                                     p_doubtful boolean[],
                                     p_out_job bigint[], p_out_batch bigint[], p_out_id bytea[], p_out_reason text[],
                                     p_out_message text[], p_out_status integer[])
RETURNS TABLE (job_id bigint, batch_no bigint, state text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF cardinality(p_out_job) > 0 THEN -- they may be blocked below
        PERFORM FROM ferry.jobs j WHERE j.job_id = ANY (p_out_job) ORDER BY j.job_id FOR NO KEY UPDATE;
    END IF;
    RETURN QUERY
    WITH r AS (
        SELECT * FROM unnest(p_job, p_batch, p_fence, p_verified, p_rejected, p_rounded, p_readback, p_doubtful)
            AS u (job_id, batch_no, fence, verified, rejected, rounded, readback, doubtful)
    ), mine AS (
        SELECT b.job_id, b.batch_no, b.export_rev, b.deliveries, c.target_uuid
        FROM ferry.batches b JOIN r USING (job_id, batch_no)
        JOIN ferry.job_collections c ON c.job_id = b.job_id AND c.collection_no = b.collection_no
        WHERE b.state = 'claimed' AND b.fence = r.fence AND b.owner = p_worker
        ORDER BY b.job_id, b.batch_no FOR UPDATE OF b
    ), put_rejects AS (
        INSERT INTO ferry.rejected_records (job_id, batch_no, id, reason, message, stage, export_rev, attempts, status)
        SELECT m.job_id, m.batch_no, o.id, o.reason, o.message, 'delivery', m.export_rev, m.deliveries, nullif(o.status, 0)
        FROM unnest(p_out_job, p_out_batch, p_out_id, p_out_reason, p_out_message, p_out_status)
            AS o (job_id, batch_no, id, reason, message, status)
        JOIN mine m USING (job_id, batch_no)
        ON CONFLICT (job_id, batch_no, sha256(id)) DO UPDATE SET reason = EXCLUDED.reason, message = EXCLUDED.message,
            stage = 'delivery', export_rev = EXCLUDED.export_rev, attempts = EXCLUDED.attempts, status = EXCLUDED.status,
            at = now()
    ), repaired AS (
        UPDATE ferry.repairs x SET closed_at = now() FROM mine m
        WHERE x.job_id = m.job_id AND x.batch_no = m.batch_no AND x.closed_at IS NULL
    ), quiet AS (
        SELECT t.target_uuid FROM ferry.target_collections t
        WHERE t.target_uuid IN (SELECT target_uuid FROM mine) AND t.retry_at <= now()
        ORDER BY t.target_uuid FOR NO KEY UPDATE
    ), calm AS (
        UPDATE ferry.target_collections t SET retry_at = NULL, retry_cause = NULL, refused_since = NULL, refusals = 0
        FROM quiet q WHERE t.target_uuid = q.target_uuid AND t.retry_at <= now()
    )
    UPDATE ferry.batches b SET n_verified = r.verified, n_rejected = b.n_rejected + r.rejected, n_rounded = r.rounded,
        readback_sha256 = decode(r.readback, 'hex'), lease_until = NULL, finished_at = now(), last_error = NULL,
        must_reread = b.must_reread OR r.doubtful, quiet_until = ferry.quiet_after(b.quiet_until, r.doubtful, ferry.lease_of(p_worker)),
        state = CASE WHEN r.verified = 0 AND b.n_rejected + r.rejected > 0 THEN 'rejected' ELSE 'verified' END
    FROM r JOIN mine USING (job_id, batch_no)
    WHERE b.job_id = r.job_id AND b.batch_no = r.batch_no
    RETURNING b.job_id, b.batch_no, b.state;
    PERFORM ferry.check_rejects(o.job_id, p_worker) FROM (SELECT DISTINCT unnest(p_out_job) AS job_id ORDER BY 1) o;
    PERFORM ferry.settle_cancelled(p_job, p_batch, p_fence, p_doubtful);
    PERFORM ferry.free_slots(p_fence);
END
$$;

-- A consumer that stops gives its claims back at once: the next one goes on without waiting for the lease. Such a claim has no owner, and
-- ended regularly; p_sent: but a request of it may still be on its way.
CREATE FUNCTION ferry.release_claims(p_worker uuid, p_lease interval, p_job bigint[], p_batch bigint[], p_fence bigint[],
                                     p_sent boolean[])
RETURNS TABLE (job_id bigint, batch_no bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH mine AS (
        SELECT b.job_id, b.batch_no, r.sent
        FROM ferry.batches b JOIN unnest(p_job, p_batch, p_fence, p_sent) AS r (job_id, batch_no, fence, sent)
            USING (job_id, batch_no)
        WHERE b.state = 'claimed' AND b.fence = r.fence
        ORDER BY b.job_id, b.batch_no FOR UPDATE OF b
    )
    UPDATE ferry.batches b SET owner = NULL, lease_until = now() - interval '1 ms', must_reread = b.must_reread OR mine.sent,
        quiet_until = ferry.quiet_after(b.quiet_until, mine.sent, p_lease)
    FROM mine WHERE b.job_id = mine.job_id AND b.batch_no = mine.batch_no
    RETURNING b.job_id, b.batch_no;
    PERFORM ferry.settle_cancelled(p_job, p_batch, p_fence, p_sent);
    PERFORM ferry.free_slots(p_fence);
END
$$;

-- ---- workers and leases ----

CREATE FUNCTION ferry.start_worker(p_worker uuid, p_kind text, p_host text, p_pid integer, p_version text, p_lease interval)
RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO ferry.workers AS w (worker_id, kind, host, pid, version, lease_until)
    VALUES (p_worker, p_kind, p_host, p_pid, p_version, now() + p_lease)
    ON CONFLICT (worker_id) DO UPDATE SET seen_at = now(), lease_until = EXCLUDED.lease_until;
    SELECT ledger_uuid FROM ferry.ledger
$$;

-- Claims of a job that was stopped by choice: their worker is told at its renewal that they are lost, and ends their requests. Those
-- of a paused job are parked, if they were not done soon and no repair is open. The caller has locked the batches.
CREATE FUNCTION ferry.take_back(p_worker uuid, p_lease interval, p_job bigint[], p_batch bigint[], p_fence bigint[]) RETURNS void
LANGUAGE sql AS $$
    WITH stopped AS (
        SELECT b.job_id, b.batch_no, b.state FROM ferry.batches b
        JOIN unnest(p_job, p_batch, p_fence) AS r (job_id, batch_no, fence) USING (job_id, batch_no)
        JOIN ferry.jobs j USING (job_id)
        WHERE b.fence = r.fence AND b.owner = p_worker AND b.lease_until IS NOT NULL
          AND (b.state = 'cancelled' OR b.state = 'claimed' AND j.state = 'paused' AND b.claimed_at < now() - interval '5 s'
                                        AND NOT ferry.is_repairing(b.job_id, b.batch_no))
    ), taken AS (
        UPDATE ferry.batches b SET lease_until = NULL, quiet_until = ferry.quiet_after(b.quiet_until, true, p_lease), must_reread = true
        FROM stopped s WHERE b.job_id = s.job_id AND b.batch_no = s.batch_no AND s.state = 'cancelled'
    ), parked AS (
        UPDATE ferry.batches b SET state = 'planned', export_rev = b.export_rev + 1, payload_sha256 = NULL, payload_bytes = NULL,
            owner = NULL, fence = NULL, lease_until = NULL, published_at = NULL, last_error = 'job is paused', must_reread = true,
            quiet_until = ferry.quiet_after(b.quiet_until, true, p_lease)
        FROM stopped s WHERE b.job_id = s.job_id AND b.batch_no = s.batch_no AND s.state = 'claimed'
    )
    INSERT INTO ferry.events (kind, job_id, batch_no, worker_id, detail)
    SELECT 'batch.parked', job_id, batch_no, p_worker, 'job is paused' FROM stopped WHERE state = 'claimed'
$$;

-- One statement renews the worker and everything it holds; answers the claims that are still its own. Plan and finish
-- leases of the worker's job go with it. A claim for delivery that was silent for so long that its write slot is another's is
-- lost with it: else more than ten would write.
CREATE FUNCTION ferry.renew(p_worker uuid, p_lease interval, p_current_job bigint, p_job bigint[], p_batch bigint[],
                            p_fence bigint[], p_waits_for text, p_missing_secrets text[], p_foreign bigint,
                            p_partitions integer DEFAULT NULL)
RETURNS TABLE (job_id bigint, batch_no bigint, fence bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    UPDATE ferry.workers w SET seen_at = now(), lease_until = now() + p_lease, job_id = p_current_job,
            waits_since = CASE WHEN p_waits_for = '' THEN NULL -- a count of seconds that goes down is no other reason
                               WHEN split_part(w.waits_for, ', retry in ', 1) = split_part(p_waits_for, ', retry in ', 1)
                               THEN w.waits_since ELSE now() END,
            waits_for = p_waits_for, missing_secrets = p_missing_secrets, foreign_messages = p_foreign,
            partitions = p_partitions
        WHERE w.worker_id = p_worker;
    UPDATE ferry.job_collections c SET plan_lease_until = now() + p_lease
        WHERE c.job_id = p_current_job AND c.plan_owner = p_worker AND c.plan_complete_at IS NULL;
    UPDATE ferry.jobs j SET finish_lease_until = now() + p_lease
        WHERE j.job_id = p_current_job AND j.finish_owner = p_worker;
    PERFORM FROM ferry.batches b JOIN unnest(p_job, p_batch, p_fence) AS r (job_id, batch_no, fence) USING (job_id, batch_no)
        WHERE b.fence = r.fence AND b.owner = p_worker AND b.state IN ('planned', 'claimed', 'cancelled')
        ORDER BY b.job_id, b.batch_no FOR UPDATE OF b;
    PERFORM ferry.take_back(p_worker, p_lease, p_job, p_batch, p_fence);
    RETURN QUERY
    WITH slots AS (
        SELECT s.target_uuid, s.slot, s.fence FROM ferry.write_slots s
        WHERE s.worker_id = p_worker AND s.fence = ANY (p_fence) FOR UPDATE SKIP LOCKED
    ), kept AS (
        UPDATE ferry.batches b SET lease_until = now() + p_lease
        FROM unnest(p_job, p_batch, p_fence) AS r (job_id, batch_no, fence)
        WHERE b.job_id = r.job_id AND b.batch_no = r.batch_no AND b.fence = r.fence AND b.owner = p_worker
          AND b.lease_until IS NOT NULL
          AND (b.state = 'planned' OR b.state = 'claimed' AND b.fence IN (SELECT slots.fence FROM slots))
        RETURNING b.job_id, b.batch_no, b.fence
    ), kept_slots AS (
        UPDATE ferry.write_slots s SET lease_until = now() + p_lease
        FROM slots JOIN kept USING (fence) WHERE s.target_uuid = slots.target_uuid AND s.slot = slots.slot
    )
    SELECT kept.job_id, kept.batch_no, kept.fence FROM kept;
END
$$;

-- The job that a worker is on, from the moment it has one: until its first renewal nobody else could tell.
CREATE FUNCTION ferry.work_on(p_worker uuid, p_job bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.workers SET job_id = p_job WHERE worker_id = p_worker AND job_id IS DISTINCT FROM p_job
$$;

-- A statement that may take longer than a lease shows that its worker lives: renewals wait behind it, and what it writes is not
-- seen before it ends. The lock goes with it, whether it ends well or not.
CREATE FUNCTION ferry.long_step_key(p_worker uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT hashtextextended('ferry.long_step/' || p_worker, 0)
$$;

CREATE FUNCTION ferry.begin_long_step(p_worker uuid) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock_shared(ferry.long_step_key(p_worker))
$$;

-- So that there is no moment between the step's end and the renewal that waits behind it.
CREATE FUNCTION ferry.end_long_step(p_worker uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.workers w SET seen_at = t.now, lease_until = t.now + (w.lease_until - w.seen_at)
    FROM (SELECT clock_timestamp() AS now) t WHERE w.worker_id = p_worker AND w.stopped_at IS NULL
$$;

CREATE FUNCTION ferry.is_alive(p_worker uuid, p_lease_until timestamptz, p_stopped_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_stopped_at IS NOT NULL THEN false WHEN p_lease_until > now() THEN true
                ELSE EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                             AND (l.classid::bigint << 32 | l.objid::bigint) = ferry.long_step_key(p_worker)) END
$$;

CREATE FUNCTION ferry.stop_worker(p_worker uuid) RETURNS void LANGUAGE sql AS $$
    UPDATE ferry.workers SET stopped_at = now(), lease_until = now(), waits_for = '', waits_since = NULL
    WHERE worker_id = p_worker
$$;

-- What a consumer that follows a job to its end has to know: producers are those that are alive and on it.
CREATE FUNCTION ferry.follow_job(p_job bigint)
RETURNS TABLE (state text, last_error text, open_batches bigint, producers bigint) LANGUAGE sql STABLE AS $$
    SELECT j.state, j.last_error,
        (SELECT count(*) FROM ferry.batches b
         WHERE b.job_id = p_job AND b.state IN ('planned', 'published', 'claimed')),
        (SELECT count(*) FROM ferry.workers w
         WHERE w.kind = 'producer' AND w.job_id = p_job AND ferry.is_alive(w.worker_id, w.lease_until, w.stopped_at))
    FROM ferry.jobs j WHERE j.job_id = p_job
$$;
