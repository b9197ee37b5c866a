/* Secrets: which server gets which one, how it is written, and that no message repeats one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/secret.h"
#include "net/http.h"
#include "support/option_fixture.h"

#define HERE   "http://127.0.0.1:8000"
#define CLOUD  "https://api.trychroma.com:443"
#define REGION "https://europe-west1.gcp.trychroma.com:443"

static const char *const variables[] = {
    "FERRY_SOURCE_TOKEN",
    "FERRY_SOURCE_TOKEN_FILE",
    "FERRY_SOURCE_AUTH",
    "FERRY_TARGET_TOKEN",
    "FERRY_TARGET_TOKEN_FILE",
    "FERRY_TARGET_AUTH",
    "CHROMA_API_KEY",
    "CHROMA_HOST",
    "FERRY_SOURCE_USER",
    "FERRY_SOURCE_PASSWORD",
    "FERRY_TARGET_USER",
    "FERRY_TARGET_PASSWORD",
    "FERRY_SOURCE_PASSWORD_FILE",
    "CHROMA_TENANT",
    "CHROMA_ENDPOINT",
    "CHROMA_CLIENT_TYPE",
    "CHROMA_AUTH_TOKEN",
    "CHROMA_AUTH_TOKEN_TRANSPORT_HEADER",
    "CHROMA_CUSTOM_AUTH_CREDENTIALS",
    "FERRY_SOURCE_CLOUD",
    "FERRY_TARGET_CLOUD",
};

struct found {
    char header[512];
    char style[16];
    struct error err;
};

static int enter(void **state)
{
    unset_variables(variables, ARRAY_LEN(variables));
    return temp_dir_enter(state);
}

static const struct option_row clouds[] = {
    {.name = "source-cloud", .env = "FERRY_SOURCE_CLOUD", .type = OPTION_FLAG},
    {.name = "target-cloud", .env = "FERRY_TARGET_CLOUD", .type = OPTION_FLAG},
};

static bool find(enum secret_role role, const char *origin, const char *expected_origin,
                 struct found *out)
{
    struct secret_request request = {
        .role = role, .origin = origin, .expected_origin = expected_origin};
    memset(out, 0, sizeof(*out));
    memset(out->header, '!', sizeof(out->header));
    struct option_set *options = read_options(clouds, ARRAY_LEN(clouds), NULL, NULL);
    bool ok = secret_find(options, &request, out->header, out->style, &out->err);
    option_free(options);
    return ok;
}

static void check(enum secret_role role, const char *origin, const char *expected_origin,
                  const char *header, const char *style)
{
    struct found found;
    if (!find(role, origin, expected_origin, &found)) {
        fail_msg("%s", found.err.message);
    }
    assert_string_equal(found.header, header);
    assert_string_equal(found.style, style);
}

static void check_refused(const char *message)
{
    struct found found;
    assert_false(find(SECRET_SOURCE, HERE, HERE, &found));
    assert_int_equal(found.err.kind, ERROR_USAGE);
    assert_string_equal(found.err.message, message);
    assert_null(strstr(found.err.message, "hunter2"));
    assert_string_equal(found.header, "");
    assert_string_equal(found.style, "none");
}

static void without_any_variable_there_is_no_secret(void **state)
{
    (void)state;
    check(SECRET_SOURCE, HERE, HERE, "", "none");
    check(SECRET_TARGET, CLOUD, NULL, "", "none");
}

static void each_role_has_its_own_token(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN", "for-source");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: for-source", "x-chroma-token");
    check(SECRET_TARGET, HERE, HERE, "", "none");
    set_variable("FERRY_TARGET_TOKEN", "for-target");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: for-source", "x-chroma-token");
    check(SECRET_TARGET, HERE, HERE, "X-Chroma-Token: for-target", "x-chroma-token");
}

static void a_token_goes_to_its_own_origin_only(void **state)
{
    static const char *const others[] = {"https://127.0.0.1:8000",
                                         "http://127.0.0.1:8001",
                                         "http://127.0.0.2:8000",
                                         "http://127.0.0.1:80001",
                                         CLOUD,
                                         ""};
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN", "hunter2");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        check(SECRET_SOURCE, others[i], HERE, "", "none");
        check(SECRET_SOURCE, HERE, others[i], "", "none");
    }
    check(SECRET_SOURCE, HERE, NULL, "", "none");
}

static void a_secret_for_another_server_is_not_even_looked_at(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN", "two\nlines");
    set_variable("FERRY_SOURCE_TOKEN_FILE", "/there/is/no/such/file");
    set_variable("FERRY_SOURCE_AUTH", "nonsense");
    check(SECRET_SOURCE, CLOUD, HERE, "", "none");
}

static void styles_decide_the_header(void **state)
{
    static const struct {
        const char *token;
        const char *header;
    } basic[] = {
        {"user:password", "Authorization: Basic dXNlcjpwYXNzd29yZA=="},
        {"user:", "Authorization: Basic dXNlcjo="},
        {"us:er", "Authorization: Basic dXM6ZXI="},
        {"a:b", "Authorization: Basic YTpi"},
        {"j\xc3\xbcrgen:two words", "Authorization: Basic asO8cmdlbjp0d28gd29yZHM="},
        {"x:\xff\xfe\xfb?>", "Authorization: Basic eDr//vs/Pg=="},
    };
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN", "abc.def-_~+/=");
    set_variable("FERRY_SOURCE_AUTH", "x-chroma-token");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: abc.def-_~+/=", "x-chroma-token");
    set_variable("FERRY_SOURCE_AUTH", "x-chroma-token");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: abc.def-_~+/=", "x-chroma-token");
    set_variable("FERRY_SOURCE_AUTH", "bearer");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Bearer abc.def-_~+/=", "bearer");
    set_variable("FERRY_SOURCE_AUTH", "basic");
    for (size_t i = 0; i < ARRAY_LEN(basic); i++) {
        set_variable("FERRY_SOURCE_TOKEN", basic[i].token);
        check(SECRET_SOURCE, HERE, HERE, basic[i].header, "basic");
    }
}

static void none_sends_nothing_whatever_else_is_set(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_AUTH", "none");
    set_variable("FERRY_SOURCE_TOKEN", "two\nlines");
    set_variable("FERRY_SOURCE_USER", "me");
    set_variable("CHROMA_API_KEY", "key");
    set_variable("CHROMA_HOST", HERE);
    check(SECRET_SOURCE, HERE, HERE, "", "none");
    unsetenv("FERRY_SOURCE_AUTH");
    unsetenv("FERRY_SOURCE_TOKEN");
    unsetenv("FERRY_SOURCE_USER");
    set_variable("CHROMA_AUTH_TOKEN", "own");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Bearer own", "bearer");
}

static void user_and_password_mean_basic(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_USER", "user");
    set_variable("FERRY_SOURCE_PASSWORD", "password");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Basic dXNlcjpwYXNzd29yZA==", "basic");
    check(SECRET_TARGET, HERE, HERE, "", "none");
    check(SECRET_SOURCE, CLOUD, HERE, "", "none");
    set_variable("FERRY_SOURCE_AUTH", "basic");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Basic dXNlcjpwYXNzd29yZA==", "basic");
    set_variable("FERRY_SOURCE_PASSWORD", "pass:word ");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Basic dXNlcjpwYXNzOndvcmQg", "basic");
    unsetenv("FERRY_SOURCE_PASSWORD");
    set_variable("FERRY_SOURCE_PASSWORD_FILE", "password");
    temp_dir_write_text("password", "password\n");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Basic dXNlcjpwYXNzd29yZA==", "basic");
}

static void a_login_that_could_mean_two_things_is_refused(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_USER", "user");
    check_refused("FERRY_SOURCE_USER is set without FERRY_SOURCE_PASSWORD or "
                  "FERRY_SOURCE_PASSWORD_FILE");
    set_variable("FERRY_SOURCE_PASSWORD", "hunter2");
    set_variable("FERRY_SOURCE_PASSWORD_FILE", "password");
    check_refused("FERRY_SOURCE_PASSWORD and FERRY_SOURCE_PASSWORD_FILE are both set: unset one");
    set_variable("FERRY_SOURCE_PASSWORD", "");
    temp_dir_write_text("password", "\n");
    unsetenv("FERRY_SOURCE_PASSWORD");
    check_refused("FERRY_SOURCE_PASSWORD_FILE: password is empty");
    unsetenv("FERRY_SOURCE_PASSWORD_FILE");
    set_variable("FERRY_SOURCE_PASSWORD", "hunter2\n");
    check_refused("FERRY_SOURCE_PASSWORD holds a line break or another control character");
    set_variable("FERRY_SOURCE_PASSWORD", "hunter2");
    set_variable("FERRY_SOURCE_AUTH", "bearer");
    check_refused("FERRY_SOURCE_USER is set, but FERRY_SOURCE_AUTH is not basic: change one");
    unsetenv("FERRY_SOURCE_AUTH");
    set_variable("FERRY_SOURCE_USER", "us:er");
    check_refused("FERRY_SOURCE_USER holds a colon: no user name has one");
    set_variable("FERRY_SOURCE_USER", "user");
    set_variable("FERRY_SOURCE_TOKEN", "hunter2");
    check_refused("FERRY_SOURCE_TOKEN and FERRY_SOURCE_USER are both set: unset one");
    unsetenv("FERRY_SOURCE_TOKEN");
    unsetenv("FERRY_SOURCE_USER");
    check_refused("FERRY_SOURCE_PASSWORD is set without FERRY_SOURCE_USER");
}

static void an_unknown_style_is_refused_without_repeating_it(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN", "a");
    set_variable("FERRY_SOURCE_AUTH", "hunter2");
    check_refused("FERRY_SOURCE_AUTH must be none, x-chroma-token, bearer or basic");
}

static void a_token_may_stand_in_a_file(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN_FILE", "token");
    temp_dir_write_text("token", "from-file\n");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: from-file", "x-chroma-token");
    temp_dir_write_text("token", "replaced\r\n\n");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: replaced", "x-chroma-token");
    temp_dir_write_text("token", "bare");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: bare", "x-chroma-token");
}

static void a_file_that_holds_no_token_is_refused(void **state)
{
    static char large[8193];
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN_FILE", "none");
    check_refused("FERRY_SOURCE_TOKEN_FILE: there is no file none");
    set_variable("FERRY_SOURCE_TOKEN_FILE", ".");
    check_refused("FERRY_SOURCE_TOKEN_FILE: there is no file .");
    set_variable("FERRY_SOURCE_TOKEN_FILE", "token");
    temp_dir_write_text("token", "\n");
    check_refused("FERRY_SOURCE_TOKEN_FILE: token is empty");
    temp_dir_write_text("token", "hunter2\nhunter2\n");
    check_refused("FERRY_SOURCE_TOKEN_FILE holds a line break or another control character");
    temp_dir_write("token", "hunter2\0x", 9);
    check_refused("FERRY_SOURCE_TOKEN_FILE holds a line break or another control character");
    temp_dir_write_text("token", "hunter2 \n");
    check_refused("FERRY_SOURCE_TOKEN_FILE holds a space or a character beyond ASCII");
    memset(large, 'x', sizeof(large));
    temp_dir_write("token", large, sizeof(large));
    check_refused("FERRY_SOURCE_TOKEN_FILE: token is longer than 8192 bytes");
}

static void a_token_that_could_break_the_header_is_refused(void **state)
{
    static const char *const tokens[] = {"hunter2\r\nX-Evil: 1", "hunter2\n", "\thunter2",
                                         "hunter2\x7f"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        set_variable("FERRY_SOURCE_TOKEN", tokens[i]);
        set_variable("FERRY_SOURCE_AUTH", "x-chroma-token");
        check_refused("FERRY_SOURCE_TOKEN holds a line break or another control character");
        set_variable("FERRY_SOURCE_AUTH", "basic");
        check_refused("FERRY_SOURCE_TOKEN holds a line break or another control character");
    }
    set_variable("FERRY_SOURCE_AUTH", "bearer");
    set_variable("FERRY_SOURCE_TOKEN", "hunter2 hunter2");
    check_refused("FERRY_SOURCE_TOKEN holds a space or a character beyond ASCII");
    set_variable("FERRY_SOURCE_TOKEN", "hunter2\xc3\xbc");
    check_refused("FERRY_SOURCE_TOKEN holds a space or a character beyond ASCII");
    set_variable("FERRY_SOURCE_AUTH", "basic");
    set_variable("FERRY_SOURCE_TOKEN", "hunter2");
    check_refused("FERRY_SOURCE_TOKEN must read user:password for basic authentication");
}

static void a_header_fits_or_is_refused(void **state)
{
    char token[520];
    struct found found;
    (void)state;
    memset(token, 'x', sizeof(token));
    token[511 - strlen("X-Chroma-Token: ")] = '\0';
    set_variable("FERRY_SOURCE_TOKEN", token);
    assert_true(find(SECRET_SOURCE, HERE, HERE, &found));
    assert_int_equal(strlen(found.header), 511);
    token[511 - strlen("X-Chroma-Token: ")] = 'x';
    token[512 - strlen("X-Chroma-Token: ")] = '\0';
    set_variable("FERRY_SOURCE_TOKEN", token);
    check_refused("FERRY_SOURCE_TOKEN is too long: its header line may have 511 bytes");
}

static void a_token_beyond_the_ceiling_is_refused(void **state)
{
    char token[9000];
    (void)state;
    memset(token, 'x', sizeof(token));
    token[sizeof(token) - 1] = '\0';
    set_variable("FERRY_SOURCE_TOKEN", token);
    check_refused("FERRY_SOURCE_TOKEN is longer than 8192 bytes");
    token[8192] = '\0';
    token[0] = ':';
    set_variable("FERRY_SOURCE_TOKEN", token);
    check_refused("FERRY_SOURCE_TOKEN is too long: its header line may have 511 bytes");
    set_variable("FERRY_SOURCE_AUTH", "basic");
    check_refused("FERRY_SOURCE_TOKEN is too long: its header line may have 511 bytes");
}

static void token_and_file_together_are_refused(void **state)
{
    (void)state;
    set_variable("FERRY_SOURCE_TOKEN", "hunter2");
    set_variable("FERRY_SOURCE_TOKEN_FILE", "token");
    check_refused("FERRY_SOURCE_TOKEN and FERRY_SOURCE_TOKEN_FILE are both set: unset one");
    set_variable("FERRY_SOURCE_TOKEN_FILE", "");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: hunter2", "x-chroma-token");
}

static void secrets_may_stand_in_the_env_file(void **state)
{
    (void)state;
    temp_dir_write_text(".env", "FERRY_SOURCE_TOKEN='user:pass word'\nFERRY_SOURCE_AUTH=basic\n");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Basic dXNlcjpwYXNzIHdvcmQ=", "basic");
}

static void the_chroma_key_goes_to_chroma_cloud(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    check(SECRET_SOURCE, CLOUD, NULL, "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_TARGET, CLOUD, CLOUD, "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_TARGET, HERE, HERE, "", "none");
    check(SECRET_TARGET, "http://api.trychroma.com:443", NULL, "", "none");
    check(SECRET_TARGET, "https://api.trychroma.com:8000", NULL, "", "none");
    check(SECRET_TARGET, "https://api.trychroma.com.example:443", NULL, "", "none");
}

static const struct {
    const char *host;
    const char *origin;
} hosts[] = {
    {"https://chroma.example", "https://chroma.example:443"},
    {"HTTPS://Chroma.Example/", "https://chroma.example:443"},
    {"http://chroma.example", "http://chroma.example:80"},
    {"http://127.0.0.1:8000/prefix", "http://127.0.0.1:8000"},
    {"http://[::1]:8000", "http://[::1]:8000"},
    {"chroma.example", "https://chroma.example:443"},
    {"chroma.example:8443", "https://chroma.example:8443"},
    {"[::1]", "https://[::1]:443"},
    {"http://[2001:0db8::1]:8000", "http://[2001:db8::1]:8000"},
    {"HTTP://[2001:DB8:0:0:0:0:0:1]", "http://[2001:db8::1]:80"},
    {"https://[2001:db8:0::0:1]/prefix", "https://[2001:db8::1]:443"},
    {"http://[::ffff:1.2.3.4]:8000", "http://[::ffff:1.2.3.4]:8000"},
    {"http://[::FFFF:0102:0304]:8000", "http://[::ffff:1.2.3.4]:8000"},
    {"2001:0db8::1", "https://[2001:db8::1]:443"},
    {"0:0:0:0:0:0:0:1", "https://[::1]:443"},
    {"http://chroma.example:08000", "http://chroma.example:8000"},
};

static void the_chroma_key_goes_to_the_host_beside_it(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        set_variable("CHROMA_HOST", hosts[i].host);
        check(SECRET_TARGET, hosts[i].origin, NULL, "X-Chroma-Token: ck-1", "x-chroma-token");
        check(SECRET_TARGET, "http://elsewhere.example:80", NULL, "", "none");
        check(SECRET_TARGET, CLOUD, NULL, "X-Chroma-Token: ck-1", "x-chroma-token");
    }
}

/* CHROMA_HOST is the old server, and the key beside it is for Cloud: an old .env, and two flags. */
static void a_source_gets_the_chroma_key_only_where_it_is_cloud(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    set_variable("CHROMA_HOST", HERE);
    check(SECRET_SOURCE, HERE, HERE, "", "none");
    check(SECRET_SOURCE, HERE, NULL, "", "none");
    check(SECRET_SOURCE, CLOUD, CLOUD, "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_SOURCE, REGION, REGION, "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_TARGET, HERE, HERE, "X-Chroma-Token: ck-1", "x-chroma-token");
    set_variable("FERRY_SOURCE_CLOUD", "true");
    check(SECRET_SOURCE, HERE, HERE, "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_SOURCE, HERE, NULL, "", "none");  /* a ledger's address */
    check(SECRET_SOURCE, HERE, CLOUD, "", "none"); /* which was said of another one */
    check(SECRET_SOURCE, "http://other:80", "http://other:80", "", "none");
}

static void beside_another_target_the_chroma_key_goes_to_cloud_only(void **state)
{
    static const char *const strangers[] = {
        "http://europe-west1.gcp.trychroma.com:80",
        "https://europe-west1.gcp.trychroma.com:8443",
        "https://trychroma.com:443",
        "https://eu.nottrychroma.com:443",
        "https://europe-west1.gcp.trychroma.com:1443",
        "https://api.trychroma.com.evil.example:443",
    };
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    set_variable("CHROMA_HOST", HERE);
    set_variable("FERRY_TARGET_CLOUD", "true");
    check(SECRET_TARGET, HERE, CLOUD, "", "none");
    check(SECRET_TARGET, HERE, "http://other:80", "", "none");
    check(SECRET_TARGET, "http://other:80", "http://other:80", "", "none");
    check(SECRET_TARGET, CLOUD, "http://other:80", "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_TARGET, REGION, REGION, "X-Chroma-Token: ck-1", "x-chroma-token");
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        check(SECRET_TARGET, strangers[i], strangers[i], "", "none");
        check(SECRET_SOURCE, strangers[i], strangers[i], "", "none");
    }
}

/* What app takes for a server, net must ask under the same origin. */
static void a_host_is_read_as_the_http_layer_reads_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct http_address address;
        struct error err = {0};
        if (strstr(hosts[i].host, "://") != NULL) {
            assert_true(http_parse_address(hosts[i].host, &address, &err));
            assert_string_equal(address.origin, hosts[i].origin);
        }
    }
}

static void the_chroma_key_goes_nowhere_when_the_host_is_malformed(void **state)
{
    static const char *const malformed[] = {"http://", "/path",      "http://u:p@chroma.example",
                                            "[::1",    "http://:80", "http://[::1%eth0]:443",
                                            "::1%eth0"};
    static const char *const origins[] = {"http://chroma.example:80", "https://chroma.example:443",
                                          "http://:80", "https://[::1:443", "https://[::1]:443"};
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
        set_variable("CHROMA_HOST", malformed[i]);
        for (size_t j = 0; j < ARRAY_LEN(origins); j++) {
            check(SECRET_TARGET, origins[j], NULL, "", "none");
        }
    }
}

static void the_token_of_a_role_comes_before_the_chroma_key(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    set_variable("FERRY_TARGET_TOKEN", "mine");
    set_variable("FERRY_TARGET_AUTH", "bearer");
    check(SECRET_TARGET, CLOUD, CLOUD, "Authorization: Bearer mine", "bearer");
    check(SECRET_TARGET, CLOUD, HERE, "X-Chroma-Token: ck-1", "x-chroma-token");
    check(SECRET_SOURCE, CLOUD, CLOUD, "X-Chroma-Token: ck-1", "x-chroma-token");
}

static void the_credentials_of_an_own_server_go_there_only(void **state)
{
    static const struct {
        const char *custom, *header, *line, *style;
    } rows[] = {
        {"t-1", NULL, "Authorization: Bearer t-1", "bearer"},
        {"t-1", "Authorization", "Authorization: Bearer t-1", "bearer"},
        {"t-1", "AUTHORIZATION", "Authorization: Bearer t-1", "bearer"},
        {"t-1", "X-Chroma-Token", "X-Chroma-Token: t-1", "x-chroma-token"},
        {"t-1", "X_CHROMA_TOKEN", "X-Chroma-Token: t-1", "x-chroma-token"},
        {"user:pass word", NULL, "Authorization: Basic dXNlcjpwYXNzIHdvcmQ=", "basic"},
        {"a:b", "X-Chroma-Token", "X-Chroma-Token: a:b", "x-chroma-token"},
    };
    (void)state;
    set_variable("CHROMA_HOST", HERE);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_variable("CHROMA_CUSTOM_AUTH_CREDENTIALS", rows[i].custom);
        set_variable("CHROMA_AUTH_TOKEN_TRANSPORT_HEADER", rows[i].header);
        check(SECRET_TARGET, HERE, NULL, rows[i].line, rows[i].style);
        check(SECRET_SOURCE, HERE, HERE, rows[i].line, rows[i].style);
        check(SECRET_TARGET, CLOUD, CLOUD, "", "none");
        check(SECRET_TARGET, "http://elsewhere.example:80", NULL, "", "none");
    }
}

/* Beside Chroma Cloud the server of one's own is the source: each gets its own, and none the other's. */
static void cloud_gets_the_key_and_the_source_beside_it_the_token(void **state)
{
    (void)state;
    set_variable("CHROMA_API_KEY", "ck-1");
    set_variable("CHROMA_TENANT", "t");
    set_variable("CHROMA_HOST", HERE);
    set_variable("CHROMA_AUTH_TOKEN", "own");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Bearer own", "bearer");
    check(SECRET_TARGET, CLOUD, CLOUD, "X-Chroma-Token: ck-1", "x-chroma-token");
    set_variable("CHROMA_ENDPOINT", "https://cloud.example");
    check(SECRET_TARGET, "https://cloud.example:443", NULL, "X-Chroma-Token: ck-1",
          "x-chroma-token");
    check(SECRET_SOURCE, HERE, HERE, "Authorization: Bearer own", "bearer");
}

/* Whatever the host of Cloud is called, and whatever the variables beside the credentials make of it. */
static void the_credentials_of_an_own_server_never_go_to_cloud(void **state)
{
    static const char *const clouds_hosts[] = {
        "api.trychroma.com",
        "https://API.trychroma.com/",
        "europe-west1.gcp.trychroma.com",
        "https://europe-west1.gcp.trychroma.com",
        "https://europe-west1.gcp.trychroma.com:443",
        "http://europe-west1.gcp.trychroma.com:8000",
    };
    static const char *const origins[] = {CLOUD, REGION, "https://api.trychroma.com.:443",
                                          "http://europe-west1.gcp.trychroma.com:8000",
                                          "http://europe-west1.gcp.trychroma.com:80"};
    static const char *const types[] = {NULL, "cloud", "http"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(clouds_hosts) * ARRAY_LEN(types); i++) {
        set_variable("CHROMA_HOST", clouds_hosts[i % ARRAY_LEN(clouds_hosts)]);
        set_variable("CHROMA_CLIENT_TYPE", types[i / ARRAY_LEN(clouds_hosts)]);
        for (size_t j = 0; j < ARRAY_LEN(origins); j++) {
            set_variable("CHROMA_AUTH_TOKEN", "own");
            check(SECRET_TARGET, origins[j], origins[j], "", "none");
            check(SECRET_SOURCE, origins[j], origins[j], "", "none");
            set_variable("CHROMA_AUTH_TOKEN", NULL);
            set_variable("CHROMA_CUSTOM_AUTH_CREDENTIALS", "user:password");
            check(SECRET_TARGET, origins[j], origins[j], "", "none");
            set_variable("CHROMA_CUSTOM_AUTH_CREDENTIALS", NULL);
        }
    }
    set_variable("CHROMA_CLIENT_TYPE", NULL);
    set_variable("CHROMA_HOST", REGION);
    set_variable("CHROMA_API_KEY", "ck-1");
    set_variable("CHROMA_TENANT", "t");
    set_variable("CHROMA_AUTH_TOKEN", "own");
    check(SECRET_TARGET, REGION, REGION, "X-Chroma-Token: ck-1", "x-chroma-token");
    set_variable("CHROMA_HOST", "https://cloud.example");
    set_variable("CHROMA_ENDPOINT", "https://cloud.example");
    set_variable("CHROMA_CLIENT_TYPE", "cloud");
    check(SECRET_TARGET, "https://cloud.example:443", NULL, "X-Chroma-Token: ck-1",
          "x-chroma-token");
}

static void an_ipv6_host_in_another_spelling_is_the_same(void **state)
{
    static const char *const spellings[] = {"2001:0db8::1", "[2001:DB8:0::1]",
                                            "http://[2001:db8:0:0:0:0:0:1]:8000"};
    (void)state;
    set_variable("CHROMA_AUTH_TOKEN", "own");
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        set_variable("CHROMA_HOST", spellings[i]);
        check(SECRET_TARGET, "http://[2001:db8::1]:8000", "http://[2001:db8::1]:8000",
              "Authorization: Bearer own", "bearer");
        check(SECRET_TARGET, "http://[2001:db8::2]:8000", NULL, "", "none");
    }
}

static void credentials_without_a_server_go_nowhere(void **state)
{
    (void)state;
    set_variable("CHROMA_AUTH_TOKEN", "own");
    check(SECRET_TARGET, HERE, HERE, "", "none");
    check(SECRET_TARGET, "http://localhost:8000", NULL, "", "none");
    set_variable("CHROMA_HOST", HERE);
    set_variable("CHROMA_CLIENT_TYPE", "ephemeral");
    check(SECRET_TARGET, HERE, HERE, "", "none");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, temp_dir_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_any_variable_there_is_no_secret),
        TEST(each_role_has_its_own_token),
        TEST(a_token_goes_to_its_own_origin_only),
        TEST(a_secret_for_another_server_is_not_even_looked_at),
        TEST(styles_decide_the_header),
        TEST(none_sends_nothing_whatever_else_is_set),
        TEST(user_and_password_mean_basic),
        TEST(a_login_that_could_mean_two_things_is_refused),
        TEST(an_unknown_style_is_refused_without_repeating_it),
        TEST(a_token_may_stand_in_a_file),
        TEST(a_file_that_holds_no_token_is_refused),
        TEST(a_token_that_could_break_the_header_is_refused),
        TEST(a_header_fits_or_is_refused),
        TEST(a_token_beyond_the_ceiling_is_refused),
        TEST(token_and_file_together_are_refused),
        TEST(secrets_may_stand_in_the_env_file),
        TEST(the_chroma_key_goes_to_chroma_cloud),
        TEST(the_chroma_key_goes_to_the_host_beside_it),
        TEST(a_source_gets_the_chroma_key_only_where_it_is_cloud),
        TEST(beside_another_target_the_chroma_key_goes_to_cloud_only),
        TEST(a_host_is_read_as_the_http_layer_reads_addresses),
        TEST(the_chroma_key_goes_nowhere_when_the_host_is_malformed),
        TEST(the_token_of_a_role_comes_before_the_chroma_key),
        TEST(the_credentials_of_an_own_server_go_there_only),
        TEST(cloud_gets_the_key_and_the_source_beside_it_the_token),
        TEST(the_credentials_of_an_own_server_never_go_to_cloud),
        TEST(an_ipv6_host_in_another_spelling_is_the_same),
        TEST(credentials_without_a_server_go_nowhere),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
