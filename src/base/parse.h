/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parse: numbers and durations from text, whole or not at all.
 */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdint.h>

#include "base/error.h"

/* Decimal digits, 0 to 2^63-1. Errors: ERROR_USAGE. */
MUST_CHECK bool parse_version(
    const char *text, size_t size_bytes, int64_t *version, struct error *err);

/* Decimal digits within [smallest, largest]. Errors: ERROR_USAGE. */
MUST_CHECK bool parse_number(
    const char *text, int64_t smallest, int64_t largest, int64_t *number, struct error *err);

/*
 * "500ms", "5s", "2min", "1h"; a bare number is seconds, as in golang-migrate;
 * fractions ("1.5s") too. At most 24 days, what PostgreSQL's own settings hold.
 * Errors: ERROR_USAGE.
 */
MUST_CHECK bool parse_duration(const char *text, int64_t *duration_ms, struct error *err);

/* "true", "false", "on", "off", "yes", "no", "1", "0". Errors: ERROR_USAGE. */
MUST_CHECK bool parse_boolean(const char *text, bool *value, struct error *err);

#endif
