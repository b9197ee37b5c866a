/*
 * Which offset of a partition may be stored: everything below it is done (decision 11). Deliveries finish out of
 * order; only the contiguous prefix counts. Every assignment has a generation, and what belongs to an older one is
 * ignored. Pure, no I/O.
 *
 * A message may stay unfinished for as long as its target is away: an open repair is never parked. However much of other
 * jobs is finished beyond it meanwhile, costs no memory here and is never refused: else one target would stop all others
 * (decision 9). Whoever takes the partition over reads all of that again; it is final in the ledger, and is acknowledged as
 * fast as the ledger can be asked.
 */
#ifndef CONSUMER_WATERMARK_H
#define CONSUMER_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages of one partition that are taken in and not done: more than are ever in hand (LIMIT_INTAKE_MESSAGES). */
#define WATERMARK_UNFINISHED 64

struct watermark; /* opaque, heap */

struct watermark *watermark_new(void); /* NULL: no memory */
void watermark_free(struct watermark *watermark);
/* A new assignment: everything known about the former one is forgotten. */
void watermark_assign(struct watermark *watermark, uint64_t generation);

enum watermark_begun {
    WATERMARK_TAKEN,
    WATERMARK_ENDED, /* of another generation: forget the message */
    WATERMARK_FULL,  /* too many are unfinished, or there is no memory: it must not be taken */
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
