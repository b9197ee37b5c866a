/* See surplus.h. Knows what clears a value at a Chroma; whether it did is found by reading back again. */
#include "consumer/surplus.h"

#include <string.h>

#include "base/compiler.h"
#include "base/limits.h"
#include "format/metadata.h"

#define URI_KEY SPAN_LITERAL("\"chroma:uri\"")

static void append_null(struct buf *nulls, struct span key_json)
{
    buf_append_str(nulls, ",");
    buf_append_span(nulls, key_json);
    buf_append_str(nulls, ":null");
}

/* Both are sorted by key. */
static void collect(const struct metadata *wanted, const struct metadata *had, struct buf *nulls)
{
    size_t at = 0;

    for (size_t i = 0; i < had->count; i++) {
        const struct metadata_entry *entry = &had->entries[i];
        while (at < wanted->count && span_compare(wanted->entries[at].key, entry->key) < 0) {
            at++;
        }
        if (at == wanted->count || !span_equal(wanted->entries[at].key, entry->key)) {
            append_null(nulls, entry->key_json);
        }
    }
}

/* {…} and ,"a":null,"b":null become {…,"a":null,"b":null}. */
static bool extend(struct record *want, struct span nulls, struct arena *arena, struct error *err)
{
    struct span old = want->metadata.type == JSON_OBJECT ? want->metadata.text : SPAN_LITERAL("{}");
    uint8_t *text = arena_alloc(arena, old.len + nulls.len);
    size_t at = old.len - 1; /* without its closing brace */

    if (text == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for metadata to be cleared");
    }
    memcpy(text, old.ptr, at);
    bool is_empty = true;
    for (size_t i = 1; i < at; i++) {
        is_empty =
            is_empty && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r');
    }
    if (is_empty) { /* no comma before the first */
        nulls.ptr++;
        nulls.len--;
    }
    memcpy(text + at, nulls.ptr, nulls.len);
    at += nulls.len;
    text[at++] = '}';
    want->metadata = (struct json_value){JSON_OBJECT, {text, at}};
    return true;
}

bool surplus_document(const struct record *want, const struct record *have)
{
    return want->document.type == JSON_NULL && have->document.type != JSON_NULL;
}

bool surplus_clear(struct record *want, const struct record *have, struct arena *arena,
                   struct arena *scratch, struct error *err)
{
    struct metadata wanted = {0};
    struct metadata had = {0};
    struct buf nulls;
    bool ok;

    if (!metadata_read(want->metadata, scratch, &wanted, err) ||
        !metadata_read(have->metadata, scratch, &had, err)) {
        return false;
    }
    buf_init(&nulls, LIMIT_BATCH_ARENA);
    collect(&wanted, &had, &nulls);
    if (want->uri.type == JSON_NULL && have->uri.type != JSON_NULL) {
        append_null(&nulls, URI_KEY);
    }
    ok = buf_check(&nulls, "metadata to be cleared", err) &&
         (nulls.len == 0 || extend(want, buf_span(&nulls), arena, err));
    buf_deinit(&nulls);
    return ok;
}
