/* See scratch.h. How a collection is deleted that is the right one: discard.c. */
#include "producer/scratch.h"

#include <stdio.h>
#include <string.h>

#include "app/log.h"
#include "producer/discard.h"
#include "producer/job.h"
#include "producer/strangers.h"

struct scratch { /* one collection that was made for a rehearsal, as the ledger has it; borrowed */
    struct runtime *rt;
    struct side side;
    int64_t job_id;
    const char *job, *name, *url;
    struct uuid uuid;
    bool is_purged;    /* nobody knows any more which ids it had */
    bool is_elsewhere; /* --target has another address: perhaps of the same server, perhaps not */
};

static bool note(struct scratch *scratch, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_rehearsal_removed(&scratch->rt->ledger, scratch->job_id, &scratch->uuid,
                                       runtime_answer_fn, &answer, err) &&
              runtime_await_answer(scratch->rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

/* Perhaps it is gone; perhaps a gateway answers for the server, or the server is another: nothing is noted. */
static bool miss(const struct scratch *scratch, struct error *err)
{
    const char *base = scratch->side.chroma.address.base;
    if (scratch->is_elsewhere) {
        return error_set(err, ERROR_USAGE,
                         "target %s: there is no collection \"%s\" (%s), which job %s has made at "
                         "%s: this is another server, or it was removed; nothing was removed now",
                         base, scratch->name, scratch->uuid.text, scratch->job, scratch->url);
    }
    log_event(LOG_WARN, "rehearsal.missing", LOG_TEXT("collection", scratch->name),
              LOG_TEXT("uuid", scratch->uuid.text), LOG_TEXT("target", base),
              LOG_TEXT("why", "the server knows no such collection; it is not noted as removed"));
    return true;
}

static bool refuse_other(const struct scratch *scratch, struct error *err)
{
    const struct side *side = &scratch->side;
    return error_set(err, scratch->is_elsewhere ? ERROR_USAGE : ERROR_REJECTED,
                     "target %s: collection \"%s\" is %s, but job %s has made %s at %s: it was "
                     "recreated, or this is another server; nothing was removed",
                     side->chroma.address.base, scratch->name, side->collection.uuid.text,
                     scratch->job, scratch->uuid.text, scratch->url);
}

/* Whoever has made the collection out to be theirs has records there. */
static bool check_own(void *ctx, struct error *err)
{
    struct scratch *scratch = ctx;
    const struct side *side = &scratch->side;
    struct strangers found;
    if (!strangers_find(scratch->rt, &scratch->side, scratch->job_id, &found, err)) {
        return error_wrap(err, "whose are the records of \"%.100s\"?", scratch->name);
    }
    if (found.count == 0) {
        return true;
    }
    if (scratch->is_purged) {
        return error_set(err, ERROR_REJECTED,
                         "target %s: collection \"%s\" holds %lld records, and whose they are is "
                         "not known any more, because the lists of job %s were purged; nothing "
                         "was removed: delete it yourself if they may go",
                         side->chroma.address.base, scratch->name, (long long)found.records,
                         scratch->job);
    }
    return error_set(err, ERROR_REJECTED,
                     "target %s: collection \"%s\" holds %lld records that job %s has not brought "
                     "(such as \"%.60s\"): somebody uses it, and nothing was removed; delete it "
                     "yourself if they may go",
                     side->chroma.address.base, scratch->name, (long long)found.count, scratch->job,
                     found.example);
}

/* By its name, or by the one that it has where an earlier removal was cut short. */
static bool find(struct scratch *scratch, bool *found, struct error *err)
{
    struct side *side = &scratch->side;
    struct error other = {0};
    char away[DISCARD_NAME_SIZE];
    discard_name(&scratch->uuid, away);
    const char *const names[] = {scratch->name, away};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!side_find_collection(side, scratch->rt, names[i], found, err)) {
            return false;
        }
        if (*found && uuid_equal(&side->collection.uuid, &scratch->uuid)) {
            return true;
        }
        if (*found) {
            refuse_other(scratch, &other);
        }
    }
    *found = false;
    *err = other;
    return other.kind == ERROR_NONE;
}

static bool remove_it(struct scratch *scratch, struct error *err)
{
    struct side *side = &scratch->side;
    bool found = false;
    if (!side_meet(side, scratch->rt, err) || !find(scratch, &found, err)) {
        return false;
    }
    if (!found) {
        return miss(scratch, err);
    }
    if (!discard(scratch->rt, side, scratch->name, check_own, scratch, err)) {
        return false;
    }
    printf("removed collection \"%s\" of %s\n", scratch->name, side->chroma.address.base);
    return note(scratch, err);
}

/* As resume does it. */
static bool check_places(const struct scratch *scratch, const struct pg_rows *rows, int row,
                         struct error *err)
{
    const struct option_set *options = scratch->rt->options;
    return job_check_place(options, "target-tenant", pg_cstr(rows, row, "tenant"), scratch->job,
                           err) &&
           job_check_place(options, "target-database", pg_cstr(rows, row, "database_name"),
                           scratch->job, err);
}

static bool remove_one(struct runtime *rt, const struct pg_rows *rows, int row, bool is_given,
                       struct error *err)
{
    const char *given = is_given ? option_text(rt->options, "target") : NULL; /* if it has moved */
    struct scratch scratch = {.rt = rt,
                              .job_id = pg_i64(rows, row, "job_id"),
                              .job = pg_cstr(rows, row, "job"),
                              .name = pg_cstr(rows, row, "name"),
                              .url = pg_cstr(rows, row, "url"),
                              .is_purged = pg_bool(rows, row, "is_purged")};
    if (!uuid_parse(pg_text(rows, row, "target_uuid"), &scratch.uuid)) {
        return error_set(err, ERROR_INTEGRITY, "the ledger's target has no UUID");
    }
    bool ok = side_open(&scratch.side, rt, "target", given != NULL ? given : scratch.url,
                        pg_cstr(rows, row, "tenant"), pg_cstr(rows, row, "database_name"), err) &&
              (!is_given || check_places(&scratch, rows, row, err));
    scratch.is_elsewhere = ok && strcmp(scratch.side.chroma.address.base, scratch.url) != 0;
    ok = ok && remove_it(&scratch, err);
    side_close(&scratch.side);
    return ok;
}

/* One that is refused does not keep the others: the first refusal ends the program when all have been looked at. */
static bool is_only_this(const struct error *why, struct error *err)
{
    if (err->kind == ERROR_NONE) {
        *err = *why;
    } else {
        fprintf(stderr, "%s\n", why->message);
    }
    return why->kind == ERROR_REJECTED;
}

bool scratch_remove(struct runtime *rt, const char *job, bool is_given, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_rehearsal_targets(&rt->ledger, job, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    int count = ok ? pg_row_count(answer.rows) : 0;
    for (int row = 0; ok && row < count; row++) {
        struct error why = {0};
        ok = remove_one(rt, answer.rows, row, is_given, &why) || is_only_this(&why, err);
    }
    ok = ok && err->kind == ERROR_NONE;
    if (ok && count == 0) {
        printf("the collection of rehearsal %s was removed before\n", job);
    }
    answer_deinit(&answer);
    return ok;
}
