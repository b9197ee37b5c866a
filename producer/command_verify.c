/*
 * ferry-producer verify: are two collections equal, now? Opens both ends, compares, tells. Needs neither the ledger nor the
 * bus, and reads only.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit_code.h"
#include "base/number.h"
#include "producer/options.h"
#include "producer/verify.h"

#define SAY_EVERY_MS 2000

static bool read_min_recall(const char *text, double *out, struct error *err)
{
    *out = -1;
    if (text == NULL) {
        return true;
    }
    return (number_parse_double(span_from_str(text), out) && *out >= 0 && *out <= 1) ||
           error_set(err, ERROR_USAGE, "--min-recall: expected a number from 0 to 1, got \"%.60s\"",
                     text);
}

static bool read_settings(const struct option_set *options, struct verify_settings *out,
                          struct error *err)
{
    const char *combined = option_text(options, "combined");
    out->sample_text = option_text(options, "sample");
    out->is_sampled = out->sample_text != NULL;
    out->queries = (size_t)option_number(options, "queries");
    out->patience_ms = option_number(options, "patience");
    out->in_flight = (size_t)option_number(options, "source-concurrency");
    out->seed = (uint64_t)option_number(options, "seed");
    if (option_text(options, "seed") == NULL) {
        random_bytes(&out->seed, sizeof out->seed);
        out->seed &= UINT32_MAX; /* short enough to be typed again */
    }
    if (option_flag(options, "json") && combined != NULL && strcmp(combined, "-") == 0) {
        return error_set(err, ERROR_USAGE,
                         "--json and --combined - both want standard output: give --combined a "
                         "file");
    }
    if (option_text(options, "min-recall") != NULL && out->queries == 0) {
        return error_set(err, ERROR_USAGE, "--min-recall needs --queries N");
    }
    return read_min_recall(option_text(options, "min-recall"), &out->min_recall, err) &&
           (!out->is_sampled || verify_sample_parse(out->sample_text, &out->sample, err));
}

static bool open_side(struct verify *v, enum verify_which which, const char *role, const char *name,
                      struct error *err)
{
    struct side *side = &v->sides[which];
    bool found = false;
    if (!side_resolve(side, &v->rt, name, &found, err)) {
        return false;
    }
    return found ||
           error_set(err, ERROR_NOT_FOUND, "%s %s: collection \"%s\" does not exist in %s/%s", role,
                     side->chroma.address.base, name, side->chroma.tenant, side->chroma.database);
}

/* A copied data folder keeps its UUIDs, so they alone do not make it the same collection. */
static bool check_two(const struct verify *v, struct error *err)
{
    const struct side *a = &v->sides[VERIFY_SOURCE];
    const struct side *b = &v->sides[VERIFY_TARGET];
    if (!uuid_equal(&a->collection.uuid, &b->collection.uuid)) {
        return true;
    }
    if (strcmp(a->chroma.address.base, b->chroma.address.base) == 0) {
        return error_set(err, ERROR_USAGE,
                         "source and target are the same collection, \"%s\" of %s",
                         a->collection.name, a->chroma.address.base);
    }
    fprintf(stderr,
            "verify: both collections have the UUID %s: equality means something only if these are "
            "two servers\n",
            a->collection.uuid.text);
    return true;
}

static bool open_sides(struct verify *v, const struct option_set *options, struct error *err)
{
    const char *name = option_text(options, "collection");
    const char *target_name = option_text(options, "target-collection");
    return side_open(&v->sides[VERIFY_SOURCE], &v->rt, "source", NULL, NULL, NULL, err) &&
           side_open(&v->sides[VERIFY_TARGET], &v->rt, "target", NULL, NULL, NULL, err) &&
           open_side(v, VERIFY_SOURCE, "source", name, err) &&
           open_side(v, VERIFY_TARGET, "target", target_name != NULL ? target_name : name, err) &&
           check_two(v, err);
}

static void on_say(void *ctx)
{
    verify_say_progress(ctx, clock_boottime_ms());
}

static enum exit_code conclude(const struct verify *v)
{
    bool is_fine = verify_report_differences(&v->report) == 0 && verify_is_same_shape(v) &&
                   verify_is_recall_enough(v);
    return is_fine ? EXIT_DONE : EXIT_MISMATCH;
}

static bool run(struct verify *v, const struct option_set *options, enum exit_code *code,
                struct error *err)
{
    v->started_ms = clock_boottime_ms();
    if (!read_settings(options, &v->settings, err) ||
        !runtime_open_without_ledger(&v->rt, options, "producer", err) ||
        !open_sides(v, options, err) ||
        !verify_report_open(&v->report, option_text(options, "combined"), err) ||
        !loop_every(v->rt.loop, SAY_EVERY_MS, on_say, v, err) || !verify_compare(v, err)) {
        return false;
    }
    bool lines_are_out = v->report.is_stdout;
    if (!verify_report_finish(&v->report, err)) {
        return false;
    }
    if (!option_flag(options, "json")) {
        verify_tell(v, lines_are_out ? stderr : stdout);
    } else if (!verify_tell_json(v, stdout, err)) {
        return false;
    }
    *code = conclude(v);
    return true;
}

static void end(struct verify *v)
{
    runtime_close(&v->rt);
    for (int which = 0; which < VERIFY_SIDES; which++) {
        verify_spool_close(&v->ids[which]);
        side_close(&v->sides[which]);
    }
    verify_queries_deinit(&v->queries);
    verify_report_deinit(&v->report);
    free(v);
}

int command_verify(const struct option_set *options)
{
    struct error err = {0};
    enum exit_code code = EXIT_BUG;
    struct verify *v = calloc(1, sizeof *v);
    if (v == NULL) {
        fprintf(stderr, "ferry-producer verify: out of memory\n");
        return EXIT_BUG;
    }
    v->rt.stop.fd = -1;
    bool ok = run(v, options, &code, &err);
    end(v);
    if (!ok) {
        code = exit_code_for(&err);
        fprintf(stderr, "ferry-producer verify: %s\n",
                err.kind == ERROR_CANCELLED ? "interrupted: the comparison is not complete; run it "
                                              "again, it begins anew"
                                            : err.message);
    }
    return (int)code;
}
