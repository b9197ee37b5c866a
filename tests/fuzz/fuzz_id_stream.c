/* The ids of an answer that comes in pieces: wherever it is cut, the same ids and the same verdict as in one piece. The first byte
 * says how it is cut. */
#include "fuzz.h"

#include "base/clock.h"
#include "format/columns.h"
#include "format/digest.h"
#include "format/id_stream.h"

struct seen {
    uint64_t count;
    struct digest_stream *digest;
};

static bool on_id(void *ctx, struct span id, struct error *err)
{
    struct seen *seen = ctx;
    uint64_t len = id.len;

    (void)err;
    seen->count++;
    digest_update(seen->digest, (struct span){(const uint8_t *)&len, sizeof len});
    digest_update(seen->digest, id);
    return true;
}

/* piece 0: all at once. */
static bool run(struct span text, size_t piece, struct seen *seen, struct digest *digest)
{
    struct id_stream *stream;
    struct error err = {0};
    bool ok = true;

    *seen = (struct seen){0, digest_new()};
    stream = id_stream_new(on_id, seen);
    REQUIRE(stream != NULL && seen->digest != NULL);
    piece = piece == 0 ? text.len : piece;
    for (size_t at = 0; ok && at < text.len; at += piece) {
        size_t len = text.len - at < piece ? text.len - at : piece;
        char *copy = fuzz_string((struct span){text.ptr + at, len}); /* its end is guarded */

        ok = id_stream_feed(stream, (struct span){(const uint8_t *)copy, len}, &err);
        free(copy);
    }
    ok = ok && id_stream_finish(stream, &err);
    fuzz_check_outcome(ok, &err);
    REQUIRE(!ok || id_stream_count(stream) == seen->count);
    id_stream_free(stream);
    digest_finish(seen->digest, digest);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {data, size};
    size_t piece = (size_t)(fuzz_byte(&text) % 16) + 1;
    struct seen whole, cut;
    struct digest whole_digest, cut_digest;
    struct arena arena;
    struct record_set set;
    struct error err = {0};
    bool ok = run(text, 0, &whole, &whole_digest);

    REQUIRE(run(text, piece, &cut, &cut_digest) == ok);
    REQUIRE(whole.count == cut.count && digest_equal(&whole_digest, &cut_digest));
    arena_init(&arena, 16u << 20);
    if (columns_scan(text, &arena, &set, &err)) { /* strict about more: then the stream takes it */
        REQUIRE(ok && set.count == whole.count);
    }
    arena_deinit(&arena);
    return 0;
}
