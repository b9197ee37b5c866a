/*
 * scheme://host:port, in the one form in which servers are compared: lower case, the port always written, IPv6 as the system
 * writes it (RFC 5952). Two spellings of one address are one origin; two names of one server are two.
 */
#ifndef BASE_ORIGIN_H
#define BASE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

#define ORIGIN_SIZE 300

/* Of an address that begins with http:// or https://. *rest: its path, "" or from the slash on, unchecked. ERROR_USAGE says
 * what is wrong with scheme, host or port, and repeats nothing that may be a secret; a zone (fe80::1%eth0) is none that an address has. */
MUST_CHECK bool origin_parse(const char *url, char out[ORIGIN_SIZE], const char **rest,
                             struct error *err);
/* "http://" or "https://" in any case: its length, or 0. */
size_t origin_scheme(const char *url, bool *is_https);

#endif
