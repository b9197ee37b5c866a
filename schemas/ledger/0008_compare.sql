-- What the end of a job lists, compares, adds and deletes: PROTOCOL §8. The caller holds the finish lease (0007).

-- The end's listings, side 'e' (target) and 'd' (source), staged like the plan's.
CREATE FUNCTION ferry.finish_add(p_worker uuid, p_job bigint, p_collection integer, p_side text, p_first bigint, p_ids bytea[])
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ferry.jobs WHERE job_id = p_job AND finish_owner = p_worker AND state = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND OR p_side NOT IN ('e', 'd') THEN
        RAISE EXCEPTION 'another producer is finishing job %', p_job USING ERRCODE = 'FE002';
    END IF;
    IF p_first = 0 THEN
        DELETE FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection AND side = p_side::"char";
    END IF;
    RETURN ferry.stage_ids(p_job, p_collection, p_side, p_first, p_ids);
END
$$;

-- §8's comparison: is every verified id at the target; what else is there; what came and went at the source meanwhile. One
-- grouping by digest instead of joins: its cost does not hang on what the planner believes about freshly staged rows. Answers
-- the digests of ids that are not as they should be. Bits of a verdict:
--    1 missing: verified by this job, not at the target         2 extra: at the target, and no business of the pair's
--    4 added: at the source, in no plan, and not left out       8 deleted: verified by this job, not at the source
--   16 the ferry's own (this job's or an earlier one's), not at the source
--   32 at the target, and not the ferry's                      64 at the source
--  128 at the source, and vanished when it was to be read: it was in the plan, and is copied whether the job catches up or not
CREATE FUNCTION ferry.finish_verdicts(p_job bigint, p_collection integer) RETURNS TABLE (hash bytea, verdict integer)
LANGUAGE sql STABLE SET work_mem = '64MB' SET jit = off AS $$
    WITH pair AS (
        SELECT b.job_id, b.batch_no, b.job_id = p_job AS is_mine, CASE WHEN b.job_id = p_job -- an earlier export may have carried it
            AND (b.exports > 1 AND b.deliveries > (b.payload_sha256 IS NOT NULL)::integer OR b.parent_no IS NOT NULL AND b.redrives = 0)
            THEN 64 ELSE 0 END AS carried
        FROM ferry.job_collections me
        JOIN ferry.job_collections o ON (o.source_uuid, o.target_uuid, o.selection)
                                      = (me.source_uuid, me.target_uuid, me.selection)
        JOIN ferry.jobs j ON j.job_id = o.job_id AND (j.job_id = p_job OR j.state = 'succeeded')
        JOIN ferry.batches b ON b.job_id = o.job_id AND b.collection_no = o.collection_no
        WHERE me.job_id = p_job AND me.collection_no = p_collection AND b.state IN ('verified', 'rejected')
    ), listed (hash, bit, mine, earlier) AS (
        -- An id may be in several batches, vanished and come back, or moved by one job and again by the next: it is verified
        -- when it was planned more often than left out. Bits: 1 rejected, 2 vanished, 4 skipped, 8 removed, 16 target, 32 source,
        -- 64 perhaps written by this job though it vanished, or there before and planned all the same.
        SELECT sha256(u.id), CASE WHEN is_mine THEN 64 * get_bit(i.existed, u.ord::integer - 1) ELSE 0 END, is_mine::integer,
            1 - is_mine::integer
        FROM pair JOIN ferry.batch_ids i USING (job_id, batch_no) CROSS JOIN LATERAL unnest(i.ids) WITH ORDINALITY AS u (id, ord)
        UNION ALL
        SELECT sha256(r.id), is_mine::integer, - is_mine::integer, is_mine::integer - 1
        FROM pair JOIN ferry.rejected_records r USING (job_id, batch_no)
        UNION ALL
        SELECT sha256(v.id), is_mine::integer * 2 | carried, - is_mine::integer, is_mine::integer - 1
        FROM pair JOIN ferry.vanished_records v USING (job_id, batch_no)
        UNION ALL
        SELECT sha256(u.id), 4, 0, 0 FROM ferry.skipped_ids k CROSS JOIN LATERAL unnest(k.ids) AS u (id)
        WHERE k.job_id = p_job AND k.collection_no = p_collection
        UNION ALL
        SELECT sha256(d.id), 8, 0, 0 FROM ferry.deletions d
        WHERE d.job_id = p_job AND d.collection_no = p_collection AND d.cause = 'deleted'
        UNION ALL
        SELECT sha256(s.id), CASE s.side WHEN 'e' THEN 16 ELSE 32 END, 0, 0 FROM ferry.plan_ids s
        WHERE s.job_id = p_job AND s.collection_no = p_collection AND s.side IN ('e', 'd')
    ), counted AS ( -- of an earlier job that was purged: what both sides have
        SELECT g.hash, mine > 0 AS verified,
            earlier > 0 OR bits & 48 = 48 AND (SELECT ferry.trusts_target(p_job, p_collection)) AS earlier, bits & 1 <> 0 AS rejected, bits & 2 <> 0 AS vanished,
            bits & 4 <> 0 AS skipped, bits & 8 <> 0 AS removed, bits & 16 <> 0 AS at_target, bits & 32 <> 0 AS at_source,
            bits & 72 <> 0 AS is_own
        FROM (SELECT listed.hash, bit_or(bit) AS bits, sum(mine) AS mine, sum(earlier) AS earlier
              FROM listed GROUP BY listed.hash) g
    ), judged AS ( -- a rehearsal has left out what it does not know
        SELECT c.*, (SELECT p.selection <> 'all' FROM ferry.job_collections p
                     WHERE p.job_id = p_job AND p.collection_no = p_collection) AS is_part, verified OR rejected AS is_known, (vanished OR earlier) AND NOT verified AND NOT rejected AS is_former
        FROM counted c
    )
    SELECT j.hash,
        CASE WHEN verified AND NOT at_target THEN 1 ELSE 0 END |
        CASE WHEN at_target AND NOT is_known AND NOT skipped AND NOT (is_former AND at_source) THEN 2 ELSE 0 END |
        CASE WHEN at_source AND NOT is_known AND NOT skipped
                  AND (vanished OR NOT is_part AND NOT (earlier AND at_target)) THEN 4 ELSE 0 END |
        CASE WHEN verified AND NOT at_source THEN 8 ELSE 0 END |
        CASE WHEN NOT at_source AND NOT skipped AND (verified OR at_target AND NOT rejected AND (earlier OR removed))
             THEN 16 ELSE 0 END |
        CASE WHEN at_target AND NOT is_known AND NOT (is_former AND (earlier OR is_own)) THEN 32 ELSE 0 END |
        CASE WHEN at_source THEN 64 ELSE 0 END |
        CASE WHEN at_source AND vanished AND NOT is_known AND NOT skipped THEN 128 ELSE 0 END
    FROM judged j
    WHERE verified AND NOT at_target OR verified AND NOT at_source
       OR NOT is_known AND NOT skipped AND (at_target AND NOT (is_former AND at_source)
                                            OR at_source AND (vanished OR NOT is_part AND NOT (earlier AND at_target)))
$$;

-- Other sources that have moved something into the same target collection. A collection that was deleted and made again under its
-- name is no other one.
CREATE FUNCTION ferry.other_sources(p_job bigint, p_collection integer) RETURNS TABLE (job_id bigint, collection_no integer)
LANGUAGE sql STABLE AS $$
    SELECT o.job_id, o.collection_no FROM ferry.job_collections me
    JOIN ferry.job_collections o ON o.target_uuid = me.target_uuid AND o.source_uuid <> me.source_uuid
    WHERE me.job_id = p_job AND me.collection_no = p_collection
      AND (o.source_endpoint_id, o.source_name) <> (me.source_endpoint_id, me.source_name)
      AND EXISTS (SELECT FROM ferry.batches b WHERE b.job_id = o.job_id AND b.collection_no = o.collection_no
                  AND b.state = 'verified' AND b.n_verified > 0)
$$;

-- What another source has moved into the same target, and was verified there, is not this pair's own to delete (16 of a verdict),
-- whoever wrote it last: that source may have it still. Where the lists of its job were purged, that may be anything.
CREATE FUNCTION ferry.finish_disown(p_job bigint, p_collection integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ferry.other_sources(p_job, p_collection))
       OR NOT EXISTS (SELECT FROM ferry.plan_ids v WHERE v.job_id = p_job AND v.collection_no = p_collection AND v.side = 'v'
                      AND v.ordinal & 16 = 16) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM ferry.other_sources(p_job, p_collection) o JOIN ferry.jobs j USING (job_id) WHERE j.purged_at IS NOT NULL) THEN
        UPDATE ferry.plan_ids SET ordinal = ordinal & ~16
            WHERE job_id = p_job AND collection_no = p_collection AND side = 'v' AND ordinal & 16 = 16;
        RETURN;
    END IF;
    UPDATE ferry.plan_ids SET ordinal = ordinal & ~16 WHERE ctid = ANY (ARRAY(
        SELECT own.ctid FROM ferry.other_sources(p_job, p_collection) o
        JOIN ferry.batches b ON b.job_id = o.job_id AND b.collection_no = o.collection_no AND b.state = 'verified'
        JOIN ferry.batch_ids i ON i.job_id = b.job_id AND i.batch_no = b.batch_no
        CROSS JOIN LATERAL unnest(i.ids) AS u (id)
        CROSS JOIN LATERAL (SELECT v.ctid FROM ferry.plan_ids v WHERE v.job_id = p_job AND v.collection_no = p_collection
                            AND v.side = 'v' AND sha256(v.id) = sha256(sha256(u.id)) AND v.ordinal & 16 = 16 LIMIT 1) own
        WHERE NOT EXISTS (SELECT FROM ferry.rejected_records r WHERE r.job_id = b.job_id AND r.batch_no = b.batch_no
                          AND sha256(r.id) = sha256(u.id))
          AND NOT EXISTS (SELECT FROM ferry.vanished_records x WHERE x.job_id = b.job_id AND x.batch_no = b.batch_no
                          AND sha256(x.id) = sha256(u.id))));
END
$$;

-- A verdict's id, from the end's listing of one side. By index: see ferry.plan_wanted.
CREATE FUNCTION ferry.finish_listed(p_job bigint, p_collection integer, p_side text, p_bits integer, p_not integer)
RETURNS TABLE (ordinal bigint, id bytea, verdict integer) LANGUAGE sql STABLE AS $$
    SELECT x.ordinal, x.id, v.ordinal::integer FROM ferry.plan_ids v
    CROSS JOIN LATERAL (SELECT l.ordinal, l.id FROM ferry.plan_ids l WHERE l.job_id = p_job AND l.collection_no = p_collection
                        AND l.side = p_side::"char" AND sha256(l.id) = v.id LIMIT 1) x
    WHERE v.job_id = p_job AND v.collection_no = p_collection AND v.side = 'v'
      AND v.ordinal & p_bits = p_bits AND v.ordinal & p_not = 0
$$;

-- What was added at the source becomes further batches, after the last one and by the rules of the plan; of a job that does not
-- catch up only what vanished and is there again. The bitmap says what the target had that this job did not write.
CREATE FUNCTION ferry.finish_plan_added(p_job bigint, p_collection integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_records integer;
    v_skips boolean := ferry.on_existing(p_job) = 'skip';
    v_catch_up boolean := ferry.wants(p_job, 'catch_up');
    v_first bigint;
    v_planned bigint;
    v_skipped bigint;
BEGIN
    SELECT least(coalesce((j.settings->>'batch_records')::integer, 300), t.max_batch_records) INTO v_records
        FROM ferry.jobs j JOIN ferry.job_collections c USING (job_id) JOIN ferry.target_collections t USING (target_uuid)
        WHERE c.job_id = p_job AND c.collection_no = p_collection;
    SELECT coalesce(max(batch_no), 0) INTO v_first FROM ferry.batches WHERE job_id = p_job;
    WITH added AS MATERIALIZED (
        SELECT a.ordinal, a.id, a.existed, a.existed AND v_skips AS is_skipped,
               (count(*) OVER (PARTITION BY a.existed AND v_skips ORDER BY a.ordinal) - 1) / v_records AS piece
        FROM (SELECT l.ordinal, l.id, l.verdict & 32 <> 0 AS existed
              FROM ferry.finish_listed(p_job, p_collection, 'd', CASE WHEN v_catch_up THEN 4 ELSE 128 END, 0) l) a
    ), pieces AS (
        SELECT piece, count(*) AS n, array_agg(id ORDER BY ordinal) AS ids,
               string_agg(CASE WHEN existed THEN '1' ELSE '0' END, '' ORDER BY ordinal)::bit varying AS bits
        FROM added WHERE NOT is_skipped GROUP BY piece
    ), put_batches AS (
        INSERT INTO ferry.batches (job_id, batch_no, collection_no, n_records)
        SELECT p_job, v_first + 1 + piece, p_collection, n FROM pieces
    ), put_ids AS (
        INSERT INTO ferry.batch_ids (job_id, batch_no, ids, existed)
        SELECT p_job, v_first + 1 + piece, ids, bits FROM pieces
    ), put_skipped AS (
        INSERT INTO ferry.skipped_ids (job_id, collection_no, first_ordinal, ids)
        SELECT p_job, p_collection, k.top + 1 + piece, ids
        FROM (SELECT piece, array_agg(id ORDER BY ordinal) AS ids FROM added WHERE is_skipped GROUP BY piece) s
        CROSS JOIN (SELECT coalesce(max(first_ordinal), -1) AS top FROM ferry.skipped_ids
                    WHERE job_id = p_job AND collection_no = p_collection) k
    )
    SELECT count(*) FILTER (WHERE NOT is_skipped), count(*) FILTER (WHERE is_skipped) INTO v_planned, v_skipped FROM added;
    UPDATE ferry.job_collections SET n_planned = n_planned + v_planned, n_caught_up = n_caught_up + v_planned * v_catch_up::integer,
            n_returned = n_returned + v_planned * (NOT v_catch_up)::integer,
            n_skipped = coalesce(n_skipped, 0) + v_skipped
        WHERE job_id = p_job AND collection_no = p_collection;
    RETURN v_planned;
END
$$;

-- What went from the source after it was copied: from now on it counts as vanished, in its batch too, and is deleted at the
-- target when it is there. Only what this job or an earlier one of the pair has written.
CREATE FUNCTION ferry.finish_decide_deleted(p_job bigint, p_collection integer) RETURNS void LANGUAGE sql AS $$
    WITH gone AS MATERIALIZED (
        SELECT b.batch_no, u.id FROM ferry.batches b JOIN ferry.batch_ids i USING (job_id, batch_no)
        CROSS JOIN LATERAL unnest(i.ids) AS u (id)
        CROSS JOIN LATERAL (SELECT v.ordinal FROM ferry.plan_ids v WHERE v.job_id = p_job AND v.collection_no = p_collection
                            AND v.side = 'v' AND sha256(v.id) = sha256(sha256(u.id)) LIMIT 1) v
        WHERE b.job_id = p_job AND b.collection_no = p_collection AND b.state = 'verified' AND v.ordinal & 8 = 8
          AND NOT EXISTS (SELECT FROM ferry.vanished_records x WHERE x.job_id = p_job AND x.batch_no = b.batch_no
                          AND sha256(x.id) = sha256(u.id))
    ), put_vanished AS (
        INSERT INTO ferry.vanished_records (job_id, batch_no, id) SELECT p_job, batch_no, id FROM gone
    ), uncut AS (
        DELETE FROM ferry.truncated_records x USING gone
        WHERE x.job_id = p_job AND x.batch_no = gone.batch_no AND sha256(x.id) = sha256(gone.id) RETURNING x.batch_no
    ), counted AS (
        UPDATE ferry.batches b SET n_verified = b.n_verified - g.n, n_vanished = b.n_vanished + g.n,
            n_rounded = least(b.n_rounded, b.n_verified - g.n), readback_sha256 = NULL,
            n_truncated = b.n_truncated - (SELECT count(*)::integer FROM uncut WHERE uncut.batch_no = b.batch_no)
        FROM (SELECT batch_no, count(*)::integer AS n FROM gone GROUP BY batch_no) g
        WHERE b.job_id = p_job AND b.batch_no = g.batch_no
    )
    INSERT INTO ferry.deletions AS d (job_id, collection_no, id, cause)
    SELECT p_job, p_collection, l.id, 'deleted' FROM ferry.finish_listed(p_job, p_collection, 'e', 16, 0) l
    ON CONFLICT (job_id, collection_no, sha256(id)) DO UPDATE SET cause = 'deleted', decided_at = now(), deleted_at = NULL, spared_at = NULL, fence = NULL
$$;

-- What the target has beyond the manifest, unless the source has it by now.
CREATE FUNCTION ferry.finish_decide_extra(p_job bigint, p_collection integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO ferry.deletions AS d (job_id, collection_no, id, cause)
    SELECT p_job, p_collection, l.id, 'extra' FROM ferry.finish_listed(p_job, p_collection, 'e', 2, 64) l
    ON CONFLICT (job_id, collection_no, sha256(id)) DO UPDATE SET cause = 'extra', decided_at = now(), deleted_at = NULL, spared_at = NULL, fence = NULL
$$;

-- How many of what finish_refusal judges the job has not copied itself: the target had them before, or others have put them there.
CREATE FUNCTION ferry.finish_not_copied(p_job bigint, p_collection integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FILTER (WHERE bits & 1 <> 0 AND bits & 6 <> 2) FROM ( -- bits: 1 to be deleted, 2 was not there before, 4 was
        SELECT bit_or(x.bit) AS bits FROM (
            SELECT v.id AS hash, 1 AS bit FROM ferry.plan_ids v
            WHERE v.job_id = p_job AND v.collection_no = p_collection AND v.side = 'v'
              AND ((SELECT ferry.wants(p_job, 'catch_up')) AND v.ordinal & 17 = 16
                   OR (SELECT ferry.wants(p_job, 'delete_extra')) AND v.ordinal & 66 = 2)
            UNION ALL
            SELECT sha256(d.id), 1 FROM ferry.deletions d
            WHERE d.job_id = p_job AND d.collection_no = p_collection AND d.spared_at IS NULL
            UNION ALL
            SELECT sha256(u.id), 2 + 2 * get_bit(i.existed, u.ord::integer - 1)
            FROM ferry.batches b JOIN ferry.batch_ids i USING (job_id, batch_no)
            CROSS JOIN LATERAL unnest(i.ids) WITH ORDINALITY AS u (id, ord)
            WHERE b.job_id = p_job AND b.collection_no = p_collection
        ) x GROUP BY x.hash) g
$$;

-- Why what the job would delete now is more than it may, and how to go on; null: it may. What it has deleted before counts too,
-- and is reckoned among the target's records: further rounds do not delete more than one could. What the job has not copied itself
-- is reckoned against what the target held when it was planned, and nothing else: its own copies must not make a small share of that.
CREATE FUNCTION ferry.finish_refusal(p_job bigint, p_collection integer) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_catch_up boolean := ferry.wants(p_job, 'catch_up');
    v_delete_extra boolean := ferry.wants(p_job, 'delete_extra');
    v_job record;
    v_now bigint;
    v_first_time bigint;
    v_before bigint;
    v_gone bigint;
    v_target bigint;
    v_source bigint;
    v_most bigint;
    v_most_held bigint;
    v_not_copied bigint := 0;
BEGIN
    -- As finish_decide_deleted and finish_decide_extra choose.
    SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM ferry.deletions d WHERE d.job_id = p_job
                                      AND d.collection_no = p_collection AND sha256(d.id) = v.id AND d.spared_at IS NULL))
        INTO v_now, v_first_time FROM ferry.plan_ids v
        WHERE v.job_id = p_job AND v.collection_no = p_collection AND v.side = 'v'
          AND (v_catch_up AND v.ordinal & 17 = 16 OR v_delete_extra AND v.ordinal & 66 = 2);
    IF v_now = 0 THEN
        RETURN NULL;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM ferry.plan_ids e WHERE e.job_id = p_job
                                      AND e.collection_no = p_collection AND e.side = 'e' AND sha256(e.id) = sha256(d.id)))
        INTO v_before, v_gone FROM ferry.deletions d
        WHERE d.job_id = p_job AND d.collection_no = p_collection AND d.spared_at IS NULL;
    SELECT count(*) FILTER (WHERE side = 'e'), count(*) FILTER (WHERE side = 'd') INTO v_target, v_source
        FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection AND side IN ('e', 'd');
    v_most := ferry.max_delete(p_job, v_target + v_gone, v_source);
    SELECT j.name, settings->>'max_delete' AS most, coalesce(c.n_target_ids, 0) AS held INTO v_job
        FROM ferry.jobs j JOIN ferry.job_collections c USING (job_id) WHERE c.job_id = p_job AND c.collection_no = p_collection;
    v_most_held := ferry.max_delete(p_job, v_job.held, v_source);
    IF v_before + v_first_time > v_most_held -- all of them, and what came later, is what 100% says
       AND NOT coalesce(right(v_job.most, 1) = '%' AND rtrim(v_job.most, '%')::numeric >= 100, false) THEN
        v_not_copied := ferry.finish_not_copied(p_job, p_collection);
    END IF;
    IF v_before + v_first_time <= v_most AND v_not_copied <= v_most_held THEN
        RETURN NULL;
    END IF;
    RETURN ferry.which_collection(p_job, p_collection) || CASE WHEN v_source = 0 THEN 'the source lists no ids any more, and ' ELSE '' END ||
        CASE WHEN v_before + v_first_time > v_most
             THEN format('%s of %s records at the target would be deleted', v_before + v_first_time, v_target + v_gone)
             ELSE format('%s records at the target would be deleted that the job has not copied, of the %s that the target held when it was planned',
                         v_not_copied, v_job.held) END ||
        format('%s, more than the %s allowed (%s), so none is; resume %s --max-delete %s deletes them, SELECT ferry.change_settings(%s, ''%s'') before it deletes none',
        CASE WHEN v_before > 0 THEN ', with the ' || v_before || ' deleted before' ELSE '' END,
        CASE WHEN v_before + v_first_time > v_most THEN v_most ELSE v_most_held END,
        coalesce(v_job.most, CASE WHEN v_source = 0 THEN 'an empty source deletes nothing by itself' ELSE '50%' END), v_job.name,
        v_before + v_first_time, p_job,
        CASE WHEN v_catch_up THEN jsonb_build_object('catch_up', false) ELSE '{}' END
            || CASE WHEN v_delete_extra THEN jsonb_build_object('delete_extra', false) ELSE '{}' END);
END
$$;

-- Compares, notes what it found, and decides what a job that catches up or deletes does about it, all at once: afterwards there
-- are further batches or open deletions (is_decided), or the job may end. planned, to_delete: what was decided now; returned: of
-- planned, what vanished and is there again, where the job does not catch up. existing: of
-- what was added, what --on-existing fail forbids. Nothing is decided when a record is lost. The rounds are counted here, so that
-- no restart gives more of them. refusal: the job would delete more than it may; nothing is decided, and the job is blocked.
CREATE FUNCTION ferry.finish_compare(p_worker uuid, p_job bigint, p_collection integer)
RETURNS TABLE (missing bigint, extra bigint, added bigint, deleted bigint, existing bigint, planned bigint, to_delete bigint,
               is_decided boolean, round integer, first_missing text, first_extra text, refusal text,
               returned bigint)
LANGUAGE plpgsql SET work_mem = '64MB' SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_rounds integer;
    v_limit integer;
    v_catch_up boolean := ferry.wants(p_job, 'catch_up');
    v_delete_extra boolean := ferry.wants(p_job, 'delete_extra');
    v_lost bigint;
    v_own bigint;
    v_removable bigint;
    v_unsettled bigint;
BEGIN
    PERFORM ferry.finish_check(p_worker, p_job, p_collection);
    PERFORM ferry.begin_long_step(p_worker);
    INSERT INTO ferry.plan_ids (job_id, collection_no, side, ordinal, id)
        SELECT p_job, p_collection, 'v', v.verdict, v.hash FROM ferry.finish_verdicts(p_job, p_collection) v;
    PERFORM ferry.finish_disown(p_job, p_collection);
    SELECT count(*) FILTER (WHERE ordinal & 1 = 1), count(*) FILTER (WHERE ordinal & 2 = 2),
           count(*) FILTER (WHERE ordinal & 4 = 4), count(*) FILTER (WHERE ordinal & 8 = 8),
           count(*) FILTER (WHERE ordinal & 36 = 36 AND (v_catch_up OR ordinal & 128 = 128)), count(*) FILTER (WHERE ordinal & 66 = 2),
           count(*) FILTER (WHERE ordinal & 9 = 1), count(*) FILTER (WHERE ordinal & 24 <> 0),
           count(*) FILTER (WHERE ordinal & 128 = 128),
           count(*) FILTER (WHERE (v_catch_up AND ordinal & 28 <> 0 OR ordinal & 128 = 128)
                            AND NOT (ordinal & 36 = 36 AND ferry.on_existing(p_job) = 'skip'))
        INTO missing, extra, added, deleted, existing, v_removable, v_lost, v_own, returned, v_unsettled
        FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection AND side = 'v';
    SELECT left(ferry.printable(i.id), 200) INTO first_missing FROM ferry.batches b JOIN ferry.batch_ids i0 USING (job_id, batch_no)
        CROSS JOIN LATERAL unnest(i0.ids) AS i (id)
        WHERE missing > 0 AND b.job_id = p_job AND b.collection_no = p_collection AND b.state = 'verified'
          AND EXISTS (SELECT FROM ferry.plan_ids v WHERE v.job_id = p_job AND v.collection_no = p_collection AND v.side = 'v'
                      AND sha256(v.id) = sha256(sha256(i.id)) AND v.ordinal & 1 = 1)
        ORDER BY b.batch_no LIMIT 1;
    SELECT string_agg('"' || left(ferry.printable(f.id), 128) || '"', ', ' ORDER BY f.ordinal) INTO first_extra FROM (
        SELECT l.ordinal, l.id FROM ferry.finish_listed(p_job, p_collection, 'e', 2, 0) l ORDER BY l.ordinal LIMIT 3) f;
    SELECT c.n_rounds, coalesce((j.settings->>'catch_up_rounds')::integer, 5) INTO v_rounds, v_limit
        FROM ferry.jobs j JOIN ferry.job_collections c USING (job_id)
        WHERE c.job_id = p_job AND c.collection_no = p_collection;
    existing := CASE WHEN ferry.on_existing(p_job) = 'fail' THEN existing ELSE 0 END;
    planned := 0;
    to_delete := 0;
    IF v_rounds < v_limit AND existing = 0 AND v_lost = 0 THEN
        refusal := ferry.finish_refusal(p_job, p_collection);
    END IF;
    IF v_rounds < v_limit AND existing = 0 AND v_lost = 0 AND refusal IS NULL THEN
        IF v_catch_up AND added > 0 OR returned > 0 THEN
            planned := ferry.finish_plan_added(p_job, p_collection);
        END IF;
        IF v_delete_extra AND v_removable > 0 THEN
            PERFORM ferry.finish_decide_extra(p_job, p_collection);
        END IF;
        IF v_catch_up AND v_own > 0 THEN -- the ferry's own among the extra ones are deleted as its own
            PERFORM ferry.finish_decide_deleted(p_job, p_collection);
        END IF;
        SELECT count(*) INTO to_delete FROM ferry.deletions
            WHERE job_id = p_job AND collection_no = p_collection AND deleted_at IS NULL AND spared_at IS NULL;
        is_decided := planned > 0 OR to_delete > 0 OR (v_catch_up AND deleted > 0);
    END IF;
    is_decided := coalesce(is_decided, false);
    returned := CASE WHEN v_catch_up THEN 0 ELSE planned END;
    round := v_rounds + is_decided::integer;
    -- What has been decided, or refused, is compared again before the job can succeed.
    UPDATE ferry.job_collections c SET n_missing = CASE WHEN NOT is_decided AND refusal IS NULL THEN missing END, n_extra = extra,
            first_extra = finish_compare.first_extra, n_added = added, n_deleted = deleted, n_rounds = round,
            n_unsettled = CASE WHEN v_rounds >= v_limit THEN v_unsettled ELSE 0 END
        WHERE c.job_id = p_job AND c.collection_no = p_collection;
    PERFORM ferry.finish_note(p_worker, p_job, ferry.which_collection(p_job, p_collection), extra, first_extra, is_decided, round, planned, to_delete);
    IF refusal IS NOT NULL THEN
        PERFORM ferry.block_job(p_job, p_worker, refusal);
    END IF;
    DELETE FROM ferry.plan_ids WHERE job_id = p_job AND collection_no = p_collection AND side IN ('e', 'd', 'v');
    -- This took longer than a lease, perhaps, and its renewal waits behind it.
    UPDATE ferry.jobs SET finish_lease_until = greatest(finish_lease_until, clock_timestamp() + ferry.lease_of(p_worker))
        WHERE job_id = p_job;
    PERFORM ferry.end_long_step(p_worker);
    RETURN NEXT;
END
$$;

-- The comparison's conditions; locks the pair and the job.
CREATE FUNCTION ferry.finish_check(p_worker uuid, p_job bigint, p_collection integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ferry.job_collections c WHERE c.job_id = p_job AND c.collection_no = p_collection FOR UPDATE;
    PERFORM FROM ferry.jobs WHERE job_id = p_job AND finish_owner = p_worker AND state = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another producer is finishing job %', p_job USING ERRCODE = 'FE002';
    END IF;
    IF EXISTS (SELECT FROM ferry.batches b WHERE b.job_id = p_job AND b.collection_no = p_collection
               AND b.state IN ('planned', 'published', 'claimed')) THEN
        RAISE EXCEPTION 'a batch of job % is open again', p_job USING ERRCODE = 'FE002';
    END IF;
    IF EXISTS (SELECT FROM ferry.deletions d WHERE d.job_id = p_job AND d.collection_no = p_collection
               AND d.deleted_at IS NULL AND d.spared_at IS NULL) THEN
        RAISE EXCEPTION 'a deletion of job % is open', p_job USING ERRCODE = 'FE002';
    END IF;
END
$$;

CREATE FUNCTION ferry.finish_note(p_worker uuid, p_job bigint, p_which text, p_extra bigint, p_first_extra text, p_new boolean, p_round integer,
                                  p_planned bigint, p_to_delete bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_extra > 0 THEN
        PERFORM ferry.log_event('job.extra', p_job, NULL, p_worker,
                                format('%s%s records at the target are not of this job; first: %s', p_which, p_extra, p_first_extra));
    END IF;
    IF p_new THEN
        PERFORM ferry.log_event('job.round', p_job, NULL, p_worker,
                                format('%sround %s: %s records planned, %s to be deleted at the target', p_which, p_round, p_planned, p_to_delete));
    END IF;
END
$$;

-- ---- deleting at the target ----

-- The next open deletions, under a write slot: those that are wanted now, whatever was wanted when they were decided; the others
-- are spared. state: delete (ids and the fence), done (none is open), busy (no slot is free), or wait: a request for them may
-- still be in flight, and might come after the record has been copied again.
CREATE FUNCTION ferry.next_deletions(p_worker uuid, p_job bigint, p_collection integer, p_max integer, p_lease interval)
RETURNS TABLE (state text, fence bigint, ids text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_target uuid;
    v_fence bigint;
    v_ids text;
    v_wanted text[] := array_remove(ARRAY[CASE WHEN ferry.wants(p_job, 'catch_up') THEN 'deleted' END,
                                          CASE WHEN ferry.wants(p_job, 'delete_extra') THEN 'extra' END], NULL);
BEGIN
    PERFORM FROM ferry.jobs j WHERE j.job_id = p_job AND j.finish_owner = p_worker AND j.state = 'running' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another producer is finishing job %', p_job USING ERRCODE = 'FE002';
    END IF;
    IF NOT EXISTS (SELECT FROM ferry.deletions d WHERE d.job_id = p_job AND d.collection_no = p_collection
                   AND d.deleted_at IS NULL AND d.spared_at IS NULL) THEN
        RETURN QUERY SELECT 'done'::text, NULL::bigint, NULL::text;
        RETURN;
    END IF;
    v_fence := nextval('ferry.fences');
    SELECT c.target_uuid INTO v_target FROM ferry.job_collections c
        WHERE c.job_id = p_job AND c.collection_no = p_collection;
    IF NOT ferry.take_slot(v_target, p_worker, v_fence, p_lease) THEN
        RETURN QUERY SELECT 'busy'::text, NULL::bigint, NULL::text;
        RETURN;
    END IF;
    WITH picked AS (
        UPDATE ferry.deletions SET fence = v_fence, in_flight_until = ferry.quiet_after(NULL, true, p_lease)
        WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM ferry.deletions d WHERE d.job_id = p_job
                                AND d.collection_no = p_collection AND d.deleted_at IS NULL AND d.spared_at IS NULL
                                AND d.cause = ANY (v_wanted) AND (d.in_flight_until IS NULL OR d.in_flight_until < now()) LIMIT p_max))
        RETURNING id
    )
    SELECT string_agg(encode(id, 'hex'), ',') INTO v_ids FROM picked;
    IF v_ids IS NULL THEN
        PERFORM ferry.spare_idle(p_worker, p_job, p_collection, false, 'the job is not to do that any more'); -- the wanted ones are in flight
        PERFORM ferry.free_slots(ARRAY[v_fence]);
    END IF;
    RETURN QUERY SELECT CASE WHEN v_ids IS NULL THEN 'wait' ELSE 'delete' END, v_fence, v_ids;
END
$$;

-- What events say of deletions that were decided and are not to be. p_first: some of their ids.
CREATE FUNCTION ferry.note_spared(p_worker uuid, p_job bigint, p_collection integer, p_count bigint, p_first bytea[], p_why text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_count > 0 THEN
        PERFORM ferry.log_event('job.spared', p_job, NULL, p_worker, format(
            '%s%s records are not deleted at the target, as had been decided: %s; first: %s',
            ferry.which_collection(p_job, p_collection), p_count, p_why,
            (SELECT string_agg('"' || left(ferry.printable(u.id), 128) || '"', ', ') FROM unnest(p_first[1:3]) AS u (id))));
    END IF;
END
$$;

-- Those that no request may be in flight for, or (p_unsent) that none was ever sent for; answers how many.
CREATE FUNCTION ferry.spare_idle(p_worker uuid, p_job bigint, p_collection integer, p_unsent boolean, p_why text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
    v_first bytea[];
BEGIN
    WITH spared AS (
        UPDATE ferry.deletions SET spared_at = now()
        WHERE job_id = p_job AND collection_no = p_collection AND deleted_at IS NULL AND spared_at IS NULL
          AND (fence IS NULL OR NOT p_unsent AND (in_flight_until IS NULL OR in_flight_until < now()))
        RETURNING id
    )
    SELECT count(*), (SELECT array_agg(f.id) FROM (SELECT s.id FROM spared s LIMIT 3) f) INTO v_count, v_first FROM spared;
    PERFORM ferry.note_spared(p_worker, p_job, p_collection, v_count, v_first, p_why);
    RETURN v_count;
END
$$;

-- Before the request is sent: these of them the source still has, though it did not list them. Only by who holds the fence;
-- answers how many that were.
CREATE FUNCTION ferry.spare_deletions(p_worker uuid, p_job bigint, p_collection integer, p_fence bigint, p_ids bytea[]) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_ids bytea[];
BEGIN
    PERFORM FROM ferry.job_collections WHERE job_id = p_job AND collection_no = p_collection FOR UPDATE;
    WITH spared AS (
        UPDATE ferry.deletions SET spared_at = now(), in_flight_until = NULL
        WHERE job_id = p_job AND collection_no = p_collection AND deleted_at IS NULL AND spared_at IS NULL AND fence = p_fence
          AND id = ANY (p_ids)
        RETURNING id
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO v_ids FROM spared;
    PERFORM ferry.note_spared(p_worker, p_job, p_collection, cardinality(v_ids), v_ids, 'the source has them');
    RETURN cardinality(v_ids);
END
$$;

-- The request's outcome. done: the target has answered. unknown: it has not; the same ids come again once no request can be in
-- flight any more. unsent: nothing was; they come again at once.
CREATE FUNCTION ferry.settle_deletions(p_job bigint, p_collection integer, p_fence bigint, p_outcome text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ferry.job_collections WHERE job_id = p_job AND collection_no = p_collection FOR UPDATE;
    UPDATE ferry.deletions SET in_flight_until = NULL
        WHERE p_outcome = 'unsent' AND job_id = p_job AND collection_no = p_collection AND deleted_at IS NULL AND fence = p_fence;
    WITH settled AS (
        UPDATE ferry.deletions SET deleted_at = now(), in_flight_until = NULL
        WHERE p_outcome = 'done' AND job_id = p_job AND collection_no = p_collection AND deleted_at IS NULL AND spared_at IS NULL
          AND fence = p_fence
        RETURNING cause
    )
    UPDATE ferry.job_collections c SET n_removed = c.n_removed + s.deleted, n_removed_extra = c.n_removed_extra + s.extra
        FROM (SELECT count(*) FILTER (WHERE cause = 'deleted') AS deleted, count(*) FILTER (WHERE cause = 'extra') AS extra
              FROM settled) s
        WHERE c.job_id = p_job AND c.collection_no = p_collection AND s.deleted + s.extra > 0;
    IF FOUND AND NOT EXISTS (SELECT FROM ferry.deletions WHERE job_id = p_job AND collection_no = p_collection
                             AND deleted_at IS NULL AND spared_at IS NULL) THEN
        PERFORM ferry.log_event('job.removed', p_job, NULL, NULL, format(
            '%s records deleted at the target so far: %s that the source has no more, %s that were not of this job',
            n_removed + n_removed_extra, n_removed, n_removed_extra))
        FROM ferry.job_collections WHERE job_id = p_job AND collection_no = p_collection;
    END IF;
    PERFORM ferry.free_slots(ARRAY[p_fence]);
END
$$;
