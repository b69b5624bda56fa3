/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/verdict.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"

const char *
level_name(enum level level)
{
    static const char *const NAMES[] = {
        [LEVEL_SAFE] = "safe",
        [LEVEL_BRIEF] = "brief-lock",
        [LEVEL_WRITES] = "blocks-writes",
        [LEVEL_ALL] = "blocks-all",
        [LEVEL_BREAKS] = "breaks",
    };

    return NAMES[level];
}

const struct facts *
facts_of(const struct facts_table *table, const struct relation *relation)
{
    return &table->facts[relation - table->origin->relations];
}

void
facts_add_size(int64_t size_bytes, struct text *text)
{
    static const char *const UNITS[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    double size = (double)size_bytes;

    while (size >= 1000 && unit + 1 < ARRAY_LENGTH(UNITS)) {
        size /= 1024;
        unit++;
    }
    text_printf(text, unit > 0 && size < 10 ? "%.1f %s" : "%.0f %s", size, UNITS[unit]);
}

static void
add_rate(int64_t count, int64_t seconds, struct text *text)
{
    double rate = (double)count / (double)seconds;

    text_printf(text, rate > 0 && rate < 9.95 ? "%.1f" : "%.0f", rate);
}

void
facts_add(const struct facts *facts, struct text *text)
{
    if (!facts->is_known)
        return;
    facts_add_size(facts->size_bytes, text);
    if (facts->rows >= 0)
        text_printf(text, ", %" PRId64 " row%s", facts->rows, facts->rows == 1 ? "" : "s");
    if (facts->seconds <= 0)
        return;
    text_puts(text, ", ");
    add_rate(facts->reads, facts->seconds, text);
    text_puts(text, " reads and ");
    add_rate(facts->writes, facts->seconds, text);
    text_puts(text, " writes a second");
}

void
verdict_done(struct verdict *verdict)
{
    free(verdict->headline);
    *verdict = (struct verdict){0};
}

enum level
verdict_of_lock(enum lock_mode mode)
{
    if (mode == LOCK_ACCESS_EXCLUSIVE)
        return LEVEL_ALL;
    return mode >= LOCK_SHARE ? LEVEL_WRITES : LEVEL_SAFE;
}

bool
verdict_breaks(const struct change *change)
{
    return change->kind <= CHANGE_ROW_SECURITY &&
           (change->kind != CHANGE_COLUMN_RETYPED || !change->is_binary);
}

void
verdict_add_change(const struct change *change, struct text *text)
{
    const char *table = change->relation->name;
    const char *name = change->name != NULL ? change->name : "";

    switch (change->kind) {
    case CHANGE_DROPPED:
        text_printf(text, "%s is dropped", table);
        break;
    case CHANGE_RENAMED:
        text_printf(text, "%s is renamed to %s", table, name);
        break;
    case CHANGE_EMPTIED:
        text_printf(text, "every row of %s is deleted", table);
        break;
    case CHANGE_SCHEMA_DROPPED:
        text_printf(text, "schema %s is dropped", table);
        break;
    case CHANGE_SCHEMA_RENAMED:
        text_printf(text, "schema %s is renamed to %s", table, name);
        break;
    case CHANGE_COLUMN_DROPPED:
        text_printf(text, "column %s of %s is dropped", name, table);
        break;
    case CHANGE_COLUMN_RENAMED:
        text_printf(text, "column %s of %s is renamed to %s", change->from, table, name);
        break;
    case CHANGE_COLUMN_RETYPED:
        text_printf(
            text, "column %s of %s becomes %s, from %s", name, table, change->to, change->from);
        break;
    case CHANGE_COLUMN_REQUIRED:
        text_printf(text,
            "column %s of %s is NOT NULL and has no default: it fails where there are rows, and "
            "an INSERT that does not name it is refused",
            name, table);
        break;
    case CHANGE_DEFAULT_DROPPED:
        text_printf(text,
            "column %s of %s is NOT NULL and loses its default: an INSERT that does not name it "
            "is refused",
            name, table);
        break;
    case CHANGE_ROW_SECURITY:
        text_printf(text, "row security of %s hides its rows, but from its owner", table);
        break;
    case CHANGE_COLUMN_ADDED:
        text_printf(text, "column %s of %s is added", name, table);
        break;
    case CHANGE_COLUMN_NOT_NULL:
        text_printf(text, "column %s of %s becomes NOT NULL", name, table);
        break;
    case CHANGE_INDEX_ADDED:
        text_printf(text, "index %s of %s is built", name, table);
        break;
    case CHANGE_INDEX_DROPPED:
        text_printf(text, "index %s of %s is dropped", name, table);
        break;
    case CHANGE_INDEX_REBUILT:
        text_printf(text, "index %s of %s is built anew", name, table);
        break;
    case CHANGE_CONSTRAINT_ADDED:
        text_printf(text, "constraint %s of %s is added%s", name, table,
            change->is_valid ? "" : ", not valid");
        break;
    case CHANGE_CONSTRAINT_VALIDATED:
        text_printf(text, "constraint %s of %s is validated", name, table);
        break;
    case CHANGE_CONSTRAINT_DROPPED:
        text_printf(text, "constraint %s of %s is dropped", name, table);
        break;
    case CHANGE_ATTACHED:
        text_printf(text, "%s is attached", table);
        break;
    case CHANGE_DETACHED:
        text_printf(text, "%s is detached", table);
        break;
    }
}

/* What takes long: the largest of what is rewritten, else of what is scanned. */
static bool
is_more_work(
    const struct effect *effect, const struct effect *worked, const struct facts_table *facts)
{
    if (!effect->is_scanned && !effect->is_rewritten)
        return false;
    if (worked == NULL || effect->is_rewritten != worked->is_rewritten)
        return worked == NULL || effect->is_rewritten;
    return facts_of(facts, effect->relation)->size_bytes >
           facts_of(facts, worked->relation)->size_bytes;
}

static bool
is_backfill(const struct effect *effect, const struct observation *observation)
{
    return effect->is_scanned && observation->changes_count == 0 &&
           (effect->held == LOCK_ROW_EXCLUSIVE || effect->held == LOCK_ROW_SHARE);
}

static enum level
level_of_effect(const struct effect *effect, bool is_working)
{
    enum level held = verdict_of_lock(effect->held);

    /* Outside a transaction: CONCURRENTLY makes a new one, so nothing else rewrites in place. */
    if (effect->is_rewritten && effect->held == LOCK_NONE)
        return LEVEL_ALL;
    if (held != LEVEL_SAFE && is_working)
        return held;
    return verdict_of_lock(effect->taken) != LEVEL_SAFE ? LEVEL_BRIEF : LEVEL_SAFE;
}

static void
write_headline(struct verdict *verdict, const struct facts_table *facts)
{
    AUTO_TEXT text = TEXT_INIT;

    if (verdict->level == LEVEL_BREAKS)
        text_puts(&text, "breaks running code; ");
    switch (verdict->blocking) {
    case LEVEL_SAFE:
        text_puts(&text, verdict->level == LEVEL_BREAKS ? "blocks nobody" : "safe");
        break;
    case LEVEL_BRIEF:
        text_puts(&text, "brief lock");
        break;
    case LEVEL_WRITES:
        text_puts(&text,
            verdict->is_backfill ? "blocks writes to the rows that it changes" : "blocks writes");
        break;
    case LEVEL_ALL:
    case LEVEL_BREAKS:
        text_puts(&text, "blocks all");
        break;
    }
    if (verdict->blocking >= LEVEL_WRITES) {
        const struct relation *relation = verdict->worked->relation;
        const struct facts *known = facts_of(facts, relation);
        text_printf(&text, " while it %s %s", verdict->worked->is_rewritten ? "rewrites" : "scans",
            relation->name);
        if (known->is_known) {
            text_puts(&text, ", ");
            facts_add_size(known->size_bytes, &text);
        }
    }
    verdict->headline = text_take(&text);
}

void
verdict_make(
    const struct observation *observation, const struct facts_table *facts, struct verdict *verdict)
{
    struct verdict made = {0};

    for (size_t i = 0; i < observation->effects_count; i++) {
        const struct effect *effect = &observation->effects[i];
        if (is_more_work(effect, made.worked, facts))
            made.worked = effect;
    }
    for (size_t i = 0; i < observation->effects_count; i++) {
        enum level level = level_of_effect(&observation->effects[i], made.worked != NULL);
        if (level > made.blocking)
            made.blocking = level;
    }
    for (size_t i = 0; i < observation->effects_count && made.blocking < LEVEL_WRITES; i++) {
        if (is_backfill(&observation->effects[i], observation)) {
            made.is_backfill = true;
            made.worked = &observation->effects[i];
            made.blocking = LEVEL_WRITES;
        }
    }
    made.level = made.blocking;
    for (size_t i = 0; i < observation->changes_count; i++) {
        if (verdict_breaks(&observation->changes[i]))
            made.level = LEVEL_BREAKS;
    }
    write_headline(&made, facts);
    *verdict = made;
}
