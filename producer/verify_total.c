/* See verify_total.h. */
#include "producer/verify_total.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"

#define LINES_BYTES (8u * MIB) /* of LIMIT_JOB_COLLECTIONS pairs */

void verify_total_init(struct verify_total *total, size_t pairs, bool is_sampled)
{
    memset(total, 0, sizeof *total);
    total->pairs = pairs;
    total->is_sampled = is_sampled;
    buf_init(&total->lines, LINES_BYTES);
}

void verify_total_deinit(struct verify_total *total)
{
    buf_deinit(&total->lines);
    memset(total, 0, sizeof *total);
}

void verify_total_equal(struct verify_total *total, uint64_t records)
{
    total->counts[VERIFY_IS_EQUAL]++;
    total->records += records;
}

void verify_total_other(struct verify_total *total, enum verify_outcome outcome,
                        enum exit_code code, const char *where, const char *why)
{
    total->counts[outcome]++;
    total->code = exit_code_worse(total->code, code);
    buf_printf(&total->lines, "%s: %s\n", where, why);
}

size_t verify_total_done(const struct verify_total *total)
{
    size_t done = 0;
    for (size_t i = 0; i < VERIFY_OUTCOMES; i++) {
        done += total->counts[i];
    }
    return done;
}

static void add(struct buf *out, size_t count, const char *of_one, const char *of_many)
{
    if (count > 0) {
        buf_printf(out, ", %zu %s", count, count == 1 ? of_one : of_many);
    }
}

void verify_total_write(const struct verify_total *total, struct buf *out)
{
    const size_t *counts = total->counts;
    size_t equal = counts[VERIFY_IS_EQUAL];
    buf_append_span(out, buf_span(&total->lines));
    if (equal == total->pairs) {
        buf_printf(out,
                   total->is_sampled ? "no difference found in %zu collections: %" PRIu64
                                       " records\n"
                                     : "%zu collections are equal: %" PRIu64 " records\n",
                   equal, total->records);
        return;
    }
    if (total->is_sampled) {
        buf_printf(out, "no difference found in %zu of %zu collections", equal, total->pairs);
    } else {
        buf_printf(out, "%zu of %zu collections %s equal", equal, total->pairs,
                   equal == 1 ? "is" : "are");
    }
    add(out, counts[VERIFY_IS_DIFFERENT], "differs", "differ");
    add(out, counts[VERIFY_IS_ABSENT], "is not at the target", "are not at the target");
    add(out, counts[VERIFY_IS_UNKNOWN], "could not be compared", "could not be compared");
    add(out, total->pairs - verify_total_done(total), "was not reached", "were not reached");
    buf_append_byte(out, '\n');
}
