/*
 * Dead letters on their way: a lot of them for each slot of a deciding machine, sent as the bus has room, and done when
 * every one of the lot is stored. Opens its publisher with the first letter, because most runs have none. A letter that is
 * too large for the topic is sent again without its value, then without what it borrowed from its message.
 * Thread: the loop's.
 */
#ifndef RUN_LETTERS_H
#define RUN_LETTERS_H

#include "bus/bus.h"
#include "format/dead_letter.h"
#include "net/loop.h"

#define LETTERS_SLOTS 32
#define LETTERS_LOT   LIMIT_BATCH_RECORDS /* most letters of one slot */

enum letter_form {
    LETTER_WHOLE,
    LETTER_WITHOUT_VALUE,
    LETTER_BARE, /* nor the headers and the key of its message */
    LETTER_FORM_COUNT
};

struct letter_draft { /* zeroed, its letter initialised, before it is filled in */
    struct dead_letter letter;
    struct span value; /* borrowed until the call returns, as is message */
    bool has_value;
    const struct bus_message *message; /* whose headers and key go with it; NULL: none */
};
/* Fills in the i-th letter of the slot's lot. False: it cannot be made now. */
typedef bool letters_write_fn(void *ctx, size_t slot, size_t i, enum letter_form form,
                              struct letter_draft *out, struct error *err);
/* All of the slot's letters are stored (NONE), or one is not and none is under way any more: letters_want goes on with
 * those that are left. Comes from letters_run only. */
typedef void letters_done_fn(void *ctx, size_t slot, const struct error *err);

struct letters_settings {
    const char *brokers;
    const char *
        topic; /* of the dead letters; texts are copied when the publisher opens, and live until then */
    const char *client_id;
    const struct bus_properties *properties; /* or NULL; borrowed */
    letters_write_fn *write;
    letters_done_fn *done;
    void *ctx;
};

struct letters; /* opaque, heap */

/* The dead letters' topic: created (may_create) or held against what they need; a missing one says to run setup. */
MUST_CHECK bool letters_ensure_topic(const struct bus_settings *bus, const char *topic,
                                     bool may_create, bool *created, struct error *err);
struct letters *letters_new(struct loop *loop, const struct letters_settings *settings,
                            struct error *err);
/* Waits at most flush_ms for what is under way. No callback comes. NULL is fine. */
void letters_close(struct letters *letters, uint32_t flush_ms);
/* A slot has so many letters to send; or, when its last lot failed, goes on with what is left of it. */
void letters_want(struct letters *letters, size_t slot, size_t count);
/* The slot's lot concerns nobody any more. What has been sent stays sent. Of this and what follows, NULL is fine: closed. */
void letters_forget(struct letters *letters, size_t slot);
/* Sends what there is room for, and says what is done. Once a loop turn. */
void letters_run(struct letters *letters);
/* What the letters wait for, or "". */
const char *letters_trouble(const struct letters *letters);

#endif
