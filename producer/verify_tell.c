/* The result in words, and the progress line; see verify.h. For programs it is verify_tell_json.c. */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "producer/verify.h"

#define SHOWN_BYTES 100u /* of an id, for people */

static const char *const NAMES[VERIFY_SIDES] = {"source", "target"};

bool verify_is_same_shape(const struct verify *v)
{
    const struct chroma_collection *a = &v->sides[VERIFY_SOURCE].collection;
    const struct chroma_collection *b = &v->sides[VERIFY_TARGET].collection;
    /* No dimension yet: no record either, and missing ones are named singly. */
    bool is_same_dimension = a->dimension == b->dimension || a->dimension == 0 || b->dimension == 0;
    return a->space == b->space && is_same_dimension;
}

bool verify_is_recall_enough(const struct verify *v)
{
    return v->settings.min_recall < 0 || v->queries.count == 0 ||
           v->queries.answers[VERIFY_TARGET].recall >= v->settings.min_recall;
}

void verify_say_progress(const struct verify *v, int64_t now_ms)
{
    const struct verify_progress *p = &v->progress;
    double seconds = (double)(now_ms - p->started_ms) / 1000;
    double rate = seconds > 0.1 ? (double)p->done / seconds : 0;
    if (p->doing == NULL) {
        return;
    }
    fputs("verify: ", stderr);
    if (v->of > 1) {
        fprintf(stderr, "%zu of %zu, %s: ", v->number, v->of, v->where);
    }
    fprintf(stderr, "%" PRIu64, p->done);
    if (p->total > 0) {
        fprintf(stderr, " of %" PRIu64, p->total);
    }
    fprintf(stderr, " %s", p->doing);
    if (p->total > 0) {
        fprintf(stderr, " (%.1f %%)", 100 * (double)p->done / (double)p->total);
    }
    if (rate >= 1 && p->total > p->done) {
        fprintf(stderr, ", %.0f/s, about %.0f s left", rate, (double)(p->total - p->done) / rate);
    }
    uint64_t differences = verify_report_differences(&v->report);
    if (differences > 0) {
        fprintf(stderr, "; differences so far: %" PRIu64, differences);
    }
    fputc('\n', stderr);
}

/* -- for people -- */

static void tell_side(const struct verify *v, enum verify_which which, FILE *out)
{
    const struct side *side = &v->sides[which];
    fprintf(out, "%s  %s  collection \"%s\"  %" PRIu64 " records  %s  %u dimensions\n",
            NAMES[which], side->chroma.address.base, side->collection.name, v->ids[which].count,
            space_name(side->collection.space), side->collection.dimension);
}

static void tell_counts(const struct verify *v, FILE *out)
{
    const uint64_t *counts = v->report.counts;
    fprintf(out, "= %" PRIu64 " equal", counts[VERIFY_EQUAL] + counts[VERIFY_ROUNDED]);
    if (counts[VERIFY_ROUNDED] > 0) {
        fprintf(out,
                " (%" PRIu64 " of them with a metadata float that the target rounded by at most "
                "4 ULP)",
                counts[VERIFY_ROUNDED]);
    }
    fprintf(out, "\n- %" PRIu64 " missing at the target\n", counts[VERIFY_MISSING]);
    fprintf(out, "+ %" PRIu64 " extra at the target\n", counts[VERIFY_EXTRA]);
    fprintf(out, "* %" PRIu64 " different\n", counts[VERIFY_DIFFERS]);
    fprintf(out, "! %" PRIu64 " could not be compared\n", counts[VERIFY_UNREADABLE]);
    if (v->vanished > 0) {
        fprintf(out, "%" PRIu64 " records vanished from the source after they were listed\n",
                v->vanished);
    }
    if (v->settings.is_sampled) {
        fprintf(out,
                "all ids compared, the content of %" PRIu64 " of %" PRIu64
                " (--sample %s --seed %" PRIu64 ")\n",
                v->sampled, v->ids[VERIFY_SOURCE].count, v->settings.sample_text, v->settings.seed);
    }
}

static void tell_findings(const struct verify *v, FILE *out)
{
    uint64_t others = verify_report_differences(&v->report) - v->report.shown_count;
    if (v->report.counts[VERIFY_DIFFERS] > 0) {
        fputs("first differences; \"sent\" is the source's value, \"read\" the target's:\n", out);
    } else if (v->report.shown_count > 0) {
        fputs("first differences:\n", out);
    }
    for (size_t i = 0; i < v->report.shown_count; i++) {
        const struct verify_finding *found = &v->report.shown[i];
        struct buf text;
        struct span id = buf_span(&found->id);
        buf_init(&text, 64u * KIB);
        buf_printf(&text, "  %c \"", verify_mark_letter(found->mark));
        buf_append_printable(&text, id, SHOWN_BYTES);
        buf_append_str(&text, "\"");
        if (found->field[0] != '\0') {
            buf_printf(&text, "  %s", found->field);
        }
        if (found->detail[0] != '\0') {
            buf_append_str(&text, "  ");
            buf_append_text(&text, span_from_str(found->detail), sizeof found->detail);
        }
        fprintf(out, "%s\n", buf_cstr(&text));
        buf_deinit(&text);
    }
    if (others > 0) {
        fprintf(out, "  and %" PRIu64 " more%s\n", others,
                v->report.path[0] != '\0' ? "" : "; --combined FILE names all");
    }
}

static void tell_queries(const struct verify *v, FILE *out)
{
    const struct verify_queries *q = &v->queries;
    if (v->settings.queries == 0) {
        return;
    }
    fprintf(out, "queries with %zu vectors of the source, nearest %d (--seed %" PRIu64 ")\n",
            q->count, VERIFY_NEAREST, v->settings.seed);
    for (int which = 0; q->count > 0 && which < VERIFY_SIDES; which++) {
        const struct verify_answers *a = &q->answers[which];
        fprintf(out, "  %s  recall@%d %.4f  median %.1f ms  p95 %.1f ms", NAMES[which],
                VERIFY_NEAREST, a->recall, (double)a->median_us / 1000, (double)a->p95_us / 1000);
        if (a->failed > 0) {
            fprintf(out, "  %" PRIu64 " refused: %s", a->failed, a->first_error);
        }
        fputc('\n', out);
    }
    if (q->count > 0) {
        fprintf(out,
                "  distances  %" PRIu64 " of ids that both returned, %" PRIu64
                " further apart than 1e-5, greatest %.2g\n",
                q->distances.compared, q->distances.apart, q->distances.greatest);
    }
    if (!verify_is_recall_enough(v)) {
        fprintf(out, "the target's recall is below --min-recall %g\n", v->settings.min_recall);
    }
}

void verify_tell(const struct verify *v, FILE *out)
{
    uint64_t differences = verify_report_differences(&v->report);
    tell_side(v, VERIFY_SOURCE, out);
    tell_side(v, VERIFY_TARGET, out);
    tell_counts(v, out);
    tell_findings(v, out);
    tell_queries(v, out);
    if (!verify_is_same_shape(v)) {
        fputs("the collections differ in distance space or dimension\n", out);
    }
    if (differences > 0) {
        fprintf(out, "%" PRIu64 " difference%s\n", differences, differences == 1 ? "" : "s");
    } else if (verify_is_same_shape(v)) {
        fputs(v->settings.is_sampled ? "no difference found\n" : "equal\n", out);
    }
}
