/*
 * Brokers and topics, by what they say of themselves. No message is sent: on the batches' topic every consumer would meet
 * it, a topic made for the purpose would stay where it could not be deleted again, and what is sent within a transaction that
 * is given up lies in the log all the same. A topic's own max.message.bytes decides what it takes, and that is read.
 */
#include <string.h>

#include "base/limits.h"
#include "producer/bus_options.h"
#include "producer/doctor.h"
#include "run/letters.h"

static const char area[] = "kafka";

static void skip(struct doctor *doctor, const char *name, const char *why)
{
    checkup_add(&doctor->checkup, area, name, CHECK_SKIPPED, "", "%s", why);
}

/* Does the error say that nobody is there, rather than something about the topic? */
static bool is_unreachable(const struct error *err)
{
    return err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_TIMEOUT || err->kind == ERROR_AUTH;
}

static void tell_topic(struct doctor *doctor, const char *name, const char *topic, unsigned bytes,
                       const struct error *err)
{
    if (err->kind == ERROR_NONE) {
        checkup_add(&doctor->checkup, area, name, CHECK_OK, "",
                    "%.200s takes messages of %u bytes, keeps them and does not compact", topic,
                    bytes);
    } else {
        checkup_fail(&doctor->checkup, area, name,
                     err->kind == ERROR_NOT_FOUND ? "ferry-producer setup creates it" : "", err);
    }
}

static bool is_stopped(const struct doctor *doctor)
{
    return doctor->rt.stop.requested > 0;
}

void doctor_bus(struct doctor *doctor)
{
    struct bus_settings bus;
    struct error err = {0};
    struct error letters_err = {0};
    const char *letters = option_text(doctor->options, "dead-letter-topic");
    bool created;
    if (option_text(doctor->options, "brokers") == NULL) {
        skip(doctor, "brokers", "no --brokers (or FERRY_KAFKA_BROKERS) was given");
        return;
    }
    if (!bus_options_read(&doctor->rt, NULL, &bus, &err)) {
        checkup_fail(&doctor->checkup, area, "brokers", "correct the setting that is named", &err);
        skip(doctor, "topic", "needs kafka brokers");
        skip(doctor, "dead letters", "needs kafka brokers");
        skip(doctor, "round trip", "needs kafka brokers");
        return;
    }
    (void)!bus_ensure_topic(&bus, 1, false, &created, &err); /* told below */
    if (is_unreachable(&err)) {
        checkup_fail(&doctor->checkup, area, "brokers",
                     "start Kafka, or check --brokers and the listeners that it advertises", &err);
        skip(doctor, "topic", "needs kafka brokers");
        skip(doctor, "dead letters", "needs kafka brokers");
        skip(doctor, "round trip", "needs kafka brokers");
        return;
    }
    checkup_add(&doctor->checkup, area, "brokers", CHECK_OK, "", "%.400s answers", bus.brokers);
    tell_topic(doctor, "topic", bus.topic, LIMIT_MESSAGE_WIRE, &err);
    if (is_stopped(doctor)) {
        return;
    }
    (void)!letters_ensure_topic(&bus, letters, false, &created, &letters_err);
    tell_topic(doctor, "dead letters", letters, LIMIT_LETTER_WIRE, &letters_err);
    skip(doctor, "round trip",
         "no message is sent, because none can be taken back; the topics' own settings say what "
         "they take");
}
