/* ferry-producer collections, with options that choose: which collections migrate would move, and where to. Reads only. */
#include <stdio.h>
#include <stdlib.h>

#include "app/exit_code.h"
#include "base/limits.h"
#include "format/json_write.h"
#include "producer/mapping.h"
#include "producer/options.h"

struct showing {
    struct runtime rt;
    struct job job; /* no more than its sides and pairs */
    struct mapping mapping;
};

static bool look_at_targets(struct showing *showing, struct error *err)
{
    struct job *job = &showing->job;
    for (size_t i = 0; i < job->pair_count; i++) {
        struct pair *pair = &job->pairs[i];
        if (!side_find_collection(&pair->target, &showing->rt, pair->target_name,
                                  &pair->target_exists, err)) {
            return false;
        }
    }
    return true;
}

static void write_place(struct buf *out, const char *role, const struct side *side,
                        const char *name)
{
    const char *const values[] = {side->chroma.tenant, side->chroma.database, name};
    static const char *const names[] = {"tenant", "database", "collection"};
    buf_printf(out, "\"%s\":{", role);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        buf_printf(out, "%s\"%s\":", i > 0 ? "," : "", names[i]);
        json_write_string(out, span_from_str(values[i]));
    }
    buf_append_str(out, "},");
}

static bool tell_json(const struct job *job, struct error *err)
{
    struct buf out;
    buf_init(&out, 16 * MIB);
    for (size_t i = 0; i < job->pair_count; i++) {
        const struct pair *pair = &job->pairs[i];
        buf_append_str(&out, i > 0 ? ",\n {" : "[{");
        write_place(&out, "source", &pair->source, pair->collection);
        write_place(&out, "target", &pair->target, pair->target_name);
        buf_printf(&out, "\"target_exists\":%s}", pair->target_exists ? "true" : "false");
    }
    bool ok = buf_check(&out, "the list", err);
    printf("%s]\n", ok ? buf_cstr(&out) : "[");
    buf_deinit(&out);
    return ok;
}

static bool show(struct showing *showing, const struct option_set *options, struct error *err)
{
    struct job *job = &showing->job;
    if (option_text(options, "source") == NULL || option_text(options, "target") == NULL) {
        return error_set(err, ERROR_USAGE,
                         "where collections go needs both --source URL and --target URL (or "
                         "FERRY_SOURCE, FERRY_TARGET)");
    }
    if (!mapping_read(&showing->mapping, options, err) ||
        !runtime_open_without_ledger(&showing->rt, options, "producer", err) ||
        !side_open(&job->source, &showing->rt, "source", NULL, NULL, NULL, err) ||
        !side_open(&job->target, &showing->rt, "target", NULL, NULL, NULL, err) ||
        !mapping_find(&showing->mapping, job, &showing->rt, err) ||
        !mapping_place(&showing->mapping, job, &showing->rt, err) ||
        !look_at_targets(showing, err)) {
        return false;
    }
    if (option_flag(options, "json")) {
        return tell_json(job, err);
    }
    mapping_tell(job, stdout);
    return true;
}

int command_mapping(const struct option_set *options)
{
    struct error err = {0};
    struct showing *showing = calloc(1, sizeof *showing);
    if (showing == NULL) {
        fprintf(stderr, "ferry-producer collections: out of memory\n");
        return EXIT_BUG;
    }
    showing->rt.stop.fd = -1;
    bool ok = show(showing, options, &err);
    runtime_close(&showing->rt);
    mapping_close(&showing->mapping);
    job_close(&showing->job);
    free(showing);
    if (!ok) {
        fprintf(stderr, "ferry-producer collections: %s\n", err.message);
        return (int)exit_code_for(&err);
    }
    return EXIT_DONE;
}
