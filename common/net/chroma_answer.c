/*
 * What a server's answer means: the one table from HTTP status to error kind, and the one place
 * where a refusal becomes a message. A body may be JSON, plain text, HTML or nothing, and may even
 * repeat the secret we sent.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "net/chroma_internal.h"

#define WORDS_MAX 240u /* of the server's words in a message */

enum error_kind chroma_classify(int status)
{
    switch (status) {
    case 401:
    case 403:
        return ERROR_AUTH;
    case 404:
        return ERROR_NOT_FOUND;
    case 408:
        return ERROR_TIMEOUT;
    case 409:
        return ERROR_CONFLICT;
    case 413:
        return ERROR_TOO_LARGE;
    case 429:
        return ERROR_THROTTLED;
    case 501:
        return ERROR_REJECTED; /* not implemented: asking again does not help */
    default:
        break;
    }
    if (status >= 200 && status <= 299) {
        return ERROR_NONE;
    }
    return status >= 500 ? ERROR_UNAVAILABLE : ERROR_REJECTED;
}

const char *chroma_host(const struct chroma *chroma)
{
    const char *slashes = strstr(chroma->address.origin, "://");

    return slashes ? slashes + 3 : chroma->address.origin;
}

static void restate(struct error *err, const char *message)
{
    struct error old = *err;

    error_clear(err);
    error_set(err, old.kind, "%s", message);
    err->native = old.native;
    err->retry_after_ms = old.retry_after_ms;
}

bool chroma_name_server(const struct chroma *chroma, struct error *err)
{
    return error_wrap(err, "%s %s", chroma->role, chroma_host(chroma));
}

/* The transport says "host:port: what" already. */
static void name_role(const struct chroma *chroma, struct error *err)
{
    char message[sizeof err->message + sizeof chroma->role + 1];

    snprintf(message, sizeof message, "%s %s", chroma->role, err->message);
    restate(err, message);
}

/* The part of the header that must not come back in a message: what follows the last space. */
static struct span secret_of(const struct chroma *chroma)
{
    const char *space = strrchr(chroma->auth_header, ' ');

    return span_from_str(space ? space + 1 : "");
}

static bool holds(struct span text, struct span part)
{
    return part.len > 0 && text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len);
}

static struct span trim(struct span text)
{
    while (text.len > 0 && text.ptr[0] <= ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    return text;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Text for people, cut between characters. Bytes that cannot be shown are escaped by
 * error_set(). */
static void copy_words(struct span text, char out[WORDS_MAX + 8])
{
    size_t len = text.len;

    if (len > WORDS_MAX) {
        len = WORDS_MAX;
        while (len > 0 && is_continuation(text.ptr[len])) {
            len--;
        }
    }
    if (len > 0) {
        memcpy(out, text.ptr, len);
    }
    snprintf(out + len, 8, "%s", len < text.len ? "…" : "");
}

/* The server's words: "message", "error" or "detail" of a JSON body, else the body itself. */
static void words_of(const struct chroma *chroma, struct span body, char out[WORDS_MAX + 8])
{
    struct document *json = NULL;
    struct error ignored = {0};
    struct span text = trim(body);

    if (document_parse(body, &json, &ignored)) {
        const char *said = document_string(document_get(json, "detail"), NULL);

        said = document_string(document_get(json, "error"), said);
        said = document_string(document_get(json, "message"), said);
        text = said ? span_from_str(said) : text;
    }
    if (text.len == 0) {
        text = SPAN_LITERAL("no reason given");
    }
    if (holds(text, secret_of(chroma))) {
        text = SPAN_LITERAL("the reason given repeats the secret and is not shown");
    }
    copy_words(text, out);
    document_free(json);
}

static const char *token_variable(const struct chroma *chroma)
{
    return strcmp(chroma->role, "target") == 0 ? "FERRY_TARGET_TOKEN" : "FERRY_SOURCE_TOKEN";
}

bool chroma_check(const struct chroma *chroma, const struct http_answer *answer, struct error *err)
{
    enum error_kind kind = chroma_classify(answer->status);
    char words[WORDS_MAX + 8];
    const char *trace = answer->trace_id ? answer->trace_id : "";

    if (answer->status == 0) {
        *err = answer->err;
        name_role(chroma, err);
        return false;
    }
    if (kind == ERROR_NONE) {
        return true;
    }
    words_of(chroma, answer->body, words);
    if (kind == ERROR_AUTH) {
        bool is_sent = chroma->auth_header[0] != '\0';

        error_set(err, kind, "%d: %s credentials (%s %s): %s", answer->status,
                  is_sent ? "refused the" : "asks for", is_sent ? "check" : "set",
                  token_variable(chroma), words);
    } else if (answer->status >= 500 && trace[0]) {
        error_set(err, kind, "%d: %s (trace %s)", answer->status, words, trace);
    } else {
        error_set(err, kind, "%d: %s", answer->status, words);
    }
    err->native = answer->status;
    err->retry_after_ms = answer->retry_after_ms;
    return chroma_name_server(chroma, err);
}

/* Older servers answer 400 where newer ones answer 404. */
static bool says_missing(const struct http_answer *answer)
{
    return answer->status == 404 ||
           (answer->status == 400 && (holds(answer->body, SPAN_LITERAL("InvalidCollection")) ||
                                      holds(answer->body, SPAN_LITERAL("does not exist"))));
}

bool chroma_check_named(const struct chroma *chroma, const struct http_answer *answer,
                        const char *name, struct error *err)
{
    if (!says_missing(answer)) {
        return chroma_check(chroma, answer, err);
    }
    if (strcmp(chroma->tenant, "default_tenant") == 0 &&
        strcmp(chroma->database, "default_database") == 0) {
        error_set(err, ERROR_NOT_FOUND, "collection \"%s\" does not exist (%d)", name,
                  answer->status);
    } else { /* servers do not tell a missing database from a missing collection */
        error_set(err, ERROR_NOT_FOUND,
                  "collection \"%s\" does not exist in database \"%s\" of tenant \"%s\" (%d)", name,
                  chroma->database, chroma->tenant, answer->status);
    }
    err->native = answer->status;
    return chroma_name_server(chroma, err);
}

static bool not_a_chroma(const struct chroma *chroma, const struct http_answer *answer,
                         const char *what, struct error *err)
{
    error_set(err, ERROR_USAGE,
              "%s %s answers %s to /api/v2/pre-flight-checks: not a Chroma with API v2",
              chroma->role, chroma->address.base, what);
    err->native = answer->status;
    return false;
}

bool chroma_check_preflight(const struct chroma *chroma, const struct http_answer *answer,
                            struct chroma_limits *out, struct error *err)
{
    enum error_kind kind = chroma_classify(answer->status);
    struct document *json = NULL;
    struct error why = {0};
    double records;
    char status[16];

    if (kind == ERROR_NOT_FOUND || kind == ERROR_REJECTED || kind == ERROR_CONFLICT ||
        kind == ERROR_TOO_LARGE) {
        if (answer->status != 0) {
            snprintf(status, sizeof status, "%d", answer->status);
            return not_a_chroma(chroma, answer, status, err);
        }
    }
    if (!chroma_check(chroma, answer, err)) {
        return false;
    }
    if (!document_parse(answer->body, &json, &why)) {
        return not_a_chroma(chroma, answer, "something that is not JSON", err);
    }
    records = document_number(document_get(json, "max_batch_size"), 0);
    out->max_batch_records = records > 0 && records < UINT32_MAX ? (uint32_t)records : 0;
    out->takes_base64 = document_bool(document_get(json, "supports_base64_encoding"), false);
    document_free(json);
    if (out->max_batch_records == 0) {
        return not_a_chroma(chroma, answer, "JSON without max_batch_size", err);
    }
    return true;
}
