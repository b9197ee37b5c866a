/*
 * SHA-256 by libcrypto's EVP interface. A failure of the library's own hash is not an input error:
 * there is no going on with unverified data, so it aborts.
 */
#include "format/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct digest_stream {
    EVP_MD_CTX *context;
};

void digest_of(struct span bytes, struct digest *out)
{
    unsigned len = 0;

    if (EVP_Digest(bytes.len > 0 ? bytes.ptr : (const uint8_t *)"", bytes.len, out->bytes, &len,
                   EVP_sha256(), NULL) != 1 ||
        len != sizeof out->bytes) {
        abort();
    }
}

struct digest_stream *digest_new(void)
{
    struct digest_stream *stream = malloc(sizeof *stream);

    if (!stream) {
        return NULL;
    }
    stream->context = EVP_MD_CTX_new();
    if (!stream->context || EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(stream->context);
        free(stream);
        return NULL;
    }
    return stream;
}

void digest_update(struct digest_stream *stream, struct span bytes)
{
    if (bytes.len > 0 && EVP_DigestUpdate(stream->context, bytes.ptr, bytes.len) != 1) {
        abort();
    }
}

void digest_finish(struct digest_stream *stream, struct digest *out)
{
    unsigned len = 0;

    if (EVP_DigestFinal_ex(stream->context, out->bytes, &len) != 1 || len != sizeof out->bytes) {
        abort();
    }
    EVP_MD_CTX_free(stream->context);
    free(stream);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void digest_format(const struct digest *digest, char out[65])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof digest->bytes; i++) {
        out[2 * i] = digits[digest->bytes[i] >> 4];
        out[2 * i + 1] = digits[digest->bytes[i] & 0xf];
    }
    out[64] = '\0';
}

bool digest_parse(struct span hex, struct digest *out)
{
    struct error ignored = {0};
    struct buf bytes;
    bool ok;

    if (hex.len != 2 * sizeof out->bytes) {
        return false;
    }
    buf_init(&bytes, sizeof out->bytes);
    ok = buf_append_unhex(&bytes, hex, &ignored);
    if (ok) {
        memcpy(out->bytes, bytes.ptr, sizeof out->bytes);
    }
    buf_deinit(&bytes);
    return ok;
}
