/*
 * Which properties people may set: one table, each line with its reason. Everything that is not in it is theirs, also
 * what newer versions of the library bring.
 */
#include <string.h>
#include <strings.h>

#include "bus/properties.h"

struct rule {
    const char *name; /* a '*' at its end: all that begin so */
    enum property_class class;
    const char *reason;
};

#define REPORTS    "a report is the only proof that a batch is stored"
#define IDEMPOTENT "batches are published with idempotence and by all replicas"
#define OFFSETS    "an offset is stored only when its batch is verified"
#define GROUP      "the group belongs to the ledger, and its members come and go"
#define TIMES      "it follows from --lease"

static const struct rule RULES[] = {
    {"bootstrap.servers", PROPERTY_OWNED, "set --brokers or FERRY_KAFKA_BROKERS"},
    {"metadata.broker.list", PROPERTY_OWNED, "set --brokers or FERRY_KAFKA_BROKERS"},
    {"test.*", PROPERTY_OWNED, "a broker that is not there keeps nothing"},
    {"enable.idempotence", PROPERTY_OWNED, IDEMPOTENT},
    {"enable.gapless.guarantee", PROPERTY_OWNED, IDEMPOTENT},
    {"acks", PROPERTY_OWNED, IDEMPOTENT},
    {"request.required.acks", PROPERTY_OWNED, IDEMPOTENT},
    {"max.in.flight", PROPERTY_OWNED, IDEMPOTENT},
    {"max.in.flight.requests.per.connection", PROPERTY_OWNED, IDEMPOTENT},
    {"retries", PROPERTY_OWNED, IDEMPOTENT},
    {"message.send.max.retries", PROPERTY_OWNED, IDEMPOTENT},
    {"queuing.strategy", PROPERTY_OWNED, IDEMPOTENT},
    {"transaction*", PROPERTY_OWNED, "batches are not published in transactions"},
    {"delivery.timeout.ms", PROPERTY_OWNED, "an outage is waited for"},
    {"message.timeout.ms", PROPERTY_OWNED, "an outage is waited for"},
    {"delivery.report.only.error", PROPERTY_OWNED, REPORTS},
    {"produce.offset.report", PROPERTY_OWNED, REPORTS},
    {"enabled_events", PROPERTY_OWNED, REPORTS},
    {"message.max.bytes", PROPERTY_OWNED, "it goes with the topic and the size of a batch"},
    {"allow.auto.create.topics", PROPERTY_OWNED, "a topic made by chance is too small; run setup"},
    {"statistics.interval.ms", PROPERTY_OWNED, "trouble is told from the statistics"},
    {"log.queue", PROPERTY_OWNED, "nobody would empty that queue"},
    {"enable_sasl_queue", PROPERTY_OWNED, "nobody would empty that queue"},
    {"internal.termination.signal", PROPERTY_OWNED, "signals are the program's"},
    {"group.*", PROPERTY_OWNED, GROUP},
    {"partition.assignment.strategy", PROPERTY_OWNED, GROUP},
    {"session.timeout.ms", PROPERTY_OWNED, TIMES},
    {"heartbeat.interval.ms", PROPERTY_OWNED, TIMES},
    {"max.poll.interval.ms", PROPERTY_OWNED, TIMES},
    {"enable.auto.commit", PROPERTY_OWNED, OFFSETS},
    {"auto.commit.enable", PROPERTY_OWNED, OFFSETS},
    {"auto.commit.interval.ms", PROPERTY_OWNED, OFFSETS},
    {"enable.auto.offset.store", PROPERTY_OWNED, OFFSETS},
    {"auto.offset.reset", PROPERTY_OWNED, "reading begins at the start, or batches are skipped"},
    {"offset.store.*", PROPERTY_OWNED, OFFSETS},
    {"enable.partition.eof", PROPERTY_OWNED, OFFSETS},
    {"check.crcs", PROPERTY_OWNED, "a message damaged on its way must be noticed"},
    {"sasl.jaas.config", PROPERTY_OWNED,
     "it is for Java; set sasl.mechanism, sasl.username and sasl.password"},

    {"plugin.*", PROPERTY_CODE, "it loads libraries"},
    {"ssl.engine.*", PROPERTY_CODE, "it loads a library"},
    {"ssl.providers", PROPERTY_CODE, "it loads libraries"},
    {"sasl.kerberos.kinit.cmd", PROPERTY_CODE,
     "it is a command for a shell; run kinit beside the program"},
};

static bool matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    return pattern[len - 1] == '*' ? strncmp(name, pattern, len - 1) == 0
                                   : strcmp(name, pattern) == 0;
}

static bool is_one_of(const char *value, const char *const *words)
{
    while (*words != NULL && strcasecmp(value, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

static bool holds_one_of(const char *value, const char *const *words)
{
    while (*words != NULL && strcasestr(value, *words) == NULL) {
        words++;
    }
    return *words != NULL;
}

/* Only what is known to keep the check counts as keeping it. */
static const char *check_lost(const char *name, const char *value)
{
    static const char *const yes[] = {"true", "t", "1", NULL};
    static const char *const no[] = {"false", "f", "0", NULL};
    static const char *const https[] = {"https", NULL};
    static const char *const open[] = {"NULL", "ADH", "AECDH", "ALL", "SECLEVEL=0", NULL};

    if (strcmp(name, "enable.ssl.certificate.verification") == 0 && !is_one_of(value, yes)) {
        return "the brokers' certificates would not be verified";
    }
    if (strcmp(name, "ssl.endpoint.identification.algorithm") == 0 && !is_one_of(value, https)) {
        return "a certificate of any other host would do";
    }
    if (strcmp(name, "enable.sasl.oauthbearer.unsecure.jwt") == 0 && !is_one_of(value, no)) {
        return "tokens would not be signed";
    }
    if (strcmp(name, "ssl.cipher.suites") == 0 && holds_one_of(value, open)) {
        return "connections would be neither verified nor encrypted";
    }
    return NULL;
}

/* The library puts these into its kinit command, which a shell runs. */
static bool is_kerberos_injection(const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@/._:+-";

    return strncmp(name, "sasl.kerberos.", 14) == 0 && value[strspn(value, plain)] != '\0';
}

enum property_class property_classify(const char *name, const char *value, const char **reason)
{
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        if (matches(RULES[i].name, name)) {
            *reason = RULES[i].reason;
            return RULES[i].class;
        }
    }
    if (is_kerberos_injection(name, value)) {
        *reason = "a shell reads it, and it holds more than letters, digits and @/._:+-";
        return PROPERTY_CODE;
    }
    *reason = check_lost(name, value);
    return *reason != NULL ? PROPERTY_CHECK : PROPERTY_FREE;
}

bool property_is_secret(const char *name)
{
    static const char *const words[] = {"password", "passwd", "secret", "token",       "jaas",
                                        "pem",      "key",    "cred",   "oauthbearer", NULL};

    return holds_one_of(name, words);
}
