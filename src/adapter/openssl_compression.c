/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL without compression: only in the static binary, and only for OpenSSL 3.2 and later.
 *
 * Debian's libcrypto.a of these compresses certificates with zlib and zstd, and so
 * links all of both: 0.8 MB that no database asks for, and decompression of what a peer has
 * sent before it is known. These functions stand in for libcrypto's own and give its answer
 * of a build that has no such method: NULL, on which libssl offers none.
 *
 * Weak: where a libcrypto defines more in the same file, its own win, and all is linked.
 */
#include <stddef.h>

#define WEAK __attribute__((weak))

/* OpenSSL's own prototypes, from comp.h and internal/comp.h. */
struct comp_method_st *COMP_zlib(void);
struct comp_method_st *COMP_zlib_oneshot(void);
struct comp_method_st *COMP_zstd(void);
struct comp_method_st *COMP_zstd_oneshot(void);
const struct bio_method_st *BIO_f_zlib(void);
const struct bio_method_st *BIO_f_zstd(void);
void ossl_comp_zlib_cleanup(void);
void ossl_comp_zstd_cleanup(void);

WEAK struct comp_method_st *
COMP_zlib(void)
{
    return NULL;
}

WEAK struct comp_method_st *
COMP_zlib_oneshot(void)
{
    return NULL;
}

WEAK struct comp_method_st *
COMP_zstd(void)
{
    return NULL;
}

WEAK struct comp_method_st *
COMP_zstd_oneshot(void)
{
    return NULL;
}

WEAK const struct bio_method_st *
BIO_f_zlib(void)
{
    return NULL;
}

WEAK const struct bio_method_st *
BIO_f_zstd(void)
{
    return NULL;
}

WEAK void
ossl_comp_zlib_cleanup(void)
{
}

WEAK void
ossl_comp_zstd_cleanup(void)
{
}
