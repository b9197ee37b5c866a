/*
 * Which collections a job moves, and where to: patterns and maps as people give them, names as the servers list them, pairs
 * out. Pure: who asks the servers is mapping.c. All texts live in the arena, or are borrowed from the options.
 */
#ifndef PRODUCER_CHOICE_H
#define PRODUCER_CHOICE_H

#include "base/arena.h"
#include "base/bytes.h"

#define CHOICE_STARS 8 /* in one pattern, or one side of a map */

struct choice_wish {   /* as given; lists by commas; NULL: not given */
    const char *names; /* names and patterns of collections */
    bool is_all;
    const char *exclude;     /* patterns */
    const char *maps;        /* [[TENANT/]DATABASE/]PATTERN=[[TENANT/]DATABASE/]PATTERN */
    const char *prefix;      /* before every name at the target */
    const char *target_name; /* of the one collection */
};

struct choice_place { /* where collections are; NULL: the side's own tenant, or database */
    const char *tenant;
    const char *database; /* of a place to look at, perhaps a pattern */
};

struct choice_pair {
    struct choice_place source, target;
    const char *name, *target_name;
};

enum choice_part {
    CHOICE_TENANT,
    CHOICE_DATABASE,
    CHOICE_NAME,
    CHOICE_PARTS
};

struct choice_pattern {
    const char *text;
    bool has_matched;
};

struct choice_map {
    const char *text;                                     /* whole */
    const char *left[CHOICE_PARTS], *right[CHOICE_PARTS]; /* NULL: the side's own */
    bool
        is_in_order; /* the stars of the right stand for those of the left in order; else part by part */
    bool has_matched;
};

struct choice {
    struct choice_wish wish;
    struct arena *arena;
    struct choice_pattern *names, *excludes;
    struct choice_map *maps;
    size_t name_count, exclude_count, map_count;
    struct choice_place own_source, own_target; /* choice_at */
    struct choice_pair *pairs;                  /* those chosen, as they were offered */
    size_t count;
};

/* ERROR_USAGE: what was given makes no sense, whatever the servers hold. */
MUST_CHECK bool choice_read(struct choice *out, const struct choice_wish *wish, struct arena *arena,
                            struct error *err);
/* One collection, named in full: no server need be asked what it holds. */
bool choice_is_single(const struct choice *choice);
/* The tenant and database that each side means when none is named; to be told before anything is offered. */
void choice_at(struct choice *choice, const struct choice_place *source,
               const struct choice_place *target);
/* The places to look at: the i-th, false when there are no more. A database may be a pattern. */
bool choice_place_at(const struct choice *choice, size_t i, struct choice_place *out);
bool choice_is_pattern(const char *text);
bool choice_matches(const char *pattern, const char *text);
/* A collection that is there; kept when it is chosen. The place's names are whole, never NULL; they are copied. */
MUST_CHECK bool choice_offer(struct choice *choice, const struct choice_place *place,
                             const char *name, struct error *err);
/* All have been offered. ERROR_USAGE or ERROR_NOT_FOUND: something that was named matches nothing, nothing is left, two
 * go to one, or a name that was made is none that a Chroma takes. */
MUST_CHECK bool choice_close(struct choice *choice, struct error *err);
/* What a job of many collections is named after: "all", or the first pattern without its stars. */
void choice_title(const struct choice *choice, char *out, size_t size);
/* Would Chroma take it as a collection's name? */
bool choice_name_is_valid(const char *name);

#endif
