/*
 * Reading a result by row and column name. A wrong name, row or type is a defect of our SQL or our C that no caller
 * could handle, so it ends the program at once, like a failed assertion.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "store/pg_internal.h"

static _Noreturn void bug(const char *what, const char *column)
{
    fprintf(stderr, "bug: result column \"%s\": %s\n", column, what);
    abort();
}

/* Not PQfnumber(): it folds case and allocates. */
static int column_number(const struct pg_rows *rows, int row, const char *column)
{
    int count = PQnfields(rows->result);

    if (row < 0 || row >= PQntuples(rows->result)) {
        bug("no such row", column);
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(PQfname(rows->result, i), column) == 0) {
            return i;
        }
    }
    bug("not in the result", column);
}

int pg_row_count(const struct pg_rows *rows)
{
    return PQntuples(rows->result);
}

struct span pg_text(const struct pg_rows *rows, int row, const char *column)
{
    int number = column_number(rows, row, column);

    return (struct span){(const uint8_t *)PQgetvalue(rows->result, row, number),
                         (size_t)PQgetlength(rows->result, row, number)};
}

const char *pg_cstr(const struct pg_rows *rows, int row, const char *column)
{
    return PQgetvalue(rows->result, row, column_number(rows, row, column));
}

int64_t pg_i64(const struct pg_rows *rows, int row, const char *column)
{
    struct span text = pg_text(rows, row, column);
    int64_t value = 0;

    if (text.len > 0 && !number_parse_i64(text, &value)) {
        bug("not a 64-bit integer", column);
    }
    return value;
}

bool pg_bool(const struct pg_rows *rows, int row, const char *column)
{
    struct span text = pg_text(rows, row, column);

    if (text.len > 0 && !span_equal(text, SPAN_LITERAL("t")) &&
        !span_equal(text, SPAN_LITERAL("f"))) {
        bug("not a boolean", column);
    }
    return text.len > 0 && text.ptr[0] == 't';
}

bool pg_is_null(const struct pg_rows *rows, int row, const char *column)
{
    return PQgetisnull(rows->result, row, column_number(rows, row, column)) == 1;
}

struct pg_rows *pg_rows_copy(const struct pg_rows *rows)
{
    struct pg_rows *copy = malloc(sizeof *copy);

    if (copy != NULL) {
        copy->result = PQcopyResult(rows->result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
        if (copy->result == NULL) {
            free(copy);
            copy = NULL;
        }
    }
    return copy;
}

void pg_rows_free(struct pg_rows *rows)
{
    if (rows != NULL) {
        PQclear((PGresult *)rows->result);
        free(rows);
    }
}
