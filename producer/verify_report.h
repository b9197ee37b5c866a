/*
 * What a comparison has found: counts, one line per id for --combined, and the first differences for people. Memory is
 * that of VERIFY_SHOWN ids.
 *
 * A line is a mark, a space and the id:  = equal   - missing at the target   + extra at the target   * differs
 * ! could not be compared. An id that would not stay on its line, or could be taken for the other form (control or line
 * separating characters, a double quote as its first byte), stands there as a JSON string, so a line whose third byte is
 * a double quote is always to be decoded. Of several collections, a line "# SOURCE -> TARGET" stands before those of each.
 */
#ifndef PRODUCER_VERIFY_REPORT_H
#define PRODUCER_VERIFY_REPORT_H

#include <stdio.h>

#include "base/bytes.h"

#define VERIFY_SHOWN 20

enum verify_mark {
    VERIFY_EQUAL,
    VERIFY_ROUNDED, /* equal, but a metadata float moved by at most 4 ULP: "=" as well */
    VERIFY_MISSING,
    VERIFY_EXTRA,
    VERIFY_DIFFERS,
    VERIFY_UNREADABLE,
    VERIFY_MARKS
};

struct verify_finding {
    enum verify_mark mark;
    struct buf id;
    char field[16];   /* of VERIFY_DIFFERS, else "" */
    char detail[320]; /* in words, or "" */
};

struct verify_report { /* zeroed: nothing found, no file */
    FILE *file;        /* or NULL */
    bool is_stdout;
    char path[512];
    uint64_t counts[VERIFY_MARKS];
    struct verify_finding shown[VERIFY_SHOWN];
    size_t shown_count;
};

/* path: of --combined, "-" for standard output, or NULL. ERROR_USAGE when it cannot be written. */
MUST_CHECK bool verify_report_open(struct verify_report *report, const char *path,
                                   struct error *err);
/* Counts it, writes its line, and remembers it if it is one of the first that are not equal. field, detail: or NULL. */
MUST_CHECK bool verify_report_id(struct verify_report *report, enum verify_mark mark,
                                 struct span id, const char *field, const char *detail,
                                 struct error *err);
/* A line "# TEXT" for what follows, or about what came before it; text is one line. */
MUST_CHECK bool verify_report_remark(struct verify_report *report, const char *text,
                                     struct error *err);
/* The next collection: what was found is forgotten, the file goes on. */
void verify_report_next(struct verify_report *report);
/* Ends the file: ERROR_IO when not all of it could be written. */
MUST_CHECK bool verify_report_finish(struct verify_report *report, struct error *err);
void verify_report_deinit(struct verify_report *report);

uint64_t verify_report_differences(const struct verify_report *report); /* missing … unreadable */
char verify_mark_letter(enum verify_mark mark);
const char *verify_mark_name(enum verify_mark mark); /* "missing", for JSON */
/* A JSON string without any character that moves a cursor or ends a line. */
void verify_write_json_id(struct buf *out, struct span id);
void verify_write_line(struct buf *out, enum verify_mark mark, struct span id);

#endif
