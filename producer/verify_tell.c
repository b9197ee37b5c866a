/* The result in words and as JSON, and the progress line; see verify.h. Decides nothing but wording. */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "format/json_write.h"
#include "producer/verify.h"

#define JSON_BYTES  (32u * MIB) /* twenty long ids, escaped */
#define SHOWN_BYTES 100u        /* of an id, for people */

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
    fprintf(stderr, "verify: %" PRIu64, p->done);
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
        fprintf(stderr, "; %" PRIu64 " differences so far", differences);
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
                "2 ULP)",
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
        fprintf(out, "%" PRIu64 " differences\n", differences);
    } else if (verify_is_same_shape(v)) {
        fputs(v->settings.is_sampled ? "no difference found\n" : "equal\n", out);
    }
}

/* -- for programs -- */

static void write_text(struct buf *out, const char *name, struct span text)
{
    struct buf valid; /* a text that was cut may end inside a character */
    buf_init(&valid, 4u * LIMIT_RECORD_ID);
    buf_append_text(&valid, text, LIMIT_RECORD_ID);
    buf_printf(out, "\"%s\":", name);
    json_write_string(out, buf_span(&valid));
    buf_deinit(&valid);
}

static void write_side(struct buf *out, const struct verify *v, enum verify_which which)
{
    const struct side *side = &v->sides[which];
    buf_printf(out, "\"%s\":{", NAMES[which]);
    write_text(out, "url", span_from_str(side->chroma.address.base));
    buf_append_byte(out, ',');
    write_text(out, "tenant", span_from_str(side->chroma.tenant));
    buf_append_byte(out, ',');
    write_text(out, "database", span_from_str(side->chroma.database));
    buf_append_byte(out, ',');
    write_text(out, "collection", span_from_str(side->collection.name));
    buf_printf(out, ",\"uuid\":\"%s\",\"records\":%" PRIu64 ",\"space\":\"%s\",\"dimension\":%u},",
               side->collection.uuid.text, v->ids[which].count, space_name(side->collection.space),
               side->collection.dimension);
}

static void write_counts(struct buf *out, const struct verify *v)
{
    const uint64_t *counts = v->report.counts;
    buf_printf(out,
               "\"counts\":{\"equal\":%" PRIu64 ",\"rounded\":%" PRIu64 ",\"missing\":%" PRIu64
               ",\"extra\":%" PRIu64 ",\"different\":%" PRIu64 ",\"unreadable\":%" PRIu64
               ",\"vanished\":%" PRIu64 "},",
               counts[VERIFY_EQUAL] + counts[VERIFY_ROUNDED], counts[VERIFY_ROUNDED],
               counts[VERIFY_MISSING], counts[VERIFY_EXTRA], counts[VERIFY_DIFFERS],
               counts[VERIFY_UNREADABLE], v->vanished);
}

static void write_findings(struct buf *out, const struct verify *v)
{
    buf_append_str(out, "\"differences\":[");
    for (size_t i = 0; i < v->report.shown_count; i++) {
        const struct verify_finding *found = &v->report.shown[i];
        buf_printf(out, "%s{\"mark\":\"%c\",\"kind\":\"%s\",\"id\":", i > 0 ? "," : "",
                   verify_mark_letter(found->mark), verify_mark_name(found->mark));
        verify_write_json_id(out, buf_span(&found->id));
        if (found->field[0] != '\0') {
            buf_printf(out, ",\"field\":\"%s\"", found->field);
        }
        if (found->detail[0] != '\0') {
            buf_append_byte(out, ',');
            write_text(out, "detail", span_from_str(found->detail));
        }
        buf_append_byte(out, '}');
    }
    buf_append_str(out, "],");
}

static void write_queries(struct buf *out, const struct verify *v)
{
    const struct verify_queries *q = &v->queries;
    if (v->settings.queries == 0) {
        buf_append_str(out, "\"queries\":null,");
        return;
    }
    buf_printf(out, "\"queries\":{\"count\":%zu,\"nearest\":%d,", q->count, VERIFY_NEAREST);
    for (int which = 0; which < VERIFY_SIDES; which++) {
        const struct verify_answers *a = &q->answers[which];
        buf_printf(out,
                   "\"%s\":{\"recall\":%.6f,\"median_ms\":%.3f,\"p95_ms\":%.3f,\"refused\":%" PRIu64
                   "},",
                   NAMES[which], a->recall, (double)a->median_us / 1000, (double)a->p95_us / 1000,
                   a->failed);
    }
    buf_printf(out,
               "\"distances\":{\"compared\":%" PRIu64 ",\"apart\":%" PRIu64
               ",\"greatest\":%.6g},\"min_recall\":",
               q->distances.compared, q->distances.apart, q->distances.greatest);
    if (v->settings.min_recall < 0) {
        buf_append_str(out, "null");
    } else {
        buf_printf(out, "%.6g", v->settings.min_recall);
    }
    buf_printf(out, ",\"recall_is_enough\":%s},", verify_is_recall_enough(v) ? "true" : "false");
}

bool verify_tell_json(const struct verify *v, FILE *out, struct error *err)
{
    struct buf json;
    bool is_equal = verify_report_differences(&v->report) == 0 && verify_is_same_shape(v);
    buf_init(&json, JSON_BYTES);
    buf_printf(&json, "{\"equal\":%s,\"same_shape\":%s,", is_equal ? "true" : "false",
               verify_is_same_shape(v) ? "true" : "false");
    write_side(&json, v, VERIFY_SOURCE);
    write_side(&json, v, VERIFY_TARGET);
    write_counts(&json, v);
    buf_printf(&json, "\"seed\":%" PRIu64 ",\"sample\":", v->settings.seed);
    if (v->settings.is_sampled) {
        buf_printf(&json, "{\"asked\":\"%s\",\"records\":%" PRIu64 "},", v->settings.sample_text,
                   v->sampled);
    } else {
        buf_append_str(&json, "null,");
    }
    write_queries(&json, v);
    write_findings(&json, v);
    buf_printf(&json, "\"elapsed_ms\":%" PRId64 "}\n", clock_boottime_ms() - v->started_ms);
    bool ok = buf_check(&json, "the result", err);
    if (ok) {
        (void)fwrite(json.ptr, json.len, 1, out);
    }
    buf_deinit(&json);
    return ok;
}
