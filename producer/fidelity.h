/*
 * The fidelity report: which settings of a source collection its target does not get as they are. Records are never in it:
 * those are compared one by one. Pure: collection objects in, rows out.
 */
#ifndef PRODUCER_FIDELITY_H
#define PRODUCER_FIDELITY_H

#include "net/chroma.h"

#define FIDELITY_ROWS 48 /* the others are counted */

struct fidelity_row { /* printable, long ones cut */
    char setting[128];
    char source[128]; /* JSON, or words in brackets: (not set) */
    char target[128]; /* what the target gets, or has */
};

struct fidelity {
    struct fidelity_row rows[FIDELITY_ROWS];
    size_t count, more;
    bool
        is_unfinished; /* all that differs is what follows a creation: hnsw:* keys of the metadata that are not there yet */
};

/* What a target that is yet to be made by chroma_create_body() will get otherwise. */
MUST_CHECK bool fidelity_expect(const struct chroma_collection *source, enum chroma_index_kind kind,
                                struct fidelity *out, struct error *err);
/* In what a target that exists differs. Name, dimension and space are not compared here: differing ones
 * are refused. Of an old server hnsw:* metadata is its index, and compared as such only. */
MUST_CHECK bool fidelity_compare(const struct chroma_collection *source,
                                 const struct chroma_collection *target,
                                 enum chroma_index_kind kind, struct fidelity *out,
                                 struct error *err);
/* A row about something that is not a setting of chroma_each_setting(). */
void fidelity_note(struct fidelity *to, const char *setting, const char *source,
                   const char *target);
/* Adds the rows of `more` about settings that `to` does not name; returns how many. */
size_t fidelity_add(struct fidelity *to, const struct fidelity *more);

/* Lines "  setting: source -> target\n", from row `first` on. */
void fidelity_write_lines(const struct fidelity *fidelity, size_t first, struct buf *out);
/* [{"setting":…,"source":…,"target":…},…] */
void fidelity_write_json(const struct fidelity *fidelity, struct buf *out);

#endif
