/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clock: the two clocks, how a moment is written, and a random wait.
 *
 * Durations and deadlines use the monotonic clock; only what a person or a
 * platform reads uses the other one.
 */
#ifndef ADAPTER_CLOCK_H
#define ADAPTER_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/error.h"

enum { CLOCK_UTC_BYTES = 25 }; /* "2023-04-01T09:30:00.083Z" and its NUL */

/* Time since an unnamed moment: for differences alone. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);

/* Time since 1970-01-01T00:00:00Z. */
int64_t clock_unix_ms(void);
int64_t clock_unix_ns(void);

/*
 * Write a moment as RFC 3339 in UTC with milliseconds. The years 0 to 9999
 * are what the format can say: a moment beyond them is written as the nearest.
 * The handler of a signal may call it.
 */
void clock_format_utc(int64_t unix_ms, char out[static CLOCK_UTC_BYTES]);

/*
 * A moment's date and time in a zone: "UTC", or a name that the system's zone
 * data know ("Europe/Berlin").
 *
 * Errors   ERROR_USAGE: it is no name, or there are no data of it.
 */
MUST_CHECK bool clock_in_zone(
    int64_t unix_s, const char *zone, struct tm *local, struct error *err);

/* A random number from 0 to below - 1 ("full jitter"), evenly spread; 0 for 0. */
uint32_t clock_jitter(uint32_t below);

#endif
