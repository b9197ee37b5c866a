/* The list of messages without a report. Order means nothing here; each entry travels with its message as opaque. */
#include "bus/outbox.h"

#include <stdlib.h>

struct outbox_entry *outbox_add(struct outbox *outbox, uint64_t token)
{
    struct outbox_entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL) {
        return NULL;
    }
    entry->token = token;
    entry->next = outbox->first;
    if (outbox->first != NULL) {
        outbox->first->previous = entry;
    }
    outbox->first = entry;
    outbox->count++;
    return entry;
}

uint64_t outbox_remove(struct outbox *outbox, struct outbox_entry *entry)
{
    uint64_t token = entry->token;

    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        outbox->first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    }
    outbox->count--;
    free(entry);
    return token;
}
