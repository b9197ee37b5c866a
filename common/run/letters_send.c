/*
 * Letters on their way; see letters_internal.h. A token says to whom a report belongs: slot, letter, the lot's serial number,
 * by which a report for a lot that was forgotten is known to be late, and the size, so that the bytes under way can be counted.
 */
#include "base/clock.h"
#include "run/letters_internal.h"

#define STEP_PERIOD_MS 50 /* the publisher wants to be stepped at least every 100 ms */

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

void letters_close_publisher(struct letters *letters, uint32_t flush_ms)
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
                                    .properties = letters->settings.properties,
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
        letters_close_publisher(letters, 0);
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

void letters_send_lot(struct letters *letters, size_t slot)
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
