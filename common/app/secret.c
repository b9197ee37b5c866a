/*
 * Finds the secret for one server and writes it as a header line. A secret is bound to the origin it was given for:
 * asked for any other one, this module answers "none" without so much as looking whether the secret is well formed.
 * No message repeats a secret, copies are wiped, nothing is cached: a token file that is replaced is seen next time.
 */
#include "app/secret.h"

#include <stdio.h>
#include <string.h>

#include "app/secret_parts.h"
#include "base/limits.h"

#define HEADER_SIZE 512
#define STYLE_SIZE  16

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

bool secret_look(const struct option_set *options, const struct secret_request *request,
                 struct endpoint *from, struct secret *secret, struct error *err)
{
    return endpoint_choose(options, request, from, err) && secret_find_role(from, secret, err) &&
           (secret->where != NULL || secret->style->header == NULL ||
            secret_find_chroma(options, request, secret, err));
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
    if (!secret_look(options, request, &from, &secret, err)) {
        goto out;
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
