/*
 * One event, one line, one write(2). A line holds PIPE_BUF bytes at most, so that the lines of several processes that
 * share a pipe are never mixed. Fields that do not fit are left out, and the line says so. A log that cannot be written
 * is not worth a word or a retry: the work goes on.
 */
#include "app/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

#define TRUNCATED " truncated=true"

struct line {
    char text[PIPE_BUF];
    size_t len;
    bool is_full;      /* the field at hand does not fit */
    bool is_truncated; /* a field was left out */
};

static struct {
    const char *program; /* borrowed */
    enum log_level level;
} settings = {.level = LOG_INFO};

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

/* With descriptor 2 closed, the next socket would get that number, and log lines with it. */
static void keep_standard_descriptors_taken(void)
{
    int fd = 0;
    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = open("/dev/null", O_RDWR);
    }
    if (fd >= 0) {
        close(fd);
    }
}

void log_configure(const char *program, enum log_level level)
{
    settings.program = program;
    settings.level = level;
    keep_standard_descriptors_taken();
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void put(struct line *line, const char *bytes, size_t len)
{
    const size_t room =
        sizeof(line->text) - sizeof(TRUNCATED); /* its NUL's place is the newline's */
    if (line->is_full || len > room - line->len) {
        line->is_full = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool needs_quotes(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"' || text.ptr[i] == '=') {
            return true;
        }
    }
    return text.len == 0;
}

static void put_quoted(struct line *line, struct span text)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = at + text.len;
    put_text(line, "\"");
    while (at < end && !line->is_full) {
        static const char plain[] = "\"\\\n\r\t";
        static const char escaped[][3] = {"\\\"", "\\\\", "\\n", "\\r", "\\t"};
        const char *found = memchr(plain, *at, sizeof(plain) - 1);
        if (found != NULL) {
            put(line, escaped[found - plain], 2);
            at++;
        } else {
            char unit[4];
            size_t taken = 0;
            put(line, unit, utf8_printable(at, end, &taken, unit));
            at += taken;
        }
    }
    put_text(line, "\"");
}

/* A field stands in the line whole or not at all. */
static void put_field(struct line *line, const struct log_field *field)
{
    size_t start = line->len;
    struct span text = span_from_str(field->text != NULL ? field->text : "");
    put_text(line, " ");
    put_text(line, field->name);
    put_text(line, "=");
    if (field->type == LOG_FIELD_NUMBER) {
        char number[24];
        snprintf(number, sizeof(number), "%" PRId64, field->number);
        put_text(line, number);
    } else if (needs_quotes(text)) {
        put_quoted(line, text);
    } else {
        put(line, (const char *)text.ptr, text.len);
    }
    if (line->is_full) {
        line->len = start;
        line->is_full = false;
        line->is_truncated = true;
    }
}

static void write_line(struct line *line)
{
    if (line->is_truncated) {
        memcpy(line->text + line->len, TRUNCATED, sizeof(TRUNCATED) - 1);
        line->len += sizeof(TRUNCATED) - 1;
    }
    line->text[line->len++] = '\n';
    ssize_t written = 0;
    do {
        written = write(STDERR_FILENO, line->text, line->len);
    } while (written < 0 && errno == EINTR);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count)
{
    if (level > settings.level) {
        return;
    }
    int cause = errno; /* logging must not change what a caller is about to look at */
    char now[25];
    struct line line;
    line.len = 0;
    line.is_full = false;
    line.is_truncated = false;
    clock_format_utc(clock_wall_ms(), now);
    put_text(&line, "ts=");
    put_text(&line, now);
    if (settings.program != NULL) {
        put_field(&line, &LOG_TEXT("program", settings.program));
    }
    put_field(&line, &LOG_TEXT("level", level_names[level]));
    put_field(&line, &LOG_TEXT("event", event));
    for (size_t i = 0; i < count; i++) {
        put_field(&line, &fields[i]);
    }
    write_line(&line);
    errno = cause;
}
