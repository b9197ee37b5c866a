/* What people may set on the Kafka client: every class of refusal by name and reason, and that no message tells a secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "bus/bus.h"

#define HIDDEN "hunter2"

static bool set(struct bus_properties *properties, const char *name, const char *value,
                struct error *err)
{
    *err = (struct error){0};
    return bus_properties_set(properties, "HERE", name, value, err);
}

static void check_refused(bool may_be_insecure, const char *name, const char *value,
                          const char *words)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(may_be_insecure, &err);
    assert_non_null(properties);
    if (set(properties, name, value, &err)) {
        fail_msg("%s=%s was taken", name, value);
    }
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_ptr_equal(strstr(err.message, "HERE: "), err.message);
    if (strstr(err.message, name) == NULL || strstr(err.message, words) == NULL) {
        fail_msg("not named or no reason (%s): %s", words, err.message);
    }
    assert_null(strstr(err.message, HIDDEN));
    assert_null(bus_properties_insecure(properties));
    bus_properties_free(properties);
}

static void check_taken(bool may_be_insecure, const char *name, const char *value)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(may_be_insecure, &err);
    assert_non_null(properties);
    if (!set(properties, name, value, &err)) {
        fail_msg("%s", err.message);
    }
    bus_properties_free(properties);
}

static void what_companies_need_is_taken(void **state)
{
    static const char *const taken[][2] = {
        {"security.protocol", "SASL_SSL"},
        {"sasl.mechanism", "SCRAM-SHA-512"},
        {"sasl.username", "ferry"},
        {"sasl.password", HIDDEN},
        {"ssl.ca.location", "/etc/ssl/ca.pem"},
        {"ssl.certificate.location", "c.pem"},
        {"ssl.key.location", "k.pem"},
        {"ssl.key.password", HIDDEN},
        {"ssl.certificate.pem", "-----BEGIN\n-----END\n"},
        {"enable.ssl.certificate.verification", "true"},
        {"ssl.endpoint.identification.algorithm", "HTTPS"},
        {"ssl.cipher.suites", "ECDHE-RSA-AES256-GCM-SHA384"},
        {"sasl.kerberos.principal", "ferry/host.example@EXAMPLE.ORG"},
        {"sasl.kerberos.keytab", "/etc/ferry.keytab"},
        {"client.id", "ours"},
        {"client.rack", "eu-1"},
        {"linger.ms", "20"},
        {"socket.timeout.ms", "30000"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        check_taken(false, taken[i][0], taken[i][1]);
    }
}

static void what_keeps_the_promise_is_ours(void **state)
{
    static const char *const owned[][2] = {
        {"bootstrap.servers", "--brokers"},
        {"metadata.broker.list", "--brokers"},
        {"enable.idempotence", "idempotence"},
        {"acks", "all replicas"},
        {"request.required.acks", "all replicas"},
        {"retries", "idempotence"},
        {"max.in.flight.requests.per.connection", "idempotence"},
        {"transactional.id", "transactions"},
        {"delivery.timeout.ms", "outage"},
        {"message.timeout.ms", "outage"},
        {"produce.offset.report", "only proof"},
        {"enabled_events", "only proof"},
        {"message.max.bytes", "size of a batch"},
        {"allow.auto.create.topics", "run setup"},
        {"group.id", "belongs to the ledger"},
        {"group.instance.id", "belongs to the ledger"},
        {"partition.assignment.strategy", "come and go"},
        {"session.timeout.ms", "--lease"},
        {"max.poll.interval.ms", "--lease"},
        {"enable.auto.commit", "verified"},
        {"auto.commit.enable", "verified"},
        {"enable.auto.offset.store", "verified"},
        {"auto.offset.reset", "skipped"},
        {"offset.store.path", "verified"},
        {"check.crcs", "damaged"},
        {"test.mock.num.brokers", "keeps nothing"},
        {"sasl.jaas.config", "for Java"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owned); i++) {
        check_refused(false, owned[i][0], HIDDEN, owned[i][1]);
        check_refused(true, owned[i][0], HIDDEN, "is not to be set");
    }
}

static void what_runs_code_is_refused_whatever_is_asked_for(void **state)
{
    static const char *const code[][3] = {
        {"plugin.library.paths", "/tmp/evil.so", "loads libraries"},
        {"ssl.engine.location", "/tmp/evil.so", "loads a library"},
        {"ssl.providers", "default,evil", "loads libraries"},
        {"sasl.kerberos.kinit.cmd", "rm -rf /", "for a shell"},
        {"sasl.kerberos.principal", "ferry@X; touch /tmp/x", "a shell reads it"},
        {"sasl.kerberos.principal", "$(id)", "a shell reads it"},
        {"sasl.kerberos.keytab", "a\" || id \"", "a shell reads it"},
        {"sasl.kerberos.service.name", "`id`", "a shell reads it"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(code); i++) {
        check_refused(false, code[i][0], code[i][1], code[i][2]);
        check_refused(true, code[i][0], code[i][1], "runs code");
    }
}

static void a_check_is_switched_off_only_when_asked_for(void **state)
{
    static const char *const checks[][2] = {
        {"enable.ssl.certificate.verification", "false"},
        {"enable.ssl.certificate.verification", "F"},
        {"enable.ssl.certificate.verification", "0"},
        {"ssl.endpoint.identification.algorithm", "none"},
        {"enable.sasl.oauthbearer.unsecure.jwt", "true"},
        {"ssl.cipher.suites", "aNULL"},
        {"ssl.cipher.suites", "HIGH:@SECLEVEL=0"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct error err = {0};
        check_refused(false, checks[i][0], checks[i][1], "switches a check off");
        check_refused(false, checks[i][0], checks[i][1], "--kafka-insecure");
        struct bus_properties *properties = bus_properties_new(true, &err);
        assert_true(set(properties, checks[i][0], checks[i][1], &err));
        assert_string_equal(bus_properties_insecure(properties), checks[i][0]);
        bus_properties_free(properties);
    }
    check_refused(false, "ssl.endpoint.identification.algorithm", "", "any other host");
    check_refused(false, "enable.ssl.certificate.verification", "maybe", "not be verified");
}

static void a_check_that_is_switched_on_again_is_on(void **state)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(true, &err);
    (void)state;
    assert_true(set(properties, "enable.ssl.certificate.verification", "false", &err));
    assert_true(set(properties, "enable.ssl.certificate.verification", "true", &err));
    assert_null(bus_properties_insecure(properties));
    bus_properties_free(properties);
}

static void the_library_names_what_it_does_not_know(void **state)
{
    (void)state;
    check_refused(false, "sasl.passwrd", HIDDEN,
                  "No such configuration property: \"sasl.passwrd\"");
    check_refused(false, "security.protocol", "SASLSSL", "Invalid value \"SASLSSL\"");
    check_refused(false, "socket.timeout.ms", "soon", "Invalid value");
    check_refused(false, "ssl.truststore.location", "x.jks", "Java TrustStores are not supported");
    check_refused(false, "dr_msg_cb", "x", "must be set through");
}

static void control_characters_are_refused(void **state)
{
    (void)state;
    check_refused(false, "sasl.password", HIDDEN "\r", "control character");
    check_refused(false, "sasl.username", "a\nb", "control character");
    check_refused(false, "client.id", "a\tb", "control character");
}

static void all_together_are_tried(void **state)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(false, &err);
    (void)state;
    assert_true(bus_properties_check(properties, &err)); /* none at all */
    assert_true(set(properties, "security.protocol", "ssl", &err));
    assert_true(bus_properties_check(properties, &err));
    assert_true(set(properties, "ssl.ca.location", "/nowhere/ca.pem", &err));
    assert_false(bus_properties_check(properties, &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, "HERE: ssl.ca.location: cannot read /nowhere/ca.pem: No such "
                                     "file or directory");
    bus_properties_free(properties);
}

static void a_key_that_is_none_is_refused_without_a_word_of_it(void **state)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(false, &err);
    (void)state;
    assert_true(set(properties, "security.protocol", "ssl", &err));
    assert_true(set(properties, "ssl.key.pem", HIDDEN, &err));
    assert_false(bus_properties_check(properties, &err));
    assert_null(strstr(err.message, HIDDEN));
    bus_properties_free(properties);
}

static void there_is_a_ceiling(void **state)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(false, &err);
    (void)state;
    /* One name many times is one property. */
    for (size_t i = 0; i < 2 * LIMIT_BUS_PROPERTIES; i++) {
        assert_true(set(properties, "client.id", "x", &err));
    }
    bus_properties_free(properties);
}

static void they_reach_every_client(void **state)
{
    struct error err = {0};
    struct bus_properties *properties = bus_properties_new(false, &err);
    struct bus_settings settings = {
        .brokers = "127.0.0.1:1", .topic = "t", .group = "g", .properties = properties};
    struct topic_wishes wishes = {.partitions = 1, .message_bytes = 1, .retention_ms = -1};
    bool created;
    (void)state;
    assert_true(set(properties, "security.protocol", "ssl", &err));
    assert_true(set(properties, "ssl.ca.location", "/nowhere/ca.pem", &err));
    assert_null(publisher_open(&settings, NULL, NULL, &err));
    assert_non_null(strstr(err.message, "ssl.ca.location failed"));
    err = (struct error){0};
    assert_null(subscriber_open(&settings, NULL, NULL, NULL, &err));
    assert_non_null(strstr(err.message, "ssl.ca.location failed"));
    err = (struct error){0};
    assert_false(topic_ensure(&settings, &wishes, false, &created, 1000, &err));
    assert_non_null(strstr(err.message, "ssl.ca.location failed"));
    bus_properties_free(properties);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_companies_need_is_taken),
        cmocka_unit_test(what_keeps_the_promise_is_ours),
        cmocka_unit_test(what_runs_code_is_refused_whatever_is_asked_for),
        cmocka_unit_test(a_check_is_switched_off_only_when_asked_for),
        cmocka_unit_test(a_check_that_is_switched_on_again_is_on),
        cmocka_unit_test(the_library_names_what_it_does_not_know),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(all_together_are_tried),
        cmocka_unit_test(a_key_that_is_none_is_refused_without_a_word_of_it),
        cmocka_unit_test(there_is_a_ceiling),
        cmocka_unit_test(they_reach_every_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
