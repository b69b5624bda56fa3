/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/renames.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* $1: a table's oid. Its name, alone and with its schema as they are written, its schema. */
#define SQL_TABLE                                                                                  \
    "SELECT c.oid::regclass, quote_ident(relname), relnamespace::regnamespace\n"                   \
    "  FROM pg_class AS c\n"                                                                       \
    " WHERE c.oid = $1::oid"

/* $1: its name. */
#define SQL_TABLE_OF_NAME                                                                          \
    "SELECT c.oid::regclass, quote_ident(relname), relnamespace::regnamespace\n"                   \
    "  FROM pg_class AS c\n"                                                                       \
    " WHERE c.oid = to_regclass($1) AND relkind IN ('r', 'p')"

/* $1: the table's name; $2: the column's, as it was written. */
#define SQL_COLUMN                                                                                 \
    "SELECT quote_ident(attname)\n"                                                                \
    "  FROM pg_attribute\n"                                                                        \
    " WHERE attrelid = to_regclass($1) AND attname = (parse_ident($2))[1]\n"                       \
    "   AND cardinality(parse_ident($2)) = 1 AND attnum > 0 AND NOT attisdropped"

/* What a table has that bears a name of its own: what it is called, and what else it is. */
#define SQL_PARTS                                                                                  \
    "SELECT 'constraint', quote_ident(conname), pg_get_constraintdef(oid), quote_ident(conname)\n" \
    "  FROM pg_constraint\n"                                                                       \
    " WHERE conrelid = $1::text::regclass AND contype <> 'n'\n"                                    \
    "UNION ALL\n"                                                                                  \
    "SELECT 'index', quote_ident(relname),\n"                                                      \
    "       replace(pg_get_indexdef(c.oid), ' INDEX ' || quote_ident(relname) || ' ON ', ''),\n"   \
    "       c.oid::regclass::text\n"                                                               \
    "  FROM pg_index\n"                                                                            \
    "  JOIN pg_class AS c ON c.oid = indexrelid\n"                                                 \
    " WHERE indrelid = $1::text::regclass\n"                                                       \
    "   AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u', "    \
    "'x'))\n"                                                                                      \
    "UNION ALL\n"                                                                                  \
    "SELECT 'sequence', quote_ident(relname), attname::text, c.oid::regclass::text\n"              \
    "  FROM pg_depend AS d\n"                                                                      \
    "  JOIN pg_class AS c ON c.oid = objid AND relkind = 'S'\n"                                    \
    "  JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid\n"                        \
    " WHERE refobjid = $1::text::regclass AND d.classid = 'pg_class'::regclass\n"                  \
    "   AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')\n"                         \
    " ORDER BY 1, 2"

enum part_column { PART_KIND, PART_NAME, PART_FACTS, PART_PATH };

void
renames_done(struct renames *renames)
{
    text_done(&renames->up);
    text_done(&renames->down);
}

struct rename {
    const char *kind;
    const char *word;     /* of SQL: "TABLE" */
    const char *table;    /* of a part of one, that is named with it; else NULL */
    const char *old_path; /* with its schema, where that is written */
    const char *new_path;
    const char *old_name;
    const char *new_name;
};

static char *
write_rename(const struct rename *rename, bool is_back)
{
    const char *from = is_back ? rename->new_path : rename->old_path;
    const char *to = is_back ? rename->old_name : rename->new_name;

    if (rename->table != NULL)
        return memory_printf(
            "ALTER TABLE %s RENAME %s %s TO %s", rename->table, rename->word, from, to);
    return memory_printf("ALTER %s %s RENAME TO %s", rename->word, from, to);
}

static void
add_statement(struct text *text, const struct rename *rename, bool is_back)
{
    AUTO_STRING char *sql = write_rename(rename, is_back);

    text_printf(
        text, "-- rename %s %s", rename->kind, is_back ? rename->new_path : rename->old_path);
    if (rename->table != NULL)
        text_printf(text, " of %s", rename->table);
    text_printf(text, " to %s\n%s;\n", is_back ? rename->old_name : rename->new_name, sql);
}

/* Run it, and remember it with its reverse, which comes before those that are there. */
static bool
rename_it(struct pg *db, const struct rename *rename, struct renames *renames, struct error *err)
{
    AUTO_STRING char *sql = write_rename(rename, false);
    AUTO_TEXT down = TEXT_INIT;

    if (!pg_command(db, sql, 0, NULL, err))
        return false;
    text_puts(&renames->up, renames->count++ > 0 ? "\n" : "");
    add_statement(&renames->up, rename, false);
    add_statement(&down, rename, true);
    if (renames->down.size_bytes > 0)
        text_printf(&down, "\n%s", text_string(&renames->down));
    text_done(&renames->down);
    renames->down = down;
    down = TEXT_INIT;
    return true;
}

/* A database's answer about one thing: `*rows` are NULL where it is not there. */
static bool
ask(struct pg *db,
    const char *sql,
    const char *first,
    const char *second,
    struct pg_rows **rows,
    struct error *err)
{
    const char *const values[] = {first, second};
    AUTO_ROWS struct pg_rows *found = NULL;

    if (!pg_query(db, sql, second != NULL ? 2 : 1, values, &found, err))
        return false;
    if (pg_rows_count(found) > 0)
        *rows = TAKE(found);
    return true;
}

/* The same of a name that somebody wrote, and may have written wrong. */
static bool
ask_old(const struct schema_file *file,
    const struct rename_hint *hint,
    struct pg *db,
    const char *table,
    struct pg_rows **rows,
    struct error *err)
{
    struct error failure = ERROR_INIT;
    bool is_answered = table != NULL
                           ? ask(db, SQL_COLUMN, table, hint->old_name, rows, &failure)
                           : ask(db, SQL_TABLE_OF_NAME, hint->old_name, NULL, rows, &failure);

    if (is_answered)
        return true;
    if (failure.kind == ERROR_DATABASE)
        return schema_file_refuse(file, hint, err, "the hint's name is none: %s", failure.message);
    *err = failure;
    return false;
}

/*
 * Where old and new name stand decides: `*is_wanted` when it is to be renamed. The new
 * one alone: that was done.
 */
static bool
decide(const struct schema_file *file,
    const struct rename_hint *hint,
    bool has_old,
    bool has_new,
    bool keeps_old,
    bool *is_wanted,
    struct error *err)
{
    const char *what = hint->column != NULL ? "column" : "table";

    *is_wanted = has_old && !has_new;
    if (!has_old && !has_new)
        return schema_file_refuse(
            file, hint, err, "the folder's schema has no %s %s", what, hint->old_name);
    if (*is_wanted && keeps_old)
        return schema_file_refuse(
            file, hint, err, "%s has a %s %s, too", file->path, what, hint->old_name);
    if (has_old && has_new && !keeps_old)
        return schema_file_refuse(file, hint, err,
            "the folder's schema has the new %s and the old one, %s", what, hint->old_name);
    return true;
}

static bool
rename_table(const struct schema_file *file,
    const struct rename_hint *hint,
    struct pg *folder,
    struct pg *wanted,
    struct renames *renames,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *new = NULL;
    AUTO_ROWS struct pg_rows *kept = NULL;
    AUTO_ROWS struct pg_rows *old = NULL;
    AUTO_ROWS struct pg_rows *done = NULL;
    bool is_wanted = false;

    if (!ask(wanted, SQL_TABLE, hint->table_oid, NULL, &new, err))
        return false;
    if (new == NULL)
        return schema_file_refuse(file, hint, err, "the hint's table is dropped again");
    const char *name = pg_rows_text(new, 0, 0);
    if (!ask_old(file, hint, folder, NULL, &old, err) ||
        !ask_old(file, hint, wanted, NULL, &kept, err) ||
        !ask(folder, SQL_TABLE_OF_NAME, name, NULL, &done, err) ||
        !decide(file, hint, old != NULL, done != NULL, kept != NULL, &is_wanted, err))
        return false;
    if (!is_wanted)
        return true;
    if (strcmp(pg_rows_text(old, 0, 2), pg_rows_text(new, 0, 2)) != 0)
        return schema_file_refuse(file, hint, err,
            "a table is renamed in its schema: %s is in %s, and %s in %s", hint->old_name,
            pg_rows_text(old, 0, 2), name, pg_rows_text(new, 0, 2));
    const struct rename rename = {"table", "TABLE", NULL, pg_rows_text(old, 0, 0), name,
        pg_rows_text(old, 0, 1), pg_rows_text(new, 0, 1)};
    return rename_it(folder, &rename, renames, err);
}

static bool
rename_column(const struct schema_file *file,
    const struct rename_hint *hint,
    struct pg *folder,
    struct pg *wanted,
    struct renames *renames,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *table = NULL;
    AUTO_ROWS struct pg_rows *new = NULL;
    AUTO_ROWS struct pg_rows *kept = NULL;
    AUTO_ROWS struct pg_rows *old = NULL;
    AUTO_ROWS struct pg_rows *done = NULL;
    bool is_wanted = false;

    if (!ask(wanted, SQL_TABLE, hint->table_oid, NULL, &table, err))
        return false;
    if (table == NULL)
        return schema_file_refuse(file, hint, err, "the hint's table is dropped again");
    const char *name = pg_rows_text(table, 0, 0);
    if (!ask(wanted, SQL_COLUMN, name, hint->column, &new, err))
        return false;
    if (new == NULL)
        return schema_file_refuse(file, hint, err, "table %s has no column %s", name, hint->column);
    if (!ask_old(file, hint, folder, name, &old, err) ||
        !ask_old(file, hint, wanted, name, &kept, err) ||
        !ask(folder, SQL_COLUMN, name, hint->column, &done, err) ||
        !decide(file, hint, old != NULL, done != NULL, kept != NULL, &is_wanted, err))
        return false;
    if (!is_wanted)
        return true;
    const char *from = pg_rows_text(old, 0, 0);
    const char *to = pg_rows_text(new, 0, 0);
    const struct rename rename = {"column", "COLUMN", name, from, to, from, to};
    return rename_it(folder, &rename, renames, err);
}

static bool
has_part(const struct pg_rows *parts, const char *kind, const char *name)
{
    for (size_t i = 0; i < pg_rows_count(parts); i++) {
        if (strcmp(pg_rows_text(parts, i, PART_KIND), kind) == 0 &&
            strcmp(pg_rows_text(parts, i, PART_NAME), name) == 0)
            return true;
    }
    return false;
}

/* A part of this kind and these facts, of a name that the other table has not; or NULL. */
static const char *
find_new_name(const struct pg_rows *news, const struct pg_rows *olds, size_t old, bool *is_taken)
{
    const char *kind = pg_rows_text(olds, old, PART_KIND);

    for (size_t i = 0; i < pg_rows_count(news); i++) {
        const char *name = pg_rows_text(news, i, PART_NAME);
        if (is_taken[i] || strcmp(pg_rows_text(news, i, PART_KIND), kind) != 0 ||
            strcmp(pg_rows_text(news, i, PART_FACTS), pg_rows_text(olds, old, PART_FACTS)) != 0 ||
            has_part(olds, kind, name))
            continue;
        is_taken[i] = true;
        return name;
    }
    return NULL;
}

static bool
rename_part(struct pg *folder,
    const char *table,
    const struct pg_rows *olds,
    size_t row,
    const char *new_name,
    struct renames *renames,
    struct error *err)
{
    const char *kind = pg_rows_text(olds, row, PART_KIND);
    const char *name = pg_rows_text(olds, row, PART_NAME);
    const char *path = pg_rows_text(olds, row, PART_PATH);
    size_t schema = strlen(path) - strlen(name);
    AUTO_STRING char *new_path = memory_printf("%.*s%s", (int)schema, path, new_name);
    const struct rename constraint = {kind, "CONSTRAINT", table, name, new_name, name, new_name};
    const struct rename relation = {kind, strcmp(kind, "index") == 0 ? "INDEX" : "SEQUENCE", NULL,
        path, new_path, name, new_name};

    return rename_it(
        folder, strcmp(kind, "constraint") == 0 ? &constraint : &relation, renames, err);
}

/* What bears a name that was made of the table's or a column's. */
static bool
rename_parts(struct pg *folder,
    struct pg *wanted,
    const char *table,
    struct renames *renames,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *olds = NULL;
    AUTO_ROWS struct pg_rows *news = NULL;
    const char *const values[] = {table};

    if (!pg_query(folder, SQL_PARTS, 1, values, &olds, err) ||
        !pg_query(wanted, SQL_PARTS, 1, values, &news, err))
        return false;
    bool *is_taken = memory_new(pg_rows_count(news) + 1);
    bool is_good = true;
    for (size_t i = 0; i < pg_rows_count(olds) && is_good; i++) {
        bool is_kept =
            has_part(news, pg_rows_text(olds, i, PART_KIND), pg_rows_text(olds, i, PART_NAME));
        const char *name = is_kept ? NULL : find_new_name(news, olds, i, is_taken);
        if (name != NULL)
            is_good = rename_part(folder, table, olds, i, name, renames, err);
    }
    free(is_taken);
    return is_good;
}

static bool
rename_parts_of(const struct schema_file *file,
    size_t index,
    struct pg *folder,
    struct pg *wanted,
    struct renames *renames,
    struct error *err)
{
    const struct rename_hints *hints = &file->hints;
    AUTO_ROWS struct pg_rows *table = NULL;

    for (size_t i = 0; i < index; i++) {
        if (strcmp(hints->hints[i].table_oid, hints->hints[index].table_oid) == 0)
            return true; /* it had its turn */
    }
    return ask(wanted, SQL_TABLE, hints->hints[index].table_oid, NULL, &table, err) &&
           rename_parts(folder, wanted, pg_rows_text(table, 0, 0), renames, err);
}

bool
renames_make(const struct schema_file *file,
    struct pg *folder,
    struct pg *wanted,
    struct renames *renames,
    struct error *err)
{
    const struct rename_hints *hints = &file->hints;

    for (size_t i = 0; i < hints->count; i++) {
        if (hints->hints[i].column == NULL &&
            !rename_table(file, &hints->hints[i], folder, wanted, renames, err))
            return false;
    }
    for (size_t i = 0; i < hints->count; i++) {
        if (hints->hints[i].column != NULL &&
            !rename_column(file, &hints->hints[i], folder, wanted, renames, err))
            return false;
    }
    for (size_t i = 0; i < hints->count && renames->count > 0; i++) {
        if (!rename_parts_of(file, i, folder, wanted, renames, err))
            return false;
    }
    return true;
}
