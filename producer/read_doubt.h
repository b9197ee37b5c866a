/*
 * Is a record that failed alone at fault, or the source? The record and controls (other records, that can be read) are asked in
 * an order drawn by chance, a round of it for each record, in several rounds with growing pauses. Pure: no clock, no I/O, no heap;
 * read_search.c asks the questions.
 *
 * A record is found bad only when in READ_DOUBT_ROUNDS rounds in a row it failed each time and no control ever did, at its first
 * try. A source that fails by itself, whatever it is asked for (at random, every second time, for seconds), would have to fail
 * just where the order drawn names the record: one of READ_DOUBT_ORDERS equally likely orders a round, so
 *
 *     15^-6 = 9e-8 for one run of rounds, and at most 1 + READ_DOUBT_VOIDS = 4 runs in a search: below 4e-7.
 *
 * For one that fails half of its reads at random it is (15/16 / 15 · 1/4)^6 = 64^-6 = 1.5e-11 a run, with the controls around.
 */
#ifndef PRODUCER_READ_DOUBT_H
#define PRODUCER_READ_DOUBT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/limits.h"

#define READ_DOUBT_ROUNDS 6
#define READ_DOUBT_WORD   4 /* questions of a round, before its last control */
#define READ_DOUBT_ORDERS                                                                          \
    ((1u << READ_DOUBT_WORD) - 1) /* of them: all but the one without the record */
#define READ_DOUBT_VOIDS                                                                           \
    3 /* rounds of a record that a failed control may void, before it is left undecided */

enum read_verdict {
    READ_UNKNOWN,
    READ_SUSPECT, /* failed alone, to be confirmed */
    READ_BAD,     /* confirmed */
};

enum doubt_question {
    DOUBT_RECORD,    /* the one at `at`, alone */
    DOUBT_CONTROL,   /* another record of the collection */
    DOUBT_ROUND_END, /* all were asked in this round; read_doubt_round() begins the next */
};

struct read_doubt {
    uint8_t passed[LIMIT_BATCH_RECORDS]; /* rounds in a row in which only the record failed */
    uint8_t voided[LIMIT_BATCH_RECORDS];
    uint32_t round;  /* begun, from 1 */
    size_t at;       /* the record asked about */
    uint8_t word;    /* its questions: a bit that is set is the record, else a control */
    uint8_t place;   /* of the next; READ_DOUBT_WORD: the control behind them */
    bool is_tainted; /* the control before the next record failed */
    size_t undecided;
};

void read_doubt_begin(struct read_doubt *doubt);
/* Begins a round; returns the pause before it. pauses_ms: of all rounds together, when none is voided. */
int64_t read_doubt_round(struct read_doubt *doubt, int64_t pauses_ms);
/* Is any suspect still to be asked about? */
bool read_doubt_is_open(const struct read_doubt *doubt, const enum read_verdict *verdicts,
                        size_t count);
/* The next question; the controls between two records count for both. A round begins behind a control that could be read. */
enum doubt_question read_doubt_next(struct read_doubt *doubt, enum read_verdict *verdicts,
                                    size_t count, struct rng *rng);
/* A control that was not asked for by read_doubt_next() failed. */
void read_doubt_taint(struct read_doubt *doubt);
/* What it was answered. verdicts: a suspect that could be read, or stays undecided, becomes UNKNOWN; one that has failed in
 * all its rounds stays SUSPECT and is not asked about again. */
void read_doubt_answer(struct read_doubt *doubt, enum doubt_question question, bool failed,
                       enum read_verdict *verdicts);
/* Nobody answered: the record's round begins again. */
void read_doubt_again(struct read_doubt *doubt);

static inline bool read_doubt_is_proven(const struct read_doubt *doubt, size_t i)
{
    return doubt->passed[i] >= READ_DOUBT_ROUNDS;
}

#endif
