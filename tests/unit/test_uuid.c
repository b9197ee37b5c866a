/* UUID text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/uuid.h"
#include "support/expect.h"

static void a_random_one_is_version_4_and_parses(void **state)
{
    struct uuid last = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct uuid uuid;
        struct uuid parsed;

        uuid_random(&uuid);
        assert_int_equal(strlen(uuid.text), 36);
        assert_int_equal(uuid.text[14], '4');
        assert_non_null(strchr("89ab", uuid.text[19]));
        assert_true(uuid_parse(span_from_str(uuid.text), &parsed));
        assert_true(uuid_equal(&uuid, &parsed));
        assert_false(uuid_equal(&uuid, &last));
        last = uuid;
    }
}

static void any_case_is_read_and_lowered(void **state)
{
    struct uuid uuid;

    (void)state;
    assert_true(uuid_parse(SPAN_LITERAL("0123ABCD-4567-89eF-abcd-EF0123456789"), &uuid));
    assert_string_equal(uuid.text, "0123abcd-4567-89ef-abcd-ef0123456789");
}

static void it_may_be_parsed_in_place(void **state)
{
    struct uuid uuid;

    (void)state;
    snprintf(uuid.text, sizeof uuid.text, "0123ABCD-4567-89eF-abcd-EF0123456789");
    assert_true(uuid_parse(span_from_str(uuid.text), &uuid));
    assert_string_equal(uuid.text, "0123abcd-4567-89ef-abcd-ef0123456789");
}

static void anything_else_is_refused_and_gives_none(void **state)
{
    static const char *const bad[] = {
        "",
        "0123abcd-4567-89ef-abcd-ef012345678",
        "0123abcd-4567-89ef-abcd-ef01234567890",
        "0123abcd04567-89ef-abcd-ef0123456789",
        "0123abcd-4567-89ef-abcd-ef012345678g",
        "0123abcd-4567-89ef-abcd_ef0123456789",
        "{123abcd-4567-89ef-abcd-ef012345678}",
        " 123abcd-4567-89ef-abcd-ef0123456789",
        "0123abc--4567-89ef-abcd-ef0123456789",
        "0123ab:d-4567-89ef-abcd-ef0123456789",
        "0123ab/d-4567-89ef-abcd-ef0123456789",
        "0123ab`d-4567-89ef-abcd-ef0123456789",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct uuid uuid;

        uuid_random(&uuid);
        assert_false(uuid_parse(span_from_str(bad[i]), &uuid));
        assert_string_equal(uuid.text, "");
    }
}

static void a_nul_inside_is_refused(void **state)
{
    struct uuid uuid;

    (void)state;
    assert_false(uuid_parse(SPAN_LITERAL("0123abcd-4567-89ef-abcd-ef01234567\0009"), &uuid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_one_is_version_4_and_parses),
        cmocka_unit_test(any_case_is_read_and_lowered),
        cmocka_unit_test(it_may_be_parsed_in_place),
        cmocka_unit_test(anything_else_is_refused_and_gives_none),
        cmocka_unit_test(a_nul_inside_is_refused),
    };

    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
