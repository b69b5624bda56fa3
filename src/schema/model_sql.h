/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queries of a model: one a kind of object. Each gives kind, catalog, oid, number,
 * name, shown, create, drop, shape, table, type, extra, is not null, how inherited,
 * and the place (catalog, oid, number) of what it is a part of.
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
    "    SELECT oid, nspname, nspowner, nspacl\n"                                                  \
    "      FROM pg_namespace\n"                                                                    \
    "     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),\n"                         \
    "relations AS (\n"                                                                             \
    "    SELECT c.*, c.oid::regclass::text AS name\n"                                              \
    "      FROM pg_class AS c\n"                                                                   \
    "     WHERE relnamespace IN (SELECT oid FROM spaces)\n"                                        \
    "       AND relkind <> 'f' AND reloftype = 0\n"                                                \
    "       AND (c.oid = to_regclass($1)::oid) IS NOT TRUE\n"                                      \
    "       AND (c.oid = to_regclass($2)::oid) IS NOT TRUE\n"                                      \
    "       AND ('pg_class'::regclass::oid, c.oid) NOT IN (SELECT * FROM members)),\n"             \
    "identities AS (\n"                                                                            \
    "    SELECT refobjid AS owner, refobjsubid AS number, q.*\n"                                   \
    "      FROM pg_depend AS d\n"                                                                  \
    "      JOIN pg_sequence AS q ON q.seqrelid = d.objid\n"                                        \
    "     WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass\n"            \
    "       AND deptype = 'i'),\n"                                                                 \
    "objects (kind, c, o, n, name, shown, creation, removal, shape, part_of, type, extra,\n"       \
    "    is_not_null, inheritance, wc, wo, wn) AS (\n"

#define MODEL_SQL_SCHEMAS                                                                          \
    "SELECT 'schema', 'pg_namespace'::regclass::oid, oid, 0, quote_ident(nspname), "               \
    "nspname::text,\n"                                                                             \
    "       'CREATE SCHEMA ' || quote_ident(nspname), 'DROP SCHEMA ' || quote_ident(nspname),\n"   \
    "       '', '', '', '', false, 0, 0::oid, 0::oid, 0\n"                                         \
    "  FROM spaces\n"                                                                              \
    " WHERE nspname <> 'public'\n"                                                                 \
    "   AND ('pg_namespace'::regclass::oid, oid) NOT IN (SELECT * FROM members)\n"                 \
    "UNION ALL\n"                                                                                  \
    "SELECT 'extension', 'pg_extension'::regclass, e.oid, 0, quote_ident(extname), extname,\n"     \
    "       format('CREATE EXTENSION %I SCHEMA %I', extname, nspname),\n"                          \
    "       format('DROP EXTENSION %I', extname),\n"                                               \
    "       CASE WHEN extrelocatable THEN '' ELSE nspname END, '', '',\n"                          \
    "       format('ALTER EXTENSION %I SET SCHEMA %I', extname, nspname), false, 0, 0, 0, 0\n"     \
    "  FROM pg_extension AS e\n"                                                                   \
    "  JOIN pg_namespace AS n ON n.oid = extnamespace\n"                                           \
    " WHERE extname <> 'plpgsql'\n"                                                                \
    "UNION ALL\n"                                                                                  \
    "SELECT 'collation', 'pg_collation'::regclass, c.oid, 0, c.oid::regcollation::text, "          \
    "collname,\n"                                                                                  \
    "       format('CREATE COLLATION %s (PROVIDER = %s, %s%s%s)', c.oid::regcollation,\n"          \
    "           CASE collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' ELSE 'builtin' END,\n"  \
    "           CASE collprovider\n"                                                               \
    "               WHEN 'c' THEN format('LC_COLLATE = %L, LC_CTYPE = %L', collcollate, "          \
    "collctype)\n"                                                                                 \
    "               ELSE format('LOCALE = %L', coalesce(\n"                                        \
    "                   j ->> 'colllocale', j ->> 'colliculocale', collcollate)) END,\n"           \
    "           ', RULES = ' || quote_literal(j ->> 'collicurules'),\n"                            \
    "           CASE WHEN collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END),\n"      \
    "       'DROP COLLATION ' || c.oid::regcollation, '', '', '', '', false, 0, 0, 0, 0\n"         \
    "  FROM pg_collation AS c,\n"                                                                  \
    "       LATERAL to_jsonb(c) AS j\n"                                                            \
    " WHERE collnamespace IN (SELECT oid FROM spaces)\n"                                           \
    "   AND ('pg_collation'::regclass::oid, c.oid) NOT IN (SELECT * FROM members)\n"

#define MODEL_SQL_TYPES                                                                            \
    "SELECT 'enum', 'pg_type'::regclass, t.oid, 0, t.oid::regtype::text, typname,\n"               \
    "       format('CREATE TYPE %s AS ENUM (%s)', t.oid::regtype, labels),\n"                      \
    "       format('DROP TYPE %s', t.oid::regtype), '', '', '', lines, false, 0, 0, 0, 0\n"        \
    "  FROM pg_type AS t,\n"                                                                       \
    "       LATERAL (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)\n"   \
    "                           AS labels,\n"                                                      \
    "                       string_agg(quote_literal(enumlabel), E'\\n' ORDER BY enumsortorder)\n" \
    "                           AS lines\n"                                                        \
    "                  FROM pg_enum\n"                                                             \
    "                 WHERE enumtypid = t.oid) AS e\n"                                             \
    " WHERE typnamespace IN (SELECT oid FROM spaces) AND typtype = 'e'\n"                          \
    "   AND ('pg_type'::regclass::oid, t.oid) NOT IN (SELECT * FROM members)\n"                    \
    "UNION ALL\n"                                                                                  \
    "SELECT 'domain', 'pg_type'::regclass, t.oid, 0, t.oid::regtype::text, typname,\n"             \
    "       format('CREATE DOMAIN %s AS %s%s%s', t.oid::regtype, base,\n"                          \
    "           ' DEFAULT ' || typdefault, CASE WHEN typnotnull THEN ' NOT NULL' END),\n"          \
    "       format('DROP DOMAIN %s', t.oid::regtype), concat_ws(' ', base, held), '', base,\n"     \
    "       coalesce(typdefault, ''), typnotnull, 0, 0, 0, 0\n"                                    \
    "  FROM pg_type AS t,\n"                                                                       \
    "       LATERAL (SELECT format_type(typbasetype, typtypmod)\n"                                 \
    "           || CASE WHEN typcollation NOT IN (\n"                                              \
    "                       0, (SELECT typcollation FROM pg_type WHERE oid = t.typbasetype))\n"    \
    "                   THEN ' COLLATE ' || typcollation::regcollation ELSE '' END AS base) AS "   \
    "b,\n"                                                                                         \
    "       LATERAL (SELECT CASE WHEN EXISTS (\n"                                                  \
    "                SELECT FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = attrelid\n"       \
    "                 WHERE atttypid = t.typarray OR atttypid = t.oid AND relkind = 'c')\n"        \
    "                OR EXISTS (SELECT FROM pg_range WHERE rngsubtype = t.oid)\n"                  \
    "           THEN concat_ws(' ', 'held', typnotnull, (\n"                                       \
    "               SELECT string_agg(format('%I %s', conname, pg_get_constraintdef(oid)), ' '\n"  \
    "                          ORDER BY conname)\n"                                                \
    "                 FROM pg_constraint\n"                                                        \
    "                WHERE contypid = t.oid AND contype = 'c')) END AS held) AS h\n"               \
    " WHERE typnamespace IN (SELECT oid FROM spaces) AND typtype = 'd'\n"                          \
    "   AND ('pg_type'::regclass::oid, t.oid) NOT IN (SELECT * FROM members)\n"                    \
    "UNION ALL\n"                                                                                  \
    "SELECT 'domain constraint', 'pg_constraint'::regclass, k.oid, 0,\n"                           \
    "       t.oid::regtype || '.' || quote_ident(conname), conname,\n"                             \
    "       format('ALTER DOMAIN %s ADD CONSTRAINT %I %s', t.oid::regtype, conname,\n"             \
    "           pg_get_constraintdef(k.oid)),\n"                                                   \
    "       format('ALTER DOMAIN %s DROP CONSTRAINT %I', t.oid::regtype, conname), '',\n"          \
    "       t.oid::regtype::text, '', format('CONSTRAINT %I ON DOMAIN %s', conname, "              \
    "t.oid::regtype),\n"                                                                           \
    "       false, 0, 'pg_type'::regclass, t.oid, 0\n"                                             \
    "  FROM pg_constraint AS k\n"                                                                  \
    "  JOIN pg_type AS t ON t.oid = contypid\n"                                                    \
    " WHERE contype = 'c' AND typnamespace IN (SELECT oid FROM spaces)\n"                          \
    "   AND ('pg_type'::regclass::oid, t.oid) NOT IN (SELECT * FROM members)\n"                    \
    "UNION ALL\n"                                                                                  \
    "SELECT 'composite type', 'pg_class'::regclass, typrelid, 0, t.oid::regtype::text, typname,\n" \
    "       format('CREATE TYPE %s AS (%s)', t.oid::regtype, replace(lines, E'\\n', ', ')),\n"     \
    "       format('DROP TYPE %s', t.oid::regtype), '', '', '', coalesce(lines, ''), false, 0,\n"  \
    "       0, 0, 0\n"                                                                             \
    "  FROM pg_type AS t,\n"                                                                       \
    "       LATERAL (SELECT string_agg(\n"                                                         \
    "                           quote_ident(attname) || ' ' || format_type(atttypid, atttypmod)\n" \
    "                           || CASE WHEN attcollation NOT IN (0, b.typcollation)\n"            \
    "                                   THEN ' COLLATE ' || attcollation::regcollation ELSE '' "   \
    "END,\n"                                                                                       \
    "                           E'\\n' ORDER BY attnum) AS lines\n"                                \
    "                  FROM pg_attribute\n"                                                        \
    "                  JOIN pg_type AS b ON b.oid = atttypid\n"                                    \
    "                 WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) AS a\n"     \
    " WHERE typtype = 'c' AND typrelid IN (SELECT oid FROM relations WHERE relkind = 'c')\n"       \
    "UNION ALL\n"                                                                                  \
    "SELECT 'range type', 'pg_type'::regclass, t.oid, 0, t.oid::regtype::text, t.typname,\n"       \
    "       format('CREATE TYPE %s AS RANGE (%s)', t.oid::regtype, concat_ws(', ',\n"              \
    "           'SUBTYPE = ' || format_type(rngsubtype, NULL),\n"                                  \
    "           (SELECT 'SUBTYPE_OPCLASS = ' || CASE WHEN pg_opclass_is_visible(p.oid)\n"          \
    "                       THEN quote_ident(opcname) ELSE format('%I.%I', nspname, opcname) "     \
    "END\n"                                                                                        \
    "              FROM pg_opclass AS p JOIN pg_namespace AS s ON s.oid = opcnamespace\n"          \
    "             WHERE p.oid = rngsubopc AND NOT opcdefault),\n"                                  \
    "           CASE WHEN rngcollation NOT IN (0, b.typcollation)\n"                               \
    "                THEN 'COLLATION = ' || rngcollation::regcollation END,\n"                     \
    "           'SUBTYPE_DIFF = ' || NULLIF(rngsubdiff::oid, 0)::regproc,\n"                       \
    "           'MULTIRANGE_TYPE_NAME = '\n"                                                       \
    "               || (to_jsonb(r) ->> 'rngmultitypid')::oid::regtype)),\n"                       \
    "       format('DROP TYPE %s', t.oid::regtype), '', '', '', '', false, 0, 0, 0, 0\n"           \
    "  FROM pg_type AS t\n"                                                                        \
    "  JOIN pg_range AS r ON rngtypid = t.oid\n"                                                   \
    "  JOIN pg_type AS b ON b.oid = rngsubtype\n"                                                  \
    " WHERE t.typnamespace IN (SELECT oid FROM spaces) AND t.typtype = 'r' AND rngcanonical = 0\n" \
    "   AND ('pg_type'::regclass::oid, t.oid) NOT IN (SELECT * FROM members)\n"

#define MODEL_SQL_SEQUENCES                                                                        \
    "SELECT 'sequence', 'pg_class'::regclass, c.oid, 0, name, relname,\n"                          \
    "       format('CREATE %sSEQUENCE %s%s',\n"                                                    \
    "           CASE relpersistence WHEN 'u' THEN 'UNLOGGED ' END, name, facts),\n"                \
    "       'DROP SEQUENCE ' || name, '', '', relpersistence::text,\n"                             \
    "       format('ALTER SEQUENCE %s%s', name, facts), false, 0, 0, 0, 0\n"                       \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_sequence AS q ON q.seqrelid = c.oid,\n"                                             \
    "       LATERAL format(' AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE "   \
    "%s %s',\n"                                                                                    \
    "           seqtypid::regtype, seqincrement, seqmin, seqmax, seqstart, seqcache,\n"            \
    "           CASE WHEN seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END) AS facts\n"                   \
    " WHERE c.oid NOT IN (SELECT seqrelid FROM identities)\n"                                      \
    "UNION ALL\n"                                                                                  \
    "SELECT 'sequence''s owner', 0, c.oid, 0, c.name, c.relname,\n"                                \
    "       format('ALTER SEQUENCE %s OWNED BY %s.%I', c.name, t.name, attname),\n"                \
    "       format('ALTER SEQUENCE %s OWNED BY NONE', c.name), '', t.name, '', '', false, 0,\n"    \
    "       'pg_class'::regclass, c.oid, 0\n"                                                      \
    "  FROM relations AS c\n"                                                                      \
    "  JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid\n"              \
    "       AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'\n"                         \
    "  JOIN relations AS t ON t.oid = d.refobjid\n"                                                \
    "  JOIN pg_attribute AS a ON attrelid = t.oid AND attnum = refobjsubid\n"                      \
    " WHERE c.relkind = 'S'\n"

#define MODEL_SQL_FUNCTIONS                                                                        \
    "SELECT 'function', 'pg_proc'::regclass, oid, 0, oid::regprocedure::text, proname,\n"          \
    "       rtrim(pg_get_functiondef(oid), E'\\n'),\n"                                             \
    "       format('DROP ROUTINE %s', oid::regprocedure),\n"                                       \
    "       concat_ws(' ', prokind, pg_get_function_result(oid), "                                 \
    "pg_get_function_arguments(oid)),\n"                                                           \
    "       '', '', '', false, 0, 0, 0, 0\n"                                                       \
    "  FROM pg_proc AS p\n"                                                                        \
    " WHERE pronamespace IN (SELECT oid FROM spaces) AND prokind IN ('f', 'p', 'w')\n"             \
    "   AND NOT EXISTS (\n"                                                                        \
    "       SELECT FROM pg_depend\n"                                                               \
    "        WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype IN ('e', 'i'))\n"   \
    "UNION ALL\n"                                                                                  \
    "SELECT 'aggregate', 'pg_proc'::regclass, p.oid, 0, p.oid::regprocedure::text, proname,\n"     \
    "       format('CREATE AGGREGATE %s (%s)', signature, concat_ws(', ',\n"                       \
    "           'SFUNC = ' || aggtransfn::regproc,\n"                                              \
    "           'STYPE = ' || format_type(aggtranstype, NULL),\n"                                  \
    "           'SSPACE = ' || NULLIF(aggtransspace, 0),\n"                                        \
    "           'FINALFUNC = ' || NULLIF(aggfinalfn::oid, 0)::regproc,\n"                          \
    "           CASE WHEN aggfinalextra THEN 'FINALFUNC_EXTRA' END,\n"                             \
    "           CASE aggfinalmodify WHEN 'r' THEN 'FINALFUNC_MODIFY = READ_ONLY'\n"                \
    "               WHEN 's' THEN 'FINALFUNC_MODIFY = SHAREABLE'\n"                                \
    "               ELSE 'FINALFUNC_MODIFY = READ_WRITE' END,\n"                                   \
    "           'COMBINEFUNC = ' || NULLIF(aggcombinefn::oid, 0)::regproc,\n"                      \
    "           'SERIALFUNC = ' || NULLIF(aggserialfn::oid, 0)::regproc,\n"                        \
    "           'DESERIALFUNC = ' || NULLIF(aggdeserialfn::oid, 0)::regproc,\n"                    \
    "           'INITCOND = ' || quote_literal(agginitval),\n"                                     \
    "           'MSFUNC = ' || NULLIF(aggmtransfn::oid, 0)::regproc,\n"                            \
    "           'MINVFUNC = ' || NULLIF(aggminvtransfn::oid, 0)::regproc,\n"                       \
    "           CASE WHEN aggmtranstype <> 0\n"                                                    \
    "                THEN 'MSTYPE = ' || format_type(aggmtranstype, NULL) END,\n"                  \
    "           'MSSPACE = ' || NULLIF(aggmtransspace, 0),\n"                                      \
    "           'MFINALFUNC = ' || NULLIF(aggmfinalfn::oid, 0)::regproc,\n"                        \
    "           CASE WHEN aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,\n"                           \
    "           'MINITCOND = ' || quote_literal(aggminitval),\n"                                   \
    "           (SELECT format('SORTOP = OPERATOR(%I.%s)', nspname, oprname)\n"                    \
    "              FROM pg_operator AS o JOIN pg_namespace AS s ON s.oid = oprnamespace\n"         \
    "             WHERE o.oid = aggsortop),\n"                                                     \
    "           CASE aggkind WHEN 'h' THEN 'HYPOTHETICAL' END,\n"                                  \
    "           CASE proparallel WHEN 's' THEN 'PARALLEL = SAFE'\n"                                \
    "               WHEN 'r' THEN 'PARALLEL = RESTRICTED' END)),\n"                                \
    "       'DROP AGGREGATE ' || signature, '', '', '', '', false, 0, 0, 0, 0\n"                   \
    "  FROM pg_proc AS p\n"                                                                        \
    "  JOIN pg_aggregate AS a ON aggfnoid = p.oid,\n"                                              \
    "       LATERAL (SELECT format('%s(%s)', split_part(p.oid::regprocedure::text, '(', 1),\n"     \
    "           CASE WHEN pronargs = 0 AND aggkind = 'n' THEN '*'\n"                               \
    "                ELSE pg_get_function_identity_arguments(p.oid) END) AS signature) AS s\n"     \
    " WHERE pronamespace IN (SELECT oid FROM spaces)\n"                                            \
    "   AND ('pg_proc'::regclass::oid, p.oid) NOT IN (SELECT * FROM members)\n"

#endif
