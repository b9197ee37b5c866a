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

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_said_wins_over_what_chroma_s_variables_mean),
        TEST(what_makes_no_sense_names_both_variables),
        TEST(what_an_endpoint_says_counts_too),
    };
    return cmocka_run_group_tests_name("secret_style", tests, NULL, NULL);
}
