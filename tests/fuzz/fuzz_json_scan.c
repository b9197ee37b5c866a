/* The pull reader, and with it the writer: both readers agree, slices lie inside, strings and compact copies mean the same. */
#include "fuzz.h"

#include "format/json_push.h"
#include "format/json_scan.h"
#include "format/json_write.h"

static bool ignore_event(void *ctx, enum json_push_event event, unsigned depth, struct span piece,
                         struct error *err)
{
    (void)ctx;
    (void)event;
    (void)piece;
    (void)err;
    REQUIRE(depth <= LIMIT_JSON_DEPTH);
    return true;
}

static bool push_accepts(struct span text)
{
    struct json_push push;
    struct error err = {0};

    json_push_init(&push, ignore_event, NULL);
    return json_push_feed(&push, text, &err) && json_push_finish(&push, &err);
}

static bool scan_accepts(struct span text, struct json_value *value)
{
    struct json_scan scan;
    struct error err = {0};
    bool ok;

    json_scan_init(&scan, text);
    ok = json_read(&scan, value, &err) && json_finish(&scan, &err);
    fuzz_check_outcome(ok, &err);
    return ok;
}

/* Decoded and written again, a string still says the same. */
static void check_string(struct json_value value)
{
    struct buf first, text, second;
    struct error err = {0};
    struct json_value again;

    buf_init(&first, 1 << 20);
    buf_init(&text, 1 << 23);
    buf_init(&second, 1 << 20);
    REQUIRE(json_decode_string(value, &first, &err));
    for (size_t at = 0; at < first.len;) {
        size_t len = utf8_sequence(first.ptr + at, first.ptr + first.len);

        REQUIRE(len > 0);
        at += len;
    }
    json_write_string(&text, buf_span(&first));
    REQUIRE(buf_check(&text, "text", &err) && scan_accepts(buf_span(&text), &again));
    REQUIRE(json_decode_string(again, &second, &err));
    REQUIRE(span_equal(buf_span(&first), buf_span(&second)));
    buf_deinit(&first);
    buf_deinit(&text);
    buf_deinit(&second);
}

static void check_floats(struct span text)
{
    float out[64];
    struct json_scan scan;
    struct error err = {0};
    size_t count = 0;
    bool finite = true;

    json_scan_init(&scan, text);
    fuzz_check_outcome(json_read_floats(&scan, out, 64, &count, &finite, &err), &err);
    REQUIRE(err.kind != ERROR_NONE || count <= 64);
}

static void check_compact(struct json_value value)
{
    struct buf copy;
    struct error err = {0};
    struct json_value again;

    buf_init(&copy, 1 << 20);
    json_write_compact(&copy, value.text);
    REQUIRE(buf_check(&copy, "copy", &err));
    REQUIRE(copy.len <= value.text.len && memchr(copy.ptr, '\n', copy.len) == NULL);
    REQUIRE(scan_accepts(buf_span(&copy), &again) && again.type == value.type);
    buf_deinit(&copy);
}

/* Walks one level by opening it; members and elements are slices of the whole. */
static void walk(struct json_value value)
{
    struct json_scan scan;
    struct error err = {0};
    struct json_value name, element;
    bool more = true;
    bool is_object = value.type == JSON_OBJECT;

    json_scan_init(&scan, value.text);
    REQUIRE(json_open(&scan, is_object ? '{' : '[', &err));
    for (;;) {
        REQUIRE(is_object ? json_next_member(&scan, &name, &more, &err)
                          : json_next_element(&scan, &more, &err));
        if (!more) {
            break;
        }
        REQUIRE(json_read(&scan, &element, &err));
        REQUIRE(element.text.ptr > value.text.ptr &&
                element.text.ptr + element.text.len < value.text.ptr + value.text.len);
        if (element.type == JSON_STRING) {
            check_string(element);
        }
        if (is_object) {
            check_string(name);
        }
    }
    REQUIRE(json_finish(&scan, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {data, size};
    struct json_value value;

    check_floats(text);
    if (!scan_accepts(text, &value)) {
        REQUIRE(!push_accepts(text));
        return 0;
    }
    REQUIRE(push_accepts(text));
    REQUIRE(value.text.ptr >= data && value.text.ptr + value.text.len <= data + size);
    check_compact(value);
    if (value.type == JSON_STRING) {
        check_string(value);
    } else if (value.type == JSON_OBJECT || value.type == JSON_ARRAY) {
        walk(value);
    }
    return 0;
}
