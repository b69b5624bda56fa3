/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#include "unit.h"

enum { NONE = -1, SHAPE_MAX = 16 };

/* An attempt outside a transaction that did not end well. */
struct attempt {
    int64_t id;
    const char *checksum;
    size_t done;
    size_t total;
    bool is_down;
};

/*
 * A folder: versions, `-` before one that has a down file alone, `!` before one
 * that has none. What was applied: versions, `!` before one that was edited
 * since, `?` before one whose checksum is not known, `-` before one that is not
 * applied (any more), `*` before one that is. The attempt is of the last two.
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
    if (strchr("-!?*", *at) != NULL)
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
        if (mark != '!')
            migration->down.name = memory_printf("%s.down.sql", migration->name);
        if (mark != '-')
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

    history->has_version = row->version != NONE || row->is_dirty;
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
        if (row->attempt.id == 0 || (mark != '-' && mark != '*'))
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

static void
add_version(struct text *text, bool has_version, int64_t version)
{
    if (has_version)
        text_printf(text, "%" PRId64, version);
    else
        text_puts(text, "none");
}

static void
describe_step(const struct step *step, struct text *text)
{
    text_printf(text, "%s from ", step->migration->name);
    add_version(text, step->has_from, step->from);
    if (step->is_down) {
        text_puts(text, " down to ");
        add_version(text, step->has_to, step->to);
    }
    if (step->is_late)
        text_puts(text, " late");
    if (step->is_resumed)
        text_printf(text, " resumed, attempt %" PRId64 " after %zu of %s", step->attempt_id,
            step->statements_done,
            step->checksum_done != NULL ? step->checksum_done : "no checksum");
}

/* "1_m from none, 2_m from 1; to 2; 3 pending"; "2_m from 2 down to 1; to 1; 2 applied". */
static char *
describe(const struct plan *plan)
{
    AUTO_TEXT text = TEXT_INIT;

    for (size_t i = 0; i < plan->count; i++) {
        text_puts(&text, i > 0 ? ", " : "");
        describe_step(&plan->steps[i], &text);
    }
    text_puts(&text, plan->count > 0 ? "; " : "");
    text_puts(&text, "to ");
    add_version(&text, plan->has_wanted, plan->wanted);
    text_printf(&text, "; %zu %s", plan->pending, plan->is_down ? "applied" : "pending");
    if (plan->missing > 0)
        text_printf(&text, ", %zu too few", plan->missing);
    return text_take(&text);
}

/* Each begins where the one before it ended, and goes the plan's way. */
static void
check_step(const struct plan *plan, size_t index)
{
    const struct step *step = &plan->steps[index];

    assert_int_equal(step->is_down, plan->is_down);
    if (!step->is_down) {
        assert_true(step->has_to);
        assert_int_equal(step->to, step->is_late ? step->from : step->migration->version);
    }
    if (index == 0)
        return;
    assert_int_equal(step->has_from, plan->steps[index - 1].has_to);
    if (step->has_from)
        assert_int_equal(step->from, plan->steps[index - 1].to);
}

static void
check_accepted(const struct row *row, const struct plan *plan, const struct error *err)
{
    AUTO_STRING char *described = describe(plan);

    assert_string_equal(described, row->plan);
    assert_int_equal(err->kind, ERROR_NONE);
    for (size_t i = 0; i < plan->count; i++)
        check_step(plan, i);
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
            .applied = "1 *2",
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

#define DOWN .goal = PLAN_DOWN
#define GOTO(number) .goal = PLAN_GOTO, .version = (number)

static void
applied_migrations_are_reverted_newest_first_and_no_more_than_asked_for(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN},
            .plan = "3_m from 3 down to 2, 2_m from 2 down to 1, 1_m from 1 down to none; "
                    "to none; 3 applied"},
        {.folder = "1 2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN, .limit = 1},
            .plan = "3_m from 3 down to 2; to 2; 3 applied"},
        {.folder = "1 2 3",
            .applied = "1 2",
            .version = 2,
            .policy = {DOWN, .limit = 2},
            .plan = "2_m from 2 down to 1, 1_m from 1 down to none; to none; 2 applied"},
        {.folder = "1 2 3",
            .applied = "1 2",
            .version = 2,
            .policy = {DOWN, .limit = 5},
            .plan = "2_m from 2 down to 1, 1_m from 1 down to none; to none; 2 applied, 3 too few"},
        {.folder = "1 2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN, .has_last = true, .last = 1},
            .plan = "3_m from 3 down to 2, 2_m from 2 down to 1; to 1; 3 applied"},
        {.folder = "1 2",
            .applied = "1 2",
            .version = 2,
            .policy = {DOWN, .has_last = true, .last = 2},
            .plan = "to 2; 2 applied"},
        {.folder = "0 1",
            .applied = "0 1",
            .version = 1,
            .policy = {DOWN, .has_last = true, .last = NONE},
            .plan = "1_m from 1 down to 0, 0_m from 0 down to none; to none; 2 applied"},
        {.folder = "0 9223372036854775807",
            .applied = "0 9223372036854775807",
            .version = INT64_MAX,
            .policy = {DOWN, .limit = 1},
            .plan = "9223372036854775807_m from 9223372036854775807 down to 0; to 0; 2 applied"},
        {.folder = "1 2",
            .applied = "",
            .version = NONE,
            .policy = {DOWN},
            .plan = "to none; 0 applied"},
        {.folder = "1 2",
            .applied = "-1 -2",
            .version = NONE,
            .policy = {DOWN, .limit = 1},
            .plan = "to none; 0 applied, 1 too few"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
what_was_never_applied_is_stepped_over_on_the_way_down(UNUSED void **state)
{
    static const struct row TABLE[] = {
        /* 3 was never applied, or is reverted; 2 came late. */
        {.folder = "1 2 3 4",
            .applied = "1 2 4",
            .version = 4,
            .policy = {DOWN, .limit = 2},
            .plan = "4_m from 4 down to 2, 2_m from 2 down to 1; to 1; 3 applied"},
        {.folder = "1 2 3 4",
            .applied = "1 -2 -3 4",
            .version = 4,
            .policy = {DOWN},
            .plan = "4_m from 4 down to 1, 1_m from 1 down to none; to none; 2 applied"},
        /* An edited up file is no reason to stay. */
        {.folder = "1 2",
            .applied = "1 !2",
            .version = 2,
            .policy = {DOWN, .limit = 1},
            .plan = "2_m from 2 down to 1; to 1; 2 applied"},
        /* Its up file is gone, and is not needed. */
        {.folder = "1 -2",
            .applied = "1 2",
            .version = 2,
            .policy = {DOWN, .limit = 1},
            .plan = "2_m from 2 down to 1; to 1; 2 applied"},
        /* Old files may be cleared away, as long as one stays above them. */
        {.folder = "2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN, .limit = 2},
            .plan = "3_m from 3 down to 2, 2_m from 2 down to 1; to 1; 3 applied"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
what_has_no_down_file_is_not_reverted(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 !2",
            .applied = "1 2",
            .version = 2,
            .policy = {DOWN, .limit = 1},
            .message = "2_m has no down file: it cannot be reverted",
            .hint = "Add 2_m.down.sql; an empty one where there is nothing to revert."},
        /* Found before the first is reverted; beyond the limit it is not looked for. */
        {.folder = "1 !2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN},
            .message = "2_m has no down file: it cannot be reverted",
            .hint = "Add 2_m.down.sql; an empty one where there is nothing to revert."},
        {.folder = "1 !2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN, .limit = 1},
            .plan = "3_m from 3 down to 2; to 2; 3 applied"},
        {.folder = "1 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN, .limit = 2},
            .message = "2_m is applied, but its files are not in the folder: it cannot be reverted",
            .hint = "Put them back, or use the image that has them."},
        {.folder = "1 2",
            .applied = "1 2 3",
            .version = 3,
            .policy = {DOWN, .limit = 1},
            .message = "3_m is applied, but its files are not in the folder: it cannot be reverted",
            .hint = "Put them back, or use the image that has them."},
        {.folder = "1 2",
            .applied = "1 2",
            .version = 7,
            .policy = {DOWN, .limit = 1},
            .message =
                "the database is at version 7, of which neither the folder nor the history knows",
            .hint = "Use the image that has its files; or set the version by hand with pgstride "
                    "force."},
        {.folder = "1 2",
            .applied = "1 -2",
            .version = 2,
            .policy = {DOWN, .limit = 1},
            .message =
                "the database is at version 2, of which neither the folder nor the history knows",
            .hint = "Use the image that has its files; or set the version by hand with pgstride "
                    "force."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
goto_goes_up_or_down_or_stays(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "",
            .version = NONE,
            .policy = {GOTO(2)},
            .plan = "1_m from none, 2_m from 1; to 2; 3 pending"},
        {.folder = "1 2 3",
            .applied = "1",
            .version = 1,
            .policy = {GOTO(3)},
            .plan = "2_m from 1, 3_m from 2; to 3; 2 pending"},
        {.folder = "1 2 3",
            .applied = "1 2",
            .version = 2,
            .policy = {GOTO(2)},
            .plan = "to 2; 1 pending"},
        {.folder = "1 2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {GOTO(1)},
            .plan = "3_m from 3 down to 2, 2_m from 2 down to 1; to 1; 3 applied"},
        /* A gap above the goal, and below it. */
        {.folder = "1 2 3 4",
            .applied = "1 2 4",
            .version = 4,
            .policy = {GOTO(2)},
            .plan = "4_m from 4 down to 2; to 2; 3 applied"},
        {.folder = "1 2 3 4",
            .applied = "1 3 4",
            .version = 4,
            .policy = {GOTO(3)},
            .plan = "4_m from 4 down to 3; to 3; 3 applied"},
        /* Up, the rules of up hold; down, an edited file is no matter. */
        {.folder = "1 2 3 4",
            .applied = "1 3",
            .version = 3,
            .policy = {GOTO(4), .out_of_order = OUT_OF_ORDER_APPLY},
            .plan = "2_m from 3 late, 4_m from 3; to 4; 2 pending"},
        {.folder = "1 2 3",
            .applied = "!1 2",
            .version = 2,
            .policy = {GOTO(1)},
            .plan = "2_m from 2 down to 1; to 1; 2 applied"},
        {.folder = "1 2 3",
            .applied = "!1 2",
            .version = 2,
            .policy = {GOTO(3)},
            .message = "edited after it was applied: 1_m.up.sql",
            .hint = "Put the file back and make the change in a new migration; or accept the edit "
                    "with --drift warn."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
goto_refuses_a_goal_that_cannot_be_reached(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {GOTO(2)},
            .message = "version 2 is not in the folder",
            .hint = "pgstride status lists the versions that are."},
        {.folder = "1 2",
            .applied = "1",
            .version = 1,
            .policy = {GOTO(9)},
            .message = "version 9 is not in the folder",
            .hint = "pgstride status lists the versions that are."},
        {.folder = "1 2 3",
            .applied = "1 3",
            .version = 3,
            .policy = {GOTO(2)},
            .message = "version 2 was never applied, so one cannot go back to it",
            .hint = "The applied version before it is 1."},
        {.folder = "1 2",
            .applied = "2",
            .version = 2,
            .policy = {GOTO(1)},
            .message = "version 1 was never applied, so one cannot go back to it",
            .hint = ""},
        {.folder = "1 !2 3",
            .applied = "1 2 3",
            .version = 3,
            .policy = {GOTO(1)},
            .message = "2_m has no down file: it cannot be reverted",
            .hint = "Add 2_m.down.sql; an empty one where there is nothing to revert."},
        {.folder = "1 2",
            .applied = "1 2 3",
            .version = 3,
            .policy = {GOTO(2)},
            .message = "3_m is applied, but its files are not in the folder: it cannot be reverted",
            .hint = "Put them back, or use the image that has them."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

/* An up file that stopped after two statements of three, and a down file that did. */
#define ATTEMPT_UP .attempt = {.id = 7, .checksum = "first two", .done = 2, .total = 3}
#define ATTEMPT_DOWN                                                                               \
    .attempt = {.id = 7, .checksum = "first two", .done = 2, .total = 3, .is_down = true}
#define GO_ON_UP                                                                                   \
    "Go on in that direction first: pgstride up 1. Or bring the schema where you want it by "      \
    "hand and set the version: pgstride force 3 (with it) or force 2 (without)."
#define GO_ON_DOWN                                                                                 \
    "Go on in that direction first: pgstride down 1. Or bring the schema where you want it by "    \
    "hand and set the version: pgstride force 3 (with it) or force 2 (without)."
#define PUT_BACK(file)                                                                             \
    "Put " file " back into the folder and run again. Or bring the schema where you want it by "   \
    "hand and set the version: pgstride force 3 (with it) or force 2 (without)."
#define STOPPED_UP "3_m stopped on its way up, outside a transaction, with 2 of 3 statements done"
#define STOPPED_DOWN                                                                               \
    "3_m stopped on its way down, outside a transaction, with 2 of 3 statements done"

static void
a_half_applied_migration_is_first_brought_to_its_end(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3 4",
            .applied = "1 2 -3",
            .version = 3,
            .is_dirty = true,
            ATTEMPT_UP,
            .policy = {GOTO(3)},
            .plan = "3_m from 3 resumed, attempt 7 after 2 of first two; to 3; 2 pending"},
        {.folder = "1 2 3 4",
            .applied = "1 2 -3",
            .version = 3,
            .is_dirty = true,
            ATTEMPT_UP,
            .policy = {GOTO(4)},
            .plan =
                "3_m from 3 resumed, attempt 7 after 2 of first two, 4_m from 3; to 4; 2 pending"},
        {.folder = "1 2 3 4",
            .applied = "1 2 -3",
            .version = 3,
            .is_dirty = true,
            ATTEMPT_UP,
            .policy = {GOTO(2)},
            .message = STOPPED_UP,
            .hint = GO_ON_UP},
        {.folder = "1 2 3 4",
            .applied = "1 2 -3",
            .version = 3,
            .is_dirty = true,
            ATTEMPT_UP,
            .policy = {DOWN, .limit = 1},
            .message = STOPPED_UP,
            .hint = GO_ON_UP},
        {.folder = "1 2",
            .applied = "1 2 -3",
            .version = 3,
            .is_dirty = true,
            ATTEMPT_UP,
            .message = STOPPED_UP,
            .hint = PUT_BACK("3_m.up.sql")},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
a_half_reverted_migration_is_first_brought_to_its_end(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {DOWN, .limit = 1},
            .plan =
                "3_m from 3 down to 2 resumed, attempt 7 after 2 of first two; to 2; 3 applied"},
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {DOWN, .limit = 5},
            .plan = "3_m from 3 down to 2 resumed, attempt 7 after 2 of first two, 2_m from 2 down "
                    "to 1, 1_m from 1 down to none; to none; 3 applied, 2 too few"},
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {GOTO(2)},
            .plan =
                "3_m from 3 down to 2 resumed, attempt 7 after 2 of first two; to 2; 3 applied"},
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {GOTO(1)},
            .plan = "3_m from 3 down to 2 resumed, attempt 7 after 2 of first two, 2_m from 2 down "
                    "to 1; to 1; 3 applied"},
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .message = STOPPED_DOWN,
            .hint = GO_ON_DOWN},
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {GOTO(3)},
            .message = STOPPED_DOWN,
            .hint = GO_ON_DOWN},
        /* Its first statement failed: nothing of it ran. */
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = NOTHING, .total = 3, .is_down = true},
            .policy = {DOWN, .limit = 1},
            .plan =
                "3_m from 3 down to 2 resumed, attempt 7 after 0 of " NOTHING "; to 2; 3 applied"},
        /* The first one of all: there is no version to go back to. */
        {.folder = "1",
            .applied = "*1",
            .version = NONE,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {DOWN, .limit = 1},
            .plan = "1_m from 1 down to none resumed, attempt 7 after 2 of first two; to none; 1 "
                    "applied"},
        {.folder = "1",
            .applied = "*1",
            .version = NONE,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .message =
                "1_m stopped on its way down, outside a transaction, with 2 of 3 statements done",
            .hint = "Go on in that direction first: pgstride down 1. Or bring the schema where you "
                    "want it by hand and set the version: pgstride force 1 (with it) or force -1 "
                    "(without)."},
        {.folder = "1",
            .applied = "*1",
            .version = NONE,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {GOTO(1)},
            .message =
                "1_m stopped on its way down, outside a transaction, with 2 of 3 statements done",
            .hint = "Go on in that direction first: pgstride down 1. Or bring the schema where you "
                    "want it by hand and set the version: pgstride force 1 (with it) or force -1 "
                    "(without)."},
        /* Its own down file is gone, or its whole version. */
        {.folder = "1 2 !3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {DOWN, .limit = 1},
            .message = STOPPED_DOWN,
            .hint = PUT_BACK("3_m.down.sql")},
        {.folder = "1 2",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {DOWN, .limit = 1},
            .message = STOPPED_DOWN,
            .hint = PUT_BACK("3_m.down.sql")},
        /* What is pending below it is not where it comes from. */
        {.folder = "1 2 3",
            .applied = "1 *3",
            .version = 1,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .message = STOPPED_DOWN,
            .hint = "Go on in that direction first: pgstride down 1. Or bring the schema where you "
                    "want it by hand and set the version: pgstride force 3 (with it) or force 1 "
                    "(without)."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
what_another_tool_left_dirty_goes_no_way(UNUSED void **state)
{
    static const char MESSAGE[] = "the database is dirty at version 2: another tool began "
                                  "2_m.up.sql and did not finish it";
    static const char HINT[] = "Look at which of its statements took effect. If none did: "
                               "pgstride force 1; if all did: pgstride force 2; then run again.";
    static const struct row TABLE[] = {
        {.folder = "1 2 3",
            .applied = "1 2",
            .version = 2,
            .is_dirty = true,
            .policy = {DOWN, .limit = 1},
            .message = MESSAGE,
            .hint = HINT},
        {.folder = "1 2 3",
            .applied = "1 2",
            .version = 2,
            .is_dirty = true,
            .policy = {GOTO(1)},
            .message = MESSAGE,
            .hint = HINT},
        {.folder = "1 2 3",
            .applied = "1 2",
            .version = 2,
            .is_dirty = true,
            .policy = {GOTO(3)},
            .message = MESSAGE,
            .hint = HINT},
        /* One of ours that went down from there is not what left it there. */
        {.folder = "1 2 3",
            .applied = "1 *2",
            .version = 2,
            .is_dirty = true,
            ATTEMPT_DOWN,
            .policy = {DOWN, .limit = 1},
            .message = MESSAGE,
            .hint = HINT},
        /* A down file that failed in its transaction left nothing to go on with. */
        {.folder = "1 2 3",
            .applied = "1 2 *3",
            .version = 2,
            .is_dirty = true,
            .attempt = {.id = 7, .checksum = "sum 3", .total = 3, .is_down = true},
            .policy = {DOWN, .limit = 1},
            .message = MESSAGE,
            .hint = HINT},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check(&TABLE[i]);
}

static void
the_last_attempt_that_fits_is_the_one_that_left_it_dirty(UNUSED void **state)
{
    static const struct row ROW = {.folder = "1 2 3 4",
        .applied = "1 2 *3 *4",
        .version = 2,
        .is_dirty = true,
        .policy = {DOWN, .limit = 1},
        ATTEMPT_DOWN};
    AUTO_CATALOG struct catalog *catalog = make_catalog(ROW.folder);
    AUTO_HISTORY struct history *history = make_history(&ROW);
    AUTO_PLAN struct plan *plan = NULL;
    struct error err = ERROR_INIT;

    history->entries[3].attempt_id = 6; /* the newer one's version is 3 */
    assert_true(plan_build(catalog, history, &ROW.policy, &plan, &err));
    assert_int_equal(plan->steps[0].migration->version, 3);
    assert_int_equal(plan->steps[0].attempt_id, 7);
}

static void
the_file_of_a_step_is_that_of_its_direction(UNUSED void **state)
{
    struct migration migration = {.version = 1};
    struct step step = {.migration = &migration};

    assert_ptr_equal(step_file(&step), &migration.up);
    step.is_down = true;
    assert_ptr_equal(step_file(&step), &migration.down);
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
        cmocka_unit_test(applied_migrations_are_reverted_newest_first_and_no_more_than_asked_for),
        cmocka_unit_test(what_was_never_applied_is_stepped_over_on_the_way_down),
        cmocka_unit_test(what_has_no_down_file_is_not_reverted),
        cmocka_unit_test(goto_goes_up_or_down_or_stays),
        cmocka_unit_test(goto_refuses_a_goal_that_cannot_be_reached),
        cmocka_unit_test(a_half_applied_migration_is_first_brought_to_its_end),
        cmocka_unit_test(a_half_reverted_migration_is_first_brought_to_its_end),
        cmocka_unit_test(what_another_tool_left_dirty_goes_no_way),
        cmocka_unit_test(the_last_attempt_that_fits_is_the_one_that_left_it_dirty),
        cmocka_unit_test(the_file_of_a_step_is_that_of_its_direction),
        cmocka_unit_test(the_steps_point_into_the_catalog),
    };

    return RUN_TESTS(tests);
}
