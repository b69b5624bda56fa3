/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/clock.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

enum { MS_PER_S = 1000, US_PER_S = 1000000, NS_PER_US = 1000, NS_PER_MS = 1000000 };

static struct timespec
read_clock(clockid_t clock)
{
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return now;
}

int64_t
clock_monotonic_ms(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

int64_t
clock_monotonic_us(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

int64_t
clock_unix_ms(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);

    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

void
clock_format_utc(int64_t unix_ms, char out[static CLOCK_UTC_BYTES])
{
    const int64_t first_ms = -62167219200000; /* 0000-01-01T00:00:00.000Z */
    const int64_t last_ms = 253402300799999;  /* 9999-12-31T23:59:59.999Z */

    if (unix_ms < first_ms)
        unix_ms = first_ms;
    if (unix_ms > last_ms)
        unix_ms = last_ms;

    int64_t ms = (unix_ms % MS_PER_S + MS_PER_S) % MS_PER_S;
    time_t seconds = (time_t)((unix_ms - ms) / MS_PER_S);
    struct tm utc = {0};

    gmtime_r(&seconds, &utc);
    /* The remainders change nothing: they show the compiler that 24 bytes are enough. */
    snprintf(out, CLOCK_UTC_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
        (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)(utc.tm_mon + 1) % 100,
        (unsigned)utc.tm_mday % 100, (unsigned)utc.tm_hour % 100, (unsigned)utc.tm_min % 100,
        (unsigned)utc.tm_sec % 100, (unsigned)ms % 1000);
}

/* Good randomness, or, on a kernel that has none yet, the clock's lowest bits. */
static uint32_t
random_bits(void)
{
    uint32_t bits = 0;

    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits))
        bits = (uint32_t)read_clock(CLOCK_MONOTONIC).tv_nsec * 2654435761u;
    return bits;
}

uint32_t
clock_jitter(uint32_t below)
{
    /* Scaling instead of a remainder: the bias is under below / 2^32. */
    return (uint32_t)((uint64_t)random_bits() * below >> 32);
}
