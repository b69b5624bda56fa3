/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/concurrent_removal.h"

#include "base/memory.h"
#include "engine/named.h"

#define IS_NAMED_RELATION IS_NAMED("c", "relname")
#define IS_NAMED_SCHEMA IS_NAMED("n", "nspname")

/* Together with what earlier tries entered. */
#define SQL_NOTE                                                                                   \
    "UPDATE %s\n"                                                                                  \
    "   SET error = jsonb_set(error, '{removing}', coalesce(error -> 'removing', '{}') || (\n"     \
    "           SELECT coalesce(jsonb_object_agg(c.oid::text, c.relname), '{}')\n"                 \
    "             FROM pg_class AS c\n"                                                            \
    "             JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"                              \
    "            WHERE (c.relkind = 'i' OR c.relispartition)\n"                                    \
    "              AND (pg_table_is_visible(c.oid) OR " IS_NAMED_SCHEMA ")\n"                      \
    "              AND " IS_NAMED_RELATION "))\n"                                                  \
    " WHERE id = $2"

#define SQL_DONE                                                                                   \
    "SELECT c.relname\n"                                                                           \
    "  FROM %s AS h, jsonb_each_text(h.error -> 'removing') AS c (oid, relname)\n"                 \
    " WHERE h.id = $2 AND " IS_NAMED_RELATION "\n"                                                 \
    "   AND NOT EXISTS (\n"                                                                        \
    "       SELECT\n"                                                                              \
    "         FROM pg_class AS k\n"                                                                \
    "        WHERE k.oid = c.oid::oid AND (k.relkind = 'i' OR k.relispartition))"

bool
concurrent_removal_note(struct run *run, const char *attempt_id, const char *sql, struct error *err)
{
    AUTO_STRING char *note = memory_printf(SQL_NOTE, run->session.ledger.history_table);
    const char *const values[] = {sql, attempt_id};

    return session_command(&run->session, note, ARRAY_LENGTH(values), values, err) ||
           error_prefix(err, "cannot write the history");
}

bool
concurrent_removal_find_done(
    struct run *run, const char *attempt_id, const char *sql, bool *is_done, struct error *err)
{
    AUTO_STRING char *query = memory_printf(SQL_DONE, run->session.ledger.history_table);
    const char *const values[] = {sql, attempt_id};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!session_query(&run->session, query, ARRAY_LENGTH(values), values, &rows, err))
        return error_prefix(err, "cannot look for what an earlier try removed");
    *is_done = pg_rows_count(rows) > 0;
    if (!*is_done)
        return true;
    AUTO_STRING char *text = memory_printf(
        "%s is gone from where it was: an earlier run removed it, and was stopped before it could "
        "say so",
        pg_rows_text(rows, 0, 0));
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    return true;
}
