/* A dry run in words and as JSON; see rehearsal.h. Decides nothing but wording. */
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "format/json_write.h"
#include "producer/estimate.h"
#include "producer/rehearsal.h"

#define TOLD_EXAMPLES 3
#define SHOWN_ID      50
#define JSON_BYTES    (1u * MIB)

static const char *policy_of(const struct rehearsal_setting *setting, size_t rule)
{
    return limit_policy_name(setting->limits->policies[rule]);
}

/* ---- for people ---- */

static void tell_row(const char *name, int64_t most, const struct rehearsal_row *row,
                     const char *policy, FILE *out)
{
    char limit[24] = "";
    char worst[24] = "";
    if (most >= 0) {
        snprintf(limit, sizeof limit, "%" PRId64, most);
        snprintf(worst, sizeof worst, "%" PRId64, row->worst);
    }
    fprintf(out, "%-32s %9s %10" PRId64 " %10s  %-17s ", name, limit, row->records, worst, policy);
    for (int64_t i = 0; i < TOLD_EXAMPLES && i < row->records; i++) {
        struct buf shown;
        buf_init(&shown, KIB);
        buf_append_text(&shown, buf_span(&row->examples[i]), SHOWN_ID);
        fprintf(out, "%s%s", i > 0 ? ", " : "", buf_cstr(&shown));
        buf_deinit(&shown);
    }
    fprintf(out, "%s\n", row->records > TOLD_EXAMPLES ? ", …" : "");
}

static void tell_violations(const struct rehearsal *r, const struct rehearsal_setting *setting,
                            FILE *out)
{
    if (rehearsal_violations(r) == 0) {
        fprintf(out, "no violations\n");
        return;
    }
    fprintf(out, "%-32s %9s %10s %10s  %-17s %s\n", "VIOLATIONS", "LIMIT", "RECORDS", "WORST",
            "POLICY", "EXAMPLES");
    for (size_t i = 0; i < r->collection.count; i++) {
        const struct quota_violation *found = &r->collection.list[i];
        fprintf(out, "%-32s %9" PRId64 " %10s %10" PRId64 "  %-17s %s\n",
                quota_rule_name(found->rule), found->most, "", found->value, "refuses the job",
                "the collection itself");
    }
    for (size_t rule = 0; rule < QUOTA_RECORD_RULES; rule++) {
        if (r->rules[rule].records > 0) {
            tell_row(quota_rule_name((enum quota_rule)rule),
                     setting->limits->profile.limits.most[rule], &r->rules[rule],
                     policy_of(setting, rule), out);
        }
    }
    for (size_t i = 0; i < REHEARSAL_REASON_COUNT; i++) {
        if (r->reasons[i].records > 0) {
            tell_row(rehearsal_reason_name((enum rehearsal_reason)i), -1, &r->reasons[i], "reject",
                     out);
        }
    }
}

static void tell_limits(const struct rehearsal_setting *setting, FILE *out)
{
    const struct quota_profile *profile = &setting->limits->profile;
    fprintf(out, "limits: profile %s", profile->name);
    if (profile->as_of[0] != '\0') {
        fprintf(out, ", version %d of %s", profile->version, profile->as_of);
    }
    for (size_t rule = 0; rule < QUOTA_RULE_COUNT; rule++) {
        if (!setting->limits->is_overridden[rule]) {
            continue;
        }
        if (profile->limits.most[rule] == QUOTA_UNLIMITED) {
            fprintf(out, ", %s=none", quota_rule_name((enum quota_rule)rule));
        } else {
            fprintf(out, ", %s=%" PRId64, quota_rule_name((enum quota_rule)rule),
                    profile->limits.most[rule]);
        }
    }
    fputc('\n', out);
}

static void tell_size(const char *what, int64_t bytes, const char *how, FILE *out)
{
    struct buf text;
    buf_init(&text, KIB);
    estimate_write_size(&text, bytes);
    fprintf(out, "  %-20s %10s  %s\n", what, buf_cstr(&text), how);
    buf_deinit(&text);
}

static void tell_money(const char *what, double amount, double price, const char *per,
                       const char *currency, FILE *out)
{
    if (amount >= 0.005) {
        fprintf(out, "  %-20s %10.2f  %s, at %.4g %s\n", what, amount, currency, price, per);
    } else if (amount >= 0) {
        fprintf(out, "  %-20s %10s  %s, at %.4g %s\n", what, "below 0.01", currency, price, per);
    } else {
        fprintf(out, "  %-20s %10s  the profile names no price\n", what, "unknown");
    }
}

static void tell_cost(const struct rehearsal *r, const struct rehearsal_setting *setting, FILE *out)
{
    const struct quota_prices *prices = &setting->limits->profile.prices;
    struct rehearsal_cost cost = rehearsal_cost(r, prices);
    if (cost.written < 0 && cost.returned < 0 && cost.stored_per_month < 0) {
        fprintf(out, "cost: unknown, profile %s names no prices\n", setting->limits->profile.name);
        return;
    }
    fprintf(
        out,
        "cost, by the prices of %s for logical bytes, each record written and read back once:\n",
        prices->as_of);
    tell_money("writing", cost.written, prices->written_per_gib, "a GiB", prices->currency, out);
    tell_money("reading back", cost.returned, prices->returned_per_gib, "a GiB", prices->currency,
               out);
    tell_money("storage, a month", cost.stored_per_month, prices->stored_per_gib_month,
               "a GiB and month", prices->currency, out);
}

void rehearsal_tell(const struct rehearsal *r, const struct rehearsal_setting *setting, FILE *out)
{
    double rate = rehearsal_rate(r);
    fprintf(out, "collection \"%s\" of %s to \"%s\" of %s, which %s\n", setting->collection,
            setting->source, setting->target_collection, setting->target,
            setting->target_exists ? "exists" : "would be created");
    tell_limits(setting, out);
    fputc('\n', out);
    tell_violations(r, setting, out);
    fprintf(out,
            "\n%" PRId64 " records read: %" PRId64 " would travel (%" PRId64
            " of them with a cut document), %" PRId64 " be rejected, %" PRId64
            " hold the job; %" PRId64 " vanished meanwhile\n",
            r->read, r->travelling, r->truncated, r->rejected, r->failing, r->vanished);
    if (r->rejected > r->max_rejects) {
        fprintf(out,
                "so many rejects would block the job, which bears %" PRId64
                " of them (--max-rejects)\n",
                r->max_rejects);
    }
    fprintf(out, "to send, if all of it is new at the target:\n");
    tell_size("through the topic", r->message_bytes, "compressed", out);
    tell_size("to the target", r->body_bytes, "bodies of the requests that write", out);
    tell_size("logical bytes", r->logical_bytes,
              "raw: ids, documents, uris, metadata, 4 bytes a vector component", out);
    fprintf(out,
            "requests: %" PRId64 " that read from the source, %" PRId64 " that write and %" PRId64
            " that read back, without retries\n",
            r->reads, r->batches, r->batches);
    fprintf(out,
            "time: about %.0f s to read and encode, at the measured %.0f records/s with "
            "--source-concurrency %" PRId64 "; how fast the target writes is not known before\n",
            (double)r->elapsed_ms / 1000, rate, setting->concurrency);
    tell_cost(r, setting, out);
    fprintf(out, "nothing was written\n");
}

/* ---- for programs ---- */

static void write_name(struct buf *out, const char *name)
{
    json_write_string(out, span_from_str(name));
    buf_append_byte(out, ':');
}

static void write_text(struct buf *out, const char *name, const char *value)
{
    write_name(out, name);
    json_write_string(out, span_from_str(value));
    buf_append_byte(out, ',');
}

static void write_number(struct buf *out, const char *name, int64_t value)
{
    buf_printf(out, "\"%s\":%" PRId64 ",", name, value);
}

static void write_money(struct buf *out, const char *name, double value, const char *comma)
{
    if (value >= 0) {
        buf_printf(out, "\"%s\":%.6f%s", name, value, comma);
    } else {
        buf_printf(out, "\"%s\":null%s", name, comma);
    }
}

static void write_row(struct buf *out, const char *name, int64_t most,
                      const struct rehearsal_row *row, const char *policy, const char **comma)
{
    buf_printf(out, "%s{\"rule\":\"%s\",\"policy\":\"%s\",", *comma, name, policy);
    *comma = ",";
    if (most >= 0) {
        write_number(out, "limit", most);
        write_number(out, "worst", row->worst);
    }
    write_number(out, "records", row->records);
    buf_append_str(out, "\"examples\":[");
    for (int64_t i = 0; i < REHEARSAL_EXAMPLES && i < row->records; i++) {
        buf_append_str(out, i > 0 ? "," : "");
        json_write_string(out, buf_span(&row->examples[i]));
    }
    buf_append_str(out, "]}");
}

static void write_violations(const struct rehearsal *r, const struct rehearsal_setting *setting,
                             struct buf *out)
{
    const char *comma = "";
    buf_append_str(out, "\"violations\":[");
    for (size_t i = 0; i < r->collection.count; i++) {
        const struct quota_violation *found = &r->collection.list[i];
        buf_printf(out,
                   "%s{\"rule\":\"%s\",\"policy\":\"refuse\",\"limit\":%" PRId64
                   ",\"worst\":%" PRId64 "}",
                   comma, quota_rule_name(found->rule), found->most, found->value);
        comma = ",";
    }
    for (size_t rule = 0; rule < QUOTA_RECORD_RULES; rule++) {
        if (r->rules[rule].records > 0) {
            write_row(out, quota_rule_name((enum quota_rule)rule),
                      setting->limits->profile.limits.most[rule], &r->rules[rule],
                      policy_of(setting, rule), &comma);
        }
    }
    for (size_t i = 0; i < REHEARSAL_REASON_COUNT; i++) {
        if (r->reasons[i].records > 0) {
            write_row(out, rehearsal_reason_name((enum rehearsal_reason)i), -1, &r->reasons[i],
                      "reject", &comma);
        }
    }
    buf_append_str(out, "],");
}

static void write_sums(const struct rehearsal *r, const struct rehearsal_setting *setting,
                       struct buf *out)
{
    const struct quota_prices *prices = &setting->limits->profile.prices;
    struct rehearsal_cost cost = rehearsal_cost(r, prices);
    write_number(out, "read", r->read);
    write_number(out, "travelling", r->travelling);
    write_number(out, "rejected", r->rejected);
    write_number(out, "max_rejects", r->max_rejects);
    write_number(out, "truncated", r->truncated);
    write_number(out, "failing", r->failing);
    write_number(out, "vanished", r->vanished);
    write_number(out, "message_bytes", r->message_bytes);
    write_number(out, "body_bytes", r->body_bytes);
    write_number(out, "logical_bytes", r->logical_bytes);
    buf_printf(out,
               "\"requests\":{\"read\":%" PRId64 ",\"write\":%" PRId64 ",\"read_back\":%" PRId64
               "},\"seconds\":{\"read_and_encode\":%.3f,\"source_concurrency\":%" PRId64 "},",
               r->reads, r->batches, r->batches, (double)r->elapsed_ms / 1000,
               setting->concurrency);
    buf_append_str(out, "\"cost\":{");
    write_text(out, "currency", prices->currency);
    write_text(out, "prices_as_of", prices->as_of);
    write_money(out, "writing", cost.written, ",");
    write_money(out, "reading_back", cost.returned, ",");
    write_money(out, "storage_per_month", cost.stored_per_month, "}");
}

bool rehearsal_tell_json(const struct rehearsal *r, const struct rehearsal_setting *setting,
                         FILE *out, struct error *err)
{
    struct buf text;
    buf_init(&text, JSON_BYTES);
    buf_append_byte(&text, '{');
    write_text(&text, "collection", setting->collection);
    write_text(&text, "source", setting->source);
    write_text(&text, "target_collection", setting->target_collection);
    write_text(&text, "target", setting->target);
    buf_printf(&text, "\"target_exists\":%s,", setting->target_exists ? "true" : "false");
    write_name(&text, "fidelity");
    fidelity_write_json(setting->fidelity, &text);
    buf_append_byte(&text, ',');
    write_name(&text, "limits");
    limits_write(setting->limits, &text);
    buf_append_byte(&text, ',');
    write_violations(r, setting, &text);
    write_sums(r, setting, &text);
    buf_append_str(&text, "}\n");
    bool ok = buf_check(&text, "the result", err);
    if (ok) {
        fwrite(text.ptr, 1, text.len, out);
    }
    buf_deinit(&text);
    return ok;
}
