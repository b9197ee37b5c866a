/* What is handed to the ledger of the options that concern a job, and what is refused at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/compiler.h"
#include "producer/settings.h"
#include "support/expect.h"

static const struct option_row rows[] = {
    {.name = "on-existing", .type = OPTION_TEXT},
    {.name = "max-rejects", .type = OPTION_TEXT},
    {.name = "max-delete", .type = OPTION_TEXT},
    {.name = "catch-up", .type = OPTION_FLAG},
    {.name = "catch-up-rounds", .type = OPTION_NUMBER, .min = 1, .max = 1000},
    {.name = "exact-target", .type = OPTION_FLAG},
    {.name = "delete-extra", .type = OPTION_FLAG},
    {.name = "batch-records", .type = OPTION_NUMBER, .fallback = "300", .min = 1, .max = 300},
};

/* The JSON that is handed over, or the error's message. */
static const char *outcome(int argc, const char *const *argv)
{
    static char text[512];
    const char *all[8] = {"migrate"};
    struct error err = {0};
    struct settings settings;
    struct buf out;
    for (int i = 0; i < argc; i++) {
        all[i + 1] = argv[i];
    }
    struct option_set *options =
        option_parse(rows, ARRAY_LEN(rows), argc + 1, (char *const *)all, 0, &err);
    assert_non_null(options);
    buf_init(&out, sizeof text);
    if (settings_read(&settings, options, &err)) {
        settings_write(&settings, &out);
        snprintf(text, sizeof text, "%s", buf_cstr(&out));
    } else {
        assert_int_equal(err.kind, ERROR_USAGE);
        snprintf(text, sizeof text, "%s", err.message);
    }
    buf_deinit(&out);
    option_free(options);
    return text;
}

#define OUTCOME(...)                                                                               \
    outcome((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)),                         \
            (const char *[]){__VA_ARGS__})

static void only_what_was_given_is_handed_over(void **state)
{
    (void)state;
    assert_string_equal(outcome(0, NULL), "{\"batch_records\":300}");
    assert_string_equal(OUTCOME("--on-existing", "skip", "--batch-records", "7"),
                        "{\"batch_records\":7,\"on_existing\":\"skip\"}");
}

static void each_policy_is_taken_and_no_other_word(void **state)
{
    (void)state;
    assert_non_null(strstr(OUTCOME("--on-existing", "mirror"), "\"mirror\""));
    assert_non_null(strstr(OUTCOME("--on-existing", "fail"), "\"fail\""));
    assert_string_equal(OUTCOME("--on-existing", "Skip"),
                        "--on-existing must be mirror, skip or fail, not \"Skip\"");
}

static void the_most_is_a_number_or_a_percentage(void **state)
{
    static const struct {
        const char *flag, *key;
    } options[] = {{"--max-rejects", "max_rejects"}, {"--max-delete", "max_delete"}};
    static const char *const good[] = {"0", "25", "999999999999", "1%", "100%", "0.5%", "2.125%"};
    static const char *const bad[] = {"+1",  "many", "1.5", "%",    ".5%",           "5.%",
                                      "5%%", "5%.",  "1 %", "1e3%", "1234567890123", "1000%"};
    char wanted[80];

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(options); k++) {
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
            snprintf(wanted, sizeof wanted, "{\"batch_records\":300,\"%s\":\"%s\"}", options[k].key,
                     good[i]);
            assert_string_equal(OUTCOME(options[k].flag, good[i]), wanted);
        }
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            snprintf(wanted, sizeof wanted, "%s must be", options[k].flag);
            assert_non_null(strstr(OUTCOME(options[k].flag, bad[i]), wanted));
        }
    }
}

static void what_the_end_is_to_do_is_handed_over(void **state)
{
    (void)state;
    assert_string_equal(OUTCOME("--catch-up", "--catch-up-rounds", "3", "--exact-target"),
                        "{\"batch_records\":300,\"catch_up\":true,\"exact_target\":true,"
                        "\"catch_up_rounds\":3}");
    assert_string_equal(OUTCOME("--delete-extra"), "{\"batch_records\":300,\"delete_extra\":true}");
}

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    assert_non_null(strstr(OUTCOME("--delete-extra", "--on-existing", "skip"), "choose one"));
    assert_string_equal(OUTCOME("--catch-up-rounds", "3"), "--catch-up-rounds needs --catch-up");
}

static int64_t borne(const char *max_rejects, int64_t planned)
{
    const struct settings settings = {.max_rejects = max_rejects};
    return settings_max_rejects(&settings, planned);
}

/* As ferry.max_rejects(): a percentage is rounded down and never below 20, a number is what it is. */
static void so_many_rejects_are_borne(void **state)
{
    (void)state;
    assert_int_equal(borne(NULL, 100), 20);
    assert_int_equal(borne(NULL, 2099), 20);
    assert_int_equal(borne(NULL, 2100), 21);
    assert_int_equal(borne(NULL, 5000000), 50000);
    assert_int_equal(borne("0", 5000000), 0);
    assert_int_equal(borne("17", 10), 17);
    assert_int_equal(borne("0%", 5000000), 20);
    assert_int_equal(borne("2.5%", 1000), 25);
    assert_int_equal(borne("0.000001%", 5000000000), 50);
    assert_int_equal(borne("12.345678%", 100000000), 12345678);
    assert_int_equal(borne("999%", 1000), 9990);
    assert_true(borne("100%", INT64_MAX) == INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_is_a_number_or_a_percentage),
        cmocka_unit_test(so_many_rejects_are_borne),
        cmocka_unit_test(only_what_was_given_is_handed_over),
        cmocka_unit_test(what_the_end_is_to_do_is_handed_over),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(each_policy_is_taken_and_no_other_word),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
