/* See verify_many.h. Decides nothing about records. */
#include "producer/verify_many.h"

#include <inttypes.h>

#include "base/limits.h"
#include "producer/verify_pair.h"
#include "producer/verify_total.h"

#define ABSENT "the target has no such collection"

struct many {
    struct verify *v;
    const struct job *job;
    struct verify_total total;
    FILE *words; /* for people; NULL: JSON on standard output */
    bool has_json;
    int64_t patience_ms; /* 0: servers have been waited for in vain, and have not answered since */
};

/* -- telling -- */

static void begin_json(struct many *m)
{
    fputs(m->has_json ? ",\n" : "[", stdout);
    m->has_json = true;
}

static bool tell_why(struct many *m, const struct pair *pair, bool is_absent, const char *why,
                     enum exit_code code, struct error *err)
{
    if (m->words == NULL) {
        begin_json(m);
        return verify_tell_json_why(pair, is_absent, why, code, stdout, err);
    }
    fprintf(m->words, "%s%s\n", is_absent ? "" : "could not be compared: ", why);
    return true;
}

static bool note_absent(struct many *m, const struct pair *pair, struct error *err)
{
    struct verify *v = m->v;
    verify_total_other(&m->total, VERIFY_IS_ABSENT, EXIT_MISMATCH, v->where, ABSENT);
    return verify_report_remark(&v->report, ABSENT, err) &&
           tell_why(m, pair, true, ABSENT, EXIT_MISMATCH, err);
}

static bool note_unknown(struct many *m, const struct pair *pair, const struct error *why,
                         struct error *err)
{
    struct verify *v = m->v;
    enum exit_code code = exit_code_for(why);
    struct buf line;
    buf_init(&line, 4u * KIB);
    buf_printf(&line, "could not be compared: %s", why->message);
    verify_total_other(&m->total, VERIFY_IS_UNKNOWN, code, v->where, buf_cstr(&line));
    bool ok = verify_report_remark(&v->report, buf_cstr(&line), err) &&
              tell_why(m, pair, false, why->message, code, err);
    fprintf(stderr, "ferry-producer verify: %s: %s\n", v->where, why->message);
    buf_deinit(&line);
    return ok;
}

static void note_different(struct many *m)
{
    const struct verify *v = m->v;
    uint64_t differences = verify_report_differences(&v->report);
    const char *comma = "";
    struct buf why;
    buf_init(&why, KIB);
    if (differences > 0) {
        buf_printf(&why, "%" PRIu64 " difference%s", differences, differences == 1 ? "" : "s");
        comma = ", ";
    }
    if (!verify_is_same_shape(v)) {
        buf_printf(&why, "%sanother distance space or dimension", comma);
        comma = ", ";
    }
    if (!verify_is_recall_enough(v)) {
        buf_printf(&why, "%sthe target's recall is below --min-recall %g", comma,
                   v->settings.min_recall);
    }
    verify_total_other(&m->total, VERIFY_IS_DIFFERENT, EXIT_MISMATCH, v->where, buf_cstr(&why));
    buf_deinit(&why);
}

static bool note_compared(struct many *m, struct error *err)
{
    const struct verify *v = m->v;
    if (verify_pair_is_fine(v)) {
        verify_total_equal(&m->total, v->ids[VERIFY_SOURCE].count);
    } else {
        note_different(m);
    }
    if (m->words == NULL) {
        begin_json(m);
        return verify_tell_json(v, stdout, err);
    }
    verify_tell(v, m->words);
    return true;
}

static bool tell_total(struct many *m, struct error *err)
{
    struct buf text;
    if (m->words == NULL) {
        fputs(m->has_json ? "]\n" : "[]\n", stdout);
        return true;
    }
    buf_init(&text, 16u * MIB);
    verify_total_write(&m->total, &text);
    bool ok = buf_check(&text, "the summary", err);
    fputs(buf_cstr(&text), m->words);
    buf_deinit(&text);
    return ok;
}

/* -- comparing -- */

static bool compare(struct many *m, const struct pair *pair, bool *is_absent, struct error *err)
{
    struct verify *v = m->v;
    bool found = false;
    if (!verify_pair_find(v, VERIFY_SOURCE, pair, m->patience_ms, NULL, err) ||
        !verify_pair_find(v, VERIFY_TARGET, pair, m->patience_ms, &found, err)) {
        return false;
    }
    m->patience_ms = v->settings.patience_ms; /* both servers answer */
    *is_absent = !found;
    return *is_absent || (verify_pair_are_two(v, err) && verify_compare(v, err));
}

/* Would the next pair fare no better? */
static bool concerns_all(enum error_kind kind)
{
    return kind == ERROR_CANCELLED || kind == ERROR_NOMEM || kind == ERROR_IO || kind == ERROR_BUG;
}

static bool run_pair(struct many *m, size_t i, struct error *err)
{
    struct verify *v = m->v;
    const struct pair *pair = &m->job->pairs[i];
    struct error why = {0};
    bool is_absent = false;
    if (v->rt.stop.requested > 0) { /* small collections are compared before it is noticed */
        return error_set(err, ERROR_CANCELLED, "stopped by a signal");
    }
    verify_pair_begin(v, m->job, i);
    if (m->words != NULL) {
        fprintf(m->words, "%s\n", v->where);
    }
    if (!verify_report_remark(&v->report, v->where, err)) {
        return false;
    }
    if (!compare(m, pair, &is_absent, &why)) {
        if (concerns_all(why.kind)) {
            *err = why;
            return why.kind != ERROR_CANCELLED && error_wrap(err, "%.300s", v->where);
        }
        m->patience_ms = error_disposition(why.kind) == DISPOSITION_RETRY ? 0 : m->patience_ms;
        return note_unknown(m, pair, &why, err);
    }
    return is_absent ? note_absent(m, pair, err) : note_compared(m, err);
}

bool verify_many(struct verify *v, const struct job *job, enum exit_code *code, struct error *err)
{
    struct many m = {.v = v, .job = job, .patience_ms = v->settings.patience_ms};
    struct error ignored = {0};
    if (!verify_report_open(&v->report, option_text(v->rt.options, "combined"), err)) {
        return false;
    }
    if (!option_flag(v->rt.options, "json")) {
        m.words = v->report.is_stdout ? stderr : stdout;
    }
    verify_total_init(&m.total, job->pair_count, v->settings.is_sampled);
    bool ok = true;
    for (size_t i = 0; ok && i < job->pair_count; i++) {
        ok = run_pair(&m, i, err);
        verify_pair_end(v);
        if (m.words != NULL) {
            fputs("\n", m.words);
        }
        (void)fflush(stdout); /* main.c looks whether all of it could be written */
    }
    ok = verify_report_finish(&v->report, ok ? err : &ignored) && ok;
    ok = tell_total(&m, ok ? err : &ignored) && ok;
    *code = m.total.code;
    verify_total_deinit(&m.total);
    return ok;
}
