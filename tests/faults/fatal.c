/*
 * Loaded before librdkafka (LD_PRELOAD): makes a producer's client end fatally after every FERRY_FATAL_EVERY messages, as 2.0.2
 * does by itself after some disconnects, FERRY_FATAL_TIMES times. Each is a line in the file FERRY_FATAL_LOG.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

static int poll_count;

static int number(const char *name)
{
    const char *text = getenv(name);

    return text != NULL ? atoi(text) : 0;
}

static void end_fatally(rd_kafka_t *client)
{
    static int times;
    int log = times < number("FERRY_FATAL_TIMES")
                  ? open(getenv("FERRY_FATAL_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600)
                  : -1;

    if (log < 0) {
        return;
    }
    if (rd_kafka_test_fatal_error(client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                  "a test did it") == RD_KAFKA_RESP_ERR_NO_ERROR) {
        times++;
        (void)!write(log, "fatal\n", 6);
    }
    close(log);
}

/* Of a client that has produced: consumers poll, too. */
int rd_kafka_poll(rd_kafka_t *client, int timeout_ms)
{
    int (*real)(rd_kafka_t *, int) = (int (*)(rd_kafka_t *, int))dlsym(RTLD_NEXT, "rd_kafka_poll");

    if (rd_kafka_type(client) == RD_KAFKA_PRODUCER && rd_kafka_outq_len(client) > 0 &&
        ++poll_count % (number("FERRY_FATAL_EVERY") > 0 ? number("FERRY_FATAL_EVERY") : 1) == 0) {
        end_fatally(client);
    }
    return real(client, timeout_ms);
}
