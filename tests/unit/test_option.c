/* The option table: syntax, precedence, checks, messages, and --help. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "app/option.h"
#include "app/option_parts.h"
#include "support/option_fixture.h"

static const struct option_row rows[] = {
    {.name = "source",
     .short_name = 's',
     .env = "FERRY_SOURCE",
     .type = OPTION_URL,
     .placeholder = "URL",
     .required = true,
     .group = "Source",
     .help = "Server to read from."},
    {.name = "source-rate",
     .env = "FERRY_SOURCE_RATE",
     .type = OPTION_NUMBER,
     .min = 1,
     .max = 300,
     .fallback = "50",
     .group = "Source",
     .help = "Requests a second, at most; this line is long so that it must go on in another one."},
    {.name = "lease",
     .env = "FERRY_LEASE",
     .type = OPTION_DURATION,
     .min = 500,
     .max = 300000,
     .fallback = "20s",
     .group = "Ledger",
     .help = "How long a claim lives."},
    {.name = "wait", .type = OPTION_DURATION, .group = "Ledger", .help = "How long to wait."},
    {.name = "offset",
     .type = OPTION_NUMBER,
     .min = -5,
     .max = 5,
     .group = "Source",
     .help = "A number around 0."},
    {.name = "job",
     .short_name = 'j',
     .env = "FERRY_JOB",
     .type = OPTION_TEXT,
     .help = "Name of the job."},
    {.name = "exact-target",
     .short_name = 'e',
     .env = "FERRY_EXACT",
     .type = OPTION_FLAG,
     .help = "No extra ids."},
};

#define SOURCE        "--source=http://127.0.0.1:8000"
#define MAX_ARGUMENTS 16

static int enter(void **state)
{
    static const char *const names[] = {"FERRY_SOURCE", "FERRY_SOURCE_RATE", "FERRY_LEASE",
                                        "FERRY_JOB",    "FERRY_EXACT",       "FERRY_OTHER"};
    unset_variables(names, ARRAY_LEN(names));
    return temp_dir_enter(state);
}

static struct option_set *parse(struct error *err, size_t max_words, const char *const *arguments)
{
    char *argv[MAX_ARGUMENTS + 2] = {(char[]){"program"}};
    char *copies[MAX_ARGUMENTS] = {0};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        assert_true(argc <= MAX_ARGUMENTS);
        copies[argc - 1] = strdup(arguments[argc - 1]);
        argv[argc] = copies[argc - 1];
    }
    struct option_set *set = option_parse(rows, ARRAY_LEN(rows), argc, argv, max_words, err);
    /* Nothing may point into the arguments afterwards. */
    for (int i = 0; i < argc - 1; i++) {
        memset(copies[i], '!', strlen(copies[i]));
        free(copies[i]);
    }
    return set;
}
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct option_set *accept(size_t max_words, const char *const *arguments)
{
    struct error err = {0};
    struct option_set *set = parse(&err, max_words, arguments);
    if (set == NULL) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(err.kind, ERROR_NONE);
    return set;
}

static void refuse(const char *message, size_t max_words, const char *const *arguments)
{
    struct error err = {0};
    struct option_set *set = parse(&err, max_words, arguments);
    assert_null(set);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, message);
}

static void check_text(const char *expected, const char *name, const char *const *arguments)
{
    struct option_set *set = accept(0, arguments);
    assert_non_null(option_text(set, name));
    assert_string_equal(option_text(set, name), expected);
    option_free(set);
}

static void check_number(int64_t expected, const char *name, const char *const *arguments)
{
    struct option_set *set = accept(0, arguments);
    assert_true(option_number(set, name) == expected);
    option_free(set);
}

static void a_value_stands_behind_its_name_in_three_ways(void **state)
{
    (void)state;
    check_text("http://a", "source", ARGUMENTS("--source", "http://a"));
    check_text("http://a", "source", ARGUMENTS("--source=http://a"));
    check_text("http://a", "source", ARGUMENTS("-s", "http://a"));
    check_text("a=b", "job", ARGUMENTS(SOURCE, "--job=a=b"));
    check_text("-", "job", ARGUMENTS(SOURCE, "--job", "-"));
    check_text("-x", "job", ARGUMENTS(SOURCE, "--job=-x"));
    check_number(-5, "offset", ARGUMENTS(SOURCE, "--offset", "-5"));
}

static void a_flag_stands_alone(void **state)
{
    struct option_set *set = accept(0, ARGUMENTS(SOURCE));
    (void)state;
    assert_false(option_flag(set, "exact-target"));
    option_free(set);
    set = accept(0, ARGUMENTS("-e", SOURCE));
    assert_true(option_flag(set, "exact-target"));
    assert_int_equal(option_origin(set, "exact-target"), OPTION_COMMAND_LINE);
    option_free(set);
    refuse("--exact-target takes no value", 0, ARGUMENTS(SOURCE, "--exact-target=yes"));
}

static void the_last_of_two_flags_wins(void **state)
{
    (void)state;
    check_text("b", "job", ARGUMENTS(SOURCE, "--job", "a", "-j", "b"));
    check_number(5, "source-rate", ARGUMENTS(SOURCE, "--source-rate=no number", "--source-rate=5"));
}

static void words_are_kept_in_order_up_to_their_number(void **state)
{
    struct option_set *set = accept(3, ARGUMENTS("one", SOURCE, "-", "--", "--job"));
    (void)state;
    assert_int_equal(option_word_count(set), 3);
    assert_string_equal(option_word(set, 0), "one");
    assert_string_equal(option_word(set, 1), "-");
    assert_string_equal(option_word(set, 2), "--job");
    assert_null(option_word(set, 3));
    option_free(set);
    refuse("unexpected argument \"two\"", 1, ARGUMENTS("one", SOURCE, "two"));
    refuse("unexpected argument \"a\\x0a\\x22b\"", 0, ARGUMENTS(SOURCE, "a\n\"b"));
}

static void an_unknown_option_is_answered_with_the_nearest(void **state)
{
    (void)state;
    refuse("unknown option --soruce; did you mean --source?", 0,
           ARGUMENTS(SOURCE, "--soruce", "http://x"));
    refuse("unknown option -source; did you mean --source?", 0, ARGUMENTS(SOURCE, "-source"));
    refuse("unknown option --exacttarget; did you mean --exact-target?", 0,
           ARGUMENTS(SOURCE, "--exacttarget"));
    refuse("unknown option --env-fiel; did you mean --env-file?", 0,
           ARGUMENTS(SOURCE, "--env-fiel=x"));
}

static void a_name_like_nothing_gets_no_advice_and_its_value_is_not_shown(void **state)
{
    (void)state;
    refuse("unknown option --target-token", 0, ARGUMENTS(SOURCE, "--target-token", "hunter2"));
    refuse("unknown option --target-token", 0, ARGUMENTS(SOURCE, "--target-token=hunter2"));
    refuse("unknown option -q", 0, ARGUMENTS(SOURCE, "-q"));
    refuse("unknown option -jx", 0, ARGUMENTS(SOURCE, "-jx"));
    refuse("unknown option --a\\x1b[31m", 0, ARGUMENTS(SOURCE, "--a\x1b[31m"));
    refuse("unknown option --", 0, ARGUMENTS(SOURCE, "--=x"));
    refuse(
        "unknown option "
        "--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x80\xa6",
        0,
        ARGUMENTS(SOURCE,
                  "--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void a_value_that_is_missing_is_asked_for(void **state)
{
    (void)state;
    refuse("--source needs a value: --source URL", 0, ARGUMENTS("--source"));
    refuse("--source needs a value: --source URL", 0, ARGUMENTS("--source", "--exact-target"));
    refuse("--source needs a value: --source URL", 0, ARGUMENTS("--source="));
    refuse("--job needs a value: --job VALUE", 0, ARGUMENTS(SOURCE, "--job", ""));
    refuse("--lease needs a value: --lease TIME", 0, ARGUMENTS(SOURCE, "--lease", "--"));
}

static void numbers_are_checked_against_their_range(void **state)
{
    static const char *const wrong[] = {
        "0", "301", "5.0", "five", "0x10", " 5", "5 ", "+5", "99999999999999999999"};
    (void)state;
    check_number(1, "source-rate", ARGUMENTS(SOURCE, "--source-rate", "1"));
    check_number(300, "source-rate", ARGUMENTS(SOURCE, "--source-rate", "300"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char message[200];
        snprintf(message, sizeof(message),
                 "--source-rate: expected a whole number from 1 to 300, got \"%s\"", wrong[i]);
        refuse(message, 0, ARGUMENTS(SOURCE, "--source-rate", wrong[i]));
    }
    refuse("--offset: expected a whole number from -5 to 5, got \"-6\"", 0,
           ARGUMENTS(SOURCE, "--offset", "-6"));
}

static void durations_need_a_unit(void **state)
{
    static const char *const wrong[] = {"1.5s", "20 s", "20S",   "s",
                                        "-1s",  "1d",   "20sec", "9223372036854775807h"};
    (void)state;
    check_number(500, "lease", ARGUMENTS(SOURCE, "--lease", "500ms"));
    check_number(20000, "lease", ARGUMENTS(SOURCE));
    check_number(300000, "lease", ARGUMENTS(SOURCE, "--lease=5m"));
    check_number(7200000, "wait", ARGUMENTS(SOURCE, "--wait=2h"));
    check_number(0, "wait", ARGUMENTS(SOURCE, "--wait=0s"));
    check_number(0, "wait", ARGUMENTS(SOURCE));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char message[200];
        snprintf(message, sizeof(message),
                 "--lease: expected a duration from 500ms to 5m, got \"%s\"", wrong[i]);
        refuse(message, 0, ARGUMENTS(SOURCE, "--lease", wrong[i]));
    }
    refuse("--lease: expected a duration from 500ms to 5m with its unit (ms, s, m, h), got \"60\"",
           0, ARGUMENTS(SOURCE, "--lease", "60"));
    refuse("--lease: expected a duration from 500ms to 5m, got \"301s\"", 0,
           ARGUMENTS(SOURCE, "--lease", "301s"));
    refuse("--wait: expected a duration from 0s on with its unit (ms, s, m, h), got \"0\"", 0,
           ARGUMENTS(SOURCE, "--wait", "0"));
    /* In milliseconds a little more than 2^64. */
    refuse("--wait: expected a duration from 0s on, got \"5124095576031h\"", 0,
           ARGUMENTS(SOURCE, "--wait=5124095576031h"));
}

static void addresses_are_checked_by_their_form(void **state)
{
    static const char *const right[] = {"http://a", "HTTPS://A.example:443/prefix",
                                        "http://[::1]:8000", "https://a/b"};
    static const char *const wrong[] = {"localhost:8000", "ftp://a", "http://",   "http:///x",
                                        "http://:8000",   "http:/a", "http://a b"};
    static const char *const secret[] = {"http://u:hunter2@h", "hunter2@h", "https://h/?k=hunter2",
                                         "https://h#hunter2"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        check_text(right[i], "source", ARGUMENTS("--source", right[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        char message[200];
        snprintf(message, sizeof(message),
                 "--source: expected an address like http://HOST:PORT or https://HOST, got \"%s\"",
                 wrong[i]);
        refuse(message, 0, ARGUMENTS("--source", wrong[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        struct error err = {0};
        assert_null(parse(&err, 0, ARGUMENTS("--source", secret[i])));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_memory_equal(err.message, "--source: ", 10);
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void a_required_option_names_both_ways_to_set_it(void **state)
{
    struct error err = {0};
    static const struct option_row other[] = {
        {.name = "n", .type = OPTION_NUMBER, .required = true, .help = "N."}};
    char *argv[] = {(char[]){"program"}};
    (void)state;
    refuse("missing --source URL (or FERRY_SOURCE)", 0, (const char *const[]){NULL});
    assert_null(option_parse(other, 1, 1, argv, 0, &err));
    assert_string_equal(err.message, "missing --n N");
}

static void variables_are_checked_by_the_same_rules_under_their_own_name(void **state)
{
    (void)state;
    setenv("FERRY_SOURCE", "localhost", 1);
    refuse("FERRY_SOURCE: expected an address like http://HOST:PORT or https://HOST, got "
           "\"localhost\"",
           0, (const char *const[]){NULL});
    setenv("FERRY_SOURCE", "http://a", 1);
    setenv("FERRY_LEASE", "60", 1);
    refuse(
        "FERRY_LEASE: expected a duration from 500ms to 5m with its unit (ms, s, m, h), got \"60\"",
        0, (const char *const[]){NULL});
    unsetenv("FERRY_LEASE");
    temp_dir_write_text(".env", "FERRY_SOURCE_RATE=0\n");
    refuse("FERRY_SOURCE_RATE in .env: expected a whole number from 1 to 300, got \"0\"", 0,
           (const char *const[]){NULL});
}

static void flags_can_be_set_by_variables(void **state)
{
    static const struct {
        const char *text;
        bool is_set;
    } cases[] = {{"1", true},      {"true", true}, {"YES", true}, {"0", false},
                 {"False", false}, {"no", false},  {"", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setenv("FERRY_EXACT", cases[i].text, 1);
        struct option_set *set = accept(0, ARGUMENTS(SOURCE));
        assert_true(option_flag(set, "exact-target") == cases[i].is_set);
        option_free(set);
    }
    setenv("FERRY_EXACT", "0", 1);
    struct option_set *set = accept(0, ARGUMENTS(SOURCE, "-e"));
    assert_true(option_flag(set, "exact-target"));
    option_free(set);
    setenv("FERRY_EXACT", "maybe", 1);
    refuse("FERRY_EXACT: expected true or false, got \"maybe\"", 0, ARGUMENTS(SOURCE));
}

static void check_rate(int64_t rate, enum option_origin origin, const char *const *arguments)
{
    struct option_set *set = accept(0, arguments);
    assert_int_equal(option_number(set, "source-rate"), rate);
    assert_int_equal(option_origin(set, "source-rate"), origin);
    option_free(set);
}

static void precedence_is_flag_then_environment_then_file_then_default(void **state)
{
    (void)state;
    check_rate(50, OPTION_DEFAULT, ARGUMENTS(SOURCE));
    temp_dir_write_text(".env", "FERRY_SOURCE_RATE=1\n");
    check_rate(1, OPTION_ENV_FILE, ARGUMENTS(SOURCE));
    setenv("FERRY_SOURCE_RATE", "2", 1);
    check_rate(2, OPTION_ENVIRONMENT, ARGUMENTS(SOURCE));
    check_rate(3, OPTION_COMMAND_LINE, ARGUMENTS(SOURCE, "--source-rate=3"));
}

static void a_value_that_is_overruled_is_not_checked(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "FERRY_SOURCE_RATE=none\n");
    setenv("FERRY_SOURCE_RATE", "none either", 1);
    check_rate(3, OPTION_COMMAND_LINE, ARGUMENTS(SOURCE, "--source-rate=3"));
}

static void an_empty_variable_is_not_set_and_hides_the_file(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "FERRY_SOURCE_RATE=1\n");
    setenv("FERRY_SOURCE_RATE", "", 1);
    check_rate(50, OPTION_DEFAULT, ARGUMENTS(SOURCE));
    setenv("FERRY_SOURCE", "", 1);
    refuse("missing --source URL (or FERRY_SOURCE)", 0, (const char *const[]){NULL});
}

static void another_file_can_be_named_in_place_of_dot_env(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "FERRY_SOURCE_RATE is not set\n");
    temp_dir_write_text("other.env", "FERRY_SOURCE_RATE=7\n");
    refuse(".env, line 1: expected KEY=value", 0, ARGUMENTS(SOURCE));
    check_rate(7, OPTION_ENV_FILE, ARGUMENTS("--env-file", "other.env", SOURCE));
    check_rate(7, OPTION_ENV_FILE, ARGUMENTS(SOURCE, "--env-file=other.env"));
    check_rate(50, OPTION_DEFAULT, ARGUMENTS(SOURCE, "--env-file=/dev/null"));
    check_text("other.env", "env-file", ARGUMENTS(SOURCE, "--env-file=other.env"));
    refuse("there is no file none.env", 0, ARGUMENTS(SOURCE, "--env-file=none.env"));
    refuse("--env-file needs a value: --env-file FILE", 0, ARGUMENTS(SOURCE, "--env-file"));
}

static void an_unreadable_file_does_not_make_its_variables_missing(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "FERRY_SOURCE http://a\n");
    refuse(".env, line 1: expected KEY=value", 0, (const char *const[]){NULL});
}

static void a_name_that_is_in_no_row_ends_the_program(void **state)
{
    int status = 0;
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        option_text(accept(0, ARGUMENTS(SOURCE)), "sauce");
        _exit(0);
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void variables_without_a_flag_are_found_by_name(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "FERRY_OTHER='from the file'\n");
    struct option_set *set = accept(0, ARGUMENTS(SOURCE));
    assert_string_equal(option_environment(set, "FERRY_OTHER"), "from the file");
    setenv("FERRY_OTHER", "from the process", 1);
    assert_string_equal(option_environment(set, "FERRY_OTHER"), "from the process");
    setenv("FERRY_OTHER", "", 1);
    assert_null(option_environment(set, "FERRY_OTHER"));
    assert_null(option_environment(set, "FERRY_UNHEARD_OF"));
    option_free(set);
}

static void the_first_problem_is_named_and_the_others_are_counted(void **state)
{
    (void)state;
    refuse("unknown option --nonsense (and 1 more problem)", 0, ARGUMENTS("--nonsense"));
    refuse("unexpected argument \"word\" (and 3 more problems)", 0,
           ARGUMENTS(SOURCE, "word", "--lease=1h", "--source-rate=x", "--job="));
    struct error err = {0};
    char name[600] = "--env-file=";
    memset(name + strlen(name), 'x', sizeof(name) - strlen(name) - 1);
    assert_null(parse(&err, 0, ARGUMENTS(name, "--nonsense=\x80", "word")));
    assert_non_null(strstr(err.message, " (and 2 more problems)"));
    char long_word[300];
    memset(long_word, 0xfe, sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    error_clear(&err);
    assert_null(parse(&err, 0, ARGUMENTS(long_word, "word")));
    assert_non_null(strstr(err.message, " (and 2 more problems)"));
}

static void a_default_that_breaks_its_own_rule_is_found_at_once(void **state)
{
    static const struct option_row bad[] = {{.name = "lease",
                                             .type = OPTION_DURATION,
                                             .min = 1000,
                                             .max = 2000,
                                             .fallback = "20",
                                             .help = "x"}};
    char *argv[] = {(char[]){"program"}};
    struct error err = {0};
    (void)state;
    assert_null(option_parse(bad, 1, 1, argv, 0, &err));
    assert_memory_equal(err.message, "default of --lease: ", 20);
}

static void help_is_recognised_before_the_words_only_mark(void **state)
{
    char *with[] = {(char[]){"program"}, (char[]){"migrate"}, (char[]){"-h"}};
    char *with_long[] = {(char[]){"program"}, (char[]){"--nonsense"}, (char[]){"--help"}};
    char *behind[] = {(char[]){"program"}, (char[]){"--"}, (char[]){"--help"}};
    (void)state;
    assert_true(option_wants_help(3, with));
    assert_false(option_wants_help(2, with));
    assert_true(option_wants_help(3, with_long));
    assert_false(option_wants_help(3, behind));
    option_free(accept(0, ARGUMENTS(SOURCE, "--help", "-h")));
}

static const struct option_help help = {
    .usage = "ferry-producer migrate [options]",
    .what = "Copies a collection to another server by way of the bus, verifies every record there, "
            "and can be run again "
            "after a crash: it goes on where it was.",
    .examples = "  ferry-producer migrate --source http://127.0.0.1:8000\n",
    .environment = "  FERRY_SOURCE_TOKEN   secret for the source",
};

static void help_shows_the_table_in_eighty_columns(void **state)
{
    static const char expected[] =
        "Usage: ferry-producer migrate [options]\n"
        "\n"
        "Copies a collection to another server by way of the bus, verifies every record\n"
        "there, and can be run again after a crash: it goes on where it was.\n"
        "\n"
        "Source:\n"
        "  -s, --source URL            Server to read from. [required, FERRY_SOURCE]\n"
        "      --source-rate N         Requests a second, at most; this line is long so\n"
        "                              that it must go on in another one. [from 1 to 300,\n"
        "                              default 50, FERRY_SOURCE_RATE]\n"
        "      --offset N              A number around 0. [from -5 to 5]\n"
        "\n"
        "Ledger:\n"
        "      --lease TIME            How long a claim lives. [from 500ms to 5m, default\n"
        "                              20s, FERRY_LEASE]\n"
        "      --wait TIME             How long to wait.\n"
        "\n"
        "General:\n"
        "  -j, --job VALUE             Name of the job. [FERRY_JOB]\n"
        "  -e, --exact-target          No extra ids. [FERRY_EXACT]\n"
        "      --env-file FILE         Read variables from FILE instead of .env.\n"
        "      --config FILE           Names that stand for servers, instead of in\n"
        "                              ferry.conf. [FERRY_CONFIG]\n"
        "  -h, --help                  Show this and end.\n"
        "\n"
        "Examples:\n"
        "  ferry-producer migrate --source http://127.0.0.1:8000\n"
        "\n"
        "Environment:\n"
        "  FERRY_SOURCE_TOKEN   secret for the source\n"
        "\n"
        "Exit status:\n"
        "  0   done\n";
    struct buf out;
    (void)state;
    buf_init(&out, 65536);
    option_write_help(rows, ARRAY_LEN(rows), &help, &out);
    const char *text = buf_cstr(&out);
    assert_true(strlen(text) > strlen(expected));
    char *start = strndup(text, strlen(expected));
    assert_non_null(start);
    assert_string_equal(start, expected);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 80);
    }
    free(start);
    buf_deinit(&out);
}

static void check_what(const char *what, const char *start)
{
    struct buf out;
    buf_init(&out, 65536);
    option_write_help(NULL, 0, &(struct option_help){.usage = "x", .what = what}, &out);
    assert_memory_equal(buf_cstr(&out), start, strlen(start));
    buf_deinit(&out);
}

static void a_line_of_eighty_columns_is_not_broken(void **state)
{
#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"
    (void)state;
    check_what(SEVENTY " 234567890 x", "Usage: x\n\n" SEVENTY " 234567890\nx\n");
    check_what(SEVENTY " 2345678901 x", "Usage: x\n\n" SEVENTY "\n2345678901 x\n");
    check_what(SEVENTY " 23456789\xc3\xa4 x",
               "Usage: x\n\n" SEVENTY " 23456789\xc3\xa4\nx\n"); /* one column */
}

static void a_name_too_wide_for_its_column_stands_in_a_line_of_its_own(void **state)
{
    static const struct option_row wide[] = {
        {.name = "a-name-that-is-rather-long", .type = OPTION_TEXT, .help = "Help."}};
    struct buf out;
    (void)state;
    buf_init(&out, 65536);
    option_write_help(wide, 1, &(struct option_help){.usage = "x"}, &out);
    assert_non_null(strstr(buf_cstr(&out), "      --a-name-that-is-rather-long VALUE\n"
                                           "                              Help.\n"));
    assert_null(strstr(buf_cstr(&out), "Examples"));
    buf_deinit(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_value_stands_behind_its_name_in_three_ways),
        TEST(a_flag_stands_alone),
        TEST(the_last_of_two_flags_wins),
        TEST(words_are_kept_in_order_up_to_their_number),
        TEST(an_unknown_option_is_answered_with_the_nearest),
        TEST(a_name_like_nothing_gets_no_advice_and_its_value_is_not_shown),
        TEST(a_value_that_is_missing_is_asked_for),
        TEST(numbers_are_checked_against_their_range),
        TEST(durations_need_a_unit),
        TEST(addresses_are_checked_by_their_form),
        TEST(a_required_option_names_both_ways_to_set_it),
        TEST(variables_are_checked_by_the_same_rules_under_their_own_name),
        TEST(flags_can_be_set_by_variables),
        TEST(precedence_is_flag_then_environment_then_file_then_default),
        TEST(a_value_that_is_overruled_is_not_checked),
        TEST(an_empty_variable_is_not_set_and_hides_the_file),
        TEST(another_file_can_be_named_in_place_of_dot_env),
        TEST(an_unreadable_file_does_not_make_its_variables_missing),
        TEST(a_name_that_is_in_no_row_ends_the_program),
        TEST(variables_without_a_flag_are_found_by_name),
        TEST(the_first_problem_is_named_and_the_others_are_counted),
        TEST(a_default_that_breaks_its_own_rule_is_found_at_once),
        TEST(help_is_recognised_before_the_words_only_mark),
        TEST(help_shows_the_table_in_eighty_columns),
        TEST(a_line_of_eighty_columns_is_not_broken),
        TEST(a_name_too_wide_for_its_column_stands_in_a_line_of_its_own),
    };
    return cmocka_run_group_tests_name("option", tests, NULL, NULL);
}
