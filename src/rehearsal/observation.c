/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/observation.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What is being compared. */
struct comparison {
    const struct snapshot *origin;
    const struct snapshot *before;
    const struct snapshot *after;
    struct observation *observation;
};

void
observation_done(struct observation *observation)
{
    for (size_t i = 0; i < observation->changes_count; i++) {
        free(observation->changes[i].name);
        free(observation->changes[i].from);
        free(observation->changes[i].to);
    }
    free(observation->changes);
    free(observation->effects);
    *observation = (struct observation){0};
}

const struct change *
observation_find(const struct observation *observation, enum change_kind kind)
{
    for (size_t i = 0; i < observation->changes_count; i++) {
        if (observation->changes[i].kind == kind)
            return &observation->changes[i];
    }
    return NULL;
}

static struct change *
add_change(const struct comparison *comparison,
    const struct relation *relation,
    enum change_kind kind,
    const char *name)
{
    struct observation *observation = comparison->observation;
    struct change *change =
        ARRAY_ADD(observation->changes, observation->changes_count, observation->changes_capacity);

    *change = (struct change){.kind = kind, .relation = relation, .name = memory_string(name)};
    return change;
}

static const char *
part_text(const json_t *array, size_t part)
{
    return json_string_value(json_array_get(array, part));
}

static bool
part_boolean(const json_t *array, size_t part)
{
    return json_is_true(json_array_get(array, part));
}

static int64_t
part_number(const json_t *array, size_t part)
{
    return json_integer_value(json_array_get(array, part));
}

static bool
is_index(const struct relation *relation)
{
    return relation->kind == RELATION_INDEX || relation->kind == RELATION_PARTITIONED_INDEX;
}

static void
compare_column(const struct comparison *comparison,
    const struct relation *relation,
    const json_t *old,
    const json_t *new)
{
    const char *name = part_text(new, COLUMN_NAME);
    struct change *change = NULL;

    if (strcmp(part_text(old, COLUMN_NAME), name) != 0) {
        change = add_change(comparison, relation, CHANGE_COLUMN_RENAMED, name);
        change->from = memory_string(part_text(old, COLUMN_NAME));
        change->to = memory_string(name);
    }
    if (strcmp(part_text(old, COLUMN_TYPE), part_text(new, COLUMN_TYPE)) != 0) {
        change = add_change(comparison, relation, CHANGE_COLUMN_RETYPED, name);
        change->from = memory_string(part_text(old, COLUMN_TYPE));
        change->to = memory_string(part_text(new, COLUMN_TYPE));
        change->from_type = part_number(old, COLUMN_TYPE_OID);
        change->to_type = part_number(new, COLUMN_TYPE_OID);
        change->is_binary = change->from_type == change->to_type;
    }
    bool is_required = part_boolean(new, COLUMN_IS_NOT_NULL);
    if (is_required && !part_boolean(old, COLUMN_IS_NOT_NULL))
        add_change(comparison, relation, CHANGE_COLUMN_NOT_NULL, name);
    if (is_required && part_boolean(old, COLUMN_HAS_DEFAULT) &&
        !part_boolean(new, COLUMN_HAS_DEFAULT))
        add_change(comparison, relation, CHANGE_DEFAULT_DROPPED, name);
}

static void
compare_columns(const struct comparison *comparison,
    const struct relation *relation,
    json_t *old_columns,
    json_t *new_columns)
{
    const char *number = NULL;
    json_t *column = NULL;

    json_object_foreach(old_columns, number, column)
    {
        const json_t *now = json_object_get(new_columns, number);
        if (now == NULL)
            add_change(comparison, relation, CHANGE_COLUMN_DROPPED, part_text(column, COLUMN_NAME));
        else
            compare_column(comparison, relation, column, now);
    }
    json_object_foreach(new_columns, number, column)
    {
        bool is_required =
            part_boolean(column, COLUMN_IS_NOT_NULL) && !part_boolean(column, COLUMN_HAS_DEFAULT);
        if (json_object_get(old_columns, number) == NULL)
            add_change(comparison, relation,
                is_required ? CHANGE_COLUMN_REQUIRED : CHANGE_COLUMN_ADDED,
                part_text(column, COLUMN_NAME));
    }
}

static void
compare_constraints(const struct comparison *comparison,
    const struct relation *relation,
    json_t *old_constraints,
    json_t *new_constraints)
{
    const char *oid = NULL;
    json_t *constraint = NULL;

    json_object_foreach(old_constraints, oid, constraint)
    {
        const json_t *now = json_object_get(new_constraints, oid);
        const char *name = part_text(constraint, CONSTRAINT_NAME);
        if (now == NULL)
            add_change(comparison, relation, CHANGE_CONSTRAINT_DROPPED, name);
        else if (part_boolean(now, CONSTRAINT_IS_VALID) &&
                 !part_boolean(constraint, CONSTRAINT_IS_VALID))
            add_change(comparison, relation, CHANGE_CONSTRAINT_VALIDATED, name);
    }
    json_object_foreach(new_constraints, oid, constraint)
    {
        if (json_object_get(old_constraints, oid) != NULL)
            continue;
        struct change *change = add_change(
            comparison, relation, CHANGE_CONSTRAINT_ADDED, part_text(constraint, CONSTRAINT_NAME));
        change->constraint = part_text(constraint, CONSTRAINT_KIND)[0];
        change->is_valid = part_boolean(constraint, CONSTRAINT_IS_VALID);
    }
}

static int64_t
new_scans(const struct comparison *comparison, const struct relation *now)
{
    const struct relation *old = snapshot_find(comparison->before, now->oid);

    return now->scans - (old != NULL ? old->scans : 0);
}

/* Was it read since `before`: itself, or by an index that may find any number of rows? */
static bool
is_read(const struct comparison *comparison, int64_t oid)
{
    for (size_t i = 0; i < comparison->after->count; i++) {
        const struct relation *now = &comparison->after->relations[i];
        bool is_its_own =
            now->oid == oid || (is_index(now) && now->parent == oid && !now->is_unique);
        if (is_its_own && new_scans(comparison, now) > 0)
            return true;
    }
    return false;
}

/*
 * A table with another file: TRUNCATE, or a rewrite? Both build each index anew, which
 * reads the new file once; a rewrite reads the old one too.
 */
static bool
is_emptied(const struct comparison *comparison, const struct relation *table)
{
    int64_t scans = new_scans(comparison, table);

    for (size_t i = 0; i < comparison->after->count; i++) {
        const struct relation *now = &comparison->after->relations[i];
        if (!is_index(now) || now->parent != table->oid)
            continue;
        if (new_scans(comparison, now) > 0)
            return false;
        scans--;
    }
    return scans == 0;
}

static void
compare_storage(const struct comparison *comparison,
    const struct relation *original,
    const struct relation *old,
    const struct relation *now,
    enum snapshot_extent extent,
    struct effect *effect)
{
    if (old->filenode == now->filenode || now->kind == RELATION_SEQUENCE)
        return;
    if (is_index(now)) {
        const struct relation *table = snapshot_find(comparison->after, now->parent);
        const struct relation *former = snapshot_find(comparison->before, now->parent);
        if (table != NULL && former != NULL && table->filenode == former->filenode) {
            add_change(comparison, snapshot_find(comparison->origin, now->parent),
                CHANGE_INDEX_REBUILT, now->name);
            effect->is_rewritten = true;
        }
        return;
    }
    if (extent == SNAPSHOT_LOCKED && now->kind == 'r' && old->tablespace == now->tablespace &&
        is_emptied(comparison, now)) {
        add_change(comparison, original, CHANGE_EMPTIED, NULL);
        effect->is_scanned = false;
    } else {
        effect->is_rewritten = true;
    }
}

static void
compare_names(const struct comparison *comparison,
    const struct relation *original,
    const struct relation *old,
    const struct relation *now)
{
    if (is_index(now))
        return;
    if (strcmp(old->name, now->name) != 0)
        add_change(comparison, original,
            now->kind == RELATION_SCHEMA ? CHANGE_SCHEMA_RENAMED : CHANGE_RENAMED, now->name);
    if (old->parent != now->parent)
        add_change(
            comparison, original, now->parent != 0 ? CHANGE_ATTACHED : CHANGE_DETACHED, NULL);
    if (now->has_row_security && !old->has_row_security)
        add_change(comparison, original, CHANGE_ROW_SECURITY, NULL);
}

/* An index that is made anew has another oid and its old name. */
static bool
has_index(const struct snapshot *snapshot, const struct relation *index)
{
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct relation *other = &snapshot->relations[i];
        if (is_index(other) && other->parent == index->parent &&
            strcmp(other->name, index->name) == 0)
            return true;
    }
    return false;
}

/* Dropped, though its lock may be there. */
static void
note_gone(const struct comparison *comparison, const struct relation *original)
{
    const struct relation *table =
        is_index(original) ? snapshot_find(comparison->after, original->parent) : NULL;

    if (table != NULL && has_index(comparison->after, original))
        return;

    if (original->kind == RELATION_SCHEMA)
        add_change(comparison, original, CHANGE_SCHEMA_DROPPED, NULL);
    else if (!is_index(original))
        add_change(comparison, original, CHANGE_DROPPED, NULL);
    else if (table != NULL && !table->is_gone)
        add_change(comparison, snapshot_find(comparison->origin, original->parent),
            CHANGE_INDEX_DROPPED, original->name);
}

/* Of a relation that was there before the rehearsal. */
static void
compare_relation(const struct comparison *comparison,
    const struct relation *original,
    const struct relation *old,
    const struct relation *now,
    enum snapshot_extent extent)
{
    struct observation *observation = comparison->observation;
    struct effect effect = {
        .relation = original,
        .taken = lock_mode_strongest(now->modes & ~old->modes),
        .held = lock_mode_strongest(now->modes),
        .is_scanned = extent == SNAPSHOT_LOCKED && !is_index(now) && now->scans > old->scans,
    };

    /* Which way to the rows a large table takes is not known here: one by a key is short. */
    if (!is_index(now) && (effect.held == LOCK_ROW_EXCLUSIVE || effect.held == LOCK_ROW_SHARE))
        effect.is_scanned = extent == SNAPSHOT_LOCKED && is_read(comparison, now->oid);
    if (now->is_gone && !old->is_gone)
        note_gone(comparison, original);
    if (!now->is_gone && !old->is_gone) {
        compare_names(comparison, original, old, now);
        compare_columns(comparison, original, old->columns, now->columns);
        compare_constraints(comparison, original, old->constraints, now->constraints);
        compare_storage(comparison, original, old, now, extent, &effect);
    }
    if (effect.held != LOCK_NONE || effect.is_scanned || effect.is_rewritten)
        *ARRAY_ADD(observation->effects, observation->effects_count,
            observation->effects_capacity) = effect;
}

/* Something new: of interest where it is an index of a table that was there. */
static void
note_new(const struct comparison *comparison, const struct relation *now)
{
    const struct relation *table =
        is_index(now) ? snapshot_find(comparison->origin, now->parent) : NULL;

    if (table != NULL && !has_index(comparison->before, now))
        add_change(comparison, table, CHANGE_INDEX_ADDED, now->name);
}

void
observation_make(const struct snapshot *origin,
    const struct snapshot *before,
    const struct snapshot *after,
    enum snapshot_extent extent,
    struct observation *observation)
{
    struct observation made = {0};
    const struct comparison comparison = {origin, before, after, &made};

    for (size_t i = 0; i < after->count; i++) {
        const struct relation *now = &after->relations[i];
        const struct relation *original = snapshot_find(origin, now->oid);
        const struct relation *old = snapshot_find(before, now->oid);
        if (original != NULL && old != NULL)
            compare_relation(&comparison, original, old, now, extent);
        else if (old == NULL && !now->is_gone)
            note_new(&comparison, now);
    }
    for (size_t i = 0; i < before->count; i++) {
        const struct relation *old = &before->relations[i];
        const struct relation *original = snapshot_find(origin, old->oid);
        bool is_listed = extent == SNAPSHOT_ALL || old->kind == RELATION_SCHEMA;
        if (is_listed && !old->is_gone && original != NULL &&
            snapshot_find(after, old->oid) == NULL)
            note_gone(&comparison, original);
    }
    *observation = made;
}
