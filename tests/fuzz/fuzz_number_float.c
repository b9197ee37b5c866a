/* Numbers against the C library, bit by bit; and floats back into text. */
#include "fuzz.h"

#include <math.h>

#include "base/number.h"

/* How far a JSON number reaches, told apart from the parser under test. */
static size_t number_length(const char *text)
{
    const char *at = text + (*text == '-');
    size_t digits = strspn(at, "0123456789");

    if (digits == 0) {
        return 0;
    }
    at += *at == '0' ? 1 : digits;
    if (*at == '.') {
        digits = strspn(at + 1, "0123456789");
        if (digits == 0) {
            return 0;
        }
        at += 1 + digits;
    }
    if (*at == 'e' || *at == 'E') {
        const char *exponent = at + 1 + (at[1] == '+' || at[1] == '-');

        digits = strspn(exponent, "0123456789");
        if (digits == 0) {
            return 0;
        }
        at = exponent + digits;
    }
    return (size_t)(at - text);
}

static void check_format(float value)
{
    char text[32];
    float again = 0;
    size_t len = float_format(value, text);

    REQUIRE(len > 0 && len <= sizeof text);
    REQUIRE(float_parse((struct span){(const uint8_t *)text, len}, &again));
    REQUIRE(memcmp(&value, &again, sizeof value) == 0);
}

static void check_integers(const char *text)
{
    struct span span = span_from_str(text);
    size_t digits = strspn(text + (*text == '-'), "0123456789");
    bool is_integer = digits > 0 && span.len == digits + (*text == '-');
    int64_t number = 0;
    char shown[32];

    if (number_parse_i64(span, &number)) {
        REQUIRE(is_integer && number == strtoll(text, NULL, 10));
        snprintf(shown, sizeof shown, "%lld", (long long)number);
        REQUIRE(digits > 19 || text[*text == '-'] == '0' || strcmp(shown, text) == 0);
    } else {
        REQUIRE(!is_integer || digits >= 19);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string((struct span){data, size});
    size_t len = number_length(text);
    char *number = fuzz_string((struct span){data, len});
    float have = 0, want;
    double have_double = 0, want_double;
    uint32_t bits = 0;

    REQUIRE(float_scan(data, data + size, &have) == len);
    if (len > 0) {
        want = strtof(number, NULL);
        want_double = strtod(number, NULL);
        REQUIRE(memcmp(&have, &want, sizeof have) == 0);
        REQUIRE(number_parse_double((struct span){data, len}, &have_double));
        REQUIRE(memcmp(&have_double, &want_double, sizeof want_double) == 0);
    }
    if (strlen(text) == size) {
        REQUIRE(float_parse((struct span){data, size}, &have) == (len > 0 && len == size));
        check_integers(text);
    }
    memcpy(&bits, data, size < 4 ? size : 4);
    memcpy(&want, &bits, sizeof want);
    if (isfinite(want)) {
        check_format(want);
    }
    free(number);
    free(text);
    return 0;
}
