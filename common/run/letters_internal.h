/* What letters.c (lots and who waits for them) and letters_send.c (the publisher, letters on their way and their reports)
 * share. Nobody else's. */
#ifndef RUN_LETTERS_INTERNAL_H
#define RUN_LETTERS_INTERNAL_H

#include "run/letters.h"

#define LETTERS_SERIALS (UINT64_C(1) << 24) /* of lots; a token has room for so many */

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

/* -- letters_send.c -- */
/* Sends of an active lot what there is room for; opens the publisher when there is none. What went wrong is in the lot's err. */
void letters_send_lot(struct letters *letters, size_t slot);
/* There must be one. Waits at most flush_ms for what is under way; reports come meanwhile. */
void letters_close_publisher(struct letters *letters, uint32_t flush_ms);

#endif
