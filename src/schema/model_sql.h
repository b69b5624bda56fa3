/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queries of a model: one a kind of object. Each gives kind, catalog, oid, number,
 * name, shown, create, drop, shape, table, type, default, not null.
 */
#ifndef SCHEMA_MODEL_SQL_H
#define SCHEMA_MODEL_SQL_H

/* $1, $2: tables that are left out. */
#define MODEL_SQL_COMMON                                                                           \
    "WITH members AS (\n"                                                                          \
    "    SELECT classid, objid\n"                                                                  \
    "      FROM pg_depend\n"                                                                       \
    "     WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'),\n"                       \
    "spaces AS (\n"                                                                                \
    "    SELECT oid, nspname\n"                                                                    \
    "      FROM pg_namespace\n"                                                                    \
    "     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),\n"                         \
    "relations AS (\n"                                                                             \
    "    SELECT c.*, c.oid::regclass::text AS name\n"                                              \
    "      FROM pg_class AS c\n"                                                                   \
    "     WHERE relnamespace IN (SELECT oid FROM spaces)\n"                                        \
    "       AND (c.oid = to_regclass($1)::oid) IS NOT TRUE\n"                                      \
    "       AND (c.oid = to_regclass($2)::oid) IS NOT TRUE\n"                                      \
    "       AND ('pg_class'::regclass::oid, c.oid) NOT IN (SELECT * FROM members)),\n"             \
    "identities AS (\n"                                                                            \
    "    SELECT refobjid AS owner, refobjsubid AS number, q.*\n"                                   \
    "      FROM pg_depend AS d\n"                                                                  \
    "      JOIN pg_sequence AS q ON q.seqrelid = d.objid\n"                                        \
    "     WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass\n"            \
    "       AND deptype = 'i')\n"

#define MODEL_SQL_SCHEMAS                                                                          \
    "SELECT 'schema', 'pg_namespace'::regclass::oid, oid, 0, quote_ident(nspname), "               \
    "nspname::text,\n"                                                                             \
    "       'CREATE SCHEMA ' || quote_ident(nspname), 'DROP SCHEMA ' || quote_ident(nspname), "    \
    "'',\n"                                                                                        \
    "       '', '', '', false\n"                                                                   \
    "  FROM spaces\n"                                                                              \
    " WHERE nspname <> 'public'\n"                                                                 \
    "   AND ('pg_namespace'::regclass::oid, oid) NOT IN (SELECT * FROM members)\n"                 \
    "UNION ALL\n"                                                                                  \
    "SELECT 'extension', 'pg_extension'::regclass, e.oid, 0, quote_ident(extname), extname,\n"     \
    "       format('CREATE EXTENSION %I SCHEMA %I', extname, nspname),\n"                          \
    "       format('DROP EXTENSION %I', extname), '', '', '', '', false\n"                         \
    "  FROM pg_extension AS e\n"                                                                   \
    "  JOIN pg_namespace AS n ON n.oid = extnamespace\n"                                           \
    " WHERE extname <> 'plpgsql'\n"

#define MODEL_SQL_TYPES                                                                            \
    "SELECT CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'composite type' END,\n" \
    "       CASE typtype WHEN 'c' THEN 'pg_class'::regclass ELSE 'pg_type'::regclass END,\n"       \
    "       CASE typtype WHEN 'c' THEN typrelid ELSE t.oid END, 0, t.oid::regtype::text, "         \
    "typname,\n"                                                                                   \
    "       CASE typtype WHEN 'e' THEN (\n"                                                        \
    "           SELECT format('CREATE TYPE %s AS ENUM (%s)', t.oid::regtype,\n"                    \
    "                      string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder))\n"   \
    "             FROM pg_enum\n"                                                                  \
    "            WHERE enumtypid = t.oid)\n"                                                       \
    "       WHEN 'd' THEN\n"                                                                       \
    "           format('CREATE DOMAIN %s AS %s', t.oid::regtype,\n"                                \
    "               format_type(typbasetype, typtypmod))\n"                                        \
    "           || CASE WHEN typcollation NOT IN (0, 100)\n"                                       \
    "                   THEN ' COLLATE ' || typcollation::regcollation ELSE '' END\n"              \
    "           || coalesce(' DEFAULT ' || typdefault, '')\n"                                      \
    "           || CASE WHEN typnotnull THEN ' NOT NULL' ELSE '' END || coalesce((\n"              \
    "               SELECT string_agg(format(' CONSTRAINT %I %s', conname,\n"                      \
    "                          pg_get_constraintdef(oid)), '' ORDER BY conname)\n"                 \
    "                 FROM pg_constraint\n"                                                        \
    "                WHERE contypid = t.oid AND contype = 'c'), '')\n"                             \
    "       ELSE (\n"                                                                              \
    "           SELECT format('CREATE TYPE %s AS (%s)', t.oid::regtype, string_agg(\n"             \
    "                      quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)\n"      \
    "                      || CASE WHEN attcollation NOT IN (0, 100)\n"                            \
    "                              THEN ' COLLATE ' || attcollation::regcollation ELSE '' END,\n"  \
    "                      ', ' ORDER BY attnum))\n"                                               \
    "             FROM pg_attribute\n"                                                             \
    "            WHERE attrelid = typrelid AND attnum > 0 AND NOT attisdropped)\n"                 \
    "       END,\n"                                                                                \
    "       format(CASE typtype WHEN 'd' THEN 'DROP DOMAIN %s' ELSE 'DROP TYPE %s' END,\n"         \
    "           t.oid::regtype), '', '', '', '', false\n"                                          \
    "  FROM pg_type AS t\n"                                                                        \
    " WHERE typnamespace IN (SELECT oid FROM spaces)\n"                                            \
    "   AND (typtype IN ('e', 'd')\n"                                                              \
    "        OR typtype = 'c' AND typrelid IN (SELECT oid FROM relations WHERE relkind = 'c'))\n"  \
    "   AND ('pg_type'::regclass::oid, oid) NOT IN (SELECT * FROM members)\n"

#define MODEL_SQL_SEQUENCES                                                                        \
    "SELECT 'sequence', 'pg_class'::regclass::oid, c.oid, 0, name, relname,\n"                     \
    "       format('CREATE SEQUENCE %s AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s '\n"          \
    "           'START WITH %s CACHE %s %s', name, seqtypid::regtype, seqincrement, seqmin,\n"     \
    "           seqmax, seqstart, seqcache, CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' "      \
    "END),\n"                                                                                      \
    "       'DROP SEQUENCE ' || name, relpersistence::text, '', '', '', false\n"                   \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_sequence AS q ON q.seqrelid = c.oid\n"                                              \
    " WHERE c.oid NOT IN (SELECT seqrelid FROM identities)\n"                                      \
    "UNION ALL\n"                                                                                  \
    "SELECT 'sequence''s owner', 0, c.oid, 0, c.name, c.relname,\n"                                \
    "       format('ALTER SEQUENCE %s OWNED BY %s.%I', c.name, t.name, attname),\n"                \
    "       format('ALTER SEQUENCE %s OWNED BY NONE', c.name), '', t.name, '', '', false\n"        \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid\n"              \
    "       AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'\n"                         \
    "  JOIN relations AS t ON t.oid = d.refobjid\n"                                                \
    "  JOIN pg_attribute AS a ON attrelid = t.oid AND attnum = refobjsubid\n"                      \
    " WHERE c.relkind = 'S'\n"

/* What is not said otherwise stands in the shape. */
#define MODEL_SQL_TABLES                                                                           \
    "SELECT 'table', 'pg_class'::regclass::oid, oid, 0, name, relname,\n"                          \
    "       format('CREATE %sTABLE %s',\n"                                                         \
    "           CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, name),\n"               \
    "       'DROP TABLE ' || name,\n"                                                              \
    "       concat_ws(' ', reloptions, relam, reltablespace, relreplident), '', '', '', false\n"   \
    "  FROM relations\n"                                                                           \
    " WHERE relkind = 'r'\n"                                                                       \
    "UNION ALL\n"                                                                                  \
    "SELECT 'column', 'pg_class'::regclass::oid, c.oid, attnum,\n"                                 \
    "       name || '.' || quote_ident(attname), attname,\n"                                       \
    "       quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) || facts\n"            \
    "       || CASE WHEN attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s) STORED', "      \
    "expr)\n"                                                                                      \
    "               WHEN expr IS NOT NULL THEN ' DEFAULT ' || expr ELSE '' END\n"                  \
    "       || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END,\n"                               \
    "       format('ALTER TABLE %s DROP COLUMN %I', name, attname),\n"                             \
    "       concat_ws(' ', facts, attgenerated,\n"                                                 \
    "           CASE attgenerated WHEN '' THEN NULL ELSE expr END,\n"                              \
    "           CASE WHEN attstorage <> typstorage THEN attstorage END,\n"                         \
    "           NULLIF(attstattarget, -1),\n"                                                      \
    "           (SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(attoptions) AS o\n"              \
    "             WHERE o ~ '^n_distinct'),\n"                                                     \
    "           NULLIF(to_jsonb(a) ->> 'attcompression', '')),\n"                                  \
    "       name, format_type(atttypid, atttypmod),\n"                                             \
    "       CASE attgenerated WHEN '' THEN coalesce(expr, '') ELSE '' END, attnotnull\n"           \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped\n"           \
    "  JOIN pg_type AS t ON t.oid = atttypid\n"                                                    \
    "  LEFT JOIN pg_attrdef AS d ON adrelid = c.oid AND adnum = attnum\n"                          \
    "  LEFT JOIN identities AS q ON q.owner = c.oid AND q.number = attnum,\n"                      \
    "  LATERAL (SELECT pg_get_expr(adbin, adrelid) AS expr,\n"                                     \
    "      CASE WHEN attcollation NOT IN (0, typcollation)\n"                                      \
    "           THEN ' COLLATE ' || attcollation::regcollation ELSE '' END\n"                      \
    "      || CASE attidentity WHEN '' THEN '' ELSE format(\n"                                     \
    "          ' GENERATED %s AS IDENTITY%s',\n"                                                   \
    "          CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,\n"                   \
    "          CASE WHEN seqstart = 1 AND seqincrement = 1 AND seqmin = 1 AND seqcache = 1\n"      \
    "                AND NOT seqcycle AND seqmax = (1::numeric * 256 ^ typlen) / 2 - 1 THEN ''\n"  \
    "               ELSE format(' (START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s '\n"      \
    "                   'CACHE %s%s)', seqstart, seqincrement, seqmin, seqmax, seqcache,\n"        \
    "                   CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END) END) END AS facts) AS f\n"   \
    " WHERE relkind = 'r'\n"

#define MODEL_SQL_PARTS                                                                            \
    "SELECT 'constraint', 'pg_constraint'::regclass::oid, k.oid, 0,\n"                             \
    "       name || '.' || quote_ident(conname), conname,\n"                                       \
    "       format('ALTER TABLE %s ADD CONSTRAINT %I %s', name, conname,\n"                        \
    "           pg_get_constraintdef(k.oid)),\n"                                                   \
    "       format('ALTER TABLE %s DROP CONSTRAINT %I', name, conname),\n"                         \
    "       concat_ws(' ', (SELECT concat_ws(' ', i.reloptions, i.reltablespace, "                 \
    "indisclustered,\n"                                                                            \
    "               indisreplident)\n"                                                             \
    "             FROM pg_class AS i JOIN pg_index ON indexrelid = i.oid\n"                        \
    "            WHERE i.oid = conindid AND contype IN ('p', 'u', 'x')), connoinherit),\n"         \
    "       name, '', '', false\n"                                                                 \
    "  FROM pg_constraint AS k\n"                                                                  \
    "  JOIN relations AS c ON c.oid = conrelid\n"                                                  \
    " WHERE contype IN ('c', 'f', 'p', 'u', 'x')\n"                                                \
    "UNION ALL\n"                                                                                  \
    "SELECT 'index', 'pg_class'::regclass::oid, i.oid, 0, i.name, i.relname,\n"                    \
    "       pg_get_indexdef(i.oid, 0, true), 'DROP INDEX ' || i.name,\n"                           \
    "       concat_ws(' ', indisvalid, indisclustered, indisreplident, i.reltablespace),\n"        \
    "       c.name, '', '', false\n"                                                               \
    "  FROM pg_index AS x\n"                                                                       \
    "  JOIN relations AS c ON c.oid = indrelid\n"                                                  \
    "  JOIN relations AS i ON i.oid = indexrelid\n"                                                \
    " WHERE indexrelid NOT IN (\n"                                                                 \
    "       SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x'))\n"                \
    "UNION ALL\n"                                                                                  \
    "SELECT 'trigger', 'pg_trigger'::regclass::oid, t.oid, 0,\n"                                   \
    "       name || '.' || quote_ident(tgname), tgname, pg_get_triggerdef(t.oid, true),\n"         \
    "       format('DROP TRIGGER %I ON %s', tgname, name), tgenabled::text, name, '', '', false\n" \
    "  FROM pg_trigger AS t\n"                                                                     \
    "  JOIN relations AS c ON c.oid = tgrelid\n"                                                   \
    " WHERE NOT tgisinternal\n"

#define MODEL_SQL_VIEWS                                                                            \
    "SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END,\n"                     \
    "       'pg_class'::regclass::oid, oid, 0, name, relname,\n"                                   \
    "       format(E'CREATE %sVIEW %s%s AS\\n%s',\n"                                               \
    "           CASE relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, name,\n"                   \
    "           coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', ''),\n"            \
    "           rtrim(pg_get_viewdef(oid, true), ';')),\n"                                         \
    "       format('DROP %sVIEW %s',\n"                                                            \
    "           CASE relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, name),\n"                  \
    "       concat_ws(' ', relispopulated, relam, reltablespace, (\n"                              \
    "           SELECT string_agg(attname, ' ' ORDER BY attnum)\n"                                 \
    "             FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)), '', '', '', false\n"  \
    "  FROM relations AS c\n"                                                                      \
    " WHERE relkind IN ('v', 'm')\n"                                                               \
    "UNION ALL\n"                                                                                  \
    "SELECT 'function', 'pg_proc'::regclass::oid, oid, 0, oid::regprocedure::text, proname,\n"     \
    "       rtrim(pg_get_functiondef(oid), E'\\n'),\n"                                             \
    "       format('DROP ROUTINE %s', oid::regprocedure),\n"                                       \
    "       concat_ws(' ', prokind, pg_get_function_result(oid), "                                 \
    "pg_get_function_arguments(oid)),\n"                                                           \
    "       '', '', '', false\n"                                                                   \
    "  FROM pg_proc\n"                                                                             \
    " WHERE pronamespace IN (SELECT oid FROM spaces) AND prokind IN ('f', 'p')\n"                  \
    "   AND ('pg_proc'::regclass::oid, oid) NOT IN (SELECT * FROM members)\n"

/* Both ends as a model knows them: a view for its rule, a column for its default, … */
#define MODEL_SQL_NEEDS                                                                            \
    "WITH ends AS (\n"                                                                             \
    "    SELECT classid AS c1, objid AS o1, objsubid AS n1,\n"                                     \
    "           refclassid AS c2, refobjid AS o2, refobjsubid AS n2\n"                             \
    "      FROM pg_depend\n"                                                                       \
    "     WHERE deptype IN ('n', 'a', 'i')\n"                                                      \
    "       AND NOT (deptype = 'a' AND classid = 'pg_class'::regclass\n"                           \
    "                AND objid IN (SELECT seqrelid FROM pg_sequence))\n"                           \
    "    UNION ALL\n"                                                                              \
    "    SELECT 0, objid, 0, refclassid, refobjid, refobjsubid\n"                                  \
    "      FROM pg_depend JOIN pg_sequence ON seqrelid = objid\n"                                  \
    "     WHERE deptype = 'a' AND classid = 'pg_class'::regclass AND refobjsubid > 0\n"            \
    "    UNION ALL\n"                                                                              \
    "    SELECT 0, seqrelid, 0, 'pg_class'::regclass, seqrelid, 0\n"                               \
    "      FROM pg_sequence),\n"                                                                   \
    "known AS (\n"                                                                                 \
    "    SELECT 'pg_rewrite'::regclass::oid AS c, oid AS o, 'pg_class'::regclass::oid AS kc,\n"    \
    "           ev_class AS ko, 0 AS kn FROM pg_rewrite\n"                                         \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_attrdef'::regclass, oid, 'pg_class'::regclass, adrelid, adnum FROM "           \
    "pg_attrdef\n"                                                                                 \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_class'::regclass, conindid, 'pg_constraint'::regclass, oid, 0\n"               \
    "      FROM pg_constraint WHERE contype IN ('p', 'u', 'x')\n"                                  \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_type'::regclass, oid, 'pg_class'::regclass, typrelid, 0\n"                     \
    "      FROM pg_type WHERE typrelid <> 0\n"                                                     \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_type'::regclass, a.oid,\n"                                                     \
    "           CASE e.typrelid WHEN 0 THEN 'pg_type'::regclass ELSE 'pg_class'::regclass END,\n"  \
    "           CASE e.typrelid WHEN 0 THEN e.oid ELSE e.typrelid END, 0\n"                        \
    "      FROM pg_type AS e JOIN pg_type AS a ON a.oid = e.typarray\n"                            \
    "    UNION ALL\n"                                                                              \
    "    SELECT classid, objid, refclassid, refobjid, 0 FROM pg_depend WHERE deptype = 'e')\n"     \
    "SELECT DISTINCT coalesce(a.kc, c1), coalesce(a.ko, o1), coalesce(a.kn, n1),\n"                \
    "       coalesce(b.kc, c2), coalesce(b.ko, o2), coalesce(b.kn, n2)\n"                          \
    "  FROM ends\n"                                                                                \
    "  LEFT JOIN known AS a ON a.c = c1 AND a.o = o1\n"                                            \
    "  LEFT JOIN known AS b ON b.c = c2 AND b.o = o2\n"                                            \
    " WHERE o1 >= 16384\n"

/* What a model does not hold: a name a row, as the server describes it. */
#define MODEL_SQL_STRANGERS                                                                        \
    "SELECT type || ' ' || identity\n"                                                             \
    "  FROM (SELECT 'pg_policy'::regclass AS c, oid AS o FROM pg_policy\n"                         \
    "        UNION ALL SELECT 'pg_rewrite'::regclass, oid FROM pg_rewrite\n"                       \
    "         WHERE rulename <> '_RETURN'\n"                                                       \
    "        UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class\n"                           \
    "         WHERE relpersistence <> 't' AND (relkind IN ('f', 'p') OR relispartition\n"          \
    "            OR relrowsecurity OR relforcerowsecurity OR reloftype <> 0\n"                     \
    "            OR oid IN (SELECT inhrelid FROM pg_inherits))\n"                                  \
    "        UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE prokind IN ('a', 'w')\n" \
    "        UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type\n"                             \
    "         WHERE typtype = 'r' OR typtype = 'b' AND typelem = 0 OR typtype = 'p'\n"             \
    "        UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast\n"                             \
    "        UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator\n"                     \
    "        UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass\n"                       \
    "        UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily\n"                     \
    "        UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am\n"                                 \
    "        UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation\n"                   \
    "        UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion\n"                 \
    "        UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language\n"                     \
    "        UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform\n"                   \
    "        UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config\n"                   \
    "        UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict\n"                       \
    "        UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser\n"                   \
    "        UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template\n"               \
    "        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext\n"           \
    "        UNION ALL SELECT 'pg_publication'::regclass, oid FROM pg_publication\n"               \
    "        UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger\n"           \
    "        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid\n"                          \
    "          FROM pg_foreign_data_wrapper\n"                                                     \
    "        UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server\n"         \
    "        UNION ALL SELECT 'pg_default_acl'::regclass, oid FROM pg_default_acl) AS strange,\n"  \
    "       LATERAL pg_identify_object(c, o, 0)\n"                                                 \
    " WHERE o >= 16384\n"                                                                          \
    "   AND NOT EXISTS (\n"                                                                        \
    "       SELECT FROM pg_depend\n"                                                               \
    "        WHERE classid = c AND objid = o AND deptype IN ('e', 'i')\n"                          \
    "          AND refclassid IN ('pg_extension'::regclass))\n"                                    \
    " ORDER BY 1\n"                                                                                \
    " LIMIT 21"

#endif
