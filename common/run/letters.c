/*
 * See letters.h. A token says to whom a report belongs: slot, letter, the lot's serial number, by which a report for a lot
 * that was forgotten is known to be late, and the size, so that the bytes under way can be counted.
 */
#include "run/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define STEP_PERIOD_MS 50 /* the publisher wants to be stepped at least every 100 ms */
#define SERIALS        (UINT64_C(1) << 24)
#define RETENTION_MS   (-1)
#define PARTITIONS     1
#define SILENT_MS      5000 /* without a report for so long: said */

enum letter_state {
    LETTER_TO_SEND,
    LETTER_SENT,
    LETTER_STORED
};

struct lot {
    bool is_open;
    bool is_active; /* wanted; else it waits for being wanted again, or is done */
    uint64_t serial;
    size_t count;
    size_t sent, stored;
    uint8_t states[LETTERS_LOT];
    uint8_t forms[LETTERS_LOT];
    struct error err; /* why a letter is not stored */
};

struct letters {
    struct letters_settings settings;
    struct loop *loop;
    struct publisher *publisher; /* NULL: no letter yet */
    struct lot lots[LETTERS_SLOTS];
    uint64_t serials;
    size_t bytes;         /* under way */
    bool found_too_large; /* by a broker, since the last turn */
    bool
        is_careful; /* one letter at a time: a broker refuses several together for the size of one */
    int64_t moved_ms; /* when a lot was opened or a report came */
    char trouble[256];
};

/* ---- tokens: serial 24 bits, size in KiB 24, slot 6, letter 10 ---- */

static uint64_t token_of(const struct lot *lot, size_t slot, size_t i, size_t bytes)
{
    return lot->serial << 40 | (uint64_t)(bytes / KIB + 1) << 16 | (uint64_t)slot << 10 | i;
}

static size_t token_bytes(uint64_t token)
{
    return (size_t)(token >> 16 & 0xFFFFFF) * KIB;
}

/* ---- reports ---- */

/* A letter that the topic does not take loses something and goes again; one that has nothing left to lose is an outage
 * like any other: somebody has to mend the topic. */
static void refuse(struct lot *lot, size_t i, const struct error *err)
{
    lot->states[i] = LETTER_TO_SEND;
    if (err->kind == ERROR_TOO_LARGE && lot->forms[i] + 1 < LETTER_FORM_COUNT) {
        lot->forms[i]++;
    } else {
        lot->err = *err;
    }
}

static void refuse_reported(struct letters *letters, struct lot *lot, size_t i,
                            const struct error *err)
{
    if (err->kind == ERROR_TOO_LARGE && !letters->is_careful) {
        lot->states[i] = LETTER_TO_SEND; /* perhaps its neighbour's fault: once more, alone */
    } else {
        refuse(lot, i, err);
    }
}

static void on_report(void *ctx, uint64_t token, int partition, int64_t offset,
                      const struct error *err)
{
    struct letters *letters = ctx;
    struct lot *lot = &letters->lots[token >> 10 & 0x3F];
    size_t i = token & 0x3FF;

    (void)partition;
    (void)offset;
    letters->bytes -= token_bytes(token);
    letters->moved_ms = clock_boottime_ms();
    letters->found_too_large = letters->found_too_large || err->kind == ERROR_TOO_LARGE;
    if (!lot->is_open || lot->serial != token >> 40) {
        return; /* late */
    }
    lot->sent--;
    if (err->kind == ERROR_NONE) {
        lot->states[i] = LETTER_STORED;
        lot->stored++;
    } else {
        refuse_reported(letters, lot, i, err);
    }
}

/* ---- the publisher ---- */

static void step(void *ctx)
{
    publisher_step(((struct letters *)ctx)->publisher, 0);
}

static void on_ready(void *ctx, short got)
{
    publisher_step(((struct letters *)ctx)->publisher, got);
}

static int watch_fd(void *ctx)
{
    return publisher_fd(((struct letters *)ctx)->publisher);
}

static short watch_wants(void *ctx)
{
    return publisher_wants(((struct letters *)ctx)->publisher);
}

static void close_publisher(struct letters *letters, uint32_t flush_ms)
{
    loop_unwatch(letters->loop, letters);
    loop_cancel(letters->loop, letters);
    publisher_close(letters->publisher, flush_ms);
    letters->publisher = NULL;
}

static bool open_publisher(struct letters *letters, struct error *err)
{
    struct bus_settings settings = {.brokers = letters->settings.brokers,
                                    .topic = letters->settings.topic,
                                    .client_id = letters->settings.client_id,
                                    .message_bytes = LIMIT_LETTER_WIRE};
    struct loop_watch watch = {watch_fd, watch_wants, on_ready, letters};

    if (letters->publisher != NULL) {
        return true;
    }
    letters->publisher = publisher_open(&settings, on_report, letters, err);
    if (letters->publisher == NULL) {
        return false;
    }
    if (!loop_watch(letters->loop, watch, err) ||
        !loop_every(letters->loop, STEP_PERIOD_MS, step, letters, err)) {
        close_publisher(letters, 0);
        return false;
    }
    return true;
}

/* ---- sending ---- */

static bool send_draft(struct letters *letters, size_t slot, size_t i,
                       const struct letter_draft *draft, struct error *err)
{
    const struct dead_letter *letter = &draft->letter;
    struct lot *lot = &letters->lots[slot];
    struct bus_header headers[DEAD_LETTER_HEADERS + 1];
    struct bus_copy copy = {.key = buf_span(&letter->key),
                            .headers = headers,
                            .headers_of = draft->message,
                            .value = draft->value,
                            .has_value = draft->has_value};
    uint64_t token = token_of(lot, slot, i, draft->value.len);

    for (size_t k = 0; k < letter->header_count; k++) {
        headers[copy.header_count++] =
            (struct bus_header){.name = letter->headers[k].name, .value = letter->headers[k].value};
    }
    if (draft->message != NULL && draft->message->key.len > 0) {
        headers[copy.header_count++] =
            (struct bus_header){.name = "ferry-original-key",
                                .value = (const char *)draft->message->key.ptr,
                                .len = draft->message->key.len};
    }
    if (!publisher_send_copy(letters->publisher, &copy, token, err)) {
        return false;
    }
    letters->bytes += token_bytes(token);
    return true;
}

/* ERROR_THROTTLED: no room at the moment. */
static bool send_one(struct letters *letters, size_t slot, size_t i, struct error *err)
{
    struct letter_draft draft = {0};
    struct lot *lot = &letters->lots[slot];
    bool ok;

    dead_letter_init(&draft.letter);
    ok = letters->settings.write(letters->settings.ctx, slot, i, lot->forms[i], &draft, err);
    if (ok && letters->bytes > 0 &&
        (letters->is_careful || letters->found_too_large ||
         letters->bytes + draft.value.len > LIMIT_PUBLISH_UNREPORTED)) {
        ok = error_set(err, ERROR_THROTTLED, "%zu bytes of dead letters have no report",
                       letters->bytes);
    }
    ok = ok && buf_check(&draft.letter.key, "the key of a dead letter", err) &&
         send_draft(letters, slot, i, &draft, err);
    dead_letter_deinit(&draft.letter);
    return ok;
}

static void send_lot(struct letters *letters, size_t slot)
{
    struct lot *lot = &letters->lots[slot];
    struct error err = {0};

    if (!open_publisher(letters, &err)) {
        lot->err = err;
        return;
    }
    for (size_t i = 0; i < lot->count && lot->err.kind == ERROR_NONE;) {
        if (lot->states[i] != LETTER_TO_SEND) {
            i++;
        } else if (send_one(letters, slot, i, &err)) {
            lot->states[i] = LETTER_SENT;
            lot->sent++;
        } else if (err.kind == ERROR_THROTTLED) {
            return;
        } else {
            refuse(lot, i, &err);
            error_clear(&err);
        }
    }
}

static void settle(struct letters *letters, size_t slot)
{
    struct lot *lot = &letters->lots[slot];
    bool is_failed = lot->err.kind != ERROR_NONE && lot->sent == 0;

    if (!is_failed && lot->stored < lot->count) {
        return;
    }
    struct error err = lot->err;
    lot->is_active = false;
    if (is_failed) {
        (void)snprintf(letters->trouble, sizeof letters->trouble, "%.250s", err.message);
    } else {
        letters->trouble[0] = '\0';
        error_clear(&err);
    }
    letters->settings.done(letters->settings.ctx, slot, &err);
}

/* Reports of letters that were sent together come together, before the next is sent. */
static void be_careful(struct letters *letters)
{
    bool is_idle = true;

    for (size_t slot = 0; slot < LETTERS_SLOTS; slot++) {
        is_idle = is_idle && !letters->lots[slot].is_open;
    }
    if (letters->bytes == 0) {
        letters->is_careful = (letters->is_careful || letters->found_too_large) && !is_idle;
        letters->found_too_large = false;
    }
}

void letters_run(struct letters *letters)
{
    if (letters == NULL) {
        return;
    }
    be_careful(letters);
    for (size_t slot = 0; slot < LETTERS_SLOTS; slot++) {
        if (letters->lots[slot].is_active) {
            send_lot(letters, slot);
        }
    }
    for (size_t slot = 0; slot < LETTERS_SLOTS; slot++) {
        if (letters->lots[slot].is_active) {
            settle(letters, slot);
        }
    }
}

void letters_want(struct letters *letters, size_t slot, size_t count)
{
    struct lot *lot = &letters->lots[slot];

    if (!lot->is_open) {
        letters->moved_ms = clock_boottime_ms();
        *lot = (struct lot){.is_open = true, .count = count};
        lot->serial = letters->serials = (letters->serials + 1) % SERIALS;
    }
    error_clear(&lot->err);
    lot->is_active = true;
}

void letters_forget(struct letters *letters, size_t slot)
{
    if (letters != NULL) {
        letters->lots[slot].is_open = false;
        letters->lots[slot].is_active = false;
    }
}

const char *letters_trouble(const struct letters *letters)
{
    for (size_t slot = 0; letters != NULL && slot < LETTERS_SLOTS; slot++) {
        const struct lot *lot = &letters->lots[slot];
        if (!lot->is_open || lot->stored == lot->count) {
            continue;
        }
        const char *trouble =
            letters->publisher != NULL ? publisher_trouble(letters->publisher) : "";
        if (trouble[0] != '\0' || letters->trouble[0] != '\0') {
            return trouble[0] != '\0' ? trouble : letters->trouble;
        }
        return clock_boottime_ms() - letters->moved_ms > SILENT_MS ? "no report from the bus" : "";
    }
    return "";
}

/* ---- opening and closing ---- */

bool letters_ensure_topic(const char *brokers, const char *topic, const char *client_id,
                          bool may_create, bool *created, struct error *err)
{
    struct bus_settings settings = {.brokers = brokers, .topic = topic, .client_id = client_id};
    struct topic_wishes wishes = {
        .partitions = PARTITIONS, .message_bytes = LIMIT_LETTER_WIRE, .retention_ms = RETENTION_MS};

    return topic_ensure(&settings, &wishes, may_create, created, LIMIT_CONNECT_MS, err);
}

struct letters *letters_new(struct loop *loop, const struct letters_settings *settings,
                            struct error *err)
{
    struct letters *letters = calloc(1, sizeof *letters);

    if (letters == NULL) {
        error_set(err, ERROR_NOMEM, "out of memory for dead letters");
        return NULL;
    }
    letters->loop = loop;
    letters->settings = *settings;
    return letters;
}

void letters_close(struct letters *letters, uint32_t flush_ms)
{
    if (letters == NULL) {
        return;
    }
    for (size_t slot = 0; slot < LETTERS_SLOTS; slot++) {
        letters_forget(letters, slot);
    }
    if (letters->publisher != NULL) {
        close_publisher(letters, flush_ms);
    }
    free(letters);
}
