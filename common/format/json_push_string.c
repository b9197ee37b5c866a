/*
 * Strings of the push parser. Whole runs are handed on as they stand in the piece; only escapes and
 * sequences that a cut has divided are put together first.
 */
#include <string.h>

#include "base/utf8.h"
#include "format/json_lex.h"
#include "format/json_push.h"

static bool emit_piece(struct json_push *push, const uint8_t *ptr, size_t len, struct error *err)
{
    return push->on_event(push->ctx, push->is_name ? JSON_PUSH_NAME : JSON_PUSH_STRING, push->depth,
                          (struct span){ptr, len}, err);
}

static bool emit_scalar(struct json_push *push, uint32_t scalar, struct error *err)
{
    uint8_t bytes[4];

    push->state = PUSH_STRING;
    return emit_piece(push, bytes, utf8_encode(scalar, bytes), err);
}

static bool end_string(struct json_push *push, struct error *err)
{
    push->state = push->is_name ? PUSH_COLON : PUSH_AFTER_VALUE;
    return push->on_event(push->ctx, push->is_name ? JSON_PUSH_NAME_END : JSON_PUSH_STRING_END,
                          push->depth, (struct span){0}, err);
}

/* Everything that can be handed on as one piece: plain text and whole UTF-8 sequences. */
static const uint8_t *run_end(const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        size_t len;

        at = json_lex_plain(at, end);
        if (at == end || *at < 0x80) {
            return at;
        }
        len = utf8_sequence(at, end);
        if (len == 0) {
            return at;
        }
        at += len;
    }
}

static const uint8_t *step_plain(struct json_push *push, const uint8_t *at, const uint8_t *end,
                                 struct error *err)
{
    const uint8_t *stop = run_end(at, end);

    if (stop > at) {
        return emit_piece(push, at, (size_t)(stop - at), err) ? stop : NULL;
    }
    if (*at == '"') {
        return end_string(push, err) ? at + 1 : NULL;
    }
    if (*at == '\\') {
        push->state = PUSH_STRING_ESCAPE;
        return at + 1;
    }
    if (*at < 0x20) {
        json_lex_fault(err, push->offset, "unescaped control character in a string");
        return NULL;
    }
    if (end - at >= 4) {
        json_lex_fault(err, push->offset, "invalid UTF-8");
        return NULL;
    }
    push->state = PUSH_STRING_SEQUENCE; /* invalid, or divided by the end of this piece */
    push->sequence_len = 0;
    return at;
}

static bool step_sequence(struct json_push *push, uint8_t byte, struct error *err)
{
    uint8_t first;
    uint8_t needed;

    push->sequence[push->sequence_len++] = byte;
    first = push->sequence[0];
    needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (push->sequence_len < needed) {
        return true;
    }
    if (utf8_sequence(push->sequence, push->sequence + needed) == 0) {
        return json_lex_fault(err, push->offset - (push->sequence_len - 1u), "invalid UTF-8");
    }
    push->state = PUSH_STRING;
    return emit_piece(push, push->sequence, needed, err);
}

static bool step_escape(struct json_push *push, uint8_t byte, struct error *err)
{
    uint8_t meant = json_lex_escape(byte);

    if (byte == 'u') {
        push->state = PUSH_STRING_HEX;
        push->unit = 0;
        push->hex_digits = 0;
        return true;
    }
    if (meant == 0) {
        return json_lex_fault(err, push->offset - 1, "unknown escape");
    }
    return emit_scalar(push, meant, err);
}

static bool step_hex(struct json_push *push, uint8_t byte, struct error *err)
{
    int digit = json_lex_hex(byte);
    uint32_t high = push->high;

    if (digit < 0) {
        return json_lex_fault(err, push->offset, "\\u without four hexadecimal digits");
    }
    push->unit = push->unit << 4 | (uint32_t)digit;
    if (++push->hex_digits < 4) {
        return true;
    }
    push->high = 0;
    if (high != 0) {
        if (!json_is_low_surrogate(push->unit)) {
            return json_lex_fault(err, push->offset, "high surrogate without a low one behind it");
        }
        return emit_scalar(push, json_surrogate_pair(high, push->unit), err);
    }
    if (json_is_low_surrogate(push->unit)) {
        return json_lex_fault(err, push->offset, "low surrogate without a high one before it");
    }
    if (json_is_high_surrogate(push->unit)) {
        push->high = push->unit;
        push->state = PUSH_STRING_LOW;
        return true;
    }
    return emit_scalar(push, push->unit, err);
}

/* The backslash, then the u, of the second half of a surrogate pair. */
static bool step_low(struct json_push *push, uint8_t byte, struct error *err)
{
    bool at_backslash = push->state == PUSH_STRING_LOW;

    if (byte != (at_backslash ? '\\' : 'u')) {
        return json_lex_fault(err, push->offset, "high surrogate without a low one behind it");
    }
    push->state = at_backslash ? PUSH_STRING_LOW_U : PUSH_STRING_HEX;
    push->unit = 0;
    push->hex_digits = 0;
    return true;
}

const uint8_t *json_push_string(struct json_push *push, const uint8_t *at, const uint8_t *end,
                                struct error *err)
{
    bool ok;

    switch (push->state) {
    case PUSH_STRING_SEQUENCE:
        ok = step_sequence(push, *at, err);
        break;
    case PUSH_STRING_ESCAPE:
        ok = step_escape(push, *at, err);
        break;
    case PUSH_STRING_HEX:
        ok = step_hex(push, *at, err);
        break;
    case PUSH_STRING_LOW:
    case PUSH_STRING_LOW_U:
        ok = step_low(push, *at, err);
        break;
    default:
        return step_plain(push, at, end, err);
    }
    return ok ? at + 1 : NULL;
}
