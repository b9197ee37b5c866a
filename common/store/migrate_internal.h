/* The door for the tests of migrate.c: the same, with a table of their own. */
#ifndef STORE_MIGRATE_INTERNAL_H
#define STORE_MIGRATE_INTERNAL_H

#include "store/migrate.h"

/* list: versions 1, 2, 3 …, ends with version 0; borrowed until fn is called. */
MUST_CHECK bool migrate_run_list(struct pg *pg, const struct migration *list, migrate_done_fn *fn,
                                 void *ctx, struct error *err);
MUST_CHECK bool migrate_check_list(struct pg *pg, const struct migration *list, migrate_done_fn *fn,
                                   void *ctx, struct error *err);

#endif
