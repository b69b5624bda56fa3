/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/history.h"

/* Who and when: for people alone, so a run does not ask for them. */
#define SQL_DETAILS                                                                                \
    "run_id, db_user,\n"                                                                           \
    "       to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"          \
    "       (extract(epoch FROM finished_at - started_at) * 1000)::bigint,\n"                      \
    "       error ->> 'message'\n"
#define SQL_NO_DETAILS "NULL, NULL, NULL, NULL, NULL\n"

#define SQL_VERSION                                                                                \
    "SELECT version, dirty, NULL, NULL, NULL, NULL, NULL, NULL, NULL,\n"                           \
    "       NULL, NULL, NULL, NULL, NULL\n"                                                        \
    "  FROM %s\n"                                                                                  \
    " ORDER BY version DESC\n"                                                                     \
    " LIMIT 1"

/* One statement, so one snapshot: the two never contradict each other. Sorted by us. */
#define SQL_BOTH(details)                                                                          \
    "(" SQL_VERSION ")\n"                                                                          \
    " UNION ALL\n"                                                                                 \
    "SELECT version, NULL, id, direction = 'up', checksum, outcome, statements_done,\n"            \
    "       statements_total, name, " details "  FROM %s\n"                                        \
    " WHERE migrations_table = $1"

enum column {
    COLUMN_VERSION,
    COLUMN_DIRTY,
    COLUMN_ID,
    COLUMN_IS_UP,
    COLUMN_CHECKSUM,
    COLUMN_OUTCOME,
    COLUMN_DONE,
    COLUMN_TOTAL,
    COLUMN_NAME,
    COLUMN_RUN_ID,
    COLUMN_USER,
    COLUMN_AT,
    COLUMN_DURATION,
    COLUMN_ERROR,
};

char *
history_query(const struct ledger *ledger, bool with_details)
{
    const char *version = ledger->version_table;

    if (!ledger->has_history_table)
        return memory_printf(SQL_VERSION, version);
    if (with_details)
        return memory_printf(SQL_BOTH(SQL_DETAILS), version, ledger->history_table);
    return memory_printf(SQL_BOTH(SQL_NO_DETAILS), version, ledger->history_table);
}

static enum outcome
read_outcome(const char *text)
{
    static const char *const NAMES[] = {
        [OUTCOME_NONE] = "",
        [OUTCOME_STARTED] = "started",
        [OUTCOME_APPLIED] = "applied",
        [OUTCOME_FAILED] = "failed",
        [OUTCOME_ADOPTED] = "adopted",
        [OUTCOME_FORCED] = "forced",
    };

    for (size_t i = 1; i < ARRAY_LENGTH(NAMES); i++) {
        if (strcmp(text, NAMES[i]) == 0)
            return (enum outcome)i;
    }
    return OUTCOME_NONE;
}

/* Put a column's text, or NULL, in the place of `*string`. */
static void
take_text(char **string, const struct pg_rows *rows, size_t row, enum column column)
{
    free(*string);
    *string =
        pg_rows_is_null(rows, row, column) ? NULL : memory_string(pg_rows_text(rows, row, column));
}

static void
forget_attempt(struct history_entry *entry)
{
    free(entry->attempt_checksum);
    free(entry->attempt_error);
    entry->attempt_checksum = NULL;
    entry->attempt_error = NULL;
    entry->attempt_id = 0;
    entry->attempt_outcome = OUTCOME_NONE;
    entry->attempt_done = entry->attempt_total = 0;
}

static void
add_concluded(struct history_entry *entry, const struct pg_rows *rows, size_t row)
{
    forget_attempt(entry);
    entry->is_applied = pg_rows_boolean(rows, row, COLUMN_IS_UP);
    take_text(&entry->checksum, rows, row, COLUMN_CHECKSUM);
    take_text(&entry->run_id, rows, row, COLUMN_RUN_ID);
    take_text(&entry->by, rows, row, COLUMN_USER);
    take_text(&entry->at, rows, row, COLUMN_AT);
    entry->duration_ms = -1;
    if (entry->outcome == OUTCOME_APPLIED && !pg_rows_is_null(rows, row, COLUMN_DURATION))
        entry->duration_ms = pg_rows_number(rows, row, COLUMN_DURATION);
}

static void
add_attempt(struct history_entry *entry, const struct pg_rows *rows, size_t row)
{
    entry->attempt_id = pg_rows_number(rows, row, COLUMN_ID);
    entry->is_attempt_up = pg_rows_boolean(rows, row, COLUMN_IS_UP);
    take_text(&entry->attempt_checksum, rows, row, COLUMN_CHECKSUM);
    entry->attempt_done = (size_t)pg_rows_number(rows, row, COLUMN_DONE);
    entry->attempt_total = (size_t)pg_rows_number(rows, row, COLUMN_TOTAL);
    take_text(&entry->attempt_error, rows, row, COLUMN_ERROR);
}

/* Rows come by version, and of a version the oldest first. */
static void
add_row(struct history *history, const struct pg_rows *rows, size_t row)
{
    int64_t version = pg_rows_number(rows, row, COLUMN_VERSION);
    enum outcome outcome = read_outcome(pg_rows_text(rows, row, COLUMN_OUTCOME));
    struct history_entry *entry = history->count > 0 ? &history->entries[history->count - 1] : NULL;

    if (entry == NULL || entry->version != version) {
        entry = ARRAY_ADD(history->entries, history->count, history->capacity);
        entry->version = version;
        entry->duration_ms = -1;
    }
    take_text(&entry->name, rows, row, COLUMN_NAME);
    if (outcome == OUTCOME_APPLIED || outcome == OUTCOME_ADOPTED || outcome == OUTCOME_FORCED) {
        entry->outcome = outcome;
        add_concluded(entry, rows, row);
    } else {
        entry->attempt_outcome = outcome;
        add_attempt(entry, rows, row);
    }
}

static void
read_version(struct history *history, const struct pg_rows *rows, size_t row)
{
    history->version = pg_rows_number(rows, row, COLUMN_VERSION);
    history->is_dirty = pg_rows_boolean(rows, row, COLUMN_DIRTY);
    /* golang-migrate's "no version" when it was forced to none. */
    history->has_version = history->version >= 0 || history->is_dirty;
}

struct place {
    int64_t version;
    int64_t id;
    size_t row;
};

static int
compare_places(const void *left, const void *right)
{
    const struct place *a = left;
    const struct place *b = right;

    if (a->version != b->version)
        return a->version < b->version ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

struct history *
history_read(const struct pg_rows *rows)
{
    struct history *history = memory_new(sizeof(*history));
    struct place *places = memory_new((pg_rows_count(rows) + 1) * sizeof(*places));
    size_t count = 0;

    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        if (pg_rows_is_null(rows, i, COLUMN_ID))
            read_version(history, rows, i);
        else
            places[count++] = (struct place){
                pg_rows_number(rows, i, COLUMN_VERSION), pg_rows_number(rows, i, COLUMN_ID), i};
    }
    qsort(places, count, sizeof(*places), compare_places);
    for (size_t i = 0; i < count; i++)
        add_row(history, rows, places[i].row);
    free(places);
    return history;
}

static bool
fail_version(struct pg *db, const struct ledger *ledger, struct error *err)
{
    bool is_history = strstr(err->message, "pgstride_history") != NULL;

    history_explain_rights(db, ledger, err);
    error_prefix(err, "cannot read %s", is_history ? ledger->history_table : ledger->version_table);
    if (error_is_sqlstate(err, "42703"))
        error_hint(err, "The table belongs to another tool. Name one for us in the URL: "
                        "x-migrations-table=pgstride_migrations.");
    return false;
}

bool
history_load(struct pg *db,
    const struct ledger *ledger,
    bool with_details,
    struct history **history,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_STRING char *sql = history_query(ledger, with_details);
    const char *const values[] = {ledger->table};

    if (!ledger->has_version_table) {
        *history = memory_new(sizeof(**history));
        return true;
    }
    if (!pg_query(db, sql, ledger->has_history_table ? 1 : 0, values, &rows, err))
        return fail_version(db, ledger, err);
    *history = history_read(rows);
    return true;
}
