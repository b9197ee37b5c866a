/* The result as one JSON object on one line; see verify.h. */
#include <inttypes.h>

#include "base/limits.h"
#include "format/json_write.h"
#include "producer/verify.h"

#define JSON_BYTES (32u * MIB) /* twenty long ids, escaped */

static const char *const NAMES[VERIFY_SIDES] = {"source", "target"};

static void write_text(struct buf *out, const char *name, struct span text)
{
    struct buf valid; /* a text that was cut may end inside a character */
    buf_init(&valid, 4u * LIMIT_RECORD_ID);
    buf_append_text(&valid, text, LIMIT_RECORD_ID);
    buf_printf(out, "\"%s\":", name);
    json_write_string(out, buf_span(&valid));
    buf_deinit(&valid);
}

static void write_place(struct buf *out, enum verify_which which, const struct chroma *chroma,
                        const char *collection)
{
    buf_printf(out, "\"%s\":{", NAMES[which]);
    write_text(out, "url", span_from_str(chroma->address.base));
    buf_append_byte(out, ',');
    write_text(out, "tenant", span_from_str(chroma->tenant));
    buf_append_byte(out, ',');
    write_text(out, "database", span_from_str(chroma->database));
    buf_append_byte(out, ',');
    write_text(out, "collection", span_from_str(collection));
}

static void write_side(struct buf *out, const struct verify *v, enum verify_which which)
{
    const struct side *side = &v->sides[which];
    write_place(out, which, &side->chroma, side->collection.name);
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
    buf_append_str(out, "\"first_differences\":[");
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

static bool put(struct buf *json, FILE *out, struct error *err)
{
    bool ok = buf_check(json, "the result", err);
    if (ok) {
        (void)fwrite(json->ptr, json->len, 1, out);
    }
    buf_deinit(json);
    return ok;
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
    return put(&json, out, err);
}

/* Whether they are equal is not known, but for a target that is not there. */
bool verify_tell_json_why(const struct pair *pair, bool is_absent, const char *why,
                          enum exit_code code, FILE *out, struct error *err)
{
    struct buf json;
    buf_init(&json, JSON_BYTES);
    buf_printf(&json, "{\"equal\":%s,", is_absent ? "false" : "null");
    write_text(&json, "not_compared", span_from_str(why));
    buf_printf(&json, ",\"exit_code\":%d,", (int)code);
    write_place(&json, VERIFY_SOURCE, &pair->source.chroma, pair->collection);
    buf_append_str(&json, "},");
    write_place(&json, VERIFY_TARGET, &pair->target.chroma, pair->target_name);
    buf_append_str(&json, "}}\n");
    return put(&json, out, err);
}
