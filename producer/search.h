/*
 * The edge around read_search.h, for one batch in hand: asks the source what the search wants to know, and keeps what was
 * found, by the record's place in the batch. Lives in its cargo from the first search until the batch is dropped.
 * Thread: the loop's.
 */
#ifndef PRODUCER_SEARCH_H
#define PRODUCER_SEARCH_H

#include "producer/read_search.h"

struct exporter;
struct search;

/* Begins or begins again; EXPORT_EVENT_SEARCHED follows, not from inside the call. */
void search_start(struct exporter *exporter, size_t slot);
/* Asks what is due; to be called every few ms while the slot is searching. */
void search_step(struct exporter *exporter, size_t slot);
void search_free(struct search *search); /* NULL is fine; its request must have been cancelled */

/* Cannot the i-th record be read? search NULL: it can. reason and message live as long as the search. */
bool search_is_bad(const struct search *search, size_t i, const char **reason,
                   const char **message);
size_t search_count_bad(const struct search *search);

#endif
