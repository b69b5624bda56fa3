/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wording.h"

#include <stdlib.h>

#include "unit.h"

static const struct error LOCK_ERROR = {.kind = ERROR_DATABASE,
    .sqlstate = "55P03",
    .message = "canceling statement due to lock timeout",
    .file = "2_b.up.sql",
    .line = 3,
    .column = 1,
    .source = "ALTER TABLE t",
    .statement = 2};

static const struct error DEADLOCK_ERROR = {
    .kind = ERROR_DATABASE, .sqlstate = "40P01", .message = "deadlock detected"};

static const struct error SERIAL_ERROR = {
    .kind = ERROR_DATABASE, .sqlstate = "40001", .message = "could not serialize access"};

static const struct error COLUMN_ERROR = {.kind = ERROR_DATABASE,
    .sqlstate = "42703",
    .message = "column \"nope\" does not exist",
    .detail = "There is a detail.",
    .hint = "Perhaps you meant to reference the column \"half.note\".",
    .context = "SQL function \"f\" statement 1",
    .file = "20230401093000_orders.up.sql",
    .line = 12,
    .column = 3,
    .source = "  nope FROM half;",
    .caret = 3,
    .statement = 4};

static const struct error TIMEOUT_ERROR = {.kind = ERROR_TIMEOUT, .message = "took too long"};

static const struct error LOST_ERROR = {
    .kind = ERROR_CONNECTION, .message = "the connection was lost", .file = "2_b.up.sql"};

static const struct error REFUSED_ERROR = {
    .kind = ERROR_CONNECTION, .message = "connection refused"};

static void
check_message(const struct event *event, const char *expected)
{
    AUTO_TEXT message = TEXT_INIT;

    wording_message(event, &message);
    assert_string_equal(text_string(&message), expected);
}

static void
check_fields(const struct event *event, const char *expected)
{
    AUTO_JSON json_t *fields = wording_fields(event);
    AUTO_STRING char *text = json_to_string(fields);

    assert_string_equal(text, expected);
}

struct row {
    struct event event;
    const char *message;
    const char *fields;
};

static void
check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_message(&rows[i].event, rows[i].message);
        check_fields(&rows[i].event, rows[i].fields);
    }
}

static void
a_run_says_what_is_pending(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_RUN_STARTED,
             .database = "company",
             .host = "10.0.0.5",
             .has_from = true,
             .from = 20230330013250,
             .has_wanted = true,
             .wanted = 20230401093000,
             .pending = 2,
             .total = 14},
            "2 of 14 migrations pending on company at 10.0.0.5: 20230330013250 -> 20230401093000",
            "{\"database\":\"company\",\"host\":\"10.0.0.5\",\"pending\":2,"
            "\"from\":20230330013250,\"wanted\":20230401093000}"},
        {{.kind = EVENT_RUN_STARTED,
             .database = "company",
             .host = "db",
             .has_wanted = true,
             .wanted = 1,
             .pending = 1,
             .total = 1},
            "1 of 1 migration pending on company at db: none -> 1",
            "{\"database\":\"company\",\"host\":\"db\",\"pending\":1,\"from\":null,\"wanted\":1}"},
        {{.kind = EVENT_RUN_STARTED,
             .database = "company",
             .host = "db",
             .has_from = true,
             .from = 7,
             .has_wanted = true,
             .wanted = 7,
             .total = 3},
            "none of 3 migrations pending on company at db; current version is 7",
            "{\"database\":\"company\",\"host\":\"db\",\"pending\":0,\"from\":7,\"wanted\":7}"},
        {{.kind = EVENT_RUN_STARTED, .database = "company", .host = "db", .total = 1},
            "none of 1 migration pending on company at db; current version is none",
            "{\"database\":\"company\",\"host\":\"db\",\"pending\":0,\"from\":null,"
            "\"wanted\":null}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
a_run_down_says_what_it_reverts(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_RUN_STARTED,
             .is_down = true,
             .database = "company",
             .host = "db",
             .has_from = true,
             .from = 3,
             .has_wanted = true,
             .wanted = 1,
             .pending = 3,
             .planned = 2,
             .total = 4},
            "reverting 2 of 3 applied migrations on company at db: 3 -> 1",
            "{\"database\":\"company\",\"host\":\"db\",\"planned\":2,\"from\":3,\"wanted\":1}"},
        {{.kind = EVENT_RUN_STARTED,
             .is_down = true,
             .database = "company",
             .host = "db",
             .has_from = true,
             .from = 1,
             .pending = 1,
             .planned = 1,
             .total = 4},
            "reverting 1 of 1 applied migration on company at db: 1 -> none",
            "{\"database\":\"company\",\"host\":\"db\",\"planned\":1,\"from\":1,\"wanted\":null}"},
        {{.kind = EVENT_RUN_STARTED,
             .is_down = true,
             .database = "company",
             .host = "db",
             .total = 4},
            "nothing to revert on company at db; current version is none",
            "{\"database\":\"company\",\"host\":\"db\",\"planned\":0,\"from\":null,"
            "\"wanted\":null}"},
        {{.kind = EVENT_MIGRATION_APPLIED,
             .is_down = true,
             .migration = "2_b",
             .version = 2,
             .statements = 1,
             .duration_ms = 16,
             .has_wanted = true,
             .wanted = 1},
            "2_b reverted in 16 ms (1 statement); current version is 1",
            "{\"migration\":\"2_b\",\"version\":2,\"direction\":\"down\",\"statements\":1,"
            "\"duration_ms\":16,\"current_version\":1}"},
        {{.kind = EVENT_MIGRATION_APPLIED,
             .is_down = true,
             .migration = "1_a",
             .version = 1,
             .duration_ms = 3},
            "1_a reverted in 3 ms (0 statements); current version is none",
            "{\"migration\":\"1_a\",\"version\":1,\"direction\":\"down\",\"duration_ms\":3,"
            "\"current_version\":null}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
a_version_that_was_set_says_from_where_to_where(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_VERSION_SET,
             .text = "forced",
             .database = "company",
             .host = "db",
             .has_from = true,
             .from = 3,
             .has_wanted = true,
             .wanted = 2},
            "version set on company at db, without running anything: 3 -> 2",
            "{\"database\":\"company\",\"host\":\"db\",\"from\":3,\"to\":2}"},
        {{.kind = EVENT_VERSION_SET, .text = "forced", .database = "company", .host = "db"},
            "version set on company at db, without running anything: none -> none",
            "{\"database\":\"company\",\"host\":\"db\",\"from\":null,\"to\":null}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
waiting_says_for_what_and_how_long(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_DATABASE_WAITING, .error = &REFUSED_ERROR, .left_ms = 58000},
            "waiting for the database, up to 58.0 s more: connection refused",
            "{\"left_ms\":58000,\"error\":{\"message\":\"connection refused\"}}"},
        {{.kind = EVENT_LOCK_WAITING, .text = "pid 7 (web, app)", .left_ms = 300000},
            "waiting for the migration lock, held by pid 7 (web, app); up to 5 min 0 s more",
            "{\"left_ms\":300000,\"holder\":\"pid 7 (web, app)\"}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
a_migration_says_how_it_goes(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_MIGRATION_STARTED, .migration = "2_b", .version = 2, .statements = 1},
            "2_b started (1 statement)", "{\"migration\":\"2_b\",\"version\":2,\"statements\":1}"},
        {{.kind = EVENT_MIGRATION_STARTED, .migration = "2_b", .version = 2},
            "2_b started (0 statements)", "{\"migration\":\"2_b\",\"version\":2}"},
        {{.kind = EVENT_MIGRATION_APPLIED,
             .migration = "20230330050530_add_address",
             .version = 20230330050530,
             .statements = 2,
             .duration_ms = 16,
             .has_wanted = true,
             .wanted = 20230330050530},
            "20230330050530_add_address applied in 16 ms (2 statements); current version is "
            "20230330050530",
            "{\"migration\":\"20230330050530_add_address\",\"version\":20230330050530,"
            "\"statements\":2,\"duration_ms\":16,\"current_version\":20230330050530}"},
        /* A late file: the version stays. */
        {{.kind = EVENT_MIGRATION_APPLIED,
             .migration = "2_b",
             .version = 2,
             .statements = 1,
             .duration_ms = 61000,
             .has_wanted = true,
             .wanted = 3},
            "2_b applied in 1 min 1 s (1 statement); current version is 3",
            "{\"migration\":\"2_b\",\"version\":2,\"statements\":1,\"duration_ms\":61000,"
            "\"current_version\":3}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
what_takes_long_says_how_far_it_is_and_who_is_in_the_way(UNUSED void **state)
{
    AUTO_JSON json_t *blockers = json_pack("[{s:i}]", "pid", 4711);
    const struct row table[] = {
        {{.kind = EVENT_STATEMENT_RUNNING,
             .migration = "2_b",
             .version = 2,
             .line = 3,
             .duration_ms = 61000,
             .text = "building index",
             .has_percent = true,
             .percent = 42},
            "2_b, line 3, runs for 1 min 1 s: building index, 42 %",
            "{\"migration\":\"2_b\",\"version\":2,\"line\":3,\"duration_ms\":61000,"
            "\"phase\":\"building index\",\"waiting\":0,\"percent\":42}"},
        {{.kind = EVENT_STATEMENT_RUNNING,
             .migration = "2_b",
             .version = 2,
             .duration_ms = 2000,
             .waiting = 2},
            "2_b runs for 2.0 s; 2 sessions wait behind us",
            "{\"migration\":\"2_b\",\"version\":2,\"duration_ms\":2000,\"waiting\":2}"},
        {{.kind = EVENT_MIGRATION_BLOCKED,
             .migration = "2_b",
             .version = 2,
             .line = 3,
             .duration_ms = 2000,
             .text = "ShareLock on t: pid 4711 (web, app)",
             .lock = "ShareLock on t",
             .blockers = blockers,
             .waiting = 1},
            "2_b, line 3, waits for 2.0 s for ShareLock on t: pid 4711 (web, app); 1 session waits "
            "behind us",
            "{\"migration\":\"2_b\",\"version\":2,\"line\":3,\"duration_ms\":2000,"
            "\"lock\":\"ShareLock on t\",\"blockers\":[{\"pid\":4711}],\"waiting\":1}"},
        {{.kind = EVENT_MIGRATION_BLOCKED,
             .migration = "2_b",
             .version = 2,
             .line = 3,
             .duration_ms = 7100,
             .text = "ShareLock on t: pid 4711 (web, app)",
             .lock = "ShareLock on t",
             .is_aside = true},
            "2_b, line 3, stands aside, after 7.1 s, until it can have ShareLock on t: pid 4711 "
            "(web, app)",
            "{\"migration\":\"2_b\",\"version\":2,\"line\":3,\"duration_ms\":7100,"
            "\"lock\":\"ShareLock on t\",\"waiting\":0}"},
    };

    check_rows(table, ARRAY_LENGTH(table));
}

static const struct error OWN_LOCK_ERROR = {
    .kind = ERROR_DATABASE, .message = "cannot move the version", .sqlstate = "55P03"};
static const struct error CONSTRAINT_LOCK_ERROR = {.kind = ERROR_DATABASE,
    .message = "a deferred constraint, checked at the end",
    .sqlstate = "55P03",
    .file = "2_b.up.sql"};

static void
a_retry_says_why_and_when(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_MIGRATION_RETRIED,
             .migration = "2_b",
             .version = 2,
             .error = &OWN_LOCK_ERROR,
             .duration_ms = 1300,
             .left_ms = 291000,
             .attempt = 2},
            "2_b: no lock on pgstride's own tables in time (55P03), rolled back so that the "
            "application goes on; "
            "try 2 in 1.3 s (4 min 51 s left)",
            "{\"migration\":\"2_b\",\"version\":2,\"wait_ms\":1300,\"try\":2,\"left_ms\":291000,"
            "\"error\":{\"message\":\"cannot move the version\",\"sqlstate\":\"55P03\"}}"},
        {{.kind = EVENT_MIGRATION_RETRIED,
             .migration = "2_b",
             .version = 2,
             .error = &CONSTRAINT_LOCK_ERROR,
             .duration_ms = 1300,
             .left_ms = 291000,
             .attempt = 2},
            "2_b: no lock in time (55P03), rolled back so that the application goes on; "
            "try 2 in 1.3 s (4 min 51 s left)",
            "{\"migration\":\"2_b\",\"version\":2,\"wait_ms\":1300,\"try\":2,\"left_ms\":291000,"
            "\"error\":{\"message\":\"a deferred constraint, checked at the "
            "end\",\"sqlstate\":\"55P03\",\"file\":\"2_b.up.sql\"}}"},
        {{.kind = EVENT_MIGRATION_RETRIED,
             .migration = "2_b",
             .version = 2,
             .error = &LOCK_ERROR,
             .duration_ms = 1300,
             .left_ms = 291000,
             .attempt = 2},
            "2_b: no lock in time at line 3 (55P03), rolled back so that the application goes on; "
            "try 2 in 1.3 s (4 min 51 s left)",
            "{\"migration\":\"2_b\",\"version\":2,\"wait_ms\":1300,\"try\":2,\"left_ms\":291000,"
            "\"error\":{\"message\":\"canceling statement due to lock timeout\","
            "\"sqlstate\":\"55P03\",\"file\":\"2_b.up.sql\",\"line\":3,\"column\":1,"
            "\"source\":\"ALTER TABLE t\",\"statement\":2}}"},
        {{.kind = EVENT_MIGRATION_RETRIED,
             .migration = "2_b",
             .version = 2,
             .error = &LOCK_ERROR,
             .duration_ms = 1300,
             .left_ms = 291000,
             .attempt = 2,
             .is_aside = true},
            "2_b: no lock in time at line 3 (55P03), rolled back so that the application goes on; "
            "try 2 when the way is free (4 min 51 s left)",
            "{\"migration\":\"2_b\",\"version\":2,\"try\":2,\"left_ms\":291000,"
            "\"error\":{\"message\":\"canceling statement due to lock timeout\","
            "\"sqlstate\":\"55P03\",\"file\":\"2_b.up.sql\",\"line\":3,\"column\":1,"
            "\"source\":\"ALTER TABLE t\",\"statement\":2}}"},
        {{.kind = EVENT_MIGRATION_RETRIED,
             .migration = "2_b",
             .version = 2,
             .error = &DEADLOCK_ERROR,
             .duration_ms = 50,
             .left_ms = 999,
             .attempt = 3},
            "2_b: a deadlock (40P01), rolled back so that the application goes on; try 3 in 50 ms "
            "(999 ms left)",
            "{\"migration\":\"2_b\",\"version\":2,\"wait_ms\":50,\"try\":3,\"left_ms\":999,"
            "\"error\":{\"message\":\"deadlock detected\",\"sqlstate\":\"40P01\"}}"},
        {{.kind = EVENT_MIGRATION_RETRIED,
             .migration = "2_b",
             .version = 2,
             .error = &SERIAL_ERROR,
             .duration_ms = 50,
             .left_ms = 1000,
             .attempt = 2},
            "2_b: could not serialize access (40001), rolled back so that the application goes on; "
            "try 2 in 50 ms (1.0 s left)",
            "{\"migration\":\"2_b\",\"version\":2,\"wait_ms\":50,\"try\":2,\"left_ms\":1000,"
            "\"error\":{\"message\":\"could not serialize access\",\"sqlstate\":\"40001\"}}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
a_failure_says_what_where_why_and_what_was_kept(UNUSED void **state)
{
    static const char COLUMN_FIELDS[] =
        "{\"migration\":\"20230401093000_orders\",\"version\":20230401093000,"
        "\"error\":{\"message\":\"column \\\"nope\\\" does not exist\",\"sqlstate\":\"42703\","
        "\"detail\":\"There is a detail.\","
        "\"hint\":\"Perhaps you meant to reference the column \\\"half.note\\\".\","
        "\"context\":\"SQL function \\\"f\\\" statement 1\","
        "\"file\":\"20230401093000_orders.up.sql\",\"line\":12,\"column\":3,"
        "\"source\":\"  nope FROM half;\",\"statement\":4}}";
    const struct row table[] = {
        {{.kind = EVENT_MIGRATION_FAILED,
             .migration = "20230401093000_orders",
             .version = 20230401093000,
             .error = &COLUMN_ERROR,
             .has_from = true,
             .from = 20230330050530},
            "20230401093000_orders.up.sql:12:3: column \"nope\" does not exist (42703)\n"
            "12 |   nope FROM half;\n"
            "   |   ^\n"
            "detail: There is a detail.\n"
            "hint: Perhaps you meant to reference the column \"half.note\".\n"
            "context: SQL function \"f\" statement 1\n"
            "Nothing of this migration was kept: the database is at 20230330050530, clean. Mend "
            "the file and run again.",
            COLUMN_FIELDS},
        {{.kind = EVENT_MIGRATION_FAILED,
             .migration = "20230401093000_orders",
             .version = 20230401093000,
             .error = &COLUMN_ERROR,
             .text = "It ran outside a transaction."},
            "20230401093000_orders.up.sql:12:3: column \"nope\" does not exist (42703)\n"
            "12 |   nope FROM half;\n"
            "   |   ^\n"
            "detail: There is a detail.\n"
            "hint: Perhaps you meant to reference the column \"half.note\".\n"
            "context: SQL function \"f\" statement 1\n"
            "It ran outside a transaction.",
            COLUMN_FIELDS},
        /* A retry can help: the file is not to blame. */
        {{.kind = EVENT_MIGRATION_FAILED, .migration = "2_b", .version = 2, .error = &LOCK_ERROR},
            "2_b.up.sql:3:1: canceling statement due to lock timeout (55P03)\n"
            "3 | ALTER TABLE t\n"
            "Nothing of this migration was kept: the database is at no version, clean.",
            "{\"migration\":\"2_b\",\"version\":2,\"error\":{"
            "\"message\":\"canceling statement due to lock timeout\",\"sqlstate\":\"55P03\","
            "\"file\":\"2_b.up.sql\",\"line\":3,\"column\":1,\"source\":\"ALTER TABLE t\","
            "\"statement\":2}}"},
        {{.kind = EVENT_MIGRATION_FAILED,
             .migration = "2_b",
             .version = 2,
             .error = &LOST_ERROR,
             .is_unknown = true,
             .has_from = true,
             .from = 1},
            "2_b.up.sql: the connection was lost\n"
            "Its transaction either committed whole or left nothing; the next run finds out "
            "which.",
            "{\"migration\":\"2_b\",\"version\":2,\"error\":{"
            "\"message\":\"the connection was lost\",\"file\":\"2_b.up.sql\"}}"},
        /* No file is named in the error: the migration is. */
        {{.kind = EVENT_MIGRATION_FAILED,
             .migration = "2_b",
             .version = 2,
             .error = &TIMEOUT_ERROR,
             .has_from = true,
             .from = 1},
            "2_b: took too long\n"
            "Nothing of this migration was kept: the database is at 1, clean.",
            "{\"migration\":\"2_b\",\"version\":2,\"error\":{\"message\":\"took too long\"}}"},
    };

    check_rows(table, ARRAY_LENGTH(table));
}

static void
the_servers_notices_are_passed_on(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_NOTICE,
             .severity = "NOTICE",
             .sqlstate = "42P07",
             .text = "relation \"t\" already exists, skipping"},
            "NOTICE: relation \"t\" already exists, skipping",
            "{\"sqlstate\":\"42P07\",\"server_severity\":\"NOTICE\"}"},
        {{.kind = EVENT_NOTICE,
             .severity = "WARNING",
             .sqlstate = "01000",
             .text = "one",
             .migration = "2_b",
             .detail = "two",
             .hint = "three",
             .context = "four"},
            "2_b: WARNING: one\ndetail: two\nhint: three\ncontext: four",
            "{\"migration\":\"2_b\",\"sqlstate\":\"01000\",\"server_severity\":\"WARNING\"}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
what_was_worded_before_is_said_as_it_is(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {{.kind = EVENT_WARNING, .text = "beware"}, "beware", "{}"},
        {{.kind = EVENT_DETAIL, .text = "by the way"}, "by the way", "{}"},
        {{.kind = EVENT_RUN_FINISHED, .text = "done"}, "done", "{}"},
        {{.kind = EVENT_SCHEMA_DROPPED, .text = "dropped 2 tables"}, "dropped 2 tables", "{}"},
    };

    check_rows(TABLE, ARRAY_LENGTH(TABLE));
}

static void
an_event_has_a_name_and_a_severity(UNUSED void **state)
{
    static const struct {
        struct event event;
        const char *name;
        enum log_severity severity;
    } TABLE[] = {
        {{.kind = EVENT_RUN_STARTED}, "run.started", LOG_INFO},
        {{.kind = EVENT_DATABASE_WAITING}, "database.waiting", LOG_WARNING},
        {{.kind = EVENT_DATABASE_CONNECTED}, "database.connected", LOG_DEBUG},
        {{.kind = EVENT_VERSION_SET}, "version.set", LOG_INFO},
        {{.kind = EVENT_SCHEMA_DROPPED}, "schema.dropped", LOG_INFO},
        {{.kind = EVENT_LOCK_WAITING}, "lock.waiting", LOG_WARNING},
        {{.kind = EVENT_MIGRATION_STARTED}, "migration.started", LOG_DEBUG},
        {{.kind = EVENT_MIGRATION_RETRIED}, "migration.retried", LOG_WARNING},
        {{.kind = EVENT_MIGRATION_BLOCKED}, "migration.blocked", LOG_WARNING},
        {{.kind = EVENT_STATEMENT_RUNNING}, "statement.running", LOG_INFO},
        {{.kind = EVENT_STATEMENT_RUNNING, .waiting = 1}, "statement.running", LOG_WARNING},
        {{.kind = EVENT_MIGRATION_APPLIED}, "migration.applied", LOG_INFO},
        {{.kind = EVENT_MIGRATION_FAILED}, "migration.failed", LOG_ERROR},
        {{.kind = EVENT_NOTICE, .severity = "NOTICE"}, "notice", LOG_INFO},
        {{.kind = EVENT_NOTICE, .severity = "INFO"}, "notice", LOG_INFO},
        {{.kind = EVENT_NOTICE, .severity = "WARNING"}, "notice", LOG_WARNING},
        {{.kind = EVENT_WARNING}, "warning", LOG_WARNING},
        {{.kind = EVENT_DETAIL}, "detail", LOG_DEBUG},
        {{.kind = EVENT_RUN_FINISHED}, "run.finished", LOG_INFO},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        assert_string_equal(wording_name(TABLE[i].event.kind), TABLE[i].name);
        assert_int_equal(wording_severity(&TABLE[i].event), TABLE[i].severity);
    }
}

static void
a_duration_is_said_in_the_unit_that_fits(UNUSED void **state)
{
    static const struct {
        int64_t duration_ms;
        const char *text;
    } TABLE[] = {
        {0, "0 ms"},
        {16, "16 ms"},
        {999, "999 ms"},
        {1000, "1.0 s"},
        {6949, "6.9 s"},
        {59999, "59.9 s"},
        {60000, "1 min 0 s"},
        {291000, "4 min 51 s"},
        {7322000, "122 min 2 s"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_TEXT text = TEXT_INIT;

        wording_duration(TABLE[i].duration_ms, &text);
        assert_string_equal(text_string(&text), TABLE[i].text);
    }
}

static void
an_error_shows_its_place_as_far_as_it_is_known(UNUSED void **state)
{
    static const struct {
        struct error err;
        const char *text;
    } TABLE[] = {
        {{.message = "no"}, "no"},
        {{.message = "no", .sqlstate = "42703"}, "no (42703)"},
        {{.message = "no", .file = "1_a.up.sql"}, "1_a.up.sql: no"},
        {{.message = "no", .file = "atlas.sum", .line = 3}, "atlas.sum:3: no"},
        {{.message = "no", .file = "1_a.up.sql", .line = 4, .column = 2, .source = "a b"},
            "1_a.up.sql:4:2: no\n4 | a b"},
        {{.message = "no",
             .file = "1_a.up.sql",
             .line = 1000,
             .column = 1,
             .source = "a",
             .caret = 1},
            "1_a.up.sql:1000:1: no\n1000 | a\n     | ^"},
        {{.message = "no", .hint = "try this"}, "no\nhint: try this"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_TEXT text = TEXT_INIT;

        wording_error(&TABLE[i].err, &text);
        assert_string_equal(text_string(&text), TABLE[i].text);
    }
}

static void
check_summary(const struct report *report, const char *message, const char *fields)
{
    AUTO_TEXT text = TEXT_INIT;
    AUTO_JSON json_t *json = wording_summary_fields(report);
    AUTO_STRING char *dump = json_to_string(json);

    wording_summary(report, &text);
    assert_string_equal(text_string(&text), message);
    assert_string_equal(dump, fields);
}

static void
a_success_is_summed_up(UNUSED void **state)
{
    char first[] = "1_a";
    char second[] = "2_b";
    char database[] = "company";
    char host[] = "db";
    struct report_step steps[] = {
        {.name = first, .version = 1, .duration_ms = 5, .statements = 1},
        {.name = second, .version = 2, .duration_ms = 7, .statements = 2},
    };
    struct report report = {.is_started = true,
        .database = database,
        .host = host,
        .has_to = true,
        .to = 2,
        .has_wanted = true,
        .wanted = 2,
        .planned = 2,
        .steps = steps,
        .count = 2,
        .duration_ms = 107};

    check_summary(&report, "succeeded! 2 migrations applied in 107 ms; none -> 2",
        "{\"success\":true,\"database\":\"company\",\"host\":\"db\",\"from\":null,\"to\":2,"
        "\"wanted\":2,\"applied_count\":2,\"applied\":["
        "{\"version\":1,\"name\":\"1_a\",\"duration_ms\":5},"
        "{\"version\":2,\"name\":\"2_b\",\"duration_ms\":7}],"
        "\"duration_ms\":107,\"retryable\":false}");

    report.count = 1;
    report.has_from = true;
    report.from = 0;
    report.to = 1;
    check_summary(&report, "succeeded! 1 migration applied in 107 ms; 0 -> 1",
        "{\"success\":true,\"database\":\"company\",\"host\":\"db\",\"from\":0,\"to\":1,"
        "\"wanted\":2,\"applied_count\":1,\"applied\":["
        "{\"version\":1,\"name\":\"1_a\",\"duration_ms\":5}],"
        "\"duration_ms\":107,\"retryable\":false}");

    report.count = 0;
    check_summary(&report, "succeeded! nothing to do; current version is 1",
        "{\"success\":true,\"database\":\"company\",\"host\":\"db\",\"from\":0,\"to\":1,"
        "\"wanted\":2,\"applied_count\":0,\"applied\":[],"
        "\"duration_ms\":107,\"retryable\":false}");
}

static void
a_run_down_is_summed_up(UNUSED void **state)
{
    char name[] = "2_b";
    struct report_step step = {.name = name, .version = 2, .duration_ms = 5};
    struct report report = {.is_started = true,
        .is_down = true,
        .has_from = true,
        .from = 2,
        .planned = 2,
        .steps = &step,
        .count = 1,
        .duration_ms = 107};

    check_summary(&report, "succeeded! 1 migration reverted in 107 ms; 2 -> none",
        "{\"success\":true,\"from\":2,\"to\":null,\"wanted\":null,\"reverted_count\":1,"
        "\"reverted\":[{\"version\":2,\"name\":\"2_b\",\"duration_ms\":5}],"
        "\"duration_ms\":107,\"retryable\":false}");

    report.has_failed = true;
    report.has_to = true;
    report.to = 1;
    report.error = (struct error){.kind = ERROR_DATABASE, .sqlstate = "42703", .message = "no"};
    check_summary(&report,
        "failed: 1 of 2 reverted in 107 ms; 2 -> 1 (wanted none); a retry will not help",
        "{\"success\":false,\"from\":2,\"to\":1,\"wanted\":null,\"reverted_count\":1,"
        "\"reverted\":[{\"version\":2,\"name\":\"2_b\",\"duration_ms\":5}],"
        "\"duration_ms\":107,\"retryable\":false,"
        "\"error\":{\"message\":\"no\",\"sqlstate\":\"42703\"}}");

    struct report early = {
        .is_down = true, .has_failed = true, .error = {.kind = ERROR_TIMEOUT, .message = "late"}};
    check_summary(&early, "failed: nothing was reverted; a retry may help",
        "{\"success\":false,\"from\":null,\"to\":null,\"wanted\":null,\"reverted_count\":0,"
        "\"reverted\":[],\"duration_ms\":0,\"retryable\":true,"
        "\"error\":{\"message\":\"late\"}}");
}

static void
a_failure_is_summed_up(UNUSED void **state)
{
    char name[] = "1_a";
    struct report_step step = {.name = name, .version = 1, .duration_ms = 5};
    struct report report = {.is_started = true,
        .has_from = true,
        .from = 20230330013250,
        .has_to = true,
        .to = 20230330050530,
        .has_wanted = true,
        .wanted = 20230401093000,
        .planned = 2,
        .steps = &step,
        .count = 1,
        .duration_ms = 6900,
        .has_failed = true,
        .error = {.kind = ERROR_DATABASE, .sqlstate = "42703", .message = "no"}};

    check_summary(&report,
        "failed: 1 of 2 applied in 6.9 s; 20230330013250 -> 20230330050530 (wanted "
        "20230401093000); a retry will not help",
        "{\"success\":false,\"from\":20230330013250,\"to\":20230330050530,"
        "\"wanted\":20230401093000,\"applied_count\":1,\"applied\":["
        "{\"version\":1,\"name\":\"1_a\",\"duration_ms\":5}],\"duration_ms\":6900,"
        "\"retryable\":false,\"error\":{\"message\":\"no\",\"sqlstate\":\"42703\"}}");

    struct report early = {
        .duration_ms = 3, .has_failed = true, .error = {.kind = ERROR_TIMEOUT, .message = "late"}};
    check_summary(&early, "failed: nothing was applied; a retry may help",
        "{\"success\":false,\"from\":null,\"to\":null,\"wanted\":null,\"applied_count\":0,"
        "\"applied\":[],\"duration_ms\":3,\"retryable\":true,\"error\":{\"message\":\"late\"}}");
}

static void
a_long_summary_stays_within_a_line(UNUSED void **state)
{
    enum { MANY = 5000, LINE_BYTES = 64 * 1024, NAME_BYTES = 240 };
    struct report report = {.count = MANY, .steps = calloc(MANY, sizeof(struct report_step))};
    char name[NAME_BYTES + 1];

    memset(name, 'n', NAME_BYTES);
    name[NAME_BYTES] = '\0';
    for (size_t i = 0; i < MANY; i++) {
        report.steps[i].name = name;
        report.steps[i].version = INT64_MAX;
        report.steps[i].duration_ms = INT64_MAX;
    }
    AUTO_JSON json_t *fields = wording_summary_fields(&report);
    AUTO_STRING char *dump = json_to_string(fields);
    assert_true(strlen(dump) < LINE_BYTES);
    assert_int_equal(json_integer_value(json_object_get(fields, "applied_count")), MANY);
    free(report.steps);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_says_what_is_pending),
        cmocka_unit_test(a_run_down_says_what_it_reverts),
        cmocka_unit_test(a_version_that_was_set_says_from_where_to_where),
        cmocka_unit_test(waiting_says_for_what_and_how_long),
        cmocka_unit_test(a_migration_says_how_it_goes),
        cmocka_unit_test(what_takes_long_says_how_far_it_is_and_who_is_in_the_way),
        cmocka_unit_test(a_retry_says_why_and_when),
        cmocka_unit_test(a_failure_says_what_where_why_and_what_was_kept),
        cmocka_unit_test(the_servers_notices_are_passed_on),
        cmocka_unit_test(what_was_worded_before_is_said_as_it_is),
        cmocka_unit_test(an_event_has_a_name_and_a_severity),
        cmocka_unit_test(a_duration_is_said_in_the_unit_that_fits),
        cmocka_unit_test(an_error_shows_its_place_as_far_as_it_is_known),
        cmocka_unit_test(a_success_is_summed_up),
        cmocka_unit_test(a_run_down_is_summed_up),
        cmocka_unit_test(a_failure_is_summed_up),
        cmocka_unit_test(a_long_summary_stays_within_a_line),
    };

    return RUN_TESTS(tests);
}
