/*
 * What the answers to questions about a server and its collections mean. How a refusal becomes a
 * message is in chroma_refusal.c.
 */
#include <stdio.h>
#include <string.h>

#include "net/chroma_internal.h"

bool chroma_check_named(const struct chroma *chroma, const struct http_answer *answer,
                        const char *name, struct error *err)
{
    if (!chroma_says_missing(chroma, answer, name)) {
        return chroma_check_told(chroma, answer, err);
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
    const char *api = chroma->api == CHROMA_API_V1 ? "v1" : "v2";

    error_set(err, chroma->is_met ? ERROR_UNAVAILABLE : ERROR_USAGE,
              "%s %s answers %s to /api/%s/pre-flight-checks: not a Chroma with API %s%s",
              chroma->role, chroma->address.base, what, api, api,
              chroma->is_met ? ", which was there before" : "");
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

    if (chroma->is_met && chroma_is_page(answer) &&
        chroma_classify_page(answer->status) == ERROR_UNAVAILABLE) {
        return chroma_check(chroma, answer, err); /* its words tell more */
    }
    if (kind == ERROR_NOT_FOUND || kind == ERROR_REJECTED || kind == ERROR_CONFLICT ||
        kind == ERROR_TOO_LARGE) {
        if (answer->status != 0) {
            snprintf(status, sizeof status, "%d", answer->status);
            return not_a_chroma(chroma, answer, status, err);
        }
    }
    if (kind != ERROR_NONE) {
        return chroma_check(chroma, answer, err);
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
