/* Selection sampling: each one is taken with the chance wanted/left, which is why the count comes out exact. */
#include "producer/verify_sample.h"

#include <math.h>
#include <string.h>

#include "base/number.h"

bool verify_sample_parse(const char *text, struct verify_sample_size *out, struct error *err)
{
    size_t len = strlen(text);
    struct verify_sample_size size = {.is_percent = len > 0 && text[len - 1] == '%'};
    struct span number = {(const uint8_t *)text, size.is_percent ? len - 1 : len};
    bool ok = size.is_percent ? number_parse_double(number, &size.percent) && size.percent > 0 &&
                                    size.percent <= 100
                              : number_parse_u64(number, &size.count) && size.count > 0;
    if (!ok) {
        return error_set(err, ERROR_USAGE,
                         "--sample: expected a percentage like 5%% (above 0, to 100%%) or a number "
                         "of records, got \"%.60s\"",
                         text);
    }
    *out = size;
    return true;
}

uint64_t verify_sample_of(const struct verify_sample_size *size, uint64_t total)
{
    uint64_t count =
        size->is_percent ? (uint64_t)ceil((double)total * size->percent / 100) : size->count;
    return count < total ? count : total;
}

void verify_sampler_init(struct verify_sampler *sampler, uint64_t seed, uint64_t total,
                         uint64_t wanted)
{
    rng_seed(&sampler->rng, seed);
    sampler->left = total;
    sampler->wanted = wanted < total ? wanted : total;
}

bool verify_sampler_take(struct verify_sampler *sampler)
{
    if (sampler->left == 0) {
        return false;
    }
    bool is_taken = rng_below(&sampler->rng, sampler->left) < sampler->wanted;
    sampler->left--;
    sampler->wanted -= is_taken;
    return is_taken;
}
