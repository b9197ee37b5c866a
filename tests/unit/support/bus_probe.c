/* Watching the bus from outside; the messages are self-describing, so that any reader can tell right from wrong. */
#include "support/bus_probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/number.h"

static uint8_t pattern(uint64_t token, size_t at)
{
    return (uint8_t)(token * 31 + at * 7 + (at >> 10));
}

void probe_report(void *ctx, uint64_t token, int partition, int64_t offset, const struct error *err)
{
    struct probe_reports *reports = ctx;

    reports->count++;
    if (token < PROBE_TOKENS) {
        reports->of[token] = (struct probe_report){
            .times = reports->of[token].times + 1,
            .kind = err->kind,
            .partition = partition,
            .offset = offset,
        };
    }
}

bool probe_send(struct publisher *publisher, uint64_t token, size_t len, struct error *err)
{
    char key[32], text[24];
    struct bus_header headers[] = {{"token", text, 0}, {"empty", "", 0}};
    uint8_t *value = malloc(len > 0 ? len : 1);

    if (value == NULL) {
        return error_set(err, ERROR_NOMEM, "no memory for a message");
    }
    snprintf(text, sizeof text, "%" PRIu64, token);
    snprintf(key, sizeof key, "job/%s", text);
    for (size_t i = 0; i < len; i++) {
        value[i] = pattern(token, i);
    }
    if (!publisher_send(publisher, key, headers, ARRAY_LEN(headers), value, len, token, err)) {
        free(value); /* still ours: a double free here would be the seam's defect */
        return false;
    }
    return true;
}

static void wait_on(int fd, uint32_t wait_ms)
{
    struct pollfd watch = {.fd = fd, .events = POLLIN};

    (void)poll(&watch, 1, (int)wait_ms);
}

bool probe_await_reports(struct publisher *publisher, const struct probe_reports *reports,
                         size_t count, uint32_t timeout_ms)
{
    int64_t deadline = clock_boottime_ms() + timeout_ms;

    while (reports->count < count && clock_boottime_ms() < deadline) {
        wait_on(publisher_fd(publisher), 100);
        publisher_step(publisher, POLLIN);
    }
    return reports->count >= count;
}

size_t probe_reports_of_kind(const struct probe_reports *reports, enum error_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < PROBE_TOKENS; i++) {
        count += reports->of[i].times > 0 && reports->of[i].kind == kind;
    }
    return count;
}

static void forget_positions(struct probe_member *member)
{
    for (size_t i = 0; i < PROBE_PARTITIONS; i++) {
        member->next[i] = -1;
    }
}

static void on_assigned(void *ctx, uint64_t generation, const int *partitions, size_t count)
{
    struct probe_member *member = ctx;

    (void)partitions;
    member->wrong += member->assigned || generation <= member->generation;
    member->assigned = true;
    member->generation = generation;
    member->partitions = count;
    forget_positions(member);
}

static void on_revoked(void *ctx, uint64_t generation)
{
    struct probe_member *member = ctx;

    member->wrong += !member->assigned || generation != member->generation;
    member->assigned = false;
    member->partitions = 0;
    member->revocations++;
}

bool probe_join(struct probe_member *member, const struct bus_settings *settings, uint8_t *seen)
{
    *member = (struct probe_member){.seen = seen, .acknowledge = true};
    forget_positions(member);
    member->subscriber = subscriber_open(settings, on_assigned, on_revoked, member, &member->err);
    return member->subscriber != NULL;
}

static bool message_is_sound(const struct bus_message *message, uint64_t *token)
{
    bool found, empty;
    struct span text = bus_message_header(message, "token", &found);
    char key[32];

    if (!found || !number_parse_u64(text, token) ||
        bus_message_header(message, "empty", &empty).len != 0 || !empty) {
        return false;
    }
    bus_message_header(message, "absent", &found);
    snprintf(key, sizeof key, "job/%" PRIu64, *token);
    if (found || !span_equal(message->key, span_from_str(key))) {
        return false;
    }
    for (size_t i = 0; i < message->value.len; i++) {
        if (message->value.ptr[i] != pattern(*token, i)) {
            return false;
        }
    }
    return true;
}

static void note_message(struct probe_member *member, const struct bus_message *message)
{
    int64_t *next = &member->next[message->partition];
    uint64_t token;

    member->messages++;
    member->wrong += !member->assigned || message->generation != member->generation;
    member->skipped += *next >= 0 && message->offset != *next;
    *next = message->offset + 1;
    if (!message_is_sound(message, &token) || token >= PROBE_TOKENS) {
        member->wrong++;
    } else if (member->seen != NULL && member->seen[token] < UINT8_MAX) {
        member->seen[token]++;
    }
}

bool probe_turn(struct probe_member *member, bool want, uint32_t wait_ms)
{
    struct bus_message message;
    bool got = true;

    wait_on(subscriber_fd(member->subscriber), wait_ms);
    while (got) {
        if (!subscriber_next(member->subscriber, want, &message, &got, &member->err)) {
            return false;
        }
        if (got) {
            member->wrong += !want;
            note_message(member, &message);
            if (member->acknowledge) {
                subscriber_acknowledge(member->subscriber, message.generation, message.partition,
                                       message.offset + 1);
            }
            bus_message_free(&message);
            bus_message_free(&message); /* idempotent */
        }
    }
    return true;
}

bool probe_await_messages(struct probe_member *member, size_t count, uint32_t timeout_ms)
{
    int64_t deadline = clock_boottime_ms() + timeout_ms;

    while (member->messages < count && clock_boottime_ms() < deadline) {
        if (!probe_turn(member, true, 500)) {
            return false;
        }
    }
    return member->messages >= count;
}

bool probe_await_assignment(struct probe_member *member, uint32_t timeout_ms)
{
    int64_t deadline = clock_boottime_ms() + timeout_ms;

    while (!member->assigned && clock_boottime_ms() < deadline) {
        if (!probe_turn(member, false, 500)) {
            return false;
        }
    }
    return member->assigned;
}

void probe_leave(struct probe_member *member)
{
    subscriber_close(member->subscriber, 5000);
    member->subscriber = NULL;
}

void probe_assert_seen(const uint8_t *seen, uint64_t from, uint64_t to, unsigned least,
                       unsigned most)
{
    for (uint64_t token = from; token < to; token++) {
        assert_in_range(seen[token], least, most);
    }
}
