/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queries of a model, for what is said about objects, what they need, and what a
 * model does not hold. The columns: model_sql.h.
 */
#ifndef SCHEMA_MODEL_SQL_REST_H
#define SCHEMA_MODEL_SQL_REST_H

#define MODEL_SQL_SETTINGS                                                                         \
    "SELECT 'setting', 0::oid, 0::oid, 0, on_what || ' ' || what, what, creation, removal, '',\n"  \
    "       on_what, '', '', false, 0, wc, wo, wn\n"                                               \
    "  FROM (\n"                                                                                   \
    "    SELECT name AS on_what, option AS what,\n"                                                \
    "           format('ALTER %s %s SET (%s)', kind, name, given) AS creation,\n"                  \
    "           format('ALTER %s %s RESET (%s)', kind, name, option) AS removal,\n"                \
    "           'pg_class'::regclass::oid AS wc, oid AS wo, 0 AS wn\n"                             \
    "      FROM (SELECT oid, name, 'TABLE' AS kind, unnest(reloptions) AS given, '' AS prefix\n"   \
    "              FROM relations WHERE relkind IN ('r', 'p')\n"                                   \
    "            UNION ALL\n"                                                                      \
    "            SELECT r.oid, name, 'TABLE', 'toast.' || unnest(t.reloptions), 'toast.'\n"        \
    "              FROM relations AS r JOIN pg_class AS t ON t.oid = r.reltoastrelid\n"            \
    "            UNION ALL\n"                                                                      \
    "            SELECT oid, name, 'INDEX', unnest(reloptions), '' FROM relations\n"               \
    "             WHERE oid IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', "   \
    "'x'))\n"                                                                                      \
    "               AND NOT relispartition) AS r,\n"                                               \
    "           LATERAL split_part(given, '=', 1) AS option\n"                                     \
    "    UNION ALL\n"                                                                              \
    "    SELECT name, 'tablespace',\n"                                                             \
    "           format('ALTER %s %s SET TABLESPACE %I', kind, name, spcname),\n"                   \
    "           format('ALTER %s %s SET TABLESPACE pg_default', kind, name),\n"                    \
    "           'pg_class'::regclass, c.oid, 0\n"                                                  \
    "      FROM relations AS c JOIN pg_tablespace AS s ON s.oid = reltablespace,\n"                \
    "           LATERAL (SELECT CASE WHEN relkind IN ('i', 'I') THEN 'INDEX'\n"                    \
    "               WHEN relkind = 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END AS kind) AS k\n"  \
    "    UNION ALL\n"                                                                              \
    "    SELECT name, 'row level security',\n"                                                     \
    "           format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name),\n"                       \
    "           format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', name),\n"                      \
    "           'pg_class'::regclass, oid, 0\n"                                                    \
    "      FROM relations WHERE relrowsecurity\n"                                                  \
    "    UNION ALL\n"                                                                              \
    "    SELECT name, 'forced row level security',\n"                                              \
    "           format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name),\n"                        \
    "           format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', name),\n"                     \
    "           'pg_class'::regclass, oid, 0\n"                                                    \
    "      FROM relations WHERE relforcerowsecurity\n"                                             \
    "    UNION ALL\n"                                                                              \
    "    SELECT name, 'replica identity',\n"                                                       \
    "           format('ALTER TABLE %s REPLICA IDENTITY %s', name,\n"                              \
    "               CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END),\n"                 \
    "           format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', name),\n"                        \
    "           'pg_class'::regclass, oid, 0\n"                                                    \
    "      FROM relations WHERE relkind IN ('r', 'p') AND relreplident IN ('f', 'n')\n"            \
    "    UNION ALL\n"                                                                              \
    "    SELECT name, what, creation, removal, CASE WHEN k.oid IS NULL THEN "                      \
    "'pg_class'::regclass\n"                                                                       \
    "               ELSE 'pg_constraint'::regclass END,\n"                                         \
    "           coalesce(k.oid, indexrelid), 0\n"                                                  \
    "      FROM pg_index\n"                                                                        \
    "      JOIN relations AS c ON c.oid = indrelid\n"                                              \
    "      JOIN pg_class AS i ON i.oid = indexrelid\n"                                             \
    "      LEFT JOIN pg_constraint AS k ON conindid = indexrelid AND contype IN ('p', 'u', "       \
    "'x'),\n"                                                                                      \
    "           LATERAL (SELECT 'replica identity' AS what,\n"                                     \
    "                  format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', name, "            \
    "i.relname)\n"                                                                                 \
    "                      AS creation,\n"                                                         \
    "                  format('ALTER TABLE %s REPLICA IDENTITY DEFAULT', name) AS removal\n"       \
    "            WHERE indisreplident AND c.relreplident = 'i'\n"                                  \
    "            UNION ALL\n"                                                                      \
    "            SELECT 'cluster', format('ALTER TABLE %s CLUSTER ON %I', name, i.relname),\n"     \
    "                  format('ALTER TABLE %s SET WITHOUT CLUSTER', name)\n"                       \
    "            WHERE indisclustered) AS f\n"                                                     \
    "    UNION ALL\n"                                                                              \
    "    SELECT name || '.' || quote_ident(attname), what,\n"                                      \
    "           format('ALTER %s ALTER COLUMN %I %s', prefix, attname, f.creation),\n"             \
    "           format('ALTER %s ALTER COLUMN %I %s', prefix, attname, f.removal),\n"              \
    "           'pg_class'::regclass, c.oid, attnum\n"                                             \
    "      FROM relations AS c\n"                                                                  \
    "      JOIN pg_attribute AS a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped\n"       \
    "      JOIN pg_type AS t ON t.oid = atttypid,\n"                                               \
    "           LATERAL (SELECT CASE relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'TABLE ' "    \
    "END\n"                                                                                        \
    "               || CASE WHEN relhassubclass THEN 'ONLY ' ELSE '' END || name AS prefix) AS "   \
    "p,\n"                                                                                         \
    "           LATERAL (SELECT 'storage' AS what, 'SET STORAGE ' ||\n"                            \
    "                  CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'\n"           \
    "                      WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END AS creation,\n"                \
    "                  'SET STORAGE ' ||\n"                                                        \
    "                  CASE typstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'\n"           \
    "                      WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END AS removal\n"                  \
    "            WHERE attstorage <> typstorage\n"                                                 \
    "            UNION ALL\n"                                                                      \
    "            SELECT 'statistics', 'SET STATISTICS ' || attstattarget, 'SET STATISTICS -1'\n"   \
    "            WHERE attstattarget >= 0\n"                                                       \
    "            UNION ALL\n"                                                                      \
    "            SELECT 'compression', 'SET COMPRESSION ' || CASE to_jsonb(a) ->> "                \
    "'attcompression'\n"                                                                           \
    "                       WHEN 'p' THEN 'pglz' ELSE 'lz4' END,\n"                                \
    "                   'SET COMPRESSION DEFAULT'\n"                                               \
    "            WHERE to_jsonb(a) ->> 'attcompression' <> ''\n"                                   \
    "            UNION ALL\n"                                                                      \
    "            SELECT split_part(given, '=', 1), format('SET (%s)', given),\n"                   \
    "                   format('RESET (%s)', split_part(given, '=', 1))\n"                         \
    "              FROM unnest(attoptions) AS given\n"                                             \
    "             WHERE given ~ '^n_distinct') AS f\n"                                             \
    "     WHERE relkind IN ('r', 'p', 'm')\n"                                                      \
    "    UNION ALL\n"                                                                              \
    "    SELECT name || '.' || quote_ident(tgname), 'state of a trigger',\n"                       \
    "           format('ALTER TABLE %s %s TRIGGER %I', name, CASE tgenabled WHEN 'D' THEN "        \
    "'DISABLE'\n"                                                                                  \
    "               WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, tgname),\n"           \
    "           format('ALTER TABLE %s ENABLE TRIGGER %I', name, tgname),\n"                       \
    "           'pg_trigger'::regclass, t.oid, 0\n"                                                \
    "      FROM pg_trigger AS t JOIN relations AS c ON c.oid = tgrelid\n"                          \
    "     WHERE NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'O'\n"                        \
    "    UNION ALL\n"                                                                              \
    "    SELECT name || '.' || quote_ident(rulename), 'state of a rule',\n"                        \
    "           format('ALTER TABLE %s %s RULE %I', name, CASE ev_enabled WHEN 'D' THEN "          \
    "'DISABLE'\n"                                                                                  \
    "               WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, rulename),\n"         \
    "           format('ALTER TABLE %s ENABLE RULE %I', name, rulename),\n"                        \
    "           'pg_rewrite'::regclass, r.oid, 0\n"                                                \
    "      FROM pg_rewrite AS r JOIN relations AS c ON c.oid = ev_class\n"                         \
    "     WHERE rulename <> '_RETURN' AND ev_enabled <> 'O'\n"                                     \
    "    UNION ALL\n"                                                                              \
    "    SELECT o.name, 'statistics', format('ALTER STATISTICS %s SET STATISTICS %s', o.name,\n"   \
    "               stxstattarget),\n"                                                             \
    "           format('ALTER STATISTICS %s SET STATISTICS -1', o.name), o.c, o.o, 0\n"            \
    "      FROM objects AS o JOIN pg_statistic_ext AS s ON s.oid = o.o\n"                          \
    "     WHERE o.kind = 'statistics' AND stxstattarget >= 0) AS settings\n"

#define MODEL_SQL_COMMENTS                                                                         \
    "SELECT 'comment', 0::oid, 0::oid, 0, target, shown, format('COMMENT ON %s IS %L', target, "   \
    "description),\n"                                                                              \
    "       format('COMMENT ON %s IS NULL', target), '', part_of, '', '', false, 0, c, o, n\n"     \
    "  FROM (\n"                                                                                   \
    "    SELECT ob.*, description,\n"                                                              \
    "           CASE WHEN objsubid > 0 AND ob.kind <> 'column'\n"                                  \
    "                THEN format('COLUMN %s.%I', ob.name, (\n"                                     \
    "                    SELECT attname FROM pg_attribute\n"                                       \
    "                     WHERE attrelid = ob.o AND attnum = objsubid))\n"                         \
    "                WHEN ob.kind = 'column' THEN 'COLUMN ' || ob.name\n"                          \
    "                WHEN ob.kind IN ('constraint', 'domain constraint') THEN ob.extra\n"          \
    "                ELSE substr(ob.removal, length('DROP ') + 1) END AS target\n"                 \
    "      FROM pg_description AS d\n"                                                             \
    "      LEFT JOIN pg_type AS t\n"                                                               \
    "           ON classoid = 'pg_type'::regclass AND t.oid = objoid AND typtype = 'c'\n"          \
    "      JOIN objects AS ob ON ob.c = CASE WHEN t.oid IS NULL THEN classoid ELSE "               \
    "'pg_class'::regclass END\n"                                                                   \
    "           AND ob.o = coalesce(t.typrelid, objoid)\n"                                         \
    "           AND (ob.n = objsubid\n"                                                            \
    "                OR ob.kind IN ('view', 'materialized view', 'composite type'))\n"             \
    "     WHERE ob.kind NOT IN ('extension', 'default', 'setting')) AS comments\n"

#define MODEL_SQL_PRIVILEGES                                                                       \
    "UNION ALL\n"                                                                                  \
    "SELECT 'owner', 0::oid, 0::oid, 0, kind || ' ' || name, shown,\n"                             \
    "       format('%s OWNER TO %I', alteration, pg_get_userbyid(owner)),\n"                       \
    "       alteration || ' OWNER TO CURRENT_USER', '', '', '', '', false, 0, c, o, n\n"           \
    "  FROM owned\n"                                                                               \
    " WHERE owner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)\n"                    \
    "   AND name NOT IN (SELECT name FROM objects WHERE kind = 'sequence''s owner')\n"             \
    "UNION ALL\n"                                                                                  \
    "SELECT 'privilege', 0::oid, 0::oid, 0,\n"                                                     \
    "       concat_ws(' ', target || columns, grantee, CASE WHEN is_grantable THEN 'grantable' "   \
    "END,\n"                                                                                       \
    "           CASE WHEN is_given THEN 'given' ELSE 'taken' END),\n"                              \
    "       shown,\n"                                                                              \
    "       CASE WHEN is_given THEN grants ELSE revokes END,\n"                                    \
    "       CASE WHEN is_given THEN revokes ELSE grants END, '', '', '', '', false, 0, c, o, n\n"  \
    "  FROM (\n"                                                                                   \
    "    SELECT c, o, n, target, shown, columns, is_given, is_grantable, grantee,\n"               \
    "           format('GRANT %s ON %s TO %s%s', list, target, grantee,\n"                         \
    "               CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END) AS grants,\n"            \
    "           format('REVOKE %s ON %s FROM %s', list, target, grantee) AS revokes\n"             \
    "      FROM (\n"                                                                               \
    "        SELECT c, o, n, target, shown, columns, is_given, is_grantable, role AS grantee,\n"   \
    "               string_agg(privilege || columns, ', ' ORDER BY privilege) AS list\n"           \
    "          FROM (\n"                                                                           \
    "            SELECT a.*, CASE a.grantee WHEN 0 THEN 'PUBLIC'\n"                                \
    "                       ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role\n"            \
    "              FROM given_and_taken AS a) AS r\n"                                              \
    "         GROUP BY c, o, n, target, shown, columns, is_given, is_grantable, role) AS l) AS "   \
    "s\n"

#define MODEL_SQL_OWNED                                                                            \
    ", owned AS (\n"                                                                               \
    "    SELECT ob.*, owner, acl, class,\n"                                                        \
    "           CASE kind WHEN 'function' THEN 'ROUTINE ' WHEN 'aggregate' THEN 'ROUTINE '\n"      \
    "               WHEN 'schema' THEN 'SCHEMA ' WHEN 'sequence' THEN 'SEQUENCE '\n"               \
    "               ELSE CASE class WHEN 'r' THEN 'TABLE ' ELSE 'TYPE ' END END || name AS "       \
    "target,\n"                                                                                    \
    "           regexp_replace(removal, '^DROP', 'ALTER') AS alteration\n"                         \
    "      FROM objects AS ob\n"                                                                   \
    "      JOIN (SELECT 'pg_class'::regclass::oid AS cc, oid AS oo, relowner AS owner, relacl AS " \
    "acl,\n"                                                                                       \
    "                   CASE relkind WHEN 'S' THEN 's'::\"char\" ELSE 'r' END AS class\n"          \
    "              FROM pg_class WHERE relkind <> 'c'\n"                                           \
    "            UNION ALL\n"                                                                      \
    "            SELECT 'pg_class'::regclass, typrelid, typowner, typacl, 'T'\n"                   \
    "              FROM pg_type WHERE typtype = 'c'\n"                                             \
    "               AND typrelid IN (SELECT oid FROM pg_class WHERE relkind = 'c')\n"              \
    "            UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, proacl, 'f' FROM pg_proc\n"  \
    "            UNION ALL SELECT 'pg_type'::regclass, oid, typowner, typacl, 'T' FROM pg_type\n"  \
    "            UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, nspacl, 'n'\n"          \
    "              FROM pg_namespace\n"                                                            \
    "            UNION ALL SELECT 'pg_collation'::regclass, oid, collowner, NULL, NULL\n"          \
    "              FROM pg_collation\n"                                                            \
    "            UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner, NULL, NULL\n"       \
    "              FROM pg_statistic_ext) AS x ON ob.c = cc AND ob.o = oo AND ob.n = 0\n"          \
    "     WHERE kind <> 'index'),\n"                                                               \
    "effective AS (\n"                                                                             \
    "    SELECT c, o, n, target, shown, '' AS columns, grantee, privilege_type AS privilege,\n"    \
    "           is_grantable, is_default\n"                                                        \
    "      FROM (SELECT owned.*, acldefault(class, owner) AS list, true AS is_default\n"           \
    "              FROM owned WHERE class IS NOT NULL\n"                                           \
    "            UNION ALL\n"                                                                      \
    "            SELECT owned.*, coalesce(acl, acldefault(class, owner)), false\n"                 \
    "              FROM owned WHERE class IS NOT NULL) AS lists,\n"                                \
    "           LATERAL aclexplode(list)\n"                                                        \
    "    UNION ALL\n"                                                                              \
    "    SELECT ob.c, ob.o, ob.n, 'TABLE ' || part_of, shown, format(' (%I)', attname), "          \
    "grantee,\n"                                                                                   \
    "           privilege_type, is_grantable, false\n"                                             \
    "      FROM objects AS ob\n"                                                                   \
    "      JOIN pg_attribute ON attrelid = ob.o AND attnum = ob.n,\n"                              \
    "           LATERAL aclexplode(attacl)\n"                                                      \
    "     WHERE kind = 'column'),\n"                                                               \
    "given_and_taken AS (\n"                                                                       \
    "    SELECT c, o, n, target, shown, columns, grantee, privilege, is_grantable,\n"              \
    "           NOT bool_and(is_default) AS is_given\n"                                            \
    "      FROM effective\n"                                                                       \
    "     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9\n"                                                    \
    "    HAVING bool_and(is_default) OR NOT bool_or(is_default))\n"

/*
 * Both ends as a model knows them: a view for its rule, a type for its array, … That a
 * key of partitions holds a column is turned: the table needs it.
 */
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
    "      FROM pg_sequence\n"                                                                     \
    "    UNION ALL\n"                                                                              \
    "    SELECT refclassid, refobjid, refobjsubid, classid, objid, objsubid\n"                     \
    "      FROM pg_depend\n"                                                                       \
    "     WHERE deptype = 'i' AND classid = 'pg_class'::regclass AND objid = refobjid\n"           \
    "       AND refclassid = 'pg_class'::regclass AND objsubid > 0 AND refobjsubid = 0\n"          \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_inherits'::regclass, inhrelid, inhseqno, 'pg_class'::regclass, inhparent, 0\n" \
    "      FROM pg_inherits),\n"                                                                   \
    "known AS (\n"                                                                                 \
    "    SELECT 'pg_rewrite'::regclass::oid AS c, oid AS o, 'pg_class'::regclass::oid AS kc,\n"    \
    "           ev_class AS ko, 0 AS kn FROM pg_rewrite WHERE rulename = '_RETURN'\n"              \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_attrdef'::regclass, d.oid, 'pg_class'::regclass, adrelid, adnum\n"             \
    "      FROM pg_attrdef AS d\n"                                                                 \
    "      JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum AND attgenerated <> ''\n"    \
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
    "    SELECT 'pg_proc'::regclass, objid, refclassid, refobjid, 0\n"                             \
    "      FROM pg_depend\n"                                                                       \
    "     WHERE classid = 'pg_proc'::regclass AND deptype = 'i'\n"                                 \
    "       AND refclassid = 'pg_type'::regclass\n"                                                \
    "    UNION ALL\n"                                                                              \
    "    SELECT 'pg_type'::regclass, t.oid, 'pg_type'::regclass, rngtypid, 0\n"                    \
    "      FROM pg_range AS r\n"                                                                   \
    "      JOIN pg_type AS m ON m.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid\n"                  \
    "      JOIN pg_type AS t ON t.oid IN (m.oid, m.typarray)\n"                                    \
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
    "  FROM (SELECT 'pg_class'::regclass AS c, oid AS o FROM pg_class\n"                           \
    "         WHERE relpersistence <> 't' AND (relkind = 'f' OR reloftype <> 0)\n"                 \
    "        UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type\n"                             \
    "         WHERE typtype = 'r' AND oid IN (SELECT rngtypid FROM pg_range WHERE rngcanonical "   \
    "<> 0)\n"                                                                                      \
    "            OR typtype = 'p' OR typtype = 'b' AND oid NOT IN (SELECT typarray FROM "          \
    "pg_type)\n"                                                                                   \
    "        UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast\n"                             \
    "        UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator\n"                     \
    "        UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass\n"                       \
    "        UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily\n"                     \
    "        UNION ALL SELECT 'pg_am'::regclass, oid FROM pg_am\n"                                 \
    "        UNION ALL SELECT 'pg_conversion'::regclass, oid FROM pg_conversion\n"                 \
    "        UNION ALL SELECT 'pg_language'::regclass, oid FROM pg_language\n"                     \
    "        UNION ALL SELECT 'pg_transform'::regclass, oid FROM pg_transform\n"                   \
    "        UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config\n"                   \
    "        UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict\n"                       \
    "        UNION ALL SELECT 'pg_ts_parser'::regclass, oid FROM pg_ts_parser\n"                   \
    "        UNION ALL SELECT 'pg_ts_template'::regclass, oid FROM pg_ts_template\n"               \
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
    "          AND (deptype = 'e' OR refclassid = 'pg_type'::regclass))\n"                         \
    " ORDER BY 1\n"                                                                                \
    " LIMIT 21\n"

#endif
