/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/adoption.h"

/* golang-migrate keeps one row; whatever else is there goes. */
#define SQL_ONE_ROW                                                                                \
    "DELETE FROM %s\n"                                                                             \
    " WHERE version <> (SELECT max(version) FROM %s)"

/* The row stays, for what other columns a project may have given it. */
#define SQL_SET                                                                                    \
    "WITH moved AS (\n"                                                                            \
    "    UPDATE %s\n"                                                                              \
    "       SET version = $1, dirty = false\n"                                                     \
    "    RETURNING version)\n"                                                                     \
    "INSERT INTO %s (version, dirty)\n"                                                            \
    "SELECT $1, false\n"                                                                           \
    " WHERE NOT EXISTS (SELECT FROM moved)"

#define SQL_NONE "DELETE FROM %s"

static bool
set_version(struct run *run, int64_t version, struct error *err)
{
    const char *table = run->session.ledger.version_table;
    AUTO_STRING char *one = memory_printf(SQL_ONE_ROW, table, table);
    AUTO_STRING char *set = memory_printf(SQL_SET, table, table);
    AUTO_STRING char *none = memory_printf(SQL_NONE, table);
    char text[24];
    const char *const values[] = {text};

    if (version < 0)
        return pg_command(run->session.db, none, 0, NULL, err);
    snprintf(text, sizeof(text), "%" PRId64, version);
    return pg_command(run->session.db, one, 0, NULL, err) &&
           pg_command(run->session.db, set, 1, values, err);
}

static bool
is_applied(const struct history *history, int64_t version)
{
    const struct history_entry *entry = history_find(history, version);

    return entry != NULL && entry->is_applied;
}

static int64_t
highest_applied(const struct history *history)
{
    for (size_t i = history->count; i-- > 0;) {
        if (history->entries[i].is_applied)
            return history->entries[i].version;
    }
    return MARK_NONE;
}

/* Forced to by mistake, and left again: a version that no file ever had. */
static bool
is_mistaken(const struct run *run, const struct history_entry *entry)
{
    return entry->outcome == OUTCOME_FORCED && catalog_find(run->catalog, entry->version) == NULL;
}

/*
 * What the history says otherwise than the version will: reverted, also what was half
 * done, and applied.
 */
static json_t *
list_changes(const struct run *run, int64_t version)
{
    const struct migration *named = catalog_find(run->catalog, version);
    int64_t highest = highest_applied(run->history);
    json_t *rows = json_array();
    char name[24];

    for (size_t i = run->history->count; i-- > 0;) {
        const struct history_entry *entry = &run->history->entries[i];
        bool is_begun = entry->is_applied || entry->attempt_done > 0;
        bool is_undone = entry->version < version && entry->is_applied && is_mistaken(run, entry);
        if ((is_begun && entry->version > version) || is_undone)
            json_array_append_new(rows, adoption_row(entry->version, entry->name, false, NULL));
    }
    for (size_t i = 0; i < run->catalog->count; i++) {
        const struct migration *migration = &run->catalog->migrations[i];
        bool is_new = migration->version > highest && migration->version < version;
        if (is_new && !is_applied(run->history, migration->version))
            json_array_append_new(
                rows, adoption_row(migration->version, migration->name, true, migration));
    }
    snprintf(name, sizeof(name), "%" PRId64, version);
    if (version >= 0)
        json_array_append_new(
            rows, adoption_row(version, named != NULL ? named->name : name, true, named));
    return rows;
}

static bool
fail(const struct run *run, struct error *err)
{
    if (err->kind != ERROR_CONNECTION && !pg_is_lost(run->session.db))
        return error_prefix(err, "the version could not be set");
    error_prefix(err, "it is not known whether the version was set");
    return error_hint(err, "It was, or nothing was changed: look with pgstride version.");
}

static bool
mark(struct run *run, int64_t version, const char *outcome, struct error *err)
{
    AUTO_JSON json_t *rows = list_changes(run, version);
    const struct history *history = run->history;

    /* Hold the version still: two runs without a lock wait for each other here. */
    bool is_good = session_begin(&run->session, err) &&
                   pg_command(run->session.db, run->sql_lock_table, 0, NULL, err) &&
                   set_version(run, version, err) && adoption_enter(run, rows, outcome, err);
    if (!session_end(&run->session, is_good, err))
        return fail(run, err);
    tell(run->listener, &(struct event){
                            .kind = EVENT_VERSION_SET,
                            .text = outcome,
                            .database = pg_database(run->session.db),
                            .host = pg_host(run->session.db),
                            .has_from = history->has_version && history->version >= 0,
                            .from = history->version,
                            .has_wanted = version >= 0,
                            .wanted = version,
                        });
    return true;
}

static void
warn_unknown(const struct run *run, int64_t version)
{
    if (version < 0 || catalog_find(run->catalog, version) != NULL)
        return;
    AUTO_STRING char *text =
        memory_printf("version %" PRId64 " is not in the folder %s", version, run->catalog->path);
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

bool
mark_force(const struct config *config,
    const struct run_identity *identity,
    int64_t version,
    const struct listener *listener,
    struct error *err)
{
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_RUN run = {.config = config, .listener = listener, .identity = identity};

    if (!catalog_load(config->path, (size_t)config->max_file_mib << 20, &catalog, err))
        return false;
    run.catalog = catalog;
    if (!run_open(&run, err))
        return false;
    history_infer(run.history, catalog);
    if (!session_create_tables(&run.session, err))
        return false;
    warn_unknown(&run, version);
    return adoption_record(&run, err) && mark(&run, version, "forced", err);
}

static bool
check_baseline(const struct run *run, int64_t version, struct error *err)
{
    if (run->history->has_version) {
        if (run->history->version >= 0)
            error_set(err, ERROR_PLAN, "the database is at version %" PRId64 " already",
                run->history->version);
        else
            error_set(err, ERROR_PLAN, "the database is dirty, without a version");
        return error_hint(err, "baseline is for a database that has a schema and no version. To "
                               "set another version without running anything: pgstride force V.");
    }
    if (catalog_find(run->catalog, version) != NULL)
        return true;
    error_set(err, ERROR_PLAN, "version %" PRId64 " is not in the folder", version);
    return error_hint(err, "Name the last version whose changes the database already has.");
}

bool
mark_baseline(const struct config *config,
    const struct run_identity *identity,
    int64_t version,
    const struct listener *listener,
    struct error *err)
{
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_RUN run = {.config = config, .listener = listener, .identity = identity};

    if (!catalog_load(config->path, (size_t)config->max_file_mib << 20, &catalog, err))
        return false;
    run.catalog = catalog;
    if (!run_open(&run, err) || !check_baseline(&run, version, err))
        return false;
    history_infer(run.history, catalog);
    return session_create_tables(&run.session, err) && mark(&run, version, "adopted", err);
}
