/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapter/clock.h"
#include "adapter/slack.h"
#include "base/memory.h"
#include "base/text.h"

#include "canned.h"

#define SECRET_PATH "/services/T00000000/B00000000/sEcReT0123456789"

/* One-element pieces of the expected messages. */
#define MRKDWN(text) "{\"type\":\"mrkdwn\",\"text\":\"" text "\",\"verbatim\":true}"
#define SECTION(text) "{\"type\":\"section\",\"text\":" MRKDWN(text) "}"
#define HEADER(text)                                                                               \
    "{\"type\":\"header\",\"text\":{\"type\":\"plain_text\",\"text\":\"" text "\"}}"
#define FIELDS(database, version, migrations, took)                                                \
    "{\"type\":\"section\",\"fields\":[" MRKDWN("*Database*\\n" database) "," MRKDWN(              \
        "*Version*\\n" version) "," MRKDWN("*Migrations*\\n" migrations) "," MRKDWN("*Took*"       \
                                                                                    "\\n" took) "]}"
#define CONTEXT(elements) "{\"type\":\"context\",\"elements\":[" elements "]}"
#define DATE MRKDWN("<!date^1680341400^{date_short_pretty} {time}|2023-04-01T09:30:00.083Z>")
#define MESSAGE(text, blocks) "{\"text\":\"" text "\",\"blocks\":[" blocks "]}"

static void
check_message(const struct slack_report *report, const char *expected)
{
    json_error_t reason;
    AUTO_JSON json_t *message = slack_message(report);
    AUTO_JSON json_t *wanted = json_loads(expected, 0, &reason);

    if (wanted == NULL)
        fail_msg("the expected message: %s at %d in %s", reason.text, reason.position, expected);
    AUTO_STRING char *got_line = json_to_string(message);
    AUTO_STRING char *wanted_line = json_to_string(wanted);
    assert_string_equal(got_line, wanted_line);
}

static struct slack_report
plain_report(void)
{
    return (struct slack_report){
        .has_succeeded = true,
        .database = "company",
        .finished_unix_ms = 1680341400083,
    };
}

static void
a_success_says_versions_steps_and_times(void **state)
{
    static const struct slack_step STEPS[] = {
        {"20230330050530_add_address", 16},
        {"20230401093000_orders", 91},
    };
    const struct slack_report report = {
        .has_succeeded = true,
        .database = "company",
        .host = "10.0.0.5",
        .from = "20230330013250",
        .to = "20230401093000",
        .wanted = "20230401093000",
        .steps = STEPS,
        .steps_count = 2,
        .steps_planned = 2,
        .duration_ms = 107,
        .finished_unix_ms = 1680341400083,
        .where = "Cloud Run job migrate, execution migrate-x7k2p, image eu.gcr.io/p/migrate:7",
        .log_url = "https://console.cloud.google.com/run/jobs?project=p&region=r",
    };

    (void)state;
    check_message(&report,
        MESSAGE("Migrated company at 10.0.0.5, version 20230330013250 → 20230401093000; "
                "2 migrations done in 107 ms",
            HEADER("✅ Migrated company") "," FIELDS("`company` at `10.0.0.5`",
                "`20230330013250` → `20230401093000`", "2 migrations done",
                "107 ms") "," SECTION("• `20230330050530_add_address` 16 ms\\n"
                                      "• `20230401093000_orders` 91 ms") "," CONTEXT(MRKDWN("Cloud "
                                                                                            "Run "
                                                                                            "job "
                                                                                            "migrat"
                                                                                            "e, "
                                                                                            "execut"
                                                                                            "ion "
                                                                                            "migrat"
                                                                                            "e-"
                                                                                            "x7k2p,"
                                                                                            " "
                                                                                            "image "
                                                                                            "eu."
                                                                                            "gcr."
                                                                                            "io/p/"
                                                                                            "migrat"
                                                                                            "e:7") "," DATE
                                                                                                   "," MRKDWN(
                                                                                                       "<h"
                                                                                                       "tt"
                                                                                                       "ps"
                                                                                                       ":/"
                                                                                                       "/c"
                                                                                                       "on"
                                                                                                       "so"
                                                                                                       "le"
                                                                                                       ".c"
                                                                                                       "lo"
                                                                                                       "ud"
                                                                                                       ".g"
                                                                                                       "oo"
                                                                                                       "gl"
                                                                                                       "e."
                                                                                                       "co"
                                                                                                       "m/"
                                                                                                       "ru"
                                                                                                       "n/"
                                                                                                       "jo"
                                                                                                       "bs"
                                                                                                       "?p"
                                                                                                       "ro"
                                                                                                       "je"
                                                                                                       "ct"
                                                                                                       "=p"
                                                                                                       "&a"
                                                                                                       "mp"
                                                                                                       ";r"
                                                                                                       "eg"
                                                                                                       "io"
                                                                                                       "n="
                                                                                                       "r|"
                                                                                                       "Lo"
                                                                                                       "g"
                                                                                                       ">"))));
}

static void
a_failure_shows_the_line_and_the_hint(void **state)
{
    static const struct slack_step STEPS[] = {{"20230330050530_add_address", 16}};
    const struct slack_report report = {
        .database = "company",
        .host = "10.0.0.5",
        .from = "20230330013250",
        .to = "20230330050530",
        .wanted = "20230401093000",
        .steps = STEPS,
        .steps_count = 1,
        .steps_planned = 2,
        .duration_ms = 6934,
        .finished_unix_ms = 1680341400083,
        .error_title = "20230401093000_orders.up.sql:4:3: column \"nope\" does not exist (42703)",
        .error_source = "4 |   nope FROM half;\n  |   ^",
        .error_hint = "Perhaps you meant to reference the column \"half.note\".",
    };

    (void)state;
    check_message(&report,
        MESSAGE("Migration failed: company at 10.0.0.5, version 20230330013250 → "
                "20230330050530, wanted 20230401093000; 1 of 2 migrations done in 6.9 s: "
                "20230401093000_orders.up.sql:4:3: column \\\"nope\\\" does not exist (42703)",
            HEADER("❌ Migration failed: company") "," FIELDS("`company` at `10.0.0.5`",
                "`20230330013250` → `20230330050530`, wanted `20230401093000`",
                "1 of 2 migrations done",
                "6.9 s") "," SECTION("• `20230330050530_add_address` 16 "
                                     "ms") "," SECTION("```"
                                                       "\\n20230401093000"
                                                       "_orders.up.sql:4:"
                                                       "3: column "
                                                       "\\\"nope\\\" "
                                                       "does not "
                                                       "exist "
                                                       "(42703)\\n\\n4 | "
                                                       "  nope FROM "
                                                       "half;\\n  |   "
                                                       "^\\n```") "," SECTION("*Hint:* Perhaps you "
                                                                              "meant to reference "
                                                                              "the column "
                                                                              "\\\"half.note\\\".") "," CONTEXT(DATE)));
}

static void
what_is_missing_is_left_out(void **state)
{
    struct slack_report report = plain_report();

    (void)state;
    report.from = report.to = report.wanted = "7";
    report.host = report.where = report.log_url = "";
    check_message(
        &report, MESSAGE("Nothing to migrate: company, version 7; nothing was to do in 0 ms",
                     HEADER("✅ Nothing to migrate: company") "," FIELDS(
                         "`company`", "`7`", "nothing was to do", "0 ms") "," CONTEXT(DATE)));

    report = plain_report();
    report.has_succeeded = false;
    report.database = NULL;
    report.error_title = "cannot connect";
    check_message(
        &report, MESSAGE("Migration failed: the database, version none; none was begun in 0 ms: "
                         "cannot connect",
                     HEADER("❌ Migration failed: the database") "," FIELDS("`the database`", "none",
                         "none was begun",
                         "0 ms") "," SECTION("```\\ncannot connect\\n```") "," CONTEXT(DATE)));
}

static void
what_slack_would_read_as_markup_is_escaped(void **state)
{
    static const struct slack_step STEPS[] = {{"1_a`b<!channel>&\n", 1}};
    struct slack_report report = plain_report();

    (void)state;
    report.has_succeeded = false;
    report.database = "<!here> & `co`";
    report.to = "1";
    report.steps = STEPS;
    report.steps_count = report.steps_planned = 1;
    report.error_title = "a```b\n<@U1> \x01\x7F";
    report.error_source = "1 | \t`\n  | \t^";
    report.error_detail = "pid 1 (<!here>)";
    report.error_hint = "use <x>\n& `y`";
    report.where = "a\nb <c>";
    report.log_url = "https://example.com/|<!channel>";
    check_message(&report,
        MESSAGE("Migration failed: &lt;!here&gt; &amp; `co`, version none → 1; 1 "
                "migration done "
                "in 0 ms: a```b &lt;@U1&gt;   ",
            HEADER("❌ Migration failed: &lt;!here&gt; &amp; `co`") "," FIELDS(
                "`&lt;!here&gt; &amp; ˋcoˋ`", "none → `1`", "1 migration done",
                "0 ms") "," SECTION("• `1_aˋb&lt;!channel&gt;&amp; ` "
                                    "1 ms") "," SECTION("```"
                                                        "\\naˋˋˋb\\"
                                                        "n&lt;@U1&"
                                                        "gt;   "
                                                        "\\n\\n1 | "
                                                        "\\tˋ\\n  "
                                                        "| "
                                                        "\\t^\\n``"
                                                        "`") "," SECTION("pid 1 (&lt;!here&gt;)") "," SECTION("*Hint:* use &lt;x&gt; "
                                                                                                              "&amp; `y`") "," CONTEXT(MRKDWN("a b &lt;c&gt;") "," DATE)));
}

static void
bytes_that_are_no_utf8_become_question_marks(void **state)
{
    struct slack_report report = plain_report();

    (void)state;
    report.database = "a\xFF"
                      "b\xC3"
                      "c\xF0\x9F\x98"
                      "\xE2\x82\xAC\xC3";
    check_message(
        &report, MESSAGE("Nothing to migrate: a?b?c???€?, version none; nothing was to do in 0 ms",
                     HEADER("✅ Nothing to migrate: a?b?c???€?") "," FIELDS(
                         "`a?b?c???€?`", "none", "nothing was to do", "0 ms") "," CONTEXT(DATE)));
}

static const char *
text_of_block(const json_t *message, size_t index)
{
    const json_t *block = json_array_get(json_object_get(message, "blocks"), index);

    return json_string_value(json_object_get(json_object_get(block, "text"), "text"));
}

static void
of_many_steps_the_first_and_last_are_shown(void **state)
{
    static const struct {
        size_t count;
        const char *expected;
    } CASES[] = {
        {1, "• `n` 1 ms"},
        {12, "• `n` 1 ms\n• `n` 2 ms\n• `n` 3 ms\n• `n` 4 ms\n• `n` 5 ms\n• `n` 6 ms\n"
             "• `n` 7 ms\n• `n` 8 ms\n• `n` 9 ms\n• `n` 10 ms\n• `n` 11 ms\n• `n` 12 ms"},
        {13, "• `n` 1 ms\n• `n` 2 ms\n• `n` 3 ms\n• `n` 4 ms\n• `n` 5 ms\n• `n` 6 ms\n"
             "• … 1 more …\n"
             "• `n` 8 ms\n• `n` 9 ms\n• `n` 10 ms\n• `n` 11 ms\n• `n` 12 ms\n• `n` 13 ms"},
        {500, "• `n` 1 ms\n• `n` 2 ms\n• `n` 3 ms\n• `n` 4 ms\n• `n` 5 ms\n• `n` 6 ms\n"
              "• … 488 more …\n"
              "• `n` 495 ms\n• `n` 496 ms\n• `n` 497 ms\n• `n` 498 ms\n• `n` 499 ms\n• `n` 500 ms"},
    };
    static struct slack_step steps[500];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
        steps[i] = (struct slack_step){"n", (int64_t)i + 1};
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct slack_report report = plain_report();
        report.steps = steps;
        report.steps_count = report.steps_planned = CASES[i].count;
        AUTO_JSON json_t *message = slack_message(&report);
        assert_string_equal(text_of_block(message, 2), CASES[i].expected);
    }
}

static void
durations_read_well(void **state)
{
    static const struct {
        int64_t ms;
        const char *expected;
    } CASES[] = {
        {0, "0 ms"},
        {999, "999 ms"},
        {1000, "1.0 s"},
        {6934, "6.9 s"},
        {59999, "59.9 s"},
        {60000, "1 min 0 s"},
        {291000, "4 min 51 s"},
        {3599999, "59 min 59 s"},
        {3600000, "1 h 0 min"},
        {93784000, "26 h 3 min"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        const struct slack_step step = {"n", CASES[i].ms};
        struct slack_report report = plain_report();
        report.steps = &step;
        report.steps_count = report.steps_planned = 1;
        AUTO_JSON json_t *message = slack_message(&report);
        AUTO_STRING char *expected = memory_printf("• `n` %s", CASES[i].expected);
        assert_string_equal(text_of_block(message, 2), expected);
    }
}

/* Fill a string with as many `unit` as fit. */
static char *
repeat(const char *unit, size_t size)
{
    AUTO_TEXT text = TEXT_INIT;

    while (text.size_bytes + strlen(unit) <= size)
        text_puts(&text, unit);
    return text_take(&text);
}

/* The limits of Slack, and that no entity and no character is cut. */
static void
check_text(const json_t *object, size_t limit)
{
    const char *text = json_string_value(json_object_get(object, "text"));

    assert_non_null(text);
    assert_in_range(strlen(text), 1, limit);
    for (const char *c = strchr(text, '&'); c != NULL; c = strchr(c + 1, '&'))
        assert_true(strncmp(c, "&amp;", 5) == 0 || strncmp(c, "&lt;", 4) == 0 ||
                    strncmp(c, "&gt;", 4) == 0);
    assert_null(strchr(text, '?'));
}

static void
check_limits(const json_t *message)
{
    const json_t *blocks = json_object_get(message, "blocks");
    size_t i = 0;
    size_t k = 0;
    const json_t *block = NULL;
    const json_t *part = NULL;

    check_text(message, 4000);
    assert_in_range(json_array_size(blocks), 1, 50);
    json_array_foreach(blocks, i, block)
    {
        bool is_header = strcmp(json_string_value(json_object_get(block, "type")), "header") == 0;
        if (json_object_get(block, "text") != NULL)
            check_text(json_object_get(block, "text"), is_header ? 150 : 3000);
        assert_in_range(json_array_size(json_object_get(block, "fields")), 0, 10);
        json_array_foreach(json_object_get(block, "fields"), k, part) check_text(part, 2000);
        assert_in_range(json_array_size(json_object_get(block, "elements")), 0, 10);
        json_array_foreach(json_object_get(block, "elements"), k, part) check_text(part, 3000);
    }
}

static void
every_limit_of_slack_holds(void **state)
{
    static const char *const UNITS[] = {"a", "&", "<>", "é", "€", "😀", "`", "a&😀"};
    static struct slack_step steps[1000];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(UNITS); i++) {
        AUTO_STRING char *is_long = repeat(UNITS[i], 20000);
        AUTO_STRING char *some = repeat(UNITS[i], 1900);
        AUTO_STRING char *long_url = memory_printf("https://%s", some);
        for (size_t k = 0; k < ARRAY_LENGTH(steps); k++)
            steps[k] = (struct slack_step){is_long, INT64_MAX};
        const struct slack_report report = {
            .database = is_long,
            .host = is_long,
            .from = is_long,
            .wanted = is_long,
            .steps = steps,
            .steps_count = ARRAY_LENGTH(steps),
            .steps_planned = SIZE_MAX,
            .duration_ms = INT64_MAX,
            .finished_unix_ms = INT64_MAX,
            .error_title = is_long,
            .error_source = is_long,
            .error_hint = is_long,
            .where = is_long,
            .log_url = long_url,
        };
        AUTO_JSON json_t *message = slack_message(&report);
        check_limits(message);
    }
}

static void
a_long_text_is_cut_between_characters(void **state)
{
    static const struct {
        const char *unit;
        size_t units; /* in the name */
        size_t kept;  /* of them */
        bool is_cut;
    } CASES[] = {
        {"a", 120, 120, false},
        {"a", 121, 117, true},
        {"é", 60, 60, false},
        {"é", 61, 58, true},
        {"😀", 30, 30, false},
        {"😀", 31, 29, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        AUTO_STRING char *name = repeat(CASES[i].unit, CASES[i].units * strlen(CASES[i].unit));
        AUTO_STRING char *kept = repeat(CASES[i].unit, CASES[i].kept * strlen(CASES[i].unit));
        AUTO_STRING char *expected =
            memory_printf("• `%s%s` 1 ms", kept, CASES[i].is_cut ? "…" : "");
        const struct slack_step step = {name, 1};
        struct slack_report report = plain_report();
        report.steps = &step;
        report.steps_count = report.steps_planned = 1;
        AUTO_JSON json_t *message = slack_message(&report);
        assert_string_equal(text_of_block(message, 2), expected);
    }
}

static void
only_a_plain_web_address_is_linked(void **state)
{
    static const struct {
        const char *url;
        const char *expected; /* NULL: not linked */
    } CASES[] = {
        {"https://example.com/log", "<https://example.com/log|Log>"},
        {"http://example.com/?a=1&b=2", "<http://example.com/?a=1&amp;b=2|Log>"},
        {"javascript:alert(1)", NULL},
        {"!channel", NULL},
        {"https://example.com/|x", NULL},
        {"https://example.com/>x", NULL},
        {"https://example.com/ x", NULL},
        {"https://example.com/\x01x", NULL},
        {"https://example.com/\u202Ex", NULL},
        {"https://example.com/\xFF", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        struct slack_report report = plain_report();
        report.log_url = CASES[i].url;
        AUTO_JSON json_t *message = slack_message(&report);
        const json_t *context = json_array_get(json_object_get(message, "blocks"), 2);
        const json_t *link = json_array_get(json_object_get(context, "elements"), 1);
        if (CASES[i].expected == NULL)
            assert_null(link);
        else
            assert_string_equal(
                json_string_value(json_object_get(link, "text")), CASES[i].expected);
    }
}

#define ANSWER(status, headers, body)                                                              \
    "HTTP/1.1 " status " Status\r\n" headers "Connection: close\r\n\r\n" body

static void
each_answer_has_its_tries_and_its_words(void **state)
{
    static const char OK[] = ANSWER("200", "", "ok");
    static const struct {
        const char *answers[3];
        int64_t budget_ms;
        size_t tries;
        const char *message; /* NULL: delivered */
    } CASES[] = {
        {{OK}, 5000, 1, NULL},
        {{ANSWER("204", "", "")}, 5000, 1, NULL},
        {{CANNED_FLOOD}, 5000, 1, NULL},
        {{ANSWER("500", "", "rollup_error"), ANSWER("503", "", ""), OK}, 5000, 3, NULL},
        {{ANSWER("429", "Retry-After: 1\r\n", "rate_limited"), OK}, 5000, 2, NULL},
        {{"", OK}, 5000, 2, NULL},
        {{CANNED_HANG}, 300, 1, "no answer from 127.0.0.1 within 300 ms"},
        {{"", "", OK}, 5000, 2, "127.0.0.1 closed the connection before it had answered (2 tries)"},
        {{"no HTTP at all\r\n\r\n"}, 5000, 1, "what 127.0.0.1 answered is not HTTP"},
        {{ANSWER("500", "", "rollup_error")}, 5000, 3, "Slack answered 500 rollup_error (3 tries)"},
        {{ANSWER("502", "", "<html>\r\n\x1B[31mno")}, 500, 1, "Slack answered 502 <html>   [31mno"},
        {{ANSWER("429", "Retry-After: 20\r\n", "rate_limited")}, 5000, 1,
            "Slack answered 429 rate_limited: too many messages; it asks to wait 20 s"},
        {{ANSWER("429", "Retry-After: 3600\r\n", "")}, INT64_C(10000000), 1,
            "Slack answered 429: too many messages; it asks to wait 3600 s"},
        {{ANSWER("404", "", "no_service")}, 5000, 1,
            "Slack answered 404 no_service: the webhook was removed; make a new one"},
        {{ANSWER("404", "", "no_service\n")}, 5000, 1,
            "Slack answered 404 no_service: the webhook was removed; make a new one"},
        {{ANSWER("403", "", "action_prohibited")}, 5000, 1,
            "Slack answered 403 action_prohibited: an administrator of the workspace forbids "
            "this post"},
        {{ANSWER("410", "", "channel_is_archived")}, 5000, 1,
            "Slack answered 410 channel_is_archived: the channel is archived; make a webhook for "
            "another one"},
        {{ANSWER("400", "", "invalid_payload")}, 5000, 1,
            "Slack answered 400 invalid_payload: the message is malformed; please report this as "
            "a bug"},
        {{ANSWER("400", "", "\xFF\xC3")}, 5000, 1,
            "Slack answered 400 ??: check the webhook's URL"},
        {{ANSWER("404", "", "Cannot POST " SECRET_PATH)}, 5000, 1,
            "Slack answered 404 Cannot POST /********/*********/*********/****************: "
            "check the webhook's URL"},
        {{ANSWER("404", "", "SECRET0123456789 is unknown")}, 5000, 1,
            "Slack answered 404 **************** is unknown: check the webhook's URL"},
        {{ANSWER("302", "Location: https://example.com/\r\n", "")}, 5000, 1,
            "Slack answered 302: redirects are not followed; copy the webhook's URL again"},
        {{ANSWER("404", "",
             "éééééééééééééééééééééééééééééééééééééééééééééééééé and this is more than is shown")},
            5000, 1,
            "Slack answered 404 éééééééééééééééééééééééééééééééééééééééééééééééééé…: "
            "check the webhook's URL"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
        const struct slack_report report = plain_report();
        struct error err = ERROR_INIT;
        size_t count = 0;
        while (count < ARRAY_LENGTH(CASES[i].answers) && CASES[i].answers[count] != NULL)
            count++;
        struct canned *server = canned_start(CASES[i].answers, count, SECRET_PATH);
        bool is_delivered = slack_post(server->url, &report, CASES[i].budget_ms, &err);
        size_t tries = atomic_load(&server->requests_count);
        canned_stop(server);

        if (is_delivered != (CASES[i].message == NULL))
            fail_msg("%zu: %s", i, is_delivered ? "delivered" : err.message);
        assert_string_equal(err.message, is_delivered ? "" : CASES[i].message);
        assert_int_equal(tries, CASES[i].tries);
    }
}

static void
the_budget_bounds_everything(void **state)
{
    static const char *const ANSWERS[] = {
        CANNED_HANG, ANSWER("500", "", ""), ANSWER("429", "Retry-After: 5\r\n", "")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ANSWERS); i++) {
        const struct slack_report report = plain_report();
        struct error err = ERROR_INIT;
        struct canned *server = canned_start(&ANSWERS[i], 1, SECRET_PATH);
        int64_t begun = clock_monotonic_ms();
        assert_false(slack_post(server->url, &report, 400, &err));
        assert_true(clock_monotonic_ms() - begun < 1000);
        canned_stop(server);
    }
}

static void
no_connection_is_tried_three_times(void **state)
{
    static const char PREFIX[] = "cannot connect to 127.0.0.1: ";
    static const char SUFFIX[] = " (3 tries)";
    const struct slack_report report = plain_report();
    struct error err = ERROR_INIT;

    (void)state;
    assert_false(slack_post("http://127.0.0.1:1" SECRET_PATH, &report, 5000, &err));
    assert_int_equal(err.kind, ERROR_CONNECTION);
    assert_memory_equal(err.message, PREFIX, strlen(PREFIX));
    assert_string_equal(err.message + strlen(err.message) - strlen(SUFFIX), SUFFIX);
    assert_null(strstr(err.message, "sEcReT"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_says_versions_steps_and_times),
        cmocka_unit_test(a_failure_shows_the_line_and_the_hint),
        cmocka_unit_test(what_is_missing_is_left_out),
        cmocka_unit_test(what_slack_would_read_as_markup_is_escaped),
        cmocka_unit_test(bytes_that_are_no_utf8_become_question_marks),
        cmocka_unit_test(of_many_steps_the_first_and_last_are_shown),
        cmocka_unit_test(durations_read_well),
        cmocka_unit_test(every_limit_of_slack_holds),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(only_a_plain_web_address_is_linked),
        cmocka_unit_test(each_answer_has_its_tries_and_its_words),
        cmocka_unit_test(the_budget_bounds_everything),
        cmocka_unit_test(no_connection_is_tried_three_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
