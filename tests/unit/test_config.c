/* ferry.conf: what it takes, what it refuses by its line, and which server its endpoints speak for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/config.h"
#include "app/link.h"
#include "app/secret.h"
#include "support/option_fixture.h"

#define CLOUD "https://api.trychroma.com:443"
#define OWN   "http://127.0.0.1:8000"

static const char *const variables[] = {
    "FERRY_SOURCE", "FERRY_TARGET",        "FERRY_SOURCE_TOKEN", "FERRY_TARGET_TOKEN", "PROD_TOKEN",
    "FERRY_CONFIG", "FERRY_TARGET_TENANT", "XDG_CONFIG_HOME",    "CHROMA_API_KEY",
};

static int enter(void **state)
{
    unset_variables(variables, ARRAY_LEN(variables));
    set_variable("HOME", "/nonexistent");
    return temp_dir_enter(state);
}

static void check_refused(const char *text, size_t len, const char *message)
{
    struct config *config = NULL;
    struct error err = {0};
    temp_dir_write("ferry.conf", text, len);
    assert_false(config_read("ferry.conf", &config, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    if (strstr(err.message, message) == NULL) {
        fail_msg("not said (%s): %s", message, err.message);
    }
    assert_null(strstr(err.message, "hunter2"));
    assert_null(strchr(err.message, '\n'));
}
#define REFUSED(text_, message_) check_refused((text_), sizeof(text_) - 1, (message_))

static void what_is_wrong_is_refused_by_its_line(void **state)
{
    (void)state;
    static const char u[] = "[endpoint a]\nurl = http://a\n";
    char long_line[600];
    REFUSED("[endpoint a]\nurl = http://[2001::db8::1]:8000\n",
            "ferry.conf, line 2 (url): the URL's brackets hold no IPv6 address");
    REFUSED("[endpoint a]\nurl = http://h:80000\n",
            "ferry.conf, line 2 (url): the URL's port is not a number from 1 to 65535");
    REFUSED("[endpoint a]\nurl = http://a\ntoken = hunter2\n",
            "ferry.conf, line 3: a secret does not stand in this file");
    REFUSED("[endpoint a]\npassword: hunter2\n", "ferry.conf, line 2: a secret does not stand");
    REFUSED("[endpoint a]\nAPI_KEY = hunter2\n", "ferry.conf, line 2: a secret does not stand");
    REFUSED("[endpoint a]\ntoken_env = ck-hunter2\n",
            "ferry.conf, line 2 (token_env): expected the name of an environment variable");
    REFUSED("[endpoint a]\nurl = http://me:hunter2@a\n",
            "ferry.conf, line 2 (url): an address holds no user, password");
    REFUSED("[endpoint a]\nurl = localhost:8000\n",
            "ferry.conf, line 2 (url): expected an address like http://HOST:PORT");
    REFUSED("[endpoint a]\ntenant = x\n", "ferry.conf: endpoint a has no url");
    REFUSED("[endpoint a]\nurl = http://a\n\n# b\nurl=http://b\n",
            "ferry.conf, line 5 (url): this endpoint has it twice");
    REFUSED("[endpoint a]\nurl = http://a # here\n",
            "ferry.conf, line 2 (url): # begins no comment");
    REFUSED("[endpoint a]\nurl =\n", "ferry.conf, line 2 (url): the value is empty");
    REFUSED("[endpoint a]\ntokenfile = x\n",
            "ferry.conf, line 2: no such setting; an endpoint has");
    REFUSED("[endpont a]\nurl = http://a\n", "ferry.conf, line 2: no such section");
    REFUSED("url = http://a\n", "ferry.conf, line 1: no such section");
    REFUSED("[endpoint a b]\nurl = http://a\n", "ferry.conf, line 2: of an endpoint whose name");
    REFUSED("[endpoint a/b]\nurl = http://a\n", "ferry.conf, line 2: of an endpoint whose name");
    REFUSED("[endpoint 12345678901234567890123456789012]\nurl = http://a\n",
            "ferry.conf, line 2: of an endpoint whose name");
    REFUSED("[endpoint a\nurl = http://a\n", "ferry.conf, line 1: expected NAME = VALUE");
    REFUSED("[endpoint a]\nhunter2\n", "ferry.conf, line 2: expected NAME = VALUE or [SECTION]");
    REFUSED("[endpoint a]\nurl = http://a\0b\n", "ferry.conf, line 2: a control character");
    REFUSED("[endpoint a]\nurl = http://a\rtoken = hunter2\n",
            "ferry.conf, line 2: a control character");
    REFUSED("\x7f"
            "ELF\x02\x01",
            "ferry.conf, line 1: a control character");
    REFUSED("[kafka]\nsasl.password = hunter2\n",
            "ferry.conf, line 2: a secret does not stand in this file: give it as a variable");
    REFUSED("kafka.ssl.key.pem = hunter2\n", "ferry.conf, line 1: a secret does not stand");
    int len = snprintf(long_line, sizeof long_line, "%sdatabase = %0300d\n", u, 1);
    check_refused(long_line, (size_t)len, "ferry.conf, line 3: the line is too long");
}

static const char two[] = "\xef\xbb\xbf; servers\r\n"
                          "[endpoint prod]\r\n"
                          "  url = https://api.trychroma.com\r\n"
                          "\ttenant = t-1\r\n"
                          "  token_env = PROD_TOKEN\r\n"
                          "\r\n"
                          "[endpoint own]\n"
                          "url: http://127.0.0.1:8000\n"
                          "auth = bearer\n"
                          "token_file = secret\n"
                          "[kafka]\n"
                          "security.protocol = SASL_SSL\n"
                          "kafka.ssl.key.location = /etc/key.pem";

static const struct option_row rows[] = {
    {.name = "source", .env = "FERRY_SOURCE", .type = OPTION_URL},
    {.name = "target", .env = "FERRY_TARGET", .type = OPTION_URL},
    {.name = "target-tenant", .env = "FERRY_TARGET_TENANT", .fallback = "default_tenant"},
    {.name = "target-database", .env = "FERRY_TARGET_DATABASE", .fallback = "default_database"},
    {.name = "target-header-file", .env = "FERRY_TARGET_HEADER_FILE"},
    {.name = "target-cloud", .env = "FERRY_TARGET_CLOUD", .type = OPTION_FLAG},
};

static struct option_set *parse(struct error *err, const char *first, const char *second)
{
    return try_options(rows, ARRAY_LEN(rows), first, second, err);
}

static struct option_set *accept(const char *first, const char *second)
{
    return read_options(rows, ARRAY_LEN(rows), first, second);
}

static void a_name_stands_for_an_address_and_its_place(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", two);
    struct option_set *set = accept("--source=own", "--target=prod");
    check_option(set, "source", "http://127.0.0.1:8000", "--source, ferry.conf line 8");
    check_option(set, "target", "https://api.trychroma.com", "--target, ferry.conf line 3");
    check_option(set, "target-tenant", "t-1", "ferry.conf line 4");
    check_option(set, "target-database", "default_database", "default");
    option_free(set);

    set = accept("--target=prod", "--target-tenant=other"); /* a flag is about this run */
    check_option(set, "target-tenant", "other", "--target-tenant");
    option_free(set);

    set_variable("FERRY_TARGET", "prod"); /* and a variable of the same side about another server */
    set_variable("FERRY_TARGET_TENANT", "stale");
    set = accept(NULL, NULL);
    check_option(set, "target", "https://api.trychroma.com", "FERRY_TARGET, ferry.conf line 3");
    check_option(set, "target-tenant", "t-1", "ferry.conf line 4");
    size_t at = 0;
    const char *why;
    assert_string_equal(option_unused_variable(set, &at, &why), "FERRY_TARGET_TENANT");
    assert_string_equal(why, "an endpoint is named for that side, and says all of it");
    assert_null(option_unused_variable(set, &at, &why));
    option_free(set);

    set = accept("--target=http://b", NULL);
    check_option(set, "target-tenant", "stale", "FERRY_TARGET_TENANT");
    option_free(set);
}

static void a_name_that_is_not_there_is_refused_with_those_that_are(void **state)
{
    struct error err;
    (void)state;
    assert_null(parse(&err, "--source=prod", NULL));
    assert_string_equal(err.message, "--source: expected an address like http://HOST:PORT or "
                                     "https://HOST, got \"prod\"");
    temp_dir_write_text("ferry.conf", two);
    assert_null(parse(&err, "--source=prud", NULL));
    assert_string_equal(err.message,
                        "--source: ferry.conf has no endpoint \"prud\"; it has prod, own");
    set_variable("FERRY_TARGET", "prud");
    assert_null(parse(&err, NULL, NULL));
    assert_string_equal(err.message,
                        "FERRY_TARGET: ferry.conf has no endpoint \"prud\"; it has prod, own");
}

static void the_file_is_looked_for_in_three_places(void **state)
{
    struct error err;
    char folder[300], path[400];
    (void)state;
    assert_non_null(getcwd(folder, sizeof folder));
    temp_dir_write_text("other.conf", "[endpoint x]\nurl = http://other\n");
    struct option_set *set = accept("--config=other.conf", "--source=x");
    check_option(set, "source", "http://other", "--source, other.conf line 2");
    option_free(set);
    set_variable("FERRY_CONFIG", "other.conf");
    set = accept("--source=x", NULL);
    assert_string_equal(option_config_path(set), "other.conf");
    option_free(set);
    set_variable("FERRY_CONFIG", "gone.conf");
    assert_null(parse(&err, "--source=x", NULL));
    assert_string_equal(err.message, "there is no file gone.conf (and 1 more problem)");
    unsetenv("FERRY_CONFIG");

    set_variable("XDG_CONFIG_HOME", folder);
    assert_int_equal(mkdir("chroma-ferry", 0700), 0);
    temp_dir_write_text("chroma-ferry/ferry.conf",
                        "[endpoint x]\nurl = http://home\nca_file = ca.pem\n");
    set = accept("--source=x", NULL);
    assert_string_equal(option_text(set, "source"), "http://home");
    snprintf(path, sizeof path, "%s/chroma-ferry/ferry.conf", folder);
    assert_string_equal(option_config_path(set), path);
    option_free(set);
    temp_dir_write_text("ferry.conf", "[endpoint x]\nurl = http://here\n");
    set = accept("--source=x", NULL);
    assert_string_equal(option_text(set, "source"), "http://here");
    option_free(set);
    assert_int_equal(remove("chroma-ferry/ferry.conf"), 0);
}

static bool find(const struct option_set *set, const char *origin, const char *tenant,
                 char header[512], struct error *err)
{
    char style[16];
    char expected[300] = "";
    const char *server = option_server(set, "target");
    if (server != NULL) {
        snprintf(expected, sizeof expected, "%s%s", server,
                 strncmp(server, "https", 5) == 0 ? ":443" : "");
    }
    struct secret_request request = {.role = SECRET_TARGET,
                                     .origin = origin,
                                     .expected_origin = server != NULL ? expected : NULL,
                                     .tenant = tenant};
    *err = (struct error){.kind = ERROR_NONE};
    return secret_find(set, &request, header, style, err);
}

static void check_secret(const struct option_set *set, const char *origin, const char *header)
{
    char found[512];
    struct error err;
    if (!find(set, origin, "t-1", found, &err)) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(found, header);
}

static void an_endpoint_s_secret_goes_to_its_origin_only(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", two);
    temp_dir_write_text("secret", "own-token\n");
    set_variable("PROD_TOKEN", "prod-token");
    set_variable("FERRY_TARGET_TOKEN", "of-another-server");
    struct option_set *set = accept("--target=prod", NULL);
    check_secret(set, CLOUD, "X-Chroma-Token: prod-token");
    check_secret(set, OWN, "Authorization: Bearer own-token"); /* another job's target */
    check_secret(set, "http://127.0.0.1:8001", "");
    check_secret(set, "https://127.0.0.1:8000", "");
    option_free(set);

    set_variable("FERRY_TARGET", OWN); /* what is set for an address is all that is set for it */
    set = accept(NULL, NULL);
    check_secret(set, OWN, "X-Chroma-Token: of-another-server");
    check_secret(set, CLOUD, "X-Chroma-Token: prod-token");
    option_free(set);

    unsetenv("FERRY_TARGET_TOKEN"); /* nothing is: then the endpoint that is there */
    set = accept(NULL, NULL);
    check_secret(set, OWN, "Authorization: Bearer own-token");
    option_free(set);
}

#define PROD "https://prod.example.com"

static void check_unused(const struct option_set *set, const char *const *names, size_t count)
{
    size_t at = 0;
    const char *why;
    for (size_t i = 0; i < count; i++) {
        const char *name = option_unused_variable(set, &at, &why);
        assert_non_null(name);
        assert_string_equal(name, names[i]);
        assert_string_equal(why,
                            "--target is another server than FERRY_TARGET, which it belongs to");
    }
    assert_null(option_unused_variable(set, &at, &why));
}

static void what_stands_beside_an_address_is_not_for_the_flag_of_another(void **state)
{
    static const char *const token[] = {"FERRY_TARGET_TOKEN"};
    (void)state;
    set_variable("FERRY_TARGET", PROD);
    set_variable("FERRY_TARGET_TOKEN", "t-prod");
    struct option_set *set = accept("--target=" OWN, NULL);
    check_secret(set, OWN, "");
    check_secret(set, PROD ":443", "");
    check_unused(set, token, 1);
    option_free(set);

    set = accept(NULL, NULL); /* no flag */
    check_secret(set, PROD ":443", "X-Chroma-Token: t-prod");
    check_unused(set, NULL, 0);
    option_free(set);

    set_variable("FERRY_TARGET", OWN "/path"); /* a flag that says the same */
    set = accept("--target=HTTP://127.0.0.1:8000", NULL);
    check_secret(set, "HTTP://127.0.0.1:8000", "X-Chroma-Token: t-prod");
    check_unused(set, NULL, 0);
    option_free(set);

    for (size_t i = 0; i < 2; i++) { /* no address beside it: what else should it be for? */
        set_variable("FERRY_TARGET", i == 0 ? "" : NULL);
        set = accept("--target=" OWN, NULL);
        check_secret(set, OWN, "X-Chroma-Token: t-prod");
        check_unused(set, NULL, 0);
        option_free(set);
    }

    set_variable("FERRY_TARGET", "not an address"); /* nobody knows whose it is */
    set = accept("--target=" OWN, NULL);
    check_secret(set, OWN, "");
    option_free(set);

    set_variable("FERRY_TARGET", NULL);
    temp_dir_write_text(".env", "FERRY_TARGET=" PROD "\n"); /* two places, one setting */
    set = accept("--target=" OWN, NULL);
    check_secret(set, OWN, "");
    option_free(set);
    assert_int_equal(remove(".env"), 0);
}

static void nor_are_certificates_logins_and_header_lines(void **state)
{
    static const char *const names[] = {
        "FERRY_TARGET_HEADER_FILE", "FERRY_TARGET_CLOUD",    "FERRY_TARGET_AUTH",
        "FERRY_TARGET_USER",        "FERRY_TARGET_PASSWORD", "FERRY_TARGET_CA_FILE",
        "FERRY_TARGET_CERT_FILE",   "FERRY_TARGET_KEY_FILE",
    };
    static const char *const values[] = {"lines",  "true", "basic", "me",
                                         "secret", "ca",   "cert",  "key"};
    struct secret_request request = {.role = SECRET_TARGET, .origin = OWN, .expected_origin = OWN};
    struct link link;
    struct error err = {0};
    (void)state;
    temp_dir_write_text("lines", "X-Gate: open\n");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        set_variable(names[i], values[i]);
    }
    set_variable("FERRY_TARGET", PROD);
    set_variable("FERRY_TARGET_TENANT", "t-2");
    struct option_set *set = accept("--target=" OWN, NULL);
    check_secret(set, OWN, "");
    check_unused(set, names, ARRAY_LEN(names));
    assert_null(option_text(set, "target-header-file"));
    assert_false(option_flag(set, "target-cloud"));
    assert_string_equal(option_text(set, "target-tenant"), "t-2");
    assert_true(link_find(set, &request, NULL, "", &link, &err)); /* there are no such files */
    assert_null(link.ca_file);
    assert_null(link.cert_file);
    assert_null(link.key_file);
    assert_string_equal(link.headers, "");
    option_free(set);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        set_variable(names[i], NULL);
    }
}

/* A rollback that is said by addresses, with the variables of the way there. */
static void source_and_target_exchanged_by_flags_get_nothing(void **state)
{
    static const char other[] = "http://127.0.0.1:8001";
    (void)state;
    set_variable("FERRY_SOURCE", OWN);
    set_variable("FERRY_SOURCE_TOKEN", "t-own");
    set_variable("FERRY_TARGET", other);
    set_variable("FERRY_TARGET_TOKEN", "t-other");
    struct option_set *set = accept("--source=http://127.0.0.1:8001", "--target=" OWN);
    check_secret(set, OWN, "");
    check_secret(set, other, "");
    struct secret_request request = {
        .role = SECRET_SOURCE, .origin = other, .expected_origin = other};
    struct error err = {0};
    char header[512], style[16];
    assert_true(secret_find(set, &request, header, style, &err));
    assert_string_equal(header, "");
    option_free(set);
    set_variable("FERRY_SOURCE_TOKEN", NULL);
}

static void an_ipv6_address_may_be_spelled_otherwise(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", "[endpoint six]\nurl = http://[2001:0DB8::0:1]:8000\n"
                                      "token_env = SIX_TOKEN\n");
    set_variable("SIX_TOKEN", "t-six");
    struct option_set *set = accept(NULL, NULL);
    check_secret(set, "http://[2001:db8::1]:8000", "X-Chroma-Token: t-six");
    check_secret(set, "http://[2001:db8::1]:8001", "");
    option_free(set);
    set_variable("SIX_TOKEN", NULL);
}

static void a_named_endpoint_is_bound_by_its_own_section(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", "[endpoint prod]\nurl = " PROD "\ntoken_env = PROD_TOKEN\n"
                                      "[endpoint open]\nurl = " OWN "\n");
    set_variable("PROD_TOKEN", "t-prod");
    set_variable("FERRY_TARGET", "prod");
    set_variable("FERRY_TARGET_TOKEN", "t-stray");
    static const char *const flags[] = {"--target=open", "--target=http://127.0.0.1:8001", NULL};
    static const char *const origins[] = {OWN, "http://127.0.0.1:8001", PROD ":443"};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        struct option_set *set = accept(flags[i], NULL);
        for (size_t j = 0; j < ARRAY_LEN(origins); j++) {
            check_secret(set, origins[j], j == 2 ? "X-Chroma-Token: t-prod" : "");
        }
        check_secret(set, "http://prod.example.com:80", "");
        option_free(set);
    }
    set_variable("FERRY_TARGET", OWN);
    struct option_set *set = accept("--target=prod", NULL);
    check_secret(set, PROD ":443", "X-Chroma-Token: t-prod");
    check_secret(set, OWN, "");
    option_free(set);
}

static void check_no_secret(const char *flag, const char *message)
{
    char found[512];
    struct error err;
    struct option_set *set = accept(flag, NULL);
    assert_false(find(set, CLOUD, "t-1", found, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, message);
    option_free(set);
}

static void a_secret_that_is_not_where_the_file_says_is_refused_by_line(void **state)
{
    (void)state;
    temp_dir_write_text("ferry.conf", two);
    check_no_secret("--target=prod", "ferry.conf, line 5 (token_env): the variable PROD_TOKEN is "
                                     "not set");
    temp_dir_write_text("ferry.conf",
                        "[endpoint p]\nurl=https://api.trychroma.com\ntoken_env = ckHunter2\n");
    check_no_secret("--target=p", "ferry.conf, line 3 (token_env): the variable that it names is "
                                  "not set");
    temp_dir_write_text("ferry.conf",
                        "[endpoint p]\nurl=https://api.trychroma.com\ntoken_file = none\n");
    check_no_secret("--target=p", "ferry.conf, line 3 (token_file): there is no file none");
    temp_dir_write_text("ferry.conf", "[endpoint p]\nurl=https://api.trychroma.com\nuser = a\n");
    check_no_secret("--target=p",
                    "ferry.conf, line 3 (user) is set without password_env or password_file");
    temp_dir_write_text("ferry.conf", "[endpoint p]\nurl=https://api.trychroma.com\nauth = digest\n"
                                      "token_env=PROD_TOKEN\n");
    set_variable("PROD_TOKEN", "x");
    check_no_secret("--target=p", "ferry.conf, line 3 (auth) must be none, x-chroma-token, bearer "
                                  "or basic");
}

static void of_two_endpoints_with_one_origin_the_tenant_decides(void **state)
{
    char found[512];
    struct error err;
    (void)state;
    set_variable("PROD_TOKEN", "a");
    temp_dir_write_text("b", "b");
    temp_dir_write_text("ferry.conf", "[endpoint a]\nurl=https://api.trychroma.com\ntenant=t-1\n"
                                      "token_env=PROD_TOKEN\n"
                                      "[endpoint b]\nurl=https://api.trychroma.com/\ntenant=t-2\n"
                                      "token_file=b\n"
                                      "[endpoint c]\nurl=https://API.trychroma.com:443\n");
    struct option_set *set = accept(NULL, NULL);
    assert_true(find(set, CLOUD, "t-1", found, &err));
    assert_string_equal(found, "X-Chroma-Token: a");
    assert_true(find(set, CLOUD, "t-2", found, &err));
    assert_string_equal(found, "X-Chroma-Token: b");
    assert_true(find(set, CLOUD, "t-3", found, &err));
    assert_string_equal(found, "");
    assert_true(find(set, CLOUD, NULL, found, &err)); /* whether there is any */
    assert_string_equal(found, "X-Chroma-Token: a");
    option_free(set);

    temp_dir_write_text("ferry.conf", "[endpoint a]\nurl=https://api.trychroma.com\n"
                                      "[endpoint b]\nurl=https://api.trychroma.com\n");
    set = accept(NULL, NULL);
    assert_false(find(set, CLOUD, "t-1", found, &err));
    assert_string_equal(err.message,
                        "ferry.conf: endpoints a and b are both at " CLOUD
                        ": say which is meant, with --target NAME or FERRY_TARGET=NAME");
    option_free(set);
    set = accept("--target=b", NULL);
    assert_true(find(set, CLOUD, "t-1", found, &err));
    option_free(set);
}

static void files_are_beside_the_one_that_names_them(void **state)
{
    struct link link;
    struct error err = {0};
    char header[512], style[16];
    struct secret_request request = {.role = SECRET_SOURCE, .origin = OWN, .expected_origin = OWN};
    (void)state;
    assert_int_equal(mkdir("conf", 0700), 0);
    temp_dir_write_text("conf/f.conf", "[endpoint p]\nurl = " OWN "\ntoken_file = t\nca_file = ca\n"
                                       "header_file = h\n");
    temp_dir_write_text("conf/t", "x");
    temp_dir_write_text("conf/ca", "x");
    temp_dir_write_text("conf/h", "X-Gate: open\n");
    struct option_set *set = accept("--config=conf/f.conf", "--source=p");
    assert_true(secret_find(set, &request, header, style, &err));
    assert_string_equal(header, "X-Chroma-Token: x");
    assert_true(link_find(set, &request, NULL, header, &link, &err));
    assert_string_equal(link.ca_file, "conf/ca");
    assert_string_equal(link.headers, "X-Gate: open");
    assert_int_equal(remove("conf/ca"), 0);
    assert_false(link_find(set, &request, NULL, header, &link, &err));
    assert_string_equal(err.message, "conf/f.conf, line 4 (ca_file): cannot read conf/ca: No such "
                                     "file or directory");
    option_free(set);
    assert_int_equal(remove("conf/f.conf") + remove("conf/t") + remove("conf/h"), 0);
}

struct seen {
    char text[400];
};

static bool see(void *ctx, const char *where, const char *name, const char *value,
                struct error *err)
{
    struct seen *seen = ctx;
    size_t len = strlen(seen->text);
    (void)err;
    snprintf(seen->text + len, sizeof seen->text - len, "%s|%s=%s;", where, name, value);
    return true;
}

static void properties_are_told_with_their_lines(void **state)
{
    struct seen seen = {""};
    struct error err = {0};
    (void)state;
    temp_dir_write_text("ferry.conf", two);
    struct option_set *set = accept(NULL, NULL);
    assert_true(option_each_property(set, see, &seen, &err));
    assert_string_equal(seen.text,
                        "ferry.conf, line 12 (security.protocol)|security.protocol=SASL_SSL;"
                        "ferry.conf, line 13 (ssl.key.location)|ssl.key.location=/etc/key.pem;");
    option_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused_by_its_line, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(a_name_stands_for_an_address_and_its_place, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(a_name_that_is_not_there_is_refused_with_those_that_are,
                                        enter, temp_dir_leave),
        cmocka_unit_test_setup_teardown(the_file_is_looked_for_in_three_places, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(an_endpoint_s_secret_goes_to_its_origin_only, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(
            what_stands_beside_an_address_is_not_for_the_flag_of_another, enter, temp_dir_leave),
        cmocka_unit_test_setup_teardown(nor_are_certificates_logins_and_header_lines, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(source_and_target_exchanged_by_flags_get_nothing, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(an_ipv6_address_may_be_spelled_otherwise, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(a_named_endpoint_is_bound_by_its_own_section, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(a_secret_that_is_not_where_the_file_says_is_refused_by_line,
                                        enter, temp_dir_leave),
        cmocka_unit_test_setup_teardown(of_two_endpoints_with_one_origin_the_tenant_decides, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(files_are_beside_the_one_that_names_them, enter,
                                        temp_dir_leave),
        cmocka_unit_test_setup_teardown(properties_are_told_with_their_lines, enter,
                                        temp_dir_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
