/* A Chroma that is never asked, and what it might answer. */
#ifndef SUPPORT_CHROMA_FIXTURE_H
#define SUPPORT_CHROMA_FIXTURE_H

#include "net/chroma_internal.h"

static const struct chroma target = {
    .address = {"http://127.0.0.1:8000", "http://127.0.0.1:8000/pre"},
    .tenant = "default_tenant",
    .database = "default_database",
    .role = "target",
};

static inline struct http_answer answer_of(int status, const char *body)
{
    return (struct http_answer){.status = status, .body = span_from_str(body), .trace_id = ""};
}

#endif
