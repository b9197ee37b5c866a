/*
 * The pull reader: containers are entered and left, everything else is taken whole as a slice. No
 * recursion, no memory of its own. Scalars are in json_token.c, strings in json_string.c, the
 * number arrays of vectors in json_floats.c.
 */
#include "format/json_scan.h"

#include "format/json_lex.h"

void json_scan_init(struct json_scan *scan, struct span text)
{
    static const uint8_t nothing[1] = {0};

    *scan = (struct json_scan){0};
    scan->start = text.len > 0 ? text.ptr : nothing;
    scan->at = scan->start;
    scan->end = scan->start + text.len;
}

bool json_open(struct json_scan *scan, char bracket, struct error *err)
{
    if (json_next_byte(scan) != (uint8_t)bracket) {
        return json_fail_expected(scan, bracket == '{' ? "an object" : "an array", err);
    }
    if (scan->depth == LIMIT_JSON_DEPTH) {
        return json_lex_fault(err, (uint64_t)(scan->at - scan->start), "nested too deeply");
    }
    scan->at++;
    scan->is_first[scan->depth++] = true;
    return true;
}

/* What both kinds of container have in common before an element: the end, or the comma. */
static bool next_in_container(struct json_scan *scan, uint8_t close, bool *more, struct error *err)
{
    bool *is_first;
    uint8_t byte = json_next_byte(scan);

    if (scan->depth == 0) {
        return error_set(err, ERROR_BUG, "no JSON container is open");
    }
    is_first = &scan->is_first[scan->depth - 1];
    *more = byte != close;
    if (!*more) {
        scan->at++;
        scan->depth--;
        return true;
    }
    if (*is_first) {
        *is_first = false;
        return true;
    }
    if (byte != ',') {
        return json_fail_expected(scan, close == '}' ? "',' or '}'" : "',' or ']'", err);
    }
    scan->at++;
    return true;
}

static bool take_name(struct json_scan *scan, struct error *err)
{
    if (json_next_byte(scan) != '"') {
        return json_fail_expected(scan, "a member name", err);
    }
    return json_take_string(scan, err);
}

static bool take_colon(struct json_scan *scan, struct error *err)
{
    if (json_next_byte(scan) != ':') {
        return json_fail_expected(scan, "':'", err);
    }
    scan->at++;
    return true;
}

bool json_next_member(struct json_scan *scan, struct json_value *name, bool *more,
                      struct error *err)
{
    if (!next_in_container(scan, '}', more, err)) {
        return false;
    }
    if (!*more) {
        return true;
    }
    (void)json_next_byte(scan);
    name->type = JSON_STRING;
    name->text.ptr = scan->at;
    if (!take_name(scan, err)) {
        return false;
    }
    name->text.len = (size_t)(scan->at - name->text.ptr);
    return take_colon(scan, err);
}

bool json_next_element(struct json_scan *scan, bool *more, struct error *err)
{
    return next_in_container(scan, ']', more, err);
}

/* Consumes a container whose bracket has just been opened in `inner`, down to and including its
 * end. */
static bool take_container(struct json_scan *inner, bool is_object[LIMIT_JSON_DEPTH],
                           struct error *err)
{
    while (inner->depth > 0) {
        bool in_object = is_object[inner->depth - 1];
        enum json_type type;
        bool more;

        if (!next_in_container(inner, in_object ? '}' : ']', &more, err)) {
            return false;
        }
        if (!more) {
            continue;
        }
        if (in_object && (!take_name(inner, err) || !take_colon(inner, err))) {
            return false;
        }
        if (!json_peek(inner, &type, err)) {
            return false;
        }
        if (type == JSON_OBJECT || type == JSON_ARRAY) {
            if (!json_open(inner, type == JSON_OBJECT ? '{' : '[', err)) {
                return false;
            }
            is_object[inner->depth - 1] = type == JSON_OBJECT;
        } else if (!json_take_scalar(inner, type, err)) {
            return false;
        }
    }
    return true;
}

bool json_read(struct json_scan *scan, struct json_value *out, struct error *err)
{
    enum json_type type;

    if (!json_peek(scan, &type, err)) {
        return false;
    }
    out->type = type;
    out->text.ptr = scan->at;
    if (type == JSON_OBJECT || type == JSON_ARRAY) {
        /* A value's depth is its own: what fits inside a batch line fits at the bottom of an answer
         * too. */
        struct json_scan inner = {.start = scan->start, .at = scan->at, .end = scan->end};
        bool is_object[LIMIT_JSON_DEPTH];

        is_object[0] = type == JSON_OBJECT;
        if (!json_open(&inner, type == JSON_OBJECT ? '{' : '[', err) ||
            !take_container(&inner, is_object, err)) {
            return false;
        }
        scan->at = inner.at;
    } else if (!json_take_scalar(scan, type, err)) {
        return false;
    }
    out->text.len = (size_t)(scan->at - out->text.ptr);
    return true;
}

bool json_finish(struct json_scan *scan, struct error *err)
{
    (void)json_next_byte(scan);
    if (scan->depth > 0) {
        return error_set(err, ERROR_BUG, "a JSON container is still open");
    }
    return scan->at == scan->end || json_fail_expected(scan, "nothing more", err);
}
