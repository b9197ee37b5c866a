/*
 * Error values: filling them, putting context in front, and the one table from kind to disposition.
 * Whatever a peer said may end up in a message, so every byte of it passes through here and comes
 * out printable.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define ELLIPSIS     "\xe2\x80\xa6"
#define ELLIPSIS_LEN (sizeof ELLIPSIS - 1)

/* Peers like to end their messages with a newline; it says nothing. */
static size_t length_without_tail(const char *text)
{
    size_t len = strlen(text);

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' ')) {
        len--;
    }
    return len;
}

static void message_store(struct error *err, const char *text)
{
    const size_t room = sizeof err->message - 1;
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = at + length_without_tail(text);
    size_t len = 0;
    size_t cut = 0; /* where an ellipsis still fits and no character is divided */

    while (at < end) {
        char unit[4];
        size_t taken;
        size_t unit_len = utf8_printable(at, end, &taken, unit);

        if (len + unit_len > room) {
            memcpy(err->message + cut, ELLIPSIS, ELLIPSIS_LEN);
            len = cut + ELLIPSIS_LEN;
            break;
        }
        memcpy(err->message + len, unit, unit_len);
        len += unit_len;
        at += taken;
        if (len + ELLIPSIS_LEN <= room) {
            cut = len;
        }
    }
    err->message[len] = '\0';
}

bool error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    /* Twice the message: what vsnprintf cuts off would not have fitted anyway. */
    char raw[2 * sizeof err->message];
    va_list args;

    if (err->kind != ERROR_NONE) {
        return false;
    }
    va_start(args, fmt);
    vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    err->kind = kind == ERROR_NONE ? ERROR_BUG : kind;
    message_store(err, raw);
    return false;
}

bool error_wrap(struct error *err, const char *fmt, ...)
{
    char context[sizeof err->message];
    char raw[2 * sizeof err->message + 2];
    va_list args;

    va_start(args, fmt);
    vsnprintf(context, sizeof context, fmt, args);
    va_end(args);
    if (err->kind == ERROR_NONE) {
        err->kind = ERROR_BUG; /* a failure without a reason must not read as success later */
    }
    snprintf(raw, sizeof raw, "%s: %s", context,
             err->message[0] ? err->message : "no reason given");
    message_store(err, raw);
    return false;
}

void error_clear(struct error *err)
{
    *err = (struct error){0};
}

const char *error_kind_name(enum error_kind kind)
{
    static const char *const names[ERROR_KIND_COUNT] = {
        [ERROR_NONE] = "none",
        [ERROR_USAGE] = "usage",
        [ERROR_NOMEM] = "nomem",
        [ERROR_LIMIT] = "limit",
        [ERROR_IO] = "io",
        [ERROR_TIMEOUT] = "timeout",
        [ERROR_UNAVAILABLE] = "unavailable",
        [ERROR_THROTTLED] = "throttled",
        [ERROR_AUTH] = "auth",
        [ERROR_NOT_FOUND] = "not_found",
        [ERROR_CONFLICT] = "conflict",
        [ERROR_REJECTED] = "rejected",
        [ERROR_TOO_LARGE] = "too_large",
        [ERROR_FORMAT] = "format",
        [ERROR_INTEGRITY] = "integrity",
        [ERROR_CANCELLED] = "cancelled",
        [ERROR_BUG] = "bug",
    };

    if ((unsigned)kind >= ERROR_KIND_COUNT) {
        return "unknown";
    }
    return names[kind];
}

enum disposition error_disposition(enum error_kind kind)
{
    switch (kind) { /* no default: a new kind must be decided here */
    case ERROR_TIMEOUT:
    case ERROR_UNAVAILABLE:
    case ERROR_THROTTLED:
        return DISPOSITION_RETRY;
    case ERROR_TOO_LARGE:
        return DISPOSITION_SPLIT;
    case ERROR_FORMAT:
        return DISPOSITION_REJECT;
    case ERROR_REJECTED:
    case ERROR_AUTH:
    case ERROR_NOT_FOUND:
    case ERROR_INTEGRITY:
    case ERROR_LIMIT:
        return DISPOSITION_BLOCK_JOB;
    case ERROR_CONFLICT:
        return DISPOSITION_ABANDON;
    case ERROR_NONE:
    case ERROR_USAGE:
    case ERROR_NOMEM:
    case ERROR_IO:
    case ERROR_CANCELLED:
    case ERROR_BUG:
    case ERROR_KIND_COUNT:
        break;
    }
    return DISPOSITION_STOP;
}
