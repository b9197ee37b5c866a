/*
 * Strict JSON that arrives in pieces: bytes in, events out, whatever the cuts. Same grammar and
 * strings as json_scan, but it builds nothing and keeps no text, so its memory does not depend on
 * the document. For id_stream.
 */
#ifndef FORMAT_JSON_PUSH_H
#define FORMAT_JSON_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"

enum json_push_event {
    JSON_PUSH_OBJECT, /* opens */
    JSON_PUSH_ARRAY,  /* opens */
    JSON_PUSH_CLOSE,  /* the innermost of them */
    JSON_PUSH_NAME,   /* a piece of a member's name, escapes resolved */
    JSON_PUSH_NAME_END,
    JSON_PUSH_STRING,     /* a piece of a string value, escapes resolved */
    JSON_PUSH_STRING_END, /* also of an empty one, which has no pieces */
    JSON_PUSH_SCALAR,     /* a number, true, false or null begins */
};

/* depth: containers around the thing. piece: borrowed for the call. False ends the parse with the
 * callback's error. */
typedef bool json_push_fn(void *ctx, enum json_push_event event, unsigned depth, struct span piece,
                          struct error *err);

enum json_push_state {
    PUSH_VALUE,
    PUSH_ELEMENT_OR_END,
    PUSH_NAME,
    PUSH_NAME_OR_END,
    PUSH_COLON,
    PUSH_AFTER_VALUE,
    PUSH_LITERAL,
    PUSH_NUMBER_MINUS, /* behind the minus; the others likewise name what has been read */
    PUSH_NUMBER_ZERO,
    PUSH_NUMBER_INTEGER,
    PUSH_NUMBER_POINT,
    PUSH_NUMBER_FRACTION,
    PUSH_NUMBER_E,
    PUSH_NUMBER_E_SIGN,
    PUSH_NUMBER_EXPONENT,
    PUSH_STRING,
    PUSH_STRING_SEQUENCE, /* inside a UTF-8 sequence that was cut by the end of a piece */
    PUSH_STRING_ESCAPE,   /* behind the backslash */
    PUSH_STRING_HEX,      /* behind \u */
    PUSH_STRING_LOW,      /* behind a high surrogate: a backslash must follow */
    PUSH_STRING_LOW_U,    /* and an u */
};

struct json_push { /* no resources: nothing to free */
    json_push_fn *on_event;
    void *ctx;
    uint64_t offset; /* of the byte looked at */
    enum json_push_state state;
    unsigned depth;
    bool is_object[LIMIT_JSON_DEPTH];
    bool is_name;        /* the string being read is a member's name */
    const char *literal; /* what of true, false or null is still to come */
    uint8_t sequence[4];
    uint8_t sequence_len;
    uint8_t hex_digits;
    uint32_t unit; /* \uXXXX so far */
    uint32_t high; /* a high surrogate waiting for its partner, or 0 */
};

void json_push_init(struct json_push *push, json_push_fn *on_event, void *ctx);
/* After a false, the state is undefined: do not feed again. */
MUST_CHECK bool json_push_feed(struct json_push *push, struct span bytes, struct error *err);
/* ERROR_FORMAT when the value is not complete. */
MUST_CHECK bool json_push_finish(struct json_push *push, struct error *err);

/* json_push_string.c: goes on inside a string, returns where it stopped, NULL on error. */
const uint8_t *json_push_string(struct json_push *push, const uint8_t *at, const uint8_t *end,
                                struct error *err);

#endif
