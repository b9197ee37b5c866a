/* The list of collections: pages that shift while they are read and end in every way servers end them; what an object says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/limits.h"
#include "producer/catalogue.h"

/* A server as Chroma's are: an order that stays, and pages that begin so many places from its start. */
struct server {
    uint32_t keys[2000]; /* ascending; even ones stay, odd ones come and go */
    size_t count;
    uint32_t cap;      /* gives no more at a time; 0: as many as are asked for */
    unsigned requests; /* that were answered */
};

static void put(struct server *server, uint32_t key)
{
    size_t i = server->count;
    while (i > 0 && server->keys[i - 1] > key) {
        i--;
    }
    if (i == 0 || server->keys[i - 1] != key) {
        memmove(server->keys + i + 1, server->keys + i, (server->count - i) * sizeof *server->keys);
        server->keys[i] = key;
        server->count++;
    }
}

static void drop(struct server *server, size_t place)
{
    memmove(server->keys + place, server->keys + place + 1,
            (server->count - place - 1) * sizeof *server->keys);
    server->count--;
}

static void answer(struct server *server, struct catalogue_pages *pages, struct error *err)
{
    struct buf json;
    uint32_t most = server->cap != 0 && server->cap < pages->limit ? server->cap : pages->limit;
    buf_init(&json, MIB);
    buf_append_byte(&json, '[');
    for (size_t i = pages->offset; i < server->count && i - pages->offset < most; i++) {
        uint32_t key = server->keys[i];
        buf_printf(&json, "%s{\"id\":\"%u\",\"name\":\"c%04u\"}", json.len > 1 ? "," : "", key,
                   key);
    }
    buf_append_byte(&json, ']');
    server->requests++;
    assert_true(server->requests < 10000);
    if (!catalogue_pages_take(pages, buf_span(&json), err)) {
        assert_int_not_equal(err->kind, ERROR_NONE);
    }
    buf_deinit(&json);
}

static struct server holds(uint32_t count)
{
    struct server server = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        server.keys[server.count++] = 2 * i;
    }
    return server;
}

static bool knows(const struct catalogue *names, uint32_t key)
{
    char name[16];
    snprintf(name, sizeof name, "c%04u", key);
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void a_list_of_any_length_is_read_whole(void **state)
{
    static const uint32_t lengths[] = {0, 1, 2, 3, 7, 89, 90, 91, 99, 100, 101, 190, 200, 1000};
    static const uint32_t caps[] = {0, 2, 3, 30};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lengths) * ARRAY_LEN(caps); i++) {
        struct server server = holds(lengths[i / ARRAY_LEN(caps)]);
        struct catalogue names = {0};
        struct catalogue_pages pages;
        struct error err = {0};
        server.cap = caps[i % ARRAY_LEN(caps)];
        catalogue_pages_begin(&pages, &names, true);
        while (!pages.is_over) {
            answer(&server, &pages, &err);
            assert_int_equal(err.kind, ERROR_NONE);
            assert_false(pages.is_anew);
        }
        assert_int_equal(names.count, server.count);
        catalogue_pages_end(&pages);
        catalogue_deinit(&names);
    }
}

/* The one that is deleted stood before the next page: it begins one place too late for who counts places. */
static void what_is_deleted_hides_nothing(void **state)
{
    struct server server = holds(104);
    struct catalogue names = {0};
    struct catalogue_pages pages;
    struct error err = {0};
    (void)state;
    catalogue_pages_begin(&pages, &names, true);
    answer(&server, &pages, &err);
    drop(&server, 0);
    while (!pages.is_over) {
        answer(&server, &pages, &err);
    }
    assert_int_equal(err.kind, ERROR_NONE);
    assert_int_equal(pages.begun_again, 0);
    for (uint32_t i = 1; i < 104; i++) {
        assert_true(knows(&names, 2 * i));
    }
    catalogue_pages_end(&pages);
    catalogue_deinit(&names);
}

static void what_stays_is_never_missed_whatever_comes_and_goes(void **state)
{
    unsigned complete = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct server server = holds(120);
        struct catalogue names = {0};
        struct catalogue_pages pages;
        struct error err = {0};
        struct rng rng;
        rng_seed(&rng, seed);
        server.cap = (uint32_t)rng_below(&rng, 3) * 17;
        catalogue_pages_begin(&pages, &names, true);
        for (unsigned i = 0; i < 60; i++) { /* odd ones come and go */
            put(&server, (uint32_t)rng_below(&rng, 120) * 2 + 1);
        }
        while (!pages.is_over && err.kind == ERROR_NONE) {
            answer(&server, &pages, &err);
            for (uint64_t moves = rng_below(&rng, 1 + seed % 40); moves > 0; moves--) {
                size_t place = rng_below(&rng, server.count);
                if (server.keys[place] % 2 == 1) {
                    drop(&server, place);
                }
                put(&server, (uint32_t)rng_below(&rng, 120) * 2 + 1);
            }
        }
        complete += pages.is_over;
        for (uint32_t i = 0; pages.is_over && i < 120; i++) {
            if (!knows(&names, 2 * i)) {
                fail_msg("seed %u: %u was missed", (unsigned)seed, 2 * i);
            }
        }
        assert_true(pages.is_over || err.kind == ERROR_UNAVAILABLE);
        catalogue_pages_end(&pages);
        catalogue_deinit(&names);
    }
    assert_true(complete > 300);
}

/* Made anew under its name it is another, elsewhere in the order; and in the end somebody is told. */
static void a_list_that_never_holds_still_ends_with_words(void **state)
{
    struct catalogue names = {0};
    struct catalogue_pages pages;
    struct error err = {0};
    unsigned asked = 0;
    (void)state;
    catalogue_pages_begin(&pages, &names, true);
    while (err.kind == ERROR_NONE) {
        char json[120];
        snprintf(json, sizeof json,
                 "[{\"name\":\"a\",\"id\":\"%u\"},{\"name\":\"b\",\"id\":\"%u\"}]", asked,
                 asked + 1000);
        assert_true(asked++ < 100);
        (void)!catalogue_pages_take(&pages, span_from_str(json), &err);
    }
    assert_int_equal(err.kind, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "the list changed while it was read, 10 times"));
    catalogue_pages_end(&pages);
    catalogue_deinit(&names);
}

static void a_server_without_pages_ends_at_once(void **state)
{
    (void)state;
    for (int is_paged = 0; is_paged <= 1; is_paged++) {
        struct server server = holds(is_paged ? 101 : 100);
        struct catalogue names = {0};
        struct catalogue_pages pages;
        struct error err = {0};
        catalogue_pages_begin(&pages, &names, is_paged);
        struct buf json;
        buf_init(&json, MIB);
        buf_append_byte(&json, '[');
        for (size_t i = 0; i < server.count; i++) {
            buf_printf(&json, "%s{\"name\":\"c%04u\"}", i > 0 ? "," : "", server.keys[i]);
        }
        buf_append_byte(&json, ']');
        assert_true(catalogue_pages_take(&pages, buf_span(&json), &err));
        assert_true(pages.is_over);
        assert_int_equal(names.count, server.count);
        buf_deinit(&json);
        catalogue_pages_end(&pages);
        catalogue_deinit(&names);
    }
}

static void a_page_too_large_to_hold_is_asked_for_in_smaller_ones(void **state)
{
    struct server server = holds(64);
    struct catalogue names = {0};
    struct catalogue_pages pages;
    struct error err = {0};
    (void)state;
    catalogue_pages_begin(&pages, &names, true);
    while (!pages.is_over) {
        if (pages.limit > 3 && server.requests > 0) {
            assert_true(catalogue_pages_shrink(&pages));
            continue;
        }
        pages.limit = server.requests == 0 ? 40 : pages.limit;
        answer(&server, &pages, &err);
        assert_int_equal(err.kind, ERROR_NONE);
    }
    assert_int_equal(names.count, 64);
    pages.limit = 2;
    assert_false(catalogue_pages_shrink(&pages));
    catalogue_pages_end(&pages);
    catalogue_deinit(&names);
}

static void a_name_that_moved_on_is_told_once(void **state)
{
    struct catalogue names = {0};
    struct catalogue_pages pages;
    struct error err = {0};
    (void)state;
    catalogue_pages_begin(&pages, &names, true);
    assert_true(catalogue_pages_take(
        &pages, span_from_str("[{\"name\":\"b\",\"id\":\"1\"},{\"name\":\"a\",\"id\":\"2\"}]"),
        &err));
    assert_true(catalogue_pages_take(
        &pages, span_from_str("[{\"name\":\"c\",\"id\":\"2\"},{\"name\":\"a\",\"id\":\"3\"}]"),
        &err));
    assert_true(
        catalogue_pages_take(&pages, span_from_str("[{\"name\":\"a\",\"id\":\"3\"}]"), &err));
    assert_true(pages.is_over);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.names[0], "a");
    assert_string_equal(names.names[1], "b");
    catalogue_pages_end(&pages);
    catalogue_deinit(&names);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const wrong[] = {
        "<html>", "[{\"nam\":\"a\"}]", "[1]", "{\"error\":\"x\"}", "null", "\"a\""};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct catalogue names = {0};
        struct catalogue_pages pages;
        struct error err = {0};
        catalogue_pages_begin(&pages, &names, true);
        assert_false(catalogue_pages_take(&pages, span_from_str(wrong[i]), &err));
        assert_int_equal(err.kind, ERROR_FORMAT);
        catalogue_pages_end(&pages);
        catalogue_deinit(&names);
    }
}

#define OBJECT(rest_)                                                                              \
    "{\"id\":\"3fa85f64-5717-4562-b3fc-2c963f66afa6\",\"name\":\"docs\",\"dimension\":3" rest_ "}"

static struct catalogue_facts facts_of(const char *json)
{
    struct chroma_collection collection = {0};
    struct catalogue_facts facts;
    struct error err = {0};
    if (!chroma_read_collection(span_from_str(json), &collection, &err) ||
        !catalogue_facts(&collection, &facts, &err)) {
        fail_msg("%s", err.message);
    }
    chroma_collection_deinit(&collection);
    return facts;
}

static void an_object_says_function_and_metadata(void **state)
{
    (void)state;
    struct catalogue_facts facts = facts_of(
        OBJECT(",\"metadata\":{\"owner\":\"x\",\"n\":12},\"configuration_json\":{\"hnsw\":null,"
               "\"embedding_function\":{\"type\":\"known\",\"name\":\"openai\",\"config\":{}}}"));
    assert_string_equal(facts.embedding_function, "openai");
    assert_int_equal(facts.metadata_keys, 2);
    assert_int_equal(facts.metadata_bytes, strlen("owner\"x\"n12"));
    facts = facts_of(OBJECT(",\"metadata\":null,\"configuration_json\":{\"embedding_function\":{"
                            "\"type\":\"legacy\"}}"));
    assert_string_equal(facts.embedding_function, "legacy");
    assert_int_equal(facts.metadata_keys, 0);
    facts = facts_of(OBJECT(",\"metadata\":null"));
    assert_string_equal(facts.embedding_function, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_any_length_is_read_whole),
        cmocka_unit_test(what_is_deleted_hides_nothing),
        cmocka_unit_test(what_stays_is_never_missed_whatever_comes_and_goes),
        cmocka_unit_test(a_list_that_never_holds_still_ends_with_words),
        cmocka_unit_test(a_server_without_pages_ends_at_once),
        cmocka_unit_test(a_page_too_large_to_hold_is_asked_for_in_smaller_ones),
        cmocka_unit_test(a_name_that_moved_on_is_told_once),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(an_object_says_function_and_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
