/* See discard.h. */
#include "producer/discard.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "format/json_write.h"

struct discarding {
    struct runtime *rt;
    struct side *side;
    const char *name;             /* its own */
    char away[DISCARD_NAME_SIZE]; /* the other */
    struct uuid uuid;
};

void discard_name(const struct uuid *uuid, char out[DISCARD_NAME_SIZE])
{
    snprintf(out, DISCARD_NAME_SIZE, "removing-%s", uuid->text);
}

static bool rename_to(struct discarding *d, const char *name, struct error *err)
{
    struct buf body;
    buf_init(&body, 16 * KIB);
    buf_append_str(&body, "{\"new_name\":");
    json_write_string(&body, span_from_str(name));
    buf_append_byte(&body, '}');
    bool ok = buf_check(&body, "a new name", err) && side_put(d->side, d->rt, buf_span(&body), err);
    buf_deinit(&body);
    return ok;
}

/* The server says that it does not do this, or not for us; or that it broke at it, as old ones do of what they do not know. */
static bool is_unable(const struct error *err)
{
    return err->kind == ERROR_REJECTED || err->kind == ERROR_NOT_FOUND || err->kind == ERROR_AUTH ||
           err->native == 500;
}

/* *is_away: it bears the other name now. A rename whose answer was lost has happened or not: the caller's next look tells. */
static bool move_away(struct discarding *d, bool *is_away, struct error *err)
{
    struct error why = {0};
    *is_away = strcmp(d->side->collection.name, d->away) == 0 || rename_to(d, d->away, &why);
    if (!*is_away && !is_unable(&why)) {
        *err = why;
        return error_wrap(err, "collection \"%.100s\", to be renamed to \"%s\" and removed",
                          d->name, d->away);
    }
    return true;
}

static bool find_again(struct discarding *d, const char *name, struct error *err)
{
    struct side *side = d->side;
    bool found = false;
    if (!side_find_collection(side, d->rt, name, &found, err)) {
        return false;
    }
    if (found && uuid_equal(&side->collection.uuid, &d->uuid)) {
        return true;
    }
    return error_set(err, found ? ERROR_REJECTED : ERROR_UNAVAILABLE,
                     "target %s: \"%.200s\" %s in this moment; nothing was removed, run again",
                     side->chroma.address.base, name,
                     found ? "became another collection's name" : "went");
}

/* Somebody uses it, who looks for it by its name. */
static void move_back(struct discarding *d, struct error *err)
{
    struct error why = {0};
    if (!rename_to(d, d->name, &why)) {
        error_wrap(err, "it is named \"%s\" now, and cannot be named \"%.100s\" again (%.100s)",
                   d->away, d->name, why.message);
    }
}

bool discard(struct runtime *rt, struct side *side, const char *name, discard_check_fn *check,
             void *ctx, struct error *err)
{
    struct discarding d = {.rt = rt, .side = side, .name = name, .uuid = side->collection.uuid};
    bool is_away = false;
    discard_name(&d.uuid, d.away);
    if (!check(ctx, err) || !move_away(&d, &is_away, err)) {
        return false;
    }
    const char *now = is_away ? d.away : name;
    if (find_again(&d, now, err) && check(ctx, err) && side_delete_collection(side, rt, now, err)) {
        return true;
    }
    if (is_away && err->kind == ERROR_REJECTED) {
        move_back(&d, err);
    } else if (is_away) {
        error_wrap(err, "collection \"%.100s\", which is named \"%s\" until it is removed", name,
                   d.away);
    }
    return false;
}
