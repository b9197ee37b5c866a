/*
 * Which server this is, and so how it is spoken to: one table of the versions that are known.
 * Every 1.x calls itself "1.0.0"; what a minor version can do is asked of it (pre-flight), not
 * derived from here.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "net/chroma_call.h"
#include "net/chroma_internal.h"

#define KNOWN          "0.4.15 to 0.6.x and 1.x"
#define ADVICE_TOO_OLD "start Chroma 0.4.24 on a copy of its data, and move from there"
/* DuckDB or ClickHouse. */
#define ADVICE_OTHER_FILES                                                                         \
    "its files are of another kind, which 0.4 does not read: bring them to Chroma 0.4.24 by "      \
    "Chroma's own chroma-migrate (pip install chroma-migrate), and move from there"

struct known {
    uint32_t from; /* the first version of the row, which ends where the next one begins */
    enum chroma_api api;
    bool is_source, is_target;
    bool takes_uris;
};

#define VERSION(major, minor, patch) ((major)*1000000u + (minor)*1000u + (patch))

static const struct known versions[] = {
    {VERSION(0, 0, 0), CHROMA_API_V1, false, false, false},
    {VERSION(0, 4, 15), CHROMA_API_V1, true, false, false}, /* tenants and databases */
    {VERSION(0, 4, 16), CHROMA_API_V1, true, false, true},  /* uris */
    {VERSION(0, 5, 16), CHROMA_API_V2, true, true, true},
    {VERSION(0, 7, 0), CHROMA_API_V2, false, false, false}, /* there has been none */
    {VERSION(1, 0, 0), CHROMA_API_V2, true, true, true},
    {VERSION(2, 0, 0), CHROMA_API_V2, false, false, false}, /* there is none yet */
};

static void finish_version(struct chroma_call *call, const struct http_answer *answer,
                           struct error *err)
{
    struct chroma_version version = {0};

    if (chroma_check_first(call->chroma, answer, err) &&
        !chroma_read_version(answer->body, &version)) {
        error_set(err, ERROR_FORMAT, "answers no version");
        chroma_name_server(call->chroma, err);
    }
    call->fn.version(call->ctx, &version, err);
}

struct http_request *chroma_ask_version(struct chroma *chroma, enum chroma_api api,
                                        chroma_version_fn *fn, void *ctx, struct error *err)
{
    struct chroma_call *call = chroma_call_new(chroma, ctx, err);

    if (!call) {
        return NULL;
    }
    call->finish = finish_version;
    call->fn.version = fn;
    chroma_call_version(call, api);
    return chroma_call_ask(call, err);
}

static bool take_part(const char **text, uint32_t *out)
{
    uint64_t number;
    size_t len = strspn(*text, "0123456789");

    if (!number_parse_u64((struct span){(const uint8_t *)*text, len}, &number) || number > 999) {
        return false;
    }
    *out = (uint32_t)number;
    *text += len;
    return true;
}

/* Of what may follow the number only this is shown, ".dev12" or "rc1": a server can write anything there. */
static size_t suffix_len(const char *text)
{
    static const char *const words[] = {".dev", ".post", "a", "b", "rc"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        if (strncmp(text, words[i], len) == 0) {
            return len + strspn(text + len, "0123456789");
        }
    }
    return 0;
}

/* "0.6.4.dev12" counts as 0.6.4. */
static bool take_number(const char *text, uint32_t *out, size_t *shown)
{
    const char *start = text;
    uint32_t parts[3];

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if ((i > 0 && *text++ != '.') || !take_part(&text, &parts[i])) {
            return false;
        }
    }
    *out = VERSION(parts[0], parts[1], parts[2]);
    *shown = (size_t)(text - start) + suffix_len(text);
    return true;
}

bool chroma_read_version(struct span body, struct chroma_version *out)
{
    struct document *json = NULL;
    struct error ignored = {0};
    const char *text = "";
    size_t shown = 0;
    bool is_fine;

    *out = (struct chroma_version){0};
    if (document_parse(body, &json, &ignored)) {
        text = document_string(json, "");
    }
    is_fine = strlen(text) < sizeof out->text && take_number(text, &out->number, &shown);
    if (is_fine) {
        snprintf(out->text, sizeof out->text, "%.*s", (int)shown, text);
    }
    document_free(json);
    return is_fine;
}

static const struct known *find(uint32_t number)
{
    size_t i = ARRAY_LEN(versions) - 1;

    while (i > 0 && versions[i].from > number) {
        i--;
    }
    return &versions[i];
}

bool chroma_is_old(const struct chroma *chroma)
{
    return chroma->version.number != 0 && chroma->version.number < VERSION(1, 0, 0);
}

bool chroma_take_version(struct chroma *chroma, const struct chroma_version *version,
                         struct error *err)
{
    const struct known *known = find(version->number);
    bool is_target = strcmp(chroma->role, "target") == 0;

    if (known == versions) {
        return error_set(err, ERROR_USAGE, "%s %s: Chroma %s is too old: %s are known; %s",
                         chroma->role, chroma->address.base, version->text, KNOWN,
                         version->number < VERSION(0, 4, 0) ? ADVICE_OTHER_FILES : ADVICE_TOO_OLD);
    }
    if (!known->is_source) {
        return error_set(err, ERROR_USAGE, "%s %s: Chroma %s is not known: %s are", chroma->role,
                         chroma->address.base, version->text, KNOWN);
    }
    if (is_target && !known->is_target) {
        return error_set(err, ERROR_USAGE,
                         "%s %s: Chroma %s can be a source but no target: 0.5.16 to 0.6.x and 1.x "
                         "can",
                         chroma->role, chroma->address.base, version->text);
    }
    chroma->version = *version;
    chroma->api = known->api;
    chroma->lacks_uris = !known->takes_uris;
    return true;
}
