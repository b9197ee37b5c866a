/* Counting, and the lines of --combined; see verify_report.h. What people and programs are told at the end is verify_tell.c. */
#include "producer/verify_report.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/json_write.h"

#define LINE_BYTES (8u * LIMIT_RECORD_ID) /* an id of which every byte is escaped */

static const struct {
    char letter;
    const char *name;
} MARKS[VERIFY_MARKS] = {
    [VERIFY_EQUAL] = {'=', "equal"},     [VERIFY_ROUNDED] = {'=', "rounded"},
    [VERIFY_MISSING] = {'-', "missing"}, [VERIFY_EXTRA] = {'+', "extra"},
    [VERIFY_DIFFERS] = {'*', "differs"}, [VERIFY_UNREADABLE] = {'!', "unreadable"},
};

char verify_mark_letter(enum verify_mark mark)
{
    return MARKS[mark].letter;
}

const char *verify_mark_name(enum verify_mark mark)
{
    return MARKS[mark].name;
}

/* The code point of a character that JSON may hold as it is but a line or a terminal should not: DEL, the C1 controls, the
 * line and paragraph separators. 0: none. */
static unsigned unfit(const uint8_t *at, const uint8_t *end, size_t *len)
{
    size_t left = (size_t)(end - at);
    *len = 1;
    if (at[0] == 0x7f) {
        return 0x7f;
    }
    if (left >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
        *len = 2;
        return at[1];
    }
    if (left >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9)) {
        *len = 3;
        return at[2] == 0xa8 ? 0x2028 : 0x2029;
    }
    return 0;
}

static bool is_plain(struct span id)
{
    if (id.len > 0 && id.ptr[0] == '"') {
        return false;
    }
    for (size_t i = 0; i < id.len; i++) {
        size_t len = 0;
        if (id.ptr[i] < 0x20 || unfit(id.ptr + i, id.ptr + id.len, &len) != 0) {
            return false;
        }
    }
    return true;
}

void verify_write_json_id(struct buf *out, struct span id)
{
    struct buf json;
    size_t len = 0;
    buf_init(&json, LINE_BYTES);
    json_write_string(&json, id);
    for (size_t i = 0; i < json.len; i += len) {
        unsigned code = unfit(json.ptr + i, json.ptr + json.len, &len);
        if (code != 0) {
            buf_printf(out, "\\u%04x", code);
        } else {
            buf_append(out, json.ptr + i, len);
        }
    }
    buf_deinit(&json);
}

void verify_write_line(struct buf *out, enum verify_mark mark, struct span id)
{
    buf_append_byte(out, (uint8_t)MARKS[mark].letter);
    buf_append_byte(out, ' ');
    if (is_plain(id)) {
        buf_append_span(out, id);
    } else {
        verify_write_json_id(out, id);
    }
    buf_append_byte(out, '\n');
}

bool verify_report_open(struct verify_report *report, const char *path, struct error *err)
{
    memset(report, 0, sizeof *report);
    if (path == NULL) {
        return true;
    }
    snprintf(report->path, sizeof report->path, "%s", path);
    report->is_stdout = strcmp(path, "-") == 0;
    report->file = report->is_stdout ? stdout : fopen(path, "we");
    if (report->file == NULL) {
        return error_set(err, ERROR_USAGE, "--combined %s cannot be written: %s", path,
                         strerror(errno));
    }
    return true;
}

static bool fail(const struct verify_report *report, int code, struct error *err)
{
    error_set(err, ERROR_IO, "%s could not be written: %s",
              report->is_stdout ? "standard output" : report->path, strerror(code));
    err->native = code;
    return false;
}

/* Frees the line. */
static bool put_line(const struct verify_report *report, struct buf *line, struct error *err)
{
    bool ok = buf_check(line, "a line", err);
    if (ok && fwrite(line->ptr, line->len, 1, report->file) != 1) {
        ok = fail(report, errno, err);
    }
    buf_deinit(line);
    return ok;
}

static bool write_line(const struct verify_report *report, enum verify_mark mark, struct span id,
                       struct error *err)
{
    struct buf line;
    buf_init(&line, LINE_BYTES + 8);
    verify_write_line(&line, mark, id);
    return put_line(report, &line, err);
}

bool verify_report_remark(struct verify_report *report, const char *text, struct error *err)
{
    struct buf line;
    if (report->file == NULL) {
        return true;
    }
    buf_init(&line, LINE_BYTES);
    buf_printf(&line, "# %s\n", text);
    return put_line(report, &line, err);
}

static void remember(struct verify_report *report, enum verify_mark mark, struct span id,
                     const char *field, const char *detail)
{
    struct verify_finding *found = &report->shown[report->shown_count++];
    found->mark = mark;
    buf_init(&found->id, LIMIT_RECORD_ID);
    buf_append_span(&found->id, id);
    snprintf(found->field, sizeof found->field, "%s", field != NULL ? field : "");
    snprintf(found->detail, sizeof found->detail, "%.300s", detail != NULL ? detail : "");
}

bool verify_report_id(struct verify_report *report, enum verify_mark mark, struct span id,
                      const char *field, const char *detail, struct error *err)
{
    report->counts[mark]++;
    if (mark != VERIFY_EQUAL && mark != VERIFY_ROUNDED && report->shown_count < VERIFY_SHOWN) {
        remember(report, mark, id, field, detail);
    }
    return report->file == NULL || write_line(report, mark, id, err);
}

bool verify_report_finish(struct verify_report *report, struct error *err)
{
    FILE *file = report->file;
    report->file = NULL;
    if (file == NULL) {
        return true;
    }
    bool ok = fflush(file) == 0 && !ferror(file);
    int code = errno;
    if (!report->is_stdout && fclose(file) != 0 && ok) {
        code = errno;
        ok = false;
    }
    return ok || fail(report, code, err);
}

void verify_report_next(struct verify_report *report)
{
    for (size_t i = 0; i < report->shown_count; i++) {
        buf_deinit(&report->shown[i].id);
    }
    report->shown_count = 0;
    memset(report->counts, 0, sizeof report->counts);
}

void verify_report_deinit(struct verify_report *report)
{
    struct error ignored = {0};
    (void)!verify_report_finish(report, &ignored);
    verify_report_next(report);
}

uint64_t verify_report_differences(const struct verify_report *report)
{
    return report->counts[VERIFY_MISSING] + report->counts[VERIFY_EXTRA] +
           report->counts[VERIFY_DIFFERS] + report->counts[VERIFY_UNREADABLE];
}
