/* See catalogue.h. */
#include "producer/catalogue.h"

#include <string.h>

#include "base/limits.h"
#include "format/document.h"

#define SHOWN_NAME       48
#define FIRST_WITH_PAGES 4020 /* 0.4.20; before, a list comes whole */
#define ANEW_MS          300

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

static bool read_page(struct catalogue_pages *pages, struct side *side, list_fn *list,
                      struct runtime *rt, struct error *err)
{
    struct asked asked = {.done = false};
    buf_init(&asked.body, LIMIT_CONTROL_DOCUMENT);
    bool ok = list(&side->chroma, pages->offset, pages->limit, on_page, &asked, err) != NULL &&
              runtime_await(rt, &asked.done, err);
    if (ok && asked.err.kind != ERROR_NONE) {
        *err = asked.err;
        ok = false;
    }
    ok = ok && catalogue_pages_take(pages, buf_span(&asked.body), err);
    buf_deinit(&asked.body);
    return ok;
}

static bool read_all(struct catalogue *catalogue, struct side *side, list_fn *list,
                     const char *what, struct runtime *rt, struct error *err)
{
    uint32_t version = side->chroma.version.number;
    struct catalogue_pages pages;
    bool ok = true;
    catalogue_pages_begin(&pages, catalogue, version == 0 || version >= FIRST_WITH_PAGES);
    while (ok && !pages.is_over) {
        struct error why = {0};
        ok = read_page(&pages, side, list, rt, &why) ||
             (why.kind == ERROR_LIMIT && catalogue_pages_shrink(&pages));
        if (!ok) {
            *err = why;
            error_wrap(err, "%s %s: the list of %s", side->chroma.role, side->chroma.address.base,
                       what);
        } else if (pages.is_anew) {
            ok = runtime_sleep(rt, ANEW_MS, err);
        }
    }
    catalogue_pages_end(&pages);
    return ok;
}

bool catalogue_read(struct catalogue *catalogue, struct side *side, struct runtime *rt,
                    struct error *err)
{
    return read_all(catalogue, side, chroma_list_collections, "collections", rt, err);
}

bool catalogue_read_databases(struct catalogue *catalogue, struct side *side, struct runtime *rt,
                              struct error *err)
{
    return read_all(catalogue, side, chroma_list_databases, "databases", rt, err);
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
