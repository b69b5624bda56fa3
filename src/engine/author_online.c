/* SPDX-License-Identifier: Apache-2.0 */
/* The files of --online: each is run up, and then each down, and every schema compared. */
#include <stdlib.h>

#include "base/memory.h"
#include "engine/author_internal.h"
#include "schema/online.h"

#define SQL_FILES                                                                                  \
    "SELECT coalesce(jsonb_object_agg(c.oid, pg_relation_filenode(c.oid)), '{}')\n"                \
    "  FROM pg_class AS c\n"                                                                       \
    " WHERE relkind IN ('r', 'm') AND c.oid >= 16384"

#define SQL_REWRITTEN                                                                              \
    "SELECT coalesce(string_agg(c.oid::regclass::text, ', ' ORDER BY c.oid), '')\n"                \
    "  FROM pg_class AS c\n"                                                                       \
    " WHERE relkind IN ('r', 'm')\n"                                                               \
    "   AND ($1::jsonb ->> c.oid::text)::oid <> pg_relation_filenode(c.oid)"

/* The schemas between the files: `states[0]` is before the first. */
struct way {
    struct model **states;
    size_t count;
    bool *is_down_alone;
};

static void
way_done(struct way *way)
{
    for (size_t i = 0; i < way->count; i++)
        model_release(&way->states[i]);
    free(way->states);
    free(way->is_down_alone);
}

/* A table that is rewritten is locked as long as that takes: the server says which. */
static bool
run_up(struct bench *folder,
    const struct online_file *planned,
    struct model **state,
    struct error *err)
{
    struct pg *db = folder->session.db;
    AUTO_ROWS struct pg_rows *files = NULL;
    AUTO_ROWS struct pg_rows *rewritten = NULL;
    AUTO_MODEL struct model *got = NULL;

    if (!pg_query(db, SQL_FILES, 0, NULL, &files, err) ||
        !author_run(folder, "up", &planned->up, planned->is_alone, &got, err))
        return false;
    const char *const values[] = {pg_rows_text(files, 0, 0)};
    if (!pg_query(db, SQL_REWRITTEN, 1, values, &rewritten, err))
        return false;
    if (*pg_rows_text(rewritten, 0, 0) == '\0') {
        *state = TAKE(got);
        return true;
    }
    error_set(err, ERROR_PLAN, "--online cannot write this: it would rewrite %s",
        pg_rows_text(rewritten, 0, 0));
    return error_hint(err,
        "Nothing was written. Add a new column, fill it in batches and move over "
        "to it, in migrations by hand; or leave --online out.");
}

static void
write_file(const struct online_file *planned,
    const struct model *before,
    const struct model *after,
    struct authored *authored,
    bool *is_down_alone)
{
    AUTO_DIFFERENCE back = {0};
    struct authored_file *file = ARRAY_ADD(authored->files, authored->count, authored->capacity);

    text_puts(&file->up, text_string(&planned->up));
    if (planned->down.size_bytes > 0) {
        text_puts(&file->down, text_string(&planned->down));
        return;
    }
    difference_find(after, before, &back);
    *is_down_alone = online_write_down(after, before, &back, &file->down);
}

static bool
walk(struct bench *folder,
    const struct online_plan *plan,
    const struct model *old,
    const struct model *new,
    struct way *way,
    struct authored *authored,
    struct error *err)
{
    const struct model *before = old;

    for (size_t i = 0; i < plan->count; i++) {
        if (!run_up(folder, &plan->files[i], &way->states[i], err))
            return false;
        write_file(&plan->files[i], before, way->states[i], authored, &way->is_down_alone[i]);
        before = way->states[i];
    }
    if (!author_check(folder, "up", before, new, err))
        return false;
    for (size_t i = plan->count; i-- > 0;) {
        AUTO_MODEL struct model *got = NULL;
        if (!author_run(
                folder, "down", &authored->files[i].down, way->is_down_alone[i], &got, err) ||
            !author_check(folder, "down", got, i > 0 ? way->states[i - 1] : old, err))
            return false;
    }
    return true;
}

bool
author_write_online(struct bench *folder,
    const struct model *old,
    const struct model *new,
    struct authored *authored,
    struct error *err)
{
    AUTO_DIFFERENCE difference = {.is_split = true};
    AUTO_ONLINE_PLAN plan = {0};

    difference_find(old, new, &difference);
    text_puts(&authored->losses, text_string(&difference.losses));
    online_plan_make(old, new, &difference, &plan);
    __attribute__((cleanup(way_done))) struct way way = {
        .states = memory_new((plan.count + 1) * sizeof(void *)),
        .count = plan.count,
        .is_down_alone = memory_new(plan.count + 1),
    };
    return walk(folder, &plan, old, new, &way, authored, err);
}
