/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/online.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Statements that wait for their turn. */
struct queue {
    struct difference_statement *statements;
    size_t count;
    size_t capacity;
};

struct planner {
    const struct model *old;
    const struct model *new;
    struct online_plan *plan;
    bool is_open;           /* the last file takes more */
    struct queue validates; /* each in a file, when all else is there */
    struct queue drops;     /* of what the application may still use: in the last file */
    bool has_created;       /* drops from now on are of what nothing needs any more */
};

void
online_plan_done(struct online_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        text_done(&plan->files[i].up);
        text_done(&plan->files[i].down);
    }
    free(plan->files);
    *plan = (struct online_plan){0};
}

static struct online_file *
add_file(struct planner *planner, bool is_open)
{
    struct online_plan *plan = planner->plan;

    planner->is_open = is_open;
    return ARRAY_ADD(plan->files, plan->count, plan->capacity);
}

/* Into the file that is open. */
static void
put(struct planner *planner, const char *verb, const struct model_object *object, const char *sql)
{
    struct online_plan *plan = planner->plan;
    struct online_file *file =
        planner->is_open ? &plan->files[plan->count - 1] : add_file(planner, true);

    difference_write(&file->up, verb, object, sql);
}

/* Into a file of its own. */
static struct online_file *
put_apart(
    struct planner *planner, const char *verb, const struct model_object *object, const char *sql)
{
    struct online_file *file = add_file(planner, false);

    difference_write(&file->up, verb, object, sql);
    return file;
}

static void
put_alone(
    struct planner *planner, const char *verb, const struct model_object *object, const char *sql)
{
    put_apart(planner, verb, object, sql)->is_alone = true;
}

static void
wait_for_turn(
    struct queue *queue, const char *verb, const struct model_object *object, const char *sql)
{
    *ARRAY_ADD(queue->statements, queue->count, queue->capacity) =
        (struct difference_statement){.verb = verb, .object = object, .sql = memory_string(sql)};
}

static void
queue_done(struct queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        free(queue->statements[i].sql);
    free(queue->statements);
}

static bool
has_word(const char *verb, const char *word)
{
    return strcmp(verb, word) == 0;
}

/* Is it a part of a table that is there before and after? */
static bool
is_on_kept(const struct model *old, const struct model *new, const struct model_object *part)
{
    return *part->table != '\0' && model_find(old, MODEL_TABLE, part->table) != NULL &&
           model_find(new, MODEL_TABLE, part->table) != NULL;
}

/* `prefix` within the quotes of `name`. */
static char *
prefix_name(const char *prefix, const char *name)
{
    bool is_quoted = *name == '"';

    return memory_printf("%s%s%s", is_quoted ? "\"" : "", prefix, name + is_quoted);
}

/* "c" of "a.c", as it is quoted. */
static const char *
own_name(const struct model_object *part)
{
    return part->name + strlen(part->table) + 1;
}

/* CREATE INDEX and DROP INDEX, with that word. */
static char *
make_concurrent(const char *sql)
{
    static const char WORD[] = "INDEX ";
    const char *at = strstr(sql, WORD) + strlen(WORD);

    return memory_printf("%.*sCONCURRENTLY %s", (int)(at - sql), sql, at);
}

/* The index's name in CREATE INDEX; it has no schema there. */
static char *
index_name(const char *sql)
{
    const char *start = strstr(sql, "INDEX ") + strlen("INDEX ");
    const char *end = strstr(start, *start == '"' ? "\" ON " : " ON ");

    return memory_copy(start, (size_t)(end - start) + (*start == '"'));
}

/* Build it under another name first, so that there is always one. */
static void
replace_index(struct planner *planner, const struct model_object *new, const char *sql)
{
    const struct model_object *old = model_find(planner->old, MODEL_INDEX, new->name);
    AUTO_STRING char *name = index_name(sql);
    AUTO_STRING char *other = prefix_name("pgstride_new_", name);
    const char *at = strstr(sql, "INDEX ") + strlen("INDEX ");
    int schema = (int)(strlen(new->name) - strlen(name));
    AUTO_STRING char *build =
        memory_printf("%.*sCONCURRENTLY %s%s", (int)(at - sql), sql, other, at + strlen(name));
    AUTO_STRING char *drop = make_concurrent(old->drop);
    AUTO_STRING char *rename =
        memory_printf("ALTER INDEX %.*s%s RENAME TO %s", schema, new->name, other, name);
    AUTO_STRING char *back = memory_printf("ALTER INDEX %s RENAME TO %s", new->name, other);

    put_alone(planner, "create the new", new, build);
    put_alone(planner, "drop the old", old, drop);
    struct online_file *file = put_apart(planner, "rename the new", new, rename);
    difference_write(&file->down, "rename back the new", new, back);
}

static void
plan_index(struct planner *planner, const struct difference_statement *statement)
{
    const struct model_object *object = statement->object;
    bool is_replaced = model_find(planner->old, MODEL_INDEX, object->name) != NULL &&
                       model_find(planner->new, MODEL_INDEX, object->name) != NULL;

    if (!is_replaced) {
        AUTO_STRING char *sql = make_concurrent(statement->sql);
        put_alone(planner, statement->verb, object, sql);
    } else if (!has_word(statement->verb, "drop")) {
        replace_index(planner, object, statement->sql);
    }
}

/* What stands behind the constraint's name: "UNIQUE (a)". */
static const char *
definition(const struct model_object *constraint)
{
    return constraint->create + strlen("ALTER TABLE ") + strlen(constraint->table) +
           strlen(" ADD CONSTRAINT ") + strlen(own_name(constraint)) + 1;
}

/* The words before the columns of a key that an index can be built for; or NULL. */
static const char *
key_words(const struct model_object *constraint)
{
    static const char *const KEYS[] = {"PRIMARY KEY ", "UNIQUE ", "UNIQUE NULLS NOT DISTINCT "};
    const char *text = definition(constraint);
    size_t size = strcspn(text, "(");

    for (size_t i = 0; i < ARRAY_LENGTH(KEYS); i++) {
        if (strlen(KEYS[i]) == size && strncmp(text, KEYS[i], size) == 0 &&
            strstr(text, " WITHOUT OVERLAPS)") == NULL)
            return KEYS[i];
    }
    return NULL;
}

/* The other model has a key of this name, so that one takes the place of the other. */
static bool
is_replaced_key(const struct planner *planner, const struct model_object *constraint)
{
    const struct model_object *old = model_find(planner->old, MODEL_CONSTRAINT, constraint->name);
    const struct model_object *new = model_find(planner->new, MODEL_CONSTRAINT, constraint->name);

    return old != NULL && new != NULL &&key_words(old) != NULL &&key_words(new) != NULL;
}

static void
plan_key(struct planner *planner, const struct model_object *new)
{
    const char *columns = strchr(definition(new), '(');
    const char *rest = strrchr(columns, ')') + 1;
    const char *name = own_name(new);
    bool is_distinct = strstr(key_words(new), "NULLS") == NULL;
    bool is_replaced = is_replaced_key(planner, new);
    AUTO_STRING char *index = prefix_name(is_replaced ? "pgstride_new_" : "", name);
    AUTO_STRING char *build =
        memory_printf("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %.*s%s", index, new->table,
            (int)(rest - columns), columns, is_distinct ? "" : " NULLS NOT DISTINCT");
    AUTO_STRING char *drop = memory_printf("\n    DROP CONSTRAINT %s,", name);
    AUTO_STRING char *add = memory_printf("ALTER TABLE %s%s%sADD CONSTRAINT %s %s USING INDEX %s%s",
        new->table, is_replaced ? drop : "", is_replaced ? "\n    " : " ", name,
        strncmp(key_words(new), "PRIMARY", 7) == 0 ? "PRIMARY KEY" : "UNIQUE", index, rest);

    put_alone(planner, "create the index of the", new, build);
    put(planner, "create", new, add);
}

static bool
ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);

    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

static void
plan_constraint(struct planner *planner, const struct difference_statement *statement)
{
    const struct model_object *object = statement->object;
    bool is_valid = !ends_with(statement->sql, " NOT VALID");
    bool can_wait = strncmp(definition(object), "CHECK", 5) == 0 ||
                    strncmp(definition(object), "FOREIGN KEY", 11) == 0;

    if (has_word(statement->verb, "drop")) {
        if (!is_replaced_key(planner, object))
            put(planner, statement->verb, object, statement->sql);
    } else if (key_words(object) != NULL) {
        plan_key(planner, object);
    } else if (is_valid && can_wait) {
        AUTO_STRING char *add = memory_printf("%s NOT VALID", statement->sql);
        AUTO_STRING char *validate =
            memory_printf("ALTER TABLE %s VALIDATE CONSTRAINT %s", object->table, own_name(object));
        put(planner, statement->verb, object, add);
        wait_for_turn(&planner->validates, "validate", object, validate);
    } else {
        put(planner, statement->verb, object, statement->sql);
    }
}

/* With a check that is valid, the server need not look at the rows. */
static void
plan_not_null(struct planner *planner, const struct model_object *column)
{
    const char *name = own_name(column);
    const char *table = column->table;
    AUTO_STRING char *check = prefix_name("pgstride_not_null_", name);
    AUTO_STRING char *add = memory_printf(
        "ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", table, check, name);
    AUTO_STRING char *validate =
        memory_printf("ALTER TABLE %s VALIDATE CONSTRAINT %s", table, check);
    AUTO_STRING char *set =
        memory_printf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", table, name);
    AUTO_STRING char *drop = memory_printf("ALTER TABLE %s DROP CONSTRAINT %s", table, check);

    put(planner, "check NOT NULL of", column, add);
    put_apart(planner, "validate NOT NULL of", column, validate);
    put(planner, DIFFERENCE_SET_NOT_NULL, column, set);
    put(planner, "drop the check of", column, drop);
}

static void
plan_statement(struct planner *planner, const struct difference_statement *statement)
{
    const struct model_object *object = statement->object;
    bool is_drop = has_word(statement->verb, "drop");
    bool is_kept = is_on_kept(planner->old, planner->new, object);

    if (!is_drop)
        planner->has_created = true;
    if (object->kind == MODEL_INDEX && is_kept)
        plan_index(planner, statement);
    else if (object->kind == MODEL_CONSTRAINT && is_kept)
        plan_constraint(planner, statement);
    else if (has_word(statement->verb, DIFFERENCE_SET_NOT_NULL))
        plan_not_null(planner, object);
    else if (is_drop &&
             (planner->has_created || object->kind == MODEL_TABLE || object->kind == MODEL_COLUMN))
        wait_for_turn(&planner->drops, statement->verb, object, statement->sql);
    else
        put(planner, statement->verb, object, statement->sql);
}

void
online_plan_make(const struct model *old,
    const struct model *new,
    const struct difference *difference,
    struct online_plan *plan)
{
    struct planner planner = {.old = old, .new = new, .plan = plan};

    for (size_t i = 0; i < difference->statements; i++)
        plan_statement(&planner, &difference->list[i]);
    for (size_t i = 0; i < planner.validates.count; i++) {
        const struct difference_statement *statement = &planner.validates.statements[i];
        put_apart(&planner, statement->verb, statement->object, statement->sql);
    }
    planner.is_open = false;
    for (size_t i = 0; i < planner.drops.count; i++) {
        const struct difference_statement *statement = &planner.drops.statements[i];
        put(&planner, statement->verb, statement->object, statement->sql);
    }
    queue_done(&planner.validates);
    queue_done(&planner.drops);
}

bool
online_write_down(const struct model *old,
    const struct model *new,
    const struct difference *difference,
    struct text *down)
{
    const struct difference_statement *first = difference->list;
    bool is_alone = difference->statements == 1 && first->object->kind == MODEL_INDEX &&
                    is_on_kept(old, new, first->object);
    AUTO_STRING char *sql = is_alone ? make_concurrent(first->sql) : NULL;

    if (is_alone)
        difference_write(down, first->verb, first->object, sql);
    else
        text_puts(down, text_string(&difference->sql));
    return is_alone;
}
