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
    deliveries  integer NOT NULL
);

CREATE FUNCTION faults.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO faults.trail (job_id, batch_no, was, state, export_rev, fence, owner, lease_until, exports, deliveries)
    VALUES (NEW.job_id, NEW.batch_no, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state, NEW.export_rev, NEW.fence,
            NEW.owner, NEW.lease_until, NEW.exports, NEW.deliveries);
    RETURN NULL;
END
$$;

CREATE TRIGGER faults_note AFTER INSERT OR UPDATE ON ferry.batches FOR EACH ROW EXECUTE FUNCTION faults.note();
