/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/clock.h"

#include "unit.h"

static void
a_moment_is_written_in_utc_with_milliseconds(UNUSED void **state)
{
    static const struct {
        int64_t unix_ms;
        const char *text;
    } TABLE[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1680341400083, "2023-04-01T09:30:00.083Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {951868800000, "2000-03-01T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {1735689599999, "2024-12-31T23:59:59.999Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        char text[CLOCK_UTC_BYTES];

        clock_format_utc(TABLE[i].unix_ms, text);
        assert_string_equal(text, TABLE[i].text);
    }
}

static void
each_day_of_four_centuries_is_as_the_system_has_it(UNUSED void **state)
{
    for (time_t day = -146097 / 2; day <= 146097 / 2; day++) {
        char text[CLOCK_UTC_BYTES];
        char expected[CLOCK_UTC_BYTES];
        time_t seconds = day * 86400;
        struct tm utc;

        clock_format_utc((int64_t)seconds * 1000, text);
        gmtime_r(&seconds, &utc);
        strftime(expected, sizeof(expected), "%Y-%m-%dT00:00:00.000Z", &utc);
        assert_string_equal(text, expected);
    }
}

static void
time_goes_forward(UNUSED void **state)
{
    int64_t us = clock_monotonic_us();
    int64_t ms = clock_monotonic_ms();

    assert_true(clock_monotonic_us() >= us);
    assert_true(clock_monotonic_ms() >= ms);
    assert_true(ms >= us / 1000);
    assert_true(clock_unix_ms() > 1680341400083);
}

static void
a_jitter_stays_below_its_limit_and_comes_everywhere(UNUSED void **state)
{
    enum { BELOW = 4, TRIES = 2000 };
    size_t seen[BELOW] = {0};

    for (size_t i = 0; i < TRIES; i++) {
        uint32_t drawn = clock_jitter(BELOW);
        assert_true(drawn < BELOW);
        seen[drawn]++;
    }
    for (size_t i = 0; i < BELOW; i++)
        assert_true(seen[i] > TRIES / BELOW / 2);
    assert_int_equal(clock_jitter(0), 0);
    assert_int_equal(clock_jitter(1), 0);
}

static void
a_moment_has_another_hour_in_another_zone(UNUSED void **state)
{
    static const struct {
        const char *zone;
        int64_t unix_s;
        int year_day;
        int hour;
    } TABLE[] = {
        {"UTC", 1680674828, 94, 6},
        {"Europe/Berlin", 1680674828, 94, 8},
        {"Europe/Berlin", 1672531200, 0, 1}, /* winter */
        {"Pacific/Kiritimati", 1680674828, 94, 20},
        {"America/Los_Angeles", 1680674828, 93, 23},
        {"UTC", 1680674828, 94, 6},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        struct tm local = {0};

        if (!clock_in_zone(TABLE[i].unix_s, TABLE[i].zone, &local, &err))
            fail_msg("%s: %s", TABLE[i].zone, err.message);
        assert_int_equal(local.tm_hour, TABLE[i].hour);
        assert_int_equal(local.tm_yday, TABLE[i].year_day);
    }
}

static void
a_zone_without_data_is_refused(UNUSED void **state)
{
    static const struct {
        const char *zone;
        const char *message;
    } TABLE[] = {
        {"", "\"\" is no time zone's name"},
        {"/etc/localtime", "\"/etc/localtime\" is no time zone's name"},
        {"../zoneinfo/UTC", "\"../zoneinfo/UTC\" is no time zone's name"},
        {"Mars", "there are no data of the time zone \"Mars\" on this system"},
        {"Europe", "there are no data of the time zone \"Europe\" on this system"},
        {"zone.tab", "there are no data of the time zone \"zone.tab\" on this system"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        struct tm local = {.tm_hour = 77};

        assert_false(clock_in_zone(0, TABLE[i].zone, &local, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message, TABLE[i].message);
        assert_int_equal(local.tm_hour, 77);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_is_written_in_utc_with_milliseconds),
        cmocka_unit_test(each_day_of_four_centuries_is_as_the_system_has_it),
        cmocka_unit_test(time_goes_forward),
        cmocka_unit_test(a_jitter_stays_below_its_limit_and_comes_everywhere),
        cmocka_unit_test(a_moment_has_another_hour_in_another_zone),
        cmocka_unit_test(a_zone_without_data_is_refused),
    };

    return RUN_TESTS(tests);
}
