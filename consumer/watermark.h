/*
 * Which offset of a partition may be stored: everything below it is done (decision 11). Deliveries finish out of
 * order; only the contiguous prefix counts. Every assignment has a generation, and what belongs to an older one is
 * ignored. Pure, no I/O.
 */
#ifndef CONSUMER_WATERMARK_H
#define CONSUMER_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the lowest unfinished message of a partition to the newest one: bounds what would be read again. */
#define WATERMARK_WINDOW 64

struct watermark; /* opaque, heap */

struct watermark *watermark_new(void); /* NULL: no memory */
void watermark_free(struct watermark *watermark);
/* A new assignment: everything known about the former one is forgotten. */
void watermark_assign(struct watermark *watermark, uint64_t generation);

enum watermark_begun {
    WATERMARK_TAKEN,
    WATERMARK_ENDED, /* of another generation: forget the message */
    WATERMARK_FULL,  /* window or memory: it must not be taken yet */
    /* Not beyond the newest one: the log was cut and begins again, and offsets name other messages than before. Nothing
     * can be stored in this generation any more: the assignment has to begin anew. */
    WATERMARK_BACKWARD,
};
/* A message has been taken in. */
enum watermark_begun watermark_begin(struct watermark *watermark, uint64_t generation,
                                     int partition, int64_t offset);
/* It is done. True: *out_next is the offset to store now (one beyond the contiguous prefix). False: nothing new. */
bool watermark_done(struct watermark *watermark, uint64_t generation, int partition, int64_t offset,
                    int64_t *out_next);
/* Taken in and not done yet. One that never will be keeps everything beyond it from being stored in this generation. */
size_t watermark_unfinished(const struct watermark *watermark);

#endif
