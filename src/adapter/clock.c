/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "adapter/files.h"
#include "base/memory.h"

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

int64_t
clock_unix_ns(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);

    return (int64_t)now.tv_sec * MS_PER_S * NS_PER_MS + now.tv_nsec;
}

/* Behind what was written. */
static char *
put_number(char *at, int64_t number, int digits, char end)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[digits] = end;
    return at + digits + 1;
}

/* Of days since 1970-01-01. Here a year begins in March, so that its leap day is the last one. */
static char *
put_date(char *at, int64_t days)
{
    enum { CYCLE_DAYS = 146097, CYCLE_YEARS = 400 }; /* after which the calendar begins anew */
    int64_t from_march = days + 719468 + CYCLE_DAYS; /* since 400 years before 0000-03-01 */
    int64_t in_cycle = from_march % CYCLE_DAYS;
    int64_t year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
    int64_t in_year = in_cycle - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * in_year + 2) / 153; /* 0 is March */

    year += (from_march / CYCLE_DAYS - 1) * CYCLE_YEARS + (month >= 10);
    at = put_number(at, year, 4, '-');
    at = put_number(at, month < 10 ? month + 3 : month - 9, 2, '-');
    return put_number(at, in_year - (153 * month + 2) / 5 + 1, 2, 'T');
}

void
clock_format_utc(int64_t unix_ms, char out[static CLOCK_UTC_BYTES])
{
    const int64_t first_ms = -62167219200000; /* 0000-01-01T00:00:00.000Z */
    const int64_t last_ms = 253402300799999;  /* 9999-12-31T23:59:59.999Z */
    const int64_t day_ms = 24 * 60 * 60 * MS_PER_S;

    if (unix_ms < first_ms)
        unix_ms = first_ms;
    if (unix_ms > last_ms)
        unix_ms = last_ms;

    int64_t ms = (unix_ms % day_ms + day_ms) % day_ms;
    char *at = put_date(out, (unix_ms - ms) / day_ms);
    at = put_number(at, ms / (60 * 60 * MS_PER_S), 2, ':');
    at = put_number(at, ms / (60 * MS_PER_S) % 60, 2, ':');
    at = put_number(at, ms / MS_PER_S % 60, 2, '.');
    at = put_number(at, ms % MS_PER_S, 3, 'Z');
    *at = '\0';
}

/* glibc takes a zone that it does not know for UTC: look before. */
static bool
check_zone_data(const char *zone, struct error *err)
{
    enum { ZONE_BYTES = 1024 * 1024 };
    static const char MAGIC[] = "TZif"; /* RFC 8536 */
    AUTO_STRING char *path = memory_printf("/usr/share/zoneinfo/%s", zone);
    AUTO_STRING char *data = NULL;
    struct error ignored = ERROR_INIT;
    size_t size = 0;

    if (*zone == '\0' || *zone == '/' || strstr(zone, "..") != NULL)
        return error_set(err, ERROR_USAGE, "\"%.60s\" is no time zone's name", zone);
    if (file_read(path, ZONE_BYTES, &data, &size, &ignored) &&
        strncmp(data, MAGIC, strlen(MAGIC)) == 0)
        return true;
    error_set(
        err, ERROR_USAGE, "there are no data of the time zone \"%.60s\" on this system", zone);
    return error_hint(
        err, "They would stand in %.80s, of the package tzdata. UTC needs none.", path);
}

bool
clock_in_zone(int64_t unix_s, const char *zone, struct tm *local, struct error *err)
{
    time_t moment = (time_t)unix_s;

    if (strcmp(zone, "UTC") == 0) {
        gmtime_r(&moment, local);
        return true;
    }
    if (!check_zone_data(zone, err))
        return false;

    AUTO_STRING char *variable = memory_printf(":%s", zone);
    setenv("TZ", variable, 1);
    tzset();
    localtime_r(&moment, local);
    return true;
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
