/* See catalogue.h. */
#include "producer/catalogue.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "format/document.h"

#define SHOWN_NAME 48
#define PAGE                                                                                       \
    100u /* objects of a few KiB; an answer too large to hold is asked for in smaller ones */

static bool is_known(const struct catalogue *catalogue, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(catalogue->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add(struct catalogue *catalogue, const char *name, struct error *err)
{
    if (catalogue->count == catalogue->room) {
        size_t room = catalogue->room == 0 ? PAGE : 2 * catalogue->room;
        char **names = realloc(catalogue->names, room * sizeof *names);
        if (names == NULL) {
            return error_set(err, ERROR_NOMEM, "out of memory");
        }
        catalogue->names = names;
        catalogue->room = room;
    }
    catalogue->names[catalogue->count] = strdup(name);
    if (catalogue->names[catalogue->count] == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    catalogue->count++;
    return true;
}

bool catalogue_take_page(struct catalogue *catalogue, struct span json, uint32_t limit,
                         bool *is_last, struct error *err)
{
    struct document *page = NULL;
    size_t before = catalogue->count;
    if (!document_parse(json, &page, err)) {
        return error_wrap(err, "the list of collections");
    }
    int length = document_length(page);
    bool ok = true;
    for (int i = 0; ok && i < length; i++) {
        const char *name = document_string(document_get(document_at(page, i), "name"), NULL);
        if (name == NULL) {
            ok = error_set(err, ERROR_FORMAT, "the list of collections has one without a name");
        } else if (!is_known(catalogue, before, name)) {
            ok = add(catalogue, name, err);
        }
    }
    /* A list is read while others change it: a page may repeat what the one before had. */
    *is_last = (uint32_t)length != limit || catalogue->count == before;
    document_free(page);
    return ok;
}

struct asked {
    struct buf body;
    bool done;
    struct error err;
};

static void on_page(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct asked *asked = ctx;
    asked->err = *err;
    if (err->kind == ERROR_NONE) {
        buf_append_span(&asked->body, answer->body);
        (void)!buf_check(&asked->body, "the list of collections",
                         &asked->err); /* looked at below */
    }
    asked->done = true;
}

typedef struct http_request *list_fn(struct chroma *chroma, uint64_t offset, uint32_t limit,
                                     chroma_answer_fn *fn, void *ctx, struct error *err);

static bool read_page(struct catalogue *catalogue, struct side *side, list_fn *list,
                      struct runtime *rt, uint64_t offset, uint32_t limit, bool *is_last,
                      struct error *err)
{
    struct asked asked = {.done = false};
    buf_init(&asked.body, LIMIT_CONTROL_DOCUMENT);
    bool ok = list(&side->chroma, offset, limit, on_page, &asked, err) != NULL &&
              runtime_await(rt, &asked.done, err);
    if (ok && asked.err.kind != ERROR_NONE) {
        *err = asked.err;
        ok = false;
    }
    ok = ok && catalogue_take_page(catalogue, buf_span(&asked.body), limit, is_last, err);
    buf_deinit(&asked.body);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_all(struct catalogue *catalogue, struct side *side, list_fn *list,
                     struct runtime *rt, struct error *err)
{
    uint64_t offset = 0;
    uint32_t limit = PAGE;
    bool is_last = false;
    while (!is_last) {
        struct error why = {0};
        if (read_page(catalogue, side, list, rt, offset, limit, &is_last, &why)) {
            offset += limit;
        } else if (why.kind == ERROR_LIMIT && limit > 1) {
            limit /= 2;
        } else {
            *err = why;
            return error_wrap(err, "%s %s", side->chroma.role, side->chroma.address.base);
        }
    }
    if (catalogue->count > 0) {
        qsort(catalogue->names, catalogue->count, sizeof *catalogue->names, by_name);
    }
    return true;
}

bool catalogue_read(struct catalogue *catalogue, struct side *side, struct runtime *rt,
                    struct error *err)
{
    return read_all(catalogue, side, chroma_list_collections, rt, err);
}

bool catalogue_read_databases(struct catalogue *catalogue, struct side *side, struct runtime *rt,
                              struct error *err)
{
    return read_all(catalogue, side, chroma_list_databases, rt, err);
}

void catalogue_deinit(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        free(catalogue->names[i]);
    }
    free(catalogue->names);
    *catalogue = (struct catalogue){0};
}

static bool add_setting(void *ctx, const struct chroma_setting *setting)
{
    struct catalogue_facts *facts = ctx;
    if (strncmp(setting->name, "metadata.", strlen("metadata.")) == 0) {
        facts->metadata_keys++;
        facts->metadata_bytes += setting->key.len + setting->value.len;
    }
    return true;
}

bool catalogue_facts(const struct chroma_collection *collection, struct catalogue_facts *out,
                     struct error *err)
{
    const struct document *function =
        document_get(document_get(collection->object, "configuration_json"), "embedding_function");
    struct buf text;
    *out = (struct catalogue_facts){0};
    buf_init(&text, 4 * sizeof out->embedding_function);
    buf_append_text(
        &text,
        span_from_str(document_string(document_get(function, "name"),
                                      document_string(document_get(function, "type"), ""))),
        SHOWN_NAME);
    memcpy(out->embedding_function, buf_cstr(&text),
           text.len < sizeof out->embedding_function ? text.len + 1 : 0);
    buf_deinit(&text);
    return chroma_each_setting(collection, add_setting, out, err);
}
