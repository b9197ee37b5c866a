/* The collection, last steps of a side: the target's is held against the source's as migrate does it (target.c). */
#include <inttypes.h>

#include "producer/doctor_steps.h"
#include "producer/side_probe.h"

static bool is_target(const struct look *look)
{
    return look->side == &look->doctor->target;
}

static bool lacks_collection(struct look *look, const char *name, const char *wanted)
{
    if (is_target(look)) {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "",
                    "\"%.200s\" is not there: migrate creates it", wanted);
    } else {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_FAIL,
                    "ferry-producer collections lists what is there",
                    "\"%.200s\" does not exist in %.100s/%.100s", wanted, look->side->chroma.tenant,
                    look->side->chroma.database);
    }
    look->skipped = "there is no collection";
    return false;
}

bool doctor_look_collection(struct look *look, const char *name)
{
    const struct option_set *options = look->doctor->options;
    const char *wanted = option_text(options, "collection");
    struct error err = {0};
    bool found = false;
    uint64_t count = 0;
    if (is_target(look) && option_text(options, "target-collection") != NULL) {
        wanted = option_text(options, "target-collection");
    }
    if (wanted == NULL) {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_SKIPPED, "",
                    "no --collection was given");
        look->skipped = "no --collection was given";
        return false;
    }
    if (!side_find_collection(look->side, &look->doctor->rt, wanted, &found, &err)) {
        return doctor_fails(look, name, "", &err);
    }
    if (!found) {
        return lacks_collection(look, name, wanted);
    }
    if (!side_count(look->side, &look->doctor->rt, &count, &err) ||
        ((chroma_is_old(&look->side->chroma) || look->side->collection.is_space_doubtful) &&
         !side_probe(look->side, &look->doctor->rt, &err))) {
        return doctor_fails(look, name, "", &err);
    }
    checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "",
                "\"%.200s\", %" PRIu64 " records", wanted, count);
    return true;
}

bool doctor_look_dimension(struct look *look, const char *name)
{
    uint32_t here = look->side->collection.dimension;
    uint32_t there = is_target(look) && look->doctor->source.has_collection
                         ? look->doctor->source.collection.dimension
                         : 0;
    bool differs = here != 0 && there != 0 && here != there;
    if (differs) {
        struct error err = {0};
        error_set(&err, ERROR_REJECTED, "%u, the source has %u", here, there);
        doctor_fails(look, name, "choose another --target-collection", &err);
    } else if (here == 0) {
        checkup_add(&look->doctor->checkup, look->role, name,
                    is_target(look) ? CHECK_OK : CHECK_WARNING, "", "none yet: it has no records");
    } else {
        checkup_add(&look->doctor->checkup, look->role, name, CHECK_OK, "", "%u", here);
    }
    return true;
}

bool doctor_look_space(struct look *look, const char *name)
{
    const struct chroma_collection *collection = &look->side->collection;
    const struct side *source = &look->doctor->source;
    if (is_target(look) && source->has_collection &&
        source->collection.space != collection->space) {
        struct error err = {0};
        error_set(&err, ERROR_REJECTED, "%s, the source's is %s", space_name(collection->space),
                  space_name(source->collection.space));
        return doctor_fails(look, name, "choose another --target-collection", &err);
    }
    checkup_add(&look->doctor->checkup, look->role, name,
                collection->is_space_doubtful ? CHECK_WARNING : CHECK_OK, "", "%s%s",
                space_name(collection->space),
                collection->is_space_doubtful ? "; metadata and configuration name two" : "");
    return true;
}
