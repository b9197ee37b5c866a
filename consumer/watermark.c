/*
 * One lane per partition: a ring of the messages from the lowest unfinished one on, each done or not. What is done
 * at the front leaves the ring, and the place behind it may be stored. Knows nothing of what a message holds or who
 * stores.
 */
#include "consumer/watermark.h"

#include <stdlib.h>

#define NO_OFFSET (-1)

struct mark {
    int64_t offset;
    bool is_done;
};

struct lane {
    int partition;
    int64_t newest;
    size_t start, len;
    struct mark ring[WATERMARK_WINDOW];
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
    if (lane->len == WATERMARK_WINDOW) {
        return WATERMARK_FULL;
    }
    lane->ring[(lane->start + lane->len) % WATERMARK_WINDOW] = (struct mark){offset, false};
    lane->len++;
    lane->newest = offset;
    return WATERMARK_TAKEN;
}

static void set_done(struct lane *lane, int64_t offset)
{
    for (size_t i = 0; i < lane->len; i++) {
        struct mark *mark = &lane->ring[(lane->start + i) % WATERMARK_WINDOW];
        if (mark->offset == offset) {
            mark->is_done = true;
        }
    }
}

bool watermark_done(struct watermark *watermark, uint64_t generation, int partition, int64_t offset,
                    int64_t *out_next)
{
    struct lane *lane =
        generation == watermark->generation ? find_lane(watermark, partition) : NULL;
    bool has_moved = false;

    if (lane == NULL) {
        return false;
    }
    set_done(lane, offset);
    while (lane->len > 0 && lane->ring[lane->start].is_done) {
        *out_next = lane->ring[lane->start].offset + 1;
        lane->start = (lane->start + 1) % WATERMARK_WINDOW;
        lane->len--;
        has_moved = true;
    }
    return has_moved;
}

size_t watermark_unfinished(const struct watermark *watermark)
{
    size_t count = 0;

    for (size_t i = 0; i < watermark->count; i++) {
        const struct lane *lane = &watermark->lanes[i];
        for (size_t k = 0; k < lane->len; k++) {
            count += !lane->ring[(lane->start + k) % WATERMARK_WINDOW].is_done;
        }
    }
    return count;
}
