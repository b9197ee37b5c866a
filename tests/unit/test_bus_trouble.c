/* What the client library's statistics tell of a broker that is connected and does not answer, and its complaints of
 * certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bus/client.h"

#define NODE(name, number, state, waiting, idle)                                                   \
    "\"" name "\": { \"name\":\"" name "\", \"nodeid\":" number                                    \
    ", \"nodename\":\"127.0.0.1:29092\", \"source\":\"learned\", \"state\":\"" state               \
    "\", \"stateage\":9057234, \"outbuf_cnt\":0, \"outbuf_msg_cnt\":0, \"waitresp_cnt\":" waiting  \
    ", \"waitresp_msg_cnt\":0, \"tx\":320, \"txidle\":16888, \"req_timeouts\":0, \"rx\":320, "     \
    "\"rxpartial\":0, \"rxidle\":" idle ", \"toppars\":{ } } "

#define STATISTICS(nodes)                                                                          \
    "{ \"name\": \"rdkafka#consumer-1\", \"ts\":5016483227792, \"brokers\":{ " nodes               \
    "}, \"topics\":{} }"

static bool is_silent(const char *statistics, int64_t *ms)
{
    char who[64] = "";
    bool found = trouble_find_silence(statistics, who, sizeof who, ms);

    if (found) {
        assert_string_equal(who, "127.0.0.1:29092");
    }
    return found;
}

static void who_owes_an_answer_and_says_nothing_is_silent(void **state)
{
    int64_t ms = 0;

    (void)state;
    assert_true(is_silent(
        STATISTICS(NODE("127.0.0.1:29092/bootstrap", "-1", "UP", "0",
                        "99000000") "," NODE("127.0.0.1:29092/1", "1", "UP", "1", "12345678")),
        &ms));
    assert_int_equal(ms, 12345);
}

static void the_others_are_not(void **state)
{
    static const char *const cases[] = {
        STATISTICS(""),
        STATISTICS(NODE("127.0.0.1:29092/1", "1", "UP", "1", "9000000")),    /* not yet */
        STATISTICS(NODE("127.0.0.1:29092/1", "1", "UP", "0", "99000000")),   /* was asked nothing */
        STATISTICS(NODE("127.0.0.1:29092/1", "1", "DOWN", "1", "99000000")), /* is told elsewhere */
        STATISTICS(NODE("127.0.0.1:29092/1", "1", "UP", "1", "-1")),
        STATISTICS(NODE("GroupCoordinator", "1", "UP", "1", "99000000")), /* waits for the others */
        STATISTICS(NODE("127.0.0.1:29092/1", "1", "DOWN", "3",
                        "99000000") "," NODE("127.0.0.1:29092/2", "2", "UP", "1", "100")),
        "\"nodename\":\"127.0.0.1:29092",
        "\"nodename\":\"a\" \"state\":\"UP\"",
        "",
    };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(is_silent(cases[i], &ms));
    }
}

static void silence_is_told_and_ends_with_an_answer(void **state)
{
    static const char silent[] = STATISTICS(NODE("127.0.0.1:29092/1", "1", "UP", "1", "12345678"));
    static const char fine[] = STATISTICS(NODE("127.0.0.1:29092/1", "1", "UP", "1", "100"));
    struct trouble trouble = {0};

    (void)state;
    trouble_review(&trouble, silent);
    assert_string_equal(trouble.last.message, "127.0.0.1:29092: no answer for 12 s");
    trouble_review(&trouble, fine);
    assert_int_equal(trouble.last.kind, ERROR_NONE);
    trouble_review(&trouble, silent);
    trouble_note(&trouble, RD_KAFKA_RESP_ERR__TRANSPORT,
                 "127.0.0.1:29092/1: 1 request(s) timed out: disconnect (after 60ms in state UP)");
    trouble_review(&trouble, STATISTICS(NODE("127.0.0.1:29092/1", "1", "DOWN", "0", "-1")));
    assert_string_equal(trouble.last.message,
                        "127.0.0.1:29092: 1 request(s) timed out: disconnect");
}

static void a_certificate_that_is_refused_is_nothing_that_passes_by_itself(void **state)
{
    static const struct {
        const char *reason, *told;
        enum error_kind kind;
    } rows[] = {
        {"ssl://127.0.0.1:9093/bootstrap: SSL handshake failed: error:0A000086:SSL "
         "routines::certificate verify failed: broker certificate could not be verified, verify "
         "that ssl.ca.location is correctly configured (after 5ms in state SSL_HANDSHAKE)",
         "ssl://127.0.0.1:9093: certificate verify failed", ERROR_AUTH},
        {"ssl://127.0.0.1:9093/1: Receive failed: error:0A000412:SSL routines::sslv3 alert bad "
         "certificate: SSL alert number 42 (after 3ms in state APIVERSION_QUERY)",
         "ssl://127.0.0.1:9093: the broker refused our client certificate "
         "(kafka.ssl.certificate.location), or asks for one",
         ERROR_AUTH},
        {"ssl://127.0.0.1:9093/1: Receive failed: error:0A000416:SSL routines::sslv3 alert "
         "certificate unknown: SSL alert number 46",
         "ssl://127.0.0.1:9093: the broker refused our client certificate "
         "(kafka.ssl.certificate.location)",
         ERROR_AUTH},
        {"ssl://127.0.0.1:9093/1: SSL handshake failed: Disconnected: connecting to a PLAINTEXT "
         "broker listener? (after 1ms in state SSL_HANDSHAKE)",
         "ssl://127.0.0.1:9093: SSL handshake failed: Disconnected: connecting to a PLAINTEXT "
         "broker listener?",
         ERROR_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trouble trouble = {0};
        trouble_note(&trouble, RD_KAFKA_RESP_ERR__SSL, rows[i].reason);
        assert_string_equal(trouble.last.message, rows[i].told);
        assert_int_equal(trouble.last.kind, rows[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_owes_an_answer_and_says_nothing_is_silent),
        cmocka_unit_test(the_others_are_not),
        cmocka_unit_test(silence_is_told_and_ends_with_an_answer),
        cmocka_unit_test(a_certificate_that_is_refused_is_nothing_that_passes_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
