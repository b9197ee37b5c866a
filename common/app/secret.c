/*
 * Finds the secret for one server and writes it as a header line. A secret is bound to the origin it was given for:
 * asked for any other one, this module answers "none" without so much as looking whether the secret is well formed.
 * No message repeats a secret, copies are wiped, nothing is cached: a token file that is replaced is seen next time.
 */
#include "app/secret.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "app/chroma_environment.h"
#include "app/secret_parts.h"
#include "base/limits.h"

#define HEADER_SIZE 512
#define STYLE_SIZE  16

/* Lower-case scheme://host:port of CHROMA_HOST, which is an address or, as Chroma's own clients take it, a bare host;
 * that one means https. False when it is neither: then it is no server's. */
bool secret_parse_origin(const char *host, char *out, size_t size)
{
    static const struct {
        const char *scheme;
        const char *port;
    } known[] = {{"https://", "443"}, {"http://", "80"}};
    size_t i = 0;
    if (strncasecmp(host, known[1].scheme, strlen(known[1].scheme)) == 0) {
        i = 1;
    }
    if (strncasecmp(host, known[i].scheme, strlen(known[i].scheme)) == 0) {
        host += strlen(known[i].scheme);
    }
    size_t len = strcspn(host, "/");
    size_t name_len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    if (name_len == 0 || name_len > len || memchr(host, '@', len) != NULL) {
        return false;
    }
    bool has_port = host[name_len] == ':';
    int written = snprintf(out, size, "%s%.*s%s%s", known[i].scheme, (int)len, host,
                           has_port ? "" : ":", has_port ? "" : known[i].port);
    for (char *at = out; *at != '\0'; at++) {
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    }
    return written > 0 && (size_t)written < size;
}

static bool is_origin_of(const char *address, const char *origin)
{
    char named[300] = "";
    return address != NULL && address[0] != '\0' &&
           secret_parse_origin(address, named, sizeof(named)) && strcmp(named, origin) == 0;
}

/* The key is Chroma Cloud's, or the server's that the variables beside it name as the target. CHROMA_HOST without scheme
 * and port may as well be meant as https. Where Cloud is the target, a CHROMA_HOST beside it is the source, which gets no
 * key: it gets the credentials of a server of one's own, and Cloud does not. */
static void find_chroma_secret(const struct option_set *options, const char *origin,
                               struct secret *secret)
{
    const char *values[CHROMA_VARIABLES];
    struct chroma_environment chroma;
    struct error ignored = {0};
    option_chroma_values(options, values);
    bool is_read = chroma_environment_read(values, &chroma, &ignored);
    bool is_host = is_read && chroma.rule != CHROMA_RULE_NONE && chroma.rule != CHROMA_RULE_LOCAL &&
                   is_origin_of(values[CHROMA_HOST], origin) && strcmp(origin, CHROMA_CLOUD_ORIGIN);
    bool is_own = is_read && (is_host || is_origin_of(chroma_environment_own(&chroma), origin));
    bool is_target = is_read && (is_origin_of(chroma.target, origin) ||
                                 (chroma.rule == CHROMA_RULE_HTTP && is_host));
    if (is_own && chroma.credentials != NULL) {
        secret->where = chroma_variable_names[chroma.credentials_from];
        secret->style = secret_style_of(chroma.credentials_style);
        buf_append_str(&secret->text, chroma.credentials);
    } else if (chroma.key != NULL && (is_target || strcmp(origin, CHROMA_CLOUD_ORIGIN) == 0)) {
        secret->where = chroma_variable_names[chroma.key_from];
        secret->style = secret_default_style;
        buf_append_str(&secret->text, chroma.key);
    }
}

/* A token is sent as it stands: a line break in it would begin another header. */
static bool check_text(const struct secret *secret, struct error *err)
{
    struct span text = buf_span(&secret->text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f) {
            return error_set(err, ERROR_USAGE, "%s holds a line break or another control character",
                             secret->where);
        }
        if (!secret->style->is_basic && (text.ptr[i] == ' ' || text.ptr[i] > 0x7f)) {
            return error_set(err, ERROR_USAGE, "%s holds a space or a character beyond ASCII",
                             secret->where);
        }
    }
    if (secret->style->is_basic && memchr(text.ptr, ':', text.len) == NULL) {
        return error_set(err, ERROR_USAGE, "%s must read user:password for basic authentication",
                         secret->where);
    }
    return true;
}

/* The one base64 that app needs; the layer that has another is not below it. */
static void append_base64(struct buf *out, struct span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = (uint32_t)bytes.ptr[i] << 16;
        group |= have > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0;
        group |= have > 2 ? (uint32_t)bytes.ptr[i + 2] : 0;
        buf_append_byte(out, (uint8_t)digits[group >> 18]);
        buf_append_byte(out, (uint8_t)digits[(group >> 12) & 63]);
        buf_append_byte(out, (uint8_t)(have > 1 ? digits[(group >> 6) & 63] : '='));
        buf_append_byte(out, (uint8_t)(have > 2 ? digits[group & 63] : '='));
    }
}

static bool write_header(const struct secret *secret, char header[HEADER_SIZE], struct error *err)
{
    struct buf line;
    buf_init(&line, 2 * LIMIT_SECRET);
    if (buf_reserve(&line, 2 * LIMIT_SECRET) == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory for %s", secret->where);
    }
    buf_append_str(&line, secret->style->header);
    if (secret->style->is_basic) {
        append_base64(&line, buf_span(&secret->text));
    } else {
        buf_append_span(&line, buf_span(&secret->text));
    }
    bool fits = line.failed == ERROR_NONE && line.len < HEADER_SIZE;
    if (fits) {
        memcpy(header, line.ptr, line.len);
        header[line.len] = '\0';
    }
    explicit_bzero(line.ptr, line.cap);
    buf_deinit(&line);
    if (!fits) {
        return error_set(err, ERROR_USAGE, "%s is too long: its header line may have %d bytes",
                         secret->where, HEADER_SIZE - 1);
    }
    return true;
}

bool secret_find(const struct option_set *options, const struct secret_request *request,
                 char header[HEADER_SIZE], char style[STYLE_SIZE], struct error *err)
{
    bool ok = false;
    struct secret secret = {.style = secret_default_style};
    struct endpoint from;
    header[0] = '\0';
    snprintf(style, STYLE_SIZE, "none");
    buf_init(&secret.text, LIMIT_SECRET);
    /* Room for all of it at once: a buffer that grows leaves copies behind. */
    if (buf_reserve(&secret.text, LIMIT_SECRET) == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory for secrets");
    }
    if (!endpoint_choose(options, request, &from, err) || !secret_find_role(&from, &secret, err)) {
        goto out;
    }
    if (secret.where == NULL && secret.style->header != NULL) {
        find_chroma_secret(options, request->origin, &secret);
    }
    if (secret.where == NULL) {
        ok = true;
        goto out;
    }
    if (secret.text.failed != ERROR_NONE) {
        error_set(err, ERROR_USAGE, "%s is longer than %u bytes", secret.where, LIMIT_SECRET);
        goto out;
    }
    ok = check_text(&secret, err) && write_header(&secret, header, err);
    if (ok) {
        snprintf(style, STYLE_SIZE, "%s", secret.style->name);
    }
out:
    explicit_bzero(secret.text.ptr, secret.text.cap);
    buf_deinit(&secret.text);
    return ok;
}
