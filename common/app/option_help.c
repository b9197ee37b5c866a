/*
 * --help: from the same table that parses, so that it cannot promise what the program does not take. Plain text for 80
 * columns, the same on a terminal and in a file: no colours, no pager, no look at the terminal's width.
 */
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
#include "app/option.h"
#include "app/option_parts.h"
#include "base/bytes.h"
#include "base/limits.h"

#define COLUMNS      80
#define HELP_INDENT  30
#define OTHER_GROUP  "General"
#define LONGEST_HELP (256u * KIB)

/* Columns, not bytes: a continuation byte of UTF-8 takes none. */
static size_t width_of(struct span text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++) {
        width += (text.ptr[i] & 0xC0) != 0x80;
    }
    return width;
}

/* Words from column `at` on; lines that follow begin at `indent`. Ends the line. */
static void write_wrapped(struct buf *out, size_t at, size_t indent, const char *text)
{
    bool is_first = true;
    while (*text != '\0') {
        struct span word = {(const uint8_t *)text, strcspn(text, " ")};
        size_t width = width_of(word);
        if (!is_first && at + 1 + width > COLUMNS) {
            buf_printf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!is_first) {
            buf_append_byte(out, ' ');
            at++;
        }
        buf_append_span(out, word);
        at += width;
        text += word.len;
        text += strspn(text, " ");
        is_first = false;
    }
    buf_append_byte(out, '\n');
}

/* "[required, from 1s to 5m, default 20s, FERRY_LEASE]", as far as there is something to say. */
static void write_facts(struct buf *out, const struct option_row *row)
{
    char range[80];
    const char *separator = " [";
    if (row->required) {
        buf_printf(out, "%srequired", separator);
        separator = ", ";
    }
    if ((row->type == OPTION_NUMBER || row->type == OPTION_DURATION) &&
        (row->min != 0 || row->max != 0)) {
        option_format_range(row, range, sizeof(range));
        buf_printf(out, "%s%s", separator, range);
        separator = ", ";
    }
    if (row->fallback != NULL) {
        buf_printf(out, "%sdefault %s", separator, row->fallback);
        separator = ", ";
    }
    if (row->env != NULL) {
        buf_printf(out, "%s%s", separator, row->env);
        separator = ", ";
    }
    if (separator[0] == ',') {
        buf_append_byte(out, ']');
    }
}

static void write_row(struct buf *out, const struct option_row *row)
{
    struct buf text;
    size_t start = out->len;
    if (row->short_name != 0) {
        buf_printf(out, "  -%c, --%s", row->short_name, row->name);
    } else {
        buf_printf(out, "      --%s", row->name);
    }
    if (row->type != OPTION_FLAG) {
        buf_printf(out, " %s", option_placeholder(row));
    }
    size_t at =
        out->failed == ERROR_NONE ? width_of((struct span){out->ptr + start, out->len - start}) : 0;
    if (at + 2 > HELP_INDENT) {
        buf_append_byte(out, '\n');
        at = 0;
    }
    buf_printf(out, "%*s", (int)(HELP_INDENT - at), "");
    buf_init(&text, 8u * KIB);
    buf_append_str(&text, row->help);
    write_facts(&text, row);
    write_wrapped(out, HELP_INDENT, HELP_INDENT, buf_cstr(&text));
    buf_deinit(&text);
}

static const char *group_of(const struct option_row *row)
{
    return row->group != NULL ? row->group : OTHER_GROUP;
}

static void write_group(struct buf *out, const struct option_row *rows, size_t count,
                        const char *group)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(group_of(&rows[i]), group) == 0) {
            write_row(out, &rows[i]);
        }
    }
}

/* Groups stand in the order in which the table first names them. */
static bool is_first_of_group(const struct option_row *rows, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(group_of(&rows[i]), group_of(&rows[index])) == 0) {
            return false;
        }
    }
    return true;
}

static void write_section(struct buf *out, const char *heading, const char *lines)
{
    if (lines == NULL || *lines == '\0') {
        return;
    }
    buf_printf(out, "\n%s:\n%s", heading, lines);
    if (lines[strlen(lines) - 1] != '\n') {
        buf_append_byte(out, '\n');
    }
}

void option_write_help(const struct option_row *rows, size_t count, const struct option_help *help,
                       struct buf *out)
{
    buf_printf(out, "Usage: %s\n", help->usage);
    if (help->what != NULL) {
        buf_append_byte(out, '\n');
        write_wrapped(out, 0, 0, help->what);
    }
    for (size_t i = 0; i < count; i++) {
        const char *group = group_of(&rows[i]);
        if (is_first_of_group(rows, i) && strcmp(group, OTHER_GROUP) != 0) {
            buf_printf(out, "\n%s:\n", group);
            write_group(out, rows, count, group);
        }
    }
    buf_append_str(out, "\n" OTHER_GROUP ":\n");
    write_group(out, rows, count, OTHER_GROUP);
    write_group(out, option_builtins, OPTION_BUILTINS, OTHER_GROUP);
    write_section(out, "Examples", help->examples);
    write_section(out, "Environment", help->environment);
    write_section(out, "Exit status", exit_code_help());
}

void option_print_help(const struct option_row *rows, size_t count, const struct option_help *help)
{
    struct buf out;
    buf_init(&out, LONGEST_HELP);
    option_write_help(rows, count, help, &out);
    fputs(buf_cstr(&out), stdout);
    buf_deinit(&out);
}
