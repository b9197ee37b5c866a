/* What is said of how a secret is sent (FERRY_…_AUTH, auth in ferry.conf) beside secrets of Chroma's own variables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/chroma_environment.h"
#include "app/secret.h"
#include "support/option_fixture.h"

#define HERE  "http://127.0.0.1:8000"
#define CLOUD "https://api.trychroma.com:443"

static const char *const variables[] = {
    "FERRY_SOURCE",      "FERRY_SOURCE_AUTH",       "FERRY_SOURCE_TOKEN",
    "FERRY_TARGET",      "FERRY_TARGET_AUTH",       "FERRY_TARGET_TOKEN",
    "FERRY_TARGET_USER", "FERRY_TARGET_TOKEN_FILE", "FERRY_TARGET_PASSWORD",
};

static int enter(void **state)
{
    unset_variables(variables, ARRAY_LEN(variables));
    unset_variables(chroma_variable_names, CHROMA_VARIABLES);
    return temp_dir_enter(state);
}

struct found {
    char header[512];
    char style[16];
    struct error err;
};

static bool find(const char *origin, const char *expected_origin, struct found *out)
{
    struct secret_request request = {
        .role = SECRET_TARGET, .origin = origin, .expected_origin = expected_origin};
    memset(out, 0, sizeof(*out));
    struct option_set *options = read_options(NULL, 0, NULL, NULL);
    bool ok = secret_find(options, &request, out->header, out->style, &out->err);
    option_free(options);
    assert_null(strstr(out->err.message, "hunter2"));
    return ok;
}

static void check(const char *origin, const char *expected_origin, const char *header)
{
    struct found found;
    if (!find(origin, expected_origin, &found)) {
        fail_msg("%s", found.err.message);
    }
    assert_string_equal(found.header, header);
}

static void check_refused(const char *origin, const char *message)
{
    struct found found;
    assert_false(find(origin, origin, &found));
    assert_int_equal(found.err.kind, ERROR_USAGE);
    assert_string_equal(found.err.message, message);
    assert_string_equal(found.header, "");
}

static void what_is_said_wins_over_what_chroma_s_variables_mean(void **state)
{
    static const struct {
        const char *variable, *text, *transport, *auth, *header;
    } rows[] = {
        {"CHROMA_AUTH_TOKEN", "t-1", NULL, NULL, "Authorization: Bearer t-1"},
        {"CHROMA_AUTH_TOKEN", "t-1", NULL, "x-chroma-token", "X-Chroma-Token: t-1"},
        {"CHROMA_AUTH_TOKEN", "t-1", NULL, "token", "X-Chroma-Token: t-1"},
        {"CHROMA_AUTH_TOKEN", "t-1", "X-Chroma-Token", "bearer", "Authorization: Bearer t-1"},
        {"CHROMA_AUTH_TOKEN", "t-1", NULL, "none", ""},
        {"CHROMA_AUTH_TOKEN", "a:b", NULL, "basic", "Authorization: Basic YTpi"},
        {"CHROMA_CUSTOM_AUTH_CREDENTIALS", "t-1", NULL, "x-chroma-token", "X-Chroma-Token: t-1"},
        {"CHROMA_CUSTOM_AUTH_CREDENTIALS", "a:b", NULL, "basic", "Authorization: Basic YTpi"},
        {"CHROMA_CUSTOM_AUTH_CREDENTIALS", "a:b", "X-Chroma-Token", "bearer",
         "Authorization: Bearer a:b"},
        {"CHROMA_API_KEY", "ck-1", NULL, NULL, "X-Chroma-Token: ck-1"},
        {"CHROMA_API_KEY", "ck-1", NULL, "bearer", "Authorization: Bearer ck-1"},
        {"chroma_cloud_api_key", "ck-1", NULL, "bearer", "Authorization: Bearer ck-1"},
    };
    (void)state;
    set_variable("CHROMA_HOST", HERE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_variable(rows[i].variable, rows[i].text);
        set_variable("CHROMA_AUTH_TOKEN_TRANSPORT_HEADER", rows[i].transport);
        set_variable("FERRY_TARGET_AUTH", rows[i].auth);
        check(HERE, HERE, rows[i].header);
        set_variable(rows[i].variable, NULL);
    }
    set_variable("CHROMA_API_KEY", "ck-1");
    set_variable("FERRY_TARGET_AUTH", "bearer");
    check(CLOUD, CLOUD, "Authorization: Bearer ck-1");
    check(CLOUD, HERE, "X-Chroma-Token: ck-1"); /* said of another server */
}

static void what_makes_no_sense_names_both_variables(void **state)
{
    static const struct {
        const char *variable, *text, *auth, *message;
    } rows[] = {
        {"CHROMA_AUTH_TOKEN", "hunter2", "basic",
         "FERRY_TARGET_AUTH is basic, but CHROMA_AUTH_TOKEN does not read user:password: change "
         "one"},
        {"CHROMA_API_KEY", "hunter2", "basic",
         "FERRY_TARGET_AUTH is basic, but CHROMA_API_KEY does not read user:password: change one"},
        {"CHROMA_CUSTOM_AUTH_CREDENTIALS", "me:hunter2", "bearer",
         "FERRY_TARGET_AUTH is bearer, but CHROMA_CUSTOM_AUTH_CREDENTIALS reads user:password, "
         "which is for basic: change one, or give a token as CHROMA_AUTH_TOKEN"},
        {"CHROMA_AUTH_TOKEN", "hunter2", "x-chroma-tokn",
         "FERRY_TARGET_AUTH must be none, x-chroma-token, bearer or basic"},
        {"CHROMA_API_KEY", "hunter2", "Bearer",
         "FERRY_TARGET_AUTH must be none, x-chroma-token, bearer or basic"},
        {"CHROMA_API_KEY", NULL, "bearr",
         "FERRY_TARGET_AUTH must be none, x-chroma-token, bearer or basic"},
    };
    (void)state;
    set_variable("CHROMA_HOST", HERE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_variable(rows[i].variable, rows[i].text);
        set_variable("FERRY_TARGET_AUTH", rows[i].auth);
        check_refused(HERE, rows[i].message);
        check("http://other:80", HERE, ""); /* of which nothing is said */
        set_variable(rows[i].variable, NULL);
    }
}

static void what_an_endpoint_says_counts_too(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", "[endpoint h]\nurl = " HERE "\nauth = x-chroma-token\n");
    set_variable("CHROMA_HOST", HERE);
    set_variable("CHROMA_AUTH_TOKEN", "t-1");
    check(HERE, HERE, "X-Chroma-Token: t-1");
    temp_dir_write_text("ferry.conf", "[endpoint h]\nurl = " HERE "\nauth = basic\n");
    check_refused(HERE, "ferry.conf, line 3 (auth) is basic, but CHROMA_AUTH_TOKEN does not read "
                        "user:password: change one");
    assert_int_equal(remove("ferry.conf"), 0);
}

static void check_advice(const char *origin, const char *expected_origin, const char *sent,
                         const char *address, const char *token, const char *style)
{
    struct secret_request request = {
        .role = SECRET_TARGET, .origin = origin, .expected_origin = expected_origin};
    struct secret_advice advice;
    struct option_set *options = read_options(NULL, 0, NULL, NULL);
    secret_advise(options, &request, &advice);
    option_free(options);
    assert_string_equal(advice.sent, sent);
    assert_string_equal(advice.address, address);
    assert_string_equal(advice.token, token);
    assert_string_equal(advice.style, style);
}

#define TOKEN     "FERRY_TARGET_TOKEN"
#define AUTH      "FERRY_TARGET_AUTH"
#define ELSEWHERE "FERRY_TARGET to its address, and "

static void advice_names_what_speaks_for_that_server(void **state)
{
    static const struct {
        const char *variable, *text, *sent;
    } rows[] = {
        {"FERRY_TARGET_TOKEN", "hunter2", "FERRY_TARGET_TOKEN"},
        {"FERRY_TARGET_TOKEN_FILE", "file", "FERRY_TARGET_TOKEN_FILE"},
        {"CHROMA_AUTH_TOKEN", "hunter2", "CHROMA_AUTH_TOKEN"},
        {"CHROMA_CUSTOM_AUTH_CREDENTIALS", "me:hunter2", "CHROMA_CUSTOM_AUTH_CREDENTIALS"},
        {"CHROMA_API_KEY", "hunter2", "CHROMA_API_KEY"},
        {"chroma_cloud_api_key", "hunter2", "chroma_cloud_api_key"},
    };
    (void)state;
    temp_dir_write_text("file", "hunter2");
    set_variable("CHROMA_HOST", HERE);
    check_advice(HERE, HERE, "", "", TOKEN, AUTH);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_variable(rows[i].variable, rows[i].text);
        check_advice(HERE, HERE, rows[i].sent, "", TOKEN, AUTH);
        check_advice("http://other:80", HERE, "", ELSEWHERE, TOKEN, AUTH);
        set_variable(rows[i].variable, NULL);
    }
    set_variable("CHROMA_AUTH_TOKEN", "hunter2");
    check_advice(HERE, CLOUD, "CHROMA_AUTH_TOKEN", ELSEWHERE, TOKEN, AUTH);
    set_variable("FERRY_TARGET_USER", "me");
    set_variable("FERRY_TARGET_PASSWORD", "hunter2");
    check_advice(HERE, HERE, "FERRY_TARGET_USER and FERRY_TARGET_PASSWORD", "", TOKEN, AUTH);
    assert_int_equal(remove("file"), 0);
}

static void advice_names_the_section_that_speaks(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", "[endpoint h]\nurl = " HERE "\ntoken_env = HIDDEN\n");
    set_variable("HIDDEN", "hunter2");
    check_advice(HERE, CLOUD, "ferry.conf, line 3 (token_env)", "",
                 "token_file or token_env of [endpoint h]", "auth of [endpoint h]");
    assert_int_equal(remove("ferry.conf"), 0);
    set_variable("HIDDEN", NULL);
}

/* Advice of every kind, taken. */
static void advice_that_is_followed_is_no_error(void **state)
{
    (void)state;
    set_variable("CHROMA_HOST", HERE);
    set_variable("CHROMA_CUSTOM_AUTH_CREDENTIALS", "a:b");
    check(HERE, HERE, "Authorization: Basic YTpi");
    set_variable("FERRY_TARGET_TOKEN", "t-1");
    set_variable("FERRY_TARGET_AUTH", "bearer");
    check(HERE, HERE, "Authorization: Bearer t-1");
    temp_dir_write_text("ferry.conf", "[endpoint h]\nurl = " HERE "\n");
    set_variable("FERRY_TARGET", "h");
    check(HERE, HERE, "Authorization: Basic YTpi");
    temp_dir_write_text("ferry.conf", "[endpoint h]\nurl = " HERE "\ntoken_env = HIDDEN\nauth = "
                                      "bearer\n");
    set_variable("HIDDEN", "t-2");
    check(HERE, HERE, "Authorization: Bearer t-2");
    assert_int_equal(remove("ferry.conf"), 0);
    set_variable("HIDDEN", NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_said_wins_over_what_chroma_s_variables_mean),
        TEST(what_makes_no_sense_names_both_variables),
        TEST(what_an_endpoint_says_counts_too),
        TEST(advice_names_what_speaks_for_that_server),
        TEST(advice_names_the_section_that_speaks),
        TEST(advice_that_is_followed_is_no_error),
    };
    return cmocka_run_group_tests_name("secret_style", tests, NULL, NULL);
}
