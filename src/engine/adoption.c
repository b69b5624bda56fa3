/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/adoption.h"

#include "adapter/json.h"
#include "base/memory.h"

#define SQL_ADOPT                                                                                  \
    "INSERT INTO %s (migrations_table, version, name, direction, checksum,\n"                      \
    "       statements_total, statements_done, outcome, finished_at,\n"                            \
    "       run_id, runner, tool_version)\n"                                                       \
    "SELECT $1, version, name, direction, checksum, 0, 0, 'adopted', now(), $3, $4, $5\n"          \
    "  FROM jsonb_to_recordset($2) AS\n"                                                           \
    "       adopted (version bigint, name text, direction text, checksum text)\n"                  \
    " ORDER BY version"

static json_t *
describe(const struct history_entry *entry, const struct migration *migration)
{
    json_t *row = json_object();

    json_put_number(row, "version", entry->version);
    json_put_string(row, "name", entry->name);
    json_put_string(row, "direction", entry->is_applied ? "up" : "down");
    if (entry->is_applied && migration != NULL)
        json_put_string(row, "checksum", migration->up.checksum);
    return row;
}

bool
adoption_record(struct run *run, struct error *err)
{
    AUTO_JSON json_t *rows = json_array();
    const struct ledger *ledger = &run->session.ledger;

    for (size_t i = 0; i < run->history->count; i++) {
        const struct history_entry *entry = &run->history->entries[i];
        if (entry->is_inferred)
            json_array_append_new(
                rows, describe(entry, catalog_find(run->catalog, entry->version)));
    }
    if (json_array_size(rows) == 0)
        return true;

    AUTO_STRING char *text = json_to_string(rows);
    AUTO_STRING char *sql = memory_printf(SQL_ADOPT, ledger->history_table);
    const char *const values[] = {
        ledger->table, text, run->identity->run_id, run->identity->runner, PGSTRIDE_VERSION};
    if (!pg_command(run->session.db, sql, ARRAY_LENGTH(values), values, err))
        return error_prefix(err, "cannot enter what was applied before into the history");

    AUTO_STRING char *told = memory_printf("%zu migrations that another tool applied or reverted "
                                           "were entered into the history",
        json_array_size(rows));
    tell(run->listener, &(struct event){.kind = EVENT_DETAIL, .text = told});
    return true;
}
