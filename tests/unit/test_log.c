/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/text.h"

#include "unit.h"

enum { LINE_BYTES = 64 * 1024, PIPE_BYTES = 1024 * 1024, STAMP_BYTES = 13 };

/* A log at one end of a pipe that holds more than any line; what it wrote at the other. */
struct tube {
    struct log log;
    int reader;
    char *written;
};

static void
open_tube(struct tube *tube, bool is_json)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES);
    *tube = (struct tube){.log = {.descriptor = ends[1], .is_json = is_json}, .reader = ends[0]};
}

static const char *
close_tube(struct tube *tube)
{
    size_t size = 0;

    close(tube->log.descriptor);
    tube->written = memory_new(PIPE_BYTES + 1);
    for (;;) {
        ssize_t got = read(tube->reader, tube->written + size, PIPE_BYTES - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    close(tube->reader);
    return tube->written;
}

static char *
write_text_line(enum log_severity severity, bool is_verbose, const char *message)
{
    struct tube tube;

    open_tube(&tube, false);
    tube.log.is_verbose = is_verbose;
    log_write(&tube.log, severity, "an.event", message, NULL);
    close_tube(&tube);
    return tube.written;
}

static json_t *
write_json_line(const char *message, const json_t *fields, const json_t *labels, size_t *size_bytes)
{
    struct tube tube;

    open_tube(&tube, true);
    tube.log.labels = labels;
    log_write(&tube.log, LOG_INFO, "an.event", message, fields);
    const char *line = close_tube(&tube);
    *size_bytes = strlen(line);
    assert_int_equal(line[*size_bytes - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + *size_bytes - 1);

    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    free(tube.written);
    return object;
}

/* "14:02:11.083 ", in UTC. */
static void
check_stamp(const char *line)
{
    static const char SHAPE[] = "00:00:00.000 ";

    assert_true(strlen(line) > STAMP_BYTES);
    for (size_t i = 0; i < STAMP_BYTES; i++) {
        if (SHAPE[i] == '0')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], SHAPE[i]);
    }
}

static void
a_text_line_has_a_time_a_severity_and_the_message(UNUSED void **state)
{
    static const struct {
        enum log_severity severity;
        const char *message;
        const char *expected;
    } TABLE[] = {
        {LOG_INFO, "hello", "INFO  hello\n"},
        {LOG_WARNING, "hello", "WARN  hello\n"},
        {LOG_ERROR, "hello", "ERROR hello\n"},
        {LOG_DEBUG, "hello", "DEBUG hello\n"},
        {LOG_INFO, "", "INFO  \n"},
        {LOG_INFO, "é€😀", "INFO  é€😀\n"},
        /* What follows cannot begin a line of its own. */
        {LOG_ERROR, "one\ntwo\n  three",
            "ERROR one\n                   two\n                     three\n"},
        {LOG_INFO, "one\r\ntwo\rthree", "INFO  one\n                   two?three\n"},
        {LOG_INFO, "a\tb", "INFO  a b\n"},
        {LOG_INFO, "\x1B[31mred\x07\x7F", "INFO  ?[31mred??\n"},
        /* Others that act: C1, a separator of lines, the direction of writing; and no UTF-8. */
        {LOG_INFO,
            "a\xC2\x9B"
            "31m\xC2\x85"
            "b\u2028c\u2029d",
            "INFO  a?31m?b?c?d\n"},
        {LOG_INFO, "a\u202Eb\u202Cc\u2066d\u2069e\u200Ff\u061Cg", "INFO  a?b?c?d?e?f?g\n"},
        {LOG_INFO, "a\x9B\xC2z\xE2\x80", "INFO  a??z??\n"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *line = write_text_line(TABLE[i].severity, true, TABLE[i].message);

        check_stamp(line);
        assert_string_equal(line + STAMP_BYTES, TABLE[i].expected);
    }
}

static void
a_text_log_says_details_when_asked_alone(UNUSED void **state)
{
    AUTO_STRING char *quiet = write_text_line(LOG_DEBUG, false, "detail");
    AUTO_STRING char *loud = write_text_line(LOG_INFO, false, "event");

    assert_string_equal(quiet, "");
    assert_string_equal(loud + STAMP_BYTES, "INFO  event\n");
}

static const char *
member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "(none)";
}

static void
a_json_line_has_cloud_loggings_names(UNUSED void **state)
{
    AUTO_JSON json_t *fields = json_pack("{s:i, s:s}", "version", 7, "event", "not this one");
    AUTO_JSON json_t *labels = json_pack("{s:s}", "job", "migrate");
    size_t size = 0;
    AUTO_JSON json_t *line = write_json_line("one\n\ttwo \"é\" \\ \x01", fields, labels, &size);

    assert_string_equal(member(line, "severity"), "INFO");
    assert_string_equal(member(line, "event"), "an.event");
    assert_string_equal(member(line, "message"), "one\n\ttwo \"é\" \\ \x01");
    assert_int_equal(json_integer_value(json_object_get(line, "version")), 7);
    assert_string_equal(
        member(json_object_get(line, "logging.googleapis.com/labels"), "job"), "migrate");
    assert_int_equal(strlen(member(line, "time")), strlen("2023-04-01T09:30:00.083Z"));
    assert_int_equal(json_object_size(line), 6);
    assert_int_equal(json_object_size(fields), 2);
}

/* A terminal, and who splits a log into lines, heed more than JSON escapes. */
static void
what_acts_is_escaped_in_json(UNUSED void **state)
{
    static const char MESSAGE[] = "\x1B\x7F\xC2\x9B\xC2\x85\u2028\u202E\u061C é€😀\u00A0\u2030";
    struct tube tube;

    open_tube(&tube, true);
    log_write(&tube.log, LOG_INFO, "an.event", MESSAGE, NULL);
    const char *line = close_tube(&tube);
    assert_non_null(
        strstr(line, "\"\\u001B\\u007f\\u009b\\u0085\\u2028\\u202e\\u061c é€😀\u00A0\u2030\""));
    json_t *object = json_loads(line, 0, NULL);
    assert_string_equal(member(object, "message"), MESSAGE);
    json_decref(object);
    free(tube.written);
}

static void
severities_in_json_are_cloud_loggings(UNUSED void **state)
{
    static const char *const EXPECTED[] = {
        [LOG_DEBUG] = "DEBUG",
        [LOG_INFO] = "INFO",
        [LOG_WARNING] = "WARNING",
        [LOG_ERROR] = "ERROR",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++) {
        struct tube tube;

        open_tube(&tube, true);
        log_write(&tube.log, (enum log_severity)i, "e", "m", NULL);
        AUTO_JSON json_t *line = json_loads(close_tube(&tube), 0, NULL);
        assert_string_equal(member(line, "severity"), EXPECTED[i]);
        free(tube.written);
    }
}

static void
secrets_are_hidden_in_text(UNUSED void **state)
{
    static const char SECRET[] = "p\"w\\d'é";

    secret_add(SECRET);
    AUTO_STRING char *line =
        write_text_line(LOG_INFO, false, "it is p\"w\\d'é, is it not\np\"w\\d'é");
    assert_string_equal(line + STAMP_BYTES, "INFO  it is ***, is it not\n                   ***\n");
    secret_forget_all();
}

/* Escapes change how a secret looks: it must be gone before them, also deep within the fields. */
static void
secrets_are_hidden_in_json(UNUSED void **state)
{
    static const char *const SECRETS[] = {"hunter2", "qu\"ote", "back\\slash", "both\\\"",
        "new\nline", "tab\tbed", "\x01\x02\x03\x04", "geheimé€", "slash/es"};

    for (size_t i = 0; i < ARRAY_LENGTH(SECRETS); i++) {
        AUTO_STRING char *message = memory_printf("password=%s;", SECRETS[i]);
        AUTO_JSON json_t *fields = json_pack("{s:s, s:{s:s}, s:[s, i], s:i}", "a", message, "b",
            "c", message, "d", message, 1, "e", 5);
        struct tube tube;

        secret_add(SECRETS[i]);
        open_tube(&tube, true);
        log_write(&tube.log, LOG_INFO, "an.event", message, fields);
        AUTO_JSON json_t *line = json_loads(close_tube(&tube), 0, NULL);
        const json_t *list = json_object_get(line, "d");
        assert_string_equal(member(line, "message"), "password=***;");
        assert_string_equal(member(line, "a"), "password=***;");
        assert_string_equal(member(json_object_get(line, "b"), "c"), "password=***;");
        assert_string_equal(json_string_value(json_array_get(list, 0)), "password=***;");
        assert_int_equal(json_integer_value(json_array_get(list, 1)), 1);
        assert_int_equal(json_integer_value(json_object_get(line, "e")), 5);
        free(tube.written);
        secret_forget_all();
    }
}

static void
a_message_that_is_no_utf8_is_repaired(UNUSED void **state)
{
    size_t size = 0;
    AUTO_JSON json_t *line = write_json_line("caf\xE9!", NULL, NULL, &size);

    assert_string_equal(member(line, "message"), "caf?!");
}

/* One character, again and again. */
static char *
repeat(const char *character, size_t size_bytes)
{
    AUTO_TEXT text = TEXT_INIT;

    while (text.size_bytes < size_bytes)
        text_puts(&text, character);
    return text_take(&text);
}

static void
a_json_line_stays_under_64_kib(UNUSED void **state)
{
    static const char *const CHARACTERS[] = {"x", "é", "€", "😀", "\"", "\\", "\n", "\x01", "\x7F"};

    for (size_t i = 0; i < ARRAY_LENGTH(CHARACTERS); i++) {
        AUTO_STRING char *message = repeat(CHARACTERS[i], 200 * 1024);
        AUTO_STRING char *detail = repeat(CHARACTERS[i], 2000);
        AUTO_JSON json_t *fields = json_pack("{s:s, s:s}", "detail", detail, "hint", detail);
        size_t size = 0;
        AUTO_JSON json_t *line = write_json_line(message, fields, NULL, &size);
        const char *shown = member(line, "message");
        size_t shown_bytes = strlen(shown);

        assert_true(size < LINE_BYTES);
        assert_true(shown_bytes > 2048);
        assert_memory_equal(shown, message, shown_bytes - strlen(" …"));
        assert_string_equal(shown + shown_bytes - strlen(" …"), " …");
    }
}

static void
fields_that_do_not_fit_are_left_out(UNUSED void **state)
{
    AUTO_STRING char *huge = repeat("x", 300 * 1024);
    AUTO_JSON json_t *fields = json_pack("{s:s}", "huge", huge);
    size_t size = 0;
    AUTO_JSON json_t *line = write_json_line("what happened", fields, NULL, &size);

    assert_true(size < LINE_BYTES);
    assert_string_equal(member(line, "message"), "what happened");
    assert_string_equal(member(line, "event"), "an.event");
    assert_string_equal(member(line, "severity"), "INFO");
}

static void
a_text_line_stays_under_64_kib(UNUSED void **state)
{
    static const char *const CHARACTERS[] = {"x", "é", "€", "😀", "\"", "\\", "\x01"};

    for (size_t i = 0; i < ARRAY_LENGTH(CHARACTERS); i++) {
        AUTO_STRING char *message = repeat(CHARACTERS[i], 200 * 1024);
        AUTO_STRING char *line = write_text_line(LOG_INFO, false, message);
        size_t size = strlen(line);

        assert_true(size > 1024 && size < LINE_BYTES);
        assert_string_equal(line + size - strlen(" …\n"), " …\n");
        assert_int_equal(utf8_valid(line, size), size);
    }
}

static void
a_message_that_fits_is_not_cut(UNUSED void **state)
{
    AUTO_STRING char *message = repeat("x", 20 * 1024);
    AUTO_STRING char *text = write_text_line(LOG_INFO, false, message);
    size_t size = 0;
    AUTO_JSON json_t *line = write_json_line(message, NULL, NULL, &size);

    assert_int_equal(strlen(text), STAMP_BYTES + strlen("INFO  ") + strlen(message) + 1);
    assert_string_equal(member(line, "message"), message);
}

static void
a_log_that_nobody_reads_is_no_reason_to_stop(UNUSED void **state)
{
    struct log log = {.descriptor = -1};
    struct log closed = {.descriptor = -1, .is_json = true};

    log_write(&log, LOG_INFO, "e", "m", NULL);
    log_write(&closed, LOG_INFO, "e", "m", NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_a_time_a_severity_and_the_message),
        cmocka_unit_test(a_text_log_says_details_when_asked_alone),
        cmocka_unit_test(a_json_line_has_cloud_loggings_names),
        cmocka_unit_test(what_acts_is_escaped_in_json),
        cmocka_unit_test(severities_in_json_are_cloud_loggings),
        cmocka_unit_test(secrets_are_hidden_in_text),
        cmocka_unit_test(secrets_are_hidden_in_json),
        cmocka_unit_test(a_message_that_is_no_utf8_is_repaired),
        cmocka_unit_test(a_json_line_stays_under_64_kib),
        cmocka_unit_test(fields_that_do_not_fit_are_left_out),
        cmocka_unit_test(a_text_line_stays_under_64_kib),
        cmocka_unit_test(a_message_that_fits_is_not_cut),
        cmocka_unit_test(a_log_that_nobody_reads_is_no_reason_to_stop),
    };

    return RUN_TESTS(tests);
}
