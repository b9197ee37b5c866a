/*
 * The argument vector into texts and words: --name value, --name=value, -x value, and "--" before words only.
 * No abbreviated names and no -xVALUE. A wrong name is answered with the nearest right one. What stands behind an
 * unknown name is never shown: it may be a secret that was meant well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/option_parts.h"

#define LONGEST_NAME 63
#define FAR          3 /* edits from which on a name is no misspelling of another */

/* Levenshtein distance; names longer than we have are like none of ours. */
static size_t edit_distance(struct span a, struct span b)
{
    size_t row[LONGEST_NAME + 1];
    if (a.len > LONGEST_NAME || b.len > LONGEST_NAME) {
        return FAR;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[b.len];
}

static const char *nearest_name(const struct option_set *set, struct span name)
{
    const char *nearest = NULL;
    size_t least = FAR;
    for (size_t i = 0; i < option_count(set); i++) {
        struct span candidate = span_from_str(option_at(set, i)->name);
        size_t distance = edit_distance(name, candidate);
        if (distance < least && distance + 1 < candidate.len) {
            least = distance;
            nearest = option_at(set, i)->name;
        }
    }
    return nearest;
}

static void refuse_unknown(struct option_parser *parser, const char *dashes, struct span name)
{
    const char *nearest = nearest_name(parser->set, name);
    struct buf shown;
    buf_init(&shown, 512);
    buf_append_printable(&shown, name, LONGEST_NAME);
    if (nearest != NULL) {
        option_report(parser, "unknown option %s%s; did you mean --%s?", dashes, buf_cstr(&shown),
                      nearest);
    } else {
        option_report(parser, "unknown option %s%s", dashes, buf_cstr(&shown));
    }
    buf_deinit(&shown);
}

static size_t find(const struct option_set *set, bool is_long, struct span name)
{
    size_t i = 0;
    for (; i < option_count(set); i++) {
        const struct option_row *row = option_at(set, i);
        if (is_long
                ? span_equal(span_from_str(row->name), name)
                : name.len == 1 && row->short_name != 0 && row->short_name == (char)name.ptr[0]) {
            break;
        }
    }
    return i;
}

/* What follows an option, unless that is the next option: "-" and negative numbers are values. NULL: nothing. */
static const char *following_value(const struct option_parser *parser)
{
    const char *next = parser->at < parser->argc ? parser->argv[parser->at] : NULL;
    if (next != NULL && next[0] == '-' && next[1] != '\0' && (next[1] < '0' || next[1] > '9')) {
        next = NULL;
    }
    return next;
}

/* A list's next value, behind those that stood before it on the command line. */
static void append_text(struct option_parser *parser, size_t index, const char *text)
{
    char *joined = NULL;
    if (asprintf(&joined, "%s,%s", parser->set->values[index].text, text) < 0) {
        parser->has_memory = false;
        return;
    }
    option_set_text(parser, index, joined, OPTION_COMMAND_LINE);
    free(joined);
}

static void take_option(struct option_parser *parser, const char *argument)
{
    bool is_long = argument[1] == '-';
    const char *start = argument + (is_long ? 2 : 1);
    struct span name = {(const uint8_t *)start, strcspn(start, "=")};
    const char *attached = start[name.len] == '=' ? start + name.len + 1 : NULL;
    const char *following = attached == NULL ? following_value(parser) : NULL;
    size_t index = find(parser->set, is_long, name);
    if (index == option_count(parser->set)) {
        refuse_unknown(parser, is_long ? "--" : "-", name);
        parser->at += following != NULL; /* most likely its value, and no problem of its own */
        return;
    }
    const struct option_row *row = option_at(parser->set, index);
    struct option_value *value = &parser->set->values[index];
    if (row->type == OPTION_FLAG) {
        if (attached != NULL) {
            option_report(parser, "--%s takes no value", row->name);
            value->is_refused = true;
        }
        option_set_text(parser, index, "true", OPTION_COMMAND_LINE);
        return;
    }
    parser->at += following != NULL;
    const char *text = attached != NULL ? attached : following;
    if (text == NULL || *text == '\0') {
        option_report(parser, "--%s needs a value: --%s %s", row->name, row->name,
                      option_placeholder(row));
        value->is_refused = true;
        return;
    }
    if (row->type == OPTION_LIST && value->text != NULL) {
        append_text(parser, index, text);
        return;
    }
    option_set_text(parser, index, text, OPTION_COMMAND_LINE);
}

static void take_word(struct option_parser *parser, const char *word)
{
    struct option_set *set = parser->set;
    if (set->word_count == parser->max_words) {
        struct buf shown;
        buf_init(&shown, 512);
        buf_append_printable(&shown, span_from_str(word), LONGEST_NAME);
        option_report(parser, "unexpected argument \"%s\"", buf_cstr(&shown));
        buf_deinit(&shown);
        return;
    }
    char *copy = strdup(word);
    if (copy == NULL) {
        parser->has_memory = false;
        return;
    }
    set->words[set->word_count++] = copy;
}

void option_read_arguments(struct option_parser *parser)
{
    bool words_only = false;
    while (parser->at < parser->argc) {
        const char *argument = parser->argv[parser->at++];
        if (words_only || argument[0] != '-' || argument[1] == '\0') {
            take_word(parser, argument);
        } else if (strcmp(argument, "--") == 0) {
            words_only = true;
        } else {
            take_option(parser, argument);
        }
    }
}

bool option_wants_help(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}
