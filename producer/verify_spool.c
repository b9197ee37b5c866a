/* Ids to disk and back, each behind its length; see verify_spool.h. Nothing but its own process ever reads the file. */
#include "producer/verify_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

#define PATH_BYTES   4096
#define BUFFER_BYTES (64u * KIB)

static const char *folder(void)
{
    const char *set = getenv("TMPDIR");
    return set != NULL && set[0] != '\0' ? set : "/tmp";
}

static bool fail(int code, const char *what, struct error *err)
{
    error_set(err, ERROR_IO,
              "the list of ids in %s cannot be %s: %s (set TMPDIR to another folder)", folder(),
              what, strerror(code));
    err->native = code;
    return false;
}

bool verify_spool_open(struct verify_spool *spool, struct error *err)
{
    char path[PATH_BYTES];
    memset(spool, 0, sizeof *spool);
    buf_init(&spool->id, LIMIT_RECORD_ID);
    if (snprintf(path, sizeof path, "%s/ferry-ids-XXXXXX", folder()) >= (int)sizeof path) {
        return fail(ENAMETOOLONG, "made", err);
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        return fail(errno, "made", err);
    }
    (void)unlink(path);
    spool->file = fdopen(fd, "w+b");
    if (spool->file == NULL) {
        int code = errno;
        close(fd);
        return fail(code, "made", err);
    }
    (void)setvbuf(spool->file, NULL, _IOFBF, BUFFER_BYTES);
    return true;
}

void verify_spool_close(struct verify_spool *spool)
{
    if (spool->file != NULL) {
        (void)fclose(spool->file);
    }
    buf_deinit(&spool->id);
    memset(spool, 0, sizeof *spool);
}

bool verify_spool_clear(struct verify_spool *spool, struct error *err)
{
    rewind(spool->file);
    spool->count = spool->read = 0;
    return ftruncate(fileno(spool->file), 0) == 0 || fail(errno, "written", err);
}

bool verify_spool_append(struct verify_spool *spool, struct span id, struct error *err)
{
    uint32_t len = (uint32_t)id.len;
    if (fwrite(&len, sizeof len, 1, spool->file) != 1 ||
        (len > 0 && fwrite(id.ptr, len, 1, spool->file) != 1)) {
        return fail(errno, "written", err);
    }
    spool->count++;
    return true;
}

bool verify_spool_rewind(struct verify_spool *spool, struct error *err)
{
    spool->read = 0;
    return (fflush(spool->file) == 0 && fseeko(spool->file, 0, SEEK_SET) == 0) ||
           fail(errno, "written", err);
}

bool verify_spool_next(struct verify_spool *spool, struct span *id, bool *more, struct error *err)
{
    uint32_t len = 0;
    *more = spool->read < spool->count;
    if (!*more) {
        return true;
    }
    buf_clear(&spool->id);
    if (fread(&len, sizeof len, 1, spool->file) != 1 || len > LIMIT_RECORD_ID) {
        return fail(ferror(spool->file) ? errno : EIO, "read", err);
    }
    uint8_t *at = buf_reserve(&spool->id, len);
    if (!buf_check(&spool->id, "an id", err)) {
        return false;
    }
    if (len > 0 && fread(at, len, 1, spool->file) != 1) {
        return fail(ferror(spool->file) ? errno : EIO, "read", err);
    }
    spool->id.len += len;
    spool->read++;
    *id = buf_span(&spool->id);
    return true;
}
