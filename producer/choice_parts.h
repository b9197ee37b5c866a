/* Between choice.c, choice_read.c, choice_close.c and choice_glob.c only. */
#ifndef PRODUCER_CHOICE_PARTS_H
#define PRODUCER_CHOICE_PARTS_H

#include "producer/choice.h"

size_t choice_stars(const char *text); /* how many; NULL has none */
/* stars: room for CHOICE_STARS, which no pattern that was read exceeds. */
bool choice_match(const char *pattern, const char *text, struct span *stars, size_t *count);
/* The template with what its stars stand for; NULL: out of memory. */
const char *choice_fill(struct arena *arena, const char *template, const struct span *stars);

/* A part of a place, or the side's own. */
const char *choice_or_own(const char *part, const char *own);

#endif
