/*
 * Vectors: the one kind of array that is worth converting while it is scanned. Everything else
 * stays a slice.
 */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "format/json_lex.h"
#include "format/json_scan.h"

static inline const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && json_is_space(*at)) {
        at++;
    }
    return at;
}

/* A number or null; NULL when neither starts at `at`. */
static inline const uint8_t *take_float(const uint8_t *at, const uint8_t *end, float *out,
                                        bool *finite)
{
    size_t len = float_scan(at, end, out);

    if (len > 0) {
        if (isinf(*out)) {
            *out = NAN;
            *finite = false;
        }
        return at + len;
    }
    if (end - at >= 4 && memcmp(at, "null", 4) == 0) {
        *out = NAN;
        *finite = false;
        return at + 4;
    }
    return NULL;
}

static bool fail_at(const struct json_scan *scan, const uint8_t *at, const char *expected,
                    struct error *err)
{
    return json_lex_fail(err, (uint64_t)(at - scan->start), expected, at < scan->end ? at : NULL);
}

bool json_read_floats(struct json_scan *scan, float *out, size_t max, size_t *count, bool *finite,
                      struct error *err)
{
    const uint8_t *end = scan->end;
    const uint8_t *at = skip_space(scan->at, end);
    bool all_finite = true;
    size_t n = 0;

    if (at == end || *at != '[') {
        return fail_at(scan, at, "an array of numbers", err);
    }
    at = skip_space(at + 1, end);
    if (at < end && *at == ']') {
        at++;
    } else {
        for (;;) {
            const uint8_t *behind;
            float value;

            behind = at < end ? take_float(at, end, &value, &all_finite) : NULL;
            if (!behind) {
                return fail_at(scan, at, "a number or null", err);
            }
            if (n == max) {
                return error_set(err, ERROR_FORMAT,
                                 "malformed JSON at byte %zu: more than %zu numbers in an array",
                                 (size_t)(at - scan->start), max);
            }
            out[n++] = value;
            at = skip_space(behind, end);
            if (at == end || (*at != ',' && *at != ']')) {
                return fail_at(scan, at, "',' or ']'", err);
            }
            if (*at++ == ']') {
                break;
            }
            at = skip_space(at, end);
        }
    }
    scan->at = at;
    *count = n;
    *finite = all_finite;
    return true;
}
