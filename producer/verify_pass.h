/*
 * One pass over many ids: asks one or both sides for them in pieces, several at a time, and hands on what came. Servers
 * that fail for the moment are asked again; a record that cannot be read is given up alone (verify_ladder.h).
 */
#ifndef PRODUCER_VERIFY_PASS_H
#define PRODUCER_VERIFY_PASS_H

#include "producer/side.h"

#define VERIFY_PIECE 300u /* ids in one request; Chroma Cloud takes no more */

enum verify_which {
    VERIFY_SOURCE,
    VERIFY_TARGET,
    VERIFY_SIDES
};

struct verify_piece { /* answered; borrowed for the callback */
    const struct span *ids;
    size_t count;
    const struct record_index *have[VERIFY_SIDES]; /* NULL: not asked */
    struct arena *arena;                           /* room for comparing */
};

struct verify_pass {
    struct side *sides[VERIFY_SIDES]; /* NULL: not to be asked */
    const char *include;              /* "[]", …: columns to ask for */
    size_t piece_ids;                 /* at most VERIFY_PIECE */
    size_t in_flight;                 /* pieces at a time, at most 8 */
    int64_t patience_ms;              /* a side that fails for so long ends the pass */
    /* The next id, borrowed until the next call. */
    bool (*next)(void *ctx, struct span *id, bool *more, struct error *err);
    bool (*on_piece)(void *ctx, const struct verify_piece *piece, struct error *err);
    /* This one cannot be read from that side; why says what it answers. */
    bool (*on_unreadable)(void *ctx, struct span id, const struct error *why, struct error *err);
    void *ctx;
};

/* Waits until every id is answered or given up. Pieces end in any order. */
MUST_CHECK bool verify_pass_run(const struct verify_pass *pass, struct runtime *rt,
                                struct error *err);

/* Lists the side's ids through on_id, patiently; on_restart is called before each attempt but the first, and forgets what
 * came. */
MUST_CHECK bool verify_list(struct runtime *rt, struct side *side, int64_t patience_ms,
                            id_stream_fn *on_id, bool (*on_restart)(void *ctx, struct error *err),
                            void *ctx, struct error *err);

#endif
