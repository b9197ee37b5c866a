/*
 * The grammar of the push parser, a state per byte. Strings have their own states in
 * json_push_string.c.
 */
#include "format/json_push.h"

#include "format/json_lex.h"

void json_push_init(struct json_push *push, json_push_fn *on_event, void *ctx)
{
    *push = (struct json_push){.on_event = on_event, .ctx = ctx, .state = PUSH_VALUE};
}

static bool emit(struct json_push *push, enum json_push_event event, struct error *err)
{
    return push->on_event(push->ctx, event, push->depth, (struct span){0}, err);
}

static bool open_container(struct json_push *push, bool is_object, struct error *err)
{
    if (!emit(push, is_object ? JSON_PUSH_OBJECT : JSON_PUSH_ARRAY, err)) {
        return false;
    }
    if (push->depth == LIMIT_JSON_DEPTH) {
        return json_lex_fault(err, push->offset, "nested too deeply");
    }
    push->is_object[push->depth++] = is_object;
    push->state = is_object ? PUSH_NAME_OR_END : PUSH_ELEMENT_OR_END;
    return true;
}

static bool close_container(struct json_push *push, struct error *err)
{
    push->depth--;
    push->state = PUSH_AFTER_VALUE;
    return emit(push, JSON_PUSH_CLOSE, err);
}

static bool begin_scalar(struct json_push *push, enum json_push_state state, const char *literal,
                         struct error *err)
{
    push->state = state;
    push->literal = literal;
    return emit(push, JSON_PUSH_SCALAR, err);
}

static bool begin_string(struct json_push *push, bool is_name)
{
    push->state = PUSH_STRING;
    push->is_name = is_name;
    return true;
}

static bool step_value(struct json_push *push, uint8_t byte, struct error *err)
{
    switch (byte) {
    case '{':
        return open_container(push, true, err);
    case '[':
        return open_container(push, false, err);
    case '"':
        return begin_string(push, false);
    case 't':
        return begin_scalar(push, PUSH_LITERAL, "rue", err);
    case 'f':
        return begin_scalar(push, PUSH_LITERAL, "alse", err);
    case 'n':
        return begin_scalar(push, PUSH_LITERAL, "ull", err);
    case '-':
        return begin_scalar(push, PUSH_NUMBER_MINUS, NULL, err);
    case '0':
        return begin_scalar(push, PUSH_NUMBER_ZERO, NULL, err);
    default:
        if (byte >= '1' && byte <= '9') {
            return begin_scalar(push, PUSH_NUMBER_INTEGER, NULL, err);
        }
        return json_lex_fail(err, push->offset, "a value", &byte);
    }
}

static bool step_after_value(struct json_push *push, uint8_t byte, struct error *err)
{
    bool in_object;

    if (push->depth == 0) {
        return json_lex_fail(err, push->offset, "nothing more", &byte);
    }
    in_object = push->is_object[push->depth - 1];
    if (byte == ',') {
        push->state = in_object ? PUSH_NAME : PUSH_VALUE;
        return true;
    }
    if (byte == (in_object ? '}' : ']')) {
        return close_container(push, err);
    }
    return json_lex_fail(err, push->offset, in_object ? "',' or '}'" : "',' or ']'", &byte);
}

static bool step_name(struct json_push *push, uint8_t byte, struct error *err)
{
    return byte == '"' ? begin_string(push, true)
                       : json_lex_fail(err, push->offset, "a member name", &byte);
}

/* Between tokens: white space has been skipped. */
static bool step_structure(struct json_push *push, uint8_t byte, struct error *err)
{
    switch (push->state) {
    case PUSH_ELEMENT_OR_END:
        return byte == ']' ? close_container(push, err) : step_value(push, byte, err);
    case PUSH_NAME_OR_END:
        return byte == '}' ? close_container(push, err) : step_name(push, byte, err);
    case PUSH_NAME:
        return step_name(push, byte, err);
    case PUSH_COLON:
        push->state = PUSH_VALUE;
        return byte == ':' || json_lex_fail(err, push->offset, "':'", &byte);
    case PUSH_AFTER_VALUE:
        return step_after_value(push, byte, err);
    default:
        return step_value(push, byte, err);
    }
}

static bool step_literal(struct json_push *push, uint8_t byte, struct error *err)
{
    if (byte != (uint8_t)*push->literal) {
        return json_lex_fail(err, push->offset, "true, false or null", &byte);
    }
    push->literal++;
    if (*push->literal == '\0') {
        push->state = PUSH_AFTER_VALUE;
    }
    return true;
}

/* The state behind `byte`; PUSH_AFTER_VALUE: the number has ended before it; PUSH_VALUE: it may not
 * stand here. */
static enum json_push_state number_next(enum json_push_state state, uint8_t byte)
{
    bool is_digit = byte >= '0' && byte <= '9';
    bool is_e = byte == 'e' || byte == 'E';

    switch (state) {
    case PUSH_NUMBER_MINUS:
        return !is_digit ? PUSH_VALUE : byte == '0' ? PUSH_NUMBER_ZERO : PUSH_NUMBER_INTEGER;
    case PUSH_NUMBER_ZERO:
        return byte == '.' ? PUSH_NUMBER_POINT : is_e ? PUSH_NUMBER_E : PUSH_AFTER_VALUE;
    case PUSH_NUMBER_INTEGER:
        return is_digit      ? state
               : byte == '.' ? PUSH_NUMBER_POINT
               : is_e        ? PUSH_NUMBER_E
                             : PUSH_AFTER_VALUE;
    case PUSH_NUMBER_POINT:
        return is_digit ? PUSH_NUMBER_FRACTION : PUSH_VALUE;
    case PUSH_NUMBER_FRACTION:
        return is_digit ? state : is_e ? PUSH_NUMBER_E : PUSH_AFTER_VALUE;
    case PUSH_NUMBER_E:
        return is_digit                     ? PUSH_NUMBER_EXPONENT
               : byte == '+' || byte == '-' ? PUSH_NUMBER_E_SIGN
                                            : PUSH_VALUE;
    case PUSH_NUMBER_E_SIGN:
        return is_digit ? PUSH_NUMBER_EXPONENT : PUSH_VALUE;
    default:
        return is_digit ? PUSH_NUMBER_EXPONENT : PUSH_AFTER_VALUE;
    }
}

/* Takes one byte, or none when it stands behind the number; NULL on error. */
static const uint8_t *step_number(struct json_push *push, const uint8_t *at, struct error *err)
{
    push->state = number_next(push->state, *at);
    if (push->state == PUSH_VALUE) {
        json_lex_fail(err, push->offset, "a digit", at);
        return NULL;
    }
    return push->state == PUSH_AFTER_VALUE ? at : at + 1;
}

static const uint8_t *step(struct json_push *push, const uint8_t *at, const uint8_t *end,
                           struct error *err)
{
    if (push->state >= PUSH_STRING) {
        return json_push_string(push, at, end, err);
    }
    if (push->state >= PUSH_NUMBER_MINUS) {
        return step_number(push, at, err);
    }
    if (push->state == PUSH_LITERAL) {
        return step_literal(push, *at, err) ? at + 1 : NULL;
    }
    if (json_is_space(*at)) {
        return at + 1;
    }
    return step_structure(push, *at, err) ? at + 1 : NULL;
}

bool json_push_feed(struct json_push *push, struct span bytes, struct error *err)
{
    const uint8_t *at = bytes.ptr;
    const uint8_t *end = bytes.len > 0 ? at + bytes.len : at;

    while (at < end) {
        const uint8_t *next = step(push, at, end, err);

        if (!next) {
            return false;
        }
        push->offset += (uint64_t)(next - at);
        at = next;
    }
    return true;
}

bool json_push_finish(struct json_push *push, struct error *err)
{
    bool is_number_complete =
        push->state == PUSH_NUMBER_ZERO || push->state == PUSH_NUMBER_INTEGER ||
        push->state == PUSH_NUMBER_FRACTION || push->state == PUSH_NUMBER_EXPONENT;

    if (push->depth == 0 && (push->state == PUSH_AFTER_VALUE || is_number_complete)) {
        return true;
    }
    return json_lex_fault(err, push->offset, "the text is cut off");
}
