-- Two roles without login, for people to grant: ferry_app runs both programs, ferry_monitor reads the views only.
-- Roles belong to the whole server, so another ledger may have made them already, or be making them now.
DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['ferry_app', 'ferry_monitor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'role % is missing and % may not create it: ask for CREATE ROLE %', v_role, current_user, v_role
                        USING ERRCODE = 'FE001';
            END;
        END IF;
    END LOOP;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ferry FROM PUBLIC;
GRANT USAGE ON SCHEMA ferry TO ferry_app, ferry_monitor;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ferry TO ferry_app;
REVOKE INSERT, UPDATE, DELETE ON ferry.ledger, ferry.schema_migrations, ferry.job_status, ferry.collection_status, ferry.collection_counts, ferry.batch_status,
    ferry.worker_status, ferry.throughput, ferry.rejects, ferry.truncated, ferry.removals FROM ferry_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA ferry TO ferry_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ferry TO ferry_app;

GRANT SELECT ON ferry.job_status, ferry.collection_status, ferry.collection_counts, ferry.batch_status, ferry.worker_status, ferry.throughput, ferry.rejects,
    ferry.truncated, ferry.removals TO ferry_monitor;
GRANT EXECUTE ON FUNCTION ferry.printable(bytea), ferry.long_step_key(uuid),
    ferry.is_alive(uuid, timestamptz, timestamptz) TO ferry_monitor;
