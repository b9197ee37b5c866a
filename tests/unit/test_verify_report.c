/* The lines of --combined, the counts, and the list of ids on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "producer/verify_report.h"
#include "producer/verify_spool.h"
#include "support/expect.h"

static void check_line(enum verify_mark mark, struct span id, const char *want)
{
    struct buf line;
    buf_init(&line, KIB);
    verify_write_line(&line, mark, id);
    assert_string_equal(buf_cstr(&line), want);
    buf_deinit(&line);
}

static void a_line_is_a_mark_and_the_id(void **state)
{
    (void)state;
    check_line(VERIFY_EQUAL, SPAN_LITERAL("a"), "= a\n");
    check_line(VERIFY_ROUNDED, SPAN_LITERAL("a"), "= a\n");
    check_line(VERIFY_MISSING, SPAN_LITERAL("rules/chapter 8/§5"), "- rules/chapter 8/§5\n");
    check_line(VERIFY_EXTRA, SPAN_LITERAL(" say \"276\" \\ or 🎲 "), "+  say \"276\" \\ or 🎲 \n");
    check_line(VERIFY_DIFFERS, SPAN_LITERAL(""), "* \n");
    check_line(VERIFY_UNREADABLE, SPAN_LITERAL("é"), "! é\n");
}

static void an_id_that_would_break_its_line_is_a_json_string(void **state)
{
    (void)state;
    check_line(VERIFY_EQUAL, SPAN_LITERAL("a\nb"), "= \"a\\nb\"\n");
    check_line(VERIFY_EQUAL, SPAN_LITERAL("\x1b[2J\\"), "= \"\\u001b[2J\\\\\"\n");
    check_line(VERIFY_EQUAL, SPAN_LITERAL("a\0b"), "= \"a\\u0000b\"\n");
    check_line(VERIFY_EQUAL, SPAN_LITERAL("\x7f"), "= \"\\u007f\"\n");
    check_line(VERIFY_EQUAL, SPAN_LITERAL("\xc2\x85é"), "= \"\\u0085é\"\n");
    check_line(VERIFY_EQUAL, SPAN_LITERAL("\xe2\x80\xa8\xe2\x80\xa9"), "= \"\\u2028\\u2029\"\n");
    check_line(VERIFY_EQUAL, SPAN_LITERAL("\"quoted\""),
               "= \"\\\"quoted\\\"\"\n"); /* or it would be decoded */
    check_line(VERIFY_EQUAL, SPAN_LITERAL("\xc2\xa0\xe2\x80\xaa"), "= \xc2\xa0\xe2\x80\xaa\n");
}

static void what_is_found_is_counted_and_the_first_twenty_are_remembered(void **state)
{
    struct verify_report report;
    struct error err = {0};
    (void)state;
    expect_ok(verify_report_open(&report, NULL, &err), &err);
    for (int i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        expect_ok(verify_report_id(&report, VERIFY_EQUAL, span_from_str(id), NULL, NULL, &err),
                  &err);
        expect_ok(verify_report_id(&report, VERIFY_DIFFERS, span_from_str(id), "uri", "why", &err),
                  &err);
    }
    expect_ok(verify_report_id(&report, VERIFY_ROUNDED, SPAN_LITERAL("r"), NULL, NULL, &err), &err);
    expect_ok(verify_report_id(&report, VERIFY_MISSING, SPAN_LITERAL("m"), NULL, NULL, &err), &err);
    assert_int_equal(report.counts[VERIFY_EQUAL], 30);
    assert_int_equal(verify_report_differences(&report), 31);
    assert_int_equal(report.shown_count, VERIFY_SHOWN);
    expect_text(buf_span(&report.shown[19].id), "19");
    assert_string_equal(report.shown[0].field, "uri");
    assert_string_equal(report.shown[0].detail, "why");
    verify_report_deinit(&report);
}

static void the_next_collection_is_counted_anew_in_the_same_file(void **state)
{
    struct verify_report report;
    struct error err = {0};
    char path[] = "/tmp/ferry-report-XXXXXX";
    char text[200] = "";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    expect_ok(verify_report_open(&report, path, &err), &err);
    for (int i = 0; i < 2; i++) {
        expect_ok(verify_report_remark(&report, i == 0 ? "t/d/a -> t/d/a" : "t/d/b -> t/d/b", &err),
                  &err);
        expect_ok(verify_report_id(&report, VERIFY_EQUAL, SPAN_LITERAL("1"), NULL, NULL, &err),
                  &err);
        expect_ok(verify_report_id(&report, VERIFY_EXTRA, SPAN_LITERAL("# 2"), NULL, NULL, &err),
                  &err);
        assert_int_equal(report.counts[VERIFY_EQUAL], 1);
        assert_int_equal(verify_report_differences(&report), 1);
        assert_int_equal(report.shown_count, 1);
        verify_report_next(&report);
        assert_int_equal(verify_report_differences(&report), 0);
        assert_int_equal(report.shown_count, 0);
    }
    expect_ok(verify_report_finish(&report, &err), &err);
    verify_report_deinit(&report);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_string_equal(text, "# t/d/a -> t/d/a\n= 1\n+ # 2\n# t/d/b -> t/d/b\n= 1\n+ # 2\n");
    close(fd);
    unlink(path);
    expect_ok(verify_report_open(&report, NULL, &err), &err); /* without a file: nothing */
    expect_ok(verify_report_remark(&report, "t/d/a -> t/d/a", &err), &err);
    verify_report_deinit(&report);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    struct verify_report report;
    struct error err = {0};
    (void)state;
    expect_error(verify_report_open(&report, "/no such folder/x", &err), &err, ERROR_USAGE,
                 "/no such folder/x");
    verify_report_deinit(&report);
    expect_ok(verify_report_open(&report, "/dev/full", &err), &err);
    bool ok = true;
    for (int i = 0; ok && i < 100000; i++) {
        ok = verify_report_id(&report, VERIFY_EQUAL, SPAN_LITERAL("id"), NULL, NULL, &err);
    }
    expect_error(ok && verify_report_finish(&report, &err), &err, ERROR_IO, "/dev/full");
    verify_report_deinit(&report);
}

static void ids_come_back_from_disk_as_often_as_wanted(void **state)
{
    struct verify_spool spool;
    struct error err = {0};
    (void)state;
    expect_ok(verify_spool_open(&spool, &err), &err);
    for (int attempt = 0; attempt < 2; attempt++) { /* the second list replaces the first */
        expect_ok(verify_spool_clear(&spool, &err), &err);
        for (int i = 0; i < 20000 + attempt; i++) {
            char id[24];
            int len = snprintf(id, sizeof id, "%d%cid", i * (attempt + 1), '\0');
            struct span span = {(const uint8_t *)id, i % 100 == 0 ? 0 : (size_t)len};
            expect_ok(verify_spool_append(&spool, span, &err), &err);
        }
    }
    for (int round = 0; round < 2; round++) {
        int count = 0;
        struct span id;
        bool more = true;
        expect_ok(verify_spool_rewind(&spool, &err), &err);
        for (;; count++) {
            char want[24];
            int len = snprintf(want, sizeof want, "%d%cid", count * 2, '\0');
            expect_ok(verify_spool_next(&spool, &id, &more, &err), &err);
            if (!more) {
                break;
            }
            assert_true(span_equal(
                id, (struct span){(const uint8_t *)want, count % 100 == 0 ? 0 : (size_t)len}));
        }
        assert_int_equal(count, 20001);
    }
    verify_spool_close(&spool);
}

static void a_folder_for_lists_that_is_not_there_is_named(void **state)
{
    struct verify_spool spool;
    struct error err = {0};
    (void)state;
    assert_int_equal(setenv("TMPDIR", "/no such folder", 1), 0);
    expect_error(verify_spool_open(&spool, &err), &err, ERROR_IO, "/no such folder");
    verify_spool_close(&spool);
    assert_int_equal(unsetenv("TMPDIR"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_mark_and_the_id),
        cmocka_unit_test(an_id_that_would_break_its_line_is_a_json_string),
        cmocka_unit_test(what_is_found_is_counted_and_the_first_twenty_are_remembered),
        cmocka_unit_test(the_next_collection_is_counted_anew_in_the_same_file),
        cmocka_unit_test(a_file_that_cannot_be_written_is_named),
        cmocka_unit_test(ids_come_back_from_disk_as_often_as_wanted),
        cmocka_unit_test(a_folder_for_lists_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
