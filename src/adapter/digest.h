/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digest: SHA-256 and its HMAC (OpenSSL), and CRC-32.
 */
#ifndef ADAPTER_DIGEST_H
#define ADAPTER_DIGEST_H

#include <stddef.h>
#include <stdint.h>

enum {
    DIGEST_BYTES = 32,
    DIGEST_HEX_BYTES = 65,    /* 64 lower-case hex digits and a NUL */
    DIGEST_BASE64_BYTES = 45, /* 44 characters of base64, the last a `=`, and a NUL */
};

/*
 * SHA-256 of a migration's text: CR LF counts as LF, and line breaks at the
 * end do not count, so that a checkout on Windows is the same migration.
 */
void digest_text(const char *text, size_t size_bytes, char hex[DIGEST_HEX_BYTES]);

/* SHA-256 of the bytes as they are. */
void digest_bytes(const char *bytes, size_t size_bytes, char hex[DIGEST_HEX_BYTES]);

/* HMAC-SHA-256 of `text`. RFC 2104. `out` may be the key itself. */
void digest_hmac(
    const void *key, size_t key_bytes, const char *text, unsigned char out[DIGEST_BYTES]);

void digest_to_hex(const unsigned char bytes[DIGEST_BYTES], char hex[DIGEST_HEX_BYTES]);

/* A SHA-256 of raw bytes that grows, and can be asked on the way. */
struct digest;

struct digest *digest_new(void);
void digest_release(struct digest **digest);
#define AUTO_DIGEST __attribute__((cleanup(digest_release)))

void digest_add(struct digest *digest, const char *bytes, size_t size_bytes);

/* The sum of all that was added so far; more may follow. */
void digest_base64(const struct digest *digest, char base64[DIGEST_BASE64_BYTES]);

/* CRC-32 as IEEE 802.3 has it: polynomial 0xEDB88320, reflected. */
uint32_t digest_crc32(const char *bytes, size_t size_bytes);

#endif
