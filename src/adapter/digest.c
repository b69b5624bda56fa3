/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/digest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/memory.h"

struct digest {
    EVP_MD_CTX *sum;
    EVP_MD_CTX *copy; /* is finished in the sum's place */
};

static void
digest_free(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void
die_without_sha256(void)
{
    fputs("pgstride: OpenSSL has no SHA-256\n", stderr);
    exit(1);
}

static const EVP_MD *sha256;

/* Once: a fetch a file would cost more than the file. */
void
digest_prepare(void)
{
    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void
begin_sha256(EVP_MD_CTX *context)
{
    digest_prepare();
    if (context == NULL || EVP_DigestInit_ex(context, sha256, NULL) != 1)
        die_without_sha256();
}

static void
digest_lines(EVP_MD_CTX *context, const char *text, size_t size_bytes)
{
    size_t from = 0;

    while (from < size_bytes) {
        const char *carriage = memchr(text + from, '\r', size_bytes - from);
        size_t to = carriage != NULL ? (size_t)(carriage - text) : size_bytes;
        bool is_line_end = to + 1 < size_bytes && text[to + 1] == '\n';
        if (to < size_bytes && !is_line_end)
            to++; /* a carriage return of its own counts */
        EVP_DigestUpdate(context, text + from, to - from);
        from = is_line_end ? to + 1 : to;
    }
}

void
digest_text(const char *text, size_t size_bytes, char hex[DIGEST_HEX_BYTES])
{
    __attribute__((cleanup(digest_free))) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char bytes[EVP_MAX_MD_SIZE];

    while (size_bytes > 0 && (text[size_bytes - 1] == '\n' || text[size_bytes - 1] == '\r'))
        size_bytes--;
    begin_sha256(context);
    digest_lines(context, text, size_bytes);
    EVP_DigestFinal_ex(context, bytes, NULL);
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
    __attribute__((cleanup(digest_free))) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char sum[EVP_MAX_MD_SIZE];

    begin_sha256(context);
    EVP_DigestUpdate(context, bytes, size_bytes);
    EVP_DigestFinal_ex(context, sum, NULL);
    digest_to_hex(sum, hex);
}

void
digest_hmac(const void *key, size_t key_bytes, const char *text, unsigned char out[DIGEST_BYTES])
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key, (int)key_bytes, (const unsigned char *)text, strlen(text), sum,
            NULL) == NULL)
        die_without_sha256();
    memcpy(out, sum, DIGEST_BYTES);
}

struct digest *
digest_new(void)
{
    struct digest *digest = memory_new(sizeof(*digest));

    digest->sum = EVP_MD_CTX_new();
    digest->copy = EVP_MD_CTX_new();
    begin_sha256(digest->sum);
    return digest;
}

void
digest_release(struct digest **digest)
{
    if (*digest == NULL)
        return;
    EVP_MD_CTX_free((*digest)->sum);
    EVP_MD_CTX_free((*digest)->copy);
    free(*digest);
    *digest = NULL;
}

void
digest_add(struct digest *digest, const char *bytes, size_t size_bytes)
{
    EVP_DigestUpdate(digest->sum, bytes, size_bytes);
}

void
digest_base64(const struct digest *digest, char base64[DIGEST_BASE64_BYTES])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (digest->copy == NULL || EVP_MD_CTX_copy_ex(digest->copy, digest->sum) != 1)
        die_without_sha256();
    EVP_DigestFinal_ex(digest->copy, bytes, NULL);
    EVP_EncodeBlock((unsigned char *)base64, bytes, 32);
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
