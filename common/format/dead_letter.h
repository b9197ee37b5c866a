/*
 * Dead letters: what a rejected record, or a poisonous message, is called on the topic of its own. Key and headers only;
 * the value of a record's letter is its line (batch.h), that of a message's the message's own. The form, with an
 * example: schemas/dead-letter/README.md. Pure; the bus carries it.
 */
#ifndef FORMAT_DEAD_LETTER_H
#define FORMAT_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/uuid.h"

#define DEAD_LETTER_VERSION 1
#define DEAD_LETTER_HEADERS 20
#define DEAD_LETTER_TEXT                                                                           \
    512 /* of a header, with its end; what is longer is cut, with an ellipsis */

enum dead_letter_value {
    DEAD_LETTER_WHOLE,
    DEAD_LETTER_OMITTED, /* larger than the topic takes: empty */
    DEAD_LETTER_ABSENT,  /* there was none to be had: empty */
};

struct dead_letter_place { /* the message that was at fault, or that the record came in */
    const char *topic;     /* NULL: there was no message yet */
    int partition;
    int64_t offset;
};

struct dead_letter_reject { /* a record that was rejected */
    struct dead_letter_place place;
    const char *program;
    struct uuid ledger;
    int64_t job_id, batch_no, export_rev;
    int64_t attempts;  /* deliveries of its batch until then, 0: not known */
    int64_t status;    /* HTTP status, 0: none */
    const char *stage; /* as in the ledger: export, delivery */
    const char *reason;
    struct span id;
    struct span message;
};

struct dead_letter_poison { /* a message that is nobody's */
    struct dead_letter_place place;
    const char *program;
    struct uuid ledger; /* of whoever found it */
    struct span message;
};

struct dead_letter_header {
    const char *name;             /* static */
    char value[DEAD_LETTER_TEXT]; /* text */
};

struct dead_letter {
    struct buf key; /* owned; an id may hold any byte */
    struct dead_letter_header headers[DEAD_LETTER_HEADERS];
    size_t header_count;
};

void dead_letter_init(struct dead_letter *letter);
void dead_letter_deinit(struct dead_letter *letter);
/* Both write over what was there. bytes: of the value, whole or left out. */
void dead_letter_of_reject(const struct dead_letter_reject *reject, enum dead_letter_value value,
                           size_t bytes, struct dead_letter *out);
void dead_letter_of_poison(const struct dead_letter_poison *poison, enum dead_letter_value value,
                           size_t bytes, struct dead_letter *out);

#endif
