/*
 * What to do about credentials that are refused. Each way out that is named works as it stands: the settings are those that
 * speak for this server (struct chroma_advice), and no style is named that the secret that was sent cannot have.
 */
#include <stdio.h>
#include <string.h>

#include "net/chroma_internal.h"

#define NAMES_SIZE 160

struct refusal {
    struct chroma_advice advice;
    char start[128];        /* status and path */
    char names[NAMES_SIZE]; /* of the header lines that were sent beside the secret, or "" */
    const char *words;      /* the server's */
};

static void set_default(char *text, size_t size, const char *role, const char *suffix)
{
    if (text[0] == '\0') {
        snprintf(text, size, "FERRY_%s_%s", strcmp(role, "target") == 0 ? "TARGET" : "SOURCE",
                 suffix);
    }
}

/* Where the refused request went, without the server's own address. */
static const char *path_of(const struct chroma *chroma, const struct http_answer *answer)
{
    size_t len = strlen(chroma->address.origin);

    if (!answer->url || strncmp(answer->url, chroma->address.origin, len) != 0) {
        return "";
    }
    return answer->url + len;
}

/* Of the further header lines; their values may be secrets. */
static void write_names(const struct chroma *chroma, char names[NAMES_SIZE])
{
    size_t used = 0;

    names[0] = '\0';
    for (const char *line = chroma->headers; *line; line += strlen(line) + 1) {
        size_t len = strcspn(line, ":");
        if (used + len + sizeof ", …" + 2 > NAMES_SIZE) {
            snprintf(names + used, NAMES_SIZE - used, ", …");
            return;
        }
        used += (size_t)snprintf(names + used, NAMES_SIZE - used, "%s%.*s", used > 0 ? ", " : "",
                                 (int)len, line);
    }
}

/* A 403 of an old server is a wrong token as well as a missing right, and servers listen to one header only. Which one Chroma
 * Cloud listens to is known. */
static bool refuse_token(const struct refusal *refusal, const char *sent, const char *other,
                         struct error *err)
{
    const struct chroma_advice *advice = &refusal->advice;
    const char *beside = refusal->names[0] ? " beside " : "";

    if (other == NULL) {
        return error_set(
            err, ERROR_AUTH, "%s: refused the %s that was sent%s%s (check %s, and its rights): %s",
            refusal->start, sent, beside, refusal->names, advice->sent, refusal->words);
    }
    return error_set(err, ERROR_AUTH,
                     "%s: refused the %s that was sent%s%s (check %s, and its rights; or set %s%s "
                     "to %s): %s",
                     refusal->start, sent, beside, refusal->names, advice->sent, advice->address,
                     advice->style, other, refusal->words);
}

/* No user and password can be sent as a token. */
static bool refuse_login(const struct refusal *refusal, struct error *err)
{
    const struct chroma_advice *advice = &refusal->advice;

    return error_set(err, ERROR_AUTH,
                     "%s: refused the Authorization: Basic that was sent%s%s (check %s, and its "
                     "rights; or, for a token in its place, set %s%s, and %s to bearer): %s",
                     refusal->start, refusal->names[0] ? " beside " : "", refusal->names,
                     advice->sent, advice->address, advice->token, advice->style, refusal->words);
}

static bool refuse_nothing(const struct chroma *chroma, const struct refusal *refusal,
                           struct error *err)
{
    const struct chroma_advice *advice = &refusal->advice;
    bool is_cloud = chroma_is_cloud(chroma);
    bool is_open = is_cloud && !advice->is_none; /* a key is sent there as it should be */

    return error_set(err, ERROR_AUTH, "%s: %s, %s%s%s%s (%s%sset %s%s%s%s%s%s): %s", refusal->start,
                     is_cloud ? "Chroma Cloud asks for a key" : "asks for credentials",
                     refusal->names[0] ? "only header lines were sent"
                     : is_cloud        ? "none was sent"
                                       : "none were sent",
                     advice->is_none ? ", as " : "", advice->is_none ? advice->style : "",
                     advice->is_none ? " says" : "", refusal->names,
                     refusal->names[0] ? ": check them; or " : "",
                     is_open && chroma_is_at_cloud(chroma) ? "CHROMA_API_KEY or " : "",
                     advice->address, advice->token, is_open ? "" : ", and ",
                     is_open ? "" : advice->style,
                     is_open    ? ""
                     : is_cloud ? " to x-chroma-token"
                                : " to bearer, x-chroma-token or basic",
                     refusal->words);
}

bool chroma_refuse_credentials(const struct chroma *chroma, const struct http_answer *answer,
                               const char *words, struct error *err)
{
    static const char token[] = "X-Chroma-Token: ", basic[] = "Authorization: Basic ";
    struct refusal refusal = {.advice = chroma->advice, .words = words};
    struct chroma_advice *advice = &refusal.advice;
    const char *path = path_of(chroma, answer);
    bool is_basic = strncmp(chroma->auth_header, basic, sizeof basic - 1) == 0;

    snprintf(refusal.start, sizeof refusal.start, "%d%s%.100s", answer->status,
             path[0] ? " to " : "", path);
    write_names(chroma, refusal.names);
    set_default(advice->token, sizeof advice->token, chroma->role, "TOKEN");
    set_default(advice->style, sizeof advice->style, chroma->role, "AUTH");
    set_default(advice->sent, sizeof advice->sent, chroma->role, is_basic ? "PASSWORD" : "TOKEN");
    if (chroma->auth_header[0] == '\0') {
        return refuse_nothing(chroma, &refusal, err);
    }
    if (is_basic) {
        return refuse_login(&refusal, err);
    }
    if (strncmp(chroma->auth_header, token, sizeof token - 1) == 0) {
        return refuse_token(&refusal, "X-Chroma-Token", chroma_is_cloud(chroma) ? NULL : "bearer",
                            err);
    }
    return refuse_token(&refusal, "Authorization: Bearer", "x-chroma-token", err);
}
