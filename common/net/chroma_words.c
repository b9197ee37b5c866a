/*
 * What a refusal says, for a message: of a JSON body its reason, of a page its title, else the body. It may be anything,
 * also repeat the secret that was sent.
 */
#include <stdio.h>
#include <string.h>

#include "net/chroma_internal.h"

#define WORDS_MAX 240u /* of the server's own */

bool chroma_holds(struct span text, struct span part)
{
    return part.len > 0 && text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len);
}

struct span chroma_trim(struct span text)
{
    while (text.len > 0 && text.ptr[0] <= ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && text.ptr[text.len - 1] <= ' ') {
        text.len--;
    }
    return text;
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* Text for people, cut between characters. Bytes that cannot be shown are escaped by
 * error_set(). */
static void copy_words(struct span text, char out[WORDS_MAX + 8])
{
    size_t len = text.len;

    if (len > WORDS_MAX) {
        len = WORDS_MAX;
        while (len > 0 && is_continuation(text.ptr[len])) {
            len--;
        }
    }
    if (len > 0) {
        memcpy(out, text.ptr, len);
    }
    snprintf(out + len, 8, "%s", len < text.len ? "…" : "");
}

static bool is_html(struct span text)
{
    static const char *const starts[] = {"<!doctype html", "<html", "<head", "<body"};

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        size_t len = strlen(starts[i]);

        if (text.len >= len && strncasecmp((const char *)text.ptr, starts[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* What stands between <title> and its end, or <h1>; else nothing. */
static struct span title_of(struct span page)
{
    static const char *const tags[] = {"<title>", "<h1>"};

    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        for (size_t at = 0; at + strlen(tags[i]) < page.len; at++) {
            const char *text = (const char *)page.ptr + at;

            if (strncasecmp(text, tags[i], strlen(tags[i])) == 0) {
                struct span rest = {page.ptr + at + strlen(tags[i]),
                                    page.len - at - strlen(tags[i])};
                const uint8_t *end = memchr(rest.ptr, '<', rest.len);
                return chroma_trim(
                    (struct span){rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len});
            }
        }
    }
    return SPAN_LITERAL("");
}

/* No Chroma sends it: who stands before it does. */
static void write_page(const struct http_answer *answer, const char *what, struct span title,
                       char out[CHROMA_WORDS])
{
    char words[WORDS_MAX + 8];

    copy_words(title, words);
    snprintf(out, CHROMA_WORDS, "%s %s%s%s%s%s", what, answer->proxy ? "of the proxy " : "",
             answer->proxy ? answer->proxy : "of a gateway or proxy before it",
             words[0] ? ", \"" : "", words, words[0] ? "\"" : "");
}

bool chroma_words(const struct chroma *chroma, const struct http_answer *answer, bool is_page,
                  char out[CHROMA_WORDS])
{
    struct document *json = NULL;
    struct error ignored = {0};
    struct span body = answer->body;
    struct span text = chroma_trim(body);
    bool is_html_page = is_html(text);

    if (document_parse(body, &json, &ignored)) {
        const char *said = document_string(document_get(json, "detail"), NULL);

        said = document_string(document_get(json, "error"), said);
        said = document_string(document_get(json, "message"), said);
        text = said ? span_from_str(said) : text;
    }
    if (is_html_page) {
        text = title_of(text);
    } else if (text.len == 0 && !is_page) {
        text = SPAN_LITERAL("no reason given");
    }
    if (chroma_repeats_secret(chroma, text, chroma_classify(answer->status) == ERROR_AUTH)) {
        text = SPAN_LITERAL("the reason given repeats the secret and is not shown");
    }
    if (is_html_page || is_page) {
        write_page(answer,
                   is_html_page   ? "a page"
                   : text.len > 0 ? "an answer"
                                  : "an empty answer",
                   text, out);
    } else {
        copy_words(text, out);
    }
    document_free(json);
    return is_html_page;
}
