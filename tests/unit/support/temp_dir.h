/* A working directory of its own for a test that reads files: cmocka setup and teardown, and writing one file. */
#ifndef TESTS_TEMP_DIR_H
#define TESTS_TEMP_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char temp_dir_path[] = "/tmp/ferry-unit-XXXXXX";

static inline int temp_dir_enter(void **state)
{
    (void)state;
    memcpy(strrchr(temp_dir_path, '-') + 1, "XXXXXX", 6);
    return mkdtemp(temp_dir_path) != NULL && chdir(temp_dir_path) == 0 ? 0 : -1;
}

static inline int temp_dir_leave(void **state)
{
    (void)state;
    DIR *dir = opendir(".");
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL;
         entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove(entry->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return chdir("/") == 0 && rmdir(temp_dir_path) == 0 ? 0 : -1;
}

static inline void temp_dir_write(const char *name, const char *bytes, size_t len)
{
    FILE *file = fopen(name, "wb");
    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0) {
        perror(name);
        abort();
    }
}

static inline void temp_dir_write_text(const char *name, const char *text)
{
    temp_dir_write(name, text, strlen(text));
}

#endif
