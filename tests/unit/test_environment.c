/* The .env reader: what it takes, what it refuses, and that no refusal repeats a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "app/environment.h"
#include "base/limits.h"
#include "support/temp_dir.h"

static struct environment *read_text(const char *text)
{
    struct environment *environment = NULL;
    struct error err = {0};
    temp_dir_write_text(".env", text);
    if (!environment_read(".env", true, &environment, &err)) {
        fail_msg("%s", err.message);
    }
    return environment;
}

static void check_value(const char *text, const char *name, const char *value)
{
    struct environment *environment = read_text(text);
    const char *found = environment_find(environment, name);
    if (value == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, value);
    }
    environment_free(environment);
}

static void lines_become_variables(void **state)
{
    (void)state;
    check_value("A=1", "A", "1");
    check_value("A=1\n", "A", "1");
    check_value("A=1\r\nB=2\r\n", "A", "1");
    check_value("A=1\r\nB=2\r\n", "B", "2");
    check_value("\n\n  # words\n\t A=1\n", "A", "1");
    check_value("export A=1\n", "A", "1");
    check_value("export \t A=1\n", "A", "1");
    check_value("exported=1\n", "exported", "1");
    check_value("export=1\n", "export", "1");
    check_value("_a9=http://h:1/x?y=z&k=%20\n", "_a9", "http://h:1/x?y=z&k=%20");
    check_value("A=\nB=2", "A", "");
    check_value("A=1\n", "B", NULL);
    check_value("AB=1\n", "A", NULL);
    check_value("", "A", NULL);
}

static void quotes_hold_everything_but_themselves(void **state)
{
    (void)state;
    check_value("A='two words'\n", "A", "two words");
    check_value("A=\"two words\"  # and a comment\n", "A", "two words");
    check_value("A='say \"no\"'\n", "A", "say \"no\"");
    check_value("A=\"it's $HOME and `x`\"\n", "A", "it's $HOME and `x`");
    check_value("A=''\n", "A", "");
    check_value("A='# no comment'\n", "A", "# no comment");
}

/* What python-dotenv makes of them: tests/e2e/test_env_file.py asks it. */
static void backslashes_mean_what_dotenv_means(void **state)
{
    (void)state;
    check_value("A=\"a\\n\\t\\\"b\\\\\"\n", "A", "a\n\t\"b\\");
    check_value("A=\"a\\xb\"\n", "A", "a\\xb");
    check_value("A='a\\n\\'b\\\\'\n", "A", "a\\n'b\\");
    check_value("A=a\\nb\n", "A", "a\\nb");
}

static void values_without_quotes_end_with_the_line(void **state)
{
    (void)state;
    check_value("A=two words\n", "A", "two words");
    check_value("A = two  words  # and a comment\n", "A", "two  words");
    check_value("A=it's \"so\"\n", "A", "it's \"so\"");
    check_value("A=a#b # c\n", "A", "a#b");
    check_value("A =\t'q' \n", "A", "q");
    check_value("A=\xd0\x9f\xf0\x9f\x8e\xb2\n", "A", "\xd0\x9f\xf0\x9f\x8e\xb2");
}

static void a_byte_order_mark_says_nothing(void **state)
{
    (void)state;
    check_value("\xef\xbb\xbfqA=1\nB=2\n", "B", "2");
    check_value("\xef\xbb\xbf"
                "A=1\r\n",
                "A", "1");
    check_value("\xef\xbb\xbf", "A", NULL);
}

static void other_peoples_variables_are_no_trouble(void **state)
{
    static const char *const lines[] = {
        "my-key.x/y=1",
        "9=1",
        "\"Q\"=1",
        "'any = name # \n of two lines'=1",
        "ALONE",
        "export ALONE # and why",
        "KEY=\"-----BEGIN X-----\nMII=\n\n# no comment\n-----END X-----\" # a key",
        "KEY='it\\'s\r\nlong'",
        "URL=${SCHEME}://${HOST:-localhost}:${PORT:-80}/",
        "words and more words",
        "=1",
        "export =1",
        "''=1",
        "'",
        "A='1'x",
        "A=\"1\nx\"y",
        "-----BEGIN PGP MESSAGE-----",
        "MY_FERRY_SOURCE of mine",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        char text[200];
        snprintf(text, sizeof(text), "FIRST=1\n%s\nLAST=2\n", lines[i]);
        check_value(text, "FIRST", "1");
        check_value(text, "LAST", "2");
    }
}

static void names_and_values_are_what_dotenv_makes_of_them(void **state)
{
    (void)state;
    check_value("my-key.x=1\n", "my-key.x", "1");
    check_value("'two words' = 1\n", "two words", "1");
    check_value("\"A\"=1\n", "\"A\"", "1");
    check_value("A=\"a\nb\r\nc\rd\"", "A", "a\nb\nc\nd");
    check_value("A='a\n\\'#b'#c", "A", "a\n'#b");
    check_value("A=\"a\\\nb\"", "A", "a\\\nb");
    check_value("A=1\rB=2\r", "B", "2");
    check_value("A=\nB=2", "A", "");
    check_value("A=#b #c", "A", "#b");
    check_value("A= #b", "A", "");
    check_value("A=b\xc2\xa0\xe3\x80\x80# c", "A", "b");
    check_value("A\xe2\x80\x82=\xe2\x80\xaf\"b\"\xc2\x85", "A", "b");
    check_value("A=\xe2\x80\x8b", "A", "\xe2\x80\x8b");
}

static void a_name_alone_is_not_set(void **state)
{
    (void)state;
    check_value("A\n", "A", NULL);
    check_value("A=1\nA\n", "A", NULL);
    check_value("A=1\nA\nB=${A:-x}y\n", "B", "y");
    check_value("A\nA=1\n", "A", "1");
}

static void references_are_the_environments_then_earlier_lines(void **state)
{
    (void)state;
    setenv("FERRY_UNIT_SET", "process", 1);
    setenv("FERRY_UNIT_EMPTY", "", 1);
    check_value("B=1\nA=$B-{B}\n", "A", "$B-{B}");
    check_value("B=1\nA=${B\n", "A", "${B");
    check_value("B=1\nA=<${B}${B}>\n", "A", "<11>");
    check_value("A=${B}\nB=1\n", "A", "");
    check_value("A=${B:-none}\nB=1\n", "A", "none");
    check_value("B=\nA=${B:-none}\n", "A", "");
    check_value("A=1\nA=${A}2\nA=${A}3\n", "A", "123");
    check_value("B='${C}'\nC=1\nA=${B}\n", "A", "");
    check_value("FERRY_UNIT_SET=file\nA=${FERRY_UNIT_SET:-x}\n", "A", "process");
    check_value("FERRY_UNIT_EMPTY=file\nA=<${FERRY_UNIT_EMPTY:-x}>\n", "A", "<>");
    check_value("FERRY_UNIT_SET\nA=${FERRY_UNIT_SET}\n", "A", "process");
    check_value("A=${FERRY_UNIT_SET=process:-x}${=}${}\n", "A", "x");
    check_value("A=${B:x}${B:-}${B:-y\nB=1", "A", "${B:x}${B:-y");
    check_value("B=1\nA=${x:${B}}\n", "A", "${x:1}");
    check_value("B=1\nA=\"\\${B}\"'\n", "A", NULL);
    check_value("B=1\nA=\"\\\\${B}\n${C:-\n}\"\n", "A", "\\1\n\n");
    check_value("D='${'\nB=1\nA=${D}B}\n", "A", "${B}");
    unsetenv("FERRY_UNIT_SET");
    unsetenv("FERRY_UNIT_EMPTY");
}

static void references_do_not_grow_without_end(void **state)
{
    char text[2000] = "A=0123456789\n";
    struct environment *environment = NULL;
    struct error err = {0};
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "A=${A}${A}\n");
    }
    temp_dir_write_text(".env", text);
    assert_false(environment_read(".env", true, &environment, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, ".env, line 15: too long, with what its ${…} stand for");
}

static void a_line_is_that_where_its_variable_begins(void **state)
{
    struct environment *environment = read_text(
        "\xef\xbb\xbf\n# one\r\nA='1\r\n2\n\n'\rB=2\nwords no variable\n\n  export C=3\nD\n");
    (void)state;
    assert_int_equal(environment_line(environment, "A"), 3);
    assert_int_equal(environment_line(environment, "B"), 7);
    assert_int_equal(environment_line(environment, "C"), 10);
    assert_int_equal(environment_line(environment, "D"), 0);
    assert_int_equal(environment_line(environment, "E"), 0);
    assert_string_equal(environment_name(environment, 3), "D");
    assert_null(environment_name(environment, 4));
    environment_free(environment);
}

static void comments_stand_apart_from_values(void **state)
{
    (void)state;
    check_value("A=1 # one\n", "A", "1");
    check_value("A=1\t#one\n", "A", "1");
    check_value("A=1#2\n", "A", "1#2");
    check_value("A= # nothing\n", "A", "");
    check_value("#A=1\n", "A", NULL);
    check_value("A=1   \n", "A", "1");
}

static void the_last_of_two_lines_counts(void **state)
{
    (void)state;
    check_value("A=1\nA=2\n", "A", "2");
}

static void what_is_broken_is_refused_without_its_text(void **state)
{
    static const char *const lines[] = {
        "A='hunter2",
        "A=\"hunter2",
        "A='hunter2\\'",
        "FERRY_SOURCE hunter2",
        "FERRY_SOURCE_TOKEN='hunter2'x",
        "CHROMA_API_KEY=\"hunt\"er2\"",
        "export chroma_cloud_api_key hunter2",
        "set PGPASSWORD=hunter2",
        "https_proxy: hunter2",
        "A='hunter2\nFERRY_SOURCE='x'",
        "A='hunter2'\x01",
        "A=hunter2\x01",
        "A=hunter2\x7f",
        "A=hunter2\xff",
        "hunter2\xc3",
        "\x7f\x45LF\x02\x01hunter2",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        char text[200];
        struct environment *environment = NULL;
        struct error err = {0};
        snprintf(text, sizeof(text), "GOOD=1\n# a comment\n%s\nMORE=1\n", lines[i]);
        temp_dir_write_text("some.env", text);
        if (environment_read("some.env", true, &environment, &err)) {
            fail_msg("accepted: %s", lines[i]);
        }
        assert_null(environment);
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_non_null(strstr(err.message, "some.env, line 3: "));
        assert_null(strstr(err.message, "hunt"));
    }
}

static void a_nul_byte_is_refused(void **state)
{
    struct environment *environment = NULL;
    struct error err = {0};
    (void)state;
    temp_dir_write(".env", "A=1\nB=2\0C\n", 10);
    assert_false(environment_read(".env", true, &environment, &err));
    assert_string_equal(err.message, ".env, line 2: a NUL byte");
}

static void a_missing_file_is_empty_unless_it_was_named(void **state)
{
    struct environment *environment = NULL;
    struct error err = {0};
    (void)state;
    assert_true(environment_read("none.env", false, &environment, &err));
    assert_null(environment_find(environment, "A"));
    environment_free(environment);
    environment = NULL;
    assert_false(environment_read("none.env", true, &environment, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, "there is no file none.env");
}

static void a_directory_of_that_name_is_no_file(void **state)
{
    struct environment *environment = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(mkdir(".env", 0700), 0);
    assert_true(environment_read(".env", false, &environment, &err));
    environment_free(environment);
    assert_false(environment_read(".env", true, &environment, &err));
}

static void a_device_without_bytes_is_an_empty_file(void **state)
{
    struct environment *environment = NULL;
    struct error err = {0};
    (void)state;
    assert_true(environment_read("/dev/null", true, &environment, &err));
    assert_string_equal(environment_path(environment), "/dev/null");
    environment_free(environment);
}

static void a_path_that_cannot_be_read_is_named_with_its_cause(void **state)
{
    struct environment *environment = NULL;
    struct error err = {0};
    (void)state;
    temp_dir_write_text("file", "");
    assert_false(environment_read("file/.env", false, &environment, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, "cannot read file/.env: Not a directory");
}

static void a_file_beyond_the_ceiling_is_refused(void **state)
{
    struct environment *environment = NULL;
    struct error err = {0};
    size_t len = LIMIT_ENV_FILE + 1;
    char *text = malloc(len);
    (void)state;
    assert_non_null(text);
    memset(text, '#', len);
    temp_dir_write(".env", text, len);
    assert_false(environment_read(".env", true, &environment, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, ".env is longer than 65536 bytes");
    free(text);
}

static void nothing_is_found_in_no_environment(void **state)
{
    (void)state;
    assert_null(environment_find(NULL, "A"));
    environment_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temp_dir_enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_become_variables),
        TEST(quotes_hold_everything_but_themselves),
        TEST(backslashes_mean_what_dotenv_means),
        TEST(values_without_quotes_end_with_the_line),
        TEST(a_byte_order_mark_says_nothing),
        TEST(other_peoples_variables_are_no_trouble),
        TEST(names_and_values_are_what_dotenv_makes_of_them),
        TEST(a_name_alone_is_not_set),
        TEST(references_are_the_environments_then_earlier_lines),
        TEST(references_do_not_grow_without_end),
        TEST(a_line_is_that_where_its_variable_begins),
        TEST(comments_stand_apart_from_values),
        TEST(the_last_of_two_lines_counts),
        TEST(what_is_broken_is_refused_without_its_text),
        TEST(a_nul_byte_is_refused),
        TEST(a_missing_file_is_empty_unless_it_was_named),
        TEST(a_directory_of_that_name_is_no_file),
        TEST(a_device_without_bytes_is_an_empty_file),
        TEST(a_path_that_cannot_be_read_is_named_with_its_cause),
        TEST(a_file_beyond_the_ceiling_is_refused),
        TEST(nothing_is_found_in_no_environment),
    };
    return cmocka_run_group_tests_name("environment", tests, NULL, NULL);
}
