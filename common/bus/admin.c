/*
 * Asking the brokers, bounded. librdkafka itself goes on trying for ever, with a wrong password too; here the deadline
 * ends it, and the last complaint becomes the reason. Blocks: for start-up and for the sweep, not for the loop's turns.
 */
#include "bus/admin.h"

#include <string.h>

#include "base/clock.h"
#include "bus/settings.h"

#define SLICE_MS   500 /* between looks at the deadline and at complaints */
#define PAUSE_MS   100
#define DESTROY_MS 1000

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct admin *admin = opaque;

    (void)client;
    trouble_note(&admin->trouble, (rd_kafka_resp_err_t)code, reason);
}

int admin_left_ms(const struct admin *admin)
{
    int64_t left = admin->deadline_ms - clock_boottime_ms();

    return left < 0 ? 0 : (int)left;
}

int admin_slice_ms(const struct admin *admin)
{
    int left = admin_left_ms(admin);

    return left < SLICE_MS ? left : SLICE_MS;
}

/* Nobody answered in time. */
static bool no_answer(const struct admin *admin, struct error *err)
{
    const struct error *last = &admin->trouble.last;

    err->native = last->native;
    return error_set(err, last->kind == ERROR_AUTH ? ERROR_AUTH : ERROR_UNAVAILABLE,
                     "Kafka at %s: no broker answered within %.3g s%s%s%s",
                     admin->settings->brokers, (double)admin->timeout_ms / 1000,
                     last->kind != ERROR_NONE ? " (" : "", last->message,
                     last->kind != ERROR_NONE ? ")" : "");
}

bool admin_open(struct admin *admin, const struct bus_settings *settings, uint32_t timeout_ms,
                struct error *err)
{
    char reason[256];
    rd_kafka_conf_t *conf;

    *admin = (struct admin){.settings = settings, .timeout_ms = timeout_ms};
    admin->deadline_ms = clock_boottime_ms() + timeout_ms;
    conf = settings_conf(settings, CLIENT_ADMIN, err);
    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_set_opaque(conf, admin);
    rd_kafka_conf_set_error_cb(conf, on_error);
    admin->client = rd_kafka_new(settings->group != NULL ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                                 conf, reason, sizeof reason);
    if (admin->client == NULL) {
        rd_kafka_conf_destroy(conf);
        return error_set(err, ERROR_UNAVAILABLE, "Kafka client: %s", reason);
    }
    admin->answers = rd_kafka_queue_new(admin->client);
    admin->topic = rd_kafka_topic_new(admin->client, settings->topic, NULL);
    if (admin->topic == NULL) {
        error_set(err, ERROR_USAGE, "topic %s: %s", settings->topic,
                  rd_kafka_err2str(rd_kafka_last_error()));
        admin_close(admin);
        return false;
    }
    return true;
}

void admin_close(struct admin *admin)
{
    if (admin->client == NULL) {
        return;
    }
    if (admin->topic != NULL) {
        rd_kafka_topic_destroy(admin->topic);
    }
    rd_kafka_queue_destroy(admin->answers);
    client_destroy(admin->client, DESTROY_MS);
    admin->client = NULL;
}

/* One look. False: no certain answer yet. */
static bool topic_look(struct admin *admin, bool all_led, int *partitions, struct error *err)
{
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_resp_err_t code;
    bool certain = false;

    code = rd_kafka_metadata(admin->client, 0, admin->topic, &found, admin_slice_ms(admin));
    rd_kafka_poll(admin->client, 0); /* complaints */
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return false;
    }
    if (found->topic_cnt == 1) {
        const struct rd_kafka_metadata_topic *topic = &found->topics[0];

        if (topic->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            *partitions = topic->partition_cnt;
            certain = topic->partition_cnt > 0 && (!all_led || client_topic_is_led(topic));
        } else if (topic->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            *partitions = 0;
            certain = !all_led;
        } else if (client_error_kind(topic->err) == ERROR_AUTH ||
                   client_error_kind(topic->err) == ERROR_REJECTED) {
            client_error_set(err, topic->err, NULL, "topic %s", admin->settings->topic);
            certain = true;
        }
    }
    rd_kafka_metadata_destroy(found);
    admin->answered = true;
    return certain;
}

bool admin_partitions(struct admin *admin, bool all_led, int *partitions, struct error *err)
{
    *partitions = 0;
    while (!topic_look(admin, all_led, partitions, err)) {
        if (admin_left_ms(admin) == 0) {
            if (!admin->answered) {
                return no_answer(admin, err);
            }
            return error_set(
                err, ERROR_UNAVAILABLE,
                "topic %s on Kafka at %s: not every partition has a leader after %.3g s",
                admin->settings->topic, admin->settings->brokers, (double)admin->timeout_ms / 1000);
        }
        rd_kafka_poll(admin->client, PAUSE_MS);
    }
    return err->kind == ERROR_NONE;
}

rd_kafka_topic_partition_list_t *admin_all_partitions(const struct admin *admin, int partitions,
                                                      int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);

    rd_kafka_topic_partition_list_add_range(list, admin->settings->topic, 0, partitions - 1);
    for (int i = 0; i < partitions; i++) {
        list->elems[i].offset = offset;
    }
    return list;
}

/* offsets_for_times, because it asks for all partitions at once and keeps its deadline; query_watermark_offsets of
 * 2.0.2 does neither. The two logical offsets are what its request carries in place of a time. */
static rd_kafka_resp_err_t offsets_look(struct admin *admin, int partitions, int64_t edge,
                                        int64_t *out)
{
    rd_kafka_topic_partition_list_t *list = admin_all_partitions(admin, partitions, edge);
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(admin->client, list, admin_left_ms(admin));

    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        code = list->elems[i].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].offset < 0) {
            code = RD_KAFKA_RESP_ERR__NO_OFFSET; /* nobody answered for this one */
        }
        out[i] = list->elems[i].offset; /* in the order they were put in */
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

bool admin_offsets(struct admin *admin, int partitions, int64_t edge, int64_t *out,
                   struct error *err)
{
    for (;;) {
        rd_kafka_resp_err_t code = offsets_look(admin, partitions, edge, out);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return true;
        }
        if (admin_left_ms(admin) == 0 || client_error_kind(code) != ERROR_UNAVAILABLE) {
            return client_error_set(err, code, NULL, "offsets of topic %s on Kafka at %s",
                                    admin->settings->topic, admin->settings->brokers);
        }
        rd_kafka_poll(admin->client, PAUSE_MS);
    }
}

rd_kafka_AdminOptions_t *admin_options(const struct admin *admin, rd_kafka_admin_op_t op)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client, op);
    char reason[128];
    int left = admin_left_ms(admin);

    if (options !=
        NULL) { /* refused only out of range; the wait in admin_answer is bounded anyway */
        (void)rd_kafka_AdminOptions_set_request_timeout(options, left > 0 ? left : 1, reason,
                                                        sizeof reason);
    }
    return options;
}

rd_kafka_event_t *admin_answer(struct admin *admin, rd_kafka_event_type_t type, const char *what,
                               struct error *err)
{
    rd_kafka_event_t *event = NULL;
    rd_kafka_resp_err_t code;

    while (event == NULL && admin_left_ms(admin) > 0) {
        event = rd_kafka_queue_poll(admin->answers, admin_slice_ms(admin));
        rd_kafka_poll(admin->client, 0); /* complaints */
        if (event != NULL && rd_kafka_event_type(event) != type) {
            rd_kafka_event_destroy(event);
            event = NULL;
        }
    }
    if (event == NULL) {
        no_answer(admin, err);
        return NULL;
    }
    code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return event;
    }
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
        no_answer(admin, err);
    } else {
        client_error_set(err, code, rd_kafka_event_error_string(event), "%s", what);
    }
    rd_kafka_event_destroy(event);
    return NULL;
}
