/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/schema_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/files.h"
#include "base/memory.h"

#define SQL_TABLES                                                                                 \
    "SELECT coalesce(array_agg(oid), '{}') FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p')"

#define SQL_NEW_TABLES                                                                             \
    "SELECT oid\n"                                                                                 \
    "  FROM pg_catalog.pg_class\n"                                                                 \
    " WHERE relkind IN ('r', 'p') AND oid <> ALL ($1::pg_catalog.oid[])"

void
schema_file_done(struct schema_file *file)
{
    free(file->text);
    rename_hints_done(&file->hints);
    *file = (struct schema_file){0};
}

bool
schema_file_refuse(const struct schema_file *file,
    const struct rename_hint *hint,
    struct error *err,
    const char *format,
    ...)
{
    char message[ERROR_MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    error_set(err, ERROR_INPUT, "%s", message);
    error_place(err, file->path, 0, 0);
    error_show_source(err, file->text, file->size_bytes, hint->offset);
    return false;
}

static bool
has_hint(const struct schema_file *file, size_t statement)
{
    for (size_t i = 0; i < file->hints.count; i++) {
        if (file->hints.hints[i].statement == statement)
            return true;
    }
    return false;
}

/* Remember with its hints which table the statement made. */
static bool
note_table(
    const struct schema_file *file, size_t statement, const struct pg_rows *made, struct error *err)
{
    for (size_t i = 0; i < file->hints.count; i++) {
        struct rename_hint *hint = &file->hints.hints[i];
        if (hint->statement != statement)
            continue;
        if (pg_rows_count(made) != 1)
            return schema_file_refuse(file, hint, err,
                "the hint stands at a statement that creates %s",
                pg_rows_count(made) == 0 ? "no table" : "several tables");
        hint->table_oid = memory_string(pg_rows_text(made, 0, 0));
    }
    return true;
}

static bool
run_hinted(struct bench *bench,
    const struct schema_file *file,
    const struct script *script,
    size_t index,
    struct error *err)
{
    struct pg *db = bench->session.db;
    AUTO_ROWS struct pg_rows *before = NULL;
    AUTO_ROWS struct pg_rows *made = NULL;

    if (!pg_query(db, SQL_TABLES, 0, NULL, &before, err) ||
        !bench_run_statement(
            bench, file->path, file->text, file->size_bytes, &script->statements[index], err))
        return false;
    const char *const values[] = {pg_rows_text(before, 0, 0)};
    return pg_query(db, SQL_NEW_TABLES, 1, values, &made, err) &&
           note_table(file, index, made, err);
}

bool
schema_file_run(const char *path, struct bench *bench, struct schema_file *file, struct error *err)
{
    AUTO_SCHEMA_FILE read = {.path = path};
    AUTO_SCRIPT script = {0};

    if (!file_read(
            path, (size_t)bench->config.max_file_mib << 20, &read.text, &read.size_bytes, err))
        return false;
    if (utf8_valid(read.text, read.size_bytes) != read.size_bytes ||
        memchr(read.text, '\0', read.size_bytes) != NULL)
        return error_set(err, ERROR_INPUT, "%s is not UTF-8", path);
    if (!rename_hints_parse(path, read.text, read.size_bytes, &script, &read.hints, err))
        return false;
    for (size_t i = 0; i < script.count; i++) {
        bool is_run = has_hint(&read, i) ? run_hinted(bench, &read, &script, i, err)
                                         : bench_run_statement(bench, path, read.text,
                                               read.size_bytes, &script.statements[i], err);
        if (!is_run)
            return false;
    }
    *file = read;
    read = (struct schema_file){0};
    return true;
}
