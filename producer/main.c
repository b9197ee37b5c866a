/* ferry-producer: picks the command, parses its options, runs it. Only this file decides to exit. */
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
#include "app/log.h"
#include "app/version.h"
#include "bus/bus.h"
#include "net/http.h"
#include "producer/options.h"
#include "store/pg.h"

static void print_version(void)
{
    printf("ferry-producer %s\nlibrdkafka %s\nlibcurl %s\nlibpq %s\n", FERRY_VERSION,
           bus_library_version(), http_library_version(), pg_library_version());
}

static const struct command *const tables[] = {commands, control_commands, commands_to_look};

static void print_commands(FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct command *command = tables[i]; command->name != NULL; command++) {
            fprintf(out, "  %-14s %s\n", command->name, command->summary);
        }
    }
}

static void print_usage(FILE *out)
{
    fputs("ferry-producer moves Chroma collections through Kafka to another Chroma, verified, with "
          "a ledger.\n\n"
          "Usage: ferry-producer COMMAND [options]\n\nCommands:\n",
          out);
    print_commands(out);
    fputs(
        "\nOptions:\n  --help        this text, or a command's own: ferry-producer COMMAND --help\n"
        "  --version     versions of the program and its libraries\n\nExit status:\n",
        out);
    fputs(exit_code_help(), out);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct command *command = tables[i]; command->name != NULL; command++) {
            if (strcmp(command->name, name) == 0) {
                return command;
            }
        }
    }
    return NULL;
}

static int flush_output(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ferry-producer: standard output could not be written\n");
        return code == EXIT_DONE ? EXIT_BUG : code;
    }
    return code;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct error err = {0};
    if (option_wants_help(argc, argv)) {
        option_print_help(command->rows, command->row_count, &command->help);
        return EXIT_DONE;
    }
    struct option_set *options =
        option_parse(command->rows, command->row_count, argc, argv, command->max_words, &err);
    if (options == NULL) {
        fprintf(stderr, "ferry-producer %s: %s\nTry: ferry-producer %s --help\n", command->name,
                err.message, command->name);
        return EXIT_USAGE;
    }
    enum log_level level = LOG_INFO;
    const char *wanted = option_environment(options, "FERRY_LOG");
    int code = EXIT_USAGE;
    if (wanted != NULL && !log_level_parse(wanted, &level)) {
        fprintf(stderr, "ferry-producer: FERRY_LOG must be error, warn, info or debug\n");
    } else {
        log_configure("ferry-producer", level);
        code = command->run(options);
    }
    option_free(options);
    return code;
}

static int choose(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        print_version();
        return EXIT_DONE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_DONE;
    }
    const struct command *command = find_command(name);
    if (command == NULL) {
        if (name[0] == '\0') {
            print_usage(stderr);
        } else {
            fprintf(stderr, "ferry-producer: unknown command \"%s\"\nTry: ferry-producer --help\n",
                    name);
        }
        return EXIT_USAGE;
    }
    return run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return flush_output(choose(argc, argv));
}
