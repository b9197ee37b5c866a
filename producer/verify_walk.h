/*
 * The ids of both sides, listed to disk, and walks over them in pieces: what every comparison is made of.
 */
#ifndef PRODUCER_VERIFY_WALK_H
#define PRODUCER_VERIFY_WALK_H

#include "producer/verify.h"

/* What to ask for, if not COLUMNS_ALL. */
#define VERIFY_VECTORS  "[\"embeddings\"]"
#define VERIFY_IDS_ONLY "[]"

/* The progress line speaks of this from now on; doing NULL: of nothing. */
void verify_begin(struct verify *verify, const char *doing, uint64_t total);
MUST_CHECK bool verify_list_side(struct verify *verify, enum verify_which which, struct error *err);
/* A pass that asks both sides, names what cannot be read, and lacks on_piece; for the caller to change. */
struct verify_pass verify_make_pass(struct verify *verify, const char *include);
/* The next walks see only source ids that the sampler takes, or only those that it does not. */
void verify_filter(struct verify *verify, uint64_t seed, uint64_t wanted, bool wants_sampled);
void verify_unfilter(struct verify *verify);
/* Carries out the pass over all ids of one side's list, or those that the filter lets through. */
MUST_CHECK bool verify_walk(struct verify *verify, const struct verify_pass *pass,
                            enum verify_which which, struct error *err);

/* -- verify_search.c: queries; nothing to do without --queries -- */
MUST_CHECK bool verify_choose_queries(struct verify *verify, struct error *err);
MUST_CHECK bool verify_ask_queries(struct verify *verify, struct error *err);

#endif
