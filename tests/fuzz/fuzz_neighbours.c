/* The answer to a nearest-neighbour query from anybody: what is taken can be written and is read again the same. */
#include "fuzz.h"

#include <math.h>

#include "format/json_write.h"
#include "format/neighbours.h"

#define ARENA_MAX (16u << 20)

static void write_answer(struct buf *out, const struct neighbours *found)
{
    buf_append_str(out, "{\"ids\":[[");
    for (size_t i = 0; i < found->count; i++) {
        buf_append_str(out, i > 0 ? "," : "");
        json_write_string(out, found->list[i].id);
    }
    buf_append_str(out, "]],\"distances\":[[");
    for (size_t i = 0; i < found->count; i++) {
        buf_append_str(out, i > 0 ? "," : "");
        if (isfinite(found->list[i].distance)) {
            buf_printf(out, "%.17g", found->list[i].distance);
        } else {
            buf_append_str(out, "null");
        }
    }
    buf_append_str(out, "]]}");
}

static void check_again(const struct neighbours *found, struct arena *arena)
{
    struct neighbours again;
    struct error err = {0};
    struct buf text;

    buf_init(&text, 64u << 20);
    write_answer(&text, found);
    REQUIRE(buf_check(&text, "answer", &err));
    REQUIRE(neighbours_scan(buf_span(&text), arena, &again, &err));
    REQUIRE(again.count == found->count);
    for (size_t i = 0; i < found->count; i++) {
        REQUIRE(span_equal(again.list[i].id, found->list[i].id));
        REQUIRE(isfinite(found->list[i].distance)
                    ? again.list[i].distance == found->list[i].distance
                    : isnan(again.list[i].distance));
    }
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct neighbours found;
    struct error err = {0};
    bool ok;

    arena_init(&arena, ARENA_MAX);
    ok = neighbours_scan((struct span){data, size}, &arena, &found, &err);
    fuzz_check_outcome(ok, &err);
    if (ok) {
        check_again(&found, &arena);
    }
    arena_deinit(&arena);
    return 0;
}
