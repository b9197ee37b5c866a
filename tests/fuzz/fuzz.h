/*
 * What the fuzzers share: a check that ends the program, and an input that is eaten from the front. A fuzzer states what must
 * hold for every input, not only that nothing crashes; the sanitizers see to the rest.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/utf8.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte of what is left, 0 at the end. */
static inline uint8_t fuzz_byte(struct span *input)
{
    uint8_t byte = input->len > 0 ? input->ptr[0] : 0;

    if (input->len > 0) {
        input->ptr++;
        input->len--;
    }
    return byte;
}

/* Up to the next NUL, which is dropped, or to the end. */
static inline struct span fuzz_part(struct span *input)
{
    const uint8_t *stop = input->len > 0 ? memchr(input->ptr, 0, input->len) : NULL;
    struct span part = {input->ptr, stop != NULL ? (size_t)(stop - input->ptr) : input->len};
    size_t taken = part.len + (stop != NULL);

    if (taken > 0) {
        input->ptr += taken;
        input->len -= taken;
    }
    return part;
}

/* The same as a string on the heap, so that reading behind it is seen. */
static inline char *fuzz_string(struct span part)
{
    char *text = malloc(part.len + 1);

    REQUIRE(text != NULL);
    if (part.len > 0) {
        memcpy(text, part.ptr, part.len);
    }
    text[part.len] = '\0';
    return text;
}

/* What every failure owes its reader: a kind, and one line of UTF-8 without control characters. */
static inline void fuzz_check_outcome(bool ok, const struct error *err)
{
    const uint8_t *at = (const uint8_t *)err->message;
    const uint8_t *end = at + strnlen(err->message, sizeof err->message);

    REQUIRE(ok == (err->kind == ERROR_NONE));
    REQUIRE(ok || err->kind != ERROR_BUG);
    REQUIRE(ok || end > at);
    while (at < end) {
        size_t len = utf8_sequence(at, end);

        REQUIRE(len > 0 && *at >= ' ' && *at != 0x7f);
        at += len;
    }
}

#endif
