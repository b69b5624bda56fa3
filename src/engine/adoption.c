/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/adoption.h"

#include "adapter/json.h"
#include "base/memory.h"

#define SQL_ADOPT                                                                                  \
    "INSERT INTO %s (migrations_table, version, name, direction, checksum,\n"                      \
    "       statements_total, statements_done, outcome, finished_at,\n"                            \
    "       run_id, runner, tool_version)\n"                                                       \
    "SELECT $1, version, name, direction, checksum, 0, 0, $6, now(), $3, $4, $5\n"                 \
    "  FROM jsonb_to_recordset($2) AS\n"                                                           \
    "       adopted (version bigint, name text, direction text, checksum text)\n"                  \
    " ORDER BY version"

json_t *
adoption_row(int64_t version, const char *name, bool is_up, const struct migration *migration)
{
    json_t *row = json_object();

    json_put_number(row, "version", version);
    json_object_set_new(row, "name", json_string(name));
    json_put_string(row, "direction", is_up ? "up" : "down");
    if (is_up && migration != NULL)
        json_put_string(row, "checksum", migration->up.checksum);
    return row;
}

bool
adoption_enter(struct run *run, const json_t *rows, const char *outcome, struct error *err)
{
    const struct ledger *ledger = &run->session.ledger;
    AUTO_STRING char *text = json_to_string(rows);
    AUTO_STRING char *sql = memory_printf(SQL_ADOPT, ledger->history_table);
    const char *const values[] = {ledger->table, text, run->identity->run_id, run->identity->runner,
        PGSTRIDE_VERSION, outcome};

    return json_array_size(rows) == 0 ||
           pg_command(run->session.db, sql, ARRAY_LENGTH(values), values, err);
}

bool
adoption_record(struct run *run, struct error *err)
{
    AUTO_JSON json_t *rows = json_array();

    for (size_t i = 0; i < run->history->count; i++) {
        const struct history_entry *entry = &run->history->entries[i];
        if (entry->is_inferred)
            json_array_append_new(rows, adoption_row(entry->version, entry->name, entry->is_applied,
                                            catalog_find(run->catalog, entry->version)));
    }
    if (json_array_size(rows) == 0)
        return true;
    if (!session_begin(&run->session, err) ||
        !session_end(&run->session, adoption_enter(run, rows, "adopted", err), err))
        return error_prefix(err, "cannot enter what was applied before into the history");

    AUTO_STRING char *told = memory_printf("%zu migrations that another tool applied or reverted "
                                           "were entered into the history",
        json_array_size(rows));
    tell(run->listener, &(struct event){.kind = EVENT_DETAIL, .text = told});
    return true;
}
