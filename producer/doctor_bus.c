/*
 * Brokers and topics, by what they say of themselves. No message is sent unless that is asked for (--deep): on the batches'
 * topic every consumer would meet it, a topic made for the purpose stays where it cannot be deleted again, and what is sent
 * within a transaction that is given up lies in the log all the same. A topic's own max.message.bytes decides what it takes.
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

static void skip_topics(struct doctor *doctor)
{
    static const char *const names[] = {"version", "topic", "dead letters", "round trip"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        skip(doctor, names[i], "needs kafka brokers");
    }
}

static void look_version(struct doctor *doctor, const struct bus_settings *bus)
{
    struct bus_about about;
    struct error err = {0};
    if (!bus_look(bus, LIMIT_CONNECT_MS, &about, &err)) {
        checkup_fail(&doctor->checkup, area, "version", "", &err);
    } else if (about.version[0] == '\0') {
        checkup_add(&doctor->checkup, area, "version", CHECK_OK, "",
                    "%d brokers; their version is not told (Kafka 4, or no right to ask)",
                    about.brokers);
    } else {
        bool is_old = about.version[0] < '3' && about.version[1] == '.';
        checkup_add(&doctor->checkup, area, "version", is_old ? CHECK_WARNING : CHECK_OK,
                    is_old ? "the ferry is made for Kafka 3.0 and newer" : "",
                    "%d brokers, Kafka %s", about.brokers, about.version);
    }
}

static void look_round_trip(struct doctor *doctor, const struct bus_settings *bus)
{
    struct bus_trip trip;
    struct error err = {0};
    if (!option_flag(doctor->options, "deep")) {
        skip(doctor, "round trip",
             "no message is sent without --deep; the topics' own settings say "
             "what they take");
        return;
    }
    bool ok = bus_round_trip(bus, LIMIT_MESSAGE, LIMIT_CONNECT_MS, &trip, &err);
    if (!ok) {
        checkup_fail(&doctor->checkup, area, "round trip",
                     "check the brokers' limits, and the right to create, write and read topics",
                     &err);
    }
    if (trip.left[0] != '\0') {
        checkup_add(&doctor->checkup, area, "round trip", CHECK_WARNING, "delete that topic",
                    "%.150s stays: %.400s", trip.topic, trip.left);
    } else if (ok) {
        checkup_add(&doctor->checkup, area, "round trip", CHECK_OK, "",
                    "%u bytes came back after %.2f s, through a topic of their own, which is gone",
                    LIMIT_MESSAGE, (double)trip.took_ms / 1000);
    }
}

static void look_topics(struct doctor *doctor, const struct bus_settings *bus,
                        const struct error *topic_err)
{
    const char *letters = option_text(doctor->options, "dead-letter-topic");
    struct error err = {0};
    bool created;
    tell_topic(doctor, "topic", bus->topic, LIMIT_MESSAGE_WIRE, topic_err);
    if (!is_stopped(doctor)) {
        (void)!letters_ensure_topic(bus, letters, false, &created, &err);
        tell_topic(doctor, "dead letters", letters, LIMIT_LETTER_WIRE, &err);
    }
    if (!is_stopped(doctor)) {
        look_round_trip(doctor, bus);
    }
}

void doctor_bus(struct doctor *doctor)
{
    struct bus_settings bus;
    struct error err = {0};
    bool created;
    if (option_text(doctor->options, "brokers") == NULL) {
        skip(doctor, "brokers", "no --brokers (or FERRY_KAFKA_BROKERS) was given");
        return;
    }
    if (!bus_options_read(&doctor->rt, NULL, &bus, &err)) {
        checkup_fail(&doctor->checkup, area, "brokers", "correct the setting that is named", &err);
        skip_topics(doctor);
        return;
    }
    (void)!bus_ensure_topic(&bus, 1, false, &created, &err); /* told below */
    if (is_unreachable(&err)) {
        checkup_fail(&doctor->checkup, area, "brokers",
                     "start Kafka, or check --brokers and the listeners that it advertises", &err);
        skip_topics(doctor);
        return;
    }
    checkup_add(&doctor->checkup, area, "brokers", CHECK_OK, "", "%.400s answers", bus.brokers);
    look_version(doctor, &bus);
    look_topics(doctor, &bus, &err);
}
