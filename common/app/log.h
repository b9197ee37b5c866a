/*
 * Logging: logfmt lines on stderr, one per event, UTC with milliseconds, values escaped by the logger. Only programs log;
 * libraries return errors. Level by FERRY_LOG (error, warn, info, debug; default info). Not thread safe.
 *     ts=2026-11-21T10:09:00.123Z program=ferry-consumer level=info event=batch.verified job=12 batch=3 records=300
 */
#ifndef APP_LOG_H
#define APP_LOG_H

#include <stdint.h>

#include "base/bytes.h"

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};

struct log_field {
    const char *name;
    enum {
        LOG_FIELD_TEXT,
        LOG_FIELD_NUMBER
    } type;
    const char *text;
    int64_t number;
};
#define LOG_TEXT(name_, text_)                                                                     \
    ((struct log_field){.name = (name_), .type = LOG_FIELD_TEXT, .text = (text_)})
#define LOG_NUMBER(name_, number_)                                                                 \
    ((struct log_field){.name = (name_), .type = LOG_FIELD_NUMBER, .number = (int64_t)(number_)})

/* Both until the next call; program is borrowed, NULL leaves it out. Opens /dev/null where a standard descriptor is
 * closed, so that no socket becomes the log: to be called before anything is opened. */
void log_configure(const char *program, enum log_level level);
bool log_level_parse(const char *name, enum log_level *out);
void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count);
#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                           \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
