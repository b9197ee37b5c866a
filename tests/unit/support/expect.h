/* What nearly every unit test says: it worked, it failed like this, and which seed it ran with.
 * Include after cmocka. */
#ifndef SUPPORT_EXPECT_H
#define SUPPORT_EXPECT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

static inline void expect_ok(bool ok, const struct error *err)
{
    if (!ok) {
        fail_msg("%s: %s", error_kind_name(err->kind), err->message);
    }
}

/* part: what the message must contain, or NULL. Clears err for the next use. */
static inline void expect_error(bool ok, struct error *err, enum error_kind kind, const char *part)
{
    if (ok || err->kind != kind || (part && !strstr(err->message, part))) {
        fail_msg("want %s \"%s\", have %s %s: %s", error_kind_name(kind), part ? part : "",
                 ok ? "success" : "failure", error_kind_name(err->kind), err->message);
    }
    error_clear(err);
}

static inline void expect_text(struct span have, const char *want)
{
    if (!span_equal(have, span_from_str(want))) {
        fail_msg("want %s\nhave %.*s", want, (int)have.len, have.ptr ? (const char *)have.ptr : "");
    }
}

/* FERRY_TEST_SEED repeats a run; otherwise every run has another seed, and says which. */
static inline struct rng seeded_rng(void)
{
    const char *given = getenv("FERRY_TEST_SEED");
    struct rng rng;
    uint64_t seed;

    random_bytes(&seed, sizeof seed);
    if (given) {
        seed = strtoull(given, NULL, 10);
    }
    printf("# FERRY_TEST_SEED=%llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    return rng;
}

#endif
