/* ferry-consumer: parses its options and runs. Only this file decides to exit. */
#include <stdio.h>
#include <string.h>

#include "app/exit_code.h"
#include "app/log.h"
#include "app/version.h"
#include "bus/bus.h"
#include "consumer/consumer.h"
#include "consumer/options.h"
#include "net/http.h"
#include "store/pg.h"

static bool wants_version(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            return true;
        }
    }
    return false;
}

static void print_version(void)
{
    printf("ferry-consumer %s\nlibrdkafka %s\nlibcurl %s\nlibpq %s\n", FERRY_VERSION,
           bus_library_version(), http_library_version(), pg_library_version());
}

static enum exit_code run(const struct option_set *options)
{
    enum log_level level = LOG_INFO;
    const char *wanted = option_environment(options, "FERRY_LOG");
    struct error err = {0};

    if (wanted != NULL && !log_level_parse(wanted, &level)) {
        fprintf(stderr, "ferry-consumer: FERRY_LOG must be error, warn, info or debug\n");
        return EXIT_USAGE;
    }
    if (!bus_check_brokers(option_text(options, "brokers"), &err)) {
        fprintf(stderr, "ferry-consumer: %s\n", err.message);
        return EXIT_USAGE;
    }
    log_configure("ferry-consumer", level);
    return consumer_run(options);
}

static enum exit_code flush_output(enum exit_code code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ferry-consumer: standard output could not be written\n");
        return code == EXIT_DONE ? EXIT_BUG : code;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct error err = {0};

    if (option_wants_help(argc, argv)) {
        option_print_help(consumer_rows, consumer_row_count, &consumer_help);
        return (int)flush_output(EXIT_DONE);
    }
    if (wants_version(argc, argv)) {
        print_version();
        return (int)flush_output(EXIT_DONE);
    }
    struct option_set *options =
        option_parse(consumer_rows, consumer_row_count, argc, argv, 0, &err);
    if (options == NULL) {
        fprintf(stderr, "ferry-consumer: %s\nTry: ferry-consumer --help\n", err.message);
        return EXIT_USAGE;
    }
    enum exit_code code = run(options);
    option_free(options);
    return (int)code;
}
