/* SIGINT, SIGTERM and SIGHUP as a descriptor on the loop: the first asks to stop, the second to stop at once. SIGPIPE and SIGXFSZ are
 * ignored. */
#ifndef APP_STOP_H
#define APP_STOP_H

#include "base/error.h"

struct stop {
    int fd;
    int requested; /* how often: 0, 1, 2 … */
};

/* Blocks the signals for this and later threads: to be called before any thread starts. They are seen even if they were
 * ignored when the program started, as SIGINT is in a shell's background job; but not SIGHUP, which nohup(1) has ignored. */
MUST_CHECK bool stop_open(struct stop *stop, struct error *err);
void stop_close(struct stop *stop);
int stop_fd(void *stop);
short stop_wants(void *stop);
void stop_on_ready(void *stop, short got);

#endif
