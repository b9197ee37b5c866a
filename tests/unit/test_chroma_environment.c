/* Chroma's own variables: every rule, where they stand between the other settings, and which server gets the key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "app/chroma_environment.h"
#include "app/secret.h"
#include "support/option_fixture.h"

#define MOST_VARIABLES 5

struct row {
    struct {
        enum chroma_variable variable;
        const char *value;
    } set[MOST_VARIABLES]; /* value NULL: no more */
    enum chroma_rule rule;
    const char *target, *source; /* "" none */
    const char *tenant, *database, *key;
    const char *refused; /* message instead of all that */
};

#define CLOUD "https://api.trychroma.com"

static const struct row table[] = {
    {.rule = CHROMA_RULE_NONE, .target = "", .source = ""},
    /* key and tenant: Cloud, and the host beside it is the source */
    {{{CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://localhost:8000",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_LOWER_API_KEY, "k"}, {CHROMA_LOWER_TENANT, "t"}, {CHROMA_LOWER_DATABASE, "d"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://localhost:8000",
     "t",
     "d",
     "k",
     NULL},
    {{{CHROMA_API_KEY, "K"},
      {CHROMA_LOWER_API_KEY, "k"},
      {CHROMA_TENANT, "T"},
      {CHROMA_LOWER_TENANT, "t"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://localhost:8000",
     "T",
     NULL,
     "K",
     NULL},
    {{{CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}, {CHROMA_HOST, "old"}, {CHROMA_PORT, "9000"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://old:9000",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}, {CHROMA_HOST, "old"}, {CHROMA_SSL, "True"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "https://old:8000",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}, {CHROMA_PORT, "9000"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://localhost:9000",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_HOST, "api.trychroma.com"}, {CHROMA_API_KEY, "k"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://localhost:8000",
     NULL,
     NULL,
     "k",
     NULL},
    {{{CHROMA_HOST, "eu.gcp.trychroma.com"}, {CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}},
     CHROMA_RULE_CLOUD,
     "https://eu.gcp.trychroma.com",
     "http://localhost:8000",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_HOST, "trychroma.com.evil"}, {CHROMA_API_KEY, "k"}},
     CHROMA_RULE_HTTP,
     "http://trychroma.com.evil:8000",
     "",
     NULL,
     NULL,
     "k",
     NULL},
    {{{CHROMA_CLIENT_TYPE, "cloud"}},
     CHROMA_RULE_CLOUD,
     CLOUD,
     "http://localhost:8000",
     NULL,
     NULL,
     NULL,
     NULL},
    /* one of the two alone is no Cloud */
    {{{CHROMA_API_KEY, "k"}}, CHROMA_RULE_NONE, "", "", NULL, NULL, "k", NULL},
    {{{CHROMA_TENANT, "t"}}, CHROMA_RULE_NONE, "", "", "t", NULL, NULL, NULL},
    {{{CHROMA_API_KEY, ""}, {CHROMA_TENANT, "t"}}, CHROMA_RULE_NONE, "", "", "t", NULL, NULL, NULL},
    /* a server */
    {{{CHROMA_HOST, "new"}}, CHROMA_RULE_HTTP, "http://new:8000", "", NULL, NULL, NULL, NULL},
    {{{CHROMA_PORT, "8123"}},
     CHROMA_RULE_HTTP,
     "http://localhost:8123",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_HOST, "new:81"}, {CHROMA_PORT, "82"}},
     CHROMA_RULE_HTTP,
     "http://new:81",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_HOST, "::1"}, {CHROMA_PORT, "82"}},
     CHROMA_RULE_HTTP,
     "http://[::1]:82",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_HOST, "[::1]"}}, CHROMA_RULE_HTTP, "http://[::1]:8000", "", NULL, NULL, NULL, NULL},
    {{{CHROMA_HOST, "https://new/"}}, CHROMA_RULE_HTTP, "https://new", "", NULL, NULL, NULL, NULL},
    {{{CHROMA_HOST, "https://new"}, {CHROMA_PORT, "82"}},
     CHROMA_RULE_HTTP,
     "https://new:82",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_HOST, "http://gw/chroma"}, {CHROMA_PORT, "82"}},
     CHROMA_RULE_HTTP,
     "http://gw/chroma",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_CLIENT_TYPE, "http"}, {CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}},
     CHROMA_RULE_HTTP,
     "http://localhost:8000",
     "",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_CLIENT_TYPE, "persistent"}, {CHROMA_HOST, "new"}},
     CHROMA_RULE_LOCAL,
     "",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    /* an endpoint is Chroma Cloud's where that is the target, else a server like another */
    {{{CHROMA_ENDPOINT, "https://cloud.example"}, {CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}},
     CHROMA_RULE_CLOUD,
     "https://cloud.example",
     "http://localhost:8000",
     "t",
     NULL,
     "k",
     NULL},
    {{{CHROMA_ENDPOINT, "https://cloud.example/pre"},
      {CHROMA_CLIENT_TYPE, "cloud"},
      {CHROMA_HOST, "old"}},
     CHROMA_RULE_CLOUD,
     "https://cloud.example/pre",
     "http://old:8000",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_ENDPOINT, "https://europe-west1.gcp.trychroma.com"}, {CHROMA_API_KEY, "k"}},
     CHROMA_RULE_CLOUD,
     "https://europe-west1.gcp.trychroma.com",
     "http://localhost:8000",
     NULL,
     NULL,
     "k",
     NULL},
    {{{CHROMA_ENDPOINT, "http://new:81"}, {CHROMA_PORT, "82"}},
     CHROMA_RULE_HTTP,
     "http://new:81",
     "",
     NULL,
     NULL,
     NULL,
     NULL},
    {{{CHROMA_CLIENT_TYPE, "Ephemeral"}}, CHROMA_RULE_LOCAL, "", "", NULL, NULL, NULL, NULL},
    {{{CHROMA_AUTH_TOKEN, "t"}}, CHROMA_RULE_NONE, "", "", NULL, NULL, NULL, NULL},
    /* what cannot be meant */
    {{{CHROMA_ENDPOINT, "new:81"}},
     .refused = "CHROMA_ENDPOINT must be an address like https://host:8000, without user and "
                "password"},
    {{{CHROMA_ENDPOINT, "http://me:hunter2@h"}},
     .refused = "CHROMA_ENDPOINT must be an address like https://host:8000, without user and "
                "password"},
    {{{CHROMA_ENDPOINT, "http://a"}, {CHROMA_HOST, "b"}},
     .refused = "CHROMA_ENDPOINT and CHROMA_HOST both name a server: unset one"},
    {{{CHROMA_ENDPOINT, "http://a"}, {CHROMA_API_KEY, "k"}, {CHROMA_TENANT, "t"}},
     .refused = "CHROMA_ENDPOINT is no https:// address, but Chroma Cloud is the target: unset it, "
                "or name --source and --target"},
    {{{CHROMA_AUTH_TOKEN, "hunter2"}, {CHROMA_CUSTOM_AUTH_CREDENTIALS, "me:hunter2"}},
     .refused = "CHROMA_AUTH_TOKEN and CHROMA_CUSTOM_AUTH_CREDENTIALS are both set and differ: "
                "unset one"},
    {{{CHROMA_AUTH_TOKEN, "t"}, {CHROMA_AUTH_TOKEN_TRANSPORT_HEADER, "X-Api-Key"}},
     .refused = "CHROMA_AUTH_TOKEN_TRANSPORT_HEADER must be Authorization or X-Chroma-Token"},
    {{{CHROMA_PORT, "0"}}, .refused = "CHROMA_PORT must be a number from 1 to 65535"},
    {{{CHROMA_HOST, "h"}, {CHROMA_SSL, "maybe"}}, .refused = "CHROMA_SSL must be true or false"},
    {{{CHROMA_CLIENT_TYPE, "clod"}},
     .refused = "CHROMA_CLIENT_TYPE must be cloud, http, persistent or ephemeral"},
    {{{CHROMA_HOST, "me:hunter2@h"}},
     .refused = "CHROMA_HOST holds a user or a password; secrets have variables of their own"},
};

static void assert_text(const char *found, const char *expected)
{
    if (expected == NULL) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
}

static void every_rule_is_in_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct row *row = &table[i];
        const char *values[CHROMA_VARIABLES] = {NULL};
        struct chroma_environment out;
        struct error err = {0};
        for (size_t j = 0; j < MOST_VARIABLES && row->set[j].value != NULL; j++) {
            values[row->set[j].variable] = row->set[j].value;
        }
        print_message("row %zu\n", i);
        if (row->refused != NULL) {
            assert_false(chroma_environment_read(values, &out, &err));
            assert_int_equal(err.kind, ERROR_USAGE);
            assert_string_equal(err.message, row->refused);
            continue;
        }
        assert_true(chroma_environment_read(values, &out, &err));
        assert_int_equal(out.rule, row->rule);
        assert_string_equal(out.target, row->target);
        assert_string_equal(out.source, row->source);
        assert_text(out.tenant, row->tenant);
        assert_text(out.database, row->database);
        assert_text(out.key, row->key);
        assert_true(out.why[0] != '\0');
        assert_null(strstr(out.why, "hunter2"));
    }
}

static const struct option_row rows[] = {
    {.name = "source", .env = "FERRY_SOURCE", .type = OPTION_URL, .required = true},
    {.name = "target", .env = "FERRY_TARGET", .type = OPTION_URL, .required = true},
    {.name = "target-tenant", .env = "FERRY_TARGET_TENANT", .fallback = "default_tenant"},
    {.name = "target-database", .env = "FERRY_TARGET_DATABASE", .fallback = "default_database"},
    {.name = "target-cloud", .env = "FERRY_TARGET_CLOUD", .type = OPTION_FLAG},
};
static const char *const others[] = {"FERRY_SOURCE",        "FERRY_TARGET",
                                     "FERRY_TARGET_TENANT", "FERRY_TARGET_DATABASE",
                                     "FERRY_TARGET_TOKEN",  "FERRY_TARGET_CLOUD"};

static int enter(void **state)
{
    unset_variables(chroma_variable_names, CHROMA_VARIABLES);
    unset_variables(others, ARRAY_LEN(others));
    return temp_dir_enter(state);
}

static struct option_set *parse(const char *first, const char *second)
{
    return read_options(rows, ARRAY_LEN(rows), first, second);
}

static void flags_win_over_ferry_and_ferry_over_chroma(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "# Cloud\nCHROMA_API_KEY=k\n\nexport CHROMA_TENANT='t'\n");
    set_variable("chroma_cloud_database", "d");
    struct option_set *options = parse(NULL, NULL);
    check_option(options, "target", CLOUD, ".env line 2 (CHROMA_API_KEY)");
    check_option(options, "target-tenant", "t", ".env line 4 (CHROMA_TENANT)");
    check_option(options, "target-database", "d", "chroma_cloud_database");
    check_option(options, "source", "http://localhost:8000", "default");
    option_free(options);

    set_variable("FERRY_TARGET_TENANT", "mine");
    set_variable("FERRY_SOURCE", "http://old:1");
    options = parse(NULL, NULL);
    check_option(options, "target-tenant", "mine", "FERRY_TARGET_TENANT");
    check_option(options, "source", "http://old:1", "FERRY_SOURCE");
    option_free(options);

    options = parse("--target-tenant", "flag");
    check_option(options, "target-tenant", "flag", "--target-tenant");
    option_free(options);
}

/* Whatever the address: it is Chroma Cloud because that is what the variables say. */
static void an_endpoint_of_cloud_is_cloud(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "k");
    set_variable("CHROMA_TENANT", "t");
    set_variable("CHROMA_ENDPOINT", "https://cloud.example");
    struct option_set *options = parse(NULL, NULL);
    check_option(options, "target", "https://cloud.example", "CHROMA_ENDPOINT");
    assert_true(option_flag(options, "target-cloud"));
    assert_string_equal(option_server(options, "target"), "https://cloud.example");
    assert_string_equal(option_server(options, "source"), "http://localhost:8000");
    option_free(options);
    set_variable("FERRY_SOURCE", "http://old:1");
    options = parse("--target", "http://127.0.0.1:8001");
    assert_false(option_flag(options, "target-cloud"));
    assert_string_equal(option_server(options, "source"), "http://old:1");
    option_free(options);
    unsetenv("FERRY_SOURCE");
    options = read_options(NULL, 0, NULL, NULL); /* a table without such rows */
    assert_string_equal(option_server(options, "target"), "https://cloud.example");
    assert_string_equal(option_server(options, "source"), "http://localhost:8000");
    option_free(options);
}

/* A tenant of Cloud is none of the server next door. */
static void a_tenant_stays_with_its_server(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "k");
    set_variable("CHROMA_TENANT", "t");
    set_variable("FERRY_SOURCE", "http://old:1");
    struct option_set *options = parse("--target", "http://127.0.0.1:8001");
    check_option(options, "target-tenant", "default_tenant", "default");
    option_free(options);
    unsetenv("FERRY_SOURCE");
    struct error err;
    /* no source beside it */
    assert_null(try_options(rows, ARRAY_LEN(rows), "--target=http://127.0.0.1:8001", NULL, &err));
    assert_non_null(strstr(err.message, "missing --source"));
    options = parse("--target", "https://api.trychroma.com:443");
    check_option(options, "target-tenant", "t", "CHROMA_TENANT");
    option_free(options);
}

/* Half of what names Chroma Cloud names nothing, and says so. */
static void what_cloud_lacks_is_told_where_a_target_is_missing(void **state)
{
    static const char of_key[] = " is set, but no tenant: with CHROMA_TENANT or "
                                 "chroma_cloud_tenant_id beside it, or CHROMA_CLIENT_TYPE=cloud, "
                                 "the target is Chroma Cloud";
    static const char of_tenant[] = " is set, but no key: with chroma_cloud_api_key or "
                                    "CHROMA_API_KEY beside it the target is Chroma Cloud";
    static const struct {
        const char *variable, *hint;
    } halves[] = {{"chroma_cloud_api_key", of_key},
                  {"CHROMA_API_KEY", of_key},
                  {"chroma_cloud_tenant_id", of_tenant},
                  {"CHROMA_TENANT", NULL},
                  {"CHROMA_DATABASE", NULL},
                  {"CHROMA_AUTH_TOKEN", NULL}};
    static const char *const given[] = {"--source=http://a:1", NULL};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(halves) * ARRAY_LEN(given); i++) {
        const char *flag = given[i % ARRAY_LEN(given)];
        const char *variable = halves[i / ARRAY_LEN(given)].variable;
        const char *hint = halves[i / ARRAY_LEN(given)].hint;
        const char *role = flag != NULL ? "target" : "source";
        char message[400];
        struct error err = {0};
        snprintf(message, sizeof message, "missing --%s URL (or FERRY_%s)%s%s%s%s", role,
                 flag != NULL ? "TARGET" : "SOURCE", hint != NULL ? "; " : "",
                 hint != NULL ? variable : "", hint != NULL ? hint : "",
                 flag != NULL ? "" : " (and 1 more problem)");
        set_variable(variable, "hunter2");
        assert_null(try_options(rows, ARRAY_LEN(rows), flag, NULL, &err));
        assert_string_equal(err.message, message);
        set_variable(variable, NULL);
    }
    set_variable("CHROMA_API_KEY", "hunter2");
    struct error err = {0};
    assert_null(try_options(rows, ARRAY_LEN(rows), "--target=http://a:1", NULL, &err));
    assert_string_equal(err.message, "missing --source URL (or FERRY_SOURCE)");
}

static void assert_key(enum secret_role role, const char *origin, const char *header)
{
    struct secret_request request = {.role = role, .origin = origin, .expected_origin = origin};
    struct error err = {0};
    char found[512], style[16];
    struct option_set *options = read_options(NULL, 0, NULL, NULL);
    assert_true(secret_find(options, &request, found, style, &err));
    assert_string_equal(found, header);
    option_free(options);
}

static void the_key_goes_to_the_target_only(void **state)
{
    (void)state;
    set_variable("chroma_cloud_api_key", "k");
    set_variable("chroma_cloud_tenant_id", "t");
    set_variable("CHROMA_HOST", "http://old:9000");
    assert_key(SECRET_TARGET, CHROMA_CLOUD_ORIGIN, "X-Chroma-Token: k");
    assert_key(SECRET_SOURCE, "http://old:9000", "");
    assert_key(SECRET_TARGET, "http://old:9000", "");
    assert_key(SECRET_TARGET, "https://other:443", "");
    unsetenv("chroma_cloud_tenant_id");
    assert_key(SECRET_TARGET, "http://old:9000", "X-Chroma-Token: k");
    assert_key(SECRET_TARGET, "http://old:9001", "");
    set_variable("CHROMA_HOST", "old");
    set_variable("CHROMA_PORT", "9001");
    assert_key(SECRET_TARGET, "http://old:9001", "X-Chroma-Token: k");
}

static void a_wrong_one_is_refused_where_it_matters_only(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"program"}, (char[]){"--source=http://a:1"},
                    (char[]){"--target=http://b:1"}, (char[]){"--target-tenant=t"},
                    (char[]){"--target-database=d"}};
    struct error err = {0};
    set_variable("CHROMA_PORT", "many");
    struct option_set *options = option_parse(rows, ARRAY_LEN(rows), 5, argv, 0, &err);
    assert_non_null(options);
    option_free(options);
    assert_null(option_parse(rows, ARRAY_LEN(rows), 1, argv, 0, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_non_null(strstr(err.message, "CHROMA_PORT must be a number from 1 to 65535"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_is_in_the_table),
        cmocka_unit_test_setup_teardown(flags_win_over_ferry_and_ferry_over_chroma, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(an_endpoint_of_cloud_is_cloud, enter, temp_dir_leave),
        cmocka_unit_test_setup_teardown(a_tenant_stays_with_its_server, enter, temp_dir_leave),
        cmocka_unit_test_setup_teardown(what_cloud_lacks_is_told_where_a_target_is_missing, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(the_key_goes_to_the_target_only, enter, temp_dir_leave),
        cmocka_unit_test_setup_teardown(a_wrong_one_is_refused_where_it_matters_only, enter,
                                        temp_dir_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
