/* Which proxy is asked for which address, and that a password in its address is in no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/http.h"
#include "net/http_proxy.h"

static int enter(void **state)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unsetenv(names[i]);
    }
    return 0;
}

static void check(const char *url, const char *variable, const char *name)
{
    struct http_proxy proxy;
    struct error err = {0};
    if (!http_proxy_find(url, &proxy, &err)) {
        fail_msg("%s", err.message);
    }
    if (variable == NULL) {
        assert_null(proxy.variable);
        return;
    }
    assert_non_null(proxy.variable);
    assert_string_equal(proxy.variable, variable);
    assert_string_equal(proxy.name, name);
}

static void the_variable_goes_by_the_scheme(void **state)
{
    (void)state;
    check("http://a", NULL, NULL);
    setenv("HTTP_PROXY", "http://p:1", 1); /* of a request's header, perhaps */
    check("http://a", NULL, NULL);
    setenv("ALL_PROXY", "socks5h://p:4", 1);
    check("http://a", "ALL_PROXY", "p:4");
    check("https://a", "ALL_PROXY", "p:4");
    setenv("http_proxy", "p:2", 1);
    setenv("HTTPS_PROXY", "http://p:3", 1);
    check("http://a/x", "http_proxy", "p:2");
    check("https://a/x", "HTTPS_PROXY", "p:3");
    setenv("https_proxy", "https://q", 1);
    check("https://a", "https_proxy", "q:443");
    setenv("https_proxy", "q", 1);
    check("https://a", "https_proxy", "q:1080");
    setenv("https_proxy", "", 1);
    check("https://a", "HTTPS_PROXY", "p:3");
    setenv("https_proxy", "http://[::1]:8", 1);
    check("https://a", "https_proxy", "[::1]:8");
}

static void this_machine_is_asked_directly(void **state)
{
    (void)state;
    setenv("ALL_PROXY", "http://p:1", 1);
    check("http://localhost:8000/x", NULL, NULL);
    check("https://LocalHost", NULL, NULL);
    check("http://127.0.0.1:8000", NULL, NULL);
    check("http://127.1.2.3", NULL, NULL);
    check("http://[::1]:8000", NULL, NULL);
    check("http://[::ffff:127.0.0.1]:8000", NULL, NULL);
    check("http://127.example.org", "ALL_PROXY", "p:1");
    check("http://localhost.example.org", "ALL_PROXY", "p:1");
    check("http://localhosts", "ALL_PROXY", "p:1");
    check("http://[::2]:1", "ALL_PROXY", "p:1");
}

static void a_password_is_never_shown(void **state)
{
    static const char *const wrong[] = {
        "ftp://me:hunter2@p:1",
        "http://me:hunter2@p:port",
        "me:hunter2 @p",
        "http://me:hunter2@p:99999",
        "http://",
        "http://me:hunter2@p\r\nX: y",
    };
    struct http_proxy proxy;
    (void)state;
    setenv("https_proxy", "http://me:hunter2@p:1", 1);
    check("https://a", "https_proxy", "p:1");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct error err = {0};
        setenv("https_proxy", wrong[i], 1);
        if (http_proxy_find("https://a", &proxy, &err)) {
            fail_msg("taken: %s", wrong[i]);
        }
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_non_null(strstr(err.message, "https_proxy is set, but is no address of a proxy"));
        assert_null(strstr(err.message, "hunter2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_variable_goes_by_the_scheme, enter),
        cmocka_unit_test_setup(this_machine_is_asked_directly, enter),
        cmocka_unit_test_setup(a_password_is_never_shown, enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
