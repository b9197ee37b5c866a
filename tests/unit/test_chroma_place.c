/* Whose a key is: tenant and databases out of an identity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "net/chroma.h"

struct row {
    const char *body;
    const char *tenant, *database, *databases;
    size_t count;
    bool is_for_all;
};

static void an_identity_names_tenant_and_database(void **state)
{
    static const struct row rows[] = {
        {"{\"user_id\":\"u\",\"tenant\":\"0b6f\",\"databases\":[\"docs\"]}", "0b6f", "docs", "docs",
         1, false},
        {"{\"tenant\":\"0b6f\",\"databases\":[\"a\",\"b\",\"c\"]}", "0b6f", "", "a, b, c", 3,
         false},
        {"{\"tenant\":\"0b6f\",\"databases\":[]}", "0b6f", "", "", 0, false},
        {"{\"tenant\":\"0b6f\"}", "0b6f", "", "", 0, false},
        {"{\"tenant\":\"0b6f\",\"databases\":[\"*\"]}", "0b6f", "", "*", 1, true},
        {"{\"tenant\":\"*\",\"databases\":[\"*\"]}", "", "", "*", 1, true},
        {"{\"tenant\":null,\"databases\":null}", "", "", "", 0, false},
        {"[]", "", "", "", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma_identity identity;
        struct error err = {0};
        assert_true(chroma_read_identity(span_from_str(rows[i].body), &identity, &err));
        assert_string_equal(identity.tenant, rows[i].tenant);
        assert_string_equal(identity.database, rows[i].database);
        assert_string_equal(identity.databases, rows[i].databases);
        assert_int_equal(identity.database_count, rows[i].count);
        assert_int_equal(identity.is_for_all, rows[i].is_for_all);
    }
}

/* chroma-legacy: 0.6.3 is the first; an unknown 1.x is asked. */
static void old_servers_are_not_asked_for_their_databases(void **state)
{
    static const struct {
        enum chroma_api api;
        struct chroma_version version;
    } rows[] = {
        {CHROMA_API_V1, {4024, "0.4.24"}},
        {CHROMA_API_V1, {5015, "0.5.15"}},
        {CHROMA_API_V2, {5023, "0.5.23"}},
        {CHROMA_API_V2, {6002, "0.6.2"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chroma chroma = {.role = "source", .api = rows[i].api, .version = rows[i].version};
        struct error err = {0};
        assert_null(chroma_list_databases(&chroma, 0, 100, NULL, NULL, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_non_null(strstr(err.message, rows[i].version.text));
        assert_non_null(strstr(err.message, "does not list its databases"));
    }
}

static void many_databases_are_told_in_one_line(void **state)
{
    char body[4096];
    size_t len = (size_t)snprintf(body, sizeof body, "{\"tenant\":\"t\",\"databases\":[");
    struct chroma_identity identity;
    struct error err = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        len += (size_t)snprintf(body + len, sizeof body - len, "%s\"database-%02d\"",
                                i > 0 ? "," : "", i);
    }
    snprintf(body + len, sizeof body - len, "]}");
    assert_true(chroma_read_identity(span_from_str(body), &identity, &err));
    assert_int_equal(identity.database_count, 100);
    assert_non_null(strstr(identity.databases, "database-00, database-01"));
    assert_non_null(strstr(identity.databases, " more"));
}

static void what_is_no_identity_is_refused(void **state)
{
    struct chroma_identity identity;
    struct error err = {0};
    char body[600];
    char name[400];

    (void)state;
    assert_false(chroma_read_identity(SPAN_LITERAL("<html>"), &identity, &err));
    error_clear(&err);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(body, sizeof body, "{\"tenant\":\"%s\"}", name);
    assert_false(chroma_read_identity(span_from_str(body), &identity, &err));
    assert_int_equal(err.kind, ERROR_FORMAT);
    error_clear(&err);
    snprintf(body, sizeof body, "{\"tenant\":\"t\",\"databases\":[\"%s\"]}", name);
    assert_false(chroma_read_identity(span_from_str(body), &identity, &err));
    assert_int_equal(err.kind, ERROR_FORMAT);
}

static void a_server_may_be_said_to_be_cloud(void **state)
{
    struct chroma chroma = {.address = {.origin = "https://gateway.example:443"}};

    (void)state;
    assert_false(chroma_is_cloud(&chroma));
    chroma.is_cloud = true;
    assert_true(chroma_is_cloud(&chroma));
    assert_int_equal(chroma_index_kind_of(&chroma), CHROMA_INDEX_SPANN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_names_tenant_and_database),
        cmocka_unit_test(old_servers_are_not_asked_for_their_databases),
        cmocka_unit_test(many_databases_are_told_in_one_line),
        cmocka_unit_test(what_is_no_identity_is_refused),
        cmocka_unit_test(a_server_may_be_said_to_be_cloud),
    };

    return cmocka_run_group_tests_name("chroma_place", tests, NULL, NULL);
}
