/* See refusal.h. The message is the server's, so nothing about its form is certain. */
#include "consumer/refusal.h"

#include <stdbool.h>
#include <string.h>

#define FNV_BASIS 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static uint64_t mix(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * FNV_PRIME;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How long the quoted part is that begins at `at`, with its quotes; 0: none does. An apostrophe after a letter opens
 * nothing. */
static size_t quoted_len(const char *message, size_t at)
{
    char quote = message[at];
    bool is_open =
        quote == '"' || quote == '`' || (quote == '\'' && (at == 0 || !is_letter(message[at - 1])));
    const char *end = is_open ? strchr(message + at + 1, quote) : NULL;

    return end != NULL ? (size_t)(end - (message + at)) + 1 : 0;
}

static size_t number_len(const char *text)
{
    size_t len = 0;

    while (is_digit(text[len]) ||
           (len > 0 && (text[len] == '.' || text[len] == ',') && is_digit(text[len + 1]))) {
        len++;
    }
    return len;
}

uint64_t refusal_likeness(int status, const char *message, struct span id)
{
    uint64_t hash = mix(mix(FNV_BASIS, (uint8_t)status), (uint8_t)((unsigned)status >> 8));
    size_t len = strlen(message);

    for (size_t at = 0; at < len;) {
        size_t masked = 0;
        if (id.len > 0 && id.len <= len - at && memcmp(message + at, id.ptr, id.len) == 0) {
            masked = id.len;
        }
        masked = masked > 0 ? masked : quoted_len(message, at);
        masked = masked > 0 ? masked : number_len(message + at);
        hash = mix(hash, masked > 0 ? 0 : (uint8_t)message[at]);
        at += masked > 0 ? masked : 1;
    }
    return hash;
}
