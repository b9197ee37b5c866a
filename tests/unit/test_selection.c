/* Which part of a collection a rehearsal moves, and how its own collection is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "producer/selection.h"
#include "support/option_fixture.h"

static const struct option_row rows[] = {
    {.name = "sample", .type = OPTION_NUMBER, .min = 1, .max = 1000},
    {.name = "first", .type = OPTION_NUMBER, .min = 1, .max = 1000},
    {.name = "seed", .type = OPTION_NUMBER},
    {.name = "remove-after", .type = OPTION_FLAG},
    {.name = "catch-up", .type = OPTION_FLAG},
    {.name = "delete-extra", .type = OPTION_FLAG},
    {.name = "exact-target", .type = OPTION_FLAG},
    {.name = "dry-run", .type = OPTION_FLAG},
};

static void check(const char *expected, const char *first, const char *second)
{
    struct selection selection;
    struct error err = {0};
    struct option_set *options = read_options(rows, ARRAY_LEN(rows), first, second);
    if (selection_read(&selection, options, 0x100000007, &err)) {
        assert_string_equal(selection.text, expected);
        assert_int_equal(selection.is_part, strcmp(expected, "all") != 0);
    } else {
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message, expected);
    }
    option_free(options);
}

static void all_or_the_first_or_a_sample_with_its_seed(void **state)
{
    (void)state;
    check("all", NULL, NULL);
    check("first 5", "--first=5", NULL);
    check("sample 5 seed 7", "--sample=5", NULL);
    check("sample 5 seed 0", "--sample=5", "--seed=0");
    check("sample 1000 seed 4294967295", "--sample=1000", "--seed=4294967295");
}

static void what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    check("--sample and --first are two ways to choose: give one", "--sample=5", "--first=5");
    check("--catch-up is about all records, --first moves a part: give one", "--first=5",
          "--catch-up");
    check("--delete-extra is about all records, --sample moves a part: give one", "--sample=5",
          "--delete-extra");
    check("--dry-run is about all records, --sample moves a part: give one", "--sample=5",
          "--dry-run");
    check("--seed chooses a sample: it goes with --sample N", "--seed=5", NULL);
    check("--seed chooses a sample: it goes with --sample N", "--first=5", "--seed=5");
    check("--remove-after removes a rehearsal: it goes with --sample or --first", "--remove-after",
          NULL);
}

static void a_name_is_short_enough_for_every_server(void **state)
{
    char name[SELECTION_NAME_SIZE];
    char collection[200];
    (void)state;
    selection_name("docs", 0x123456789abcdef0, name);
    assert_string_equal(name, "docs-rehearsal-9abcdef0");
    memset(collection, 'c', sizeof collection);
    collection[199] = '\0';
    selection_name(collection, 1, name);
    assert_int_equal(strlen(name), 63);
    assert_string_equal(name + 63 - 19, "-rehearsal-00000001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_or_the_first_or_a_sample_with_its_seed),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(a_name_is_short_enough_for_every_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
