/*
 * A message value from anybody. The first byte says whether the rest is the gzip itself or the text in it. What is taken can be
 * written and read again, and is then the same by the table of equality.
 */
#include "fuzz.h"

#include "format/batch.h"
#include "format/equality.h"
#include "format/gzip.h"

#define TEXT_MAX  (8u << 20)
#define ARENA_MAX (16u << 20)

struct decoded {
    struct buf text;
    struct arena arena;
    struct batch_header header;
    struct record_set set;
};

static bool decode(struct span value, struct decoded *out)
{
    struct error err = {0};
    bool ok;

    buf_init(&out->text, TEXT_MAX);
    arena_init(&out->arena, ARENA_MAX);
    ok = batch_decode(value, &out->text, &out->arena, &out->header, &out->set, &err);
    fuzz_check_outcome(ok, &err);
    return ok;
}

static void release(struct decoded *decoded)
{
    buf_deinit(&decoded->text);
    arena_deinit(&decoded->arena);
}

static void check_again(struct decoded *first)
{
    struct buf value;
    struct decoded second;
    struct error err = {0};
    struct digest a, b;

    buf_init(&value, TEXT_MAX);
    REQUIRE(batch_encode(&first->header, first->set.records, first->set.count, &value, &err));
    REQUIRE(decode(buf_span(&value), &second));
    REQUIRE(second.set.count == first->set.count && first->header.records == first->set.count);
    REQUIRE(uuid_equal(&second.header.target, &first->header.target));
    REQUIRE(second.header.job_id == first->header.job_id &&
            second.header.export_rev == first->header.export_rev);
    for (size_t i = 0; i < first->set.count; i++) {
        const struct record *record = &first->set.records[i];

        REQUIRE(record->is_finite && record->dimension > 0);
        REQUIRE(span_equal(record->id, second.set.records[i].id));
        REQUIRE(equality_compare(record, &second.set.records[i], SPACE_L2, &second.arena, NULL) ==
                EQUALITY_SAME);
    }
    REQUIRE(equality_digest(&first->set, &first->arena, &a, &err));
    REQUIRE(equality_digest(&second.set, &second.arena, &b, &err));
    REQUIRE(digest_equal(&a, &b));
    release(&second);
    buf_deinit(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {data, size};
    bool is_gzip = (fuzz_byte(&input) & 1) != 0;
    struct gzip_writer *writer = NULL;
    struct buf value;
    struct decoded decoded;
    struct error err = {0};

    buf_init(&value, TEXT_MAX);
    if (!is_gzip) {
        REQUIRE(gzip_open(&value, &writer, &err) && gzip_write(writer, GZIP_TEXT, input, &err) &&
                gzip_close(writer, &err));
    }
    if (decode(is_gzip ? input : buf_span(&value), &decoded)) {
        check_again(&decoded);
    }
    release(&decoded);
    buf_deinit(&value);
    return 0;
}
