/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/advice.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* {table} and {name} are the change's. */
#define CHECK_NOT_VALID                                                                            \
    "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (…) NOT VALID; in the next migration "      \
    "ALTER TABLE {table} VALIDATE CONSTRAINT {name}, which blocks nobody"
#define FOREIGN_KEY_NOT_VALID                                                                       \
    "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (…) REFERENCES … NOT VALID; in the " \
    "next migration ALTER TABLE {table} VALIDATE CONSTRAINT {name}, which blocks nobody"
#define UNIQUE_USING_INDEX                                                                         \
    "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} (…), in a file of its own; in the next " \
    "migration ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"
#define PRIMARY_KEY_USING_INDEX                                                                    \
    "make its columns NOT NULL; CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} (…), in a "   \
    "file of its own; in the next migration ALTER TABLE {table} ADD CONSTRAINT {name} PRIMARY "    \
    "KEY USING INDEX {name}"
#define EXCLUDE_ELSEWHERE                                                                          \
    "PostgreSQL has no way to add it without the lock: do it while nobody writes, or in a new "    \
    "table that is filled in batches and takes this one's place"
#define NOT_NULL_BY_CHECK                                                                          \
    "ALTER TABLE {table} ADD CONSTRAINT {name}_not_null CHECK ({name} IS NOT NULL) NOT VALID; in " \
    "the next migration VALIDATE CONSTRAINT {name}_not_null; in the one after it SET NOT NULL, "   \
    "which then scans nothing, and DROP CONSTRAINT {name}_not_null"
#define ADD_WITHOUT_DEFAULT                                                                        \
    "add {name} without a default, or with a constant one, which rewrites nothing; SET DEFAULT "   \
    "for the rows to come; fill the rows there are in batches"
#define EXPAND_AND_CONTRACT_TYPE                                                                   \
    "expand and contract: add a column of the new type, write both (a trigger, or the "            \
    "application), fill the old rows in batches, read the new one, and drop {name} when no "       \
    "code reads it"
#define INDEX_CONCURRENTLY "CREATE INDEX CONCURRENTLY {name} ON {table} (…), in a file of its own"
#define DROP_CONCURRENTLY "DROP INDEX CONCURRENTLY {name}, in a file of its own"
#define REINDEX_CONCURRENTLY "REINDEX INDEX CONCURRENTLY {name}, in a file of its own"
#define ATTACH_CHECKED                                                                               \
    "first ALTER TABLE {table} ADD CONSTRAINT … CHECK (the partition's bounds) NOT VALID, and in " \
    "the next migration VALIDATE CONSTRAINT: ATTACH PARTITION then scans nothing; drop the CHECK "   \
    "after it"
#define DETACH_CONCURRENTLY                                                                        \
    "ALTER TABLE … DETACH PARTITION {table} CONCURRENTLY, in a file of its own (PostgreSQL 14)"
#define CONTRACT_TABLE                                                                             \
    "expand and contract: drop {table} in a later release, when no running code uses it"
#define RENAME_TABLE                                                                               \
    "expand and contract: leave a view of the old name, CREATE VIEW {table} AS SELECT * FROM "     \
    "{name}, in the same migration; drop it in a later release"
#define CONTRACT_COLUMN                                                                            \
    "expand and contract: first a release whose code does not use {name}, then this migration"
#define RENAME_COLUMN                                                                              \
    "expand and contract: add {name}, write both, fill it in batches, read it, and drop the old "  \
    "one in a later release"
#define REQUIRED_COLUMN                                                                            \
    "add {name} with a constant DEFAULT, which rewrites nothing; or without NOT NULL, fill it in " \
    "batches, and make it NOT NULL later"
#define KEEP_DEFAULT "first a release whose code always names {name}, then this migration"
#define POLICIES_FIRST                                                                             \
    "CREATE POLICY for every role that uses {table} first: it has no effect until row security "   \
    "is enabled"
#define EMPTY_LATER "first a release whose code does without the rows of {table}"
#define SCHEMA_LATER "expand and contract: first a release whose code does not name {table}"
#define BATCHES                                                                                    \
    "batches: a file with -- pgstride: no-transaction, in which each statement changes some "      \
    "thousand rows by a range of the key, and commits by itself"
#define REWRITE_ELSEWHERE                                                                          \
    "PostgreSQL has no way to rewrite a table without the lock: do it while the application "      \
    "stands still, or in a new table that is filled in batches and takes this one's place"
#define OWN_MIGRATION                                                                              \
    "put this statement into a migration of its own: the lock is given back at the end of the "    \
    "one that took it"

void
advice_done(struct advice *advice)
{
    for (size_t i = 0; i < advice->count; i++)
        free(advice->texts[i]);
    *advice = (struct advice){0};
}

static void
add(struct advice *advice, const char *pattern, const char *table, const char *name)
{
    AUTO_TEXT text = TEXT_INIT;

    for (const char *at = pattern; *at != '\0';) {
        size_t plain = strcspn(at, "{");
        text_add(&text, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        text_puts(&text, strncmp(at, "{table}", 7) == 0 ? table : name);
        at += strcspn(at, "}") + 1;
    }
    for (size_t i = 0; i < advice->count; i++) {
        if (strcmp(advice->texts[i], text_string(&text)) == 0)
            return;
    }
    if (advice->count < ADVICE_MAX)
        advice->texts[advice->count++] = text_take(&text);
}

static const char *
for_constraint(const struct change *change)
{
    if (!change->is_valid)
        return NULL;
    switch (change->constraint) {
    case 'c':
        return CHECK_NOT_VALID;
    case 'f':
        return FOREIGN_KEY_NOT_VALID;
    case 'u':
        return UNIQUE_USING_INDEX;
    case 'p':
        return PRIMARY_KEY_USING_INDEX;
    default:
        return EXCLUDE_ELSEWHERE;
    }
}

/* Of what blocks while the server works. */
static const char *
for_work(const struct observation *observation, const struct change *change, bool is_rewritten)
{
    bool is_constraint = observation_find(observation, CHANGE_CONSTRAINT_ADDED) != NULL;
    bool is_added = change->kind == CHANGE_COLUMN_ADDED || change->kind == CHANGE_COLUMN_REQUIRED;

    if (change->kind == CHANGE_CONSTRAINT_ADDED)
        return for_constraint(change);
    if (change->kind == CHANGE_COLUMN_NOT_NULL && !is_constraint)
        return NOT_NULL_BY_CHECK;
    if (change->kind == CHANGE_INDEX_ADDED && !is_constraint)
        return INDEX_CONCURRENTLY;
    if (change->kind == CHANGE_INDEX_REBUILT)
        return REINDEX_CONCURRENTLY;
    if (change->kind == CHANGE_COLUMN_RETYPED)
        return EXPAND_AND_CONTRACT_TYPE;
    if (change->kind == CHANGE_ATTACHED)
        return ATTACH_CHECKED;
    return is_added && is_rewritten ? ADD_WITHOUT_DEFAULT : NULL;
}

/* Of what breaks code, or blocks for a moment and needs not. */
static const char *
for_change(const struct observation *observation, const struct change *change)
{
    static const char *const PATTERNS[] = {
        [CHANGE_DROPPED] = CONTRACT_TABLE,
        [CHANGE_RENAMED] = RENAME_TABLE,
        [CHANGE_EMPTIED] = EMPTY_LATER,
        [CHANGE_SCHEMA_DROPPED] = SCHEMA_LATER,
        [CHANGE_SCHEMA_RENAMED] = SCHEMA_LATER,
        [CHANGE_COLUMN_DROPPED] = CONTRACT_COLUMN,
        [CHANGE_COLUMN_RENAMED] = RENAME_COLUMN,
        [CHANGE_COLUMN_RETYPED] = EXPAND_AND_CONTRACT_TYPE,
        [CHANGE_COLUMN_REQUIRED] = REQUIRED_COLUMN,
        [CHANGE_DEFAULT_DROPPED] = KEEP_DEFAULT,
        [CHANGE_ROW_SECURITY] = POLICIES_FIRST,
        [CHANGE_INDEX_DROPPED] = DROP_CONCURRENTLY,
        [CHANGE_DETACHED] = DETACH_CONCURRENTLY,
    };
    bool is_of_constraint = change->kind == CHANGE_INDEX_DROPPED &&
                            observation_find(observation, CHANGE_CONSTRAINT_DROPPED) != NULL;

    if ((size_t)change->kind >= ARRAY_LENGTH(PATTERNS) || is_of_constraint ||
        (change->kind == CHANGE_COLUMN_RETYPED && change->is_binary))
        return NULL;
    return PATTERNS[change->kind];
}

/* Is the lock that matters here one that this statement took? */
static bool
is_own_lock(const struct observation *observation, const struct verdict *verdict)
{
    for (size_t i = 0; i < observation->effects_count; i++) {
        const struct effect *effect = &observation->effects[i];
        if (verdict_of_lock(effect->held) == verdict->blocking && effect->taken == effect->held)
            return true;
    }
    return false;
}

void
advice_choose(
    const struct observation *observation, const struct verdict *verdict, struct advice *advice)
{
    struct advice chosen = {0};
    bool is_working = verdict->blocking >= LEVEL_WRITES;

    for (size_t i = 0; i < observation->changes_count && verdict->level > LEVEL_SAFE; i++) {
        const struct change *change = &observation->changes[i];
        const char *name = change->name != NULL ? change->name : "";
        const char *pattern =
            is_working ? for_work(observation, change, verdict->worked->is_rewritten) : NULL;
        if (pattern == NULL)
            pattern = for_change(observation, change);
        if (pattern != NULL)
            add(&chosen, pattern, change->relation->name, name);
    }
    if (verdict->is_backfill)
        add(&chosen, BATCHES, "", "");
    else if (is_working && chosen.count == 0)
        add(&chosen,
            verdict->worked->is_rewritten &&
                    (verdict->worked->held == LOCK_NONE || is_own_lock(observation, verdict))
                ? REWRITE_ELSEWHERE
                : OWN_MIGRATION,
            "", "");
    *advice = chosen;
}
