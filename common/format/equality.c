/*
 * The table of equality.h in code: fields in order, each with its rule. Metadata has rules enough
 * for a file of its own, equality_metadata.c. Never decides what becomes of a record that differs.
 */
#include "format/equality.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format/equality_parts.h"
#include "format/scratch.h"

/* Of the largest component: stored as unit vector and norm, both rounded. */
#define COSINE_TOLERANCE 1e-6

static const char *const SPACE_NAMES[] = {
    [SPACE_L2] = "l2", [SPACE_IP] = "ip", [SPACE_COSINE] = "cosine"};

bool space_parse(const char *name, enum space *out)
{
    for (size_t i = 0; name != NULL && i < ARRAY_LEN(SPACE_NAMES); i++) {
        if (strcmp(name, SPACE_NAMES[i]) == 0) {
            *out = (enum space)i;
            return true;
        }
    }
    return false;
}

const char *space_name(enum space space)
{
    return (size_t)space < ARRAY_LEN(SPACE_NAMES) ? SPACE_NAMES[space] : "unknown";
}

void equality_show(struct span text, char out[EQUALITY_SHOWN])
{
    struct buf shown;
    buf_init(&shown, 4 * EQUALITY_SHOWN);
    buf_append_printable(&shown, text, EQUALITY_SHOWN - 4); /* "…" takes three bytes, the NUL one */
    (void)snprintf(out, EQUALITY_SHOWN, "%s", buf_cstr(&shown));
    buf_deinit(&shown);
}

enum equality equality_explain(enum equality verdict, struct difference *out, const char *field,
                               const char *fmt, ...)
{
    if (out != NULL) {
        va_list args;
        va_start(args, fmt);
        out->field = field;
        (void)vsnprintf(out->detail, sizeof out->detail, fmt, args);
        va_end(args);
    }
    return verdict;
}

/* A length for humans: how much of an absent or present value there is. */
static void show_length(struct json_value value, char out[EQUALITY_SHOWN])
{
    if (value.type == JSON_NULL) {
        (void)snprintf(out, EQUALITY_SHOWN, "null");
    } else {
        (void)snprintf(out, EQUALITY_SHOWN, "%zu bytes", value.text.len - 2);
    }
}

/* Where two texts part, with a few characters of each; never the whole of a document. */
static enum equality explain_text(struct span want, struct span have, const char *field,
                                  struct difference *out)
{
    size_t at = 0;
    while (at < want.len && at < have.len && want.ptr[at] == have.ptr[at]) {
        at++;
    }
    while (at > 0 && at < want.len && (want.ptr[at] & 0xC0) == 0x80) {
        at--; /* to the start of the character */
    }
    char sent[EQUALITY_SHOWN];
    char read[EQUALITY_SHOWN];
    size_t sent_len = want.len - at < 16 ? want.len - at : 16;
    size_t read_len = have.len - at < 16 ? have.len - at : 16;
    equality_show((struct span){want.ptr + at, sent_len}, sent);
    equality_show((struct span){have.ptr + at, read_len}, read);
    return equality_explain(EQUALITY_DIFFERENT, out, field,
                            "from byte %zu: sent \"%s\" (%zu bytes in all), read \"%s\" (%zu)", at,
                            sent, want.len, read, have.len);
}

/* Strings by characters, however they are escaped; null is only null, not "". */
static enum equality compare_text(struct json_value want, struct json_value have, const char *field,
                                  struct arena *scratch, struct difference *out)
{
    if (want.type == have.type && span_equal(want.text, have.text)) {
        return EQUALITY_SAME;
    }
    if (want.type != JSON_STRING || have.type != JSON_STRING) {
        char sent[EQUALITY_SHOWN];
        char read[EQUALITY_SHOWN];
        show_length(want, sent);
        show_length(have, read);
        return equality_explain(EQUALITY_DIFFERENT, out, field, "sent %s, read %s", sent, read);
    }
    struct span sent = {0};
    struct span read = {0};
    struct error err = {0};
    if (!scratch_string(want, scratch, &sent, &err) ||
        !scratch_string(have, scratch, &read, &err)) {
        return equality_explain(EQUALITY_DIFFERENT, out, field, "cannot be compared: %s",
                                err.message);
    }
    return span_equal(sent, read) ? EQUALITY_SAME : explain_text(sent, read, field, out);
}

static bool is_component_same(float want, float have, enum space space, double tolerance)
{
    if (space == SPACE_COSINE) {
        return fabs((double)want - (double)have) <= tolerance; /* false for NaN */
    }
    return memcmp(&want, &have, sizeof want) == 0;
}

static enum equality compare_components(const struct record *want, const struct record *have,
                                        enum space space, struct difference *out)
{
    size_t count = want->dimension;
    if (memcmp(want->embedding, have->embedding, count * sizeof(float)) == 0) {
        return EQUALITY_SAME;
    }
    double largest = 0;
    for (size_t i = 0; space == SPACE_COSINE && i < count; i++) {
        double size = fabs((double)want->embedding[i]);
        largest = size > largest ? size : largest;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_component_same(want->embedding[i], have->embedding[i], space,
                               COSINE_TOLERANCE * largest)) {
            return equality_explain(EQUALITY_DIFFERENT, out, "embedding",
                                    "component %zu: sent %.9g, read %.9g", i,
                                    (double)want->embedding[i], (double)have->embedding[i]);
        }
    }
    return EQUALITY_SAME;
}

static enum equality compare_embedding(const struct record *want, const struct record *have,
                                       enum space space, struct difference *out)
{
    if (want->embedding == NULL && have->embedding == NULL) {
        return EQUALITY_SAME;
    }
    if (want->embedding == NULL || have->embedding == NULL) {
        return equality_explain(EQUALITY_DIFFERENT, out, "embedding", "sent %s, read %s",
                                want->embedding != NULL ? "a vector" : "none",
                                have->embedding != NULL ? "a vector" : "none");
    }
    if (!have->is_finite) {
        return equality_explain(EQUALITY_NOT_STORABLE, out, "embedding",
                                "reads back with components that are no finite numbers");
    }
    if (want->dimension != have->dimension) {
        return equality_explain(EQUALITY_DIFFERENT, out, "embedding",
                                "sent %zu components, read %zu", want->dimension, have->dimension);
    }
    return compare_components(want, have, space, out);
}

enum equality equality_compare(const struct record *want, const struct record *have,
                               enum space space, struct arena *scratch, struct difference *out)
{
    if (out != NULL) {
        *out = (struct difference){0};
    }
    if (have == NULL) {
        return equality_explain(EQUALITY_MISSING, out, "id", "nothing came back");
    }
    if (!span_equal(want->id, have->id)) {
        return equality_explain(EQUALITY_DIFFERENT, out, "id", "another record came back");
    }
    enum equality verdict = compare_embedding(want, have, space, out);
    if (verdict == EQUALITY_SAME) {
        verdict = compare_text(want->document, have->document, "document", scratch, out);
    }
    if (verdict == EQUALITY_SAME) {
        verdict = compare_text(want->uri, have->uri, "uri", scratch, out);
    }
    if (verdict == EQUALITY_SAME) { /* last: the only one that can also be merely rounded */
        verdict = equality_compare_metadata(want->metadata, have->metadata, scratch, out);
    }
    return verdict;
}
