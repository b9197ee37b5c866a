/* See search.h. What the answers mean for a record is read_search.c's business. */
#include "producer/search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/log.h"
#include "format/columns.h"
#include "producer/exporter.h"

#define WORDS_MAX 320

/* The pauses of one search: in it a source that is ill for a moment has it behind itself. So many searches fit into the patience. */
#define PAUSES_MAX_MS        60000
#define SEARCHES_IN_PATIENCE 10

struct finding { /* what the source said when it was asked for this record alone */
    bool is_malformed;
    char words[WORDS_MAX];
};

struct search {
    struct read_search core;
    struct finding *findings; /* one for each record */
    struct error last;        /* of the server's failures */
    struct error failure;     /* what ends the search without an answer */
    bool is_resting;          /* the machine knows */
};

struct question { /* one request; may outlive its search */
    struct exporter *exporter;
    size_t slot;
    int64_t fence;
    struct read_step step;
    struct buf body;
};

void search_free(struct search *search)
{
    if (search != NULL) {
        free(search->findings);
        free(search);
    }
}

bool search_is_bad(const struct search *search, size_t i, const char **reason, const char **message)
{
    if (search == NULL || search->core.verdicts[i] != READ_BAD) {
        return false;
    }
    *reason = search->findings[i].is_malformed ? "malformed" : "unreadable";
    *message = search->findings[i].words;
    return true;
}

size_t search_count_bad(const struct search *search)
{
    size_t count = 0;
    for (size_t i = 0; search != NULL && i < search->core.count; i++) {
        count += search->core.verdicts[i] == READ_BAD;
    }
    return count;
}

/* Nothing was found: why the batch still cannot be read. */
static void explain(struct exporter *exporter, struct cargo *cargo, struct error *out)
{
    const struct search *search = cargo->search;
    const char *finding = search->core.gave_up ? "and no other record can be read either"
                          : search->core.doubt.undecided > 0
                              ? "but reading others fails now and then as well"
                              : "though each of its records can be read alone";
    error_set(out, ERROR_UNAVAILABLE, "%.300s; %s", search->last.message, finding);
    fetch_judge_patience(exporter, cargo, out);
}

static void conclude(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    struct search *search = cargo->search;
    struct error why = search->failure;
    if (why.kind == ERROR_NONE && search->core.found > 0) {
        log_event(LOG_WARN, "export.unreadable", LOG_NUMBER("batch", cargo->batch_no),
                  LOG_NUMBER("records", (int64_t)search->core.found),
                  LOG_TEXT("why", search->last.message));
        cargo->failing_since_ms = 0; /* without them it may well be read */
    } else if (why.kind == ERROR_NONE) {
        explain(exporter, cargo, &why);
    }
    if (why.kind != ERROR_NONE) {
        cargo->err = why;
        error_wrap(&cargo->err, "read batch %lld", (long long)cargo->batch_no);
        snprintf(exporter->trouble, sizeof exporter->trouble, "%.250s", why.message);
        if (error_disposition(why.kind) == DISPOSITION_STOP) {
            exporter_note_failure(exporter, &why);
        }
    }
    exporter_handle(exporter, &(struct export_event){
                                  .kind = EXPORT_EVENT_SEARCHED, .slot = slot, .error = why.kind});
}

/* ---- answers ---- */

/* Of a record that is in order; a control that is empty proves nothing. */
static bool is_well_formed(struct exporter *exporter, const struct question *question,
                           struct span answer, struct error *err)
{
    struct record_set set;
    bool ok = columns_scan(answer, &exporter->arena, &set, err);
    bool has_vector = ok && set.count > 0 && set.records[0].embedding != NULL;
    if (ok && question->step.kind == READ_STEP_CONTROL && !has_vector) {
        ok = error_set(err, ERROR_FORMAT, "no record came");
    } else if (ok && question->step.count == 1 && set.count > 0 && !has_vector) {
        ok = error_set(err, ERROR_FORMAT,
                       "the record came without a vector"); /* among others it shifts theirs */
    }
    if (ok && has_vector) {
        exporter_note_good(exporter, exporter->cargo[question->slot].pair, set.records[0].id);
    }
    arena_reset(&exporter->arena);
    return ok;
}

static void note(struct search *search, const struct question *question, const struct error *why)
{
    if (question->step.kind == READ_STEP_CONTROL) {
        return;
    }
    search->last = *why;
    for (size_t i = 0; i < question->step.count; i++) {
        struct finding *finding = &search->findings[question->step.from + i];
        finding->is_malformed = why->kind == ERROR_FORMAT;
        snprintf(finding->words, sizeof finding->words,
                 "the source cannot read this record: %.280s", why->message);
    }
}

/* READ_FINE also for what ends the search: failure says why. */
static enum read_answer judge(struct exporter *exporter, struct search *search,
                              const struct question *question, const struct error *why)
{
    if (fetch_is_suspicious(why)) {
        note(search, question, why);
        return READ_FAILED;
    }
    if (error_disposition(why->kind) == DISPOSITION_RETRY) {
        snprintf(exporter->trouble, sizeof exporter->trouble, "%.250s", why->message);
        return READ_OUTAGE;
    }
    if (why->kind != ERROR_NONE && why->kind != ERROR_LIMIT && why->kind != ERROR_TOO_LARGE) {
        search->failure = *why; /* large is no fault here: the batch will be split */
    }
    return READ_FINE;
}

static void on_answer(void *ctx, const struct http_answer *answer, const struct error *err)
{
    struct question *question = ctx;
    struct exporter *exporter = question->exporter;
    struct cargo *cargo = &exporter->cargo[question->slot];
    struct search *search = cargo->search;
    struct error why = *err;
    if (cargo->fence != question->fence || search == NULL) {
        goto out; /* aborted */
    }
    cargo->request = NULL;
    if (why.kind == ERROR_NONE && !is_well_formed(exporter, question, answer->body, &why)) {
        error_wrap(&why, "source %s", cargo->pair->source.chroma.address.base);
    }
    enum read_answer verdict = judge(exporter, search, question, &why);
    read_search_answer(&search->core, verdict, answer->retry_after_ms, clock_boottime_ms());
    search_step(exporter, question->slot);
out:
    buf_deinit(&question->body);
    free(question);
}

/* ---- questions ---- */

/* One that was read before, then whatever stands at the beginning, the middle, the end. */
static void write_control(struct buf *out, const struct exporter *exporter, const struct pair *pair,
                          size_t probe)
{
    int64_t planned = pair->n_planned > 0 ? pair->n_planned : 1;
    struct span id = exporter_good_id(exporter, pair);
    const int64_t offsets[READ_SEARCH_PROBES] = {0, 0, planned / 2, planned - 1, planned / 4};
    if (probe == 0 && id.len > 0) {
        columns_write_get(out, &id, 1);
        return;
    }
    buf_printf(out, "{\"limit\":1,\"offset\":%" PRId64 ",\"include\":" COLUMNS_ALL "}",
               offsets[probe % READ_SEARCH_PROBES]);
}

static bool ask(struct exporter *exporter, size_t slot, const struct read_step *step,
                struct error *err)
{
    struct cargo *cargo = &exporter->cargo[slot];
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL) {
        return error_set(err, ERROR_NOMEM, "out of memory");
    }
    *question =
        (struct question){.exporter = exporter, .slot = slot, .fence = cargo->fence, .step = *step};
    buf_init(&question->body, LIMIT_REQUEST_BODY);
    if (step->kind == READ_STEP_PAGE) {
        (void)fetch_write_get(cargo, step->from, step->count, &question->body);
    } else {
        write_control(&question->body, exporter, cargo->pair, step->probe);
    }
    if (buf_check(&question->body, "a request for records", err)) {
        cargo->request =
            chroma_get_records(&cargo->pair->source.chroma, &cargo->pair->source.collection.uuid,
                               buf_span(&question->body), 0, on_answer, question, err);
    }
    if (cargo->request == NULL) {
        buf_deinit(&question->body);
        free(question);
        return false;
    }
    return true;
}

void search_step(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    struct search *search = cargo->search;
    if (search == NULL || cargo->request != NULL) {
        return;
    }
    struct read_step step = read_search_next(&search->core, clock_boottime_ms());
    if (search->core.is_confirming && !search->is_resting && step.kind == READ_STEP_WAIT) {
        search->is_resting = true;
        exporter_handle(exporter, &(struct export_event){.kind = EXPORT_EVENT_RESTS, .slot = slot});
        return;
    }
    if (search->failure.kind == ERROR_NONE &&
        (step.kind == READ_STEP_PAGE || step.kind == READ_STEP_CONTROL) &&
        !ask(exporter, slot, &step, &search->failure)) {
        error_set(&search->failure, ERROR_BUG, "no reason given"); /* the first one wins */
    }
    if (search->failure.kind != ERROR_NONE || step.kind == READ_STEP_END) {
        conclude(exporter, slot);
    }
}

static int64_t pauses_ms(const struct exporter *exporter)
{
    int64_t share_ms = option_number(exporter->rt->options, "patience") / SEARCHES_IN_PATIENCE;
    return share_ms < PAUSES_MAX_MS ? share_ms : PAUSES_MAX_MS;
}

void search_start(struct exporter *exporter, size_t slot)
{
    struct cargo *cargo = &exporter->cargo[slot];
    log_event(LOG_WARN, "export.searches", LOG_NUMBER("batch", cargo->batch_no),
              LOG_TEXT("why", cargo->err.message));
    if (cargo->search == NULL) {
        cargo->search = calloc(1, sizeof *cargo->search);
        struct finding *findings = calloc(cargo->ids.count, sizeof *findings);
        if (cargo->search == NULL || findings == NULL) {
            free(cargo->search);
            free(findings);
            cargo->search = NULL;
            error_clear(&cargo->err);
            error_set(&cargo->err, ERROR_NOMEM, "out of memory");
            exporter_note_failure(exporter, &cargo->err);
            return; /* the program ends */
        }
        cargo->search->findings = findings;
        read_search_init(&cargo->search->core, cargo->ids.count, pauses_ms(exporter),
                         rng_next(&exporter->rt->rng));
    } else {
        read_search_again(&cargo->search->core);
    }
    error_clear(&cargo->search->failure);
    cargo->search->is_resting = false;
    cargo->search->last = cargo->err;
}
