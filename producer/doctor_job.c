/* What a job would be, by what is given alone: refused here as migrate refuses it, before any server is asked. */
#include "producer/doctor.h"

static bool is_choosing(const struct option_set *options)
{
    return option_text(options, "collection") != NULL || option_flag(options, "all") ||
           option_text(options, "map") != NULL;
}

void doctor_job(struct doctor *doctor)
{
    const struct option_set *options = doctor->options;
    struct settings settings;
    struct target_limits limits;
    struct error err = {0};
    bool chooses = is_choosing(options);
    bool ok = selection_read(&doctor->job.selection, options, 0, &err) &&
              settings_read(&settings, options, &err) &&
              limits_from_options(options, "none", &limits, &err) &&
              (!chooses || mapping_read(&doctor->mapping, options, &err));
    doctor->no_choice = !chooses ? "no --collection was given" : ok ? NULL : "needs job options";
    if (ok) {
        checkup_add(&doctor->checkup, "job", "options", CHECK_OK, "", "%s%s",
                    doctor->job.selection.is_part ? "a rehearsal: " : "they go together, records: ",
                    doctor->job.selection.text);
    } else {
        checkup_fail(&doctor->checkup, "job", "options", "correct the option that is named", &err);
    }
}
