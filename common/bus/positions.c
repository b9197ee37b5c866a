/*
 * Where a topic and a group stand: first and next offset of every partition, and how far the group has committed.
 * What that proves about a message is the sweep's business.
 */
#include <stdlib.h>
#include <string.h>

#include "bus/admin.h"

static bool take_committed(const struct admin *admin, rd_kafka_event_t *event, int partitions,
                           struct bus_position *out, struct error *err)
{
    size_t count;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
    const rd_kafka_error_t *failed = count == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    const rd_kafka_topic_partition_list_t *list =
        count == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;

    if (failed != NULL || list == NULL || list->cnt != partitions) {
        return client_error_set(
            err, failed != NULL ? rd_kafka_error_code(failed) : RD_KAFKA_RESP_ERR__BAD_MSG,
            failed != NULL ? rd_kafka_error_string(failed) : NULL, "offsets of group %s",
            admin->settings->group);
    }
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *part = &list->elems[i];

        if (part->err != RD_KAFKA_RESP_ERR_NO_ERROR || part->partition >= partitions) {
            return client_error_set(err, part->err, NULL, "offsets of group %s",
                                    admin->settings->group);
        }
        out[part->partition] = (struct bus_position){.partition = (int)part->partition};
        out[part->partition].committed = part->offset >= 0 ? part->offset : BUS_NO_OFFSET;
    }
    return true;
}

static bool read_committed(struct admin *admin, int partitions, struct bus_position *out,
                           struct error *err)
{
    rd_kafka_topic_partition_list_t *list =
        admin_all_partitions(admin, partitions, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_AdminOptions_t *options =
        admin_options(admin, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets_t *question =
        rd_kafka_ListConsumerGroupOffsets_new(admin->settings->group, list);
    rd_kafka_event_t *event;
    bool ok = false;

    rd_kafka_ListConsumerGroupOffsets(admin->client, &question, 1, options, admin->answers);
    event = admin_answer(admin, RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT,
                         "offsets of the group", err);
    if (event != NULL) {
        ok = take_committed(admin, event, partitions, out, err);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ListConsumerGroupOffsets_destroy(question);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
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
