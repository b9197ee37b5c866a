/*
 * Signals as readable bytes on the loop, so that no code of ours runs in a signal handler. Only counts: what the first
 * and the second request mean is decided by the program.
 */
#include "app/stop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* nohup(1) wants us to outlive the terminal. A blocked signal comes to the descriptor although it is ignored. */
static bool is_ignored(int signum)
{
    struct sigaction now;
    return sigaction(signum, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

bool stop_open(struct stop *stop, struct error *err)
{
    sigset_t signals;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    *stop = (struct stop){.fd = -1};
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (!is_ignored(SIGHUP)) {
        sigaddset(&signals, SIGHUP);
    }
    /* A peer that hangs up, a closed terminal, a log that may not grow (ulimit -f) is an error of that write and no reason to die. */
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigaction(SIGXFSZ, &ignore, NULL) != 0) {
        return error_set(err, ERROR_BUG, "cannot ignore SIGPIPE: %s", strerror(errno));
    }
    int cause = pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (cause != 0) {
        return error_set(err, ERROR_BUG, "cannot block signals: %s", strerror(cause));
    }
    stop->fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (stop->fd < 0) {
        error_set(err, ERROR_IO, "cannot open a descriptor for signals: %s", strerror(errno));
        err->native = errno;
        return false;
    }
    return true;
}

/* The signals stay blocked: one that comes while the program ends must not change its exit code. */
void stop_close(struct stop *stop)
{
    if (stop->fd >= 0) {
        close(stop->fd);
    }
    stop->fd = -1;
}

int stop_fd(void *stop)
{
    return ((struct stop *)stop)->fd;
}

short stop_wants(void *stop)
{
    (void)stop;
    return POLLIN;
}

void stop_on_ready(void *stop, short got)
{
    struct stop *self = stop;
    struct signalfd_siginfo info;
    (void)got;
    while (read(self->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        self->requested++;
    }
}
