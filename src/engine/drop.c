/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* A partition goes with its table. */
#define SQL_LIST                                                                                   \
    "SELECT format('%I.%I', n.nspname, c.relname), n.nspname\n"                                    \
    "  FROM pg_class AS c\n"                                                                       \
    "  JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"                                         \
    " WHERE n.nspname = current_schema()\n"                                                        \
    "   AND c.relkind IN ('r', 'p') AND NOT c.relispartition\n"                                    \
    "   AND NOT EXISTS (SELECT\n"                                                                  \
    "                     FROM pg_depend AS d\n"                                                   \
    "                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid\n"             \
    "                      AND d.deptype = 'e')\n"                                                 \
    " ORDER BY c.relname"

static bool
drop_all(struct run *run, const struct pg_rows *rows, struct error *err)
{
    AUTO_TEXT sql = TEXT_INIT;

    if (pg_rows_count(rows) == 0)
        return true;
    for (size_t i = 0; i < pg_rows_count(rows); i++)
        text_printf(&sql, "%s%s", i == 0 ? "DROP TABLE " : ", ", pg_rows_text(rows, i, 0));
    text_puts(&sql, " CASCADE");
    return pg_command(run->session.db, text_string(&sql), 0, NULL, err);
}

bool
drop_tables(const struct config *config,
    const struct run_identity *identity,
    const struct listener *listener,
    struct error *err)
{
    AUTO_RUN run = {.config = config, .listener = listener, .identity = identity};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!run_open(&run, err))
        return false;
    if (!pg_query(run.session.db, SQL_LIST, 0, NULL, &rows, err))
        return error_prefix(err, "cannot list the tables");
    if (!drop_all(&run, rows, err))
        return error_prefix(err, "nothing was dropped");
    AUTO_STRING char *text = memory_printf("dropped %zu table%s of the schema %s on %s at %s",
        pg_rows_count(rows), pg_rows_count(rows) == 1 ? "" : "s", run.session.ledger.schema,
        pg_database(run.session.db), pg_host(run.session.db));
    tell(listener, &(struct event){.kind = EVENT_SCHEMA_DROPPED, .text = text});
    return true;
}
