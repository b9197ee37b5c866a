/*
 * Who has answered: the Chroma, or a gateway or proxy before it? What the latter says of its own is no judgement of a
 * request, whatever its status; nobody knows what became of that request. The one place that tells them apart.
 */
#include <string.h>

#include "net/chroma_internal.h"

static bool begins(struct span text, const char *start)
{
    size_t len = strlen(start);

    return text.len >= len && memcmp(text.ptr, start, len) == 0;
}

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr("0123456789+-.eE", text.ptr[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Of JSON; what follows is for those who read it. */
static bool begins_a_value(struct span text)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_equal(text, span_from_str(words[i]))) {
            return true;
        }
    }
    return text.ptr[0] == '{' || text.ptr[0] == '[' || text.ptr[0] == '"' || is_number(text);
}

/* The member `name` with its colon: is its value a string, or a list? */
static bool has_words(struct span text, const char *name)
{
    size_t len = strlen(name);
    const uint8_t *at = memmem(text.ptr, text.len, name, len);
    const uint8_t *end = text.ptr + text.len;

    if (at == NULL) {
        return false;
    }
    for (at += len; at < end && *at <= ' '; at++) {
    }
    return at < end && (*at == '"' || *at == '[');
}

/* {"error":"…","message":"…"}, before 0.5 without the message; {"detail":…} of the framework of old servers. Looked at as
 * text, because of a long one only the beginning is kept. */
static bool is_refusal(struct span text)
{
    return text.ptr[0] == '{' && (has_words(text, "\"error\":") || has_words(text, "\"detail\":"));
}

/* What frameworks under a Chroma say by themselves, in plain text: of bodies, paths and queries that they cannot read (1.x),
 * of bytes that are no HTTP and of what nobody has caught (before 1.0). */
static bool is_frameworks(struct span text)
{
    static const char *const starts[] = {
        "Failed to parse the request body as JSON",
        "Failed to deserialize ",
        "Failed to buffer the request body",
        "Expected request with `Content-Type",
        "Invalid URL: ",
        "Invalid HTTP request received",
        "Internal Server Error",
    };

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        if (begins(text, starts[i])) {
            return true;
        }
    }
    return false;
}

bool chroma_is_page(const struct http_answer *answer)
{
    struct span text = chroma_trim(answer->body);
    int status = answer->status;

    if (status >= 200 && status <= 299) {
        return text.len > 0 && !begins_a_value(text);
    }
    if (text.len == 0) { /* an unknown path or method has no words, a refused body has */
        return status == 400 || status == 422;
    }
    return !is_refusal(text) && !is_frameworks(text);
}

enum error_kind chroma_classify_page(int status)
{
    enum error_kind kind = chroma_classify(status);
    bool is_kept = kind == ERROR_AUTH || kind == ERROR_TOO_LARGE || kind == ERROR_THROTTLED ||
                   (status >= 300 && status <= 399);

    return is_kept ? kind : ERROR_UNAVAILABLE;
}
