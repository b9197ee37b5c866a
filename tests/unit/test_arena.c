/* The arena: alignment, its ceiling, and that pieces do not overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/limits.h"
#include "support/expect.h"

static void pieces_are_aligned_and_do_not_overlap(void **state)
{
    struct rng rng = seeded_rng();
    struct arena arena;
    struct {
        uint8_t *ptr;
        size_t len;
    } pieces[2000];

    (void)state;
    arena_init(&arena, 256u * MIB);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        /* mostly small ones, now and then one larger than a block */
        pieces[i].len = (size_t)rng_below(&rng, i % 50 == 0 ? 200000 : 700) + 1;
        pieces[i].ptr = arena_alloc(&arena, pieces[i].len);
        assert_non_null(pieces[i].ptr);
        assert_int_equal((uintptr_t)pieces[i].ptr % 16, 0);
        memset(pieces[i].ptr, (int)(i % 251), pieces[i].len);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        for (size_t b = 0; b < pieces[i].len; b++) {
            assert_int_equal(pieces[i].ptr[b], i % 251);
        }
    }
    arena_deinit(&arena);
}

static void the_ceiling_is_exact(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 100);
    assert_non_null(arena_alloc(&arena, 64));
    assert_null(arena_alloc(&arena, 37));
    assert_non_null(arena_alloc(&arena, 36)); /* the last piece may leave its alignment unused */
    assert_int_equal(arena.used, 100);
    assert_null(arena_alloc(&arena, 1));
    arena_deinit(&arena);
}

static void a_reset_gives_the_whole_ceiling_back(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1000);
    for (int i = 0; i < 100; i++) {
        assert_non_null(arena_alloc(&arena, 1000));
        assert_null(arena_alloc(&arena, 1));
        arena_reset(&arena);
        assert_int_equal(arena.used, 0);
        assert_null(arena.blocks);
    }
    arena_deinit(&arena);
}

static void a_large_piece_leaves_the_block_in_use(void **state)
{
    struct arena arena;
    uint8_t *before;
    uint8_t *after;

    (void)state;
    arena_init(&arena, 8u * MIB);
    before = arena_alloc(&arena, 16);
    assert_non_null(arena_alloc(&arena, MIB));
    after = arena_alloc(&arena, 16);
    assert_ptr_equal(after, before + 16);
    arena_deinit(&arena);
}

static void nothing_has_an_address_too(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 100);
    assert_non_null(arena_alloc(&arena, 0));
    assert_ptr_not_equal(arena_alloc(&arena, 0), arena_alloc(&arena, 0));
    arena_deinit(&arena);
}

static void arrays_are_zeroed(void **state)
{
    struct arena arena;
    uint32_t *array;

    (void)state;
    arena_init(&arena, MIB);
    memset(arena_alloc(&arena, 4000), 0xaa, 4000);
    arena_reset(&arena);
    array = arena_alloc_array(&arena, 1000, sizeof *array);
    assert_non_null(array);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(array[i], 0);
    }
    arena_deinit(&arena);
}

static void sizes_that_overflow_are_refused(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 8));  /* rounding up */
    assert_null(arena_alloc(&arena, SIZE_MAX - 31)); /* the block's header on top */
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 4, 8));
    assert_int_equal(arena.used, 0);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(the_ceiling_is_exact),
        cmocka_unit_test(a_reset_gives_the_whole_ceiling_back),
        cmocka_unit_test(a_large_piece_leaves_the_block_in_use),
        cmocka_unit_test(nothing_has_an_address_too),
        cmocka_unit_test(arrays_are_zeroed),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
