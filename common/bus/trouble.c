/*
 * Why nothing moves, as one line for a person: librdkafka's complaints, and a broker's silence, which it does not
 * complain of.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "bus/certificate.h"
#include "bus/client.h"

/* librdkafka tells a repeated connection error once in 30 s: silent for longer, it has ended. */
#define TROUBLE_STALE_MS 35000
/* Brokers answer a fetch within 100 ms, a publication within as long as a disk takes. */
#define TROUBLE_SILENT_MS 10000
/* Before a node's name in the statistics stands the broker's own, and its number. */
#define COORDINATOR_ROOM 80

static const char coordinator_says[] = "GroupCoordinator: ";
/* Who waits for the others of the group to join again waits for its answer for minutes. */
static const char coordinator_name[] = "\"name\":\"GroupCoordinator\"";

/* "127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)"
 * is long for "127.0.0.1:9092: Connection refused". What has another shape stays as it is. */
static void trouble_tidy(const char *reason, struct trouble *trouble, enum error_kind kind)
{
    static const char failed[] = " failed: ";
    const char *about = certificate_explain(reason);
    const char *rest;
    const char *slash;
    const char *end;
    size_t name_len;

    if (strncmp(reason, coordinator_says, sizeof coordinator_says - 1) == 0) {
        reason += sizeof coordinator_says - 1;
    }
    rest = strstr(reason, ": ");
    end = strstr(reason, " (after ");
    if (end == NULL) {
        end = reason + strlen(reason);
    }
    if (rest == NULL || rest > end) {
        error_set(&trouble->last, kind, "%.*s", (int)(end - reason), reason);
        return;
    }
    slash = memrchr(reason, '/', (size_t)(rest - reason));
    name_len = (size_t)((slash != NULL ? slash : rest) - reason);
    rest += 2;
    if (about != NULL) {
        error_set(&trouble->last, ERROR_AUTH, "%.*s: %s", (int)name_len, reason, about);
        return;
    }
    if (strncmp(rest, "Connect to ", 11) == 0 && strstr(rest, failed) != NULL) {
        rest = strstr(rest, failed) + sizeof failed - 1;
    }
    error_set(&trouble->last, kind, "%.*s: %.*s", (int)name_len, reason,
              rest < end ? (int)(end - rest) : 0, rest);
}

void trouble_note(struct trouble *trouble, rd_kafka_resp_err_t code, const char *reason)
{
    trouble->at_ms = clock_boottime_ms();
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && trouble->last.kind != ERROR_NONE) {
        return; /* says less than what we have */
    }
    error_clear(&trouble->last);
    trouble->is_silence = false;
    trouble_tidy(reason != NULL ? reason : rd_kafka_err2str(code), trouble,
                 client_error_kind(code));
    trouble->last.native = (int32_t)code;
}

/* The number behind a name, from `at` on; `*at` moves behind it. -1: there is none. */
static int64_t number_of(const char **at, const char *name)
{
    int64_t number = 0;
    const char *found = strstr(*at, name);

    if (found == NULL) {
        return -1;
    }
    found += strlen(name);
    if (*found < '0' || *found > '9') {
        return -1;
    }
    for (; *found >= '0' && *found <= '9' && number < INT64_MAX / 100; found++) {
        number = number * 10 + (*found - '0');
    }
    *at = found;
    return number;
}

bool trouble_find_silence(const char *statistics, char *who, size_t size, int64_t *out_ms)
{
    static const char node[] = "\"nodename\":\"";
    static const char up[] = "\"state\":\"UP\"";
    const char *at = statistics;

    while ((at = strstr(at, node)) != NULL) {
        const char *name = at + sizeof node - 1;
        const char *end = strchr(name, '"');
        const char *next = strstr(name, node);
        const char *state = strstr(name, up);

        at = name;
        if (end == NULL || state == NULL || (next != NULL && state > next)) {
            continue;
        }
        int64_t waiting = number_of(&state, "\"waitresp_cnt\":");
        int64_t idle_ms = number_of(&state, "\"rxidle\":") / 1000;
        bool is_whole = next == NULL || state < next;
        bool is_coordinator = at - statistics > COORDINATOR_ROOM &&
                              memmem(at - COORDINATOR_ROOM, COORDINATOR_ROOM, coordinator_name,
                                     sizeof coordinator_name - 1) != NULL;
        if (is_whole && !is_coordinator && waiting > 0 && idle_ms >= TROUBLE_SILENT_MS) {
            snprintf(who, size, "%.*s", (int)(end - name), name);
            *out_ms = idle_ms;
            return true;
        }
    }
    return false;
}

/* A broker that is connected and does not answer: librdkafka says so only when a request has timed out, after a minute. */
static bool note_silence(struct trouble *trouble, const char *statistics)
{
    char who[128];
    int64_t idle_ms;

    if (!trouble_find_silence(statistics, who, sizeof who, &idle_ms)) {
        if (trouble->is_silence) {
            trouble_clear(trouble);
        }
        return false;
    }
    error_clear(&trouble->last);
    error_set(&trouble->last, ERROR_UNAVAILABLE, "%s: no answer for %" PRId64 " s", who,
              idle_ms / 1000);
    trouble->at_ms = clock_boottime_ms();
    trouble->is_silence = true;
    return true;
}

void trouble_review(struct trouble *trouble, const char *statistics)
{
    static const char *const tried[] = {"\"state\":\"DOWN\"", "\"state\":\"TRY_CONNECT\"",
                                        "\"state\":\"CONNECT\""};
    bool quiet = clock_boottime_ms() - trouble->at_ms > TROUBLE_STALE_MS;

    if (note_silence(trouble, statistics) || trouble->last.kind == ERROR_NONE ||
        strstr(statistics, "\"state\":\"UP\"") == NULL) {
        return;
    }
    for (size_t i = 0; !quiet && i < ARRAY_LEN(tried); i++) {
        if (strstr(statistics, tried[i]) != NULL) {
            return;
        }
    }
    trouble_clear(trouble);
}

void trouble_note_missing(struct trouble *trouble, rd_kafka_resp_err_t code, const char *topic)
{
    error_clear(&trouble->last);
    error_set(&trouble->last, ERROR_UNAVAILABLE,
              "topic %s does not exist; make it again with: ferry-producer setup", topic);
    trouble->last.native = (int32_t)code;
    trouble->at_ms = clock_boottime_ms();
    trouble->is_silence = false;
}

void trouble_clear(struct trouble *trouble)
{
    error_clear(&trouble->last);
    trouble->is_silence = false;
}
