/*
 * Inside the bus only: why there is no safe connection to a broker. A certificate that is refused does not pass with time
 * by itself: it is ERROR_AUTH, like a wrong password. That ends what has just been started; what runs goes on waiting.
 */
#ifndef BUS_CERTIFICATE_H
#define BUS_CERTIFICATE_H

#include <librdkafka/rdkafka.h>

#include "base/compiler.h"

/* Lets the client note which check a certificate did not pass. It refuses what OpenSSL refuses, no more and no less. */
void certificate_watch(rd_kafka_conf_t *conf);
/* What to say in place of the library's complaint; NULL when that is about no certificate. Any thread. */
const char *certificate_explain(const char *reason);

#endif
