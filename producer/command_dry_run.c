/*
 * ferry-producer migrate --dry-run: reads everything, sends nothing. Both ends are looked at as migrate would, every record
 * is read, judged and encoded; neither ledger nor bus is needed, and no server is written to. The list of ids waits in an
 * unlinked file, so memory is flat.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/exit_code.h"
#include "format/batch.h"
#include "format/columns.h"
#include "producer/job_limits.h"
#include "producer/mapping.h"
#include "producer/options.h"
#include "producer/rehearsal.h"
#include "producer/verify_pass.h"
#include "producer/verify_spool.h"

#define PATIENCE_MS  60000
#define SAY_EVERY_MS 2000

struct dry_run {
    struct runtime rt;
    struct job job;
    struct pair *pair; /* the one that is read */
    struct verify_spool ids;
    struct rehearsal rehearsal; /* of it */
    int64_t started_ms;
    bool is_refused, has_violations; /* of any */
};

/* Encodes as an export would: what is too large for a message goes in halves. */
static bool encode(struct dry_run *run, const struct record *records, size_t count,
                   struct error *err)
{
    struct batch_header header = {.batch_no = run->rehearsal.batches + 1,
                                  .export_rev = 1,
                                  .ledger = run->pair->source.collection.uuid,
                                  .target = run->pair->source.collection.uuid};
    struct {
        size_t from, count;
    } stack[32] = {{0, count}}; /* halves of halves: 2^32 records */
    size_t depth = count > 0 ? 1 : 0;
    while (depth > 0) {
        size_t from = stack[depth - 1].from;
        size_t part = stack[--depth].count;
        struct error why = {0};
        struct buf value;
        buf_init(&value, LIMIT_MESSAGE);
        bool ok = batch_encode(&header, records + from, part, &value, &why);
        int64_t bytes = (int64_t)value.len;
        buf_deinit(&value);
        if (ok) {
            rehearsal_add_batch(&run->rehearsal, records + from, part, bytes);
        } else if (why.kind != ERROR_LIMIT) {
            *err = why;
            return false;
        } else if (part == 1) {
            rehearsal_count_reason(&run->rehearsal, REHEARSAL_TOO_LARGE, records[from].id);
        } else {
            stack[depth].from = from + part / 2;
            stack[depth++].count = part - part / 2;
            stack[depth].from = from;
            stack[depth++].count = part / 2;
        }
    }
    return true;
}

static bool on_piece(void *ctx, const struct verify_piece *piece, struct error *err)
{
    struct dry_run *run = ctx;
    struct record *picked = arena_alloc_array(piece->arena, piece->count, sizeof *picked);
    size_t count = 0;
    run->rehearsal.reads++;
    if (picked == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < piece->count; i++) {
        struct admit_verdict verdict;
        const struct record *record = record_index_find(piece->have[VERIFY_SOURCE], piece->ids[i]);
        if (record == NULL) {
            run->rehearsal.vanished++;
            continue;
        }
        picked[count] = *record;
        if (!admit_record(&run->job.limits, run->pair->source.collection.dimension, piece->arena,
                          &picked[count], &verdict, err)) {
            return false;
        }
        rehearsal_count(&run->rehearsal, record, &verdict);
        count += verdict.outcome == ADMIT_TRAVELS || verdict.outcome == ADMIT_TRUNCATED;
    }
    return encode(run, picked, count, err);
}

static bool on_unreadable(void *ctx, struct span id, const struct error *why, struct error *err)
{
    struct dry_run *run = ctx;
    (void)why;
    (void)err;
    rehearsal_count_reason(&run->rehearsal, REHEARSAL_UNREADABLE, id);
    return true;
}

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct dry_run *run = ctx;
    return verify_spool_append(&run->ids, id, err);
}

static bool on_restart(void *ctx, struct error *err)
{
    struct dry_run *run = ctx;
    return verify_spool_clear(&run->ids, err);
}

static bool next_id(void *ctx, struct span *id, bool *more, struct error *err)
{
    struct dry_run *run = ctx;
    return verify_spool_next(&run->ids, id, more, err);
}

static void say_progress(void *ctx)
{
    const struct dry_run *run = ctx;
    fprintf(stderr, "dry run: %" PRId64 " of %" PRIu64 " records read, %" PRId64 " violations\n",
            run->rehearsal.read, run->ids.count, rehearsal_violations(&run->rehearsal));
}

static bool read_all(struct dry_run *run, struct error *err)
{
    int64_t wanted = option_number(run->rt.options, "batch-records");
    int64_t ceiling = run->pair->target.limits.max_batch_records;
    wanted = ceiling > 0 && ceiling < wanted ? ceiling : wanted;
    struct verify_pass pass = {
        .sides = {[VERIFY_SOURCE] = &run->pair->source},
        .include = COLUMNS_ALL,
        .piece_ids = (size_t)limits_batch_records(&run->job.limits, wanted),
        .in_flight = (size_t)option_number(run->rt.options, "source-concurrency"),
        .patience_ms = PATIENCE_MS,
        .next = next_id,
        .on_piece = on_piece,
        .on_unreadable = on_unreadable,
        .ctx = run,
    };
    if (!verify_spool_open(&run->ids, err) ||
        !verify_list(&run->rt, &run->pair->source, PATIENCE_MS, on_id, on_restart, run, err) ||
        !verify_spool_rewind(&run->ids, err) ||
        !loop_every(run->rt.loop, SAY_EVERY_MS, say_progress, run, err)) {
        return false;
    }
    run->started_ms = clock_boottime_ms();
    run->rehearsal.max_rejects = settings_max_rejects(&run->job.wanted, (int64_t)run->ids.count);
    bool ok = verify_pass_run(&pass, &run->rt, err);
    run->rehearsal.elapsed_ms = clock_boottime_ms() - run->started_ms;
    loop_cancel(run->rt.loop, run);
    return ok;
}

static bool tell(struct dry_run *run, struct error *err)
{
    struct rehearsal_setting setting = {
        .limits = &run->job.limits,
        .collection = run->pair->collection,
        .source = run->pair->source.chroma.address.base,
        .target_collection = run->pair->target_name,
        .target = run->pair->target.chroma.address.base,
        .target_exists = run->pair->target_exists,
        .concurrency = option_number(run->rt.options, "source-concurrency"),
        .fidelity = &run->pair->fidelity,
    };
    if (option_flag(run->rt.options, "json")) {
        return rehearsal_tell_json(&run->rehearsal, &setting, stdout, err);
    }
    rehearsal_tell(&run->rehearsal, &setting, stdout);
    return true;
}

static bool rehearse_pair(struct dry_run *run, struct pair *pair, struct error *err)
{
    run->pair = pair;
    bool ok = job_limits_find(&run->job, pair, &run->rt, &run->rehearsal.collection, err) &&
              read_all(run, err) && tell(run, err);
    run->is_refused = run->is_refused || rehearsal_is_refused(&run->rehearsal);
    run->has_violations = run->has_violations || rehearsal_violations(&run->rehearsal) > 0;
    verify_spool_close(&run->ids);
    rehearsal_deinit(&run->rehearsal);
    return ok;
}

/* Of several: first where each goes, then what of each; as JSON an array. */
static bool rehearse(struct dry_run *run, const struct option_set *options, struct error *err)
{
    bool is_json = option_flag(options, "json");
    bool ok = runtime_open_without_ledger(&run->rt, options, "producer", err) &&
              job_look(&run->job, &run->rt, err);
    bool is_list = ok && run->job.pair_count > 1;
    if (is_list && is_json) {
        fputs("[", stdout);
    } else if (is_list) {
        mapping_tell(&run->job, stdout);
    }
    for (size_t i = 0; ok && i < run->job.pair_count; i++) {
        if (i > 0) {
            fputs(is_json ? ",\n" : "\n", stdout);
        }
        ok = rehearse_pair(run, &run->job.pairs[i], err);
    }
    if (is_list && is_json) {
        fputs("]\n", stdout);
    }
    return ok;
}

int command_dry_run(const struct option_set *options)
{
    struct error err = {0};
    struct dry_run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        fprintf(stderr, "ferry-producer migrate: out of memory\n");
        return EXIT_BUG;
    }
    bool ok = rehearse(run, options, &err);
    enum exit_code code = run->is_refused       ? EXIT_NEEDS_PERSON
                          : run->has_violations ? EXIT_REJECTS
                                                : EXIT_DONE;
    runtime_close(&run->rt);
    job_close(&run->job);
    free(run);
    if (!ok) {
        fprintf(stderr, "ferry-producer migrate: dry run: %s\n",
                err.kind == ERROR_CANCELLED ? "stopped by a signal; nothing was written"
                                            : err.message);
        return (int)exit_code_for(&err);
    }
    return (int)code;
}
