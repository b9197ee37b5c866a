/* A small file, whole; see environment_load. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/environment.h"

/* Until the end of the file or the ceiling of out. False: errno. */
static bool read_all(int fd, struct buf *out)
{
    uint8_t piece[4096];
    ssize_t got = 0;
    do {
        got = read(fd, piece, sizeof(piece));
        if (got > 0) {
            buf_append(out, piece, (size_t)got);
        }
    } while ((got > 0 && out->failed == ERROR_NONE) || (got < 0 && errno == EINTR));
    explicit_bzero(piece, sizeof(piece));
    return got >= 0;
}

bool environment_load(const char *path, struct buf *out, bool *exists, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool is_read = fd >= 0 && read_all(fd, out);
    int cause = errno;
    if (fd >= 0) {
        close(fd);
    }
    *exists = is_read;
    if (!is_read && (cause == ENOENT || cause == EISDIR)) {
        return true;
    }
    if (!is_read) {
        error_set(err, ERROR_USAGE, "cannot read %s: %s", path, strerror(cause));
        err->native = cause;
        return false;
    }
    if (out->failed == ERROR_LIMIT) {
        return error_set(err, ERROR_USAGE, "%s is longer than %zu bytes", path, out->max);
    }
    return buf_check(out, path, err);
}
