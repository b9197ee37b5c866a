/*
 * What every librdkafka handle of ours needs beside its work: its error codes in our kinds, an eventfd, and a bounded
 * end. Decides nothing about messages.
 */
#include "bus/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

enum error_kind client_error_kind(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return ERROR_NONE;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return ERROR_TOO_LARGE;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return ERROR_NOT_FOUND;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return ERROR_THROTTLED;
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return ERROR_TIMEOUT;
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return ERROR_AUTH;
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        return ERROR_REJECTED;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return ERROR_CONFLICT;
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return ERROR_CANCELLED;
    default: /* brokers coming and going, elections, fatal client states: all pass with time or a new handle */
        return ERROR_UNAVAILABLE;
    }
}

bool client_error_set(struct error *err, rd_kafka_resp_err_t code, const char *reason,
                      const char *context, ...)
{
    char what[128];
    va_list args;

    va_start(args, context);
    vsnprintf(what, sizeof what, context, args);
    va_end(args);
    if (reason == NULL || reason[0] == '\0') {
        reason = rd_kafka_err2str(code);
    }
    if (err->kind == ERROR_NONE) {
        err->native = (int32_t)code;
    }
    return error_set(err, client_error_kind(code), "%s: %s", what, reason);
}

bool client_topic_is_led(const struct rd_kafka_metadata_topic *topic)
{
    for (int i = 0; i < topic->partition_cnt; i++) {
        if (topic->partitions[i].leader < 0) {
            return false;
        }
    }
    return topic->partition_cnt > 0;
}

enum topic_presence client_find_topic(rd_kafka_t *client, const char *name, int timeout_ms,
                                      rd_kafka_resp_err_t *code)
{
    const struct rd_kafka_metadata *found = NULL;
    enum topic_presence presence = TOPIC_UNSURE;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);

    if (topic == NULL) {
        *code = rd_kafka_last_error();
        return TOPIC_UNSURE;
    }
    *code = rd_kafka_metadata(client, 0, topic, &found, timeout_ms);
    if (*code == RD_KAFKA_RESP_ERR_NO_ERROR && found->topic_cnt == 1) {
        *code = found->topics[0].err;
        if (client_error_kind(*code) == ERROR_NOT_FOUND) {
            presence = TOPIC_MISSING;
        } else if (*code == RD_KAFKA_RESP_ERR_NO_ERROR && client_topic_is_led(&found->topics[0])) {
            presence = TOPIC_THERE;
        }
    }
    if (found != NULL) {
        rd_kafka_metadata_destroy(found);
    }
    rd_kafka_topic_destroy(topic);
    return presence;
}

int wake_open(struct error *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0) {
        error_set(err, ERROR_IO, "eventfd: %s", strerror(errno));
    }
    return fd;
}

void wake_raise(int fd)
{
    const uint64_t one = 1;
    ssize_t done = write(fd, &one, sizeof one);

    (void)done; /* full means raised already */
}

void wake_drain(int fd)
{
    uint64_t count;
    ssize_t done = read(fd, &count, sizeof count);

    (void)done; /* nothing there is as good as emptied */
}

void wake_attach(rd_kafka_queue_t *queue, int fd)
{
    static const uint64_t one = 1;

    rd_kafka_queue_io_event_enable(queue, fd, &one, sizeof one);
}

struct ending {
    rd_kafka_t *client;
    int done_fd;
    atomic_int holders; /* the thread and the one who waits: the last one frees */
};

static void ending_release(struct ending *ending)
{
    if (atomic_fetch_sub(&ending->holders, 1) == 1) {
        close(ending->done_fd);
        free(ending);
    }
}

static void *ending_run(void *arg)
{
    struct ending *ending = arg;

    rd_kafka_destroy_flags(ending->client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    wake_raise(ending->done_fd);
    ending_release(ending);
    return NULL;
}

/* Signals belong to the loop's thread. */
static bool ending_start(struct ending *ending, pthread_t *thread)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(thread, NULL, ending_run, ending);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

static bool wait_raised(int fd, uint32_t timeout_ms)
{
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    int64_t deadline = clock_boottime_ms() + timeout_ms;
    int64_t left;

    while ((left = deadline - clock_boottime_ms()) > 0 && poll(&watch, 1, (int)left) <= 0) {
    }
    return poll(&watch, 1, 0) == 1;
}

bool client_destroy(rd_kafka_t *client, uint32_t timeout_ms)
{
    struct ending *ending = malloc(sizeof *ending);
    struct error ignored = {0};
    pthread_t thread;
    bool done;

    if (ending == NULL) {
        return false; /* left to the end of the process, like one whose thread does not start */
    }
    ending->client = client;
    ending->done_fd = wake_open(&ignored);
    atomic_init(&ending->holders, 2);
    if (ending->done_fd < 0 || !ending_start(ending, &thread)) {
        if (ending->done_fd >= 0) {
            close(ending->done_fd);
        }
        free(ending);
        return false;
    }
    done = wait_raised(ending->done_fd, timeout_ms);
    if (done) {
        pthread_join(thread, NULL);
    } else {
        pthread_detach(thread);
    }
    ending_release(ending);
    return done;
}
