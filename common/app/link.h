/*
 * What one server needs beside its secret to be reached: certificates, and header lines for a gateway in front of it.
 * Bound to an origin like the secret (secret.h): for any other server there is nothing, and no error.
 */
#ifndef APP_LINK_H
#define APP_LINK_H

#include "app/secret.h"

#define LINK_HEADER_BYTES 4096
#define LINK_HEADERS      16

struct link {
    const char *ca_file;   /* borrowed from the options, as are the next two; NULL: the system's */
    const char *cert_file; /* NULL: no client certificate */
    const char *key_file;  /* NULL: in cert_file */
    char headers
        [LINK_HEADER_BYTES]; /* lines, each with its NUL, then an empty one; may be secrets */
};

/* FERRY_SOURCE_CA_FILE, _CERT_FILE, _KEY_FILE (or TARGET), and header_file (FERRY_SOURCE_HEADER_FILE, or its flag; NULL:
 * none), "Name: value" lines; blank ones and those that begin with # say nothing. secret_header: as secret_find has
 * written it, "" for none; the same header twice is refused, as are those that the program itself must send. ERROR_USAGE
 * names variable, file and line, never a value. */
MUST_CHECK bool link_find(const struct option_set *options, const struct secret_request *request,
                          const char *header_file, const char *secret_header, struct link *out,
                          struct error *err);

#endif
