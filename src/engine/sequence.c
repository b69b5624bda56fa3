/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sequence.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

enum phase {
    PHASE_BEGIN,
    PHASE_ROLE,
    PHASE_LOCK_TIMEOUT,
    PHASE_STATEMENT_TIMEOUT,
    PHASE_SET_TRANSACTION,
    PHASE_LOCK_TABLE,
    PHASE_GUARD,
    PHASE_GUARD_UNAPPLIED,
    PHASE_SETTINGS,
    PHASE_LOCK_TIMEOUT_AGAIN,
    PHASE_STATEMENT_TIMEOUT_AGAIN,
    PHASE_STATEMENTS,
    PHASE_CONSTRAINTS,
    PHASE_RESETS,
    PHASE_DEALLOCATE,
    PHASE_RECORD,
    PHASE_COMMIT,
    PHASE_END,
};

void
sequence_close(struct sequence *sequence)
{
    script_done(&sequence->script);
    text_done(&sequence->sql);
    free(sequence->owned_text);
    *sequence = (struct sequence){.phase = PHASE_END};
}

bool
sequence_open(
    const struct run *run, size_t index, size_t end, struct sequence *sequence, struct error *err)
{
    const struct step *step = &run->plan->steps[index];
    const struct migration_file *file = step_file(step);
    AUTO_SEQUENCE opened = {.run = run,
        .step = step,
        .is_first = index == run->applied,
        .is_last = index + 1 == end,
        .phase = PHASE_BEGIN};
    size_t size = 0;

    if (!catalog_text(run->catalog, file, &opened.text, &size, &opened.owned_text, err))
        return false;
    if (!script_parse(file->name, opened.text, size, &opened.script, err))
        return false;
    snprintf(opened.version, sizeof(opened.version), "%" PRId64, step->migration->version);
    snprintf(opened.from, sizeof(opened.from), "%" PRId64, step->from);
    snprintf(opened.to, sizeof(opened.to), "%" PRId64, step->to);
    snprintf(opened.total, sizeof(opened.total), "%zu", opened.script.count);
    opened.statement = run->is_atomic && opened.script.mode == SCRIPT_WRAPPED ? 1 : 0;
    *sequence = opened;
    opened = (struct sequence){0};
    return true;
}

static bool
is_wrapped(const struct sequence *sequence)
{
    return sequence->script.mode == SCRIPT_WRAPPED;
}

/* BEGIN or COMMIT: the file's own, or ours, or none. */
static bool
is_control_own(const struct sequence *sequence)
{
    return is_wrapped(sequence) && !sequence->run->is_atomic;
}

static void
say_plain(struct message *message, enum message_kind kind, const char *sql)
{
    *message = (struct message){.kind = kind, .sql = sql};
}

static void
say_statement(struct sequence *sequence, enum message_kind kind, struct message *message)
{
    const struct statement *statement = &sequence->script.statements[sequence->statement];

    text_clear(&sequence->sql);
    text_add(&sequence->sql, sequence->text + statement->offset, statement->size_bytes);
    say_plain(message, kind, text_string(&sequence->sql));
    message->statement = sequence->statement++;
    if (statement->is_copy_in) {
        message->data = sequence->text + statement->data_offset;
        message->data_bytes = statement->data_bytes;
    }
}

static void
say_with_values(struct sequence *sequence,
    enum message_kind kind,
    const char *sql,
    size_t count,
    struct message *message)
{
    say_plain(message, kind, sql);
    message->count = count;
    message->values = sequence->values;
}

/* Once, and again only where PHASE_SETTINGS may have set it otherwise. */
static bool
is_timeout_said(struct sequence *sequence)
{
    return sequence->sub++ == 0 &&
           (sequence->phase < PHASE_SETTINGS || sequence->run->session.is_pooled);
}

/* The directive's; behind a pooler, where the session has none, else the option's. */
static bool
say_timeout(struct sequence *sequence,
    const char *name,
    int64_t directive_ms,
    int64_t option_ms,
    struct message *message)
{
    bool is_first = sequence->phase < PHASE_SETTINGS && sequence->run->session.is_pooled;
    int64_t value_ms = directive_ms < 0 && is_first ? option_ms : directive_ms;

    if (value_ms < 0)
        return false;
    text_clear(&sequence->sql);
    text_printf(&sequence->sql, "SET LOCAL %s = '%" PRId64 "ms'", name, value_ms);
    say_plain(message, MESSAGE_SETTING, text_string(&sequence->sql));
    return true;
}

static void
say_guard(struct sequence *sequence, struct message *message)
{
    const struct run *run = sequence->run;

    if (sequence->step->is_late) {
        sequence->values[0] = sequence->from;
        say_with_values(sequence, MESSAGE_GUARD, run->sql_guard_late, 1, message);
    } else if (!sequence->step->has_from) {
        sequence->values[0] = sequence->to;
        say_with_values(sequence, MESSAGE_GUARD, run->sql_guard_first, 1, message);
    } else if (!sequence->step->has_to) {
        sequence->values[0] = sequence->from;
        say_with_values(sequence, MESSAGE_GUARD, run->sql_guard_last, 1, message);
    } else {
        sequence->values[0] = sequence->to;
        sequence->values[1] = sequence->from;
        say_with_values(sequence, MESSAGE_GUARD, run->sql_guard, 2, message);
        message->prepared = RUN_GUARD;
    }
}

/*
 * Behind a pooler: our settings, for this transaction. Behind the guard, since a
 * query before SET TRANSACTION and LOCK TABLE would fix the snapshot.
 */
static void
say_settings(struct sequence *sequence, struct message *message)
{
    const struct session *session = &sequence->run->session;

    text_clear(&sequence->sql);
    text_puts(&sequence->sql, "SELECT ");
    session_add_settings(session, 1, "true", &sequence->sql);
    for (size_t i = 0; i < session->settings_count; i++)
        sequence->values[i] = session->settings_values[i];
    say_with_values(
        sequence, MESSAGE_SETTING, text_string(&sequence->sql), session->settings_count, message);
}

static void
say_record(struct sequence *sequence, struct message *message)
{
    const struct run *run = sequence->run;
    const struct step *step = sequence->step;
    const char *const values[] = {run->session.ledger.table, sequence->version,
        step->migration->name, run_direction(step), step_file(step)->checksum, sequence->total,
        run->identity->run_id, run->identity->runner, PGSTRIDE_VERSION};

    _Static_assert(ARRAY_LENGTH(values) == RECORD_VALUES, "as sql_record counts them");
    for (size_t i = 0; i < RECORD_VALUES; i++)
        sequence->values[i] = values[i];
    for (size_t i = 0; i < run->session.settings_count; i++)
        sequence->values[RECORD_VALUES + i] = run->session.settings_values[i];
    const char *sql = run->sql_record_async;
    const char *prepared = RUN_RECORD_ASYNC;
    if (run->is_atomic) {
        sql = run->sql_record_atomic;
        prepared = RUN_RECORD_ATOMIC;
    } else if (sequence->is_last) {
        sql = run->sql_record;
        prepared = RUN_RECORD;
    }
    say_with_values(
        sequence, MESSAGE_RECORD, sql, RECORD_VALUES + run->session.settings_count, message);
    message->prepared = prepared;
}

/* Is there a statement to say that `is_leading` SET TRANSACTION, or that is not? */
static bool
has_statement(const struct sequence *sequence, bool is_leading)
{
    size_t end = sequence->script.count - (is_wrapped(sequence) ? 1 : 0);

    return sequence->statement < end &&
           (!is_leading || sequence->script.statements[sequence->statement].is_set_transaction);
}

static bool
say_begin(struct sequence *sequence, struct message *message)
{
    if (sequence->run->is_atomic && !sequence->is_first)
        return false;
    if (is_control_own(sequence))
        say_statement(sequence, MESSAGE_BEGIN, message);
    else
        say_plain(message, MESSAGE_BEGIN, "BEGIN");
    return true;
}

static bool
say_commit(struct sequence *sequence, struct message *message)
{
    if (sequence->run->is_atomic && !sequence->is_last)
        return false;
    if (is_control_own(sequence))
        say_statement(sequence, MESSAGE_COMMIT, message);
    else
        say_plain(message, MESSAGE_COMMIT, "COMMIT");
    return true;
}

/* Fill the message of the phase; false when the phase has none (any more). */
static bool
say(struct sequence *sequence, struct message *message)
{
    const struct run *run = sequence->run;

    switch ((enum phase)sequence->phase) {
    case PHASE_BEGIN:
        return sequence->sub++ == 0 && say_begin(sequence, message);
    case PHASE_ROLE:
        say_plain(message, MESSAGE_SETTING, run->session.set_role);
        return run->session.is_pooled && run->session.set_role != NULL && sequence->sub++ == 0;
    case PHASE_LOCK_TIMEOUT_AGAIN:
    case PHASE_LOCK_TIMEOUT:
        return is_timeout_said(sequence) &&
               say_timeout(sequence, "lock_timeout", sequence->script.lock_timeout_ms,
                   run->config->ddl_lock_timeout_ms, message);
    case PHASE_STATEMENT_TIMEOUT_AGAIN:
    case PHASE_STATEMENT_TIMEOUT:
        return is_timeout_said(sequence) &&
               say_timeout(sequence, "statement_timeout", sequence->script.statement_timeout_ms,
                   run->config->statement_timeout_ms, message);
    case PHASE_SET_TRANSACTION:
        if (!has_statement(sequence, true))
            return false;
        say_statement(sequence, MESSAGE_STATEMENT, message);
        return true;
    case PHASE_LOCK_TABLE:
        say_plain(message, MESSAGE_GUARD, run->sql_lock_table);
        return !sequence->step->has_from && sequence->sub++ == 0;
    case PHASE_GUARD:
        say_guard(sequence, message);
        return sequence->sub++ == 0;
    case PHASE_GUARD_UNAPPLIED:
        sequence->values[0] = run->session.ledger.table;
        sequence->values[1] = sequence->version;
        say_with_values(sequence, MESSAGE_GUARD, run->sql_guard_unapplied, 2, message);
        return sequence->step->is_late && sequence->sub++ == 0;
    case PHASE_SETTINGS:
        say_settings(sequence, message);
        return run->session.is_pooled && sequence->sub++ == 0;
    case PHASE_STATEMENTS:
        if (!has_statement(sequence, false))
            return false;
        say_statement(sequence, MESSAGE_STATEMENT, message);
        return true;
    case PHASE_CONSTRAINTS:
        say_plain(message, MESSAGE_CONSTRAINTS, "SET CONSTRAINTS ALL IMMEDIATE");
        return sequence->sub++ == 0;
    case PHASE_RESETS:
        if (session_reset_sql(&run->session, sequence->sub) == NULL)
            return false;
        say_plain(message, MESSAGE_RESET, session_reset_sql(&run->session, sequence->sub++));
        return true;
    case PHASE_DEALLOCATE:
        say_plain(message, MESSAGE_RESET, "DEALLOCATE ALL");
        return sequence->script.has_prepared && sequence->sub++ == 0;
    case PHASE_RECORD:
        say_record(sequence, message);
        return sequence->sub++ == 0;
    case PHASE_COMMIT:
        return sequence->sub++ == 0 && say_commit(sequence, message);
    case PHASE_END:
        break;
    }
    return false;
}

bool
sequence_next(struct sequence *sequence, struct message *message)
{
    while (sequence->phase < PHASE_END) {
        if (say(sequence, message))
            return true;
        sequence->phase++;
        sequence->sub = 0;
    }
    return false;
}
