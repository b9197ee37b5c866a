-- What everything is, for \d+ and \df+ in psql. A test holds this against the schema.
-- "Database time" is the clock of this server: the only one that leases and times here go by.

-- Where the schema was prepared for us, it is not ours to comment on.
DO $$
BEGIN
    COMMENT ON SCHEMA ferry IS 'The ledger of chroma-ferry: what was planned, delivered and verified. Start with SELECT * FROM ferry.job_status.';
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
END
$$;

COMMENT ON TABLE ferry.schema_migrations IS 'Migrations that have been applied, each once; written by `ferry-producer setup`.';
COMMENT ON COLUMN ferry.schema_migrations.version IS 'Number of the file';
COMMENT ON COLUMN ferry.schema_migrations.name IS 'Name of the file, without .sql';
COMMENT ON COLUMN ferry.schema_migrations.sha256 IS 'Digest of the file as it was applied, hex';
COMMENT ON COLUMN ferry.schema_migrations.applied_at IS 'Database time of the setup that applied it';

COMMENT ON TABLE ferry.ledger IS 'This ledger itself: one row, written by setup and never changed.';
COMMENT ON COLUMN ferry.ledger.ledger_uuid IS 'Identity of the ledger; every message carries it, the consumer group is named after it';
COMMENT ON COLUMN ferry.ledger.is_only IS 'Always true: keeps the table at one row';
COMMENT ON COLUMN ferry.ledger.created_at IS 'Database time of the first setup';

COMMENT ON TABLE ferry.endpoints IS 'Chroma servers with tenant and database, as submitted. No secret is ever here.';
COMMENT ON COLUMN ferry.endpoints.endpoint_id IS 'Number that collections refer to';
COMMENT ON COLUMN ferry.endpoints.url IS 'Base URL, with any path prefix';
COMMENT ON COLUMN ferry.endpoints.origin IS 'scheme://host:port: what a secret is bound to';
COMMENT ON COLUMN ferry.endpoints.tenant IS 'Chroma tenant, or Chroma Cloud''s tenant UUID';
COMMENT ON COLUMN ferry.endpoints.database_name IS 'Chroma database within the tenant';
COMMENT ON COLUMN ferry.endpoints.auth_style IS 'How requests authenticate: none, token, bearer or basic; never the secret';

COMMENT ON TABLE ferry.target_collections IS 'Collections that jobs write to, by the UUID their server gave them; written at submission, refusals and limits by consumers.';
COMMENT ON COLUMN ferry.target_collections.target_uuid IS 'The collection''s UUID at the target';
COMMENT ON COLUMN ferry.target_collections.endpoint_id IS 'Where it lives; a new address is written at the next submit or resume';
COMMENT ON COLUMN ferry.target_collections.name IS 'Name of the collection at its server, when last submitted';
COMMENT ON COLUMN ferry.target_collections.dimension IS 'Numbers in one vector; null: not known, the collection was empty';
COMMENT ON COLUMN ferry.target_collections.space IS 'Distance space: l2, ip or cosine';
COMMENT ON COLUMN ferry.target_collections.takes_base64 IS 'True: its server takes vectors as base64; else as decimal arrays';
COMMENT ON COLUMN ferry.target_collections.max_batch_records IS 'Most records in one write, as its server said';
COMMENT ON COLUMN ferry.target_collections.max_request_bytes IS 'Largest request body in bytes, learnt by a consumer from a 413, only ever smaller; null: unknown';
COMMENT ON COLUMN ferry.target_collections.limits_origin IS 'Where the limits come from: pre-flight, or ''a 413''';
COMMENT ON COLUMN ferry.target_collections.writer_epoch IS 'Raised by each job that begins to write here';
COMMENT ON COLUMN ferry.target_collections.writer_job_id IS 'The unfinished job that writes here, one at a time; null: none';
COMMENT ON COLUMN ferry.target_collections.retry_at IS 'The target refuses: no export before this moment, then one batch as a probe; null: it does not. Written by consumers';
COMMENT ON COLUMN ferry.target_collections.retry_cause IS 'What it answered when it last refused';
COMMENT ON COLUMN ferry.target_collections.refused_since IS 'First refusal since the last batch that was verified';
COMMENT ON COLUMN ferry.target_collections.refusals IS 'Refusals since the last batch that was verified';

COMMENT ON TABLE ferry.write_slots IS 'Ten permissions to write per target collection, over all consumers; each claim for delivery takes one.';
COMMENT ON COLUMN ferry.write_slots.target_uuid IS 'The target collection they belong to';
COMMENT ON COLUMN ferry.write_slots.slot IS 'Number of the slot, 0 to 9';
COMMENT ON COLUMN ferry.write_slots.worker_id IS 'Consumer that holds it; null: free';
COMMENT ON COLUMN ferry.write_slots.fence IS 'Fence of the claim that it was taken for';
COMMENT ON COLUMN ferry.write_slots.lease_until IS 'Free again after this moment, whatever became of its holder';

COMMENT ON TABLE ferry.jobs IS 'Jobs: one row per submission that had something to move.';
COMMENT ON COLUMN ferry.jobs.job_id IS 'Number of the job; in every message of it';
COMMENT ON COLUMN ferry.jobs.name IS 'What people call it: --job, or COLLECTION-YYYYMMDD-N';
COMMENT ON COLUMN ferry.jobs.state IS 'pending (being planned), running, paused, blocked, succeeded, failed, cancelled';
COMMENT ON COLUMN ferry.jobs.settings IS 'Settings given at the submission, as JSON';
COMMENT ON COLUMN ferry.jobs.created_at IS 'When it was submitted, database time';
COMMENT ON COLUMN ferry.jobs.started_at IS 'When its plan was complete, database time';
COMMENT ON COLUMN ferry.jobs.finished_at IS 'When it succeeded, failed or was cancelled, database time';
COMMENT ON COLUMN ferry.jobs.finish_owner IS 'Producer that sweeps and ends the job; only its writes of this kind count';
COMMENT ON COLUMN ferry.jobs.finish_lease_until IS 'After this moment another producer may sweep and end the job';
COMMENT ON COLUMN ferry.jobs.last_error IS 'Why it is blocked or has failed';

COMMENT ON TABLE ferry.job_collections IS 'The collection pairs of a job: source, target, and how their plan stands.';
COMMENT ON COLUMN ferry.job_collections.job_id IS 'The job';
COMMENT ON COLUMN ferry.job_collections.collection_no IS 'Number within the job, from 1';
COMMENT ON COLUMN ferry.job_collections.source_endpoint_id IS 'Server of the source; a new address is written when the job is submitted again';
COMMENT ON COLUMN ferry.job_collections.source_uuid IS 'UUID of the source collection: its identity, whatever it is called';
COMMENT ON COLUMN ferry.job_collections.source_name IS 'Name of the source collection, when submitted';
COMMENT ON COLUMN ferry.job_collections.target_uuid IS 'UUID of the target collection';
COMMENT ON COLUMN ferry.job_collections.selection IS 'Which of the source''s records: all';
COMMENT ON COLUMN ferry.job_collections.is_open IS 'True while the job is unfinished: then no other job may have this pair';
COMMENT ON COLUMN ferry.job_collections.plan_epoch IS 'Raised by each producer that begins to plan; older plans are discarded';
COMMENT ON COLUMN ferry.job_collections.plan_owner IS 'Producer that plans, or planned';
COMMENT ON COLUMN ferry.job_collections.plan_lease_until IS 'After this moment another producer may plan from the beginning; null: none plans';
COMMENT ON COLUMN ferry.job_collections.plan_complete_at IS 'When the plan was closed; nothing is exported before';
COMMENT ON COLUMN ferry.job_collections.n_source_ids IS 'Distinct ids listed at the source';
COMMENT ON COLUMN ferry.job_collections.n_target_ids IS 'Distinct ids listed at the target before the first write';
COMMENT ON COLUMN ferry.job_collections.n_planned IS 'Records in the manifest: what the job must move';
COMMENT ON COLUMN ferry.job_collections.n_missing IS 'At the end: verified ids that are no longer at the target';
COMMENT ON COLUMN ferry.job_collections.n_extra IS 'At the end: target ids that no job of the pair knows';
COMMENT ON COLUMN ferry.job_collections.n_added IS 'At the end: source ids that appeared after the listing';
COMMENT ON COLUMN ferry.job_collections.n_deleted IS 'At the end: verified ids that have gone from the source';

COMMENT ON TABLE ferry.plan_ids IS 'Ids staged by the producer that plans or ends a job; empty otherwise. May hold millions of rows.';
COMMENT ON COLUMN ferry.plan_ids.job_id IS 'The job';
COMMENT ON COLUMN ferry.plan_ids.collection_no IS 'Collection pair within the job';
COMMENT ON COLUMN ferry.plan_ids.side IS 's source, t target, p verified by earlier jobs; at the end: e target, d source';
COMMENT ON COLUMN ferry.plan_ids.ordinal IS 'Position in the listing, from 0; with gaps where an id came twice';
COMMENT ON COLUMN ferry.plan_ids.id IS 'Id of a record, its UTF-8 bytes';

COMMENT ON TABLE ferry.batches IS 'Batches of records: one message each. Every step of one is a compare-and-set on its row.';
COMMENT ON COLUMN ferry.batches.job_id IS 'The job';
COMMENT ON COLUMN ferry.batches.batch_no IS 'Number within the job, from 1; with the job, its message''s key';
COMMENT ON COLUMN ferry.batches.collection_no IS 'Collection pair within the job';
COMMENT ON COLUMN ferry.batches.kind IS 'What the batch does at the target: upsert; delete is reserved';
COMMENT ON COLUMN ferry.batches.state IS 'planned, published, claimed, verified, rejected (none verified), superseded (split), cancelled';
COMMENT ON COLUMN ferry.batches.n_records IS 'Records planned into it, at least 1';
COMMENT ON COLUMN ferry.batches.parent_no IS 'The batch this one was split from; null: cut by the plan';
COMMENT ON COLUMN ferry.batches.export_rev IS 'Raised by every claim for export and every parking or sweep; a message of an older one is stale';
COMMENT ON COLUMN ferry.batches.payload_sha256 IS 'SHA-256 of the message value (gzip), written by the producer before it is produced; null: not encoded yet';
COMMENT ON COLUMN ferry.batches.payload_bytes IS 'Size of the message value in bytes';
COMMENT ON COLUMN ferry.batches.owner IS 'Worker of the last claim: a producer while planned, a consumer once claimed';
COMMENT ON COLUMN ferry.batches.fence IS 'Number of the last claim; every write of its holder names it';
COMMENT ON COLUMN ferry.batches.lease_until IS 'Database time until which the claim lives; renewed by its worker';
COMMENT ON COLUMN ferry.batches.partition IS 'Partition of the message, from its delivery report';
COMMENT ON COLUMN ferry.batches.message_offset IS 'Offset of the message; null: no report yet, or one without an offset';
COMMENT ON COLUMN ferry.batches.published_at IS 'When the delivery report of this export came, database time';
COMMENT ON COLUMN ferry.batches.claimed_at IS 'When a consumer last claimed it, database time';
COMMENT ON COLUMN ferry.batches.must_reread IS 'A claim for delivery ended irregularly: what it sent may arrive late';
COMMENT ON COLUMN ferry.batches.quiet_until IS 'Until this moment a request of such a claim may still be in flight; the job does not end before';
COMMENT ON COLUMN ferry.batches.n_verified IS 'Records that read back equal, counted by the consumer';
COMMENT ON COLUMN ferry.batches.n_rejected IS 'Records named in rejected_records, by the producer''s export and the consumer''s delivery';
COMMENT ON COLUMN ferry.batches.n_vanished IS 'Records named in vanished_records, by the producer''s export';
COMMENT ON COLUMN ferry.batches.n_rounded IS 'Of those verified: records with a metadata float that the target moved, by 2 ULP at most';
COMMENT ON COLUMN ferry.batches.readback_sha256 IS 'SHA-256 of what was read back, in canonical form';
COMMENT ON COLUMN ferry.batches.exports IS 'How often a producer claimed it for export';
COMMENT ON COLUMN ferry.batches.deliveries IS 'How often a consumer claimed it for delivery';
COMMENT ON COLUMN ferry.batches.last_error IS 'Why it was last given back: parked, swept, or its export failed';
COMMENT ON COLUMN ferry.batches.finished_at IS 'When it became verified, rejected, superseded or cancelled, database time';

COMMENT ON TABLE ferry.batch_ids IS 'The manifest, written by the plan: the ids of each batch, in source order.';
COMMENT ON COLUMN ferry.batch_ids.job_id IS 'The job';
COMMENT ON COLUMN ferry.batch_ids.batch_no IS 'The batch within the job; not for superseded ones, whose ids went to their halves';
COMMENT ON COLUMN ferry.batch_ids.ids IS 'Ids of its records, their UTF-8 bytes';
COMMENT ON COLUMN ferry.batch_ids.existed IS 'Bit for each id: 1, it was at the target before the job';

COMMENT ON TABLE ferry.rejected_records IS 'Records that are not at the target as they are at the source, each with its reason. People read the view rejects.';
COMMENT ON COLUMN ferry.rejected_records.job_id IS 'The job';
COMMENT ON COLUMN ferry.rejected_records.batch_no IS 'The batch within the job';
COMMENT ON COLUMN ferry.rejected_records.id IS 'Id of the record, its UTF-8 bytes';
COMMENT ON COLUMN ferry.rejected_records.reason IS 'For programs: no_embedding, not_finite, wrong_dimension, record_too_large, not_storable, mismatch';
COMMENT ON COLUMN ferry.rejected_records.message IS 'The reason in words, for people';
COMMENT ON COLUMN ferry.rejected_records.stage IS 'Who rejected it: export (producer), delivery (consumer), end (the last checks)';
COMMENT ON COLUMN ferry.rejected_records.status IS 'HTTP status, when the target refused it';
COMMENT ON COLUMN ferry.rejected_records.attempts IS 'Deliveries of the batch until then';
COMMENT ON COLUMN ferry.rejected_records.export_rev IS 'Export of the batch that it was rejected in';
COMMENT ON COLUMN ferry.rejected_records.at IS 'When, database time';

COMMENT ON TABLE ferry.vanished_records IS 'Records that the source listed and did not return any more; written by the producer''s export.';
COMMENT ON COLUMN ferry.vanished_records.job_id IS 'The job';
COMMENT ON COLUMN ferry.vanished_records.batch_no IS 'The batch within the job';
COMMENT ON COLUMN ferry.vanished_records.id IS 'Id of the record, its UTF-8 bytes';
COMMENT ON COLUMN ferry.vanished_records.at IS 'When the export missed it, database time';

COMMENT ON TABLE ferry.repairs IS 'Records being deleted and written again to clear what an upsert leaves; a job does not succeed while one is open. No program writes here yet.';
COMMENT ON COLUMN ferry.repairs.job_id IS 'The job';
COMMENT ON COLUMN ferry.repairs.batch_no IS 'The batch within the job';
COMMENT ON COLUMN ferry.repairs.id IS 'Id of the record, its UTF-8 bytes';
COMMENT ON COLUMN ferry.repairs.fence IS 'Fence of the claim that opened it';
COMMENT ON COLUMN ferry.repairs.opened_at IS 'When, database time: before the delete was sent';
COMMENT ON COLUMN ferry.repairs.closed_at IS 'When the record read back equal; null: open';

COMMENT ON TABLE ferry.workers IS 'Processes of both programs, one row each, written by themselves.';
COMMENT ON COLUMN ferry.workers.worker_id IS 'UUID, fresh for every process';
COMMENT ON COLUMN ferry.workers.kind IS 'producer or consumer';
COMMENT ON COLUMN ferry.workers.host IS 'Host name of its machine';
COMMENT ON COLUMN ferry.workers.pid IS 'Process id on that host';
COMMENT ON COLUMN ferry.workers.version IS 'Version of the program';
COMMENT ON COLUMN ferry.workers.job_id IS 'Job that a producer works on; null: none, or a consumer';
COMMENT ON COLUMN ferry.workers.started_at IS 'When it registered, database time';
COMMENT ON COLUMN ferry.workers.seen_at IS 'When it last renewed its leases, database time';
COMMENT ON COLUMN ferry.workers.lease_until IS 'It counts as alive until then';
COMMENT ON COLUMN ferry.workers.stopped_at IS 'When it stopped in an orderly way; null: it runs, or was lost';
COMMENT ON COLUMN ferry.workers.waits_for IS 'What it waits for, in words; empty: nothing';
COMMENT ON COLUMN ferry.workers.waits_since IS 'Since when it waits for that, database time';
COMMENT ON COLUMN ferry.workers.missing_secrets IS 'Origins whose secret a consumer needs and has not';
COMMENT ON COLUMN ferry.workers.foreign_messages IS 'Messages of other ledgers that a consumer has passed over';

COMMENT ON TABLE ferry.events IS 'What happened, in order; only ever appended to, by both programs.';
COMMENT ON COLUMN ferry.events.event_id IS 'Number in order of events';
COMMENT ON COLUMN ferry.events.at IS 'When, database time';
COMMENT ON COLUMN ferry.events.job_id IS 'Job it happened to; null: none';
COMMENT ON COLUMN ferry.events.batch_no IS 'Batch it happened to; null: none';
COMMENT ON COLUMN ferry.events.worker_id IS 'Worker that noted it; null: a person, or the ledger';
COMMENT ON COLUMN ferry.events.kind IS 'noun.verb: job.planned, batch.parked, message.poison …';
COMMENT ON COLUMN ferry.events.detail IS 'The rest, in words';

COMMENT ON VIEW ferry.throughput IS 'Records and batches that became final, per job and minute.';
COMMENT ON COLUMN ferry.throughput.job IS 'Name of the job';
COMMENT ON COLUMN ferry.throughput.minute IS 'Begin of the minute, database time';
COMMENT ON COLUMN ferry.throughput.records IS 'Records verified in it';
COMMENT ON COLUMN ferry.throughput.batches IS 'Batches that became final in it';

COMMENT ON VIEW ferry.job_status IS 'How far every job is, one row for each collection pair: the first view to look at.';
COMMENT ON COLUMN ferry.job_status.job IS 'Name of the job';
COMMENT ON COLUMN ferry.job_status.state IS 'pending, running, paused, blocked, succeeded, failed, cancelled';
COMMENT ON COLUMN ferry.job_status.collection IS 'Name of the source collection';
COMMENT ON COLUMN ferry.job_status.planned IS 'Records planned';
COMMENT ON COLUMN ferry.job_status.published IS 'Records in batches that have left the producer';
COMMENT ON COLUMN ferry.job_status.verified IS 'Records read back and equal';
COMMENT ON COLUMN ferry.job_status.rejected IS 'Records named in ferry.rejects';
COMMENT ON COLUMN ferry.job_status.vanished IS 'Records gone from the source before they were read';
COMMENT ON COLUMN ferry.job_status.percent IS 'Records verified, rejected or vanished, in percent of those planned';
COMMENT ON COLUMN ferry.job_status.rate IS 'Records per second: over the last minute while running, else over the whole job';
COMMENT ON COLUMN ferry.job_status.eta IS 'Time left at that rate';
COMMENT ON COLUMN ferry.job_status.oldest_unverified IS 'Age of the oldest batch that is published and not verified';
COMMENT ON COLUMN ferry.job_status.waits_for IS 'What it waits for and, where a person can help, the command; empty: nothing';
COMMENT ON COLUMN ferry.job_status.last_error IS 'Why it is blocked or failed, or what its batches last met';
COMMENT ON COLUMN ferry.job_status.job_id IS 'Number of the job';
COMMENT ON COLUMN ferry.job_status.created_at IS 'When it was submitted, database time';
COMMENT ON COLUMN ferry.job_status.finished_at IS 'When it ended, database time';

COMMENT ON VIEW ferry.batch_status IS 'Every batch, with its message and who works on it.';
COMMENT ON COLUMN ferry.batch_status.job IS 'Name of the job';
COMMENT ON COLUMN ferry.batch_status.collection IS 'Name of the source collection';
COMMENT ON COLUMN ferry.batch_status.batch IS 'Number within the job';
COMMENT ON COLUMN ferry.batch_status.state IS 'planned, published, claimed, verified, rejected, superseded, cancelled';
COMMENT ON COLUMN ferry.batch_status.records IS 'Records planned into it';
COMMENT ON COLUMN ferry.batch_status.verified IS 'Records read back and equal';
COMMENT ON COLUMN ferry.batch_status.rejected IS 'Records named in ferry.rejects';
COMMENT ON COLUMN ferry.batch_status.vanished IS 'Records gone from the source before they were read';
COMMENT ON COLUMN ferry.batch_status.rounded IS 'Of those verified: with a metadata float that the target moved, by 2 ULP at most';
COMMENT ON COLUMN ferry.batch_status.export_rev IS 'Number of its current export; a message of an older one is stale';
COMMENT ON COLUMN ferry.batch_status.payload_bytes IS 'Size of the message value in bytes';
COMMENT ON COLUMN ferry.batch_status.partition IS 'Partition of the message';
COMMENT ON COLUMN ferry.batch_status.message_offset IS 'Offset of the message';
COMMENT ON COLUMN ferry.batch_status.exports IS 'How often a producer claimed it';
COMMENT ON COLUMN ferry.batch_status.deliveries IS 'How often a consumer claimed it';
COMMENT ON COLUMN ferry.batch_status.must_reread IS 'A claim for delivery ended irregularly: what it sent may arrive late';
COMMENT ON COLUMN ferry.batch_status.worker_id IS 'Worker that holds it now; null: none';
COMMENT ON COLUMN ferry.batch_status.lease_until IS 'Until when the claim lives, unless renewed';
COMMENT ON COLUMN ferry.batch_status.published_at IS 'When the delivery report came, database time';
COMMENT ON COLUMN ferry.batch_status.finished_at IS 'When it became final, database time';
COMMENT ON COLUMN ferry.batch_status.last_error IS 'Why it was last given back: parked, swept, or its export failed';

COMMENT ON VIEW ferry.worker_status IS 'Producers and consumers, also those that have ended.';
COMMENT ON COLUMN ferry.worker_status.kind IS 'producer or consumer';
COMMENT ON COLUMN ferry.worker_status.worker_id IS 'UUID of the process';
COMMENT ON COLUMN ferry.worker_status.host IS 'Host name of its machine';
COMMENT ON COLUMN ferry.worker_status.pid IS 'Process id on that host';
COMMENT ON COLUMN ferry.worker_status.version IS 'Version of the program';
COMMENT ON COLUMN ferry.worker_status.state IS 'alive, lost (lease over) or stopped';
COMMENT ON COLUMN ferry.worker_status.job IS 'Name of the job that a producer works on';
COMMENT ON COLUMN ferry.worker_status.waits_for IS 'What it waits for, in words; empty: nothing';
COMMENT ON COLUMN ferry.worker_status.waits_since IS 'For how long it has waited for that';
COMMENT ON COLUMN ferry.worker_status.missing_secrets IS 'Origins whose secret it needs and has not';
COMMENT ON COLUMN ferry.worker_status.foreign_messages IS 'Messages of other ledgers that it has passed over';
COMMENT ON COLUMN ferry.worker_status.started_at IS 'When it registered, database time';
COMMENT ON COLUMN ferry.worker_status.seen_at IS 'When it last renewed its leases, database time';

COMMENT ON VIEW ferry.rejects IS 'Records that are not at the target as they are at the source, with the reason.';
COMMENT ON COLUMN ferry.rejects.job IS 'Name of the job';
COMMENT ON COLUMN ferry.rejects.collection IS 'Name of the source collection';
COMMENT ON COLUMN ferry.rejects.batch IS 'Number of the batch within the job';
COMMENT ON COLUMN ferry.rejects.id IS 'Id of the record; escaped where it is not printable text';
COMMENT ON COLUMN ferry.rejects.reason IS 'For programs: no_embedding, not_finite, wrong_dimension, record_too_large, not_storable, mismatch';
COMMENT ON COLUMN ferry.rejects.message IS 'The reason in words';
COMMENT ON COLUMN ferry.rejects.stage IS 'Who rejected it: export (producer), delivery (consumer), end (the last checks)';
COMMENT ON COLUMN ferry.rejects.status IS 'HTTP status, when the target refused it';
COMMENT ON COLUMN ferry.rejects.attempts IS 'Deliveries of the batch until then';
COMMENT ON COLUMN ferry.rejects.at IS 'When, database time';

COMMENT ON FUNCTION ferry.batch_transition_is_valid(text,text) IS 'May a batch go from one state to the other?';
COMMENT ON FUNCTION ferry.job_transition_is_valid(text,text) IS 'May a job go from one state to the other?';
COMMENT ON FUNCTION ferry.check_transition() IS 'Trigger: refuses a state change that is not in the tables';
COMMENT ON FUNCTION ferry.log_event(text,bigint,bigint,uuid,text) IS 'Appends to ferry.events';
COMMENT ON FUNCTION ferry.put_endpoint(jsonb) IS 'Finds or makes an endpoint; answers its key';
COMMENT ON FUNCTION ferry.put_target(jsonb) IS 'Finds or makes a target collection and its write slots';
COMMENT ON FUNCTION ferry.free_job_name(text) IS 'The next free COLLECTION-YYYYMMDD-N';
COMMENT ON FUNCTION ferry.submit(jsonb) IS 'Makes a job for a collection pair, or finds the unfinished one';
COMMENT ON FUNCTION ferry.lease_of(uuid) IS 'The lease that a worker uses, as its row shows';
COMMENT ON FUNCTION ferry.plan_take(uuid,bigint,integer,interval) IS 'P1: takes the plan lease, discarding an older partial plan';
COMMENT ON FUNCTION ferry.plan_check(bigint,integer,bigint) IS 'Raises when the plan belongs to another producer by now';
COMMENT ON FUNCTION ferry.plan_add(bigint,integer,bigint,text,bigint,bytea[]) IS 'P2: stages one piece of a listing; answers how many ids were new';
COMMENT ON FUNCTION ferry.plan_prior(bigint,integer,bigint) IS 'P2: stages what earlier jobs of the pair have verified';
COMMENT ON FUNCTION ferry.plan_wanted(bigint,integer,bigint,bigint,bigint) IS 'The source ids that the job must move, in source order';
COMMENT ON FUNCTION ferry.plan_cut(bigint,integer,bigint,bigint,integer,integer) IS 'P3: cuts the next batches';
COMMENT ON FUNCTION ferry.plan_close(bigint,integer,bigint,bigint,bigint) IS 'P4: closes the plan when it adds up; a job with nothing to do is removed';
COMMENT ON FUNCTION ferry.find_job(text) IS 'A job by name or number; raises when there is none';
COMMENT ON FUNCTION ferry.resume_job(bigint) IS 'Sets a paused or blocked job running; answers its state';
COMMENT ON FUNCTION ferry.block_job(bigint,uuid,text) IS 'Blocks a running job with a reason; a person must mend it';
COMMENT ON FUNCTION ferry.pause(text) IS 'Pauses a running job: SELECT ferry.pause(''NAME'')';
COMMENT ON FUNCTION ferry.resume(text) IS 'Sets a paused or blocked job running: SELECT ferry.resume(''NAME'')';
COMMENT ON FUNCTION ferry.cancel(text) IS 'Ends a job for good; what is verified stays at the target: SELECT ferry.cancel(''NAME'')';
COMMENT ON FUNCTION ferry.claim_exports(uuid,bigint,integer,interval,integer,bigint) IS 'E1: claims planned batches for export';
COMMENT ON FUNCTION ferry.record_exports(uuid,bigint,bigint[],bigint[],bigint[],text[],bigint[],bigint[],bytea[],text[],text[]) IS 'E3: writes the digests before anything is produced';
COMMENT ON FUNCTION ferry.report_exports(bigint,bigint[],bigint[],bigint[],integer[],bigint[]) IS 'E5: the bus has stored the messages';
COMMENT ON FUNCTION ferry.release_exports(bigint,bigint[],bigint[],text) IS 'E5: the export failed or its producer stops; another follows';
COMMENT ON FUNCTION ferry.split_export(bigint,bigint,bigint) IS 'Replaces a batch that is too large by two halves';
COMMENT ON FUNCTION ferry.quiet_after(timestamp with time zone,boolean,interval) IS 'Until when a request of an ended claim may be in flight';
COMMENT ON FUNCTION ferry.claim_batches(uuid,interval,bigint[],bigint[],bigint[],text[],text[]) IS 'Intake: what is to be done with each message, and the claim where it may be delivered';
COMMENT ON FUNCTION ferry.free_slots(bigint[]) IS 'Frees the write slots of these claims';
COMMENT ON FUNCTION ferry.park_batches(uuid,interval,bigint[],bigint[],bigint[],text[],bigint[],boolean[],text) IS 'Puts batches back to planned under a new rev';
COMMENT ON FUNCTION ferry.refuse_target(uuid,text,interval) IS 'Everyone leaves this target alone for a while';
COMMENT ON FUNCTION ferry.learn_limit(uuid,bigint) IS 'Remembers a request size that the target refused';
COMMENT ON FUNCTION ferry.finish_batches(uuid,bigint[],bigint[],bigint[],integer[],integer[],integer[],text[],bigint[],bigint[],bytea[],text[],text[]) IS 'D3: what was read back, with its rejects';
COMMENT ON FUNCTION ferry.release_claims(uuid,interval,bigint[],bigint[],bigint[],boolean[]) IS 'A stopping consumer gives its claims back at once';
COMMENT ON FUNCTION ferry.start_worker(uuid,text,text,integer,text,interval) IS 'Registers a process; answers the ledger''s UUID';
COMMENT ON FUNCTION ferry.renew(uuid,interval,bigint,bigint[],bigint[],bigint[],text,text[],bigint) IS 'Renews a worker and all it holds; answers the claims that are still its own';
COMMENT ON FUNCTION ferry.stop_worker(uuid) IS 'A process stops by itself';
COMMENT ON FUNCTION ferry.follow_job(bigint) IS 'What the follower of a job looks at';
COMMENT ON FUNCTION ferry.finish_take(uuid,bigint,interval) IS 'Takes or keeps the lease for sweeping and ending a job';
COMMENT ON FUNCTION ferry.sweep_candidates(bigint) IS 'Batches whose messages may be lost';
COMMENT ON FUNCTION ferry.sweep_replan(uuid,bigint,bigint[],bigint[],text) IS 'Plans batches again whose messages cannot come any more';
COMMENT ON FUNCTION ferry.job_progress(bigint) IS 'How far a job is, for the producer that follows it';
COMMENT ON FUNCTION ferry.finish_add(uuid,bigint,integer,text,bigint,bytea[]) IS 'Stages one piece of a listing at the end';
COMMENT ON FUNCTION ferry.finish_compare(uuid,bigint,integer) IS 'Compares the listings at the end with what was verified';
COMMENT ON FUNCTION ferry.finish_job(uuid,bigint,text,text) IS 'The last step of a job; answers its state';
COMMENT ON FUNCTION ferry.printable(bytea) IS 'A record''s id as text for people';

COMMENT ON SEQUENCE ferry.fences IS 'Fences: every claim, of either program, draws the next one.';
COMMENT ON SEQUENCE ferry.endpoints_endpoint_id_seq IS 'Numbers of endpoints.';
COMMENT ON SEQUENCE ferry.jobs_job_id_seq IS 'Numbers of jobs; a job that had nothing to do leaves a gap.';
COMMENT ON SEQUENCE ferry.events_event_id_seq IS 'Numbers of events.';
