/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/digest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * SHA256_Init and its kin are deprecated for EVP, whose first digest costs more
 * than a thousand files: a third of the time of a run with nothing to do.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/memory.h"

struct digest {
    SHA256_CTX sum;
};

static void
die_without_hmac(void)
{
    fputs("pgstride: OpenSSL has no HMAC-SHA-256\n", stderr);
    exit(1);
}

static void
digest_lines(SHA256_CTX *context, const char *text, size_t size_bytes)
{
    size_t from = 0;

    while (from < size_bytes) {
        const char *carriage = memchr(text + from, '\r', size_bytes - from);
        size_t to = carriage != NULL ? (size_t)(carriage - text) : size_bytes;
        bool is_line_end = to + 1 < size_bytes && text[to + 1] == '\n';
        if (to < size_bytes && !is_line_end)
            to++; /* a carriage return of its own counts */
        SHA256_Update(context, text + from, to - from);
        from = is_line_end ? to + 1 : to;
    }
}

void
digest_text(const char *text, size_t size_bytes, char hex[DIGEST_HEX_BYTES])
{
    SHA256_CTX context;
    unsigned char bytes[DIGEST_BYTES];

    while (size_bytes > 0 && (text[size_bytes - 1] == '\n' || text[size_bytes - 1] == '\r'))
        size_bytes--;
    SHA256_Init(&context);
    digest_lines(&context, text, size_bytes);
    SHA256_Final(bytes, &context);
    digest_to_hex(bytes, hex);
}

void
digest_to_hex(const unsigned char bytes[DIGEST_BYTES], char hex[DIGEST_HEX_BYTES])
{
    static const char DIGITS[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = DIGITS[bytes[i] >> 4];
        hex[2 * i + 1] = DIGITS[bytes[i] & 0xF];
    }
    hex[2 * DIGEST_BYTES] = '\0';
}

void
digest_bytes(const char *bytes, size_t size_bytes, char hex[DIGEST_HEX_BYTES])
{
    SHA256_CTX context;
    unsigned char sum[DIGEST_BYTES];

    SHA256_Init(&context);
    SHA256_Update(&context, bytes, size_bytes);
    SHA256_Final(sum, &context);
    digest_to_hex(sum, hex);
}

void
digest_hmac(const void *key, size_t key_bytes, const char *text, unsigned char out[DIGEST_BYTES])
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)text, strlen(text), sum,
            NULL) == NULL)
        die_without_hmac();
    memcpy(out, sum, DIGEST_BYTES);
}

struct digest *
digest_new(void)
{
    struct digest *digest = memory_new(sizeof(*digest));

    SHA256_Init(&digest->sum);
    return digest;
}

void
digest_release(struct digest **digest)
{
    free(*digest);
    *digest = NULL;
}

void
digest_add(struct digest *digest, const char *bytes, size_t size_bytes)
{
    SHA256_Update(&digest->sum, bytes, size_bytes);
}

void
digest_base64(const struct digest *digest, char base64[DIGEST_BASE64_BYTES])
{
    SHA256_CTX copy = digest->sum; /* is finished in the sum's place */
    unsigned char bytes[DIGEST_BYTES];

    SHA256_Final(bytes, &copy);
    EVP_EncodeBlock((unsigned char *)base64, bytes, DIGEST_BYTES);
}

uint32_t
digest_crc32(const char *bytes, size_t size_bytes)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}
