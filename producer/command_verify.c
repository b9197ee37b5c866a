/*
 * ferry-producer verify: are two collections equal, now, or all that a migrate would move with the same options? Finds the pairs,
 * compares, tells. Needs neither the ledger nor the bus, and reads only.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit_code.h"
#include "base/number.h"
#include "producer/mapping.h"
#include "producer/options.h"
#include "producer/verify_many.h"
#include "producer/verify_pair.h"

#define SAY_EVERY_MS 2000

struct verifying {
    struct verify verify;
    struct job job; /* no more than its sides and pairs */
    struct mapping mapping;
};

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

static void on_say(void *ctx)
{
    verify_say_progress(ctx, clock_boottime_ms());
}

/* Asks one thing after the other, so that the first that is wrong is what is said. */
static bool run_one(struct verify *v, struct job *job, struct mapping *mapping,
                    enum exit_code *code, struct error *err)
{
    const struct option_set *options = v->rt.options;
    const struct pair *pair = &job->pairs[0];
    verify_pair_begin(v, job, 0);
    if (!verify_pair_find(v, VERIFY_SOURCE, pair, 0, NULL, err) ||
        !mapping_place(mapping, job, &v->rt, err) ||
        !verify_pair_find(v, VERIFY_TARGET, pair, 0, NULL, err) || !verify_pair_are_two(v, err) ||
        !verify_report_open(&v->report, option_text(options, "combined"), err) ||
        !verify_compare(v, err)) {
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
    *code = verify_pair_is_fine(v) ? EXIT_DONE : EXIT_MISMATCH;
    return true;
}

static bool run(struct verifying *verifying, const struct option_set *options, enum exit_code *code,
                struct error *err)
{
    struct verify *v = &verifying->verify;
    struct job *job = &verifying->job;
    struct mapping *mapping = &verifying->mapping;
    v->started_ms = clock_boottime_ms();
    if (!mapping_read(mapping, options, err) || !read_settings(options, &v->settings, err) ||
        !runtime_open_without_ledger(&v->rt, options, "producer", err) ||
        !side_open(&job->source, &v->rt, "source", NULL, NULL, NULL, err) ||
        !side_open(&job->target, &v->rt, "target", NULL, NULL, NULL, err) ||
        !mapping_find(mapping, job, &v->rt, err) ||
        !loop_every(v->rt.loop, SAY_EVERY_MS, on_say, v, err)) {
        return false;
    }
    if (job->pair_count == 1) {
        return run_one(v, job, mapping, code, err);
    }
    return mapping_place(mapping, job, &v->rt, err) && verify_many(v, job, code, err);
}

static void end(struct verifying *verifying)
{
    struct verify *v = &verifying->verify;
    runtime_close(&v->rt);
    verify_pair_end(v);
    verify_report_deinit(&v->report);
    mapping_close(&verifying->mapping);
    job_close(&verifying->job);
    free(verifying);
}

int command_verify(const struct option_set *options)
{
    struct error err = {0};
    enum exit_code code = EXIT_DONE;
    struct verifying *verifying = calloc(1, sizeof *verifying);
    if (verifying == NULL) {
        fprintf(stderr, "ferry-producer verify: out of memory\n");
        return EXIT_BUG;
    }
    verifying->verify.rt.stop.fd = -1;
    bool ok = run(verifying, options, &code, &err);
    end(verifying);
    if (!ok) {
        code = exit_code_worse(exit_code_for(&err), code);
        fprintf(stderr, "ferry-producer verify: %s\n",
                err.kind == ERROR_CANCELLED ? "interrupted: the comparison is not complete; run it "
                                              "again, it begins anew"
                                            : err.message);
    }
    return (int)code;
}
