/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* One row at least, for the schema's name. A partition goes with its table. */
#define SQL_LIST                                                                                   \
    "SELECT s.name, CASE WHEN t.name IS NOT NULL THEN format('%I.%I', s.name, t.name) END\n"       \
    "  FROM (SELECT current_schema()) AS s (name)\n"                                               \
    "  LEFT JOIN (\n"                                                                              \
    "        SELECT c.relname\n"                                                                   \
    "          FROM pg_class AS c\n"                                                               \
    "          JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"                                 \
    "         WHERE n.nspname = current_schema()\n"                                                \
    "           AND c.relkind IN ('r', 'p') AND NOT c.relispartition\n"                            \
    "           AND NOT EXISTS (SELECT\n"                                                          \
    "                             FROM pg_depend AS d\n"                                           \
    "                            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid\n"     \
    "                              AND d.deptype = 'e')) AS t (name) ON true\n"                    \
    " ORDER BY t.name"

static bool
drop_all(struct run *run, const struct pg_rows *rows, size_t count, struct error *err)
{
    AUTO_TEXT sql = TEXT_INIT;

    if (count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        text_printf(&sql, "%s%s", i == 0 ? "DROP TABLE " : ", ", pg_rows_text(rows, i, 1));
    text_puts(&sql, " CASCADE");
    return pg_command(run->session.db, text_string(&sql), 0, NULL, err);
}

/* In another schema, our two tables stay, and say no more that anything was applied. */
static bool
forget_version(struct run *run, const char *schema, struct error *err)
{
    const struct ledger *ledger = &run->session.ledger;
    const char *const values[] = {ledger->table};
    AUTO_STRING char *version = memory_printf("DELETE FROM %s", ledger->version_table);
    AUTO_STRING char *history =
        memory_printf("DELETE FROM %s WHERE migrations_table = $1", ledger->history_table);

    if (strcmp(ledger->schema, schema) == 0)
        return true;
    return (!ledger->has_version_table || pg_command(run->session.db, version, 0, NULL, err)) &&
           (!ledger->has_history_table || pg_command(run->session.db, history, 1, values, err));
}

static bool
list_and_drop(struct run *run, struct pg_rows **rows, size_t *count, struct error *err)
{
    if (!pg_query(run->session.db, SQL_LIST, 0, NULL, rows, err))
        return error_prefix(err, "cannot list the tables");
    *count = pg_rows_is_null(*rows, 0, 1) ? 0 : pg_rows_count(*rows);
    return drop_all(run, *rows, *count, err) && forget_version(run, pg_rows_text(*rows, 0, 0), err);
}

static bool
fail(const struct run *run, struct error *err)
{
    if (err->kind != ERROR_CONNECTION && !pg_is_lost(run->session.db))
        return error_prefix(err, "nothing was dropped");
    error_prefix(err, "it is not known whether the tables were dropped");
    return error_hint(err, "They all were, or none was: run it again.");
}

bool
drop_tables(const struct config *config,
    const struct run_identity *identity,
    const struct listener *listener,
    struct error *err)
{
    AUTO_RUN run = {.config = config, .listener = listener, .identity = identity};
    AUTO_ROWS struct pg_rows *rows = NULL;

    size_t count = 0;
    if (!run_open(&run, err) || !session_begin(&run.session, err))
        return false;
    if (!session_end(&run.session, list_and_drop(&run, &rows, &count, err), err))
        return fail(&run, err);
    AUTO_STRING char *text = memory_printf("dropped %zu table%s of the schema %s on %s at %s",
        count, count == 1 ? "" : "s", pg_rows_text(rows, 0, 0), pg_database(run.session.db),
        pg_host(run.session.db));
    tell(listener, &(struct event){.kind = EVENT_SCHEMA_DROPPED, .text = text});
    return true;
}
