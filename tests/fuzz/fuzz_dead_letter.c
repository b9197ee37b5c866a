/* A dead letter from any id and any words of a server: ID NUL MESSAGE NUL TOPIC. Headers are UTF-8, one line each, and fit. */
#include "fuzz.h"

#include "format/dead_letter.h"

static void check(const struct dead_letter *letter, bool is_reject)
{
    struct error err = {0};

    REQUIRE(buf_check(&letter->key, "key", &err) && letter->key.len > 0);
    REQUIRE(letter->header_count > 0 && letter->header_count <= DEAD_LETTER_HEADERS);
    for (size_t i = 0; i < letter->header_count; i++) {
        const char *value = letter->headers[i].value;
        const uint8_t *at = (const uint8_t *)value;
        const uint8_t *end = at + strnlen(value, DEAD_LETTER_TEXT);

        REQUIRE(letter->headers[i].name != NULL && end < at + DEAD_LETTER_TEXT);
        while (at < end) {
            size_t len = utf8_sequence(at, end);

            REQUIRE(len > 0 && *at >= ' ' && *at != 0x7f);
            at += len;
        }
    }
    REQUIRE(!is_reject || memchr(letter->key.ptr, '/', letter->key.len) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {data, size};
    struct span id = fuzz_part(&input);
    struct span message = fuzz_part(&input);
    char *topic = fuzz_string(fuzz_part(&input));
    struct uuid ledger = {"6f9619ff-8b86-4d01-b42d-00cf4fc964ff"};
    struct dead_letter_place place = {topic, (int)(size % 7), (int64_t)size};
    struct dead_letter_reject reject = {place, "ferry-consumer", ledger,    12, 3,      1, 2,
                                        422,   "delivery",       "refused", id, message};
    struct dead_letter_poison poison = {place, "ferry-consumer", ledger, message};
    struct dead_letter letter;

    dead_letter_init(&letter);
    dead_letter_of_reject(&reject, (enum dead_letter_value)(size % 3), size, &letter);
    check(&letter, true);
    dead_letter_of_poison(&poison, (enum dead_letter_value)(size % 3), size, &letter);
    check(&letter, false);
    dead_letter_deinit(&letter);
    free(topic);
    return 0;
}
