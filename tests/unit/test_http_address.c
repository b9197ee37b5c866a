/* Addresses as people type them, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "net/http.h"

static void good_addresses_get_an_origin_and_a_base(void **state)
{
    static const struct {
        const char *url, *origin, *path;
    } rows[] = {
        {"http://localhost:8000", "http://localhost:8000", ""},
        {"http://localhost:8000/", "http://localhost:8000", ""},
        {"http://localhost:8000///", "http://localhost:8000", ""},
        {"HTTP://LocalHost", "http://localhost:80", ""},
        {"https://api.trychroma.com", "https://api.trychroma.com:443", ""},
        {"https://API.trychroma.COM:443", "https://api.trychroma.com:443", ""},
        {"https://a-b.c_d.example:8443/chroma/V2x/", "https://a-b.c_d.example:8443", "/chroma/V2x"},
        {"http://127.0.0.1:1", "http://127.0.0.1:1", ""},
        {"http://127.0.0.1:65535/a%20b", "http://127.0.0.1:65535", "/a%20b"},
        {"http://[::1]:8000", "http://[::1]:8000", ""},
        {"http://[0:0:0:0:0:0:0:1]", "http://[::1]:80", ""},
        {"http://[2001:DB8::A]/x", "http://[2001:db8::a]:80", "/x"},
        {"http://[::ffff:127.0.0.1]:81", "http://[::ffff:127.0.0.1]:81", ""},
        {"http://host.example./x", "http://host.example.:80", "/x"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_address address;
        struct error err = {0};
        char base[600];

        if (!http_parse_address(rows[i].url, &address, &err)) {
            fail_msg("%s: %s", rows[i].url, err.message);
        }
        assert_string_equal(address.origin, rows[i].origin);
        snprintf(base, sizeof base, "%s%s", rows[i].origin, rows[i].path);
        assert_string_equal(address.base, base);
    }
}

static void bad_addresses_are_refused_by_name(void **state)
{
    static const struct {
        const char *url, *says;
    } rows[] = {
        {"", "\"\" has no scheme; write http:// or https:// first"},
        {"localhost:8000", "\"localhost:8000\" has no scheme; write http:// or https:// first"},
        {"http:/localhost", "has no scheme"},
        {"ftp://localhost", "\"ftp://localhost\": only http:// and https:// are known"},
        {"file:///etc/passwd", "only http:// and https://"},
        {"http://", "names no host"},
        {"http://:8000", "names no host"},
        {"http:///x", "names no host"},
        {"http://a b", "a space"},
        {"http://a\nb", "a space or a character"},
        {"http://a\\b", "a character that no URL has"},
        {"http://b\xc3\xbc.example", "a character that no URL has"},
        {"http://a$b", "\"a$b\" has a character that no host name has"},
        {"http://a%41", "no host name has"},
        {"http://.a", "\".a\" is not a host name"},
        {"http://a..b", "\"a..b\" is not a host name"},
        {"http://-a", "is not a host name"},
        {"http://host:", "port is not a number from 1 to 65535"},
        {"http://host:0", "port is not"},
        {"http://host:65536", "port is not"},
        {"http://host:99999999999999999999", "port is not"},
        {"http://host:80a", "port is not"},
        {"http://host:+80", "port is not"},
        {"http://host:80:81", "port is not"},
        {"http://[::1", "no closing bracket"},
        {"http://[::1]x", "port is not"},
        {"http://[1.2.3.4]", "hold no IPv6 address"},
        {"http://[fe80::1%25eth0]", "hold no IPv6 address"},
        {"http://[]", "hold no IPv6 address"},
        {"http://host/a?b=c", "query or fragment"},
        {"http://host/#x", "query or fragment"},
        {"http://host//a", "empty or a dot segment"},
        {"http://host/a/../b", "empty or a dot segment"},
        {"http://host/.", "empty or a dot segment"},
        {"http://host/..", "empty or a dot segment"},
        {"http://host/<a>", "must be percent-encoded"},
        {"http://host:8000/api/v2", "give the server's URL without \"/api/v2\""},
        {"http://host:8000/x/api/v1/", "without \"/api/v1\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_address address;
        struct error err = {0};

        if (http_parse_address(rows[i].url, &address, &err)) {
            fail_msg("%s was taken as %s", rows[i].url, address.base);
        }
        assert_int_equal(err.kind, ERROR_USAGE);
        if (!strstr(err.message, rows[i].says)) {
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].url, err.message, rows[i].says);
        }
        assert_string_equal(address.origin, "");
        assert_string_equal(address.base, "");
    }
}

static void a_password_in_an_address_is_refused_and_not_shown(void **state)
{
    static const char *const urls[] = {"http://me:hunter2@host:8000", "me:hunter2@host",
                                       "http://host/?key=hunter2", "ftp://x:hunter2@y",
                                       "http://host/#hunter2"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct http_address address;
        struct error err = {0};

        assert_false(http_parse_address(urls[i], &address, &err));
        assert_null(strstr(err.message, "hunter2"));
    }
}

static void long_parts_are_refused(void **state)
{
    char url[2048] = "http://";
    struct http_address address;
    struct error err = {0};

    (void)state;
    memset(url + 7, 'a', 254);
    assert_false(http_parse_address(url, &address, &err));
    assert_non_null(strstr(err.message, "longer than 253"));
    url[7 + 253] = '\0';
    error_clear(&err);
    assert_true(http_parse_address(url, &address, &err));
    assert_int_equal(strlen(address.origin), 7 + 253 + 3);
    memset(url + 7 + 253, '/', 1);
    memset(url + 7 + 254, 'b', 400);
    assert_false(http_parse_address(url, &address, &err));
    assert_non_null(strstr(err.message, "path is longer"));
}

static void a_secret_is_in_clear_on_the_way_to_another_machine(void **state)
{
    static const struct {
        const char *url;
        bool is_in_clear;
    } rows[] = {
        {"http://localhost:8000", false},     {"http://127.0.0.1", false},
        {"http://127.1.2.3:8000", false},     {"http://[::1]:8000", false},
        {"http://[::ffff:127.0.0.1]", false}, {"https://chroma.example", false},
        {"http://chroma.example:8000", true}, {"http://10.0.0.1:8000", true},
        {"http://[2001:db8::1]", true},       {"http://localhost.example", true},
        {"http://127.example.org", true},     {"http://127.0.0.1.example.org", true},
        {"http://128.0.0.1", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_address address;
        struct error err = {0};

        assert_true(http_parse_address(rows[i].url, &address, &err));
        if (http_is_in_clear(&address) != rows[i].is_in_clear) {
            fail_msg("%s", rows[i].url);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_in_clear_on_the_way_to_another_machine),
        cmocka_unit_test(good_addresses_get_an_origin_and_a_base),
        cmocka_unit_test(bad_addresses_are_refused_by_name),
        cmocka_unit_test(a_password_in_an_address_is_refused_and_not_shown),
        cmocka_unit_test(long_parts_are_refused),
    };

    return cmocka_run_group_tests_name("http_address", tests, NULL, NULL);
}
