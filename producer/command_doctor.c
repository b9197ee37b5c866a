/* ferry-producer doctor: looks at everything a job needs, says what it found and what to do. Writes nothing anywhere. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "producer/doctor.h"
#include "producer/options.h"

#define OUTPUT_MAX (1u * MIB)

/* The connection to the ledger is begun first; without one the rest is looked at all the same. */
static bool open_runtime(struct doctor *doctor, struct error *err)
{
    if (runtime_open(&doctor->rt, doctor->options, "producer", &doctor->ledger_refused)) {
        return true;
    }
    runtime_close(&doctor->rt);
    return runtime_open_without_ledger(&doctor->rt, doctor->options, "producer", err);
}

static void look(struct doctor *doctor)
{
    static void (*const parts[])(struct doctor *) = {doctor_bus, doctor_ledger, doctor_machine};
    doctor_job(doctor);
    doctor_side(doctor, "source");
    if (doctor->rt.stop.requested == 0) {
        doctor_side(doctor, "target");
    }
    for (size_t i = 0; i < ARRAY_LEN(parts) && doctor->rt.stop.requested == 0; i++) {
        parts[i](doctor);
    }
}

static void write_result(const struct checkup *checkup, struct buf *settings, bool as_json,
                         struct buf *out)
{
    buf_append_str(out, as_json ? "{\"checks\":[" : "");
    for (size_t i = 0; i < checkup->count; i++) {
        if (as_json) {
            buf_append_str(out, i > 0 ? ",\n " : "");
            checkup_write_json(&checkup->findings[i], out);
        } else {
            checkup_write_line(&checkup->findings[i], out);
        }
    }
    if (as_json) {
        buf_printf(out, "],\n \"settings\":[%s],\"exit_code\":%d}\n", buf_cstr(settings),
                   (int)checkup_exit_code(checkup));
    } else {
        buf_printf(out, "\nsettings:\n%s\n%zu ok, %zu warnings, %zu failed, %zu skipped\n",
                   buf_cstr(settings), checkup_number(checkup, CHECK_OK),
                   checkup_number(checkup, CHECK_WARNING), checkup_number(checkup, CHECK_FAIL),
                   checkup_number(checkup, CHECK_SKIPPED));
    }
}

static bool run(struct doctor *doctor, struct error *err)
{
    bool as_json = option_flag(doctor->options, "json");
    struct buf settings, out;
    buf_init(&settings, OUTPUT_MAX);
    buf_init(&out, 2 * OUTPUT_MAX);
    bool ok =
        doctor_settings(doctor->options, doctor_rows, doctor_row_count, as_json, &settings, err) &&
        open_runtime(doctor, err);
    if (ok) {
        look(doctor);
        ok = doctor->rt.stop.requested == 0 || error_set(err, ERROR_CANCELLED, "interrupted");
    }
    if (ok) {
        write_result(&doctor->checkup, &settings, as_json, &out);
        ok = buf_check(&out, "the result", err);
    }
    if (ok) {
        fwrite(out.ptr, out.len, 1, stdout);
    }
    buf_deinit(&out);
    buf_deinit(&settings);
    return ok;
}

int command_doctor(const struct option_set *options)
{
    struct error err = {0};
    struct doctor *doctor = calloc(1, sizeof *doctor);
    if (doctor == NULL) {
        fprintf(stderr, "ferry-producer doctor: out of memory\n");
        return EXIT_BUG;
    }
    doctor->options = options;
    doctor->rt.stop.fd = -1;
    bool ok = run(doctor, &err);
    enum exit_code code = ok ? checkup_exit_code(&doctor->checkup) : exit_code_for(&err);
    runtime_close(&doctor->rt);
    mapping_close(&doctor->mapping);
    job_close(&doctor->job);
    free(doctor);
    if (!ok) {
        fprintf(stderr, "ferry-producer doctor: %s\n", err.message);
    }
    return (int)code;
}
