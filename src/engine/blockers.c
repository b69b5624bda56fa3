/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/blockers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/outline.h"

enum { QUERY_CHARACTERS = 80 };

void
blockers_done(struct blockers *blockers)
{
    free(blockers->text);
    json_decref(blockers->list);
    free(blockers->lock);
    free(blockers->key);
    free(blockers->outlasted);
    free(blockers->before);
    *blockers = (struct blockers){0};
}

/* PostgreSQL's manual, "Conflicting Lock Modes". */
static const char *
conflicts_of(const char *mode)
{
    static const struct {
        const char *mode;
        const char *conflicts;
    } MODES[] = {
        {"AccessShareLock", "{AccessExclusiveLock}"},
        {"RowShareLock", "{ExclusiveLock,AccessExclusiveLock}"},
        {"RowExclusiveLock", "{ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
        {"ShareUpdateExclusiveLock",
            "{ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,"
            "AccessExclusiveLock}"},
        {"ShareLock",
            "{RowExclusiveLock,ShareUpdateExclusiveLock,ShareRowExclusiveLock,ExclusiveLock,"
            "AccessExclusiveLock}"},
        {"ShareRowExclusiveLock",
            "{RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,"
            "ExclusiveLock,AccessExclusiveLock}"},
        {"ExclusiveLock", "{RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,"
                          "ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
        {"AccessExclusiveLock",
            "{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,"
            "ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++) {
        if (strcmp(MODES[i].mode, mode) == 0)
            return MODES[i].conflicts;
    }
    return "{}";
}

#define KEY(lock)                                                                                  \
    "ROW(" lock ".locktype, " lock ".database, " lock ".relation, " lock ".page, " lock            \
    ".tuple,\n           " lock ".virtualxid, " lock ".transactionid, " lock ".classid, " lock     \
    ".objid,\n           " lock ".objsubid)::text"

/* What $1 waits for, who is in its way, and how many wait for it. One row. */
#define SQL_WAIT                                                                                   \
    "SELECT coalesce(w.mode, 'a lock'),\n"                                                         \
    "       CASE WHEN w.relation IS NOT NULL THEN w.relation::regclass::text\n"                    \
    "            WHEN w.locktype = 'virtualxid' THEN 'an older transaction'\n"                     \
    "            WHEN w.locktype = 'transactionid' THEN 'a row that another transaction wrote'\n"  \
    "            WHEN w.locktype = 'advisory' THEN 'an advisory lock'\n"                           \
    "            WHEN w.classid IS NOT NULL THEN 'an entry of ' || w.classid::regclass::text\n"    \
    "            ELSE 'the database' END,\n"                                                       \
    "       CASE WHEN w.mode IS NOT NULL THEN " KEY(                                               \
        "w") " END,\n"                                                                             \
             "       pg_blocking_pids($1::int),\n"                                                 \
             "       (SELECT count(*)\n"                                                           \
             "          FROM (SELECT DISTINCT pid\n"                                               \
             "                  FROM pg_locks\n"                                                   \
             "                 WHERE NOT granted) AS waiter\n"                                     \
             "         WHERE $1::int = ANY (pg_blocking_pids(waiter.pid)))\n"                      \
             "  FROM (SELECT) AS one\n"                                                            \
             "  LEFT JOIN LATERAL (SELECT *\n"                                                     \
             "                       FROM pg_locks\n"                                              \
             "                      WHERE pid = $1::int AND NOT granted\n"                         \
             "                      LIMIT 1) AS w ON true"

/* The sessions $1, and, for a pid of 0, the prepared transactions that hold the lock $2, or all. */
#define SQL_WHO                                                                                    \
    "SELECT *, count(*) OVER ()\n"                                                                 \
    "  FROM (SELECT a.pid,\n"                                                                      \
    "               coalesce(nullif(a.application_name, ''),\n"                                    \
    "                        nullif(a.backend_type, 'client backend'), 'unknown'),\n"              \
    "               a.usename::text, a.state,\n"                                                   \
    "               extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS age,\n"        \
    "               left(a.query, 4096),\n"                                                        \
    "               array_to_string(pg_blocking_pids(a.pid), ', ')\n"                              \
    "          FROM pg_stat_activity AS a\n"                                                       \
    "         WHERE a.pid = ANY ($1::int[])\n"                                                     \
    "         UNION ALL\n"                                                                         \
    "        SELECT 0, p.gid, p.owner::text, 'prepared',\n"                                        \
    "               extract(epoch FROM clock_timestamp() - p.prepared)::bigint, '', ''\n"          \
    "          FROM pg_prepared_xacts AS p\n"                                                      \
    "          JOIN pg_locks AS own ON own.transactionid = p.transaction AND own.granted\n"        \
    "         WHERE 0 = ANY ($1::int[])\n"                                                         \
    "           AND CASE WHEN $2::text IS NULL THEN p.database = current_database()\n"             \
    "               ELSE EXISTS (SELECT\n"                                                         \
    "                         FROM pg_locks AS l\n"                                                \
    "                        WHERE l.virtualtransaction = own.virtualtransaction\n"                \
    "                          AND l.granted AND " KEY("l") " = $2) END) AS who\n"                 \
                                                            " ORDER BY age DESC NULLS LAST\n"      \
                                                            " LIMIT 3"

enum who { WHO_PID, WHO_APPLICATION, WHO_USER, WHO_STATE, WHO_AGE, WHO_QUERY, WHO_BEHIND, WHO_ALL };

/* The server keeps from us what other roles do. */
static bool
is_hidden(const struct pg_rows *rows, size_t row)
{
    return pg_rows_is_null(rows, row, WHO_STATE) &&
           strcmp(pg_rows_text(rows, row, WHO_QUERY), "<insufficient privilege>") == 0;
}

static void
describe(const struct pg_rows *rows, size_t row, struct text *text)
{
    AUTO_TEXT query = TEXT_INIT;

    outline_add(pg_rows_text(rows, row, WHO_QUERY), QUERY_CHARACTERS, &query);
    if (pg_rows_number(rows, row, WHO_PID) == 0) {
        text_printf(text, "the prepared transaction \"%s\" of %s, %s s old",
            pg_rows_text(rows, row, WHO_APPLICATION), pg_rows_text(rows, row, WHO_USER),
            pg_rows_text(rows, row, WHO_AGE));
        return;
    }
    text_printf(text, "pid %s (%s%s%s)", pg_rows_text(rows, row, WHO_PID),
        pg_rows_text(rows, row, WHO_APPLICATION), pg_rows_is_null(rows, row, WHO_USER) ? "" : ", ",
        pg_rows_text(rows, row, WHO_USER));
    if (is_hidden(rows, row)) {
        text_puts(text, ", of which members of pg_read_all_stats alone see more");
        return;
    }
    if (!pg_rows_is_null(rows, row, WHO_STATE))
        text_printf(text, ", %s", pg_rows_text(rows, row, WHO_STATE));
    if (pg_rows_text(rows, row, WHO_BEHIND)[0] != '\0')
        text_printf(text, ", itself behind pid %s", pg_rows_text(rows, row, WHO_BEHIND));
    if (!pg_rows_is_null(rows, row, WHO_AGE))
        text_printf(text, ", its transaction %s s old", pg_rows_text(rows, row, WHO_AGE));
    if (query.size_bytes > 0)
        text_printf(text, ": %s", text_string(&query));
}

static json_t *
describe_json(const struct pg_rows *rows, size_t row)
{
    json_t *object = json_object();
    AUTO_TEXT query = TEXT_INIT;
    bool is_prepared = pg_rows_number(rows, row, WHO_PID) == 0;

    outline_add(
        is_hidden(rows, row) ? "" : pg_rows_text(rows, row, WHO_QUERY), QUERY_CHARACTERS, &query);
    json_put_number(object, "pid", pg_rows_number(rows, row, WHO_PID));
    json_put_string(object, is_prepared ? "prepared_transaction" : "application",
        pg_rows_text(rows, row, WHO_APPLICATION));
    json_put_string(object, "user", pg_rows_text(rows, row, WHO_USER));
    json_put_string(object, "state", pg_rows_text(rows, row, WHO_STATE));
    if (!pg_rows_is_null(rows, row, WHO_AGE))
        json_put_number(object, "transaction_s", pg_rows_number(rows, row, WHO_AGE));
    json_put_string(object, "query", text_string(&query));
    json_put_string(object, "behind", pg_rows_text(rows, row, WHO_BEHIND));
    return object;
}

static void
describe_all(const struct pg_rows *rows, struct text *text)
{
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        text_puts(text, i > 0 ? "; " : "");
        describe(rows, i, text);
    }
    size_t all = pg_rows_count(rows) > 0 ? (size_t)pg_rows_number(rows, 0, WHO_ALL) : 0;
    if (all > pg_rows_count(rows))
        text_printf(text, "; and %zu more", all - pg_rows_count(rows));
}

/* Fill text and list for these pids; nobody any more: they are as none. */
static bool
name_them(struct pg *db, const char *pids, struct blockers *blockers, struct error *err)
{
    const char *const values[] = {pids, blockers->key};
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT text = TEXT_INIT;

    if (!pg_query(db, SQL_WHO, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    free(TAKE(blockers->text));
    json_decref(TAKE(blockers->list));
    if (pg_rows_count(rows) == 0)
        return true;
    blockers->list = json_array();
    text_printf(&text, "%s: ", blockers->lock);
    describe_all(rows, &text);
    for (size_t i = 0; i < pg_rows_count(rows); i++)
        json_array_append_new(blockers->list, describe_json(rows, i));
    blockers->text = text_take(&text);
    return true;
}

bool
blockers_look(struct pg *db, int pid, struct blockers *blockers, struct error *err)
{
    char watched[16];
    const char *const values[] = {watched};
    AUTO_ROWS struct pg_rows *rows = NULL;

    snprintf(watched, sizeof(watched), "%d", pid);
    if (!pg_query(db, SQL_WAIT, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    blockers_done(blockers);
    blockers->waiting = (size_t)pg_rows_number(rows, 0, 4);
    if (strcmp(pg_rows_text(rows, 0, 3), "{}") == 0)
        return true;
    blockers->lock = memory_printf("%s on %s", pg_rows_text(rows, 0, 0), pg_rows_text(rows, 0, 1));
    if (!pg_rows_is_null(rows, 0, 2))
        blockers->key = memory_string(pg_rows_text(rows, 0, 2));
    blockers->conflicts = conflicts_of(pg_rows_text(rows, 0, 0));
    return name_them(db, pg_rows_text(rows, 0, 3), blockers, err);
}

/* Those in the way: all, those of $3 among them, how many of those, and how many of $4. */
#define SQL_ASIDE                                                                                  \
    "SELECT coalesce(array_agg(DISTINCT l.virtualtransaction), '{}'),\n"                           \
    "       coalesce(array_agg(DISTINCT coalesce(l.pid, 0))\n"                                     \
    "                FILTER (WHERE l.virtualtransaction = ANY ($3::text[])), '{}'),\n"             \
    "       count(*) FILTER (WHERE l.virtualtransaction = ANY ($3::text[])),\n"                    \
    "       count(*) FILTER (WHERE l.virtualtransaction = ANY ($4::text[]))\n"                     \
    "  FROM pg_locks AS l\n"                                                                       \
    " WHERE " KEY(                                                                                 \
        "l") " = $1\n"                                                                             \
             "   AND l.mode = ANY ($2::text[]) AND l.pid IS DISTINCT FROM pg_backend_pid()"

bool
blockers_look_aside(struct pg *db, struct blockers *blockers, enum way *way, struct error *err)
{
    bool is_first = blockers->before == NULL;
    const char *const values[] = {blockers->key, blockers->conflicts,
        is_first ? "{}" : blockers->outlasted, is_first ? "{}" : blockers->before};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!pg_query(db, SQL_ASIDE, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    const char *now = pg_rows_text(rows, 0, 0);
    if (is_first)
        blockers->outlasted = memory_string(now);
    free(blockers->before);
    blockers->before = memory_string(now);
    if (strcmp(now, "{}") == 0)
        *way = WAY_FREE;
    else if (is_first || pg_rows_number(rows, 0, 2) > 0)
        *way = WAY_HELD;
    else
        *way = pg_rows_number(rows, 0, 3) > 0 ? WAY_BUSY : WAY_FREE;
    if (is_first || *way != WAY_HELD)
        return true;
    return name_them(db, pg_rows_text(rows, 0, 1), blockers, err);
}

#define SQL_OLDER                                                                                  \
    "SELECT array_agg(pid) || 0\n"                                                                 \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE datname = current_database() AND pid <> pg_backend_pid()\n"                            \
    "   AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)\n"                               \
    "   AND backend_type = 'client backend'\n"                                                     \
    "   AND xact_start < clock_timestamp() - interval '5 s'"

bool
blockers_older(struct pg *db, char **text, struct error *err)
{
    AUTO_ROWS struct pg_rows *pids = NULL;
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT made = TEXT_INIT;

    if (!pg_query(db, SQL_OLDER, 0, NULL, &pids, err))
        return false;
    const char *const values[] = {pg_rows_text(pids, 0, 0), NULL};
    if (!pg_query(db, SQL_WHO, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    describe_all(rows, &made);
    if (pg_rows_count(rows) > 0)
        *text = text_take(&made);
    return true;
}
