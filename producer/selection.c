/* See selection.h. */
#include "producer/selection.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

#define SEED_BITS 0xffffffffu /* a person may have to type it */

void selection_take(struct selection *out, const char *text)
{
    snprintf(out->text, sizeof out->text, "%s", text);
    out->is_part = strcmp(text, "all") != 0;
}

/* What goes with neither of them, or only with one. */
static bool check(const struct option_set *options, bool is_sample, bool is_first,
                  struct error *err)
{
    static const char *const whole[] = {"catch-up", "delete-extra", "exact-target", "dry-run"};
    bool is_part = is_sample || is_first;

    if (is_sample && is_first) {
        return error_set(err, ERROR_USAGE, "--sample and --first are two ways to choose: give one");
    }
    for (size_t i = 0; is_part && i < ARRAY_LEN(whole); i++) {
        if (option_flag(options, whole[i])) {
            return error_set(err, ERROR_USAGE,
                             "--%s is about all records, --%s moves a part: give one", whole[i],
                             is_sample ? "sample" : "first");
        }
    }
    if (!is_sample && option_text(options, "seed") != NULL) {
        return error_set(err, ERROR_USAGE, "--seed chooses a sample: it goes with --sample N");
    }
    if (!is_part && option_flag(options, "remove-after")) {
        return error_set(err, ERROR_USAGE,
                         "--remove-after removes a rehearsal: it goes with --sample or --first");
    }
    return true;
}

bool selection_read(struct selection *out, const struct option_set *options, uint64_t random,
                    struct error *err)
{
    bool is_sample = option_text(options, "sample") != NULL;
    bool is_first = option_text(options, "first") != NULL;
    int64_t seed = (int64_t)(random & SEED_BITS);

    selection_take(out, "all");
    if (!check(options, is_sample, is_first, err)) {
        return false;
    }
    if (is_first) {
        snprintf(out->text, sizeof out->text, "first %" PRId64, option_number(options, "first"));
    } else if (is_sample) {
        seed = option_text(options, "seed") != NULL ? option_number(options, "seed") : seed;
        snprintf(out->text, sizeof out->text, "sample %" PRId64 " seed %" PRId64,
                 option_number(options, "sample"), seed);
    }
    out->is_part = is_sample || is_first;
    return true;
}

/* 63 bytes are what servers before 1.0 take, and no name ends with other than a letter or digit. */
void selection_name(const char *collection, uint64_t random, char out[SELECTION_NAME_SIZE])
{
    char end[24];
    int len = snprintf(end, sizeof end, "-rehearsal-%08x", (unsigned)(random & SEED_BITS));
    snprintf(out, SELECTION_NAME_SIZE, "%.*s%s", SELECTION_NAME_SIZE - 1 - len, collection, end);
}
