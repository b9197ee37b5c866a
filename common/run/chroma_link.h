/*
 * What a Chroma needs beside its secret to be reached (app/link.h), put where requests take it from.
 */
#ifndef RUN_CHROMA_LINK_H
#define RUN_CHROMA_LINK_H

#include "app/secret.h"
#include "net/chroma.h"

/* After secret_find has filled chroma's auth_header; what to do when that is refused comes along. header_file: of that side, or
 * NULL. The first time that secrets would
 * travel over http:// beyond this machine it is logged as secret.in_clear, and *is_warned is set. ERROR_USAGE as of
 * link_find. */
MUST_CHECK bool chroma_link(struct chroma *chroma, const struct option_set *options,
                            const struct secret_request *request, const char *header_file,
                            bool *is_warned, struct error *err);

#endif
