/*
 * What a target holds beyond the source's record (decision 13): an upsert merges, so what was there before stays.
 * Metadata keys and a uri are cleared by explicit nulls in the next upsert. A document that must vanish cannot be
 * cleared so.
 */
#ifndef CONSUMER_SURPLUS_H
#define CONSUMER_SURPLUS_H

#include "base/arena.h"
#include "base/error.h"
#include "format/record.h"

/* Extends want's metadata by `"key":null` for each key, and the uri, that only `have` has; unchanged when there is
 * none. To the comparison, null is as good as absent. The text lives in the arena, scratch is the caller's. */
MUST_CHECK bool surplus_clear(struct record *want, const struct record *have, struct arena *arena,
                              struct arena *scratch, struct error *err);
/* The target has a document where the source has none: only deleting the record helps (repair.h). */
bool surplus_document(const struct record *want, const struct record *have);

#endif
