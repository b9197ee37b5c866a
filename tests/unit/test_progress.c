/* What a producer says while it follows a job and when it is over: which lines, how often, and the exit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "producer/progress.h"
#include "support/expect.h"

static struct job job;
static struct progress_lines lines;
static struct progress running;
static int64_t now_ms;

static int fresh(void **state)
{
    (void)state;
    memset(&lines, 0, sizeof lines);
    snprintf(job.name, sizeof job.name, "docs-1");
    now_ms = 5000000;
    running = (struct progress){.state = JOB_RUNNING,
                                .planned = 1000,
                                .batches = 4,
                                .open_batches = 4,
                                .is_quiet = true,
                                .consumers = 1};
    return 0;
}

/* ---- what goes to a descriptor while something runs ---- */

struct capture {
    FILE *stream;
    int saved;
    int file;
    char text[4096];
};

static void capture_begin(struct capture *capture, FILE *stream)
{
    char path[] = "/tmp/ferry-progress.XXXXXX";
    capture->stream = stream;
    fflush(stream);
    capture->saved = dup(fileno(stream));
    capture->file = mkstemp(path);
    assert_true(capture->saved >= 0 && capture->file >= 0);
    unlink(path);
    assert_true(dup2(capture->file, fileno(stream)) >= 0);
}

static void capture_end(struct capture *capture)
{
    fflush(capture->stream);
    dup2(capture->saved, fileno(capture->stream));
    ssize_t len = pread(capture->file, capture->text, sizeof capture->text - 1, 0);
    capture->text[len > 0 ? len : 0] = '\0';
    close(capture->saved);
    close(capture->file);
}

/* Says it after so long; "" when nothing was said. */
static const char *said(int64_t later_ms, const char *own_trouble)
{
    static struct capture err;
    now_ms += later_ms;
    capture_begin(&err, stderr);
    progress_say(&lines, &job, &running, own_trouble, now_ms);
    capture_end(&err);
    return err.text;
}

static void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
}

static void expect_no_part(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("\"%s\" is in \"%s\"", part, text);
    }
}

/* ---- progress_say ---- */

static void the_first_line_comes_at_once_and_is_one_line(void **state)
{
    (void)state;
    assert_string_equal(said(0, ""), "docs-1: 0 of 1000 records verified (0.0 %)\n");
}

static void nothing_new_says_nothing_however_long_it_takes(void **state)
{
    (void)state;
    said(0, "");
    for (int i = 0; i < 100; i++) {
        assert_string_equal(said(500, ""), "");
    }
}

static void records_that_come_are_told_every_two_seconds_at_most(void **state)
{
    int told = 0;
    (void)state;
    said(0, "");
    for (int i = 1; i <= 40; i++) { /* 20 s of news every half second */
        running.verified = 10 * i;
        told += said(500, "")[0] != '\0';
    }
    assert_int_equal(told, 10);
}

static void rate_and_rest_count_only_what_came_since_the_start(void **state)
{
    (void)state;
    running.verified = 400;
    said(0, "");
    running.verified = 600;
    assert_string_equal(said(10000, ""), "docs-1: 600 of 1000 records verified (60.0 %), 20/s, "
                                         "about 20 s left\n");
    running.verified = 1000;
    expect_no_part(said(10000, ""), "left");
}

static void rejected_and_vanished_records_count_as_done(void **state)
{
    (void)state;
    running.verified = 900;
    running.rejected = 60;
    running.vanished = 40;
    assert_string_equal(said(0, ""),
                        "docs-1: 900 of 1000 records verified (100.0 %), 60 rejected\n");
}

static void an_empty_job_is_no_division_by_zero(void **state)
{
    (void)state;
    running.planned = 0;
    running.open_batches = 0;
    assert_string_equal(said(0, ""), "docs-1: 0 of 0 records verified (100.0 %)\n");
}

static void a_change_of_what_is_waited_for_is_told_at_once_and_once(void **state)
{
    (void)state;
    said(0, "");
    expect_part(said(10, "source http://a: connection refused"),
                "; waits for source http://a: connection refused\n");
    assert_string_equal(said(10, "source http://a: connection refused"), "");
    assert_string_equal(said(5000, "source http://a: connection refused"), "");
    expect_no_part(said(10, ""), "waits for"); /* and that it is over */
    assert_string_equal(said(10, ""), "");
}

static void a_countdown_is_no_change(void **state)
{
    (void)state;
    running.target_wait_ms = 30000;
    snprintf(running.target_cause, sizeof running.target_cause, "503: busy");
    expect_part(said(0, ""), "waits for the target, left alone for 31 s: 503: busy");
    for (int i = 0; i < 20; i++) {
        running.target_wait_ms -= 500;
        assert_string_equal(said(500, ""), "");
    }
}

static void own_trouble_comes_before_consumer_target_and_workers(void **state)
{
    (void)state;
    running.published = 300;
    running.consumers = 0;
    running.target_wait_ms = 4000;
    snprintf(running.worker_waits, sizeof running.worker_waits, "the moon");
    expect_part(said(0, "PostgreSQL h:1/d: gone"), "waits for PostgreSQL h:1/d: gone");
    expect_part(said(10, ""), "waits for a consumer: none is running, start ferry-consumer");
    running.consumers = 1;
    expect_part(said(10, ""), "waits for the target, left alone for 5 s");
    running.target_wait_ms = 0;
    expect_part(said(10, ""), "waits for the moon");
    running.worker_waits[0] = '\0';
    expect_no_part(said(10, ""), "waits for");
    running.open_batches = 0;
    running.is_quiet = false;
    expect_part(said(10, ""), "waits for requests of ended claims");
}

static void no_consumer_is_missed_before_anything_is_published_or_after_all_is_done(void **state)
{
    (void)state;
    running.consumers = 0;
    expect_no_part(said(0, ""), "consumer");
    running.published = running.verified = 300;
    expect_no_part(said(5000, ""), "consumer");
}

/* ---- progress_conclude ---- */

static struct capture out, err;

static enum exit_code conclude(const struct progress *progress)
{
    capture_begin(&out, stdout);
    capture_begin(&err, stderr);
    enum exit_code code = progress_conclude(&job, progress);
    capture_end(&err);
    capture_end(&out);
    expect_part(out.text, " records verified\n"); /* always, and first */
    return code;
}

static struct progress ended(enum job_state state_)
{
    struct progress progress = {.state = state_, .planned = 100, .verified = 100};
    snprintf(progress.last_error, sizeof progress.last_error, "the reason");
    return progress;
}

static void success_is_0_and_says_nothing_on_stderr(void **state)
{
    struct progress p = ended(JOB_SUCCEEDED);
    (void)state;
    assert_int_equal(conclude(&p), EXIT_DONE);
    assert_string_equal(out.text, "100 of 100 records verified\n");
    assert_string_equal(err.text, "");
}

static void success_with_rejects_is_1_and_says_where_they_are(void **state)
{
    struct progress p = ended(JOB_SUCCEEDED);
    (void)state;
    p.verified = 97;
    p.rejected = 3;
    assert_int_equal(conclude(&p), EXIT_REJECTS);
    expect_part(out.text, "97 of 100 records verified\n");
    expect_part(out.text, "3 records were rejected");
    expect_part(out.text, "ferry.rejects");
}

static void success_names_what_is_worth_knowing_and_stays_0(void **state)
{
    struct progress p = ended(JOB_SUCCEEDED);
    (void)state;
    p.rounded = 5;
    p.vanished = 6;
    p.added = 7;
    p.deleted = 8;
    p.extra = 9;
    p.skipped = 10;
    assert_int_equal(conclude(&p), EXIT_DONE);
    expect_part(out.text, "5 of them");
    expect_part(out.text, "6 records vanished");
    expect_part(out.text, "7 records were added");
    expect_part(out.text, "8 deleted");
    expect_part(out.text, "9 records that are not of this job");
    expect_part(out.text, "10 records were skipped");
}

static void success_names_what_the_end_copied_and_deleted(void **state)
{
    struct progress p = ended(JOB_SUCCEEDED);
    (void)state;
    p.rounds = 2;
    p.caught_up = 11;
    p.removed = 12;
    p.removed_extra = 13;
    p.extra = 4;
    snprintf(p.first_extra, sizeof p.first_extra, "\"a\", \"b\", \"c\"");
    assert_int_equal(conclude(&p), EXIT_DONE);
    expect_part(out.text, "in 2 rounds: 11 records that were added to it were copied, 12 that");
    expect_part(out.text, "13 records that were not of this job were deleted");
    expect_part(out.text, "4 records that are not of this job: \"a\", \"b\", \"c\", …\n");
    expect_no_part(out.text, "since they were listed");
}

static void extra_records_are_5_only_when_an_exact_target_was_wanted(void **state)
{
    struct progress p = ended(JOB_FAILED);
    (void)state;
    p.extra = 1;
    assert_int_equal(conclude(&p), EXIT_NEEDS_PERSON);
    p.is_exact = true;
    assert_int_equal(conclude(&p), EXIT_MISMATCH);
    p.extra = 0;
    assert_int_equal(conclude(&p), EXIT_NEEDS_PERSON);
}

static void failure_is_5_with_a_mismatch_or_a_missing_record_and_4_otherwise(void **state)
{
    struct progress p = ended(JOB_FAILED);
    (void)state;
    assert_int_equal(conclude(&p), EXIT_NEEDS_PERSON);
    expect_part(err.text, "job docs-1 failed: the reason");
    p.mismatches = 1;
    assert_int_equal(conclude(&p), EXIT_MISMATCH);
    p.mismatches = 0;
    p.missing = 1;
    p.rejected = 1;
    assert_int_equal(conclude(&p), EXIT_MISMATCH);
}

static void blocked_and_cancelled_are_4_with_the_reason_or_the_way_on(void **state)
{
    struct progress blocked = ended(JOB_BLOCKED);
    struct progress cancelled = ended(JOB_CANCELLED);
    (void)state;
    assert_int_equal(conclude(&blocked), EXIT_NEEDS_PERSON);
    expect_part(err.text, "blocked: the reason");
    expect_part(err.text, "ferry-producer resume docs-1");
    assert_int_equal(conclude(&cancelled), EXIT_NEEDS_PERSON);
    expect_part(err.text, "cancelled");
}

static void what_has_more_to_do_than_its_rounds_allowed_is_6(void **state)
{
    (void)state;
    struct progress p = ended(JOB_SUCCEEDED);
    p.rejected = 1;
    p.rounds = 5;
    p.unsettled = 3;
    assert_int_equal(conclude(&p), EXIT_INTERRUPTED);
    expect_part(err.text, "3 records are still to be copied or deleted after the 5 rounds");
}

static void what_is_not_over_is_6_and_never_0(void **state)
{
    static const enum job_state states[] = {JOB_PENDING, JOB_RUNNING, JOB_PAUSED};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct progress p = ended(states[i]); /* also with every record verified */
        assert_int_equal(conclude(&p), EXIT_INTERRUPTED);
        expect_part(err.text, "ferry-producer resume docs-1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_line_comes_at_once_and_is_one_line, fresh),
        cmocka_unit_test_setup(nothing_new_says_nothing_however_long_it_takes, fresh),
        cmocka_unit_test_setup(records_that_come_are_told_every_two_seconds_at_most, fresh),
        cmocka_unit_test_setup(rate_and_rest_count_only_what_came_since_the_start, fresh),
        cmocka_unit_test_setup(rejected_and_vanished_records_count_as_done, fresh),
        cmocka_unit_test_setup(an_empty_job_is_no_division_by_zero, fresh),
        cmocka_unit_test_setup(a_change_of_what_is_waited_for_is_told_at_once_and_once, fresh),
        cmocka_unit_test_setup(a_countdown_is_no_change, fresh),
        cmocka_unit_test_setup(own_trouble_comes_before_consumer_target_and_workers, fresh),
        cmocka_unit_test_setup(
            no_consumer_is_missed_before_anything_is_published_or_after_all_is_done, fresh),
        cmocka_unit_test_setup(success_is_0_and_says_nothing_on_stderr, fresh),
        cmocka_unit_test_setup(success_with_rejects_is_1_and_says_where_they_are, fresh),
        cmocka_unit_test_setup(success_names_what_is_worth_knowing_and_stays_0, fresh),
        cmocka_unit_test_setup(success_names_what_the_end_copied_and_deleted, fresh),
        cmocka_unit_test_setup(extra_records_are_5_only_when_an_exact_target_was_wanted, fresh),
        cmocka_unit_test_setup(failure_is_5_with_a_mismatch_or_a_missing_record_and_4_otherwise,
                               fresh),
        cmocka_unit_test_setup(blocked_and_cancelled_are_4_with_the_reason_or_the_way_on, fresh),
        cmocka_unit_test_setup(what_has_more_to_do_than_its_rounds_allowed_is_6, fresh),
        cmocka_unit_test_setup(what_is_not_over_is_6_and_never_0, fresh),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
