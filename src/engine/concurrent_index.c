/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/concurrent_index.h"

#include <stdlib.h>

#include "adapter/signals.h"
#include "base/memory.h"
#include "engine/long_wait.h"
#include "engine/named.h"

/* In the reach of the statement. */
#define IS_IN_REACH "(pg_table_is_visible(t.oid) OR " IS_NAMED("n", "nspname") ")"

#define SQL_BUILT                                                                                  \
    "SELECT format('%%I.%%I', n.nspname, c.relname)\n"                                             \
    "  FROM %s AS h, pg_index AS i\n"                                                              \
    "  JOIN pg_class AS c ON c.oid = i.indexrelid\n"                                               \
    "  JOIN pg_class AS t ON t.oid = i.indrelid\n"                                                 \
    "  JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"                                         \
    " WHERE h.id = $2 AND i.indisvalid\n"                                                          \
    "   AND age(c.xmin) < age((h.error ->> 'since')::xid)\n"                                       \
    "   AND " IS_IN_REACH "\n"                                                                     \
    "   AND " IS_NAMED("c", "relname") " AND " IS_NAMED("t", "relname")

#define SQL_INVALID                                                                                \
    "SELECT format('%%I.%%I', n.nspname, c.relname)%s\n"                                           \
    "  FROM pg_index AS i\n"                                                                       \
    "  JOIN pg_class AS c ON c.oid = i.indexrelid\n"                                               \
    "  JOIN pg_class AS t ON t.oid = i.indrelid\n"                                                 \
    "  JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"                                         \
    " WHERE NOT i.indisvalid AND c.relkind = 'i'\n"                                                \
    "   AND " IS_IN_REACH "\n"                                                                     \
    "   AND NOT EXISTS (SELECT\n"                                                                  \
    "                     FROM pg_stat_progress_create_index AS p\n"                               \
    "                    WHERE p.index_relid = c.oid)\n"

/*
 * A build without a name for its index has one that the server chose. So it may be the one
 * that another role's session builds: which that is, is hidden from us, but not the lock on its
 * table. Who that is, or NULL.
 */
#define HIDDEN_BUILDER                                                                             \
    ",\n       CASE WHEN NOT " IS_NAMED(                                                           \
        "c", "relname") " THEN (\n"                                                                \
                        "           SELECT min(l.pid)\n"                                           \
                        "             FROM pg_stat_progress_create_index AS p\n"                   \
                        "             JOIN pg_locks AS l USING (pid)\n"                            \
                        "             JOIN pg_database AS d ON d.oid = l.database\n"               \
                        "            WHERE p.relid IS NULL AND l.relation = i.indrelid\n"          \
                        "              AND d.datname = current_database()) END"
#define SQL_LEFT                                                                                   \
    SQL_INVALID                                                                                    \
    "   AND (" IS_NAMED("c", "relname") " OR $1 ~* '\\mconcurrently\\s+on\\M' AND " IS_NAMED("t",  \
        "relname") ")\n"                                                                           \
                   "   AND EXISTS (\n"                                                             \
                   "       SELECT\n"                                                               \
                   "         FROM %s AS h\n"                                                       \
                   "        WHERE h.id = $2 AND h.error ? 'invalid_before'\n"                      \
                   "          AND NOT h.error -> 'invalid_before' @> to_jsonb(c.oid::bigint))"

/*
 * REINDEX builds NAME_ccnew (or _ccnew1, …), puts it in NAME's place, and drops NAME as
 * NAME_ccold; long names are cut. What is named is the index, its table (of TOAST: whose it is),
 * what these are partitions of, the schema, or the database. While a session works at an index
 * it holds a lock on it.
 */
#define NAMES_SCHEMA IS_NAMED("s", "nspname")
#define NAMES_RELATION IS_NAMED("r", "relname")
#define NAMES_ITS_SCHEMA IS_NAMED("o", "nspname")
#define SQL_REINDEX_LEFT                                                                           \
    "SELECT format('%%I.%%I', n.nspname, c.relname), NULL\n"                                       \
    "  FROM pg_index AS i\n"                                                                       \
    "  JOIN pg_class AS c ON c.oid = i.indexrelid\n"                                               \
    "  JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"                                         \
    "  JOIN pg_class AS t ON (t.oid = i.indrelid AND t.relkind <> 't')\n"                          \
    "                     OR t.reltoastrelid = i.indrelid\n"                                       \
    "  JOIN pg_namespace AS s ON s.oid = t.relnamespace\n"                                         \
    "  JOIN %s AS h ON h.id = $2\n"                                                                \
    " CROSS JOIN regexp_replace(c.relname, '_cc(new|old)[0-9]*$', '') AS base\n"                   \
    " WHERE $1 ~* '\\mreindex\\M' AND NOT i.indisvalid AND c.relkind = 'i'\n"                      \
    "   AND base <> c.relname\n"                                                                   \
    "   AND h.error ? 'invalid_before'\n"                                                          \
    "   AND NOT h.error -> 'invalid_before' @> to_jsonb(c.oid::bigint)\n"                          \
    "   AND NOT EXISTS (\n"                                                                        \
    "       SELECT\n"                                                                              \
    "         FROM pg_locks AS l\n"                                                                \
    "         JOIN pg_database AS d ON d.oid = l.database\n"                                       \
    "        WHERE d.datname = current_database() AND l.relation = c.oid\n"                        \
    "          AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_backend_pid())\n"           \
    "   AND EXISTS (\n"                                                                            \
    "       SELECT\n"                                                                              \
    "         FROM pg_index AS k\n"                                                                \
    "         JOIN pg_class AS b ON b.oid = k.indexrelid\n"                                        \
    "        WHERE k.indrelid = i.indrelid\n"                                                      \
    "          AND (b.relname = base\n"                                                            \
    "               OR octet_length(c.relname) >= 60 AND starts_with(b.relname, base))\n"          \
    "          AND ($1 ~* '\\mdatabase\\M'\n"                                                      \
    "               OR $1 ~* '\\mschema\\M' AND " NAMES_SCHEMA "\n"                                \
    "               OR EXISTS (\n"                                                                 \
    "                  SELECT\n"                                                                   \
    "                    FROM (SELECT t.oid UNION ALL SELECT b.oid\n"                              \
    "                          UNION ALL SELECT pg_partition_ancestors(t.oid)\n"                   \
    "                          UNION ALL SELECT pg_partition_ancestors(b.oid)) AS a (oid)\n"       \
    "                    JOIN pg_class AS r ON r.oid = a.oid\n"                                    \
    "                    JOIN pg_namespace AS o ON o.oid = r.relnamespace\n"                       \
    "                   WHERE (pg_table_is_visible(r.oid) OR " NAMES_ITS_SCHEMA ")\n"              \
    "                     AND " NAMES_RELATION ")))"

#define SQL_NAMED                                                                                  \
    SQL_INVALID "   AND " IS_NAMED("c", "relname") " AND (" IS_NAMED(                              \
        "t", "relname") " OR $1 ~* '\\mreindex\\M')"

static bool
drop(struct run *run, const char *index, const char *why, struct error *err)
{
    AUTO_STRING char *sql = memory_printf("DROP INDEX CONCURRENTLY IF EXISTS %s", index);
    AUTO_STRING char *text = memory_printf("dropping the invalid index %s, %s", index, why);
    AUTO_REPLY reply = {0};
    AUTO_ROWS struct pg_rows *limit = NULL;

    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    if (!long_wait_take_limit(run, &limit, err) || !pg_run(run->session.db, sql, &reply, err) ||
        !long_wait_end(run, limit, err))
        return false;
    if (reply.kind != PG_REPLY_FAILED)
        return true;
    *err = reply.error;
    return error_prefix(err, "cannot drop the invalid index %s", index);
}

static void
tell_hidden(const struct run *run, const char *pid)
{
    AUTO_STRING char *text = memory_printf(
        "another role's session, pid %s, builds an index on the table: waiting for its end", pid);

    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

static bool
drop_all(struct run *run,
    const char *query,
    const char *attempt_id,
    const char *sql,
    const char *why,
    struct error *err)
{
    enum { LOOK_AGAIN_MS = 250 };
    const char *const values[] = {sql, attempt_id};
    bool is_told = false;

    for (;;) { /* a drop may wait for long: look anew before each */
        AUTO_ROWS struct pg_rows *rows = NULL;
        if (!session_query(&run->session, query, ARRAY_LENGTH(values), values, &rows, err))
            return error_prefix(err, "cannot look for invalid indexes");
        if (pg_rows_count(rows) == 0)
            return true;
        if (!pg_rows_is_null(rows, 0, 1)) {
            if (!is_told)
                tell_hidden(run, pg_rows_text(rows, 0, 1));
            is_told = true;
            if (!signals_sleep(LOOK_AGAIN_MS, err))
                return false;
            continue;
        }
        if (!drop(run, pg_rows_text(rows, 0, 0), why, err))
            return false;
    }
}

bool
concurrent_index_sweep(struct run *run, const char *attempt_id, const char *sql, struct error *err)
{
    AUTO_STRING char *query =
        memory_printf(SQL_LEFT, HIDDEN_BUILDER, run->session.ledger.history_table);

    return drop_all(
               run, query, attempt_id, sql, "which an earlier try left, to build it anew", err) &&
           concurrent_index_sweep_reindex(run, attempt_id, sql, err);
}

bool
concurrent_index_sweep_reindex(
    struct run *run, const char *attempt_id, const char *sql, struct error *err)
{
    AUTO_STRING char *query = memory_printf(SQL_REINDEX_LEFT, run->session.ledger.history_table);

    return drop_all(run, query, attempt_id, sql, "which an earlier try of REINDEX left", err);
}

bool
concurrent_index_find_built(
    struct run *run, const char *attempt_id, const char *sql, bool *is_built, struct error *err)
{
    AUTO_STRING char *query = memory_printf(SQL_BUILT, run->session.ledger.history_table);
    const char *const values[] = {sql, attempt_id};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!session_query(&run->session, query, ARRAY_LENGTH(values), values, &rows, err))
        return error_prefix(err, "cannot look for the index");
    *is_built = pg_rows_count(rows) > 0;
    if (!*is_built)
        return true;
    AUTO_STRING char *text = memory_printf(
        "the index %s is there and valid: an earlier run built it, and was stopped before it could "
        "say so",
        pg_rows_text(rows, 0, 0));
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    return true;
}

bool
concurrent_index_check(struct run *run, const char *sql, struct error *err)
{
    AUTO_STRING char *query = memory_printf(SQL_NAMED, "");
    const char *const values[] = {sql};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!session_query(&run->session, query, ARRAY_LENGTH(values), values, &rows, err))
        return error_prefix(err, "cannot look for invalid indexes");
    if (pg_rows_count(rows) == 0)
        return true;
    error_set(err, ERROR_DATABASE, "the index %s is not valid: an earlier build of it failed",
        pg_rows_text(rows, 0, 0));
    return error_hint(err, "DROP INDEX CONCURRENTLY %s; then run again.", pg_rows_text(rows, 0, 0));
}
