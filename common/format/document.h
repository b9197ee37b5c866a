/*
 * Small control documents as trees: collection objects, pre-flight answers, error bodies, status output.
 * cJSON lives behind this header and must never see a record (decision 5: it re-types numbers and cuts at \u0000).
 * A node is borrowed from its document. Sizes up to LIMIT_CONTROL_DOCUMENT.
 */
#ifndef FORMAT_DOCUMENT_H
#define FORMAT_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

struct document; /* opaque tree node; the root is owned */

MUST_CHECK bool document_parse(struct span text, struct document **out, struct error *err);
void document_free(struct document *root); /* NULL is fine */

/* All of these accept NULL and return NULL / the fallback then, so that paths can be chained. */
const struct document *document_get(const struct document *node, const char *name);
const struct document *document_at(const struct document *array, int index);
int document_length(const struct document *array); /* elements of an array, 0 otherwise */
const char *document_string(const struct document *node, const char *fallback);
double document_number(const struct document *node, double fallback);
bool document_bool(const struct document *node, bool fallback);
bool document_is_null(const struct document *node); /* also true for NULL */
/* Same values, whatever the order of members; numbers as doubles: 1 equals 1.0. */
bool document_equal(const struct document *left, const struct document *right);

/* Iteration over an object's members, in order: first child, next sibling, and a member's name. */
const struct document *document_first(const struct document *object);
const struct document *document_next(const struct document *member);
const char *document_name(const struct document *member);

#endif
