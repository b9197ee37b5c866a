/* The one place that knows which byte sequences are UTF-8 (Unicode table 3-7: nothing overlong, no
 * surrogates). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length (1…4) of the valid sequence at `at`, 0 when what stands there is invalid or cut off. at <
 * end. */
size_t utf8_sequence(const uint8_t *at, const uint8_t *end);
/* Writes a scalar value (no surrogate, at most U+10FFFF); returns how many bytes. */
size_t utf8_encode(uint32_t scalar, uint8_t out[4]);

/* What a one-line message shows of the text at `at`: *taken bytes of it become the returned number
 * of bytes in out. A control character (also U+0080…U+009F) or an invalid byte comes out as \xNN,
 * all else as it stands. */
size_t utf8_printable(const uint8_t *at, const uint8_t *end, size_t *taken, char out[4]);

#endif
