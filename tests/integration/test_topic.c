/* Topics of a real Kafka: created as we need them, refused when they would lose or merge batches; and the first messages. */
#include <poll.h>
#include <string.h>

#include "bus/admin.h"
#include "bus_world.h"

static void a_missing_topic_is_created_once_and_only_when_allowed(void **state)
{
    struct fixture *f = *state;
    bool created = true;

    assert_false(topic_ensure(&f->settings, &WISHES, false, &created, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_NOT_FOUND);
    assert_false(created);
    error_clear(&f->err);
    create_topic(f, &WISHES);
    assert_ok(topic_ensure(&f->settings, &WISHES, true, &created, ASK_MS, &f->err), &f->err);
    assert_false(created);
    assert_ok(topic_ensure(&f->settings, &WISHES, false, &created, ASK_MS, &f->err), &f->err);

    f->settings.topic = "no/such name";
    assert_false(topic_ensure(&f->settings, &WISHES, true, &created, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_REJECTED);
    f->settings.topic = f->topic;
}

static void assert_refused(struct fixture *f, const struct topic_wishes *wishes, const char *part)
{
    bool created;

    error_clear(&f->err);
    assert_false(topic_ensure(&f->settings, wishes, true, &created, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_USAGE);
    if (strstr(f->err.message, part) == NULL) {
        fail_msg("\"%s\" is not in: %s", part, f->err.message);
    }
}

static void a_topic_that_would_lose_batches_is_refused_with_the_remedy(void **state)
{
    struct fixture *f = *state;
    const struct topic_wishes small = {1, 1048588, 3600000};
    const struct topic_wishes hour = {1, 1048588, 3600001};
    const struct topic_wishes ever = {1, 1048588, -1};
    const struct topic_wishes large = {1, LIMIT_MESSAGE_WIRE, 3600000};
    char expected[512];
    bool created;

    create_topic(f, &small);
    assert_ok(topic_ensure(&f->settings, &small, true, &created, ASK_MS, &f->err), &f->err);
    assert_refused(f, &hour, "retention.ms is 3600000, must be -1 or at least 3600001 (");
    assert_refused(f, &ever, "retention.ms is 3600000, must be -1 or at least 604800000 (");
    assert_refused(f, &ever, "--add-config retention.ms=-1)");
    snprintf(expected, sizeof expected,
             "topic %s: max.message.bytes is 1048588, must be at least 8388608 (kafka-configs "
             "--bootstrap-server %s --alter --topic %s --add-config max.message.bytes=8388608)",
             f->topic, f->settings.brokers, f->topic);
    assert_refused(f, &large, expected);
}

/* Somebody else's topic: ours are never so. */
static void create_with(struct fixture *f, const char *setting, const char *value)
{
    char reason[256];
    struct admin admin;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(f->topic, 1, 1, reason, sizeof reason);
    rd_kafka_event_t *event;

    assert_non_null(topic);
    rd_kafka_NewTopic_set_config(topic, setting, value);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1");
    assert_ok(admin_open(&admin, &f->settings, ASK_MS, &f->err), &f->err);
    rd_kafka_CreateTopics(admin.client, &topic, 1, NULL, admin.answers);
    event = admin_answer(&admin, RD_KAFKA_EVENT_CREATETOPICS_RESULT, "create", &f->err);
    assert_ok(event != NULL, &f->err);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    admin_close(&admin);
}

static void a_topic_that_would_merge_batches_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct topic_wishes wishes = {1, 1024, -1};

    create_with(f, "cleanup.policy", "compact,delete");
    assert_refused(f, &wishes, "cleanup.policy is compact,delete, must not compact (");
    assert_refused(f, &wishes, "--add-config cleanup.policy=delete)");
}

static void a_topic_that_would_forget_by_size_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct topic_wishes ever = {1, 1024, -1};
    const struct topic_wishes hour = {1, 1024, 3600000};

    create_with(f, "retention.bytes", "1000000000");
    assert_refused(f, &ever, "retention.bytes is 1000000000, must be -1 (");
    assert_refused(f, &hour, "--add-config retention.bytes=-1)");
}

/* What log.retention.bytes says is the broker's affair then. */
static void a_topic_of_ours_says_itself_that_no_size_makes_it_forget(void **state)
{
    struct fixture *f = *state;
    const struct topic_wishes wishes = {1, 1048588, 3600000};
    struct admin admin;
    rd_kafka_ConfigResource_t *asked;
    const rd_kafka_ConfigResource_t **told;
    const rd_kafka_ConfigEntry_t **entries;
    rd_kafka_event_t *event;
    size_t count = 0;
    bool is_own = false;

    create_topic(f, &wishes);
    assert_ok(admin_open(&admin, &f->settings, ASK_MS, &f->err), &f->err);
    asked = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, f->topic);
    rd_kafka_DescribeConfigs(admin.client, &asked, 1, NULL, admin.answers);
    event = admin_answer(&admin, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, "describe", &f->err);
    assert_ok(event != NULL, &f->err);
    told = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
                                                     &count);
    assert_int_equal(count, 1);
    entries = rd_kafka_ConfigResource_configs(told[0], &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), "retention.bytes") == 0) {
            assert_string_equal(rd_kafka_ConfigEntry_value(entries[i]), "-1");
            is_own = rd_kafka_ConfigEntry_source(entries[i]) ==
                     RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
        }
    }
    assert_true(is_own);
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(asked);
    admin_close(&admin);
}

static void a_batch_of_the_wire_limit_fits_the_topic_we_create(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;

    create_topic(f, &WISHES);
    publish(f, 0, 3, LIMIT_MESSAGE_WIRE - 1024);
    assert_true(probe_join(&member, &f->settings, f->seen));
    assert_true(probe_await_messages(&member, 3, WAIT_MS));
    probe_leave(&member);
    assert_int_equal(member.wrong + member.skipped, 0);
    probe_assert_seen(f->seen, 0, 3, 1, 1 + f->sent_again);
}

/* 2.0.2 reports a first message as stored when the broker refused it and took the second (decided by time, so often). */
static void what_is_reported_stored_is_there_from_the_first_message_on(void **state)
{
    struct fixture *f = *state;

    for (unsigned round = 0; round < 10; round++) {
        struct bus_position positions[PARTITIONS];
        int64_t committed;
        struct uuid id;

        uuid_random(&id);
        snprintf(f->topic, sizeof f->topic, "ferry.test.%s", id.text);
        create_topic(f, &WISHES);
        publish(f, 0, 20, 500000);
        assert_in_range(read_positions(f, positions, &committed), 20, 20 + f->sent_again);
        publisher_close(f->publisher, 1000);
        f->publisher = NULL;
        f->sent_again = 0;
        memset(&f->reports, 0, sizeof f->reports);
    }
}

static bool is_missed(const char *trouble)
{
    return strstr(trouble, "does not exist; make it again with: ferry-producer setup") != NULL;
}

static void a_topic_that_never_appears_is_said_to_be_missing(void **state)
{
    struct fixture *f = *state;
    struct probe_member member;
    struct bus_position positions[PARTITIONS];
    size_t count;
    int64_t until = clock_boottime_ms() + 90000;

    assert_false(topic_positions(&f->settings, positions, PARTITIONS, &count, ASK_MS, &f->err));
    assert_int_equal(f->err.kind, ERROR_NOT_FOUND);
    error_clear(&f->err);
    f->publisher = publisher_open(&f->settings, probe_report, &f->reports, &f->err);
    assert_non_null(f->publisher);
    assert_true(probe_send(f->publisher, 0, 100, &f->err));
    assert_true(probe_join(&member, &f->settings, f->seen));
    while ((f->reports.count == 0 || !is_missed(subscriber_trouble(member.subscriber))) &&
           clock_boottime_ms() < until) {
        assert_true(probe_turn(&member, true, 200));
        publisher_step(f->publisher, POLLIN);
    }
    /* An outage that a person ends: nobody gives up. */
    assert_true(is_missed(subscriber_trouble(member.subscriber)));
    assert_true(is_missed(publisher_trouble(f->publisher)));
    assert_int_equal(f->reports.of[0].times, 1);
    assert_int_equal(f->reports.of[0].kind, ERROR_UNAVAILABLE);
    assert_false(probe_send(f->publisher, 1, 100, &f->err)); /* known by now */
    assert_int_equal(f->err.kind, ERROR_THROTTLED);
    probe_leave(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_topic_is_created_once_and_only_when_allowed),
        TEST(a_topic_that_would_lose_batches_is_refused_with_the_remedy),
        TEST(a_topic_that_would_merge_batches_is_refused),
        TEST(a_topic_that_would_forget_by_size_is_refused),
        TEST(a_topic_of_ours_says_itself_that_no_size_makes_it_forget),
        TEST(a_batch_of_the_wire_limit_fits_the_topic_we_create),
        TEST(what_is_reported_stored_is_there_from_the_first_message_on),
        TEST(a_topic_that_never_appears_is_said_to_be_missing),
    };

    return run_all("topic", tests, ARRAY_LEN(tests));
}
