/* A list of ids that is whole, from servers that give all, cut without a word, lose or gain records meanwhile, or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "producer/id_pages.h"

struct server {
    uint64_t records;
    uint32_t cap;   /* 0: none */
    uint64_t lies;  /* that many more are counted than there are */
    uint64_t gains; /* with every question */
    uint64_t loses; /* behind the first count, once */
    unsigned questions, lists;
};

static uint64_t answer(const struct server *server, const struct id_pages *pages)
{
    uint64_t rest = server->records > pages->offset ? server->records - pages->offset : 0;
    uint64_t most = pages->limit != 0 ? pages->limit : UINT64_MAX;

    most = server->cap != 0 && server->cap < most ? server->cap : most;
    return rest < most ? rest : most;
}

static enum id_pages_step walk(struct server *server, struct id_pages *pages, bool is_cloud)
{
    uint64_t distinct = 0;

    id_pages_begin(pages, is_cloud);
    while (pages->step == ID_PAGES_COUNT || pages->step == ID_PAGES_LIST) {
        assert_true(server->questions++ < 1000);
        server->records += server->gains;
        if (pages->step == ID_PAGES_COUNT) {
            id_pages_counted(pages, server->records + server->lies);
            server->records -= server->loses;
            server->loses = 0;
            continue;
        }
        pages->is_anew = false;
        server->lists++;
        uint64_t ids = answer(server, pages);
        assert_true(!is_cloud || (pages->limit > 0 && pages->limit <= 300));
        /* the list is stable: what is beyond what was known is new */
        distinct = pages->offset + ids > distinct ? pages->offset + ids : distinct;
        id_pages_listed(pages, ids, distinct);
    }
    return pages->step;
}

static void a_server_that_gives_all_is_asked_once(void **state)
{
    static const uint64_t counts[] = {0, 1, 300, 5000000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct server server = {.records = counts[i]};
        struct id_pages pages;
        assert_int_equal(walk(&server, &pages, false), ID_PAGES_DONE);
        assert_int_equal(server.questions, 2);
        assert_int_equal(pages.distinct, counts[i]);
    }
}

static void a_cut_list_goes_on_by_pages(void **state)
{
    static const struct {
        uint64_t records;
        uint32_t cap;
        unsigned lists;
    } rows[] = {{300, 300, 1}, {301, 300, 2}, {1234, 300, 5}, {1234, 1000, 2}, {25, 10, 3}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server server = {.records = rows[i].records, .cap = rows[i].cap};
        struct id_pages pages;
        assert_int_equal(walk(&server, &pages, false), ID_PAGES_DONE);
        assert_int_equal(pages.distinct, rows[i].records);
        assert_int_equal(server.lists, rows[i].lists);
    }
}

static void cloud_is_asked_by_pages_from_the_first(void **state)
{
    static const struct {
        uint64_t records;
        unsigned lists;
    } rows[] = {{0, 1}, {1, 1}, {300, 1}, {301, 2}, {1200, 4}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct server server = {.records = rows[i].records, .cap = 300};
        struct id_pages pages;
        assert_int_equal(walk(&server, &pages, true), ID_PAGES_DONE);
        assert_int_equal(pages.distinct, rows[i].records);
        assert_int_equal(server.lists, rows[i].lists);
    }
}

static void records_that_come_or_go_meanwhile_are_no_fault(void **state)
{
    struct server growing = {.records = 1000, .gains = 3};
    struct server shrinking = {.records = 1000, .loses = 10};
    struct server emptied = {.records = 7, .loses = 7};
    struct id_pages pages;

    (void)state;
    assert_int_equal(walk(&growing, &pages, false), ID_PAGES_DONE);
    assert_int_equal(growing.questions, 2);
    assert_int_equal(walk(&shrinking, &pages, false), ID_PAGES_DONE);
    assert_int_equal(pages.distinct, 990);
    assert_int_equal(pages.passes, 0);
    assert_int_equal(walk(&emptied, &pages, true), ID_PAGES_DONE);
    assert_int_equal(pages.distinct, 0);
}

static void a_list_that_stays_short_is_said_to_be(void **state)
{
    static const bool kinds[] = {false, true};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct server server = {.records = 640, .lies = 1, .cap = kinds[i] ? 300 : 0};
        struct id_pages pages;
        assert_int_equal(walk(&server, &pages, kinds[i]), ID_PAGES_SHORT);
        assert_int_equal(pages.distinct, 640);
        assert_int_equal(pages.counted, 641);
        assert_int_equal(pages.passes, 3);
    }
}

static void a_failed_answer_is_asked_for_again(void **state)
{
    struct id_pages pages;

    (void)state;
    id_pages_begin(&pages, false);
    id_pages_failed(&pages); /* of the count */
    assert_int_equal(pages.step, ID_PAGES_COUNT);
    assert_false(pages.is_anew);
    id_pages_counted(&pages, 700);
    id_pages_failed(&pages); /* all at once: from the start */
    assert_true(pages.is_anew);
    assert_int_equal(pages.step, ID_PAGES_LIST);
    pages.is_anew = false;
    id_pages_listed(&pages, 300, 300);
    id_pages_failed(&pages); /* a page: the same one */
    assert_false(pages.is_anew);
    assert_int_equal(pages.offset, 300);
    assert_int_equal(pages.limit, 300);
    assert_int_equal(pages.step, ID_PAGES_LIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_gives_all_is_asked_once),
        cmocka_unit_test(a_cut_list_goes_on_by_pages),
        cmocka_unit_test(cloud_is_asked_by_pages_from_the_first),
        cmocka_unit_test(records_that_come_or_go_meanwhile_are_no_fault),
        cmocka_unit_test(a_list_that_stays_short_is_said_to_be),
        cmocka_unit_test(a_failed_answer_is_asked_for_again),
    };

    return cmocka_run_group_tests_name("id_pages", tests, NULL, NULL);
}
