/* What doctor says of this machine: room on the disk, and how many files may be open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "producer/doctor.h"

static struct doctor doctor;

static const struct finding *look(const char *name)
{
    doctor.checkup = (struct checkup){.count = 0};
    doctor_machine(&doctor);
    for (size_t i = 0; i < doctor.checkup.count; i++) {
        const struct finding *finding = &doctor.checkup.findings[i];
        if (strcmp(finding->name, name) == 0) {
            assert_string_equal(finding->area, "machine");
            return finding;
        }
    }
    fail_msg("nothing was said of %s", name);
    return NULL;
}

static void room_on_the_disk_is_judged_by_two_marks(void **state)
{
    static const struct {
        uint64_t left;
        enum check_state state;
    } rows[] = {
        {0, CHECK_FAIL},
        {(uint64_t)16 * MIB - 1, CHECK_FAIL},
        {(uint64_t)16 * MIB, CHECK_WARNING},
        {(uint64_t)1024 * MIB - 1, CHECK_WARNING},
        {(uint64_t)1024 * MIB, CHECK_OK},
        {UINT64_MAX, CHECK_OK},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(doctor_judge_disk(rows[i].left), rows[i].state);
    }
}

static void the_disk_is_that_of_TMPDIR(void **state)
{
    const struct finding *finding;
    char own[] = "/tmp/ferry-doctor-XXXXXX";
    (void)state;
    setenv("TMPDIR", "/no/such/place", 1);
    finding = look("disk");
    assert_int_equal(finding->state, CHECK_FAIL);
    assert_int_equal(finding->code, EXIT_USAGE);
    assert_non_null(strstr(finding->found, "/no/such/place: "));
    assert_non_null(strstr(finding->advice, "TMPDIR"));
    assert_non_null(mkdtemp(own));
    setenv("TMPDIR", own, 1);
    assert_non_null(strstr(look("disk")->found, " MiB free in /tmp/ferry-doctor-"));
    assert_int_equal(rmdir(own), 0);
    unsetenv("TMPDIR");
    assert_non_null(strstr(look("disk")->found, " MiB free in /tmp"));
}

static void too_few_open_files_are_told_with_the_number_and_the_remedy(void **state)
{
    static const struct {
        rlim_t limit;
        enum check_state state;
        const char *found;
    } rows[] = {
        {63, CHECK_FAIL, "63 may be open at a time"},
        {64, CHECK_WARNING, "64 may be open at a time"},
        {255, CHECK_WARNING, "255 may be open at a time"},
        {256, CHECK_OK, "256 may be open at a time"},
    };
    struct rlimit before, now;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        now = (struct rlimit){rows[i].limit, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
        const struct finding *finding = look("files");
        assert_int_equal(finding->state, rows[i].state);
        assert_string_equal(finding->found, rows[i].found);
        assert_string_equal(finding->advice,
                            rows[i].state == CHECK_OK ? "" : "raise it: ulimit -n 1024");
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_on_the_disk_is_judged_by_two_marks),
        cmocka_unit_test(the_disk_is_that_of_TMPDIR),
        cmocka_unit_test(too_few_open_files_are_told_with_the_number_and_the_remedy),
    };
    return cmocka_run_group_tests_name("doctor_machine", tests, NULL, NULL);
}
