/*
 * What travels beside a batch's bytes, as text name → value pairs (PROTOCOL §7). The bus carries them as message
 * headers; this module knows their names and checks them. Nothing here is trusted before the ledger has confirmed it.
 */
#ifndef FORMAT_MESSAGE_H
#define FORMAT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/uuid.h"
#include "format/batch.h"
#include "format/digest.h"

#define MESSAGE_HEADERS 9

struct message_header {
    const char *name;
    char value[72];
};

struct envelope {
    struct uuid ledger;
    int64_t job_id;
    int64_t collection_no;
    int64_t batch_no;
    int64_t export_rev;
    int64_t records;
    struct digest payload;
    struct digest idempotency_key;
};

/* ferry-format, ferry-ledger, ferry-job, ferry-collection, ferry-batch, ferry-rev, ferry-records,
 * ferry-payload-sha256, ferry-idempotency-key */
void message_write_headers(const struct envelope *envelope, struct message_header out[MESSAGE_HEADERS]);

typedef bool message_find_fn(void *ctx, const char *name, struct span *value); /* last header of that name */
/* ERROR_FORMAT names the header that is missing, malformed, or of an unknown version. */
MUST_CHECK bool message_read_headers(message_find_fn *find, void *ctx, struct envelope *out, struct error *err);
#define MESSAGE_KEY 64
/* "12/345/1": job, batch, rev. The rev, because the key chooses the partition: where one consumer cannot deliver a batch, its next
 * export may reach another. */
void message_write_key(const struct envelope *envelope, char out[MESSAGE_KEY]);

#endif
