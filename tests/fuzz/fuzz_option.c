/* Arguments and a .env file: NUL-terminated arguments up to an empty one, the rest is the file. What is taken is in its range. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/option.h"
#include "app/secret.h"

#define ARGUMENTS 12

static const struct option_row ROWS[] = {
    {.name = "source",
     .short_name = 's',
     .env = "FUZZ_SOURCE",
     .type = OPTION_URL,
     .placeholder = "URL",
     .group = "A",
     .help = "a"},
    {.name = "records",
     .short_name = 'n',
     .env = "FUZZ_RECORDS",
     .type = OPTION_NUMBER,
     .placeholder = "N",
     .fallback = "300",
     .min = 1,
     .max = 300,
     .group = "A",
     .help = "b"},
    {.name = "lease",
     .env = "FUZZ_LEASE",
     .type = OPTION_DURATION,
     .placeholder = "TIME",
     .fallback = "60s",
     .min = 2000,
     .max = 3600000,
     .group = "B",
     .help = "c"},
    {.name = "name",
     .env = "FUZZ_NAME",
     .type = OPTION_TEXT,
     .placeholder = "NAME",
     .group = "B",
     .help = "d"},
    {.name = "limit",
     .env = "FUZZ_LIMIT",
     .type = OPTION_LIST,
     .placeholder = "A=B",
     .group = "B",
     .help = "f"},
    {.name = "quiet",
     .short_name = 'q',
     .env = "FUZZ_QUIET",
     .type = OPTION_FLAG,
     .group = "B",
     .help = "e"},
};

/* The file as a path, in memory. */
static int make_file(struct span bytes, char path[64])
{
    int fd = memfd_create("env", MFD_CLOEXEC);

    REQUIRE(fd >= 0 && write(fd, bytes.ptr != NULL ? bytes.ptr : (const uint8_t *)"", bytes.len) ==
                           (ssize_t)bytes.len);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void check_set(const struct option_set *set)
{
    static const struct secret_request TARGET = {.role = SECRET_TARGET,
                                                 .origin = "http://127.0.0.1:8000",
                                                 .expected_origin = "http://127.0.0.1:8000"};
    char header[512], style[16];
    struct error err = {0};
    const char *name = option_text(set, "name");

    REQUIRE(option_number(set, "records") >= 1 && option_number(set, "records") <= 300);
    REQUIRE(option_number(set, "lease") >= 2000 && option_number(set, "lease") <= 3600000);
    REQUIRE(name == NULL || option_origin(set, "name") != OPTION_DEFAULT);
    REQUIRE(option_word_count(set) <= 2);
    (void)option_text(set, "limit");
    (void)option_flag(set, "quiet");
    (void)option_text(set, "source");
    fuzz_check_outcome(secret_find(set, &TARGET, header, style, &err), &err);
    if (err.kind == ERROR_NONE) {
        REQUIRE(strpbrk(header, "\r\n") == NULL);
        REQUIRE((header[0] == '\0') == (strcmp(style, "none") == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = {data, size};
    char program[] = "fuzz", env_file[] = "--env-file", config[] = "--config";
    char *argv[ARGUMENTS + 4] = {program, env_file, NULL, NULL};
    char path[64];
    struct error err = {0};
    struct option_set *set;
    bool is_foreign = false;
    int argc = 3;
    int fd;

    while (argc < ARGUMENTS + 3 && input.len > 0 && input.ptr[0] != '\0') {
        argv[argc] = fuzz_string(fuzz_part(&input));
        is_foreign = is_foreign || strstr(argv[argc], "env-file") != NULL ||
                     strstr(argv[argc], "config") != NULL; /* no other file, please */
        argc++;
    }
    argv[argc] = NULL;
    fuzz_byte(&input);
    is_foreign =
        is_foreign || (input.len > 0 && (memmem(input.ptr, input.len, "_FILE", 5) != NULL ||
                                         memmem(input.ptr, input.len, "_file", 5) != NULL ||
                                         memmem(input.ptr, input.len, "FERRY_CONFIG", 12) != NULL));
    if (input.len > 0 && input.ptr[0] == '[') { /* as a file of .ini form begins */
        argv[1] = config;
    }
    fd = make_file(input, path);
    argv[2] = path;
    if (!is_foreign) {
        (void)option_wants_help(argc, argv);
        set = option_parse(ROWS, ARRAY_LEN(ROWS), argc, argv, 2, &err);
        fuzz_check_outcome(set != NULL, &err);
        if (set != NULL) {
            check_set(set);
        }
        option_free(set);
    }
    close(fd);
    for (int i = 3; i < argc; i++) {
        free(argv[i]);
    }
    return 0;
}
