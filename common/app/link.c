/* See link.h. A header that could end early, begin another one or change how the body is read is refused here. */
#include "app/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app/endpoint.h"
#include "app/environment.h"
#include "base/bytes.h"

struct headers { /* a file's, on their way */
    struct link *link;
    const char *secret_header;
    size_t used;
    size_t count;
};

/* The HTTP library would say of a missing file no more than that something is wrong with it. */
static bool find_file(const struct endpoint *from, enum endpoint_setting setting, const char **out,
                      struct error *err)
{
    *out = endpoint_value(from, setting);
    if (*out != NULL && access(*out, R_OK) != 0) {
        return error_set(err, ERROR_USAGE, "%s: cannot read %s: %s", endpoint_where(from, setting),
                         *out, strerror(errno));
    }
    return true;
}

static size_t name_length(const char *line)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";
    return strspn(line, token);
}

static bool is_named(const char *line, const char *name, size_t len)
{
    return name_length(line) == len && strncasecmp(line, name, len) == 0;
}

/* Those that say how long a message is or what it is: the program's own. */
static bool is_ours(const char *line)
{
    static const char *const ours[] = {
        "Host",   "Content-Length", "Content-Type",    "Content-Encoding", "Transfer-Encoding",
        "TE",     "Trailer",        "Connection",      "Keep-Alive",       "Upgrade",
        "Expect", "Accept",         "Accept-Encoding", "User-Agent",       "Range",
    };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (is_named(line, ours[i], strlen(ours[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_given(const struct headers *headers, const char *line, size_t len)
{
    const char *at = headers->link->headers;
    for (; *at != '\0'; at += strlen(at) + 1) {
        if (is_named(at, line, len)) {
            return true;
        }
    }
    return false;
}

/* What is wrong with a line, or NULL. */
static const char *line_problem(const struct headers *headers, const char *line)
{
    size_t len = name_length(line);
    const char *value = line + len + (line[len] == ':');
    if (len == 0 || line[len] != ':') {
        return "expected \"Name: value\"";
    }
    for (const char *at = value; *at != '\0'; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f) {
            return "a line break or another control character in the value";
        }
    }
    if (value[strspn(value, " \t")] == '\0') {
        return "the value is empty";
    }
    if (is_ours(line)) {
        return "this header is the program's own";
    }
    if (is_named(headers->secret_header, line, len)) {
        return "this header carries the token or password already (…_AUTH=none sends none)";
    }
    if (is_given(headers, line, len)) {
        return "this header is there already";
    }
    if (headers->count == LINK_HEADERS ||
        headers->used + strlen(line) + 2 > sizeof(headers->link->headers)) {
        return "too many headers, or too long";
    }
    return NULL;
}

static bool take_lines(struct headers *headers, const char *where, struct buf *text,
                       struct error *err)
{
    char *at = (char *)text->ptr;
    char *end = at + text->len;
    for (size_t number = 1; at < end; number++) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        char *next = stop + 1;
        const char *problem = "a NUL byte";
        if (stop > at && stop[-1] == '\r') {
            stop--;
        }
        *stop = '\0';
        if (*at == '\0' || *at == '#') {
            at = next;
            continue;
        }
        if (strlen(at) == (size_t)(stop - at)) {
            problem = line_problem(headers, at);
        }
        if (problem != NULL) {
            return error_set(err, ERROR_USAGE, "%s, line %zu: %s", where, number, problem);
        }
        memcpy(headers->link->headers + headers->used, at, (size_t)(stop - at) + 1);
        headers->used += (size_t)(stop - at) + 1;
        headers->count++;
        at = next;
    }
    return true;
}

static bool take_file(struct headers *headers, const char *variable, const char *path,
                      struct error *err)
{
    struct buf text;
    char where[300];
    bool exists = false;
    bool ok = false;
    snprintf(where, sizeof(where), "%s: %.250s", variable, path);
    buf_init(&text, 2 * LINK_HEADER_BYTES);
    /* Room for all of it at once: a buffer that grows leaves copies of secrets behind. */
    if (buf_reserve(&text, 2 * LINK_HEADER_BYTES) == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory for %s", path);
    }
    if (!environment_load(path, &text, &exists, err)) {
        error_wrap(err, "%s", variable);
    } else if (!exists) {
        error_set(err, ERROR_USAGE, "%s: there is no file %s", variable, path);
    } else {
        buf_append_byte(&text, '\n');
        ok = buf_check(&text, path, err) && take_lines(headers, where, &text, err);
    }
    explicit_bzero(text.ptr, text.cap);
    buf_deinit(&text);
    return ok;
}

bool link_find(const struct option_set *options, const struct secret_request *request,
               const char *header_file, const char *secret_header, struct link *out,
               struct error *err)
{
    static const char *const flags[] = {
        [SECRET_SOURCE] = "--source-header-file",
        [SECRET_TARGET] = "--target-header-file",
    };
    struct headers headers = {.link = out, .secret_header = secret_header};
    struct endpoint from;
    bool is_expected =
        request->expected_origin != NULL && strcmp(request->origin, request->expected_origin) == 0;
    memset(out, 0, sizeof(*out));
    if (!endpoint_choose(options, request, &from, err) ||
        !find_file(&from, ENDPOINT_CA_FILE, &out->ca_file, err) ||
        !find_file(&from, ENDPOINT_CERT_FILE, &out->cert_file, err) ||
        !find_file(&from, ENDPOINT_KEY_FILE, &out->key_file, err)) {
        return false;
    }
    if (out->key_file != NULL && out->cert_file == NULL) {
        return error_set(err, ERROR_USAGE, "%s is set without %s",
                         endpoint_where(&from, ENDPOINT_KEY_FILE),
                         endpoint_where(&from, ENDPOINT_CERT_FILE));
    }
    const char *own = endpoint_value(&from, ENDPOINT_HEADER_FILE);
    if (is_expected && header_file != NULL && (own == NULL || strcmp(own, header_file) != 0)) {
        return take_file(&headers, flags[request->role], header_file, err);
    }
    return own == NULL ||
           take_file(&headers, endpoint_where(&from, ENDPOINT_HEADER_FILE), own, err);
}
