/*
 * Clocks, kernel randomness and the repeatable generator for jitter. Thin on purpose: nothing here
 * decides anything.
 */
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define EARLIEST_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define LATEST_MS   INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static int64_t clock_read_us(clockid_t id)
{
    struct timespec now;

    if (clock_gettime(id, &now) != 0) {
        abort(); /* a kernel without these clocks is older than anything we run on */
    }
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_boottime_ms(void)
{
    return clock_read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_boottime_us(void)
{
    return clock_read_us(CLOCK_BOOTTIME);
}

int64_t clock_wall_ms(void)
{
    return clock_read_us(CLOCK_REALTIME) / 1000;
}

void clock_format_utc(int64_t wall_ms, char out[25])
{
    int64_t ms = wall_ms < EARLIEST_MS ? EARLIEST_MS : wall_ms > LATEST_MS ? LATEST_MS : wall_ms;
    int64_t milli = (ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)((ms - milli) / 1000);
    struct tm utc = {0};
    char text[96]; /* wide enough for what the compiler thinks the fields could hold */

    gmtime_r(&seconds, &utc);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)milli);
    snprintf(out, 25, "%.24s", text);
}

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            abort(); /* going on with predictable identifiers would be worse */
        }
        at += got;
        len -= (size_t)got;
    }
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    rng->state = seed;
}

uint64_t rng_next(struct rng *rng) /* SplitMix64: any seed is a good seed */
{
    uint64_t z;

    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = rng->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    uint64_t uneven; /* so many of the lowest values would make some results likelier */
    uint64_t value;

    assert(bound > 0);
    uneven = (UINT64_MAX - bound + 1) % bound;
    do {
        value = rng_next(rng);
    } while (value < uneven);
    return value % bound;
}

uint32_t backoff_ms(struct rng *rng, uint32_t attempt, uint32_t base_ms, uint32_t cap_ms)
{
    uint64_t most = attempt < 32 ? (uint64_t)base_ms << attempt : base_ms == 0 ? 0 : UINT64_MAX;
    uint64_t least = base_ms / 2;

    if (most > cap_ms) {
        most = cap_ms;
    }
    if (least > most) {
        least = most;
    }
    return (uint32_t)(least + rng_below(rng, most - least + 1));
}
