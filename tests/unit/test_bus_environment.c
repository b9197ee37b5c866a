/* Where properties of the Kafka client stand: the file, the variables, which wins, and that no refusal tells a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/bus_environment.h"
#include "support/option_fixture.h"

#define HIDDEN "hunter2"

static const char *const variables[] = {
    "FERRY_KAFKA_CONFIG",
    "FERRY_KAFKA_INSECURE",
    "FERRY_KAFKA_SECURITY_PROTOCOL",
    "FERRY_KAFKA_SSL_CA_LOCATION",
    "FERRY_KAFKA_CLIENT_ID",
    "FERRY_KAFKA_SASL_PASSWORD",
    "FERRY_KAFKA_ACKS",
    "FERRY_KAFKA_NONSENSE",
};

static int enter(void **state)
{
    unset_variables(variables, ARRAY_LEN(variables));
    setenv("FERRY_KAFKA_BROKERS", "127.0.0.1:1", 1);
    return temp_dir_enter(state);
}

static bool read_with(const char *flag, struct error *err)
{
    static const struct option_row rows[] = {
        {.name = "kafka-config", .env = "FERRY_KAFKA_CONFIG", .type = OPTION_TEXT},
        {.name = "kafka-insecure", .env = "FERRY_KAFKA_INSECURE", .type = OPTION_FLAG},
    };
    *err = (struct error){0};
    struct option_set *options = read_options(rows, ARRAY_LEN(rows), flag, NULL);
    struct bus_properties *properties = bus_environment_read(options, err);
    bool is_read = properties != NULL;
    bus_properties_free(properties);
    option_free(options);
    return is_read;
}

static void check_refused(const char *words)
{
    struct error err;
    assert_false(read_with("--kafka-config=kafka.conf", &err));
    assert_int_equal(err.kind, ERROR_USAGE);
    if (strstr(err.message, words) == NULL) {
        fail_msg("not said (%s): %s", words, err.message);
    }
    assert_null(strstr(err.message, HIDDEN));
    assert_null(strchr(err.message, '\n'));
}

static void check_read(void)
{
    struct error err;
    if (!read_with("--kafka-config=kafka.conf", &err)) {
        fail_msg("%s", err.message);
    }
}

static void nothing_set_is_nothing(void **state)
{
    struct error err;
    (void)state;
    assert_true(read_with(NULL, &err));
}

static void a_file_is_read(void **state)
{
    (void)state;
    temp_dir_write_text("kafka.conf",
                        "# ours\n! Java's\n\n  client.id = ours \r\nkafka.linger.ms=7\n"
                        "sasl.password=a=b#c \"'d\nsasl.username=x");
    check_read();
    temp_dir_write_text("kafka.conf", "\xef\xbb\xbf"
                                      "client.id=x\n");
    check_read();
    temp_dir_write_text("kafka.conf", "");
    check_read();
}

static void a_bad_line_is_named_without_its_text(void **state)
{
    (void)state;
    temp_dir_write_text("kafka.conf", "client.id=x\n" HIDDEN "\n");
    check_refused("kafka.conf, line 2: expected PROPERTY=VALUE");
    temp_dir_write_text("kafka.conf", "=" HIDDEN "\n");
    check_refused("line 1: expected");
    temp_dir_write_text("kafka.conf", "pass " HIDDEN "=\n");
    check_refused("line 1: what stands before = is no property");
    temp_dir_write("kafka.conf", "client.id=a\0b\n", 14);
    check_refused("line 1: a NUL byte");
    temp_dir_write_text("kafka.conf", "\n\nkafka.acks=0\n");
    check_refused("kafka.conf, line 3: acks is not to be set: ");
    temp_dir_write_text("kafka.conf", "sasl.password=" HIDDEN "\x01\n");
    check_refused("line 1: sasl.password holds");
}

static void a_missing_file_is_said(void **state)
{
    (void)state;
    check_refused("there is no file kafka.conf");
}

static void a_variable_wins_over_the_file(void **state)
{
    (void)state;
    temp_dir_write_text("kafka.conf", "security.protocol=ssl\nssl.ca.location=/nowhere/file.pem\n");
    check_refused("/nowhere/file.pem");
    setenv("FERRY_KAFKA_SSL_CA_LOCATION", "/nowhere/variable.pem", 1);
    check_refused("/nowhere/variable.pem");
    temp_dir_write_text(".env", "FERRY_KAFKA_SSL_CA_LOCATION=/nowhere/dotenv.pem\n");
    check_refused("/nowhere/variable.pem");
    unsetenv("FERRY_KAFKA_SSL_CA_LOCATION");
    check_refused("/nowhere/dotenv.pem");
    setenv("FERRY_KAFKA_SSL_CA_LOCATION", "", 1); /* hides the one in .env */
    check_refused("/nowhere/file.pem");
}

static void variables_are_named(void **state)
{
    struct error err;
    (void)state;
    setenv("FERRY_KAFKA_ACKS", "0", 1);
    assert_false(read_with(NULL, &err));
    assert_non_null(strstr(err.message, "FERRY_KAFKA_ACKS: acks is not to be set"));
    unsetenv("FERRY_KAFKA_ACKS");
    setenv("FERRY_KAFKA_NONSENSE", HIDDEN, 1);
    assert_false(read_with(NULL, &err));
    assert_non_null(strstr(err.message, "FERRY_KAFKA_NONSENSE: No such configuration property"));
    assert_null(strstr(err.message, HIDDEN));
}

static void insecure_needs_its_switch(void **state)
{
    struct error err;
    (void)state;
    temp_dir_write_text("kafka.conf", "ssl.endpoint.identification.algorithm=none\n");
    check_refused("--kafka-insecure");
    setenv("FERRY_KAFKA_CONFIG", "kafka.conf", 1);
    assert_true(read_with("--kafka-insecure", &err));
    setenv("FERRY_KAFKA_INSECURE", "true", 1);
    assert_true(read_with(NULL, &err));
}

int main(void)
{
#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, temp_dir_leave)
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(nothing_set_is_nothing),
        IN_A_FOLDER(a_file_is_read),
        IN_A_FOLDER(a_bad_line_is_named_without_its_text),
        IN_A_FOLDER(a_missing_file_is_said),
        IN_A_FOLDER(a_variable_wins_over_the_file),
        IN_A_FOLDER(variables_are_named),
        IN_A_FOLDER(insecure_needs_its_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
