-- The ledger: what exists, what was delivered, what was verified (design §5). Ids of records are bytea everywhere,
-- because they may hold NUL. No index of ferry.batches covers a column that changes, so that updates stay HOT.
-- Whoever locks rows of several tables does so in this order, several batches by number, several targets by UUID: job_collections,
-- jobs, batches, target_collections, write_slots. Only who takes a slot waits for one; the others skip it: then it is lost to them.

CREATE TABLE ferry.ledger (
    ledger_uuid uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    is_only     boolean NOT NULL DEFAULT true UNIQUE CHECK (is_only),
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO ferry.ledger DEFAULT VALUES;

CREATE SEQUENCE ferry.fences;

CREATE TABLE ferry.endpoints (
    endpoint_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url           text NOT NULL,
    origin        text NOT NULL,
    tenant        text NOT NULL,
    database_name text NOT NULL,
    auth_style    text NOT NULL CHECK (auth_style IN ('none', 'x-chroma-token', 'bearer', 'basic', 'headers')),
    UNIQUE (url, tenant, database_name)
);

CREATE TABLE ferry.target_collections (
    target_uuid       uuid PRIMARY KEY,
    endpoint_id       bigint NOT NULL REFERENCES ferry.endpoints,
    name              text NOT NULL,
    dimension         integer,
    space             text NOT NULL CHECK (space IN ('l2', 'ip', 'cosine')),
    takes_base64      boolean NOT NULL,
    max_batch_records integer NOT NULL CHECK (max_batch_records > 0),
    max_request_bytes bigint,
    limit_learnt_at   timestamptz,
    limits_origin     text NOT NULL,
    writer_epoch      bigint NOT NULL DEFAULT 0,
    writer_job_id     bigint,
    retry_at          timestamptz,
    retry_cause       text,
    refused_since     timestamptz,
    refusals          integer NOT NULL DEFAULT 0,
    rehearsal_job_id  bigint,
    removed_at        timestamptz
);

CREATE TABLE ferry.write_slots (
    target_uuid uuid NOT NULL REFERENCES ferry.target_collections,
    slot        smallint NOT NULL CHECK (slot BETWEEN 0 AND 9),
    worker_id   uuid,
    fence       bigint,
    lease_until timestamptz,
    PRIMARY KEY (target_uuid, slot)
) WITH (fillfactor = 50);

CREATE TABLE ferry.jobs (
    job_id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name               text NOT NULL UNIQUE CHECK (name ~ '[^0-9]'), -- else it would be taken for a job_id
    state              text NOT NULL DEFAULT 'pending' CHECK (state IN
                           ('pending', 'running', 'paused', 'blocked', 'succeeded', 'failed', 'cancelled')),
    settings           jsonb NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    finished_at        timestamptz,
    finish_owner       uuid,
    finish_lease_until timestamptz,
    last_error         text,
    purged_at          timestamptz
);

CREATE TABLE ferry.job_collections (
    job_id             bigint NOT NULL REFERENCES ferry.jobs ON DELETE CASCADE,
    collection_no      integer NOT NULL,
    source_endpoint_id bigint NOT NULL REFERENCES ferry.endpoints,
    source_uuid        uuid NOT NULL,
    source_name        text NOT NULL,
    target_uuid        uuid NOT NULL REFERENCES ferry.target_collections,
    selection          text NOT NULL DEFAULT 'all' CHECK (selection ~ '^(all|first [1-9][0-9]*|sample [1-9][0-9]* seed [0-9]+)$'),
    is_open            boolean NOT NULL DEFAULT true,
    plan_epoch         bigint NOT NULL DEFAULT 0,
    plan_owner         uuid,
    plan_lease_until   timestamptz,
    plan_complete_at   timestamptz,
    n_source_ids       bigint,
    n_target_ids       bigint,
    n_planned          bigint,
    n_skipped          bigint,
    n_missing          bigint,
    n_extra            bigint,
    first_extra        text,
    n_added            bigint,
    n_deleted          bigint,
    n_rounds           integer NOT NULL DEFAULT 0,
    n_caught_up        bigint NOT NULL DEFAULT 0,
    n_returned         bigint NOT NULL DEFAULT 0,
    n_unsettled        bigint,
    n_removed          bigint NOT NULL DEFAULT 0,
    n_removed_extra    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (job_id, collection_no)
);
CREATE UNIQUE INDEX job_collections_open_pair ON ferry.job_collections (source_uuid, target_uuid, selection) WHERE is_open;
CREATE INDEX job_collections_target ON ferry.job_collections (target_uuid);

CREATE TABLE ferry.plan_ids (
    job_id        bigint NOT NULL,
    collection_no integer NOT NULL,
    side          "char" NOT NULL CHECK (side IN ('s', 't', 'p', 'o', 'q', 'e', 'd', 'v')),
    ordinal       bigint NOT NULL,
    id            bytea NOT NULL
);
-- By digest: an id may be longer than a B-tree entry.
CREATE UNIQUE INDEX plan_ids_id ON ferry.plan_ids (job_id, collection_no, side, sha256(id));
CREATE INDEX plan_ids_ordinal ON ferry.plan_ids (job_id, collection_no, ordinal) WHERE side = 's';

-- Of --on-existing skip: many ids in a row, because there may be millions.
CREATE TABLE ferry.skipped_ids (
    job_id        bigint NOT NULL,
    collection_no integer NOT NULL,
    first_ordinal bigint NOT NULL,
    ids           bytea[] NOT NULL,
    PRIMARY KEY (job_id, collection_no, first_ordinal),
    FOREIGN KEY (job_id, collection_no) REFERENCES ferry.job_collections ON DELETE CASCADE
);

-- What the end of a job deletes at the target: written before it is asked to, and kept as the record of it.
CREATE TABLE ferry.deletions (
    job_id          bigint NOT NULL,
    collection_no   integer NOT NULL,
    id              bytea NOT NULL,
    cause           text NOT NULL CHECK (cause IN ('deleted', 'extra')),
    decided_at      timestamptz NOT NULL DEFAULT now(),
    fence           bigint,
    in_flight_until timestamptz,
    deleted_at      timestamptz,
    spared_at       timestamptz,
    FOREIGN KEY (job_id, collection_no) REFERENCES ferry.job_collections ON DELETE CASCADE
);
CREATE UNIQUE INDEX deletions_id ON ferry.deletions (job_id, collection_no, sha256(id));
CREATE INDEX deletions_open ON ferry.deletions (job_id, collection_no) WHERE deleted_at IS NULL AND spared_at IS NULL;

CREATE TABLE ferry.batches (
    job_id          bigint NOT NULL REFERENCES ferry.jobs ON DELETE CASCADE,
    batch_no        bigint NOT NULL,
    collection_no   integer NOT NULL,
    kind            text NOT NULL DEFAULT 'upsert' CHECK (kind IN ('upsert', 'delete')),
    state           text NOT NULL DEFAULT 'planned' CHECK (state IN
                        ('planned', 'published', 'claimed', 'verified', 'rejected', 'superseded', 'cancelled')),
    n_records       integer NOT NULL CHECK (n_records > 0),
    parent_no       bigint,
    redrives        integer NOT NULL DEFAULT 0,
    unseen          bit varying,
    export_rev      bigint NOT NULL DEFAULT 0,
    payload_sha256  bytea,
    payload_bytes   bigint,
    owner           uuid,
    fence           bigint,
    lease_until     timestamptz,
    partition       integer,
    message_offset  bigint,
    published_at    timestamptz,
    claimed_at      timestamptz,
    must_reread     boolean NOT NULL DEFAULT false,
    quiet_until     timestamptz,
    n_verified      integer NOT NULL DEFAULT 0,
    n_rejected      integer NOT NULL DEFAULT 0,
    n_vanished      integer NOT NULL DEFAULT 0,
    n_rounded       integer NOT NULL DEFAULT 0,
    n_truncated     integer NOT NULL DEFAULT 0,
    readback_sha256 bytea,
    exports         integer NOT NULL DEFAULT 0,
    deliveries      integer NOT NULL DEFAULT 0,
    last_error      text,
    finished_at     timestamptz,
    PRIMARY KEY (job_id, batch_no),
    CONSTRAINT batches_add_up CHECK
        (state NOT IN ('verified', 'rejected') OR n_records = n_verified + n_rejected + n_vanished),
    CONSTRAINT batches_rejected_has_none CHECK (state <> 'rejected' OR n_verified = 0)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE ferry.batch_ids (
    job_id   bigint NOT NULL,
    batch_no bigint NOT NULL,
    ids      bytea[] NOT NULL,
    existed  bit varying NOT NULL,
    PRIMARY KEY (job_id, batch_no),
    FOREIGN KEY (job_id, batch_no) REFERENCES ferry.batches ON DELETE CASCADE,
    CONSTRAINT batch_ids_bit_for_each CHECK (length(existed) = cardinality(ids))
);

CREATE TABLE ferry.rejected_records (
    job_id     bigint NOT NULL,
    batch_no   bigint NOT NULL,
    id         bytea NOT NULL,
    reason     text NOT NULL,
    message    text NOT NULL,
    stage      text NOT NULL CHECK (stage IN ('export', 'delivery', 'end')),
    status     integer,
    attempts   integer NOT NULL DEFAULT 1,
    export_rev bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (job_id, batch_no) REFERENCES ferry.batches ON DELETE CASCADE
);
CREATE UNIQUE INDEX rejected_records_id ON ferry.rejected_records (job_id, batch_no, sha256(id));

CREATE TABLE ferry.vanished_records (
    job_id   bigint NOT NULL,
    batch_no bigint NOT NULL,
    id       bytea NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (job_id, batch_no) REFERENCES ferry.batches ON DELETE CASCADE
);
CREATE UNIQUE INDEX vanished_records_id ON ferry.vanished_records (job_id, batch_no, sha256(id));

-- Documents that were cut to what the target takes, because that was asked for: they travel, but not as the source has them.
CREATE TABLE ferry.truncated_records (
    job_id   bigint NOT NULL,
    batch_no bigint NOT NULL,
    id       bytea NOT NULL,
    message  text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (job_id, batch_no) REFERENCES ferry.batches ON DELETE CASCADE
);
CREATE UNIQUE INDEX truncated_records_id ON ferry.truncated_records (job_id, batch_no, sha256(id));

CREATE TABLE ferry.repairs (
    job_id    bigint NOT NULL,
    batch_no  bigint NOT NULL,
    id        bytea NOT NULL,
    fence     bigint NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    FOREIGN KEY (job_id, batch_no) REFERENCES ferry.batches ON DELETE CASCADE
);
CREATE UNIQUE INDEX repairs_id ON ferry.repairs (job_id, batch_no, sha256(id));

CREATE TABLE ferry.workers (
    worker_id       uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('producer', 'consumer')),
    host            text NOT NULL,
    pid             integer NOT NULL,
    version         text NOT NULL,
    job_id          bigint,
    started_at      timestamptz NOT NULL DEFAULT now(),
    seen_at         timestamptz NOT NULL DEFAULT now(),
    lease_until     timestamptz NOT NULL,
    stopped_at      timestamptz,
    waits_for       text NOT NULL DEFAULT '',
    waits_since     timestamptz,
    missing_secrets text[] NOT NULL DEFAULT '{}',
    foreign_messages bigint NOT NULL DEFAULT 0,
    partitions      integer
) WITH (fillfactor = 50);

CREATE TABLE ferry.events (
    event_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    job_id    bigint,
    batch_no  bigint,
    worker_id uuid,
    kind      text NOT NULL,
    detail    text NOT NULL DEFAULT ''
);
CREATE INDEX events_job ON ferry.events (job_id, event_id);

-- The batch's life as pairs; common/store/states.c holds the same table, and a test compares them.
CREATE FUNCTION ferry.batch_transition_is_valid(p_from text, p_to text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT (p_from, p_to) IN (
        ('planned', 'planned'), ('planned', 'published'), ('planned', 'claimed'), ('planned', 'verified'),
        ('planned', 'rejected'), ('planned', 'superseded'), ('planned', 'cancelled'),
        ('published', 'planned'), ('published', 'published'), ('published', 'claimed'), ('published', 'cancelled'),
        ('claimed', 'planned'), ('claimed', 'claimed'), ('claimed', 'verified'), ('claimed', 'rejected'),
        ('claimed', 'cancelled'),
        ('verified', 'planned'), ('verified', 'verified'), ('rejected', 'planned'), ('rejected', 'verified'),
        ('rejected', 'rejected'), ('rejected', 'superseded'), ('superseded', 'superseded'), ('cancelled', 'cancelled'))
$$;

CREATE FUNCTION ferry.job_transition_is_valid(p_from text, p_to text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_from = p_to OR (p_from, p_to) IN (
        ('pending', 'running'), ('pending', 'failed'), ('pending', 'cancelled'),
        ('running', 'paused'), ('running', 'blocked'), ('running', 'succeeded'), ('running', 'failed'),
        ('running', 'cancelled'),
        ('paused', 'running'), ('paused', 'cancelled'), ('blocked', 'running'), ('blocked', 'cancelled'),
        ('succeeded', 'running'), ('failed', 'running'))
$$;

CREATE FUNCTION ferry.check_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'batches' AND ferry.batch_transition_is_valid(OLD.state, NEW.state)
       OR TG_TABLE_NAME = 'jobs' AND ferry.job_transition_is_valid(OLD.state, NEW.state) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% cannot go from % to %', TG_TABLE_NAME, OLD.state, NEW.state USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER batches_transition BEFORE UPDATE ON ferry.batches
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION ferry.check_transition();
CREATE TRIGGER jobs_transition BEFORE UPDATE ON ferry.jobs
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION ferry.check_transition();
