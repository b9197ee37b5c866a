/* See living.h. */
#include "producer/living.h"

#include <string.h>

#include "format/columns.h"
#include "format/id_stream.h"

struct asking { /* one request, waited for */
    const struct ids *ids;
    bool *living;
    size_t found; /* in this answer for the first time */
    bool done;
    struct error err;
};

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct asking *asking = ctx;
    for (size_t i = 0; i < asking->ids->count; i++) {
        if (span_equal(asking->ids->list[i], id)) {
            asking->found += !asking->living[i];
            asking->living[i] = true;
            return true;
        }
    }
    return error_set(err, ERROR_FORMAT, "it answers ids that it was not asked for");
}

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct asking *asking = ctx;
    asking->err = *err;
    if (err->kind == ERROR_NONE) {
        struct id_stream *stream = id_stream_new(on_id, asking);
        (void)!(stream == NULL ? error_set(&asking->err, ERROR_NOMEM, "out of memory")
                               : id_stream_feed(stream, answer->body, &asking->err) &&
                                     id_stream_finish(stream, &asking->err));
        id_stream_free(stream);
    }
    asking->done = true;
}

/* For those that are not known to be there. */
static void write_question(struct buf *out, const struct asking *asking)
{
    struct span rest[LIMIT_BATCH_RECORDS];
    size_t count = 0;
    for (size_t i = 0; i < asking->ids->count; i++) {
        if (!asking->living[i]) {
            rest[count++] = asking->ids->list[i];
        }
    }
    columns_write_get_only(out, rest, count, "[]");
}

static bool ask(struct runtime *rt, struct side *side, struct asking *asking, int64_t deadline_ms,
                struct error *err)
{
    struct buf body;
    buf_init(&body, LIMIT_REQUEST_BODY);
    write_question(&body, asking);
    asking->found = 0;
    asking->done = false;
    error_clear(&asking->err);
    bool ok = buf_check(&body, "a request for ids", err) &&
              chroma_get_records(&side->chroma, &side->collection.uuid, buf_span(&body),
                                 deadline_ms, on_answer, asking, err) != NULL &&
              runtime_await(rt, &asking->done, err);
    if (ok && asking->err.kind != ERROR_NONE) {
        *err = asking->err;
        ok = false;
    }
    buf_deinit(&body);
    return ok;
}

bool living_find(struct runtime *rt, struct side *side, const struct ids *ids, int64_t deadline_ms,
                 bool living[LIMIT_BATCH_RECORDS], size_t *count, struct error *err)
{
    struct asking asking = {.ids = ids, .living = living};
    memset(living, 0, sizeof *living * LIMIT_BATCH_RECORDS);
    *count = 0;
    do {
        if (!ask(rt, side, &asking, deadline_ms, err)) {
            return error_wrap(err, "ask the %s what of the ids to delete it has",
                              side->chroma.role);
        }
        *count += asking.found;
    } while (asking.found > 0 && *count < ids->count);
    return true;
}
