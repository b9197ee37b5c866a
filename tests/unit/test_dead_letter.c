/* Key and headers of dead letters, against the documented example. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "format/dead_letter.h"
#include "format/message.h"
#include "support/expect.h"

#define LEDGER "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"

static struct dead_letter letter;

static int set_up(void **state)
{
    (void)state;
    dead_letter_init(&letter);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dead_letter_deinit(&letter);
    return 0;
}

static struct dead_letter_reject example(void)
{
    struct dead_letter_reject reject = {
        .place = {"ferry.batches", 7, 1048},
        .program = "ferry-consumer",
        .job_id = 12,
        .batch_no = 3,
        .export_rev = 1,
        .attempts = 1,
        .status = 422,
        .stage = "delivery",
        .reason = "refused",
        .id = SPAN_LITERAL("doc-1"),
        .message = SPAN_LITERAL("metadata key \"lang\" is too long"),
    };

    assert_true(uuid_parse(SPAN_LITERAL(LEDGER), &reject.ledger));
    return reject;
}

static const char *header(const char *name)
{
    const char *found = NULL;

    for (size_t i = 0; i < letter.header_count; i++) {
        if (strcmp(letter.headers[i].name, name) == 0) {
            assert_null(found);
            found = letter.headers[i].value;
        }
    }
    return found;
}

static struct span read_file(const char *name, char *text, size_t size)
{
    char path[600];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof path, "%.*s../../schemas/%s",
                   (int)(strlen(__FILE__) - strlen("test_dead_letter.c")), __FILE__, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    len = fread(text, 1, size, file);
    assert_int_equal(fclose(file), 0);
    assert_true(len < size);
    return (struct span){(const uint8_t *)text, len};
}

static void append_quoted(struct buf *out, const char *text)
{
    buf_append_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            buf_append_byte(out, '\\');
        }
        buf_append_byte(out, (uint8_t)*text);
    }
    buf_append_byte(out, '"');
}

static void the_documented_example_is_what_is_written(void **state)
{
    char text[8192];
    struct span want = read_file("dead-letter/example.json", text, sizeof text);
    struct dead_letter_reject reject = example();
    struct buf have;

    (void)state;
    dead_letter_of_reject(&reject, DEAD_LETTER_WHOLE, 0, &letter);
    buf_init(&have, 8192);
    buf_append_str(&have, "  \"key\": ");
    append_quoted(&have, buf_cstr(&letter.key));
    buf_append_str(&have, ",\n  \"headers\": [\n");
    for (size_t i = 0; i < letter.header_count; i++) {
        buf_append_str(&have, "    ");
        append_quoted(&have, letter.headers[i].name);
        buf_append_str(&have, ", ");
        append_quoted(&have, letter.headers[i].value);
        buf_append_str(&have, i + 1 < letter.header_count ? ",\n" : "\n");
    }
    buf_append_str(&have, "  ],\n");
    if (memmem(want.ptr, want.len, have.ptr, have.len) == NULL) {
        fail_msg("schemas/dead-letter/example.json has not:\n%s", buf_cstr(&have));
    }
    buf_deinit(&have);
}

static void a_record_without_a_message_has_no_place(void **state)
{
    struct dead_letter_reject reject = example();

    (void)state;
    reject.place.topic = NULL;
    reject.status = 0;
    reject.attempts = 0;
    reject.stage = "export";
    dead_letter_of_reject(&reject, DEAD_LETTER_ABSENT, 0, &letter);
    assert_null(header("__connect.errors.topic"));
    assert_null(header("__connect.errors.partition"));
    assert_null(header("__connect.errors.offset"));
    assert_null(header("ferry-status"));
    assert_null(header("ferry-attempts"));
    assert_string_equal(header("__connect.errors.stage"), "export");
    assert_string_equal(header("ferry-value"), "absent");
}

static void an_id_is_in_the_key_byte_for_byte(void **state)
{
    struct dead_letter_reject reject = example();
    uint8_t id[300];

    (void)state;
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)i;
    }
    reject.id = (struct span){id, sizeof id};
    dead_letter_of_reject(&reject, DEAD_LETTER_WHOLE, 0, &letter);
    assert_int_equal(letter.key.len, 5 + sizeof id);
    assert_memory_equal(letter.key.ptr, "12/3/", 5);
    assert_memory_equal(letter.key.ptr + 5, id, sizeof id);
}

static void the_longest_id_fits(void **state)
{
    static uint8_t id[LIMIT_RECORD_ID];
    struct dead_letter_reject reject = example();

    (void)state;
    reject.job_id = reject.batch_no = INT64_MAX;
    reject.id = (struct span){id, sizeof id};
    dead_letter_of_reject(&reject, DEAD_LETTER_WHOLE, 0, &letter);
    assert_int_equal(letter.key.failed, ERROR_NONE);
    assert_true(letter.key.len > sizeof id);
}

static void long_and_binary_text_is_cut_and_escaped(void **state)
{
    struct dead_letter_reject reject = example();
    uint8_t message[3000];

    (void)state;
    memset(message, 0xFF, sizeof message);
    message[0] = 'a';
    message[1] = '\0';
    message[2] = '\n';
    reject.message = (struct span){message, sizeof message};
    dead_letter_of_reject(&reject, DEAD_LETTER_WHOLE, 0, &letter);
    const char *shown = header("__connect.errors.exception.message");
    assert_int_equal(strncmp(shown, "a\\x00\\x0a\\xff", 13), 0);
    assert_true(strlen(shown) < DEAD_LETTER_TEXT);
    assert_string_equal(shown + strlen(shown) - 3, "\xe2\x80\xa6");
}

static void a_value_left_out_says_how_large_it_was(void **state)
{
    struct dead_letter_reject reject = example();

    (void)state;
    dead_letter_of_reject(&reject, DEAD_LETTER_OMITTED, 12345678, &letter);
    assert_string_equal(header("ferry-value"), "omitted, too large: 12345678 bytes");
}

static void a_message_is_called_after_its_place(void **state)
{
    struct dead_letter_poison poison = {.place = {"ferry.batches", 11, INT64_MAX},
                                        .program = "ferry-consumer",
                                        .message = SPAN_LITERAL("the message is empty")};

    (void)state;
    assert_true(uuid_parse(SPAN_LITERAL(LEDGER), &poison.ledger));
    dead_letter_of_poison(&poison, DEAD_LETTER_WHOLE, 0, &letter);
    expect_text(buf_span(&letter.key), "ferry.batches/11/9223372036854775807");
    assert_string_equal(header("ferry-kind"), "message");
    assert_string_equal(header("ferry-reason"), "poison");
    assert_string_equal(header("__connect.errors.topic"), "ferry.batches");
    assert_string_equal(header("__connect.errors.partition"), "11");
    assert_string_equal(header("__connect.errors.stage"), "intake");
    assert_string_equal(header("__connect.errors.connector.name"), "ferry." LEDGER);
    assert_string_equal(header("__connect.errors.exception.message"), "the message is empty");
}

/* The last header of a name counts: ours would change what a poisonous message said of itself. */
static void a_poisonous_messages_own_headers_are_not_covered(void **state)
{
    struct dead_letter_poison poison = {.place = {"t", 1, 1}, .program = "p"};
    struct message_header own[MESSAGE_HEADERS];
    struct envelope envelope = {0};

    (void)state;
    message_write_headers(&envelope, own);
    dead_letter_of_poison(&poison, DEAD_LETTER_OMITTED, 1, &letter);
    for (size_t i = 0; i < MESSAGE_HEADERS; i++) {
        assert_null(header(own[i].name));
    }
}

static void a_letter_can_be_written_again(void **state)
{
    struct dead_letter_reject reject = example();
    struct dead_letter_poison poison = {.place = {"t", 1, 2}, .program = "p"};

    (void)state;
    dead_letter_of_poison(&poison, DEAD_LETTER_OMITTED, 1, &letter);
    dead_letter_of_reject(&reject, DEAD_LETTER_WHOLE, 0, &letter);
    expect_text(buf_span(&letter.key), "12/3/doc-1");
    assert_string_equal(header("ferry-value"), "whole");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_documented_example_is_what_is_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_without_a_message_has_no_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_id_is_in_the_key_byte_for_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_id_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_and_binary_text_is_cut_and_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_left_out_says_how_large_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_is_called_after_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_poisonous_messages_own_headers_are_not_covered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_letter_can_be_written_again, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("dead letter", tests, NULL, NULL);
}
