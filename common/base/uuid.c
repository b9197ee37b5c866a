/* UUID text: made, read, compared. No binary form; nothing here needs one. */
#include "base/uuid.h"

#include <string.h>

#include "base/clock.h"

#define TEXT_LEN 36u

static bool is_hyphen_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_random(struct uuid *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    size_t nibble = 0;

    random_bytes(bytes, sizeof bytes);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    for (size_t i = 0; i < TEXT_LEN; i++) {
        if (is_hyphen_place(i)) {
            out->text[i] = '-';
        } else {
            uint8_t byte = bytes[nibble / 2];

            out->text[i] = digits[nibble % 2 == 0 ? byte >> 4 : byte & 0xf];
            nibble++;
        }
    }
    out->text[TEXT_LEN] = '\0';
}

static bool parse_text(struct span text, struct uuid *out)
{
    if (text.len != TEXT_LEN) {
        return false;
    }
    for (size_t i = 0; i < TEXT_LEN; i++) {
        char c = (char)text.ptr[i];

        if (c >= 'A' && c <= 'F') {
            c = (char)(c - 'A' + 'a');
        }
        if (is_hyphen_place(i) ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
        out->text[i] = c;
    }
    out->text[TEXT_LEN] = '\0';
    return true;
}

bool uuid_parse(struct span text, struct uuid *out)
{
    struct uuid parsed; /* text may be out's own */

    if (!parse_text(text, &parsed)) {
        out->text[0] = '\0';
        return false;
    }
    *out = parsed;
    return true;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return strcmp(a->text, b->text) == 0;
}
