/* SPDX-License-Identifier: Apache-2.0 */
/* The queries of a model, for tables and what stands on them. The columns: model_sql.h. */
#ifndef SCHEMA_MODEL_SQL_TABLES_H
#define SCHEMA_MODEL_SQL_TABLES_H

#define MODEL_SQL_TABLES                                                                           \
    "SELECT 'table', 'pg_class'::regclass, oid, 0, name, relname,\n"                               \
    "       format('CREATE %sTABLE %s',\n"                                                         \
    "           CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' END, name),\n"                       \
    "       'DROP TABLE ' || name, tail, '', relkind::text, tail, false, 0, 0, 0, 0\n"             \
    "  FROM relations AS c,\n"                                                                     \
    "       LATERAL (SELECT concat(' PARTITION BY ' || pg_get_partkeydef(c.oid), (\n"              \
    "           SELECT ' USING ' || quote_ident(amname)\n"                                         \
    "             FROM pg_am WHERE oid = relam AND amname <> 'heap')) AS tail) AS t\n"             \
    " WHERE relkind IN ('r', 'p')\n"                                                               \
    "UNION ALL\n"                                                                                  \
    "SELECT 'column', 'pg_class'::regclass, c.oid, attnum, name || '.' || quote_ident(attname),\n" \
    "       attname,\n"                                                                            \
    "       concat(quote_ident(attname) || ' ' || whole_type, identity,\n"                         \
    "           CASE WHEN attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s) %s', expr,\n"  \
    "               CASE attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END) END,\n"           \
    "           CASE WHEN attnotnull THEN ' NOT NULL' END),\n"                                     \
    "       format('ALTER TABLE %s DROP COLUMN %I', name, attname),\n"                             \
    "       CASE WHEN attgenerated <> '' THEN concat_ws(' ', attgenerated, expr) ELSE '' END,\n"   \
    "       name, whole_type,\n"                                                                   \
    "       CASE identity WHEN '' THEN '' ELSE concat(identity, E'\\n', settings) END, "           \
    "attnotnull,\n"                                                                                \
    "       CASE WHEN attinhcount = 0 THEN 0 WHEN attislocal THEN 2 ELSE 1 END,\n"                 \
    "       'pg_class'::regclass, c.oid, 0\n"                                                      \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped\n"           \
    "  JOIN pg_type AS t ON t.oid = atttypid\n"                                                    \
    "  LEFT JOIN pg_attrdef AS d ON adrelid = c.oid AND adnum = attnum\n"                          \
    "  LEFT JOIN identities AS q ON q.owner = c.oid AND q.number = attnum,\n"                      \
    "  LATERAL (SELECT pg_get_expr(adbin, adrelid) AS expr,\n"                                     \
    "      format_type(atttypid, atttypmod) || CASE WHEN attcollation NOT IN (0, typcollation)\n"  \
    "           THEN ' COLLATE ' || attcollation::regcollation ELSE '' END AS whole_type,\n"       \
    "      CASE WHEN seqrelid IS NULL THEN '' ELSE format(\n"                                      \
    "          ' GENERATED %s AS IDENTITY%s',\n"                                                   \
    "          CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,\n"                   \
    "          CASE WHEN seqstart = 1 AND seqincrement = 1 AND seqmin = 1 AND seqcache = 1\n"      \
    "                AND NOT seqcycle AND seqmax = (1::numeric * 256 ^ typlen) / 2 - 1 THEN ''\n"  \
    "               ELSE format(' (START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s '\n"      \
    "                   'CACHE %s%s)', seqstart, seqincrement, seqmin, seqmax, seqcache,\n"        \
    "                   CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END) END) END AS identity,\n"     \
    "      format('SET GENERATED %s SET START WITH %s SET INCREMENT BY %s SET MINVALUE %s '\n"     \
    "          'SET MAXVALUE %s SET CACHE %s SET %s',\n"                                           \
    "          CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, seqstart,\n"         \
    "          seqincrement, seqmin, seqmax, seqcache,\n"                                          \
    "          CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS settings) AS f\n"           \
    " WHERE relkind IN ('r', 'p')\n"                                                               \
    "UNION ALL\n"                                                                                  \
    "SELECT 'default', 'pg_attrdef'::regclass, d.oid, 0, name || '.' || quote_ident(attname),\n"   \
    "       attname,\n"                                                                            \
    "       format('ALTER %s %s%s ALTER COLUMN %I SET DEFAULT %s', what, only_it, name, attname, " \
    "expr),\n"                                                                                     \
    "       format('ALTER %s %s%s ALTER COLUMN %I DROP DEFAULT', what, only_it, name, attname),\n" \
    "       '', name, '', expr, false, 0, 'pg_class'::regclass, c.oid, attnum\n"                   \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_attribute AS a ON attrelid = c.oid AND attgenerated = ''\n"                         \
    "  JOIN pg_attrdef AS d ON adrelid = c.oid AND adnum = attnum,\n"                              \
    "       LATERAL (SELECT pg_get_expr(adbin, adrelid) AS expr,\n"                                \
    "           CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS what,\n"                     \
    "           CASE WHEN relhassubclass THEN 'ONLY ' END AS only_it) AS e\n"                      \
    " WHERE relkind IN ('r', 'p', 'v')\n"                                                          \
    "UNION ALL\n"                                                                                  \
    "SELECT CASE WHEN bound IS NULL THEN 'inheritance' ELSE 'partition' END,\n"                    \
    "       'pg_inherits'::regclass, c.oid, inhseqno,\n"                                           \
    "       CASE WHEN bound IS NULL THEN c.name || ' ' || p.name ELSE c.name END, c.relname,\n"    \
    "       CASE WHEN bound IS NULL THEN format('ALTER TABLE %s INHERIT %s', c.name, p.name)\n"    \
    "            ELSE format('ALTER TABLE %s ATTACH PARTITION %s %s', p.name, c.name, bound) "     \
    "END,\n"                                                                                       \
    "       CASE WHEN bound IS NULL THEN format('ALTER TABLE %s NO INHERIT %s', c.name, p.name)\n" \
    "            ELSE format('ALTER TABLE %s DETACH PARTITION %s', p.name, c.name) END,\n"         \
    "       '', p.name, '', coalesce(bound, ''), false, 0, 'pg_class'::regclass, c.oid, 0\n"       \
    "  FROM pg_inherits\n"                                                                         \
    "  JOIN relations AS c ON c.oid = inhrelid AND c.relkind IN ('r', 'p')\n"                      \
    "  JOIN relations AS p ON p.oid = inhparent,\n"                                                \
    "       LATERAL pg_get_expr(c.relpartbound, c.oid) AS bound\n"

#define MODEL_SQL_PARTS                                                                            \
    "SELECT 'constraint', 'pg_constraint'::regclass, k.oid, 0,\n"                                  \
    "       name || '.' || quote_ident(conname), conname,\n"                                       \
    "       format('ALTER TABLE %s ADD CONSTRAINT %I %s', name, conname,\n"                        \
    "           pg_get_constraintdef(k.oid)),\n"                                                   \
    "       format('ALTER TABLE %s DROP CONSTRAINT %I', name, conname),\n"                         \
    "       '', name, contype::text, format('CONSTRAINT %I ON %s', conname, name), false,\n"       \
    "       CASE WHEN coninhcount > 0 THEN 1 ELSE 0 END, 'pg_class'::regclass, c.oid, 0\n"         \
    "  FROM pg_constraint AS k\n"                                                                  \
    "  JOIN relations AS c ON c.oid = conrelid\n"                                                  \
    " WHERE contype IN ('c', 'f', 'p', 'u', 'x')\n"                                                \
    "   AND NOT EXISTS (\n"                                                                        \
    "       SELECT FROM pg_constraint AS o WHERE o.oid = k.conparentid AND o.conrelid = "          \
    "k.conrelid)\n"                                                                                \
    "UNION ALL\n"                                                                                  \
    "SELECT 'index', 'pg_class'::regclass, i.oid, 0, i.name, i.relname,\n"                         \
    "       regexp_replace(pg_get_indexdef(i.oid, 0, true), ' ON ONLY ', ' ON '),\n"               \
    "       'DROP INDEX ' || i.name, CASE WHEN indisvalid THEN '' ELSE 'invalid' END,\n"           \
    "       c.name, '', '', false, CASE WHEN i.relispartition THEN 1 ELSE 0 END,\n"                \
    "       'pg_class'::regclass, c.oid, 0\n"                                                      \
    "  FROM pg_index AS x\n"                                                                       \
    "  JOIN relations AS c ON c.oid = indrelid\n"                                                  \
    "  JOIN relations AS i ON i.oid = indexrelid\n"                                                \
    " WHERE indexrelid NOT IN (\n"                                                                 \
    "       SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', 'x'))\n"                \
    "UNION ALL\n"                                                                                  \
    "SELECT 'trigger', 'pg_trigger'::regclass, t.oid, 0,\n"                                        \
    "       name || '.' || quote_ident(tgname), tgname, pg_get_triggerdef(t.oid, true),\n"         \
    "       format('DROP TRIGGER %I ON %s', tgname, name), '', name, '', '', false, 0,\n"          \
    "       'pg_class'::regclass, c.oid, 0\n"                                                      \
    "  FROM pg_trigger AS t\n"                                                                     \
    "  JOIN relations AS c ON c.oid = tgrelid\n"                                                   \
    " WHERE NOT tgisinternal AND tgparentid = 0\n"                                                 \
    "UNION ALL\n"                                                                                  \
    "SELECT 'rule', 'pg_rewrite'::regclass, r.oid, 0, name || '.' || quote_ident(rulename),\n"     \
    "       rulename, rtrim(pg_get_ruledef(r.oid, true), ';'),\n"                                  \
    "       format('DROP RULE %I ON %s', rulename, name), '', name, '', '', false, 0,\n"           \
    "       'pg_class'::regclass, c.oid, 0\n"                                                      \
    "  FROM pg_rewrite AS r\n"                                                                     \
    "  JOIN relations AS c ON c.oid = ev_class\n"                                                  \
    " WHERE rulename <> '_RETURN'\n"                                                               \
    "UNION ALL\n"                                                                                  \
    "SELECT 'policy', 'pg_policy'::regclass, p.oid, 0, name || '.' || quote_ident(polname), "      \
    "polname,\n"                                                                                   \
    "       concat(format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', polname, name,\n"           \
    "           CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,\n"               \
    "           CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN "          \
    "'UPDATE'\n"                                                                                   \
    "               WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,\n"                                      \
    "           (SELECT string_agg(coalesce(quote_ident(rolname), 'PUBLIC'), ', ' ORDER BY "       \
    "rolname)\n"                                                                                   \
    "              FROM unnest(polroles) AS u LEFT JOIN pg_roles AS r ON r.oid = u)),\n"           \
    "           ' USING (' || pg_get_expr(polqual, polrelid, true) || ')',\n"                      \
    "           ' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid, true) || ')'),\n"           \
    "       format('DROP POLICY %I ON %s', polname, name), '', name, '', '', false, 0,\n"          \
    "       'pg_class'::regclass, c.oid, 0\n"                                                      \
    "  FROM pg_policy AS p\n"                                                                      \
    "  JOIN relations AS c ON c.oid = polrelid\n"                                                  \
    "UNION ALL\n"                                                                                  \
    "SELECT 'statistics', 'pg_statistic_ext'::regclass, s.oid, 0, own, stxname,\n"                 \
    "       CASE WHEN to_jsonb(s) ->> 'stxexprs' IS NULL\n"                                        \
    "            THEN format('CREATE STATISTICS %s%s ON %s FROM %s', own, kinds, keys, name)\n"    \
    "            ELSE regexp_replace(pg_get_statisticsobjdef(s.oid), '^CREATE STATISTICS ' || "    \
    "escaped,\n"                                                                                   \
    "                'CREATE STATISTICS ' || replace(own, '\\', '\\\\')) END,\n"                   \
    "       'DROP STATISTICS ' || own, '', name, '', '', false, 0, 'pg_class'::regclass, c.oid, "  \
    "0\n"                                                                                          \
    "  FROM pg_statistic_ext AS s\n"                                                               \
    "  JOIN relations AS c ON c.oid = stxrelid\n"                                                  \
    "  JOIN pg_namespace AS n ON n.oid = stxnamespace,\n"                                          \
    "       LATERAL (SELECT CASE WHEN pg_statistics_obj_is_visible(s.oid) THEN "                   \
    "quote_ident(stxname)\n"                                                                       \
    "                            ELSE format('%I.%I', nspname, stxname) END AS own,\n"             \
    "                       regexp_replace(format('%I.%I', nspname, stxname), '([^\\w])', "        \
    "'\\\\\\1', 'g')\n"                                                                            \
    "                           AS escaped) AS f,\n"                                               \
    "       LATERAL (SELECT CASE WHEN count(*) < 3 THEN format(' (%s)', string_agg(\n"             \
    "                           CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies'\n"   \
    "                               ELSE 'mcv' END, ', ' ORDER BY k)) END AS kinds\n"              \
    "                  FROM unnest(stxkind) AS k WHERE k IN ('d', 'f', 'm')) AS k,\n"              \
    "       LATERAL (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attname) AS keys\n"     \
    "                  FROM pg_attribute\n"                                                        \
    "                 WHERE attrelid = stxrelid AND attnum = ANY (stxkeys)) AS a\n"

#define MODEL_SQL_VIEWS                                                                            \
    "SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END,\n"                     \
    "       'pg_class'::regclass, oid, 0, name, relname,\n"                                        \
    "       format(E'CREATE %sVIEW %s%s AS\\n%s%s',\n"                                             \
    "           CASE relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, name,\n"                   \
    "           coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', ''),\n"            \
    "           rtrim(pg_get_viewdef(oid, true), ';'),\n"                                          \
    "           CASE WHEN NOT relispopulated THEN E'\\n  WITH NO DATA' END),\n"                    \
    "       format('DROP %sVIEW %s',\n"                                                            \
    "           CASE relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END, name),\n"                  \
    "       concat_ws(' ', (SELECT amname FROM pg_am WHERE pg_am.oid = relam), (\n"                \
    "           SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ' '\n"       \
    "                      ORDER BY attnum)\n"                                                     \
    "             FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)),\n"                    \
    "       '', '', '', false, 0, 0, 0, 0\n"                                                       \
    "  FROM relations AS c\n"                                                                      \
    " WHERE relkind IN ('v', 'm')\n"

#endif
