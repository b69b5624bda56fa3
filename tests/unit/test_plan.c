/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#include "unit.h"

enum { NONE = -1, SHAPE_MAX = 16 };

/* An attempt outside a transaction that was begun at the database's version. */
struct attempt {
    int64_t id;
    const char *checksum;
    size_t done;
    size_t total;
    bool is_down;
};

/*
 * A folder: versions, `-` before one that has a down file alone. What was
 * applied: versions, `!` before one that was edited since, `?` before one
 * whose checksum is not known, `-` before one that was reverted.
 */
struct row {
    const char *folder;
    const char *applied;
    int64_t version;
    bool is_dirty;
    struct attempt attempt;
    struct plan_policy policy;
    const char *plan; /* NULL: refused */
    const char *warning;
    const char *message;
    const char *hint;
};

/* One word of a shape: its version and its mark. */
static const char *
next_word(const char *at, int64_t *version, char *mark)
{
    char *end = NULL;

    at += strspn(at, " ");
    if (*at == '\0')
        return NULL;
    *mark = '\0';
    if (strchr("-!?", *at) != NULL)
        *mark = *at++;
    *version = strtoll(at, &end, 10);
    assert_true(end > at);
    return end;
}

static char *
name_of(int64_t version)
{
    return memory_printf("%" PRId64 "_m", version);
}

static struct catalog *
make_catalog(const char *shape)
{
    struct catalog *catalog = memory_new(sizeof(*catalog));
    int64_t version = 0;
    char mark = '\0';

    while ((shape = next_word(shape, &version, &mark)) != NULL) {
        struct migration *migration =
            ARRAY_ADD(catalog->migrations, catalog->count, catalog->capacity);
        migration->version = version;
        migration->name = name_of(version);
        if (mark == '-')
            migration->down.name = memory_printf("%s.down.sql", migration->name);
        else
            migration->up.name = memory_printf("%s.up.sql", migration->name);
        snprintf(migration->up.checksum, sizeof(migration->up.checksum), "sum %" PRId64, version);
    }
    return catalog;
}

static struct history *
make_history(const struct row *row)
{
    struct history *history = memory_new(sizeof(*history));
    const char *shape = row->applied;
    int64_t version = 0;
    char mark = '\0';

    history->has_version = row->version != NONE;
    history->version = row->version;
    history->is_dirty = row->is_dirty;
    while ((shape = next_word(shape, &version, &mark)) != NULL) {
        struct history_entry *entry =
            ARRAY_ADD(history->entries, history->count, history->capacity);
        entry->version = version;
        entry->name = name_of(version);
        entry->is_applied = mark != '-';
        if (mark != '?')
            entry->checksum = memory_printf("%s %" PRId64, mark == '!' ? "edited" : "sum", version);
        if (row->attempt.id == 0 || (version != row->version && mark != '-'))
            continue;
        entry->attempt_id = row->attempt.id;
        entry->attempt_outcome = OUTCOME_FAILED;
        entry->is_attempt_up = !row->attempt.is_down;
        entry->attempt_checksum = memory_string(row->attempt.checksum);
        entry->attempt_done = row->attempt.done;
        entry->attempt_total = row->attempt.total;
    }
    return history;
}

/* "1_m from none, 2_m from 1; to 2; 3 pending". */
static char *
describe(const struct plan *plan)
{
    AUTO_TEXT text = TEXT_INIT;

    for (size_t i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];
        text_printf(&text, "%s%s from ", i > 0 ? ", " : "", step->migration->name);
        if (step->has_from)
            text_printf(&text, "%" PRId64, step->from);
        else
            text_puts(&text, "none");
        if (step->is_late)
            text_puts(&text, " late");
        if (step->is_resumed)
            text_printf(&text, " resumed, attempt %" PRId64 " after %zu of %s", step->attempt_id,
                step->statements_done,
                step->checksum_done != NULL ? step->checksum_done : "no checksum");
    }
    text_puts(&text, plan->count > 0 ? "; " : "");
    if (plan->has_wanted)
        text_printf(&text, "to %" PRId64, plan->wanted);
    else
        text_puts(&text, "to none");
    text_printf(&text, "; %zu pending", plan->pending);
    if (plan->missing > 0)
        text_printf(&text, ", %zu too few", plan->missing);
    return text_take(&text);
}

static void
check_accepted(const struct row *row, const struct plan *plan, const struct error *err)
{
    AUTO_STRING char *described = describe(plan);

    assert_string_equal(described, row->plan);
    assert_int_equal(err->kind, ERROR_NONE);
    assert_int_equal(plan->warnings_count, row->warning != NULL);
    if (row->warning != NULL)
        assert_string_equal(plan->warnings[0], row->warning);
}

static void
check(const struct row *row)
{
    AUTO_CATALOG struct catalog *catalog = make_catalog(row->folder);
    AUTO_HISTORY struct history *history = make_history(row);
    AUTO_PLAN struct plan *plan = NULL;
    struct error err = ERROR_INIT;
    bool is_good = plan_build(catalog, history, &row->policy, &plan, &err);

    if (is_good != (row->plan != NULL))
        fail_msg("folder %s, applied %s, at %" PRId64 ": %s", row->folder, row->applied,
            row->version, is_good ? "is not refused" : err.message);
    if (is_good) {
        check_accepted(row, plan, &err);
        return;
    }
    assert_null(plan);
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_string_equal(err.message, row->message);
    assert_string_equal(err.hint, row->hint);
}

static void
pending_migrations_come_oldest_first_and_no_more_than_asked_for(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "",
            .version = NONE,
            .plan = "1_m from none, 2_m from 1, 3_m from 2; to 3; 3 pending"},
        {.folder = "1 2 3",
            .applied = "1",
            .version = 1,
            .plan = "2_m from 1, 3_m from 2; to 3; 2 pending"},
        {.folder = "1 2 3", .applied = "1 2 3", .version = 3, .plan = "to 3; 0 pending"},
        {.folder = "0 9223372036854775807",
            .applied = "0",
            .version = 0,
            .plan = "9223372036854775807_m from 0; to 9223372036854775807; 1 pending"},
        {.folder = "1 2 3",
            .applied = "",
            .version = NONE,
            .policy = {.limit = 1},
            .plan = "1_m from none; to 1; 3 pending"},
        {.folder = "1 2 3",
            .applied = "1",
            .version = 1,
            .policy = {.limit = 2},
            .plan = "2_m from 1, 3_m from 2; to 3; 2 pending"},
        {.folder = "1 2 3",
            .applied = "1",
            .version = 1,
            .policy = {.limit = 5},
            .plan = "2_m from 1, 3_m from 2; to 3; 2 pending, 3 too few"},
        {.folder = "1 2 3",
            .applied = "",
            .version = NONE,
            .policy = {.has_last = true, .last = 2},
            .plan = "1_m from none, 2_m from 1; to 2; 3 pending"},
        {.folder = "1 2",
            .applied = "",
            .version = NONE,
            .policy = {.has_last = true, .last = 0},
            .plan = "to none; 2 pending"},
        /* Reverted: pending again. */
        {.folder = "1 2", .applied = "1 -2", .version = 1, .plan = "2_m from 1; to 2; 1 pending"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
a_late_file_is_refused_applied_or_skipped(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1 3",
            .version = 3,
            .message = "pending, but older than the database's version 3: 2_m.up.sql",
            .hint = "Give it a newer version; or apply it where it stands with "
                    "--out-of-order apply."},
        {.folder = "1 2 3 4",
            .applied = "3",
            .version = 3,
            .message = "pending, but older than the database's version 3: 1_m.up.sql, 2_m.up.sql",
            .hint = "Give them a newer version; or apply them where they stand with "
                    "--out-of-order apply."},
        {.folder = "1 2 3 4 5 6 7 8",
            .applied = "8",
            .version = 8,
            .message = "pending, but older than the database's version 8: 1_m.up.sql, 2_m.up.sql, "
                       "3_m.up.sql, 4_m.up.sql, 5_m.up.sql, …",
            .hint = "Give them a newer version; or apply them where they stand with "
                    "--out-of-order apply."},
        {.folder = "1 2 3 4",
            .applied = "1 3",
            .version = 3,
            .policy = {.out_of_order = OUT_OF_ORDER_APPLY},
            .plan = "2_m from 3 late, 4_m from 3; to 4; 2 pending"},
        {.folder = "1 2 3",
            .applied = "1 3",
            .version = 3,
            .policy = {.out_of_order = OUT_OF_ORDER_APPLY},
            .plan = "2_m from 3 late; to 3; 1 pending"},
        {.folder = "1 2 3 4",
            .applied = "1 3",
            .version = 3,
            .policy = {.out_of_order = OUT_OF_ORDER_APPLY, .limit = 1},
            .plan = "2_m from 3 late; to 3; 2 pending"},
        {.folder = "1 2 3 4",
            .applied = "1 3",
            .version = 3,
            .policy = {.out_of_order = OUT_OF_ORDER_SKIP},
            .plan = "4_m from 3; to 4; 1 pending",
            .warning = "skipped, since the database is past it, at 3: 2_m.up.sql"},
        {.folder = "1 2 3",
            .applied = "3",
            .version = 3,
            .policy = {.out_of_order = OUT_OF_ORDER_SKIP},
            .plan = "to 3; 0 pending",
            .warning = "skipped, since the database is past them, at 3: 1_m.up.sql, 2_m.up.sql"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
an_edited_file_is_refused_warned_of_or_ignored(UNUSED void **state)
{
    static const char HINT[] = "Put the file back and make the change in a new migration; or "
                               "accept the edit with --drift warn.";
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1 !2",
            .version = 2,
            .message = "edited after it was applied: 2_m.up.sql",
            .hint = HINT},
        {.folder = "1 2 3",
            .applied = "!1 !2",
            .version = 2,
            .message = "edited after they were applied: 1_m.up.sql, 2_m.up.sql",
            .hint = HINT},
        {.folder = "1 2 3",
            .applied = "1 !2",
            .version = 2,
            .policy = {.drift = DRIFT_WARN},
            .plan = "3_m from 2; to 3; 1 pending",
            .warning = "edited after it was applied: 2_m.up.sql"},
        {.folder = "1 2 3",
            .applied = "!1 !2",
            .version = 2,
            .policy = {.drift = DRIFT_WARN},
            .plan = "3_m from 2; to 3; 1 pending",
            .warning = "edited after they were applied: 1_m.up.sql, 2_m.up.sql"},
        {.folder = "1 2 3",
            .applied = "1 !2",
            .version = 2,
            .policy = {.drift = DRIFT_IGNORE},
            .plan = "3_m from 2; to 3; 1 pending"},
        /* No checksum is known, nothing but a down file is left, or it was reverted: no drift. */
        {.folder = "1 2", .applied = "?1", .version = 1, .plan = "2_m from 1; to 2; 1 pending"},
        {.folder = "-1 2", .applied = "1", .version = 1, .plan = "2_m from 1; to 2; 1 pending"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
drift_needs_two_checksums_that_differ(UNUSED void **state)
{
    char up[] = "1_m.up.sql";
    char same[] = "one";
    char other[] = "two";
    struct migration migration = {.version = 1, .up = {.name = up, .checksum = "one"}};
    struct history_entry entry = {.version = 1, .is_applied = true, .checksum = same};

    assert_false(plan_has_drifted(&migration, &entry));
    entry.checksum = other;
    assert_true(plan_has_drifted(&migration, &entry));
    entry.is_applied = false;
    assert_false(plan_has_drifted(&migration, &entry));
    entry.is_applied = true;
    entry.checksum = NULL;
    assert_false(plan_has_drifted(&migration, &entry));
    entry.checksum = other;
    migration.up.name = NULL;
    assert_false(plan_has_drifted(&migration, &entry));
}

static void
an_applied_file_that_vanished_is_refused_warned_of_or_ignored(UNUSED void **state)
{
    static const char HINT[] = "Is this an image of another branch? Put the file back, or accept "
                               "that it is gone with --drift warn.";
    static const struct row TABLE[] = {
        {.folder = "1 3 4",
            .applied = "1 2 3",
            .version = 3,
            .message = "applied, but not in the folder: 2_m",
            .hint = HINT},
        {.folder = "1 5",
            .applied = "1 2 3 4",
            .version = 4,
            .message = "applied, but not in the folder: 2_m, 3_m, 4_m",
            .hint = HINT},
        {.folder = "1 3 4",
            .applied = "1 2 3",
            .version = 3,
            .policy = {.drift = DRIFT_WARN},
            .plan = "4_m from 3; to 4; 1 pending",
            .warning = "applied, but not in the folder: 2_m"},
        {.folder = "1 3 4",
            .applied = "1 2 3",
            .version = 3,
            .policy = {.drift = DRIFT_IGNORE},
            .plan = "4_m from 3; to 4; 1 pending"},
        /* Old files may be cleared away, and what was reverted may go. */
        {.folder = "3 4", .applied = "1 2 3", .version = 3, .plan = "4_m from 3; to 4; 1 pending"},
        {.folder = "1 3", .applied = "1 -2 3", .version = 3, .plan = "to 3; 0 pending"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
a_database_ahead_of_the_folder_is_fine_or_refused(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2",
            .applied = "1 2 3",
            .version = 3,
            .policy = {.if_ahead = IF_AHEAD_OK},
            .plan = "to 3; 0 pending",
            .warning = "the database is at 3, ahead of the folder, whose newest is 2: nothing to "
                       "do for an older image"},
        {.folder = "1 2",
            .applied = "1 2 3",
            .version = 3,
            .policy = {.if_ahead = IF_AHEAD_FAIL},
            .message = "the database is at 3, ahead of the folder, whose newest is 2",
            .hint = "Deploy the newer image; or allow an older one with --if-ahead ok."},
        {.folder = "1 2",
            .applied = "1 2",
            .version = 2,
            .policy = {.if_ahead = IF_AHEAD_FAIL},
            .plan = "to 2; 0 pending"},
        /* Ahead, and a file is late all the same. */
        {.folder = "1 2",
            .applied = "1 3",
            .version = 3,
            .policy = {.if_ahead = IF_AHEAD_OK},
            .message = "pending, but older than the database's version 3: 2_m.up.sql",
            .hint = "Give it a newer version; or apply it where it stands with "
                    "--out-of-order apply."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
a_pending_version_with_a_down_file_alone_is_refused(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 -2 3",
            .applied = "1",
            .version = 1,
            .message = "version 2 has a down file alone, 2_m.down.sql",
            .hint = "Add 2_m.up.sql, or remove the down file."},
        {.folder = "1 -2 3", .applied = "1 2", .version = 2, .plan = "3_m from 2; to 3; 1 pending"},
        /* What golang-migrate went past long ago. */
        {.folder = "1 -2 3", .applied = "1 3", .version = 3, .plan = "to 3; 0 pending"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
what_another_tool_left_dirty_is_refused(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1",
            .version = 2,
            .is_dirty = true,
            .message = "the database is dirty at version 2: another tool began 2_m.up.sql and did "
                       "not finish it",
            .hint =
                "Look at which of its statements took effect. If none did: pgstride force 1; if "
                "all did: pgstride force 2; then run again."},
        {.folder = "1 2",
            .applied = "1 2",
            .version = 7,
            .is_dirty = true,
            .message = "the database is dirty at version 7: another tool began a file that is not "
                       "in the folder and did not finish it",
            .hint =
                "Look at which of its statements took effect. If none did: pgstride force 2; if "
                "all did: pgstride force 7; then run again."},
        /* An attempt of ours that went down is no start of an up file. */
        {.folder = "1 2",
            .applied = "1 2",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = "sum 2", .total = 3, .is_down = true},
            .message = "the database is dirty at version 2: another tool began 2_m.up.sql and did "
                       "not finish it",
            .hint =
                "Look at which of its statements took effect. If none did: pgstride force 1; if "
                "all did: pgstride force 2; then run again."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

/* SHA-256 of nothing: the part that ran of an attempt whose first statement failed. */
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LATE_RESUMED "2_m from 3 late resumed, attempt 7 after 2 of first two; to 3; 1 pending"

static void
an_attempt_of_our_own_is_resumed_where_it_stopped(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1 -2",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = "first two", .done = 2, .total = 3},
            .plan =
                "2_m from 2 resumed, attempt 7 after 2 of first two, 3_m from 2; to 3; 2 pending"},
        {.folder = "1 2 3",
            .applied = "1 -2",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = "first two", .done = 2, .total = 3},
            .policy = {.limit = 1},
            .plan = "2_m from 2 resumed, attempt 7 after 2 of first two; to 2; 2 pending"},
        {.folder = "1 2",
            .applied = "1 -2",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = "first two", .done = 2, .total = 3},
            .policy = {.limit = 2},
            .plan =
                "2_m from 2 resumed, attempt 7 after 2 of first two; to 2; 1 pending, 1 too few"},
        /* Whether what ran is still what the file begins with, the runner finds out. */
        {.folder = "1 2",
            .applied = "1 -2",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = NOTHING, .done = 0, .total = 3},
            .plan = "2_m from 2 resumed, attempt 7 after 0 of " NOTHING "; to 2; 1 pending"},
        /* A late one left the version alone, and goes on all the same. */
        {.folder = "1 2 3",
            .applied = "1 -2 3",
            .version = 3,
            .policy = {.out_of_order = OUT_OF_ORDER_APPLY},
            .attempt = {.id = 7, .checksum = "first two", .done = 2, .total = 3},
            .plan = LATE_RESUMED},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
the_steps_point_into_the_catalog(UNUSED void **state)
{
    static const struct row ROW = {.folder = "1 2", .applied = "1", .version = 1};
    AUTO_CATALOG struct catalog *catalog = make_catalog(ROW.folder);
    AUTO_HISTORY struct history *history = make_history(&ROW);
    AUTO_PLAN struct plan *plan = NULL;
    struct error err = ERROR_INIT;

    assert_true(plan_build(catalog, history, &ROW.policy, &plan, &err));
    assert_ptr_equal(plan->steps[0].migration, &catalog->migrations[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pending_migrations_come_oldest_first_and_no_more_than_asked_for),
        cmocka_unit_test(a_late_file_is_refused_applied_or_skipped),
        cmocka_unit_test(an_edited_file_is_refused_warned_of_or_ignored),
        cmocka_unit_test(drift_needs_two_checksums_that_differ),
        cmocka_unit_test(an_applied_file_that_vanished_is_refused_warned_of_or_ignored),
        cmocka_unit_test(a_database_ahead_of_the_folder_is_fine_or_refused),
        cmocka_unit_test(a_pending_version_with_a_down_file_alone_is_refused),
        cmocka_unit_test(what_another_tool_left_dirty_is_refused),
        cmocka_unit_test(an_attempt_of_our_own_is_resumed_where_it_stopped),
        cmocka_unit_test(the_steps_point_into_the_catalog),
    };

    return RUN_TESTS(tests);
}
