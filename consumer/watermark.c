/*
 * One lane per partition: its unfinished messages, in order. When the lowest is done, all that came before the next one may
 * be stored. Knows nothing of what a message holds or who stores.
 */
#include "consumer/watermark.h"

#include <stdlib.h>
#include <string.h>

#define NO_OFFSET (-1)

struct mark {
    int64_t offset;
    int64_t next; /* one beyond the message before it: to be stored while this is the lowest */
};

struct lane {
    int partition;
    int64_t newest;
    size_t len;
    struct mark unfinished[WATERMARK_UNFINISHED];
};

struct watermark {
    uint64_t generation; /* 0: none yet */
    struct lane *lanes;  /* owned */
    size_t count, cap;
};

struct watermark *watermark_new(void)
{
    return calloc(1, sizeof(struct watermark));
}

void watermark_free(struct watermark *watermark)
{
    if (watermark != NULL) {
        free(watermark->lanes);
        free(watermark);
    }
}

void watermark_assign(struct watermark *watermark, uint64_t generation)
{
    watermark->generation = generation;
    watermark->count = 0;
}

static struct lane *find_lane(const struct watermark *watermark, int partition)
{
    for (size_t i = 0; i < watermark->count; i++) {
        if (watermark->lanes[i].partition == partition) {
            return &watermark->lanes[i];
        }
    }
    return NULL;
}

static struct lane *add_lane(struct watermark *watermark, int partition)
{
    if (watermark->count == watermark->cap) {
        size_t cap = watermark->cap == 0 ? 16 : 2 * watermark->cap;
        struct lane *lanes = reallocarray(watermark->lanes, cap, sizeof *lanes);
        if (lanes == NULL) {
            return NULL;
        }
        watermark->lanes = lanes;
        watermark->cap = cap;
    }
    struct lane *lane = &watermark->lanes[watermark->count++];
    *lane = (struct lane){.partition = partition, .newest = NO_OFFSET};
    return lane;
}

enum watermark_begun watermark_begin(struct watermark *watermark, uint64_t generation,
                                     int partition, int64_t offset)
{
    if (generation != watermark->generation) {
        return WATERMARK_ENDED;
    }
    struct lane *lane = find_lane(watermark, partition);
    if (lane == NULL) {
        lane = add_lane(watermark, partition);
    }
    if (lane == NULL) {
        return WATERMARK_FULL;
    }
    if (offset <= lane->newest) {
        return WATERMARK_BACKWARD;
    }
    if (lane->len == WATERMARK_UNFINISHED) {
        return WATERMARK_FULL;
    }
    lane->unfinished[lane->len++] = (struct mark){.offset = offset, .next = lane->newest + 1};
    lane->newest = offset;
    return WATERMARK_TAKEN;
}

static size_t find_mark(const struct lane *lane, int64_t offset)
{
    size_t at = 0;

    while (at < lane->len && lane->unfinished[at].offset != offset) {
        at++;
    }
    return at;
}

bool watermark_done(struct watermark *watermark, uint64_t generation, int partition, int64_t offset,
                    int64_t *out_next)
{
    struct lane *lane =
        generation == watermark->generation ? find_lane(watermark, partition) : NULL;
    size_t at = lane != NULL ? find_mark(lane, offset) : 0;

    if (lane == NULL || at == lane->len) {
        return false;
    }
    lane->len--;
    memmove(&lane->unfinished[at], &lane->unfinished[at + 1],
            (lane->len - at) * sizeof *lane->unfinished);
    if (at > 0) {
        return false;
    }
    *out_next = lane->len > 0 ? lane->unfinished[0].next : lane->newest + 1;
    return true;
}

size_t watermark_unfinished(const struct watermark *watermark)
{
    size_t count = 0;

    for (size_t i = 0; i < watermark->count; i++) {
        count += watermark->lanes[i].len;
    }
    return count;
}
