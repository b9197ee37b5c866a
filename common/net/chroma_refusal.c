/*
 * What a refusal means: the one table from HTTP status to error kind, and the one place where a
 * refusal becomes a message. A body may be JSON, plain text, HTML or nothing, and may even repeat
 * the secret we sent.
 */
#include <stdio.h>
#include <string.h>

#include "net/chroma_internal.h"

enum error_kind chroma_classify(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 407: /* of a proxy */
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

/* Servers before 1.0 answer 400 or 500 where later ones answer 404. */
bool chroma_says_missing(const struct chroma *chroma, const struct http_answer *answer,
                         const char *name)
{
    if (chroma_is_page(answer)) {
        return false;
    }
    if (answer->status == 404) {
        return name != NULL;
    }
    if (answer->status == 400) {
        return chroma_holds(answer->body, SPAN_LITERAL("InvalidCollection")) ||
               (name != NULL && chroma_holds(answer->body, SPAN_LITERAL("does not exist")));
    }
    /* 0.4: of a name, and of a UUID whose segment is looked for. */
    return chroma_is_old(chroma) && answer->status == 500 &&
           (chroma_holds(answer->body, SPAN_LITERAL("StopIteration")) ||
            (chroma_holds(answer->body, SPAN_LITERAL("ValueError('Collection ")) &&
             chroma_holds(answer->body, SPAN_LITERAL(" does not exist"))));
}

static bool check(const struct chroma *chroma, const struct http_answer *answer, bool is_page,
                  struct error *err)
{
    enum error_kind plain = chroma_classify(answer->status);
    enum error_kind kind = is_page ? chroma_classify_page(answer->status) : plain;
    char words[CHROMA_WORDS];
    const char *trace = answer->trace_id ? answer->trace_id : "";

    if (answer->status == 0) {
        *err = answer->err;
        name_role(chroma, err);
        return false;
    }
    if (kind == ERROR_NONE) {
        return true;
    }
    bool is_html = chroma_words(chroma, answer, kind != plain, words);
    if (answer->status == 407) {
        error_set(err, kind,
                  "407: the proxy %s asks for credentials, or refused those in its address "
                  "(http://USER:PASSWORD@HOST:PORT)",
                  answer->proxy ? answer->proxy : "before it");
    } else if (kind == ERROR_AUTH && is_html && answer->proxy) {
        error_set(err, kind, "%d: %s", answer->status, words);
    } else if (kind == ERROR_AUTH) {
        (void)chroma_refuse_credentials(chroma, answer, words, err);
    } else if (chroma_says_missing(chroma, answer, NULL)) {
        error_set(err, ERROR_NOT_FOUND, "%d: the collection does not exist any more: %s",
                  answer->status, words);
    } else if (answer->status >= 500 && trace[0]) {
        error_set(err, kind, "%d: %s (trace %s)", answer->status, words, trace);
    } else {
        error_set(err, kind, "%d: %s", answer->status, words);
    }
    /* A 500 of its own may be a record's fault, a page's is not: 0. */
    err->native = is_page && answer->status == 500 ? 0 : answer->status;
    err->retry_after_ms = answer->retry_after_ms;
    return chroma_name_server(chroma, err);
}

bool chroma_check(const struct chroma *chroma, const struct http_answer *answer, struct error *err)
{
    return check(chroma, answer, chroma_is_page(answer), err);
}

bool chroma_check_told(const struct chroma *chroma, const struct http_answer *answer,
                       struct error *err)
{
    bool is_empty =
        chroma_classify(answer->status) == ERROR_NONE && chroma_trim(answer->body).len == 0;

    return check(chroma, answer, is_empty || chroma_is_page(answer), err);
}

bool chroma_check_first(const struct chroma *chroma, const struct http_answer *answer,
                        struct error *err)
{
    return check(chroma, answer, chroma->is_met && chroma_is_page(answer), err);
}
