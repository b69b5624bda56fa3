/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "schema/outline.h"

/* Beyond either, a look would take too long, or too much memory. */
#define LARGEST_COLUMNS "67108864" /* bytes of pg_attribute: about 10,000 tables of ten columns */
enum { LARGEST_COUNT = 200 * 1000 };

/* For the look alone: they end with its transaction. Whole catalogs are joined, so by hash. */
#define SQL_BOUNDS                                                                                 \
    "SELECT set_config('search_path', 'pg_catalog, pg_temp', true),\n"                             \
    "       set_config('statement_timeout', '2s', true),\n"                                        \
    "       set_config('lock_timeout', '500ms', true),\n"                                          \
    "       set_config('enable_nestloop', 'off', true),\n"                                         \
    "       set_config('jit', 'off', true)"

/* $1: the main schema; $2, $3: tables that are left out. */
#define SQL_COMMON                                                                                 \
    "WITH members AS MATERIALIZED (\n"                                                             \
    "    SELECT classid, objid\n"                                                                  \
    "      FROM pg_depend\n"                                                                       \
    "     WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'),\n"                       \
    "spaces AS MATERIALIZED (\n"                                                                   \
    "    SELECT oid, nspname,\n"                                                                   \
    "           CASE WHEN nspname = $1 THEN '' ELSE quote_ident(nspname) || '.' END AS prefix\n"   \
    "      FROM pg_namespace\n"                                                                    \
    "     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),\n"                         \
    "parents AS MATERIALIZED (\n"                                                                  \
    "    SELECT inhrelid, string_agg(inhparent::text, ' ' ORDER BY inhseqno) AS oids\n"            \
    "      FROM pg_inherits\n"                                                                     \
    "     GROUP BY inhrelid),\n"                                                                   \
    "relations AS MATERIALIZED (\n"                                                                \
    "    SELECT c.oid, c.relkind, c.relispartition, c.reloptions,\n"                               \
    "           prefix || quote_ident(relname) AS name,\n"                                         \
    "           concat_ws(' ', relpersistence, relam, reltablespace, relreplident,\n"              \
    "               relrowsecurity, relforcerowsecurity, reloptions, reloftype,\n"                 \
    "               relpartbound::text, p.oids) AS definition\n"                                   \
    "      FROM pg_class AS c\n"                                                                   \
    "      JOIN spaces AS s ON s.oid = c.relnamespace\n"                                           \
    "      LEFT JOIN parents AS p ON p.inhrelid = c.oid\n"                                         \
    "     WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c') AND relpersistence <> 't'\n"        \
    "       AND (c.oid = (SELECT to_regclass($2)::oid)) IS NOT TRUE\n"                             \
    "       AND (c.oid = (SELECT to_regclass($3)::oid)) IS NOT TRUE\n"                             \
    "       AND NOT EXISTS (\n"                                                                    \
    "           SELECT FROM members\n"                                                             \
    "            WHERE classid = 'pg_class'::regclass AND objid = c.oid))\n"

#define SQL_SCHEMAS                                                                                \
    "SELECT 'schema', s.oid, 0, 0::oid, quote_ident(nspname), NULL, false\n"                       \
    "  FROM spaces AS s\n"                                                                         \
    " WHERE NOT EXISTS (\n"                                                                        \
    "       SELECT FROM members\n"                                                                 \
    "        WHERE classid = 'pg_namespace'::regclass AND objid = s.oid)\n"                        \
    "UNION ALL\n"                                                                                  \
    "SELECT 'extension', oid, 0, 0::oid, quote_ident(extname), extversion, false\n"                \
    "  FROM pg_extension\n"

#define SQL_RELATIONS                                                                              \
    "SELECT CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, oid, 0, 0::oid, name,\n"  \
    "       '#' || hashtextextended(definition, 0), false\n"                                       \
    "  FROM relations\n"                                                                           \
    " WHERE relkind IN ('r', 'p', 'f')\n"                                                          \
    "UNION ALL\n"                                                                                  \
    "SELECT CASE relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, c.oid, 0, 0::oid,\n"   \
    "       name, '#' || hashtextextended(concat_ws(' ', reloptions, ev_action::text), 0), "       \
    "false\n"                                                                                      \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_rewrite AS r ON r.ev_class = c.oid AND rulename = '_RETURN'\n"                      \
    " WHERE relkind IN ('v', 'm')\n"                                                               \
    "UNION ALL\n"                                                                                  \
    "SELECT 'sequence', c.oid, 0, 0::oid, name, '#' || concat_ws(' ', seqtypid, seqstart,\n"       \
    "       seqincrement, seqmax, seqmin, seqcache, seqcycle), false\n"                            \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_sequence AS q ON q.seqrelid = c.oid\n"                                              \
    " WHERE NOT EXISTS (\n"                                                                        \
    "       SELECT FROM pg_depend AS d\n"                                                          \
    "        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0\n"      \
    "          AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))\n"

#define SQL_FUNCTIONS                                                                              \
    "SELECT 'function', p.oid, 0, 0::oid,\n"                                                       \
    "       prefix || quote_ident(proname) || '(' || oidvectortypes(proargtypes) || ')',\n"        \
    "       '#' || hashtextextended(concat_ws(' ', prolang, procost, prorows, prokind,\n"          \
    "           prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel,\n"      \
    "           prorettype, proallargtypes, proargmodes, proargnames, proargdefaults::text,\n"     \
    "           probin, proconfig, prosrc,\n"                                                      \
    "           CASE prosrc WHEN '' THEN to_jsonb(p) ->> 'prosqlbody' END), 0), false\n"           \
    "  FROM pg_proc AS p\n"                                                                        \
    "  JOIN spaces AS s ON s.oid = p.pronamespace\n"                                               \
    " WHERE NOT EXISTS (\n"                                                                        \
    "       SELECT FROM members\n"                                                                 \
    "        WHERE classid = 'pg_proc'::regclass AND objid = p.oid)\n"

#define SQL_TYPES                                                                                  \
    "SELECT 'type', t.oid, 0, 0::oid, prefix || quote_ident(typname),\n"                           \
    "       CASE typtype\n"                                                                        \
    "       WHEN 'e' THEN (\n"                                                                     \
    "           SELECT left(string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder),\n"  \
    "                      100) || '#' || hashtextextended(\n"                                     \
    "                      string_agg(enumlabel, ' ' ORDER BY enumsortorder), 0)\n"                \
    "             FROM pg_enum\n"                                                                  \
    "            WHERE enumtypid = t.oid)\n"                                                       \
    "       WHEN 'd' THEN\n"                                                                       \
    "           format_type(typbasetype, typtypmod) || CASE WHEN typnotnull THEN ' NOT NULL' "     \
    "ELSE '' END\n"                                                                                \
    "           || '#' || hashtextextended(concat_ws(' ', typcollation, typdefaultbin::text, (\n"  \
    "               SELECT string_agg(concat(conname, convalidated, conbin::text), ' '\n"          \
    "                          ORDER BY conname)\n"                                                \
    "                 FROM pg_constraint\n"                                                        \
    "                WHERE contypid = t.oid)), 0)\n"                                               \
    "       WHEN 'c' THEN (\n"                                                                     \
    "           SELECT left(string_agg(quote_ident(attname) || ' '\n"                              \
    "                      || format_type(atttypid, atttypmod), ', ' ORDER BY attnum), 100)\n"     \
    "                  || '#' || hashtextextended(string_agg(\n"                                   \
    "                      concat_ws(' ', attname, atttypid, atttypmod, attcollation), ', '\n"     \
    "                      ORDER BY attnum), 0)\n"                                                 \
    "             FROM pg_attribute\n"                                                             \
    "            WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped)\n"                 \
    "       END, false\n"                                                                          \
    "  FROM pg_type AS t\n"                                                                        \
    "  JOIN spaces AS s ON s.oid = t.typnamespace\n"                                               \
    " WHERE (typtype IN ('e', 'd', 'r')\n"                                                         \
    "        OR typtype = 'c' AND typrelid IN (SELECT oid FROM relations WHERE relkind = 'c'))\n"  \
    "   AND NOT EXISTS (\n"                                                                        \
    "       SELECT FROM members\n"                                                                 \
    "        WHERE classid = 'pg_type'::regclass AND objid = t.oid)\n"

#define SQL_COLUMNS                                                                                \
    "SELECT 'column', 0::oid, attnum, attrelid, quote_ident(attname),\n"                           \
    "       format_type(atttypid, atttypmod)\n"                                                    \
    "       || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END\n"                                \
    "       || CASE attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'\n"                   \
    "                           WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY' ELSE '' END\n"   \
    "       || CASE WHEN attgenerated <> '' THEN ' GENERATED'\n"                                   \
    "               WHEN d.oid IS NOT NULL THEN ' DEFAULT' ELSE '' END\n"                          \
    "       || '#' || concat_ws(' ', attcollation, d.oid),\n"                                      \
    "       relispartition AND NOT attislocal\n"                                                   \
    "  FROM pg_attribute AS a\n"                                                                   \
    "  JOIN relations AS c ON c.oid = attrelid AND relkind IN ('r', 'p', 'f')\n"                   \
    "  LEFT JOIN pg_attrdef AS d ON d.adrelid = attrelid AND d.adnum = attnum\n"                   \
    " WHERE attnum > 0 AND NOT attisdropped\n"

/* %s: what says NULLS NOT DISTINCT, where the server has it. */
#define SQL_INDEXES                                                                                \
    "SELECT 'index', x.indexrelid, 0, indrelid, quote_ident(i.relname),\n"                         \
    "       CASE WHEN indisvalid THEN '' ELSE 'invalid' END || '#' || hashtextextended(\n"         \
    "       concat_ws(' ', i.relam, indkey, indclass, indcollation, indoption, indnkeyatts,\n"     \
    "           indisunique, indisprimary, %s, indexprs::text, indpred::text, i.reloptions), "     \
    "0),\n"                                                                                        \
    "       i.relispartition\n"                                                                    \
    "  FROM pg_index AS x\n"                                                                       \
    "  JOIN relations AS c ON c.oid = indrelid\n"                                                  \
    "  JOIN pg_class AS i ON i.oid = x.indexrelid\n"                                               \
    " WHERE NOT EXISTS (\n"                                                                        \
    "       SELECT FROM pg_constraint AS k\n"                                                      \
    "        WHERE k.conrelid = indrelid AND k.conindid = x.indexrelid\n"                          \
    "          AND contype IN ('p', 'u', 'x'))\n"

#define SQL_PARTS                                                                                  \
    "SELECT 'constraint', k.oid, 0, conrelid, quote_ident(conname),\n"                             \
    "       CASE WHEN convalidated THEN '' ELSE 'NOT VALID' END || '#' || hashtextextended(\n"     \
    "       concat_ws(' ', contype, condeferrable, condeferred, conkey, confrelid, confkey,\n"     \
    "           confupdtype, confdeltype, confmatchtype, connoinherit, conexclop,\n"               \
    "           conbin::text), 0),\n"                                                              \
    "       conparentid <> 0 OR NOT conislocal\n"                                                  \
    "  FROM pg_constraint AS k\n"                                                                  \
    "  JOIN relations AS c ON c.oid = conrelid\n"                                                  \
    " WHERE contype IN ('c', 'f', 'p', 'u', 'x')\n"                                                \
    "UNION ALL\n"                                                                                  \
    "SELECT 'trigger', t.oid, 0, tgrelid, quote_ident(tgname), '#' || hashtextextended(\n"         \
    "       concat_ws(' ', tgfoid, tgtype, tgenabled, tgdeferrable, tginitdeferred, tgattr,\n"     \
    "           tgargs, tgoldtable, tgnewtable, tgqual::text), 0), tgparentid <> 0\n"              \
    "  FROM pg_trigger AS t\n"                                                                     \
    "  JOIN relations AS c ON c.oid = tgrelid\n"                                                   \
    " WHERE NOT tgisinternal\n"                                                                    \
    "UNION ALL\n"                                                                                  \
    "SELECT 'rule', r.oid, 0, ev_class, quote_ident(rulename), '#' || hashtextextended(\n"         \
    "       concat_ws(' ', ev_type, ev_enabled, is_instead, ev_qual::text,\n"                      \
    "           ev_action::text), 0), false\n"                                                     \
    "  FROM pg_rewrite AS r\n"                                                                     \
    "  JOIN relations AS c ON c.oid = ev_class\n"                                                  \
    " WHERE rulename <> '_RETURN'\n"                                                               \
    "UNION ALL\n"                                                                                  \
    "SELECT 'policy', l.oid, 0, polrelid, quote_ident(polname), '#' || hashtextextended(\n"        \
    "       concat_ws(' ', polcmd, polpermissive, polroles, polqual::text,\n"                      \
    "           polwithcheck::text), 0), false\n"                                                  \
    "  FROM pg_policy AS l\n"                                                                      \
    "  JOIN relations AS c ON c.oid = polrelid\n"

/* Nothing at all where it is too large, and one row more than the largest number. */
#define SQL_OUTLINE                                                                                \
    "SELECT * FROM (\n" SQL_SCHEMAS "UNION ALL\n" SQL_RELATIONS "UNION ALL\n" SQL_FUNCTIONS        \
    "UNION ALL\n" SQL_TYPES "UNION ALL\n" SQL_COLUMNS "UNION ALL\n" SQL_INDEXES                    \
    "UNION ALL\n" SQL_PARTS ") AS objects\n"                                                       \
    " WHERE (SELECT pg_relation_size('pg_attribute') <= " LARGEST_COLUMNS ")\n"                    \
    " LIMIT %d"

static enum outline_kind
find_kind(const char *name)
{
    enum outline_kind kind = OUTLINE_SCHEMA;

    while (kind < OUTLINE_POLICY && strcmp(outline_kind_name(kind), name) != 0)
        kind++;
    return kind;
}

static void
read_objects(struct outline *outline)
{
    const struct pg_rows *rows = outline->rows;
    size_t count = pg_rows_count(rows);

    outline->objects = memory_new((count + 1) * sizeof(*outline->objects));
    for (; outline->count < count; outline->count++) {
        size_t row = outline->count;
        struct outline_object *object = &outline->objects[row];
        object->kind = find_kind(pg_rows_text(rows, row, 0));
        object->number = (int32_t)pg_rows_number(rows, row, 2);
        object->parent = (uint32_t)pg_rows_number(rows, row, 3);
        object->oid = object->kind == OUTLINE_COLUMN ? object->parent
                                                     : (uint32_t)pg_rows_number(rows, row, 1);
        object->name = pg_rows_text(rows, row, 4);
        object->definition = pg_rows_text(rows, row, 5);
        object->is_inherited = pg_rows_boolean(rows, row, 6);
    }
}

/* The answers of the pipeline: to the bounds, the query and the sync. */
static bool
receive(struct pg *db, struct pg_rows **rows, struct error *err)
{
    struct error refusal = ERROR_INIT;
    bool is_refused = false;

    for (bool is_over = false; !is_over;) {
        AUTO_REPLY reply = {0};
        if (!pg_pipeline_receive(db, true, &reply, err))
            return false;
        is_over = reply.kind == PG_REPLY_SYNCED;
        if (reply.kind == PG_REPLY_FAILED) {
            is_refused = true;
            refusal = reply.error;
        } else if (reply.kind == PG_REPLY_DONE) {
            pg_rows_release(rows);
            *rows = TAKE(reply.rows);
        }
    }
    if (!pg_pipeline_leave(db, err))
        return false;
    if (is_refused)
        *err = refusal;
    return !is_refused;
}

bool
outline_load(struct pg *db,
    const struct outline_request *request,
    struct outline **outline,
    struct error *err)
{
    AUTO_OUTLINE struct outline *loaded = memory_new(sizeof(*loaded));
    const char *nulls = pg_server_version(db) >= 150000 ? "indnullsnotdistinct" : "NULL";
    AUTO_STRING char *sql = memory_printf(SQL_COMMON SQL_OUTLINE, nulls, LARGEST_COUNT + 1);
    const char *const values[] = {
        request->schema, request->left_out_tables[0], request->left_out_tables[1]};

    if (!pg_pipeline_enter(db, PG_ROWS_ALL, err) ||
        !pg_pipeline_send(db, SQL_BOUNDS, 0, NULL, err) ||
        !pg_pipeline_send(db, sql, ARRAY_LENGTH(values), values, err) ||
        !pg_pipeline_sync(db, err) || !receive(db, &loaded->rows, err))
        return false;
    size_t count = pg_rows_count(loaded->rows);
    if (count == 0 || count > LARGEST_COUNT)
        return error_set(err, ERROR_SYSTEM, "the catalog is too large");
    read_objects(loaded);
    outline_sort(loaded);
    *outline = TAKE(loaded);
    return true;
}
