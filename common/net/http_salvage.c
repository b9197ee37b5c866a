/*
 * A refusal read by hand from the last bytes of a broken connection. Deliberately narrow: one
 * complete HTTP/1 header with an error status; no chunked bodies are put together, no success is
 * ever believed.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_internal.h"

/* "HTTP/1.x NNN": the status, or 0. */
static int status_of(struct span head)
{
    static const char version[] = "HTTP/1.";
    const size_t at = sizeof version + 1; /* behind the minor digit and a space */
    int status = 0;

    if (head.len < at + 4 || memcmp(head.ptr, version, sizeof version - 1) != 0 ||
        head.ptr[at - 1] != ' ') {
        return 0;
    }
    for (size_t i = at; i < at + 3; i++) {
        if (head.ptr[i] < '0' || head.ptr[i] > '9') {
            return 0;
        }
        status = status * 10 + (head.ptr[i] - '0');
    }
    return head.ptr[at + 3] == ' ' || head.ptr[at + 3] == '\r' ? status : 0;
}

/* The value of a header line, cut to fit; "" when there is none. */
static void copy_header(struct span head, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    const char *at = (const char *)head.ptr;
    const char *end = at + head.len;

    out[0] = '\0';
    while (at < end) {
        const char *line_end = memmem(at, (size_t)(end - at), "\r\n", 2);

        line_end = line_end ? line_end : end;
        if ((size_t)(line_end - at) > name_len && at[name_len] == ':' &&
            strncasecmp(at, name, name_len) == 0) {
            at += name_len + 1;
            while (at < line_end && (*at == ' ' || *at == '\t')) {
                at++;
            }
            snprintf(out, size, "%.*s", (int)(line_end - at), at);
            return;
        }
        at = line_end + 2;
    }
}

bool http_read_refusal(struct span bytes, struct http_refusal *out)
{
    const uint8_t *end = bytes.len > 0 ? memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4) : NULL;
    struct span head;

    *out = (struct http_refusal){0};
    if (!end) {
        return false;
    }
    head = (struct span){bytes.ptr, (size_t)(end - bytes.ptr)};
    out->status = status_of(head);
    if (out->status < 400 || out->status > 599) {
        return false;
    }
    copy_header(head, "retry-after", out->retry_after, sizeof out->retry_after);
    copy_header(head, "chroma-trace-id", out->trace_id, sizeof out->trace_id);
    out->body = (struct span){end + 4, bytes.len - head.len - 4};
    return true;
}
