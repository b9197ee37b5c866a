/* ferry-producer status: ferry.job_status, of one job with ferry.collection_status, as a table or as JSON, once or again and
 * again. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/exit_code.h"
#include "producer/options.h"
#include "run/runtime.h"

#define WATCH_EVERY_MS 2000

/* Of one job, its collections too. */
static bool ask(struct runtime *rt, const char *job, struct answer *answer, struct answer *pairs,
                struct error *err)
{
    return ledger_job_status(&rt->ledger, job, runtime_answer_fn, answer, err) &&
           runtime_await_answer(rt, answer, err) &&
           (job == NULL ||
            (ledger_collection_status(&rt->ledger, job, runtime_answer_fn, pairs, err) &&
             runtime_await_answer(rt, pairs, err)));
}

static void print_job(const struct pg_rows *rows, int i)
{
    printf("%-32s %-10s %10s of %-10s %6s %%  %8s/s  %s\n", pg_cstr(rows, i, "job"),
           pg_cstr(rows, i, "state"), pg_cstr(rows, i, "verified"), pg_cstr(rows, i, "planned"),
           pg_cstr(rows, i, "percent"), pg_cstr(rows, i, "rate"),
           pg_is_null(rows, i, "eta") ? "" : pg_cstr(rows, i, "eta"));
    if (pg_i64(rows, i, "rejected") > 0 || pg_i64(rows, i, "vanished") > 0 ||
        pg_i64(rows, i, "skipped") > 0) {
        printf("    %s rejected, %s vanished, %s skipped\n", pg_cstr(rows, i, "rejected"),
               pg_cstr(rows, i, "vanished"), pg_cstr(rows, i, "skipped"));
    }
    if (pg_i64(rows, i, "truncated") > 0) {
        printf("    %s with a document that was cut (ferry.truncated)\n",
               pg_cstr(rows, i, "truncated"));
    }
    if (pg_text(rows, i, "waits_for").len > 0) {
        printf("    waits for %s", pg_cstr(rows, i, "waits_for"));
        if (!pg_is_null(rows, i, "waits_since")) {
            printf(", since %s", pg_cstr(rows, i, "waits_since"));
        }
        putchar('\n');
    }
    if (pg_text(rows, i, "last_error").len > 0) {
        printf("    last error: %s\n", pg_cstr(rows, i, "last_error"));
    }
}

static void print_table(const struct pg_rows *rows)
{
    if (pg_row_count(rows) == 0) {
        puts("no jobs yet: ferry-producer migrate --help");
        return;
    }
    printf("%-32s %-10s %10s    %-10s %8s  %10s  %s\n", "JOB", "STATE", "VERIFIED", "PLANNED",
           "PERCENT", "RATE", "LEFT");
    for (int i = 0; i < pg_row_count(rows); i++) {
        print_job(rows, i);
    }
}

static void print_pairs(const struct pg_rows *rows)
{
    printf("\n%-10s %10s    %-10s %8s  %s\n", "STATE", "VERIFIED", "PLANNED", "PERCENT",
           "COLLECTION");
    for (int i = 0; i < pg_row_count(rows); i++) {
        printf("%-10s %10s of %-10s %6s %%  %s/%s/%s -> %s/%s/%s", pg_cstr(rows, i, "state"),
               pg_cstr(rows, i, "verified"), pg_cstr(rows, i, "planned"),
               pg_cstr(rows, i, "percent"), pg_cstr(rows, i, "source_tenant"),
               pg_cstr(rows, i, "source_database"), pg_cstr(rows, i, "collection"),
               pg_cstr(rows, i, "target_tenant"), pg_cstr(rows, i, "target_database"),
               pg_cstr(rows, i, "target_collection"));
        if (pg_i64(rows, i, "rejected") > 0) {
            printf(", %s rejected", pg_cstr(rows, i, "rejected"));
        }
        putchar('\n');
    }
}

static void print_objects(const struct pg_rows *rows)
{
    for (int i = 0; i < pg_row_count(rows); i++) {
        printf("%s%s", i > 0 ? ",\n " : "", pg_cstr(rows, i, "json"));
    }
}

/* pairs: of the one job, when it has several; else NULL. They become a member of its object. */
static void print_json(const struct pg_rows *rows, const struct pg_rows *pairs)
{
    putchar('[');
    if (pairs != NULL) {
        struct span object = pg_text(rows, 0, "json");
        printf("%.*s,\"collections\":[", (int)object.len - 1, (const char *)object.ptr);
        print_objects(pairs);
        fputs("]}", stdout);
    } else {
        print_objects(rows);
    }
    puts("]");
}

static bool all_ended(const struct pg_rows *rows)
{
    for (int i = 0; i < pg_row_count(rows); i++) {
        const char *state = pg_cstr(rows, i, "state");
        if (strcmp(state, "running") == 0 || strcmp(state, "pending") == 0) {
            return false;
        }
    }
    return true;
}

static bool show(struct runtime *rt, const struct option_set *options, bool *ended,
                 struct error *err)
{
    struct answer answer = {0};
    struct answer pairs = {0};
    const char *job = option_word_count(options) > 0 ? option_word(options, 0) : NULL;
    bool ok = ask(rt, job, &answer, &pairs, err);
    if (ok) {
        bool has_pairs =
            job != NULL && pg_row_count(answer.rows) == 1 && pg_row_count(pairs.rows) > 1;
        if (option_flag(options, "watch") && isatty(STDOUT_FILENO)) {
            fputs("\033[H\033[2J", stdout);
        }
        if (option_flag(options, "json")) {
            print_json(answer.rows, has_pairs ? pairs.rows : NULL);
        } else {
            print_table(answer.rows);
            if (has_pairs) {
                print_pairs(pairs.rows);
            }
        }
        fflush(stdout);
        *ended = all_ended(answer.rows);
    }
    answer_deinit(&answer);
    answer_deinit(&pairs);
    return ok;
}

int command_status(const struct option_set *options)
{
    struct runtime rt;
    struct error err = {0};
    bool ended = false;
    bool ok = runtime_open(&rt, options, "producer", &err) &&
              runtime_connect(&rt, RUNTIME_CHECKED, &err) && show(&rt, options, &ended, &err);
    while (ok && option_flag(options, "watch") && !ended) {
        ok = runtime_sleep(&rt, WATCH_EVERY_MS, &err) && show(&rt, options, &ended, &err);
    }
    runtime_close(&rt);
    if (!ok && !(option_flag(options, "watch") && err.kind == ERROR_CANCELLED)) {
        fprintf(stderr, "ferry-producer status: %s\n", err.message);
        return (int)exit_code_for(&err);
    }
    return EXIT_DONE;
}
