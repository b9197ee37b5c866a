/*
 * Where a topic and a group stand: first and next offset of every partition, and how far the group has committed.
 * What that proves about a message is the sweep's business.
 */
#include <stdlib.h>
#include <string.h>

#include "bus/admin.h"

#define PAUSE_MS 100

static rd_kafka_resp_err_t committed_look(struct admin *admin, int partitions,
                                          struct bus_position *out)
{
    rd_kafka_topic_partition_list_t *list =
        admin_all_partitions(admin, partitions, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(admin->client, list, admin_slice_ms(admin));

    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *part = &list->elems[i]; /* in the order put in */

        code = part->err;
        out[i] = (struct bus_position){.partition = (int)part->partition};
        out[i].committed = part->offset >= 0 ? part->offset : BUS_NO_OFFSET;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* rd_kafka_committed of a handle that has a group, and not ListConsumerGroupOffsets: in every librdkafka to date that
 * one follows a null pointer when the answer is NOT_COORDINATOR, as from a broker that stops (its issue 5040). */
static bool read_committed(struct admin *admin, int partitions, struct bus_position *out,
                           struct error *err)
{
    for (;;) {
        rd_kafka_resp_err_t code = committed_look(admin, partitions, out);
        enum error_kind kind = client_error_kind(code);

        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return true;
        }
        if (admin_left_ms(admin) == 0 || (kind != ERROR_UNAVAILABLE && kind != ERROR_TIMEOUT)) {
            client_error_set(err, code, NULL, "offsets of group %s on Kafka at %s",
                             admin->settings->group, admin->settings->brokers);
            if (kind == ERROR_TIMEOUT) {
                err->kind = ERROR_UNAVAILABLE;
            }
            return false;
        }
        rd_kafka_poll(admin->client, PAUSE_MS);
    }
}

/* Committed first: it only grows towards `high`, so that "committed == high" is never true by a race alone. */
static bool read_positions(struct admin *admin, struct bus_position *out, size_t max, size_t *count,
                           struct error *err)
{
    int64_t *edges;
    int partitions;
    bool ok;

    if (!admin_partitions(admin, false, &partitions, err)) {
        return false;
    }
    if (partitions == 0) {
        return error_set(err, ERROR_NOT_FOUND, "topic %s does not exist on Kafka at %s",
                         admin->settings->topic, admin->settings->brokers);
    }
    if ((size_t)partitions > max) {
        return error_set(err, ERROR_LIMIT, "topic %s: %d partitions, at most %zu expected",
                         admin->settings->topic, partitions, max);
    }
    edges = calloc(2 * (size_t)partitions, sizeof *edges);
    if (edges == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory for offsets");
    }
    ok = read_committed(admin, partitions, out, err) &&
         admin_offsets(admin, partitions, RD_KAFKA_OFFSET_BEGINNING, edges, err) &&
         admin_offsets(admin, partitions, RD_KAFKA_OFFSET_END, edges + partitions, err);
    for (int i = 0; ok && i < partitions; i++) {
        out[i].low = edges[i];
        out[i].high = edges[partitions + i];
    }
    *count = ok ? (size_t)partitions : 0;
    free(edges);
    return ok;
}

bool topic_positions(const struct bus_settings *settings, struct bus_position *out, size_t max,
                     size_t *count, uint32_t timeout_ms, struct error *err)
{
    struct admin admin;
    bool ok;

    *count = 0;
    if (settings->group == NULL) {
        return error_set(err, ERROR_BUG, "positions need a group");
    }
    if (!admin_open(&admin, settings, timeout_ms, err)) {
        return false;
    }
    ok = read_positions(&admin, out, max, count, err);
    admin_close(&admin);
    return ok;
}
