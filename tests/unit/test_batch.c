/* The batch codec: what goes in comes out, and what is malformed does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "format/base64.h"
#include "format/batch.h"
#include "format/columns.h"
#include "format/gzip.h"

#define LEDGER "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
#define TARGET "3fa85f64-5717-4562-b3fc-2c963f66afa6"
#define HEADER(records)                                                                            \
    "{\"ferry_batch\":1,\"ledger\":\"" LEDGER                                                      \
    "\",\"job\":12,\"batch\":3,\"rev\":1,\"target\":\"" TARGET "\",\"records\":" records "}\n"
#define LINE_A "{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":\"AACAPw==\"}\n"
#define LINE_B "{\"op\":\"upsert\",\"id\":\"b\",\"embedding\":\"AAAAQA==\"}\n"

static struct arena arena;
static struct buf value; /* gzip */
static struct buf text;  /* inflated */

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, LIMIT_BATCH_ARENA);
    buf_init(&value, LIMIT_MESSAGE_WIRE);
    buf_init(&text, LIMIT_INFLATED);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    buf_deinit(&value);
    buf_deinit(&text);
    return 0;
}

static struct batch_header make_header(void)
{
    struct batch_header header = {.job_id = 12, .batch_no = 3, .export_rev = 1};
    assert_true(uuid_parse(SPAN_LITERAL(LEDGER), &header.ledger));
    assert_true(uuid_parse(SPAN_LITERAL(TARGET), &header.target));
    return header;
}

static void compress(struct span lines)
{
    struct gzip_writer *writer = NULL;
    struct error err = {0};
    buf_clear(&value);
    assert_true(gzip_open(&value, &writer, &err));
    assert_true(gzip_write(writer, GZIP_TEXT, lines, &err));
    assert_true(gzip_close(writer, &err));
}

static bool decode(struct span lines, struct batch_header *header, struct record_set *set,
                   struct error *err)
{
    compress(lines);
    buf_clear(&text);
    arena_reset(&arena);
    return batch_decode(buf_span(&value), &text, &arena, header, set, err);
}

/* Encodes, and leaves the inflated lines in text. */
static void encode(const struct record *records, size_t count)
{
    struct batch_header header = make_header();
    struct error err = {0};
    buf_clear(&value);
    buf_clear(&text);
    if (!batch_encode(&header, records, count, &value, &err) ||
        !gzip_inflate(buf_span(&value), &text, &err)) {
        fail_msg("%s", err.message);
    }
}

static struct record_set scan(const char *answer)
{
    struct record_set set = {0};
    struct error err = {0};
    if (!columns_scan(span_from_str(answer), &arena, &set, &err)) {
        fail_msg("%s: %s", answer, err.message);
    }
    return set;
}

static void assert_same_span(struct span a, struct span b)
{
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
}

static void assert_same_record(const struct record *a, const struct record *b)
{
    assert_same_span(a->id, b->id);
    assert_same_span(a->id_json, b->id_json);
    assert_int_equal(a->dimension, b->dimension);
    assert_memory_equal(a->embedding, b->embedding, a->dimension * sizeof(float));
    assert_int_equal(a->is_finite, b->is_finite);
    assert_int_equal(a->document.type, b->document.type);
    assert_same_span(a->document.text, b->document.text);
    assert_int_equal(a->uri.type, b->uri.type);
    assert_same_span(a->uri.text, b->uri.text);
    assert_int_equal(a->metadata.type, b->metadata.type);
    assert_same_span(a->metadata.text, b->metadata.text);
}

/* Values that other encoders spoil; vectors, strings and numbers at their limits. */
static const char HARD[] =
    "{\"ids\":[\"plain\",\"\\\"quotes\\\"\",\"line\\nbreak\",\"a\\/b/"
    "c\\\\\",\"\\u0000\",\"\xf0\x9f\x9a\xa2\","
    "\"\\ud83d\\udea2\\u0041\",\"\"],"
    "\"embeddings\":[[0.1,-2.5e-7],[0.0,-0.0],[3.4028235e38,-3.4028235e38],[1e-45,-1e-45],"
    "[1e-40,7.038531e-26],[16777216,16777217],[1,2],[-1,-2]],"
    "\"documents\":[\"\",null,\"null\",\"a\\u0000b\",\"\xf0\x9f\x9a\xa2 \\\"x\\\" "
    "\\n\",\"\\\\\",\"{}\\\\\\\"\",\"\\u2028\"],"
    "\"uris\":[null,\"\",\"s3:\\/\\/x\",\"null\",null,\"http://h/%00?a=b&c\",null,\"\\u007f\"],"
    "\"metadatas\":[null,{},{\"max\":9223372036854775807,\"min\":-9223372036854775808},"
    "{\"int\":1,\"float\":1.0,\"exp\":1E+2,\"tiny\":1e-40,\"huge\":1e300,\"zero\":-0.0},"
    "{\"id\":\"i\",\"embedding\":[1,2],\"op\":\"delete\",\"metadata\":null,\"\":0},"
    "{\"yes\":true,\"no\":false,\"list\":[1,2.5],\"empty\":[],\"s\":\"\\u0000\"},"
    "{\"sparse\":{\"#type\":\"sparse_vector\",\"indices\":[1],\"values\":[0.5]}},"
    "{\"a\\\"b\":\"\\\"\",\"n\":9007199254740993,\"over\":18446744073709551616}]}";

static void hard_values_come_back_unchanged(void **state)
{
    (void)state;
    struct record_set sent = scan(HARD);
    struct batch_header header = make_header();
    struct batch_header read = {0};
    struct record_set set = {0};
    struct error err = {0};
    assert_int_equal(sent.count, 8);
    buf_clear(&value);
    buf_clear(&text);
    assert_true(batch_encode(&header, sent.records, sent.count, &value, &err));
    if (!batch_decode(buf_span(&value), &text, &arena, &read, &set, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(set.count, sent.count);
    for (size_t i = 0; i < set.count; i++) {
        assert_same_record(&set.records[i], &sent.records[i]);
    }
    assert_true(uuid_equal(&read.ledger, &header.ledger));
    assert_true(uuid_equal(&read.target, &header.target));
    assert_int_equal(read.job_id, 12);
    assert_int_equal(read.batch_no, 3);
    assert_int_equal(read.export_rev, 1);
    assert_int_equal(read.records, 8);
    arena_reset(&arena);
}

static void lines_are_written_as_the_format_says(void **state)
{
    (void)state;
    struct record_set set =
        scan("{\"ids\":[\"a\"],\"embeddings\":[[0.1,-2.5e-7,1.0]],"
             "\"metadatas\":[{ \"k\" : [ 1 ,\n 2.50 ] ,\t\"s p\":\" \\n \" }]}");
    encode(set.records, 1);
    assert_string_equal(
        buf_cstr(&text),
        HEADER("1") "{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":\"zczMPb03hrQAAIA/"
                    "\",\"document\":null,"
                    "\"uri\":null,\"metadata\":{\"k\":[1,2.50],\"s p\":\" \\n \"}}\n");
    arena_reset(&arena);
}

static void the_same_records_give_the_same_bytes(void **state)
{
    (void)state;
    struct record_set set = scan(HARD);
    struct buf first;
    encode(set.records, set.count);
    buf_init(&first, LIMIT_MESSAGE);
    buf_append_span(&first, buf_span(&value));
    encode(set.records, set.count);
    assert_same_span(buf_span(&first), buf_span(&value));
    buf_deinit(&first);
    arena_reset(&arena);
}

static void the_published_example_is_read_and_written_again(void **state)
{
    (void)state;
    static const char here[] = __FILE__;
    static char path[4096];
    const char *slash = strrchr(here, '/');
    (void)snprintf(path, sizeof path, "%.*s../../schemas/batch/example.ndjson",
                   slash != NULL ? (int)(slash + 1 - here) : 0, here);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    static char lines[8192];
    size_t len = fread(lines, 1, sizeof lines - 1, file);
    fclose(file);
    lines[len] = '\0';
    struct batch_header header = {0};
    struct record_set set = {0};
    struct error err = {0};
    if (!decode((struct span){(const uint8_t *)lines, len}, &header, &set, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(header.records, 4);
    assert_int_equal(set.count, 4);
    struct buf again;
    buf_init(&again, LIMIT_MESSAGE);
    assert_true(batch_encode(&header, set.records, set.count, &again, &err));
    buf_clear(&value);
    buf_append_span(&value, buf_span(&again));
    buf_deinit(&again);
    struct buf inflated;
    buf_init(&inflated, LIMIT_INFLATED);
    assert_true(gzip_inflate(buf_span(&value), &inflated, &err));
    assert_string_equal(buf_cstr(&inflated), lines);
    buf_deinit(&inflated);
}

/* Dead letters hold single lines: as they stood in a batch, or as they would stand in one. */
static void a_records_line_is_a_slice_of_its_batch_and_can_be_written_alone(void **state)
{
    (void)state;
    struct record_set sent = scan(HARD);
    struct batch_header header = {0};
    struct record_set set = {0};
    struct error err = {0};
    struct buf inflated;
    struct buf all;
    encode(sent.records, sent.count);
    buf_init(&inflated, LIMIT_INFLATED);
    buf_init(&all, LIMIT_INFLATED);
    if (!batch_decode(buf_span(&value), &inflated, &arena, &header, &set, &err)) {
        fail_msg("%s", err.message);
    }
    const char *operations = strchr(buf_cstr(&inflated), '\n') + 1;
    for (size_t i = 0; i < set.count; i++) {
        size_t start = all.len;
        buf_append_span(&all, batch_line_of(&inflated, &set.records[i]));
        struct buf alone;
        buf_init(&alone, LIMIT_INFLATED);
        batch_write_line(&set.records[i], &alone);
        assert_same_span(buf_span(&alone), (struct span){all.ptr + start, all.len - start});
        buf_deinit(&alone);
    }
    assert_string_equal(buf_cstr(&all), operations);
    buf_deinit(&inflated);
    buf_deinit(&all);
    arena_reset(&arena);
}

static void a_line_without_a_vector_has_null_in_its_place(void **state)
{
    (void)state;
    struct record_set set = scan("{\"ids\":[\"a\",\"b\"],\"embeddings\":[null,[1,null]],"
                                 "\"documents\":[\"x\",null]}");
    struct buf line;
    buf_init(&line, 4096);
    for (size_t i = 0; i < set.count; i++) {
        batch_write_line(&set.records[i], &line);
    }
    assert_string_equal(
        buf_cstr(&line),
        "{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":null,\"document\":\"x\",\"uri\":null,"
        "\"metadata\":null}\n"
        "{\"op\":\"upsert\",\"id\":\"b\",\"embedding\":null,\"document\":null,\"uri\":null,"
        "\"metadata\":null}\n");
    buf_deinit(&line);
    arena_reset(&arena);
}

static void the_idempotency_key_is_that_of_the_worked_example(void **state)
{
    (void)state;
    struct batch_header header = make_header();
    struct digest payload;
    struct digest key;
    char hex[65];
    assert_true(digest_parse(
        SPAN_LITERAL("be7751290906d6fe076097477603ad8508e2747402d4e1c6258439836f325509"),
        &payload));
    batch_idempotency_key(&header, &payload, &key);
    digest_format(&key, hex);
    assert_string_equal(hex, "021c3c3ace58bd3dcfc86ab124a7761c846f9c97de11c351f18316f0e8205170");
}

static void the_idempotency_key_depends_on_every_part(void **state)
{
    (void)state;
    struct batch_header headers[5];
    struct digest payloads[6] = {{{0}}};
    struct digest keys[6];
    for (size_t i = 0; i < 5; i++) {
        headers[i] = make_header();
    }
    headers[1].job_id = 1; /* and batch 23: "12/3" must not be "1/23" */
    headers[1].batch_no = 23;
    headers[2].batch_no = INT64_MAX;
    headers[3].export_rev = 2;
    memcpy(headers[4].target.text, LEDGER, sizeof LEDGER);
    payloads[5].bytes[31] = 1;
    for (size_t i = 0; i < 6; i++) {
        batch_idempotency_key(&headers[i % 5], &payloads[i], &keys[i]);
        for (size_t j = 0; j < i; j++) {
            assert_false(digest_equal(&keys[i], &keys[j]));
        }
    }
}

static void members_come_in_any_order(void **state)
{
    (void)state;
    struct batch_header header = {0};
    struct record_set set = {0};
    struct error err = {0};
    static const char lines[] =
        " { \"records\" : 2, \"new\":{\"op\":[]}, \"target\":\"" TARGET
        "\",\"rev\":9223372036854775807,"
        "\"batch\":1,\"job\":1,\"ledger\":\"6F9619FF-8B86-4D01-B42D-00CF4FC964FF\",\"ferry_batch\":"
        "1}\r\n"
        "{\"metadata\":{\"op\":1,\"op\":2},\"uri\":\"u\",\"document\":\"d\",\"embedding\":\"AACAPw="
        "=\",\"id\":"
        "\"a\",\"op\":\"upsert\"}\n"
        "{\"op\":\"\\u0075psert\",\"\\u0069d\":\"b\",\"embedding\":\"\\/\\/9/\\u0050w==\"}\n";
    if (!decode(span_from_str(lines), &header, &set, &err)) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(header.ledger.text, LEDGER);
    assert_int_equal(header.export_rev, INT64_MAX);
    assert_int_equal(set.count, 2);
    assert_same_span(set.records[0].metadata.text, SPAN_LITERAL("{\"op\":1,\"op\":2}"));
    assert_same_span(set.records[1].id, SPAN_LITERAL("b"));
    assert_int_equal(set.records[1].document.type, JSON_NULL);
    assert_int_equal(set.records[1].uri.type, JSON_NULL);
    assert_same_span(set.records[1].metadata.text, SPAN_LITERAL("null"));
}

static void malformed_batches_are_refused(void **state)
{
    (void)state;
#define WITH(line)   HEADER("1") line "\n"
#define OP(members)  WITH("{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":\"AACAPw==\"" members "}")
#define EMB(base64)  WITH("{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":" base64 "}")
#define HEAD(before) "{\"ferry_batch\":1," before ",\"records\":1}\n" LINE_A
#define IDS          "\"job\":12,\"batch\":3,\"rev\":1"
#define UUIDS        "\"ledger\":\"" LEDGER "\",\"target\":\"" TARGET "\""
    static const char *const batches[] = {
        "",
        "\n",
        "\n" HEADER("1") LINE_A,
        "\xef\xbb\xbf" HEADER("1") LINE_A,
        "[]\n",
        "null\n",
        LINE_A,
        /* the header line */
        "{\"ferry_batch\":2," UUIDS "," IDS ",\"records\":1}\n" LINE_A,
        "{\"ferry_batch\":0," UUIDS "," IDS ",\"records\":1}\n" LINE_A,
        "{\"ferry_batch\":1.0," UUIDS "," IDS ",\"records\":1}\n" LINE_A,
        "{\"ferry_batch\":\"1\"," UUIDS "," IDS ",\"records\":1}\n" LINE_A,
        "{" UUIDS "," IDS ",\"records\":1}\n" LINE_A,
        HEAD(UUIDS ",\"batch\":3,\"rev\":1"),
        HEAD(UUIDS ",\"job\":12,\"rev\":1"),
        HEAD(UUIDS ",\"job\":12,\"batch\":3"),
        HEAD(IDS ",\"ledger\":\"" LEDGER "\""),
        HEAD(IDS ",\"target\":\"" TARGET "\""),
        HEAD(IDS ",\"ledger\":\"" LEDGER "\",\"target\":\"3fa85f64\""),
        HEAD(IDS ",\"ledger\":null,\"target\":\"" TARGET "\""),
        HEAD(UUIDS ",\"job\":12,\"batch\":0,\"rev\":1"),
        HEAD(UUIDS ",\"job\":-12,\"batch\":3,\"rev\":1"),
        HEAD(UUIDS ",\"job\":12,\"batch\":3,\"rev\":1e0"),
        HEAD(UUIDS ",\"job\":9223372036854775808,\"batch\":3,\"rev\":1"),
        HEAD(UUIDS "," IDS ",\"job\":12"),
        HEAD(UUIDS "," IDS) "x",
        "{\"ferry_batch\":1," UUIDS "," IDS "}\n" LINE_A,
        HEADER("0"),
        HEADER("4294967296") LINE_A,
        HEADER("4294967295") LINE_A,
        HEADER("1") "",
        HEADER("1") LINE_A LINE_B,
        HEADER("2") LINE_A,
        HEADER("2") LINE_A "\n",
        HEADER("2") LINE_A LINE_A,
        HEADER("2") LINE_A "{\"op\":\"upsert\",\"id\":\"\\u0061\",\"embedding\":\"AACAPw==\"}\n",
        HEADER("1") HEADER("1"),
        /* what ends where */
        HEADER("1") LINE_A " ",
        HEADER("1") "{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":\"AACAPw==\"}",
        HEADER("2") "{\"op\":\"upsert\",\n\"id\":\"a\",\"embedding\":\"AACAPw==\"}\n",
        WITH("{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":\"AACAPw==\"} {}"),
        WITH("{\"op\":\"upsert\",\"id\":\"a\",\"embedding\":\"AACAPw==\""),
        WITH("\"upsert\""),
        WITH("null"),
        /* operations */
        WITH("{\"op\":\"delete\",\"id\":\"a\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":\"Upsert\",\"id\":\"a\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":\"\",\"id\":\"a\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":null,\"id\":\"a\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":1,\"id\":\"a\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"id\":\"a\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":\"upsert\",\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":\"upsert\",\"id\":\"a\"}"),
        WITH("{\"op\":\"upsert\",\"id\":1,\"embedding\":\"AACAPw==\"}"),
        WITH("{\"op\":\"upsert\",\"id\":null,\"embedding\":\"AACAPw==\"}"),
        OP(",\"op\":\"upsert\""),
        OP(",\"id\":\"a\""),
        OP(",\"embedding\":\"AACAPw==\""),
        OP(",\"document\":null,\"document\":\"x\""),
        OP(",\"metadata\":{},\"\\u006detadata\":{}"),
        OP(",\"extra\":null"),
        OP(",\"Document\":null"),
        OP(",\"documents\":null"),
        OP(",\"document\":1"),
        OP(",\"document\":{}"),
        OP(",\"document\":\"\xff\""),
        OP(",\"document\":\"\\ud800\""),
        OP(",\"document\":\"a\tb\""),
        OP(",\"uri\":[]"),
        OP(",\"uri\":true"),
        OP(",\"metadata\":[]"),
        OP(",\"metadata\":\"{}\""),
        OP(",\"metadata\":{\"a\":}"),
        OP(",\"metadata\":{\"a\":NaN}"),
        OP(",\"metadata\":{\"a\":01}"),
        OP(",\"metadata\":{\"a\":1,}"),
        OP(","),
        /* vectors */
        EMB("null"),
        EMB("[1.0]"),
        EMB("\"\""),
        EMB("\"AACAPw\""),
        EMB("\"AACAPw=\""),
        EMB("\"AACA Pw==\""),
        EMB("\"AACAPw==\\n\""),
        EMB("\"AACAPx==\""), /* unused bits */
        EMB("\"AACAPwA=\""), /* five bytes */
        EMB("\"AACA\""),     /* three bytes */
        EMB("\"AACA-w==\""),
        EMB("\"AADAfw==\""), /* NaN */
        EMB("\"AACAfw==\""), /* infinity */
        EMB("\"AACA/w==\""), /* minus infinity */
        HEADER("2") LINE_A "{\"op\":\"upsert\",\"id\":\"b\",\"embedding\":\"AACAPwAAgD8=\"}\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        struct batch_header header = {.job_id = -5};
        struct record_set set = {NULL, 77};
        struct error err = {0};
        if (decode(span_from_str(batches[i]), &header, &set, &err)) {
            fail_msg("accepted: %s", batches[i]);
        }
        if (err.kind != ERROR_FORMAT) {
            fail_msg("%s: %s", batches[i], err.message);
        }
        assert_non_null(strstr(err.message, "decode batch"));
        assert_int_equal(header.job_id, -5); /* untouched */
        assert_int_equal(set.count, 77);
    }
    print_message("%zu variants\n", ARRAY_LEN(batches));
}

static void an_error_names_line_and_fault(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        const char *words[2];
    } rows[] = {
        {HEADER("2") LINE_A "{\"op\":\"erase\",\"id\":\"b\",\"embedding\":\"AACAPw==\"}\n",
         {"line 3", "erase"}},
        {HEADER("1") "{\"op\":\"upsert\",\"id\":\"b\",\"embedding\":\"AACAPw==\",\"ttl\":3}\n",
         {"line 2", "ttl"}},
        {HEADER("1") LINE_A LINE_B, {"1 records", "2 lines"}},
        {"{\"ferry_batch\":7}\n", {"line 1", "version 7"}},
        {HEADER("2") LINE_A LINE_A, {"\"a\"", "twice"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct batch_header header;
        struct record_set set;
        struct error err = {0};
        assert_false(decode(span_from_str(rows[i].lines), &header, &set, &err));
        for (size_t j = 0; j < 2; j++) {
            if (strstr(err.message, rows[i].words[j]) == NULL) {
                fail_msg("no %s in: %s", rows[i].words[j], err.message);
            }
        }
    }
}

static void a_value_that_is_not_one_gzip_member_is_refused(void **state)
{
    (void)state;
    struct batch_header header;
    struct record_set set;
    static const char plain[] = HEADER("1") LINE_A;
    struct error err = {0};
    buf_clear(&text);
    assert_false(
        batch_decode(SPAN_LITERAL(HEADER("1") LINE_A), &text, &arena, &header, &set, &err));
    assert_int_equal(err.kind, ERROR_FORMAT);
    compress(span_from_str(plain));
    size_t member = value.len;
    struct buf twice;
    buf_init(&twice, LIMIT_MESSAGE);
    buf_append(&twice, value.ptr, member);
    buf_append(&twice, value.ptr, member);
    struct error behind = {0};
    assert_false(batch_decode(buf_span(&twice), &text, &arena, &header, &set, &behind));
    assert_int_equal(behind.kind, ERROR_FORMAT);
    buf_deinit(&twice);
}

/* A copy of exact size on the heap, so that a sanitizer sees a step too far. */
static bool decode_copy(struct span bytes, bool is_gzip, struct error *err)
{
    struct batch_header header;
    struct record_set set;
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    assert_non_null(copy);
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    bool ok = false;
    struct span exact = {copy, bytes.len};
    if (is_gzip) {
        struct buf own;
        buf_init(&own, LIMIT_INFLATED);
        arena_reset(&arena);
        ok = batch_decode(exact, &own, &arena, &header, &set, err);
        buf_deinit(&own);
    } else {
        ok = decode(exact, &header, &set, err);
    }
    free(copy);
    return ok;
}

static void every_cut_of_a_batch_is_refused(void **state)
{
    (void)state;
    struct record_set sent = scan(HARD);
    encode(sent.records, sent.count);
    struct buf whole;
    struct buf lines;
    buf_init(&whole, LIMIT_MESSAGE);
    buf_init(&lines, LIMIT_INFLATED);
    buf_append_span(&whole, buf_span(&value));
    buf_append_span(&lines, buf_span(&text));
    for (size_t len = 0; len < whole.len; len++) {
        struct error err = {0};
        if (decode_copy((struct span){whole.ptr, len}, true, &err)) {
            fail_msg("accepted %zu of %zu bytes", len, whole.len);
        }
        assert_int_equal(err.kind, ERROR_FORMAT);
    }
    for (size_t len = 0; len < lines.len; len++) {
        struct error err = {0};
        if (decode_copy((struct span){lines.ptr, len}, false, &err)) {
            fail_msg("accepted %zu of %zu bytes of the lines", len, lines.len);
        }
        assert_int_equal(err.kind, ERROR_FORMAT);
    }
    struct error err = {0};
    assert_true(decode_copy(buf_span(&whole), true, &err));
    assert_true(decode_copy(buf_span(&lines), false, &err));
    buf_deinit(&whole);
    buf_deinit(&lines);
    arena_reset(&arena);
}

static void changed_bytes_never_crash_the_decoder(void **state)
{
    (void)state;
    uint64_t seed = 0;
    struct rng rng;
    random_bytes(&seed, sizeof seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_seed(&rng, seed);
    struct record_set sent = scan(HARD);
    encode(sent.records, sent.count);
    for (int kind = 0; kind < 2;
         kind++) { /* in the gzip bytes, then in the lines, past the checksum */
        struct buf original;
        buf_init(&original, LIMIT_INFLATED);
        buf_append_span(&original, buf_span(kind == 0 ? &value : &text));
        struct buf changed;
        buf_init(&changed, LIMIT_INFLATED);
        for (int round = 0; round < 8000; round++) {
            buf_clear(&changed);
            buf_append_span(&changed, buf_span(&original));
            for (uint64_t flips = 1 + rng_below(&rng, 3); flips > 0; flips--) {
                size_t at = rng_below(&rng, changed.len);
                changed.ptr[at] ^= (uint8_t)(1U << rng_below(&rng, 8));
            }
            struct error err = {0};
            bool ok = decode_copy(buf_span(&changed), kind == 0, &err);
            assert_true(ok || err.kind == ERROR_FORMAT || err.kind == ERROR_LIMIT);
        }
        buf_deinit(&changed);
        buf_deinit(&original);
        if (kind == 0) {
            arena_reset(&arena);
            sent = scan(HARD);
            encode(sent.records, sent.count);
        }
    }
    arena_reset(&arena);
}

static void a_record_without_a_finite_vector_is_not_encoded(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],null]}",
        "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],[null]]}",
        "{\"ids\":[\"a\"]}",
        "{\"ids\":[]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct record_set set = scan(answers[i]);
        struct batch_header header = make_header();
        struct error err = {0};
        buf_clear(&value);
        assert_false(batch_encode(&header, set.records, set.count, &value, &err));
        assert_int_equal(err.kind, ERROR_BUG);
        assert_int_equal(value.len, 0);
    }
    struct record_set set = scan("{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[3,4]]}");
    struct batch_header header = make_header();
    struct error err = {0};
    set.records[1].dimension = 1;
    assert_false(batch_encode(&header, set.records, set.count, &value, &err));
    assert_int_equal(err.kind, ERROR_FORMAT);
    arena_reset(&arena);
}

static void a_full_buffer_is_a_limit_and_leaves_what_was_there(void **state)
{
    (void)state;
    struct record_set set = scan(HARD);
    struct batch_header header = make_header();
    encode(set.records, set.count);
    size_t needed = value.len;
    for (size_t max = 5; max < needed + 10; max++) {
        struct buf small;
        struct error err = {0};
        buf_init(&small, max);
        buf_append_str(&small, "kept");
        bool ok = batch_encode(&header, set.records, set.count, &small, &err);
        assert_int_equal(ok, max >= needed + 4);
        assert_memory_equal(small.ptr, "kept", 4);
        if (!ok) {
            assert_int_equal(err.kind, ERROR_LIMIT);
            assert_int_equal(small.len, 4);
        }
        buf_deinit(&small);
    }
    arena_reset(&arena);
}

static void documents_that_compress_like_a_bomb_still_travel(void **state)
{
    (void)state;
    enum {
        LONG = 2 * 1024 * 1024
    };
    char *spaces = malloc(LONG);
    assert_non_null(spaces);
    memset(spaces, ' ', LONG);
    spaces[0] = '"';
    spaces[LONG - 1] = '"';
    struct record_set sent = scan("{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[3,4]]}");
    sent.records[0].document = (struct json_value){JSON_STRING, {(const uint8_t *)spaces, LONG}};
    struct batch_header header = make_header();
    struct record_set set = {0};
    struct error err = {0};
    buf_clear(&value);
    buf_clear(&text);
    assert_true(batch_encode(&header, sent.records, sent.count, &value, &err));
    if (!batch_decode(buf_span(&value), &text, &arena, &header, &set, &err)) {
        fail_msg("%s", err.message);
    }
    assert_same_record(&set.records[0], &sent.records[0]);
    free(spaces);
    arena_reset(&arena);
}

static void more_than_a_reader_takes_is_not_encoded(void **state)
{
    (void)state;
    size_t len = LIMIT_INFLATED - 100; /* the lines around it are longer than that */
    char *document = malloc(len);
    assert_non_null(document);
    memset(document, 'x', len);
    document[0] = '"';
    document[len - 1] = '"';
    struct record_set set = scan("{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}");
    set.records[0].document = (struct json_value){JSON_STRING, {(const uint8_t *)document, len}};
    struct batch_header header = make_header();
    struct error err = {0};
    struct buf roomy;
    buf_init(&roomy, LIMIT_INFLATED);
    assert_false(batch_encode(&header, set.records, set.count, &roomy, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    buf_deinit(&roomy);
    free(document);
    arena_reset(&arena);
}

static void a_whole_batch_of_vectors_comes_back_bit_for_bit(void **state)
{
    (void)state;
    enum {
        ROWS = 300,
        DIMENSION = 128
    };
    static float vectors[ROWS][DIMENSION];
    static char ids[ROWS][16];
    static struct record records[ROWS];
    struct rng rng;
    rng_seed(&rng, 7);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < DIMENSION; j++) {
            uint32_t bits = (uint32_t)rng_next(&rng) & 0xBF7FFFFF; /* any but non-finite */
            memcpy(&vectors[i][j], &bits, sizeof bits);
        }
        record_init(&records[i]);
        int len = snprintf(ids[i], sizeof ids[i], "\"id %zu\"", i);
        records[i].id_json = (struct span){(const uint8_t *)ids[i], (size_t)len};
        records[i].embedding = vectors[i];
        records[i].dimension = DIMENSION;
    }
    struct batch_header header = make_header();
    struct record_set set = {0};
    struct error err = {0};
    buf_clear(&value);
    buf_clear(&text);
    assert_true(batch_encode(&header, records, ROWS, &value, &err));
    assert_true(batch_decode(buf_span(&value), &text, &arena, &header, &set, &err));
    assert_int_equal(set.count, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        assert_memory_equal(set.records[i].embedding, vectors[i], sizeof vectors[i]);
    }
    arena_reset(&arena);
}

static void an_arena_too_small_is_a_limit_and_not_malformed(void **state)
{
    (void)state;
    struct record_set sent = scan(HARD);
    encode(sent.records, sent.count);
    for (size_t max = 1; max < 4000; max += 11) {
        struct arena small;
        struct batch_header header;
        struct record_set set;
        struct error err = {0};
        arena_init(&small, max);
        buf_clear(&text);
        bool ok = batch_decode(buf_span(&value), &text, &small, &header, &set, &err);
        assert_true(ok || err.kind == ERROR_LIMIT);
        arena_deinit(&small);
    }
    arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hard_values_come_back_unchanged),
        cmocka_unit_test(lines_are_written_as_the_format_says),
        cmocka_unit_test(the_same_records_give_the_same_bytes),
        cmocka_unit_test(the_published_example_is_read_and_written_again),
        cmocka_unit_test(a_records_line_is_a_slice_of_its_batch_and_can_be_written_alone),
        cmocka_unit_test(a_line_without_a_vector_has_null_in_its_place),
        cmocka_unit_test(the_idempotency_key_is_that_of_the_worked_example),
        cmocka_unit_test(the_idempotency_key_depends_on_every_part),
        cmocka_unit_test(members_come_in_any_order),
        cmocka_unit_test(malformed_batches_are_refused),
        cmocka_unit_test(an_error_names_line_and_fault),
        cmocka_unit_test(a_value_that_is_not_one_gzip_member_is_refused),
        cmocka_unit_test(every_cut_of_a_batch_is_refused),
        cmocka_unit_test(changed_bytes_never_crash_the_decoder),
        cmocka_unit_test(a_record_without_a_finite_vector_is_not_encoded),
        cmocka_unit_test(a_full_buffer_is_a_limit_and_leaves_what_was_there),
        cmocka_unit_test(documents_that_compress_like_a_bomb_still_travel),
        cmocka_unit_test(more_than_a_reader_takes_is_not_encoded),
        cmocka_unit_test(a_whole_batch_of_vectors_comes_back_bit_for_bit),
        cmocka_unit_test(an_arena_too_small_is_a_limit_and_not_malformed),
    };
    return cmocka_run_group_tests_name("batch", tests, set_up, tear_down);
}
