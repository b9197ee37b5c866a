/* This machine and this process: room for lists of ids, descriptors for connections. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "producer/doctor.h"

#define DISK_WARN  ((uint64_t)1024 * MIB) /* the lists of some ten million ids */
#define DISK_FAIL  ((uint64_t)16 * MIB)
#define FILES_WARN 256u
#define FILES_FAIL 64u
static const char area[] = "machine";

enum check_state doctor_judge_disk(uint64_t left_bytes)
{
    return left_bytes < DISK_FAIL ? CHECK_FAIL : left_bytes < DISK_WARN ? CHECK_WARNING : CHECK_OK;
}

/* verify and --dry-run keep their lists of ids there. */
static void look_disk(struct doctor *doctor)
{
    const char *dir = getenv("TMPDIR");
    struct statvfs about;
    dir = dir != NULL && dir[0] != '\0' ? dir : "/tmp";
    if (statvfs(dir, &about) != 0 || access(dir, W_OK | X_OK) != 0) {
        checkup_add(&doctor->checkup, area, "disk", CHECK_FAIL,
                    "set TMPDIR to a directory that can be written", "%.400s: %s", dir,
                    strerrordesc_np(errno));
        return;
    }
    uint64_t left = (uint64_t)about.f_bavail * about.f_frsize;
    checkup_add(&doctor->checkup, area, "disk", doctor_judge_disk(left),
                left < DISK_WARN ? "make room, or set TMPDIR to another disk" : "",
                "%" PRIu64 " MiB free in %.400s", left / MIB, dir);
}

static void look_files(struct doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    checkup_add(&doctor->checkup, area, "files",
                limit.rlim_cur < FILES_FAIL   ? CHECK_FAIL
                : limit.rlim_cur < FILES_WARN ? CHECK_WARNING
                                              : CHECK_OK,
                limit.rlim_cur < FILES_WARN ? "raise it: ulimit -n 1024" : "",
                "%" PRIu64 " may be open at a time", (uint64_t)limit.rlim_cur);
}

void doctor_machine(struct doctor *doctor)
{
    look_disk(doctor);
    look_files(doctor);
}
