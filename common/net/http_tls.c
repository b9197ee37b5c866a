/*
 * Why there is no safe connection, in words for a person: which check a certificate did not pass, and what the other
 * side's alerts mean. The one place that knows OpenSSL's numbers and words.
 */
#include <string.h>

#include "net/http_internal.h"

/* Which check a certificate did not pass, by OpenSSL's numbers, and what the other side's alerts mean. */
static const struct {
    long number;
    const char *text;
} checks[] = {
    {9, "the certificate is not valid yet (check the clocks)"},
    {10, "the certificate has expired"},
    {18, "the certificate is self-signed (…_CA_FILE may name it as trusted)"},
    {19, "the certificate is of a CA that is not trusted here (…_CA_FILE may name it)"},
    {20, "the certificate is of a CA that is not trusted here (…_CA_FILE may name it)"},
    {21, "the certificate is of a CA that is not trusted here (…_CA_FILE may name it)"},
    {23, "the certificate has been revoked"},
    {26, "the certificate is not for a server"},
    {62, "the certificate is for another host"},
    {64, "the certificate is for another address"},
};
static const struct {
    const char *words;
    enum error_kind kind;
    const char *text;
} alerts[] = {
    {"alert certificate required", ERROR_AUTH,
     "the server asks for a client certificate (…_CERT_FILE, …_KEY_FILE)"},
    {"alert handshake failure", ERROR_AUTH,
     "the server ended the handshake; it may ask for a client certificate (…_CERT_FILE)"},
    {"alert bad certificate", ERROR_AUTH,
     "the server refused our client certificate (…_CERT_FILE), or asks for one"},
    {"alert unknown ca", ERROR_AUTH,
     "the server does not trust the CA of our client certificate (…_CERT_FILE)"},
    {"alert certificate expired", ERROR_AUTH, "our client certificate has expired (…_CERT_FILE)"},
    {"wrong version number", ERROR_UNAVAILABLE, "no TLS is spoken there (is it http://?)"},
};

bool http_explain_tls(const struct http_request *request, struct error *err)
{
    long number = 0;

    for (size_t i = 0; i < ARRAY_LEN(alerts); i++) {
        if (strstr(request->curl_text, alerts[i].words)) {
            return !error_set(err, alerts[i].kind, "%s: TLS: %s", request->peer, alerts[i].text);
        }
    }
    if (request->code != CURLE_PEER_FAILED_VERIFICATION) {
        return false;
    }
    curl_easy_getinfo(request->easy, CURLINFO_SSL_VERIFYRESULT, &number);
    if (strstr(request->curl_text, "target host name")) {
        number = 62; /* curl compares names itself, before it has OpenSSL's result */
    }
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (checks[i].number == number) {
            return !error_set(err, ERROR_AUTH, "%s: TLS: %s", request->peer, checks[i].text);
        }
    }
    return false;
}
