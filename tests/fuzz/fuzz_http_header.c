/* What is read of HTTP by hand: a refusal's header, Retry-After, and the addresses that people type. The first byte chooses. */
#include "fuzz.h"

#include "net/http_internal.h"

#define NOW_MS  INT64_C(1795267200000) /* 2026-11-21 */
#define MOST_MS 300000u

static void check_refusal(struct span bytes)
{
    struct http_refusal refusal;

    if (http_read_refusal(bytes, &refusal)) {
        REQUIRE(refusal.status >= 400 && refusal.status <= 599);
        REQUIRE(strlen(refusal.retry_after) < sizeof refusal.retry_after);
        REQUIRE(strlen(refusal.trace_id) < sizeof refusal.trace_id);
        REQUIRE(refusal.body.ptr >= bytes.ptr &&
                refusal.body.ptr + refusal.body.len == bytes.ptr + bytes.len);
        REQUIRE(http_retry_after_ms(refusal.retry_after, NOW_MS) <= MOST_MS);
    }
}

static void check_retry_after(const char *value)
{
    uint32_t ms = http_retry_after_ms(value, NOW_MS);

    REQUIRE(ms <= MOST_MS && ms % 1000 == 0);
    if (value[0] != '\0' && strspn(value, "0123456789") == strlen(value) && strlen(value) < 9) {
        unsigned long seconds = strtoul(value, NULL, 10);

        REQUIRE(ms == (seconds < MOST_MS / 1000 ? seconds * 1000 : MOST_MS));
    }
}

/* What an address becomes is an address again, and the same. */
static void check_address(const char *url)
{
    struct http_address first, second;
    struct error err = {0};
    bool ok = http_parse_address(url, &first, &err);

    fuzz_check_outcome(ok, &err);
    if (ok) {
        REQUIRE(strncmp(first.base, first.origin, strlen(first.origin)) == 0);
        REQUIRE(first.base[strlen(first.base) - 1] != '/');
        REQUIRE(strpbrk(first.base, " \t\r\n@?#") == NULL);
        REQUIRE(http_parse_address(first.base, &second, &err));
        REQUIRE(strcmp(first.origin, second.origin) == 0 && strcmp(first.base, second.base) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {data, size};
    uint8_t choice = fuzz_byte(&input);
    char *text;

    if (choice % 3 == 0) {
        check_refusal(input);
        return 0;
    }
    text = fuzz_string(input);
    if (choice % 3 == 1) {
        check_retry_after(text);
    } else {
        check_address(text);
    }
    free(text);
    return 0;
}
