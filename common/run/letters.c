/* See letters.h. Which lots are wanted, and when they are done; letters_send.c has their letters on the way. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "run/letters_internal.h"

#define RETENTION_MS (-1)
#define PARTITIONS   1
#define SILENT_MS    5000 /* without a report for so long: said */

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
            letters_send_lot(letters, slot);
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
        lot->serial = letters->serials = (letters->serials + 1) % LETTERS_SERIALS;
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

bool letters_ensure_topic(const struct bus_settings *bus, const char *topic, bool may_create,
                          bool *created, struct error *err)
{
    struct bus_settings settings = {.brokers = bus->brokers,
                                    .topic = topic,
                                    .client_id = bus->client_id,
                                    .properties = bus->properties};
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
        letters_close_publisher(letters, flush_ms);
    }
    free(letters);
}
