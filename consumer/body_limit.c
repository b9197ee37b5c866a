/* See body_limit.h. */
#include "consumer/body_limit.h"

#include "base/limits.h"

int64_t body_limit_floor(const struct body_limit *limit)
{
    return limit->accepted > LIMIT_BODY_FLOOR ? limit->accepted : LIMIT_BODY_FLOOR;
}

void body_limit_accept(struct body_limit *limit, int64_t bytes)
{
    if (bytes > limit->accepted) {
        limit->accepted = bytes;
    }
    if (bytes >= limit->doubted) {
        limit->doubted = 0;
    }
}

bool body_limit_refuse(struct body_limit *limit, int64_t bytes, int64_t patience_ms, int64_t now_ms)
{
    if (bytes > body_limit_floor(limit)) {
        return true;
    }
    if (limit->doubted == 0) {
        limit->since_ms = now_ms;
    }
    limit->doubted = bytes > limit->doubted ? bytes : limit->doubted;
    if (bytes <= LIMIT_BODY_FLOOR || now_ms - limit->since_ms < patience_ms) {
        return false;
    }
    *limit = (struct body_limit){0};
    return true;
}
