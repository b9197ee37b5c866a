/*
 * What a check-up found: a list of findings, each one line for people, and the exit code that they add up to. Pure but for
 * memory; who looks is doctor*.c.
 */
#ifndef PRODUCER_CHECKUP_H
#define PRODUCER_CHECKUP_H

#include "app/exit_code.h"
#include "base/bytes.h"
#include "base/error.h"

enum check_state {
    CHECK_OK,
    CHECK_WARNING,
    CHECK_FAIL,
    CHECK_SKIPPED, /* what it needs has failed, or was not given */
};

struct finding {
    const char *area; /* "source", "kafka" …; static */
    const char *name; /* "dns" …; static */
    enum check_state state;
    enum exit_code code; /* of a fail */
    char found[640];     /* one line, no secrets */
    char advice[240];    /* what to do, or "" */
};

#define CHECKUP_MOST 64
struct checkup { /* zeroed: empty */
    struct finding findings[CHECKUP_MOST];
    size_t count;
};

/* Beyond CHECKUP_MOST: the last one is overwritten by an internal error. */
void checkup_add(struct checkup *checkup, const char *area, const char *name,
                 enum check_state state, const char *advice, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* A fail, with the error's message and exit code. */
void checkup_fail(struct checkup *checkup, const char *area, const char *name, const char *advice,
                  const struct error *err);
/* 0 without a fail, whatever was warned of or skipped; else the one that wins (design §7). */
enum exit_code checkup_exit_code(const struct checkup *checkup);
size_t checkup_number(const struct checkup *checkup, enum check_state state);

const char *check_state_name(enum check_state state);
/* "fail     source   tcp         127.0.0.1:1: connection refused -> start the server\n" */
void checkup_write_line(const struct finding *finding, struct buf *out);
void checkup_write_json(const struct finding *finding, struct buf *out); /* one object */

#endif
