/*
 * The scalars of the pull reader: what kind of value stands next, and where it ends. Knows nothing
 * of containers.
 */
#include <string.h>

#include "format/json_lex.h"
#include "format/json_scan.h"

bool json_fail_expected(const struct json_scan *scan, const char *expected, struct error *err)
{
    return json_lex_fail(err, (uint64_t)(scan->at - scan->start), expected,
                         scan->at < scan->end ? scan->at : NULL);
}

/* The next byte that is not white space, 0 at the end (a NUL in the text is malformed just the
 * same). */
uint8_t json_next_byte(struct json_scan *scan)
{
    while (scan->at < scan->end && json_is_space(*scan->at)) {
        scan->at++;
    }
    return scan->at < scan->end ? *scan->at : 0;
}

bool json_peek(struct json_scan *scan, enum json_type *out, struct error *err)
{
    switch (json_next_byte(scan)) {
    case '{':
        *out = JSON_OBJECT;
        return true;
    case '[':
        *out = JSON_ARRAY;
        return true;
    case '"':
        *out = JSON_STRING;
        return true;
    case 't':
        *out = JSON_TRUE;
        return true;
    case 'f':
        *out = JSON_FALSE;
        return true;
    case 'n':
        *out = JSON_NULL;
        return true;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        *out = JSON_NUMBER;
        return true;
    default:
        return json_fail_expected(scan, "a value", err);
    }
}

static bool take_literal(struct json_scan *scan, const char *word, struct error *err)
{
    size_t len = strlen(word);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0) {
        return json_fail_expected(scan, "true, false or null", err);
    }
    scan->at += len;
    return true;
}

static bool take_digits(struct json_scan *scan, struct error *err)
{
    const uint8_t *first = scan->at;

    while (scan->at < scan->end && (uint8_t)(*scan->at - '0') <= 9) {
        scan->at++;
    }
    return scan->at > first || json_fail_expected(scan, "a digit", err);
}

static bool take_number(struct json_scan *scan, struct error *err)
{
    if (*scan->at == '-') {
        scan->at++;
    }
    if (scan->at < scan->end && *scan->at == '0') {
        scan->at++; /* a digit behind it is found by whoever expects ',' or the end */
    } else if (!take_digits(scan, err)) {
        return false;
    }
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        if (!take_digits(scan, err)) {
            return false;
        }
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-')) {
            scan->at++;
        }
        return take_digits(scan, err);
    }
    return true;
}

bool json_take_string(struct json_scan *scan, struct error *err)
{
    const uint8_t *behind = json_lex_string(scan->start, scan->at + 1, scan->end, err);

    if (!behind) {
        return false;
    }
    scan->at = behind;
    return true;
}

bool json_take_scalar(struct json_scan *scan, enum json_type type, struct error *err)
{
    switch (type) {
    case JSON_NULL:
        return take_literal(scan, "null", err);
    case JSON_FALSE:
        return take_literal(scan, "false", err);
    case JSON_TRUE:
        return take_literal(scan, "true", err);
    case JSON_NUMBER:
        return take_number(scan, err);
    case JSON_STRING:
        return json_take_string(scan, err);
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return error_set(err, ERROR_BUG, "a container is not a scalar");
}

bool json_number_is_integer(struct json_value value)
{
    if (value.type != JSON_NUMBER) {
        return false;
    }
    for (size_t i = 0; i < value.text.len; i++) {
        if (value.text.ptr[i] == '.' || (value.text.ptr[i] | 0x20) == 'e') {
            return false;
        }
    }
    return true;
}
