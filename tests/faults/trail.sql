-- The faults' own record of what happens to batches: a test installs it in its ledger, the programs know nothing of it. It is
-- written in the transaction of the change itself, so that it has what the ledger has, and nothing else.
CREATE SCHEMA faults;

CREATE TABLE faults.trail (
    n           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    job_id      bigint NOT NULL,
    batch_no    bigint NOT NULL,
    was         text,
    state       text NOT NULL,
    export_rev  bigint NOT NULL,
    fence       bigint,
    owner       uuid,
    lease_until timestamptz,
    exports     integer NOT NULL,
    deliveries  integer NOT NULL,
    by_worker   uuid,   -- of a claim that became verified or rejected: who said so, and under which fence. The row's own
    by_fence    bigint  -- are its last claim's, whoever marked it.
);

-- What the programs said of batches, whether it counted or not.
CREATE TABLE faults.marks (
    n        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    xact     xid8 NOT NULL DEFAULT pg_current_xact_id(),
    worker   uuid NOT NULL,
    job_id   bigint NOT NULL,
    batch_no bigint NOT NULL,
    fence    bigint NOT NULL
);
CREATE INDEX ON faults.marks (xact);
GRANT USAGE ON SCHEMA faults TO PUBLIC;
GRANT INSERT ON faults.marks TO PUBLIC;

CREATE FUNCTION faults.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    v_was text;
    v_by  faults.marks;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        v_was := OLD.state;
    END IF;
    IF v_was = 'claimed' AND NEW.state IN ('verified', 'rejected') THEN
        SELECT * INTO v_by FROM faults.marks m
            WHERE m.xact = pg_current_xact_id() AND (m.job_id, m.batch_no) = (NEW.job_id, NEW.batch_no) ORDER BY m.n DESC LIMIT 1;
    END IF;
    INSERT INTO faults.trail (job_id, batch_no, was, state, export_rev, fence, owner, lease_until, exports, deliveries, by_worker,
                              by_fence)
    VALUES (NEW.job_id, NEW.batch_no, v_was, NEW.state, NEW.export_rev, NEW.fence, NEW.owner, NEW.lease_until, NEW.exports,
            NEW.deliveries, v_by.worker, v_by.fence);
    RETURN NULL;
END
$$;

CREATE TRIGGER faults_note AFTER INSERT OR UPDATE ON ferry.batches FOR EACH ROW EXECUTE FUNCTION faults.note();

-- The one function that marks a claim, behind another of the same name and parameters that keeps what it was told.
DO $do$
DECLARE
    f record;
BEGIN
    SELECT pg_get_function_arguments(p.oid) AS parameters, pg_get_function_result(p.oid) AS result,
           array_to_string(p.proargnames[1:p.pronargs], ', ') AS names
    INTO STRICT f FROM pg_proc p WHERE p.oid = 'ferry.finish_batches'::regproc;
    ALTER FUNCTION ferry.finish_batches RENAME TO finish_batches_itself;
    EXECUTE format($f$
        CREATE FUNCTION ferry.finish_batches(%s) RETURNS %s LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO faults.marks (worker, job_id, batch_no, fence)
                SELECT p_worker, u.job, u.batch, u.fence FROM unnest(p_job, p_batch, p_fence) AS u (job, batch, fence);
            RETURN QUERY SELECT * FROM ferry.finish_batches_itself(%s);
        END
        $$ $f$, f.parameters, f.result, f.names);
END
$do$;
