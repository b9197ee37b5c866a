/* A JSON value of a text that a test is sure of. Include after cmocka. */
#ifndef SUPPORT_JSON_OF_H
#define SUPPORT_JSON_OF_H

#include "format/json_scan.h"

static inline struct json_value json_of(const char *text)
{
    struct json_scan scan;
    struct json_value value = {0};
    struct error err = {0};

    json_scan_init(&scan, span_from_str(text));
    if (!json_read(&scan, &value, &err) || !json_finish(&scan, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    return value;
}

#endif
