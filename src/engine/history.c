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
fail_creation(struct pg *db, const struct ledger *ledger, const char *what, struct error *err)
{
    error_prefix(err, "cannot create the %s", what);
    AUTO_STRING char *schema = pg_show_identifier(db, ledger->schema);
    AUTO_STRING char *user = pg_show_identifier(db, pg_user(db));
    if (error_is_sqlstate(err, "42501"))
        error_hint(err, "Let the schema's owner say: GRANT USAGE, CREATE ON SCHEMA %s TO %s;",
            schema, user);
    return false;
}

static bool
create_table(struct pg *db,
    const struct ledger *ledger,
    const char *sql,
    const char *table,
    struct error *err)
{
    AUTO_STRING char *what = memory_printf("table %s", table);

    return pg_command(db, sql, 0, NULL, err) || fail_creation(db, ledger, what, err);
}

bool
history_create(struct pg *db, struct ledger *ledger, struct error *err)
{
    AUTO_STRING char *version = memory_printf(SQL_CREATE_VERSION, ledger->version_table);
    AUTO_STRING char *history = memory_printf(SQL_CREATE_HISTORY, ledger->history_table);

    if (!ledger->has_version_table && !ledger->has_history_table) {
        /* The usual case takes one round trip; what is refused is asked again, for its reason. */
        AUTO_STRING char *both = memory_printf("%s;\n%s", version, history);
        AUTO_REPLY reply = {0};
        if (!pg_run(db, both, &reply, err))
            return false;
        ledger->has_version_table = ledger->has_history_table = reply.kind == PG_REPLY_DONE;
        if (reply.kind != PG_REPLY_DONE && pg_is_in_transaction(db)) {
            *err = reply.error;
            return fail_creation(db, ledger, "two tables", err);
        }
    }
    if (!ledger->has_version_table &&
        !create_table(db, ledger, version, ledger->version_table, err))
        return false;
    if (!ledger->has_history_table &&
        !create_table(db, ledger, history, ledger->history_table, err))
        return false;
    ledger->has_version_table = ledger->has_history_table = true;
    return true;
}

/* The server names a table without its schema: its part behind the last point. */
static bool
is_about(const struct error *err, const char *table)
{
    static const char DENIED[] = "permission denied for table ";
    const char *found = strstr(err->message, DENIED);

    return found != NULL && strcmp(found + strlen(DENIED), table) == 0;
}

/* Does the database or the role say so, and not a file? A standby is what it is. */
#define SQL_READ_ONLY                                                                              \
    "SELECT setting = 'on' AND source <> 'session'\n"                                              \
    "  FROM pg_settings\n"                                                                         \
    " WHERE name = 'default_transaction_read_only' AND NOT pg_is_in_recovery()"

/* Of our own statements, which stand in no line of a file. */
static void
explain_read_only(struct pg *db, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    struct error ignored = ERROR_INIT;

    if (pg_is_in_transaction(db) || !pg_query(db, SQL_READ_ONLY, 0, NULL, &rows, &ignored) ||
        pg_rows_count(rows) == 0)
        return;
    if (pg_rows_boolean(rows, 0, 0))
        error_hint(err, "default_transaction_read_only is on here. Turn it off for the database or "
                        "the role; or for us alone, by default_transaction_read_only=off in the "
                        "URL.");
    else
        error_hint(err, "The file makes its transaction READ ONLY, or the session, and what it did "
                        "is recorded there: take that out of the file.");
}

void
history_explain_rights(struct pg *db, const struct ledger *ledger, struct error *err)
{
    bool is_history = is_about(err, "pgstride_history");

    if (error_is_sqlstate(err, "25006") && err->line == 0 && err->hint[0] == '\0')
        explain_read_only(db, err);
    if (!error_is_sqlstate(err, "42501") || err->hint[0] != '\0')
        return;
    AUTO_STRING char *user = pg_show_identifier(db, pg_user(db));
    if (strstr(err->message, "must be owner of ") != NULL) {
        error_hint(err,
            "Make %s a member of the role that owns it (GRANT OWNER TO %s), and name that: "
            "--role OWNER.",
            user, user);
        return;
    }
    if (!is_history && !is_about(err, ledger->table))
        return;
    AUTO_STRING char *schema = pg_show_identifier(db, ledger->schema);
    AUTO_STRING char *table =
        pg_show_identifier(db, is_history ? "pgstride_history" : ledger->table);
    error_hint(err, "Let the table's owner say: GRANT SELECT, INSERT, UPDATE%s ON %s.%s TO %s;",
        is_history ? "" : ", DELETE", schema, table, user);
}

bool
history_is_alone(const struct history_entry *entry)
{
    char nothing[DIGEST_HEX_BYTES];

    if (entry->attempt_id == 0)
        return false;
    digest_text("", 0, nothing);
    return entry->attempt_done > 0 ||
           (entry->attempt_checksum != NULL && strcmp(entry->attempt_checksum, nothing) == 0);
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

/* Was it a run of ours that moved the version to where it is, and is half done there? */
static bool
is_dirty_by_us(const struct history *history)
{
    const struct history_entry *entry = find_entry(history, history->version);

    return history->is_dirty && entry != NULL && entry->is_attempt_up && history_is_alone(entry);
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
        bool is_half_reverted =
            history->is_dirty && entry->attempt_id != 0 && !entry->is_attempt_up;
        if (entry->is_applied && is_above && !is_half_reverted) {
            entry->is_applied = false;
            entry->is_inferred = true;
        }
    }
    if (!history->has_version || is_dirty_by_us(history))
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
