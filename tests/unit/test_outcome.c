/* The exit code of whoever has seen a job: each state, and what of its records turns a success or a failure into another code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/outcome.h"

static const struct {
    struct outcome outcome;
    enum exit_code code;
} rows[] = {
    {{.state = JOB_SUCCEEDED}, EXIT_DONE},
    {{.state = JOB_SUCCEEDED, .rejected = 1}, EXIT_REJECTS},
    {{.state = JOB_SUCCEEDED, .extra = 9}, EXIT_DONE},
    {{.state = JOB_SUCCEEDED, .unsettled = 1}, EXIT_INTERRUPTED},
    {{.state = JOB_SUCCEEDED, .unsettled = 1, .rejected = 1}, EXIT_INTERRUPTED},
    {{.state = JOB_FAILED}, EXIT_NEEDS_PERSON},
    {{.state = JOB_FAILED, .rejected = 1, .unsettled = 1}, EXIT_NEEDS_PERSON},
    {{.state = JOB_FAILED, .mismatches = 1}, EXIT_MISMATCH},
    {{.state = JOB_FAILED, .missing = 1}, EXIT_MISMATCH},
    {{.state = JOB_FAILED, .extra = 1}, EXIT_NEEDS_PERSON},
    {{.state = JOB_FAILED, .extra = 1, .is_exact = true}, EXIT_MISMATCH},
    {{.state = JOB_BLOCKED, .mismatches = 1}, EXIT_NEEDS_PERSON},
    {{.state = JOB_CANCELLED}, EXIT_NEEDS_PERSON},
    {{.state = JOB_PAUSED}, EXIT_INTERRUPTED},
    {{.state = JOB_PENDING}, EXIT_INTERRUPTED},
    {{.state = JOB_RUNNING, .rejected = 1}, EXIT_INTERRUPTED},
};

static void every_outcome_has_its_exit_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum exit_code code = outcome_code(&rows[i].outcome);
        if (code != rows[i].code) {
            fail_msg("row %zu: %d instead of %d", i, code, rows[i].code);
        }
    }
}

static void no_state_is_forgotten(void **state)
{
    bool seen[JOB_STATE_COUNT] = {false};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        seen[rows[i].outcome.state] = true;
    }
    for (int one = 0; one < JOB_STATE_COUNT; one++) {
        assert_true(seen[one]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_its_exit_code),
        cmocka_unit_test(no_state_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
