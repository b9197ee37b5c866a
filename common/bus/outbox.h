/*
 * Inside the bus only: the messages given to the client and not reported yet. Ours, so that every message gets its
 * report even when the client that had it is gone.
 */
#ifndef BUS_OUTBOX_H
#define BUS_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

struct outbox_entry {
    struct outbox_entry *previous;
    struct outbox_entry *next;
    uint64_t token;
};

struct outbox { /* all zero: empty */
    struct outbox_entry *first;
    size_t count;
};

struct outbox_entry *outbox_add(struct outbox *outbox, uint64_t token);    /* NULL: out of memory */
uint64_t outbox_remove(struct outbox *outbox, struct outbox_entry *entry); /* frees it */

#endif
