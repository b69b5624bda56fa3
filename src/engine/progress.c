/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/progress.h"

#include <stdio.h>

#include "base/memory.h"

enum { COPY_PROGRESS_SINCE = 140000 };

#define SQL_PROGRESS                                                                               \
    "SELECT phase || CASE WHEN lockers_total > 0\n"                                                \
    "                     THEN format(' (%s of %s)', lockers_done, lockers_total)\n"               \
    "                     ELSE '' END,\n"                                                          \
    "       CASE WHEN tuples_total > 0 THEN 100 * tuples_done / tuples_total\n"                    \
    "            WHEN blocks_total > 0 THEN 100 * blocks_done / blocks_total END\n"                \
    "  FROM pg_stat_progress_create_index\n"                                                       \
    " WHERE pid = $1::int\n"                                                                       \
    " UNION ALL\n"                                                                                 \
    "SELECT phase, CASE WHEN heap_blks_total > 0\n"                                                \
    "                   THEN 100 * heap_blks_scanned / heap_blks_total END\n"                      \
    "  FROM pg_stat_progress_cluster\n"                                                            \
    " WHERE pid = $1::int\n"                                                                       \
    " UNION ALL\n"                                                                                 \
    "SELECT phase, CASE WHEN heap_blks_total > 0\n"                                                \
    "                   THEN 100 * heap_blks_scanned / heap_blks_total END\n"                      \
    "  FROM pg_stat_progress_vacuum\n"                                                             \
    " WHERE pid = $1::int\n"                                                                       \
    " UNION ALL\n"                                                                                 \
    "SELECT phase, CASE WHEN sample_blks_total > 0\n"                                              \
    "                   THEN 100 * sample_blks_scanned / sample_blks_total END\n"                  \
    "  FROM pg_stat_progress_analyze\n"                                                            \
    " WHERE pid = $1::int\n"

/* Of what we send ourselves no total is known to the server. */
#define SQL_PROGRESS_COPY                                                                          \
    " UNION ALL\n"                                                                                 \
    "SELECT 'copying, ' || tuples_processed || ' rows so far',\n"                                  \
    "       CASE WHEN bytes_total > 0 THEN 100 * bytes_processed / bytes_total END\n"              \
    "  FROM pg_stat_progress_copy\n"                                                               \
    " WHERE pid = $1::int\n"

bool
progress_look(struct pg *db, int pid, struct pg_rows **rows, struct error *err)
{
    char watched[16];
    const char *const values[] = {watched};
    bool has_copy = pg_server_version(db) >= COPY_PROGRESS_SINCE;

    snprintf(watched, sizeof(watched), "%d", pid);
    return pg_query(db, has_copy ? SQL_PROGRESS SQL_PROGRESS_COPY : SQL_PROGRESS,
        ARRAY_LENGTH(values), values, rows, err);
}
