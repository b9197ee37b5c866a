/*
 * The collections of one database, or the databases of a tenant: names by pages, then each with what people look at first. Nothing is probed: where a
 * server tells two distance spaces, both are in doubt and said so. Waited for on the loop.
 */
#ifndef PRODUCER_CATALOGUE_H
#define PRODUCER_CATALOGUE_H

#include <stdint.h>

#include "producer/catalogue_pages.h"
#include "producer/side.h"

/* All names of the side's database; the side has been identified. Whatever is there from beginning to end is among them.
 * ERROR_UNAVAILABLE: the list changes too fast to be read. */
MUST_CHECK bool catalogue_read(struct catalogue *catalogue, struct side *side, struct runtime *rt,
                               struct error *err);
/* All databases of the side's tenant. ERROR_USAGE: the server does not list them. */
MUST_CHECK bool catalogue_read_databases(struct catalogue *catalogue, struct side *side,
                                         struct runtime *rt, struct error *err);

struct catalogue_facts {
    size_t metadata_bytes; /* keys and values as JSON, without punctuation */
    size_t metadata_keys;
    char embedding_function[64]; /* its name, else its type, or "" */
};
/* What the collection object says beyond dimension and space. Pure. */
MUST_CHECK bool catalogue_facts(const struct chroma_collection *collection,
                                struct catalogue_facts *out, struct error *err);

#endif
