/* A message's headers, NAME NUL VALUE NUL …: those that are taken are written again letter by letter. */
#include "fuzz.h"

#include "format/message.h"

static bool find(void *ctx, const char *name, struct span *value)
{
    struct span rest = *(const struct span *)ctx;
    bool found = false;

    while (rest.len > 0) {
        struct span have = fuzz_part(&rest);
        struct span text = fuzz_part(&rest);

        if (span_equal(have, span_from_str(name))) { /* the last one counts */
            *value = text;
            found = true;
        }
    }
    return found;
}

/* Hex digits may be written in either case. */
static bool same_text(struct span have, const char *want)
{
    return have.len == strlen(want) && strncasecmp((const char *)have.ptr, want, have.len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {data, size};
    struct message_header headers[MESSAGE_HEADERS];
    struct batch_header batch = {0};
    struct envelope envelope;
    struct digest key;
    struct error err = {0};
    char text[48];
    bool ok = message_read_headers(find, &input, &envelope, &err);

    fuzz_check_outcome(ok, &err);
    if (!ok) {
        return 0;
    }
    message_write_headers(&envelope, headers);
    for (size_t i = 0; i < MESSAGE_HEADERS; i++) {
        struct span value;

        REQUIRE(find(&input, headers[i].name, &value) && same_text(value, headers[i].value));
    }
    REQUIRE(envelope.job_id > 0 && envelope.batch_no > 0 && envelope.records > 0);
    message_write_key(&envelope, text);
    REQUIRE(strlen(text) < sizeof text);
    batch.target = envelope.ledger;
    batch.job_id = envelope.job_id;
    batch_idempotency_key(&batch, &envelope.payload, &key);
    return 0;
}
