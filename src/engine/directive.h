/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives: SQL comments at the head of a file that say how it runs.
 *
 *   -- pgstride: no-transaction
 *   -- pgstride: lock-timeout=2s
 *   -- pgstride: statement-timeout=10min
 *   -- pgstride: retry-for=1min
 *
 * Other tools' spellings of the first are understood, since files travel:
 * `-- atlas:txmode none`, `-- +goose NO TRANSACTION`,
 * `-- migrate:up transaction:false`.
 */
#ifndef ENGINE_DIRECTIVE_H
#define ENGINE_DIRECTIVE_H

#include <stdint.h>

#include "base/error.h"

struct directives {
    bool is_without_transaction;
    int64_t lock_timeout_ms; /* -1: not said; the same for the next two */
    int64_t statement_timeout_ms;
    int64_t retry_for_ms;
};

#define DIRECTIVES_INIT                                                                            \
    ((struct directives){.lock_timeout_ms = -1, .statement_timeout_ms = -1, .retry_for_ms = -1})

/*
 * Read the comment lines before the first statement.
 * Errors   ERROR_INPUT with its place: an unknown `pgstride:` directive, or a bad value.
 */
MUST_CHECK bool directives_read(const char *file,
    const char *text,
    size_t size_bytes,
    struct directives *directives,
    struct error *err);

#endif
