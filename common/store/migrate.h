/*
 * Ledger migrations: schemas/ledger/NNNN_name.sql, embedded at build. Each runs in one transaction under an advisory
 * transaction lock, and is recorded with its SHA-256; a ledger newer than this program, or a file that differs from
 * what was applied, is refused.
 */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/pg.h"

struct migration {
    int version;
    const char *name;   /* "0001_tables" */
    const char *sha256; /* hex of the file */
    const char *sql;
};
extern const struct migration migrations[]; /* generated, ordered; ends with version 0 */
extern const int migration_newest;

/* applied: how many ran now (0: was up to date), also when a later one failed. A failed one is rolled back as a whole.
 * Any number of programs may do this at once: each migration is applied by one of them, and all end well. */
typedef void migrate_done_fn(void *ctx, int applied, const struct error *err);
MUST_CHECK bool migrate_run(struct pg *pg, migrate_done_fn *fn, void *ctx, struct error *err);
/* Only looks: ERROR_NOT_FOUND "no ledger in HOST:PORT/DB: run `ferry-producer setup`"; ERROR_USAGE for an older or newer
 * ledger, or one with other migrations than ours. */
MUST_CHECK bool migrate_check(struct pg *pg, migrate_done_fn *fn, void *ctx, struct error *err);

#endif
