/* Certificates and header lines for a server: to its origin only, and nothing that could be more than one header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/link.h"
#include "support/option_fixture.h"

#define HERE   "http://127.0.0.1:8000"
#define HIDDEN "hunter2"

static const char *const variables[] = {
    "FERRY_SOURCE_CA_FILE", "FERRY_SOURCE_CERT_FILE", "FERRY_SOURCE_KEY_FILE",
    "FERRY_TARGET_CA_FILE", "FERRY_TARGET_CERT_FILE", "FERRY_TARGET_KEY_FILE",
};

static int enter(void **state)
{
    unset_variables(variables, ARRAY_LEN(variables));
    return temp_dir_enter(state);
}

struct found {
    struct link link;
    struct error err;
    struct option_set *options; /* the paths are borrowed from it */
};

static bool find(enum secret_role role, const char *expected, const char *file, const char *secret,
                 struct found *out)
{
    struct secret_request request = {.role = role, .origin = HERE, .expected_origin = expected};
    memset(out, 0, sizeof(*out));
    memset(&out->link, '!', sizeof(out->link));
    out->options = read_options(NULL, 0, NULL, NULL);
    return link_find(out->options, &request, file, secret, &out->link, &out->err);
}

static void check_refused(const char *text, size_t len, const char *words)
{
    struct found found;
    temp_dir_write("headers", text, len);
    assert_false(find(SECRET_SOURCE, HERE, "headers", "X-Chroma-Token: a", &found));
    assert_int_equal(found.err.kind, ERROR_USAGE);
    if (strstr(found.err.message, words) == NULL) {
        fail_msg("not said (%s): %s", words, found.err.message);
    }
    assert_non_null(strstr(found.err.message, "--source-header-file: headers, line "));
    assert_null(strstr(found.err.message, HIDDEN));
    option_free(found.options);
}
#define REFUSED(text_, words_) check_refused((text_), sizeof(text_) - 1, (words_))

static void nothing_set_is_nothing(void **state)
{
    struct found found;
    (void)state;
    assert_true(find(SECRET_SOURCE, HERE, NULL, "", &found));
    assert_null(found.link.ca_file);
    assert_null(found.link.cert_file);
    assert_null(found.link.key_file);
    assert_string_equal(found.link.headers, "");
    option_free(found.options);
}

static void files_are_each_role_s(void **state)
{
    struct found found;
    (void)state;
    temp_dir_write_text("ca.pem", "x");
    temp_dir_write_text("cert.pem", "x");
    setenv("FERRY_SOURCE_CA_FILE", "ca.pem", 1);
    setenv("FERRY_TARGET_CERT_FILE", "cert.pem", 1);
    setenv("FERRY_TARGET_KEY_FILE", "cert.pem", 1);
    assert_true(find(SECRET_SOURCE, HERE, NULL, "", &found));
    assert_string_equal(found.link.ca_file, "ca.pem");
    assert_null(found.link.cert_file);
    option_free(found.options);
    assert_true(find(SECRET_TARGET, HERE, NULL, "", &found));
    assert_null(found.link.ca_file);
    assert_string_equal(found.link.cert_file, "cert.pem");
    assert_string_equal(found.link.key_file, "cert.pem");
    option_free(found.options);
}

static void another_origin_gets_nothing_and_no_error(void **state)
{
    static const char *const expected[] = {NULL, "http://127.0.0.1:8001", "https://127.0.0.1:8000"};
    struct found found;
    (void)state;
    setenv("FERRY_SOURCE_CA_FILE", "nowhere.pem", 1);
    temp_dir_write_text("headers", "X-Gate: " HIDDEN "\n");
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(find(SECRET_SOURCE, expected[i], "headers", "", &found));
        assert_null(found.link.ca_file);
        assert_string_equal(found.link.headers, "");
        option_free(found.options);
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct found found;
    (void)state;
    setenv("FERRY_SOURCE_CA_FILE", "nowhere.pem", 1);
    assert_false(find(SECRET_SOURCE, HERE, NULL, "", &found));
    assert_string_equal(found.err.message,
                        "FERRY_SOURCE_CA_FILE: cannot read nowhere.pem: No such file or directory");
    option_free(found.options);
    assert_true(find(SECRET_TARGET, HERE, NULL, "", &found));
    option_free(found.options);
}

static void a_key_needs_its_certificate(void **state)
{
    struct found found;
    (void)state;
    temp_dir_write_text("k.pem", "x");
    setenv("FERRY_TARGET_KEY_FILE", "k.pem", 1);
    assert_false(find(SECRET_TARGET, HERE, NULL, "", &found));
    assert_string_equal(found.err.message, "FERRY_TARGET_KEY_FILE is set without "
                                           "FERRY_TARGET_CERT_FILE");
    option_free(found.options);
}

static void header_lines_are_taken(void **state)
{
    struct found found;
    static const char expected[] = "X-Gate: one two\0Cookie: a=b; c=d\0CF-Access:x:y\0";
    (void)state;
    temp_dir_write_text("headers",
                        "# a gateway\r\n\r\nX-Gate: one two\r\nCookie: a=b; c=d\n\nCF-Access:x:y");
    assert_true(find(SECRET_SOURCE, HERE, "headers", "X-Chroma-Token: a", &found));
    assert_memory_equal(found.link.headers, expected, sizeof(expected));
    option_free(found.options);
}

static void bad_header_lines_are_refused(void **state)
{
    char many[LINK_HEADERS * 8 + 16] = "";
    (void)state;
    REFUSED(HIDDEN "\n", "line 1: expected \"Name: value\"");
    REFUSED("X-Ok: 1\nX Gate: " HIDDEN "\n", "line 2: expected");
    REFUSED(": " HIDDEN "\n", "expected");
    REFUSED(" X-Folded: " HIDDEN "\n", "expected");
    REFUSED("X-\xc3\xa9: " HIDDEN "\n", "expected");
    REFUSED("X-Gate: a\rX-Other: " HIDDEN "\n", "line break");
    REFUSED("X-Gate: " HIDDEN "\r\r\n", "line break");
    REFUSED("X-Gate: a\0" HIDDEN "\n", "a NUL byte");
    REFUSED("X-Gate: \x7f\n", "control character");
    REFUSED("X-Gate: \t \n", "the value is empty");
    REFUSED("X-Gate:\n", "the value is empty");
    REFUSED("Host: " HIDDEN "\n", "the program's own");
    REFUSED("content-LENGTH: 0\n", "the program's own");
    REFUSED("Transfer-Encoding: chunked\n", "the program's own");
    REFUSED("x-chroma-token: " HIDDEN "\n", "carries the token or password already");
    REFUSED("X-Gate: 1\nx-gate: 2\n", "line 2: this header is there already");
    for (int i = 0; i <= LINK_HEADERS; i++) {
        char line[16];
        snprintf(line, sizeof(line), "X-%c: 1\n", 'a' + i);
        strcat(many, line);
    }
    check_refused(many, strlen(many), "line 17: too many headers");
}

static void the_secret_s_header_is_free_where_there_is_none(void **state)
{
    struct found found;
    (void)state;
    temp_dir_write_text("headers", "X-Chroma-Token: mine\n");
    assert_true(find(SECRET_SOURCE, HERE, "headers", "", &found));
    assert_string_equal(found.link.headers, "X-Chroma-Token: mine");
    option_free(found.options);
    assert_true(find(SECRET_SOURCE, HERE, "headers", "Authorization: Bearer x", &found));
    option_free(found.options);
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, temp_dir_leave)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(nothing_set_is_nothing),
        IN_A_FOLDER(files_are_each_role_s),
        IN_A_FOLDER(another_origin_gets_nothing_and_no_error),
        IN_A_FOLDER(a_file_that_cannot_be_read_is_named),
        IN_A_FOLDER(a_key_needs_its_certificate),
        IN_A_FOLDER(header_lines_are_taken),
        IN_A_FOLDER(bad_header_lines_are_refused),
        IN_A_FOLDER(the_secret_s_header_is_free_where_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
