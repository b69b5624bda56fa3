/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void
ledger_done(struct ledger *ledger)
{
    free(ledger->schema);
    free(ledger->table);
    free(ledger->version_table);
    free(ledger->history_table);
    *ledger = (struct ledger){0};
}

void
history_free(struct history *history)
{
    if (history == NULL)
        return;
    for (size_t i = 0; i < history->count; i++) {
        struct history_entry *entry = &history->entries[i];
        free(entry->name);
        free(entry->checksum);
        free(entry->at);
        free(entry->by);
        free(entry->run_id);
        free(entry->attempt_checksum);
        free(entry->attempt_error);
    }
    free(history->entries);
    free(history->table);
    free(history);
}

void
history_release(struct history **history)
{
    history_free(*history);
    *history = NULL;
}

static int
compare_entries(const void *left, const void *right)
{
    int64_t a = ((const struct history_entry *)left)->version;
    int64_t b = ((const struct history_entry *)right)->version;

    return a < b ? -1 : a > b;
}

static struct history_entry *
find_entry(const struct history *history, int64_t version)
{
    struct history_entry key = {.version = version};

    if (history->count == 0)
        return NULL;
    return bsearch(
        &key, history->entries, history->count, sizeof(*history->entries), compare_entries);
}

const struct history_entry *
history_find(const struct history *history, int64_t version)
{
    return find_entry(history, version);
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

#define SQL_VERSION                                                                                \
    "SELECT version, dirty\n"                                                                      \
    "  FROM %s\n"                                                                                  \
    " ORDER BY version DESC\n"                                                                     \
    " LIMIT 1"

/* Of each version the last attempt that concluded, and the last that did not. */
#define SQL_ATTEMPTS(details)                                                                      \
    "SELECT DISTINCT ON (version, is_concluded)\n"                                                 \
    "       version, is_concluded, id, name, direction = 'up' AS is_up, checksum, outcome,\n"      \
    "       statements_done, statements_total, " details "\n"                                      \
    "  FROM (SELECT *, outcome IN ('applied', 'adopted', 'forced') AS is_concluded\n"              \
    "          FROM %s\n"                                                                          \
    "         WHERE migrations_table = $1) AS attempts\n"                                          \
    " ORDER BY version, is_concluded DESC, id DESC"

/* Who and when: for people alone, so a run does not ask for them. */
#define SQL_DETAILS                                                                                \
    "run_id, db_user,\n"                                                                           \
    "       to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"          \
    "       (extract(epoch FROM finished_at - started_at) * 1000)::bigint,\n"                      \
    "       error ->> 'message'"
#define SQL_NO_DETAILS "NULL, NULL, NULL, NULL, NULL"

/* One statement, so one snapshot: the two never contradict each other. */
#define SQL_BOTH(details)                                                                          \
    "SELECT current.version, current.dirty, attempt.*\n"                                           \
    "  FROM (SELECT) AS one\n"                                                                     \
    "  LEFT JOIN (" SQL_VERSION ") AS current ON true\n"                                           \
    "  LEFT JOIN (" SQL_ATTEMPTS(details) ") AS attempt ON true\n"                                 \
                                          " ORDER BY attempt.version, attempt.is_concluded DESC"

static char *
optional_text(const struct pg_rows *rows, size_t row, size_t column)
{
    return pg_rows_is_null(rows, row, column) ? NULL
                                              : memory_string(pg_rows_text(rows, row, column));
}

/* Rows come by version, the concluded attempt first. */
static void
add_attempt(struct history *history, const struct pg_rows *rows, size_t row, int64_t *concluded_id)
{
    int64_t version = pg_rows_number(rows, row, 2);
    int64_t id = pg_rows_number(rows, row, 4);
    struct history_entry *entry = history->count > 0 ? &history->entries[history->count - 1] : NULL;

    if (entry == NULL || entry->version != version) {
        entry = ARRAY_ADD(history->entries, history->count, history->capacity);
        entry->version = version;
        entry->name = memory_string(pg_rows_text(rows, row, 5));
        entry->duration_ms = -1;
        *concluded_id = 0;
    }
    if (pg_rows_boolean(rows, row, 3)) {
        *concluded_id = id;
        entry->is_applied = pg_rows_boolean(rows, row, 6);
        entry->checksum = optional_text(rows, row, 7);
        entry->outcome = read_outcome(pg_rows_text(rows, row, 8));
        entry->run_id = optional_text(rows, row, 11);
        entry->by = optional_text(rows, row, 12);
        entry->at = optional_text(rows, row, 13);
        if (entry->outcome == OUTCOME_APPLIED && !pg_rows_is_null(rows, row, 14))
            entry->duration_ms = pg_rows_number(rows, row, 14);
    } else if (id > *concluded_id) {
        entry->attempt_id = id;
        entry->is_attempt_up = pg_rows_boolean(rows, row, 6);
        entry->attempt_checksum = optional_text(rows, row, 7);
        entry->attempt_outcome = read_outcome(pg_rows_text(rows, row, 8));
        entry->attempt_done = (size_t)pg_rows_number(rows, row, 9);
        entry->attempt_total = (size_t)pg_rows_number(rows, row, 10);
        entry->attempt_error = optional_text(rows, row, 15);
    }
}

static bool
fail_version(const struct ledger *ledger, struct error *err)
{
    error_prefix(err, "cannot read %s", ledger->version_table);
    if (error_is_sqlstate(err, "42703"))
        error_hint(err, "The table belongs to another tool. Name one for us in the URL: "
                        "x-migrations-table=pgstride_migrations.");
    return false;
}

static void
read_version(struct history *history, const struct pg_rows *rows)
{
    history->has_version = pg_rows_count(rows) > 0 && !pg_rows_is_null(rows, 0, 0);
    if (!history->has_version)
        return;
    history->version = pg_rows_number(rows, 0, 0);
    history->is_dirty = pg_rows_boolean(rows, 0, 1);
    /* golang-migrate's "no version" when it was forced to none. */
    if (history->version < 0 && !history->is_dirty)
        history->has_version = false;
}

static char *
write_query(const struct ledger *ledger, bool with_details)
{
    if (!ledger->has_history_table)
        return memory_printf(SQL_VERSION, ledger->version_table);
    if (with_details)
        return memory_printf(SQL_BOTH(SQL_DETAILS), ledger->version_table, ledger->history_table);
    return memory_printf(SQL_BOTH(SQL_NO_DETAILS), ledger->version_table, ledger->history_table);
}

bool
history_load(struct pg *db,
    const struct ledger *ledger,
    bool with_details,
    struct history **history,
    struct error *err)
{
    AUTO_HISTORY struct history *loaded = memory_new(sizeof(*loaded));
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_STRING char *sql = write_query(ledger, with_details);
    const char *const values[] = {ledger->table};
    int64_t concluded_id = 0;

    loaded->table = pg_show_identifier(db, ledger->table);
    if (ledger->has_version_table) {
        if (!pg_query(db, sql, ledger->has_history_table ? 1 : 0, values, &rows, err))
            return fail_version(ledger, err);
        read_version(loaded, rows);
        for (size_t i = 0; ledger->has_history_table && i < pg_rows_count(rows); i++) {
            if (!pg_rows_is_null(rows, i, 2))
                add_attempt(loaded, rows, i, &concluded_id);
        }
    }
    *history = TAKE(loaded);
    return true;
}

#define SQL_CREATE_VERSION                                                                         \
    "CREATE TABLE IF NOT EXISTS %s (\n"                                                            \
    "    version bigint NOT NULL PRIMARY KEY,\n"                                                   \
    "    dirty boolean NOT NULL\n"                                                                 \
    ")"

#define SQL_CREATE_HISTORY                                                                         \
    "CREATE TABLE IF NOT EXISTS %s (\n"                                                            \
    "    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"                                    \
    "    migrations_table text NOT NULL,\n"                                                        \
    "    version bigint NOT NULL,\n"                                                               \
    "    name text NOT NULL,\n"                                                                    \
    "    direction text NOT NULL CHECK (direction IN ('up', 'down')),\n"                           \
    "    checksum text,\n"                                                                         \
    "    statements_total integer NOT NULL,\n"                                                     \
    "    statements_done integer NOT NULL,\n"                                                      \
    "    outcome text NOT NULL\n"                                                                  \
    "        CHECK (outcome IN ('started', 'applied', 'failed', 'adopted', 'forced')),\n"          \
    "    error jsonb,\n"                                                                           \
    "    started_at timestamptz NOT NULL DEFAULT now(),\n"                                         \
    "    finished_at timestamptz,\n"                                                               \
    "    run_id text NOT NULL,\n"                                                                  \
    "    runner jsonb NOT NULL,\n"                                                                 \
    "    tool_version text NOT NULL,\n"                                                            \
    "    db_user text NOT NULL DEFAULT session_user\n"                                             \
    ")"

static bool
create_table(struct pg *db,
    const struct ledger *ledger,
    const char *sql,
    const char *table,
    struct error *err)
{
    if (pg_command(db, sql, 0, NULL, err))
        return true;
    error_prefix(err, "cannot create the table %s", table);
    AUTO_STRING char *schema = pg_show_identifier(db, ledger->schema);
    AUTO_STRING char *user = pg_show_identifier(db, pg_user(db));
    if (error_is_sqlstate(err, "42501"))
        error_hint(err, "Let the schema's owner say: GRANT USAGE, CREATE ON SCHEMA %s TO %s;",
            schema, user);
    return false;
}

bool
history_create(struct pg *db, struct ledger *ledger, struct error *err)
{
    AUTO_STRING char *version = memory_printf(SQL_CREATE_VERSION, ledger->version_table);
    AUTO_STRING char *history = memory_printf(SQL_CREATE_HISTORY, ledger->history_table);

    if (!ledger->has_version_table &&
        !create_table(db, ledger, version, ledger->version_table, err))
        return false;
    ledger->has_version_table = true;
    if (!ledger->has_history_table &&
        !create_table(db, ledger, history, ledger->history_table, err))
        return false;
    ledger->has_history_table = true;
    return true;
}

static bool
find_highest(const struct history *history, int64_t *highest)
{
    for (size_t i = history->count; i-- > 0;) {
        if (history->entries[i].is_applied) {
            *highest = history->entries[i].version;
            return true;
        }
    }
    return false;
}

static void
infer_applied(struct history *history, size_t sorted_count, const struct migration *migration)
{
    struct history sorted = {.entries = history->entries, .count = sorted_count};
    struct history_entry *entry = find_entry(&sorted, migration->version);

    if (entry == NULL) {
        entry = ARRAY_ADD(history->entries, history->count, history->capacity);
        entry->version = migration->version;
        entry->name = memory_string(migration->name);
    }
    free(entry->checksum);
    entry->checksum = NULL;
    entry->is_applied = true;
    entry->is_inferred = true;
    entry->outcome = OUTCOME_ADOPTED;
    entry->duration_ms = -1;
}

void
history_infer(struct history *history, const struct catalog *catalog)
{
    int64_t highest = -1;
    bool has_highest = find_highest(history, &highest);

    /* It went down: what is above its version is no longer applied. */
    for (size_t i = 0; i < history->count; i++) {
        struct history_entry *entry = &history->entries[i];
        bool is_above = !history->has_version || entry->version > history->version;
        if (entry->is_applied && is_above) {
            entry->is_applied = false;
            entry->is_inferred = true;
        }
    }
    if (!history->has_version)
        return;

    /* It went up: what lies between the records and its version is applied. */
    size_t sorted_count = history->count;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct migration *migration = &catalog->migrations[i];
        bool is_between = migration->version <= history->version &&
                          (!has_highest || migration->version > highest);
        bool is_half_done = history->is_dirty && migration->version == history->version;
        if (is_between && !is_half_done)
            infer_applied(history, sorted_count, migration);
    }
    if (history->count > sorted_count)
        qsort(history->entries, history->count, sizeof(*history->entries), compare_entries);
}
