/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

#include "unit.h"

enum { NONE = -1 };

/* The words of "1 2 -3": versions, `-` before one that is not applied. */
static const char *
next_word(const char *at, int64_t *version, bool *is_minus)
{
    char *end = NULL;

    at += strspn(at, " ");
    if (*at == '\0')
        return NULL;
    *is_minus = *at == '-';
    *version = strtoll(at + *is_minus, &end, 10);
    return end;
}

static struct catalog *
make_catalog(const char *shape)
{
    struct catalog *catalog = memory_new(sizeof(*catalog));
    int64_t version = 0;
    bool is_minus = false;

    while ((shape = next_word(shape, &version, &is_minus)) != NULL) {
        struct migration *migration =
            ARRAY_ADD(catalog->migrations, catalog->count, catalog->capacity);
        migration->version = version;
        migration->name = memory_printf("%" PRId64 "_file", version);
    }
    return catalog;
}

static struct history *
make_history(const char *records, int64_t version, bool is_dirty)
{
    struct history *history = memory_new(sizeof(*history));
    int64_t recorded = 0;
    bool is_minus = false;

    history->has_version = version != NONE;
    history->version = version;
    history->is_dirty = is_dirty;
    while ((records = next_word(records, &recorded, &is_minus)) != NULL) {
        struct history_entry *entry =
            ARRAY_ADD(history->entries, history->count, history->capacity);
        entry->version = recorded;
        entry->name = memory_printf("%" PRId64 "_record", recorded);
        entry->checksum = memory_string("sum");
        entry->outcome = OUTCOME_APPLIED;
        entry->is_applied = !is_minus;
        entry->duration_ms = 5;
    }
    return history;
}

/* "1 2+ -3 -4+": `-` before what is not applied, `+` after what was inferred. */
static char *
describe(const struct history *history)
{
    AUTO_TEXT text = TEXT_INIT;

    for (size_t i = 0; i < history->count; i++) {
        const struct history_entry *entry = &history->entries[i];
        text_printf(&text, "%s%s%" PRId64 "%s", i > 0 ? " " : "", entry->is_applied ? "" : "-",
            entry->version, entry->is_inferred ? "+" : "");
    }
    return text_take(&text);
}

static void
what_another_tool_did_is_seen_from_its_version(UNUSED void **state)
{
    static const struct {
        const char *folder;
        const char *records;
        int64_t version;
        bool is_dirty;
        const char *expected;
    } TABLE[] = {
        /* A database that golang-migrate ran before: all at or below its version. */
        {"1 2 3", "", 2, false, "1+ 2+"},
        {"1 2 3", "", 3, false, "1+ 2+ 3+"},
        {"2 3", "", 1, false, ""},
        {"1 2", "", 9, false, "1+ 2+"},
        {"1 2", "", NONE, false, ""},
        /* Nothing but our own runs. */
        {"1 2 3", "1 2", 2, false, "1 2"},
        {"1 2 3", "", NONE, false, ""},
        /* It went up after ours. */
        {"1 2 3 4", "1 2", 4, false, "1 2 3+ 4+"},
        {"1 2 3 4", "1 2", 3, false, "1 2 3+"},
        /* It went down after ours: all the way, and part of it. */
        {"1 2 3", "1 2 3", NONE, false, "-1+ -2+ -3+"},
        {"1 2 3", "1 2 3", 1, false, "1 -2+ -3+"},
        {"1 2 3", "1 2 3", 2, false, "1 2 -3+"},
        /* What was reverted before stays reverted, and is applied again when it went up. */
        {"1 2 3", "1 2 -3", 2, false, "1 2 -3"},
        {"1 2 3", "1 2 -3", 3, false, "1 2 3+"},
        {"1 2 3", "-1 -2", 2, false, "1+ 2+"},
        /* A late file: below what was recorded, nothing is inferred. */
        {"1 2 3", "1 3", 3, false, "1 3"},
        {"1 2 3 4", "1 3", 4, false, "1 3 4+"},
        {"1 2 3 4", "1 3", 1, false, "1 -3+"},
        /* Files that are gone: the records stay. */
        {"3", "1 2", 3, false, "1 2 3+"},
        /* Dirty: the version itself is half done, what stands below it is not. */
        {"1 2 3", "", 2, true, "1+"},
        {"1 2 3", "1", 3, true, "1 2+"},
        {"1 2 3", "1 2 3", 2, true, "1 2 -3+"},
        {"1 2 3", "1 -2", 2, true, "1 -2"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_CATALOG struct catalog *catalog = make_catalog(TABLE[i].folder);
        AUTO_HISTORY struct history *history =
            make_history(TABLE[i].records, TABLE[i].version, TABLE[i].is_dirty);

        history_infer(history, catalog);
        AUTO_STRING char *described = describe(history);
        if (strcmp(described, TABLE[i].expected) != 0)
            fail_msg("folder %s, records %s, at %" PRId64 ": %s, not %s", TABLE[i].folder,
                TABLE[i].records, TABLE[i].version, described, TABLE[i].expected);
    }
}

static void
an_adopted_entry_says_that_nobody_saw_it_run(UNUSED void **state)
{
    AUTO_CATALOG struct catalog *catalog = make_catalog("1 2 3");
    AUTO_HISTORY struct history *history = make_history("1 -2", 3, false);

    history_infer(history, catalog);
    assert_int_equal(history->count, 3);

    const struct history_entry *own = history_find(history, 1);
    assert_int_equal(own->outcome, OUTCOME_APPLIED);
    assert_string_equal(own->checksum, "sum");
    assert_int_equal(own->duration_ms, 5);

    /* Applied anew by another tool, from a file that nobody hashed. */
    const struct history_entry *again = history_find(history, 2);
    assert_int_equal(again->outcome, OUTCOME_ADOPTED);
    assert_null(again->checksum);
    assert_int_equal(again->duration_ms, -1);
    assert_string_equal(again->name, "2_record");

    const struct history_entry *fresh = history_find(history, 3);
    assert_int_equal(fresh->outcome, OUTCOME_ADOPTED);
    assert_null(fresh->checksum);
    assert_null(fresh->at);
    assert_null(fresh->by);
    assert_int_equal(fresh->duration_ms, -1);
    assert_string_equal(fresh->name, "3_file");
}

static void
many_are_adopted_in_order(UNUSED void **state)
{
    enum { MANY = 300 };
    AUTO_TEXT shape = TEXT_INIT;

    for (int i = 1; i <= MANY; i++)
        text_printf(&shape, "%d ", i);
    AUTO_CATALOG struct catalog *catalog = make_catalog(text_string(&shape));
    AUTO_HISTORY struct history *history = make_history("", MANY, false);

    history_infer(history, catalog);
    assert_int_equal(history->count, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(history->entries[i].version, i + 1);
    history_infer(history, catalog);
    assert_int_equal(history->count, MANY);
}

static void
an_entry_is_found_by_its_version(UNUSED void **state)
{
    AUTO_HISTORY struct history *history = make_history("1 5 9", 9, false);
    AUTO_HISTORY struct history *empty = make_history("", NONE, false);

    assert_string_equal(history_find(history, 1)->name, "1_record");
    assert_string_equal(history_find(history, 5)->name, "5_record");
    assert_string_equal(history_find(history, 9)->name, "9_record");
    assert_null(history_find(history, 0));
    assert_null(history_find(history, 6));
    assert_null(history_find(history, 10));
    assert_null(history_find(empty, 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_tool_did_is_seen_from_its_version),
        cmocka_unit_test(an_adopted_entry_says_that_nobody_saw_it_run),
        cmocka_unit_test(many_are_adopted_in_order),
        cmocka_unit_test(an_entry_is_found_by_its_version),
    };

    return RUN_TESTS(tests);
}
