/*
 * What counts as equal between what was sent and what reads back: decision 14, the one table.
 *
 *   ids, documents, uris   characters; "" is not null
 *   metadata               key order free; null ≡ {} ≡ absent; a key with [] or null ≡ absent
 *   metadata values        int ≠ float ≠ bool ≠ string; -0.0 ≡ 0.0; floats by bits, or within 4 ULP = rounded
 *   embeddings             bits (l2, ip); cosine: |a−b| ≤ 1e-6 · max|v| per component
 */
#ifndef FORMAT_EQUALITY_H
#define FORMAT_EQUALITY_H

#include "base/arena.h"
#include "format/digest.h"
#include "format/record.h"

enum space { SPACE_L2, SPACE_IP, SPACE_COSINE };

bool space_parse(const char *name, enum space *out); /* "l2", "ip", "cosine" */
const char *space_name(enum space space);

enum equality {
    EQUALITY_SAME,
    EQUALITY_ROUNDED,      /* same, but a metadata float moved by at most 4 ULP */
    EQUALITY_MISSING,      /* nothing came back */
    EQUALITY_DIFFERENT,
    EQUALITY_NOT_STORABLE, /* the vector reads back non-finite */
};

struct difference { /* why not SAME: for the reject's message */
    const char *field;  /* "document", "uri", "metadata", "embedding" */
    char detail[200];   /* which key or component, and both values, printable and cut; never whole documents */
};

/* want: as sent; have: as read back, or NULL. out may be NULL. scratch holds decoded keys and strings.
 * A record that cannot be compared (no memory) is EQUALITY_DIFFERENT, never the same. */
enum equality equality_compare(const struct record *want, const struct record *have, enum space space,
                               struct arena *scratch, struct difference *out);

/* Canonical digest of a set, for readback_sha256 (PROTOCOL §3 D3): records by id, metadata keys sorted, floats and
 * vectors by bits, absent keys left out: two reads of the same content agree whatever the servers' key order. */
MUST_CHECK bool equality_digest(const struct record_set *set, struct arena *scratch, struct digest *out,
                                struct error *err);

#endif
