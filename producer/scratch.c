/* See scratch.h. Servers delete by name, so the UUID is asked right before: another collection of that name stays. */
#include "producer/scratch.h"

#include <stdio.h>

#include "producer/side.h"

static bool note(struct runtime *rt, int64_t job_id, const struct uuid *target, struct error *err)
{
    struct answer answer = {0};
    bool ok =
        ledger_rehearsal_removed(&rt->ledger, job_id, target, runtime_answer_fn, &answer, err) &&
        runtime_await_answer(rt, &answer, err);
    answer_deinit(&answer);
    return ok;
}

static bool delete_one(struct side *side, struct runtime *rt, const char *name,
                       const struct uuid *uuid, struct error *err)
{
    bool found = false;
    if (!side_resolve(side, rt, name, &found, err)) {
        return false;
    }
    if (!found) {
        printf("collection \"%s\" of %s is gone already\n", name, side->chroma.address.base);
        return true;
    }
    if (!uuid_equal(&side->collection.uuid, uuid)) {
        return error_set(err, ERROR_REJECTED,
                         "target %s: collection \"%s\" is %s, the rehearsal's was %s: it was "
                         "recreated, or this is another server; nothing was removed",
                         side->chroma.address.base, name, side->collection.uuid.text, uuid->text);
    }
    if (!side_delete_collection(side, rt, name, err)) {
        return error_wrap(err, "remove \"%s\"", name);
    }
    printf("removed collection \"%s\" of %s\n", name, side->chroma.address.base);
    return true;
}

static bool remove_one(struct runtime *rt, const struct pg_rows *rows, int row, struct error *err)
{
    struct side side;
    struct uuid uuid;
    const char *given = option_text(rt->options, "target"); /* if it has moved */
    const char *url = given != NULL ? given : pg_cstr(rows, row, "url");
    if (!uuid_parse(pg_text(rows, row, "target_uuid"), &uuid)) {
        return error_set(err, ERROR_INTEGRITY, "the ledger's target has no UUID");
    }
    bool ok = side_open(&side, rt, "target", url, pg_cstr(rows, row, "tenant"),
                        pg_cstr(rows, row, "database_name"), err) &&
              delete_one(&side, rt, pg_cstr(rows, row, "name"), &uuid, err) &&
              note(rt, pg_i64(rows, row, "job_id"), &uuid, err);
    side_close(&side);
    return ok;
}

bool scratch_remove(struct runtime *rt, const char *job, struct error *err)
{
    struct answer answer = {0};
    bool ok = ledger_rehearsal_targets(&rt->ledger, job, runtime_answer_fn, &answer, err) &&
              runtime_await_answer(rt, &answer, err);
    int count = ok ? pg_row_count(answer.rows) : 0;
    for (int row = 0; ok && row < count; row++) {
        ok = remove_one(rt, answer.rows, row, err);
    }
    if (ok && count == 0) {
        printf("the collection of rehearsal %s was removed before\n", job);
    }
    answer_deinit(&answer);
    return ok;
}
