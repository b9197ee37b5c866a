/*
 * Which check a broker's certificate did not pass, and what a broker says against ours, in words for a person. The client
 * library's complaint tells neither, but it asks on the way whether a certificate will do; here nothing is let pass that
 * OpenSSL has refused.
 */
#include "bus/certificate.h"

#include <stdatomic.h>
#include <string.h>

#define NO_CA "the certificate is of a CA that is not trusted here (kafka.ssl.ca.location names it)"

/* By OpenSSL's numbers. */
static const struct {
    int number;
    const char *text;
} checks[] = {
    {9, "the certificate is not valid yet (check the clocks)"},
    {10, "the certificate has expired"},
    {18, "the certificate is self-signed (kafka.ssl.ca.location may name it as trusted)"},
    {19, NO_CA},
    {20, NO_CA},
    {21, NO_CA},
    {23, "the certificate has been revoked"},
    {26, "the certificate is not for a server"},
    {62, "the certificate is for another host"},
    {64, "the certificate is for another address"},
};
/* What the other side ends a connection with. */
static const struct {
    const char *words, *text;
} alerts[] = {
    {"alert certificate required", "the broker asks for a client certificate "
                                   "(kafka.ssl.certificate.location, kafka.ssl.key.location)"},
    {"client SSL authentication might be required",
     "the broker asks for a client certificate "
     "(kafka.ssl.certificate.location, kafka.ssl.key.location)"},
    {"alert bad certificate", "the broker refused our client certificate "
                              "(kafka.ssl.certificate.location), or asks for one"},
    {"alert certificate unknown",
     "the broker refused our client certificate (kafka.ssl.certificate.location)"},
    {"alert unknown ca",
     "the broker does not trust the CA of our client certificate (kafka.ssl.certificate.location)"},
    {"alert certificate expired",
     "our client certificate has expired (kafka.ssl.certificate.location)"},
};

/* Of the process and not of a client: the library's threads may outlive the one who opened it. */
static atomic_int refused;

static int on_certificate(rd_kafka_t *client, const char *broker, int32_t number, int *x509_error,
                          int depth, const char *der, size_t size, char *why, size_t why_size,
                          void *opaque)
{
    (void)client;
    (void)broker;
    (void)number;
    (void)depth;
    (void)der;
    (void)size;
    (void)why;
    (void)why_size;
    (void)opaque;
    if (*x509_error == 0) {
        return 1;
    }
    atomic_store(&refused, *x509_error);
    return 0;
}

void certificate_watch(rd_kafka_conf_t *conf)
{
    /* A library without TLS says no, and will refuse what asks for it. */
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate);
}

const char *certificate_explain(const char *reason)
{
    int number = atomic_load(&refused);

    for (size_t i = 0; i < ARRAY_LEN(alerts); i++) {
        if (strstr(reason, alerts[i].words) != NULL) {
            return alerts[i].text;
        }
    }
    if (strstr(reason, "certificate verify failed") == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (checks[i].number == number) {
            return checks[i].text;
        }
    }
    return "certificate verify failed";
}
