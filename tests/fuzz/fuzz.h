/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: what the targets share: what must hold, a secret in the input, and a server.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MUST_HOLD(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define SECRET "qXzSecret9"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* The bytes with SECRET for each `~`; the caller frees it. `*written` may be NULL. */
char *fuzz_put_secrets(const char *bytes, size_t size_bytes, size_t *written);

enum { FUZZ_ANSWER_BYTES = 128 * 1024 };

/*
 * On loopback, in a thread: one connection after the other, whose first bytes it reads
 * before it answers and closes.
 */
struct fuzz_server {
    int listener;
    int port;                          /* 0: not started */
    uint8_t answer[FUZZ_ANSWER_BYTES]; /* its own: a client that gave up may be answered late */
    size_t size_bytes;
};
extern struct fuzz_server fuzz_server;

void fuzz_serve(void);

#endif
