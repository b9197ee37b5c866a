/* See estimate.h. The window is the ledger's (claim_exports): more than that never waits on the bus for this job. */
#include "producer/estimate.h"

#include <inttypes.h>

#include "base/compiler.h"
#include "base/limits.h"

void estimate_add(struct estimate *estimate, int64_t records, int64_t bytes)
{
    if (estimate->seen < ESTIMATE_BATCHES) {
        estimate->seen++;
        estimate->records += records;
        estimate->bytes += bytes;
    }
}

int64_t estimate_bytes(const struct estimate *estimate, int64_t records)
{
    if (estimate->records == 0 || records <= 0) {
        return 0;
    }
    /* In pieces, because records × bytes may be more than fits. */
    int64_t mean = estimate->bytes / estimate->records;
    int64_t rest = estimate->bytes % estimate->records;
    return mean * records + (rest * records + estimate->records - 1) / estimate->records;
}

void estimate_write_size(struct buf *out, int64_t bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++) {
        value /= 1000;
    }
    buf_printf(out, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* The most that waits there at a time: the window is one of batches and of bytes. */
static int64_t window(const struct estimate *estimate, int64_t total)
{
    int64_t batches = estimate->bytes / estimate->seen * LIMIT_PUBLISH_AHEAD;
    int64_t most = batches < LIMIT_PUBLISH_AHEAD_BYTES ? batches : LIMIT_PUBLISH_AHEAD_BYTES;
    return total < most ? total : most;
}

bool estimate_say(struct estimate *estimate, const struct estimate_rest *rest, struct buf *out)
{
    int64_t wanted = rest->batches < ESTIMATE_BATCHES ? rest->batches : ESTIMATE_BATCHES;
    if (estimate->is_said || wanted == 0 || estimate->seen < wanted) {
        return false;
    }
    estimate->is_said = true;
    int64_t total = estimate_bytes(estimate, rest->records);
    if (total == 0) {
        return false;
    }
    buf_append_str(out, "about ");
    estimate_write_size(out, total);
    buf_printf(out, " will go through the topic: %" PRId64 " records of ", rest->records);
    estimate_write_size(out, estimate_bytes(estimate, 1));
    buf_append_str(out, ", compressed; at most ");
    estimate_write_size(out, window(estimate, total));
    buf_append_str(out, " are ahead of the consumers, all of it stays for the topic's retention");
    return true;
}
