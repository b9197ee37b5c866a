/*
 * Does a text repeat what was sent to the server: the token, the password of a login, a value of a header line? Servers and
 * gateways repeat it as they got it, escaped for an address, a page or JSON, in other letter case, or cut. Pure, no heap.
 */
#include <string.h>
#include <strings.h>

#include "format/base64.h"
#include "net/chroma_internal.h"

#define EXAMINED     4096u /* of a text: what is shown of it, and room for a secret that begins there */
#define SECRET_MOST  512u
#define SECRET_LEAST 6u /* shorter values of headers are no secrets, and stand in any answer */
#define ROUNDS       3  /* of escaping: an address in a page in JSON */

struct bytes {
    uint8_t at[EXAMINED];
    size_t len;
};

struct secret_bytes {
    uint8_t at[SECRET_MOST];
    size_t len;
};

struct search {
    struct span text;
    bool is_refusal;
    bool is_found;
};

/* The whole of it, or a part that would give it away. In a refusal of credentials hardly anything but them is repeated; in
 * other answers words of it may stand by chance. */
static bool holds_part(const struct search *search, const struct bytes *text,
                       const struct secret_bytes *secret)
{
    size_t part = search->is_refusal ? 0 : (2 * secret->len + 2) / 3;

    part = part < SECRET_LEAST ? SECRET_LEAST : part;
    part = part < secret->len ? part : secret->len;
    for (size_t i = 0; part > 0 && i + part <= secret->len; i++) {
        if (chroma_holds((struct span){text->at, text->len}, (struct span){secret->at + i, part})) {
            return true;
        }
    }
    return false;
}

static void look_for(struct search *search, struct span part)
{
    struct bytes text = {.len = search->text.len < EXAMINED ? search->text.len : EXAMINED};
    struct secret_bytes secret = {.len = part.len < SECRET_MOST ? part.len : SECRET_MOST};
    struct secret_bytes bare = secret;

    for (size_t i = 0; i < text.len; i++) {
        text.at[i] = chroma_fold(search->text.ptr[i]);
    }
    for (size_t i = 0; i < secret.len; i++) {
        secret.at[i] = bare.at[i] = chroma_fold(part.ptr[i]);
    }
    for (int round = 0; round <= ROUNDS && !search->is_found; round++) {
        search->is_found = holds_part(search, &text, &secret) || holds_part(search, &text, &bare);
        text.len = chroma_unescape(text.at, text.len);
        bare.len = chroma_unescape(bare.at, bare.len);
    }
    explicit_bzero(&text, sizeof text);
    explicit_bzero(&secret, sizeof secret);
    explicit_bzero(&bare, sizeof bare);
}

/* Its password; where there is none the user is the secret. */
static void look_for_login(struct search *search, struct span base64)
{
    uint8_t login[SECRET_MOST];
    struct error ignored = {0};
    size_t len = 0;

    if (base64_decoded_max(base64.len) <= sizeof login &&
        base64_decode(base64, login, &len, &ignored)) {
        const uint8_t *colon = memchr(login, ':', len);
        size_t user = colon ? (size_t)(colon - login) : len;
        bool has_password = user + 1 < len;
        look_for(search, has_password ? (struct span){login + user + 1, len - user - 1}
                                      : (struct span){login, user});
    }
    explicit_bzero(login, sizeof login);
}

static struct span value_of(const char *line)
{
    const char *value = strchr(line, ':');

    value = value ? value + 1 : "";
    value += strspn(value, " \t");
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t')) {
        len--;
    }
    return (struct span){(const uint8_t *)value, len};
}

static bool is_authorization(const char *line)
{
    static const char name[] = "authorization";
    size_t len = strcspn(line, ":");

    return len >= sizeof name - 1 &&
           strncasecmp(line + len - (sizeof name - 1), name, sizeof name - 1) == 0;
}

/* least: shorter values are none. */
static void look_for_line(struct search *search, const char *line, size_t least)
{
    struct span value = value_of(line);
    const uint8_t *space = is_authorization(line) ? memchr(value.ptr, ' ', value.len) : NULL;

    if (space) { /* what stands before is how it is to be read */
        size_t skipped = (size_t)(space - value.ptr) + 1;
        struct span rest = {space + 1, value.len - skipped};
        if (skipped == 6 && strncasecmp((const char *)value.ptr, "Basic", 5) == 0) {
            look_for_login(search, rest);
        }
        value = rest;
    }
    if (value.len >= least) {
        look_for(search, value);
    }
}

bool chroma_repeats_secret(const struct chroma *chroma, struct span text, bool is_refusal)
{
    struct search search = {.text = text, .is_refusal = is_refusal};

    look_for_line(&search, chroma->auth_header, 1);
    for (const char *line = chroma->headers; *line; line += strlen(line) + 1) {
        look_for_line(&search, line, SECRET_LEAST);
    }
    return search.is_found;
}
