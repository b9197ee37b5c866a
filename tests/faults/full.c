/*
 * To be preloaded into PostgreSQL where no small file system may be mounted: while the file FAULTS_FULL is there, its data and its log
 * of writes find no space. Its own messages go by write(), and get through.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_full(void)
{
    const char *path = getenv("FAULTS_FULL");
    return path != NULL && access(path, F_OK) == 0;
}

static ssize_t put(int fd, const void *data, size_t size, off_t at)
{
    if (is_full()) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, at);
}

static ssize_t put_all(int fd, const struct iovec *parts, int count, off_t at)
{
    if (is_full()) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwritev, fd, parts, count, (long)at, 0L);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return put(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return put(fd, data, size, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return put_all(fd, parts, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    return put_all(fd, parts, count, at);
}
