/* The commands of ferry-producer and the option table of each: flags, variables, defaults, help. */
#ifndef PRODUCER_OPTIONS_H
#define PRODUCER_OPTIONS_H

#include "app/option.h"

struct runtime;

typedef int command_fn(const struct option_set *options); /* answers an exit code */

struct command {
    const char *name;
    const char *summary; /* one line for the list */
    const struct option_row *rows;
    size_t row_count;
    size_t max_words; /* positional arguments */
    struct option_help help;
    command_fn *run;
};

/* Each ends with name NULL; together they are all. */
extern const struct command commands[];         /* those that carry a job, options.c */
extern const struct command control_commands[]; /* what is done to a job: options_control.c */
extern const struct command commands_to_look[]; /* options_doctor.c */
extern const struct option_row doctor_rows[];   /* which doctor shows */
extern const size_t doctor_row_count;

command_fn command_migrate, command_resume, command_retry, command_setup, command_status,
    command_verify, command_pause, command_cancel, command_purge, command_collections,
    command_doctor, command_drop_rehearsal;
int command_dry_run(const struct option_set *options); /* of migrate */
int command_mapping(const struct option_set *options); /* of collections */

#endif
