/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/facts.h"

#include <stdlib.h>

#include "base/memory.h"

/* Of a partitioned table the sum of its partitions. */
#define SQL_FACTS                                                                                  \
    "SELECT w.place - 1, s.size, s.rows, s.reads, s.writes,\n"                                     \
    "       (SELECT extract(epoch FROM now() - stats_reset)::bigint\n"                             \
    "          FROM pg_stat_database WHERE datname = current_database())\n"                        \
    "  FROM json_array_elements($1::json) WITH ORDINALITY AS w(names, place)\n"                    \
    "  JOIN pg_namespace n ON n.nspname = w.names ->> 0\n"                                         \
    "  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.names ->> 1,\n"                 \
    "       LATERAL (\n"                                                                           \
    "    SELECT sum(pg_total_relation_size(t.oid))::bigint AS size,\n"                             \
    "           CASE WHEN min(t.reltuples) FILTER (WHERE t.relkind <> 'p') >= 0\n"                 \
    "                THEN sum(greatest(t.reltuples, 0))::bigint END AS rows,\n"                    \
    "           sum(coalesce(u.seq_scan, 0) + coalesce(u.idx_scan, 0))::bigint AS reads,\n"        \
    "           sum(coalesce(u.n_tup_ins + u.n_tup_upd + u.n_tup_del, 0))::bigint AS writes\n"     \
    "      FROM (SELECT relid FROM pg_partition_tree(c.oid) UNION SELECT c.oid) AS p(oid)\n"       \
    "      JOIN pg_class t ON t.oid = p.oid\n"                                                     \
    "      LEFT JOIN pg_stat_all_tables u ON u.relid = t.oid) AS s"

bool
facts_ask(struct pg *target, const bool *wanted, struct facts_table *table, struct error *err)
{
    AUTO_JSON json_t *names = json_array();
    AUTO_ROWS struct pg_rows *rows = NULL;
    size_t *places = memory_new((table->origin->count + 1) * sizeof(*places));
    size_t count = 0;

    for (size_t i = 0; i < table->origin->count; i++) {
        const struct relation *relation = &table->origin->relations[i];
        if (!wanted[i])
            continue;
        places[count++] = i;
        json_array_append_new(names, json_pack("[ss]", relation->schema, relation->table));
    }
    AUTO_STRING char *text = json_to_string(names);
    const char *const values[] = {text};
    if (!pg_query(target, SQL_FACTS, 1, values, &rows, err)) {
        free(places);
        return false;
    }
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        table->facts[places[pg_rows_number(rows, i, 0)]] = (struct facts){
            .is_known = true,
            .size_bytes = pg_rows_number(rows, i, 1),
            .rows = pg_rows_is_null(rows, i, 2) ? -1 : pg_rows_number(rows, i, 2),
            .reads = pg_rows_number(rows, i, 3),
            .writes = pg_rows_number(rows, i, 4),
            .seconds = pg_rows_is_null(rows, i, 5) ? 0 : pg_rows_number(rows, i, 5),
        };
    }
    free(places);
    return true;
}
