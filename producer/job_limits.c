/* See job_limits.h. The values come from limits.c and the ledger, the rules from format/quota.h. */
#include "producer/job_limits.h"

#include "base/limits.h"
#include "format/document.h"

static const char *profile_of(const struct chroma *target)
{
    switch (chroma_index_kind_of(target)) {
    case CHROMA_INDEX_SPANN:
        return "chroma-cloud";
    case CHROMA_INDEX_METADATA:
        return "chroma-before-1";
    case CHROMA_INDEX_HNSW:
        break;
    }
    return "none";
}

bool job_limits_choose(struct job *job, const struct option_set *options, struct error *err)
{
    job->wanted.limits = &job->limits;
    return limits_from_options(options, profile_of(&job->target.chroma), &job->limits, err);
}

/* The metadata as the server wrote it: null when there is none. */
static bool find_metadata(struct span object, struct json_value *out, struct error *err)
{
    struct json_scan scan;
    struct json_value name;
    struct json_value value;
    bool more = false;
    *out = (struct json_value){JSON_NULL, SPAN_LITERAL("null")};
    json_scan_init(&scan, object);
    if (!json_open(&scan, '{', err)) {
        return false;
    }
    while (json_next_member(&scan, &name, &more, err)) {
        if (!more) {
            return true;
        }
        if (!json_read(&scan, &value, err)) {
            return false;
        }
        if (json_string_is(name, "metadata") && value.type == JSON_OBJECT) {
            *out = value;
        }
    }
    return false;
}

struct counted { /* one request, waited for */
    bool done;
    uint64_t count;
    struct error err;
};

static void on_count(void *ctx, uint64_t count, const struct error *err)
{
    struct counted *counted = ctx;
    counted->count = count;
    counted->err = *err;
    counted->done = true;
}

static bool count_source(struct pair *pair, struct runtime *rt, int64_t *out, struct error *err)
{
    struct counted counted = {0};
    if (chroma_count(&pair->source.chroma, &pair->source.collection.uuid, on_count, &counted,
                     err) == NULL ||
        !runtime_await(rt, &counted.done, err)) {
        return false;
    }
    if (counted.err.kind != ERROR_NONE) {
        *err = counted.err;
        return false;
    }
    *out = (int64_t)counted.count;
    return true;
}

bool job_limits_find(struct job *job, struct pair *pair, struct runtime *rt,
                     struct quota_findings *out, struct error *err)
{
    const struct quota_limits *limits = &job->limits.profile.limits;
    const struct chroma_collection *source = &pair->source.collection;
    struct quota_collection collection = {.name = span_from_str(pair->target_name),
                                          .database = span_from_str(pair->target.chroma.database),
                                          .dimension = source->dimension,
                                          .records = -1};
    return find_metadata(buf_span(&source->text), &collection.metadata, err) &&
           (limits->most[QUOTA_COLLECTION_RECORDS] == QUOTA_UNLIMITED ||
            count_source(pair, rt, &collection.records, err)) &&
           quota_check_collection(limits, &collection, out, err);
}

bool job_limits_check(struct job *job, struct pair *pair, struct runtime *rt, struct error *err)
{
    struct quota_findings found;
    if (!job_limits_find(job, pair, rt, &found, err)) {
        return false;
    }
    if (found.count == 0) {
        return true;
    }
    struct buf text;
    const char *rule = quota_rule_name(found.list[0].rule);
    buf_init(&text, 4 * KIB);
    quota_describe(&found.list[0], &text);
    error_set(err, ERROR_REJECTED,
              "collection \"%.100s\" would be %s (limit %s of profile %s): nothing was written; "
              "where the target takes more, say so: --limit %s=N",
              pair->target_name, buf_cstr(&text), rule, job->limits.profile.name, rule);
    buf_deinit(&text);
    return false;
}

static bool read_settings(struct job *job, const struct option_set *options, struct span text,
                          struct error *err)
{
    struct document *settings = NULL;
    if (!document_parse(text, &settings, err)) {
        return false;
    }
    const struct document *limits = document_get(settings, "limits");
    bool ok = limits == NULL /* submitted by SQL */ ? job_limits_choose(job, options, err)
                                                    : limits_read(limits, &job->limits, err);
    document_free(settings);
    return ok && limits_change(options, &job->limits, err);
}

static bool ask_settings(struct runtime *rt, int64_t job_id, struct answer *answer,
                         struct error *err)
{
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(answer);
        ok = ledger_job_settings(&rt->ledger, job_id, runtime_answer_fn, answer, err) &&
             runtime_await_answer(rt, answer, err);
    } while (!ok && runtime_asks_again(rt, &since_ms, err));
    return ok;
}

static bool ask_to_change(struct runtime *rt, int64_t job_id, struct span settings,
                          struct error *err)
{
    struct answer answer = {0};
    int64_t since_ms = 0;
    bool ok;
    do {
        answer_deinit(&answer);
        ok = ledger_change_settings(&rt->ledger, job_id, settings, runtime_answer_fn, &answer,
                                    err) &&
             runtime_await_answer(rt, &answer, err);
    } while (!ok && runtime_asks_again(rt, &since_ms, err));
    answer_deinit(&answer);
    return ok;
}

bool job_limits_settle(struct job *job, struct runtime *rt, struct error *err)
{
    struct answer kept = {0};
    struct buf text;
    buf_init(&text, LIMIT_CONTROL_DOCUMENT);
    bool ok = ask_settings(rt, job->job_id, &kept, err) &&
              (pg_row_count(kept.rows) == 1 || error_set(err, ERROR_CONFLICT, "the job is gone")) &&
              read_settings(job, rt->options, pg_text(kept.rows, 0, "settings"), err);
    if (ok) {
        buf_append_str(&text, "{\"limits\":");
        limits_write(&job->limits, &text);
        buf_append_byte(&text, '}');
        ok = buf_check(&text, "the job's settings", err) &&
             ask_to_change(rt, job->job_id, buf_span(&text), err);
    }
    buf_deinit(&text);
    answer_deinit(&kept);
    return ok;
}
