/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/report.h"

#include "unit.h"

static const struct event STARTED = {.kind = EVENT_RUN_STARTED,
    .database = "company",
    .host = "db",
    .has_from = true,
    .from = 1,
    .has_wanted = true,
    .wanted = 3,
    .pending = 4,
    .planned = 2,
    .total = 5};

static void
a_run_that_never_started_is_an_empty_report(UNUSED void **state)
{
    AUTO_REPORT report = {0};

    report_init(&report, 1000);
    report_finish(&report, NULL, 1250);
    assert_false(report.is_started);
    assert_false(report.has_failed);
    assert_false(report.is_told);
    assert_false(report.has_from);
    assert_false(report.has_to);
    assert_null(report.database);
    assert_int_equal(report.count, 0);
    assert_int_equal(report.duration_ms, 250);
}

static void
a_run_is_followed_from_start_to_end(UNUSED void **state)
{
    AUTO_REPORT report = {0};
    char name[] = "2_b";

    report_init(&report, 1000);
    report_hear(&report, &STARTED);
    assert_true(report.is_started);
    assert_string_equal(report.database, "company");
    assert_string_equal(report.host, "db");
    assert_int_equal(report.planned, 2);
    assert_true(report.has_to);
    assert_int_equal(report.to, 1);

    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_STARTED, .migration = name});
    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_APPLIED,
                             .migration = name,
                             .version = 2,
                             .statements = 3,
                             .duration_ms = 16,
                             .has_wanted = true,
                             .wanted = 2});
    name[0] = 'x'; /* events are borrowed */
    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_APPLIED,
                             .migration = "3_c",
                             .version = 3,
                             .has_wanted = true,
                             .wanted = 3});
    report_finish(&report, NULL, 7900);

    assert_int_equal(report.count, 2);
    assert_string_equal(report.steps[0].name, "2_b");
    assert_int_equal(report.steps[0].version, 2);
    assert_int_equal(report.steps[0].statements, 3);
    assert_int_equal(report.steps[0].duration_ms, 16);
    assert_string_equal(report.steps[1].name, "3_c");
    assert_int_equal(report.from, 1);
    assert_int_equal(report.to, 3);
    assert_int_equal(report.wanted, 3);
    assert_int_equal(report.duration_ms, 6900);
    assert_false(report.has_failed);
}

/* A crash takes back commits that did not wait for the disk. */
static void
what_the_server_lost_counts_once(UNUSED void **state)
{
    AUTO_REPORT report = {0};

    report_init(&report, 0);
    report_hear(&report, &STARTED);
    for (int64_t version = 2; version <= 3; version++)
        report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_APPLIED,
                                 .migration = "n",
                                 .version = version,
                                 .has_wanted = true,
                                 .wanted = version});
    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_STARTED, .version = 4});
    assert_int_equal(report.count, 2);
    report_hear(
        &report, &(struct event){
                     .kind = EVENT_MIGRATION_STARTED, .version = 2, .has_from = true, .from = 1});
    assert_int_equal(report.count, 0);
    assert_true(report.has_to);
    assert_int_equal(report.to, 1);
    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_APPLIED,
                             .migration = "2_b",
                             .version = 2,
                             .has_wanted = true,
                             .wanted = 2});
    assert_int_equal(report.count, 1);
    assert_int_equal(report.to, 2);
}

static void
what_a_rival_did_moves_the_version_alone(UNUSED void **state)
{
    AUTO_REPORT report = {0};

    report_init(&report, 0);
    report_hear(&report, &STARTED);
    report_hear(&report, &(struct event){.kind = EVENT_DATABASE_CONNECTED,
                             .database = "company",
                             .host = "db",
                             .has_from = true,
                             .from = 3});
    assert_int_equal(report.from, 1);
    assert_int_equal(report.to, 3);
    assert_int_equal(report.count, 0);
}

static void
a_late_file_leaves_the_version(UNUSED void **state)
{
    AUTO_REPORT report = {0};

    report_init(&report, 0);
    report_hear(&report, &STARTED);
    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_APPLIED,
                             .migration = "0_late",
                             .version = 0,
                             .has_wanted = true,
                             .wanted = 1});
    assert_int_equal(report.to, 1);
    assert_int_equal(report.steps[0].version, 0);
}

static void
a_run_down_ends_below_where_it_began(UNUSED void **state)
{
    AUTO_REPORT report = {0};

    report_init(&report, 0);
    report_hear(&report, &(struct event){.kind = EVENT_RUN_STARTED,
                             .is_down = true,
                             .database = "company",
                             .host = "db",
                             .has_from = true,
                             .from = 2,
                             .pending = 2,
                             .planned = 2,
                             .total = 3});
    assert_true(report.is_down);
    assert_false(report.has_wanted);
    report_hear(&report, &(struct event){.kind = EVENT_MIGRATION_APPLIED,
                             .is_down = true,
                             .migration = "2_b",
                             .version = 2,
                             .has_wanted = true,
                             .wanted = 1});
    assert_true(report.has_to);
    assert_int_equal(report.to, 1);
    report_hear(&report,
        &(struct event){
            .kind = EVENT_MIGRATION_APPLIED, .is_down = true, .migration = "1_a", .version = 1});
    assert_false(report.has_to);
    assert_int_equal(report.count, 2);
    assert_int_equal(report.from, 2);
}

static void
a_version_that_is_set_by_hand_or_a_drop_is_no_step(UNUSED void **state)
{
    AUTO_REPORT report = {0};

    report_init(&report, 0);
    report_hear(&report, &STARTED);
    report_hear(&report, &(struct event){.kind = EVENT_VERSION_SET, .text = "forced"});
    report_hear(&report, &(struct event){.kind = EVENT_SCHEMA_DROPPED, .text = "dropped"});
    assert_int_equal(report.count, 0);
    assert_true(report.has_to);
    assert_int_equal(report.to, 1);
}

static void
a_failure_is_kept_and_whether_it_was_told(UNUSED void **state)
{
    AUTO_REPORT report = {0};
    struct error err = {.kind = ERROR_DATABASE, .message = "no"};

    report_init(&report, 0);
    report_hear(&report, &STARTED);
    report_hear(&report, &(struct event){.kind = EVENT_WARNING, .text = "beware"});
    assert_false(report.is_told);
    report_hear(&report,
        &(struct event){.kind = EVENT_MIGRATION_FAILED, .migration = "2_b", .error = &err});
    assert_true(report.is_told);
    report_finish(&report, &err, 5);
    err.message[0] = 'x';
    assert_true(report.has_failed);
    assert_string_equal(report.error.message, "no");
    assert_int_equal(report.to, 1);
    assert_int_equal(report.count, 0);
}

static void
what_can_succeed_later_with_nothing_changed_is_retryable(UNUSED void **state)
{
    static const struct {
        struct error err;
        bool is_retryable;
    } TABLE[] = {
        {{.kind = ERROR_USAGE}, false}, {{.kind = ERROR_INPUT}, false},
        {{.kind = ERROR_PLAN}, false}, {{.kind = ERROR_REFUSED}, false},
        {{.kind = ERROR_SYSTEM}, false}, {{.kind = ERROR_CONNECTION}, true},
        {{.kind = ERROR_TIMEOUT}, true}, {{.kind = ERROR_STOPPED}, true},
        {{.kind = ERROR_MOVED}, true},
        {{.kind = ERROR_DATABASE, .sqlstate = "42703"}, false}, /* no such column */
        {{.kind = ERROR_DATABASE, .sqlstate = "23505"}, false}, /* a duplicate */
        {{.kind = ERROR_DATABASE, .sqlstate = "42501"}, false}, /* no right to it */
        {{.kind = ERROR_DATABASE, .sqlstate = "25001"}, false}, /* not in a transaction */
        {{.kind = ERROR_DATABASE, .sqlstate = ""}, false},
        {{.kind = ERROR_DATABASE, .sqlstate = "08006"}, true}, /* the connection broke */
        {{.kind = ERROR_DATABASE, .sqlstate = "40P01"}, true}, /* a deadlock */
        {{.kind = ERROR_DATABASE, .sqlstate = "40001"}, true}, /* not serializable */
        {{.kind = ERROR_DATABASE, .sqlstate = "53100"}, true}, /* the disk is full */
        {{.kind = ERROR_DATABASE, .sqlstate = "53300"}, true}, /* too many connections */
        {{.kind = ERROR_DATABASE, .sqlstate = "55P03"}, true}, /* no lock in time */
        {{.kind = ERROR_DATABASE, .sqlstate = "57P01"}, true}, /* the server shuts down */
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        if (report_is_retryable(&TABLE[i].err) != TABLE[i].is_retryable)
            fail_msg("kind %d, SQLSTATE %s", (int)TABLE[i].err.kind, TABLE[i].err.sqlstate);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_never_started_is_an_empty_report),
        cmocka_unit_test(a_run_is_followed_from_start_to_end),
        cmocka_unit_test(what_the_server_lost_counts_once),
        cmocka_unit_test(what_a_rival_did_moves_the_version_alone),
        cmocka_unit_test(a_late_file_leaves_the_version),
        cmocka_unit_test(a_run_down_ends_below_where_it_began),
        cmocka_unit_test(a_version_that_is_set_by_hand_or_a_drop_is_no_step),
        cmocka_unit_test(a_failure_is_kept_and_whether_it_was_told),
        cmocka_unit_test(what_can_succeed_later_with_nothing_changed_is_retryable),
    };

    return RUN_TESTS(tests);
}
