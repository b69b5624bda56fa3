/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/snapshot.h"

#include <stdlib.h>

#include "base/memory.h"

/*
 * A relation that was dropped has still its lock, and nothing else. 16384 is where
 * oids of users' objects begin.
 */
#define SQL_SNAPSHOT                                                                               \
    "WITH locked AS MATERIALIZED (\n"                                                              \
    "    SELECT relation,\n"                                                                       \
    "           bit_or(1 << array_position(ARRAY['AccessShareLock', 'RowShareLock',\n"             \
    "               'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',\n"                \
    "               'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'],\n"           \
    "               mode)) AS modes\n"                                                             \
    "      FROM pg_locks\n"                                                                        \
    "     WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted\n"                    \
    "       AND relation >= 16384\n"                                                               \
    "       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())\n"     \
    "     GROUP BY relation),\n"                                                                   \
    "present AS (\n"                                                                               \
    "    SELECT c.*, n.nspname\n"                                                                  \
    "      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace\n"                        \
    "     WHERE c.oid >= 16384 AND c.relkind <> 't' AND n.nspname <> 'pg_toast'\n"                 \
    "       AND c.relpersistence <> 't'\n"                                                         \
    "       AND ($1 OR c.oid IN (SELECT relation FROM locked)))\n"                                 \
    "SELECT c.oid, c.relkind, coalesce(i.indrelid, h.inhparent, 0), c.nspname, c.relname,\n"       \
    "       CASE WHEN c.nspname = 'public' THEN quote_ident(c.relname)\n"                          \
    "            ELSE format('%I.%I', c.nspname, c.relname) END,\n"                                \
    "       coalesce(pg_relation_filenode(c.oid), 0), c.reltablespace,\n"                          \
    "       coalesce(pg_stat_get_xact_numscans(c.oid), 0), c.relrowsecurity,\n"                    \
    "       coalesce(i.indisunique, false), coalesce(l.modes, 0),\n"                               \
    "       CASE WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN\n"                               \
    "       (SELECT json_object_agg(a.attnum, json_build_array(a.attname, a.atttypid::bigint,\n"   \
    "               format_type(a.atttypid, a.atttypmod), a.attnotnull,\n"                         \
    "               a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''))\n"                \
    "          FROM pg_attribute a\n"                                                              \
    "         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END,\n"            \
    "       CASE WHEN c.relkind IN ('r', 'p', 'f') THEN\n"                                         \
    "       (SELECT json_object_agg(k.oid, json_build_array(k.conname, k.contype,\n"               \
    "               k.convalidated, k.conindid::bigint))\n"                                        \
    "          FROM pg_constraint k\n"                                                             \
    "         WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')) END\n"          \
    "  FROM present c\n"                                                                           \
    "  LEFT JOIN locked l ON l.relation = c.oid\n"                                                 \
    "  LEFT JOIN pg_index i ON i.indexrelid = c.oid\n"                                             \
    "  LEFT JOIN pg_inherits h ON h.inhrelid = c.oid AND c.relispartition AND c.relkind <> 'i'\n"  \
    "UNION ALL\n"                                                                                  \
    "SELECT relation, NULL, 0, NULL, NULL, NULL, 0, 0, 0, false, false, modes, NULL, NULL\n"       \
    "  FROM locked\n"                                                                              \
    " WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation)\n"                              \
    "UNION ALL\n"                                                                                  \
    "SELECT oid, 'N', 0, nspname, nspname, quote_ident(nspname), 0, 0, 0, false, false, 0, NULL, " \
    "NULL\n"                                                                                       \
    "  FROM pg_namespace\n"                                                                        \
    " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'\n"                               \
    " ORDER BY 1"

static const char *const MODE_NAMES[] = {
    [LOCK_NONE] = "none",
    [LOCK_ACCESS_SHARE] = "ACCESS SHARE",
    [LOCK_ROW_SHARE] = "ROW SHARE",
    [LOCK_ROW_EXCLUSIVE] = "ROW EXCLUSIVE",
    [LOCK_SHARE_UPDATE_EXCLUSIVE] = "SHARE UPDATE EXCLUSIVE",
    [LOCK_SHARE] = "SHARE",
    [LOCK_SHARE_ROW_EXCLUSIVE] = "SHARE ROW EXCLUSIVE",
    [LOCK_EXCLUSIVE] = "EXCLUSIVE",
    [LOCK_ACCESS_EXCLUSIVE] = "ACCESS EXCLUSIVE",
};

const char *
lock_mode_name(enum lock_mode mode)
{
    return MODE_NAMES[mode];
}

enum lock_mode
lock_mode_strongest(unsigned modes)
{
    for (int mode = LOCK_ACCESS_EXCLUSIVE; mode > LOCK_NONE; mode--) {
        if ((modes & (1U << mode)) != 0)
            return (enum lock_mode)mode;
    }
    return LOCK_NONE;
}

static void
relation_done(struct relation *relation)
{
    free(relation->schema);
    free(relation->table);
    free(relation->name);
    json_decref(relation->columns);
    json_decref(relation->constraints);
    *relation = (struct relation){0};
}

void
snapshot_done(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->count; i++)
        relation_done(&snapshot->relations[i]);
    free(snapshot->relations);
    *snapshot = (struct snapshot){0};
}

static json_t *
read_object(const struct pg_rows *rows, size_t row, size_t column)
{
    return pg_rows_is_null(rows, row, column)
               ? NULL
               : json_loads(pg_rows_text(rows, row, column), 0, NULL);
}

static char *
read_name(const struct pg_rows *rows, size_t row, size_t column)
{
    return pg_rows_is_null(rows, row, column) ? NULL
                                              : memory_string(pg_rows_text(rows, row, column));
}

static struct relation
read_relation(const struct pg_rows *rows, size_t row)
{
    bool is_gone = pg_rows_is_null(rows, row, 1);

    return (struct relation){
        .oid = pg_rows_number(rows, row, 0),
        .kind = is_gone ? '\0' : pg_rows_text(rows, row, 1)[0],
        .is_gone = is_gone,
        .parent = pg_rows_number(rows, row, 2),
        .schema = read_name(rows, row, 3),
        .table = read_name(rows, row, 4),
        .name = read_name(rows, row, 5),
        .filenode = pg_rows_number(rows, row, 6),
        .tablespace = pg_rows_number(rows, row, 7),
        .scans = pg_rows_number(rows, row, 8),
        .has_row_security = pg_rows_boolean(rows, row, 9),
        .is_unique = pg_rows_boolean(rows, row, 10),
        .modes = (unsigned)pg_rows_number(rows, row, 11),
        .columns = read_object(rows, row, 12),
        .constraints = read_object(rows, row, 13),
    };
}

bool
snapshot_take(
    struct pg *db, enum snapshot_extent extent, struct snapshot *snapshot, struct error *err)
{
    const char *const values[] = {extent == SNAPSHOT_ALL ? "true" : "false"};
    AUTO_ROWS struct pg_rows *rows = NULL;
    struct snapshot taken = {0};

    if (!pg_query(db, SQL_SNAPSHOT, ARRAY_LENGTH(values), values, &rows, err))
        return error_prefix(err, "cannot look at the schema");
    for (size_t i = 0; i < pg_rows_count(rows); i++)
        *ARRAY_ADD(taken.relations, taken.count, taken.capacity) = read_relation(rows, i);
    *snapshot = taken;
    return true;
}

static int
compare_oids(const void *a, const void *b)
{
    int64_t first = ((const struct relation *)a)->oid;
    int64_t second = ((const struct relation *)b)->oid;

    return (first > second) - (first < second);
}

struct relation *
snapshot_find(const struct snapshot *snapshot, int64_t oid)
{
    const struct relation wanted = {.oid = oid};

    if (snapshot->count == 0)
        return NULL;
    return bsearch(&wanted, snapshot->relations, snapshot->count, sizeof(wanted), compare_oids);
}

void
snapshot_update(struct snapshot *snapshot, struct snapshot *newer)
{
    size_t known = snapshot->count;

    for (size_t i = 0; i < newer->count; i++) {
        struct relation *relation = &newer->relations[i];
        const struct snapshot sorted = {.relations = snapshot->relations, .count = known};
        struct relation *old = snapshot_find(&sorted, relation->oid);
        if (old == NULL) {
            old = ARRAY_ADD(snapshot->relations, snapshot->count, snapshot->capacity);
        } else {
            relation_done(old);
        }
        *old = *relation;
        *relation = (struct relation){0};
    }
    snapshot_done(newer);
    if (snapshot->count > known)
        qsort(snapshot->relations, snapshot->count, sizeof(*snapshot->relations), compare_oids);
}
