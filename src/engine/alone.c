/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/alone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/signals.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/alone_internal.h"
#include "engine/alone_pooled.h"
#include "engine/long_wait.h"

static void
alone_done(struct alone *alone)
{
    script_done(&alone->script);
    free(alone->owned_text);
    pg_rows_release(&alone->roles);
}
#define AUTO_ALONE __attribute__((cleanup(alone_done))) struct alone

#define SQL_SET "SELECT set_config($1, $2, false)"

/* What a directive says; else it is as the session has it. */
static bool
set_timeout(struct alone *alone, const char *name, int64_t timeout_ms, struct error *err)
{
    char text[32];
    const char *const values[] = {name, text};

    snprintf(text, sizeof(text), "%" PRId64 "ms", timeout_ms);
    return timeout_ms < 0 ||
           pg_command(alone->run->session.db, SQL_SET, ARRAY_LENGTH(values), values, err);
}

static bool
set_timeouts(struct alone *alone, struct error *err)
{
    return set_timeout(alone, "lock_timeout", alone->script.lock_timeout_ms, err) &&
           set_timeout(alone, "statement_timeout", alone->script.statement_timeout_ms, err);
}

#define SQL_LEAVE_ROLES                                                                            \
    "SELECT current_setting('session_authorization'), current_setting('role'),\n"                  \
    "       set_config('session_authorization', $1, $3), set_config('role', $2, $3)"

#define SQL_ENTER_ROLES                                                                            \
    "SELECT set_config('session_authorization', $1, $3), set_config('role', $2, $3)"

bool
alone_leave_roles(struct alone *alone, struct error *err)
{
    const struct session *session = &alone->run->session;
    const char *is_local = pg_is_in_transaction(session->db) ? "true" : "false";
    const char *const values[] = {pg_user(session->db), session->role, is_local};

    if (alone->roles != NULL) /* we did */
        return true;
    return pg_query(
               session->db, SQL_LEAVE_ROLES, ARRAY_LENGTH(values), values, &alone->roles, err) ||
           error_prefix(err, "cannot take our own role");
}

/* Those that alone_leave_roles found, where they are others than ours. */
static bool
enter_roles(struct alone *alone, struct error *err)
{
    struct pg *db = alone->run->session.db;
    AUTO_ROWS struct pg_rows *roles = TAKE(alone->roles);

    if (roles == NULL || (strcmp(pg_rows_text(roles, 0, 0), pg_rows_text(roles, 0, 2)) == 0 &&
                             strcmp(pg_rows_text(roles, 0, 1), pg_rows_text(roles, 0, 3)) == 0))
        return true;
    const char *const values[] = {pg_rows_text(roles, 0, 0), pg_rows_text(roles, 0, 1),
        pg_is_in_transaction(db) ? "true" : "false"};
    return pg_command(db, SQL_ENTER_ROLES, ARRAY_LENGTH(values), values, err) ||
           error_prefix(err, "cannot take the role again that the file took");
}

bool
alone_send(struct alone *alone, size_t index, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];
    struct pg *db = alone->run->session.db;
    AUTO_STRING char *sql = memory_copy(alone->text + statement->offset, statement->size_bytes);
    AUTO_ROWS struct pg_rows *limit = NULL;
    AUTO_REPLY reply = {0};

    bool is_long = statement->is_concurrent && !pg_is_in_transaction(db);
    if (is_long && !long_wait_begin(alone->run, alone->step, statement, &limit, err))
        return false;
    if (!enter_roles(alone, err))
        return false;
    bool is_run = statement->is_copy_in ? pg_run_copy(db, sql, alone->text + statement->data_offset,
                                              statement->data_bytes, &reply, err)
                                        : pg_run(db, sql, &reply, err);
    if (!is_run && err->kind == ERROR_CONNECTION)
        run_place_error(alone->run, alone->step, index, 0, err);
    if (!is_run || (is_long && !long_wait_end(alone->run, limit, err)))
        return false;
    if (reply.kind != PG_REPLY_FAILED)
        return true;
    *err = reply.error;
    run_place_error(alone->run, alone->step, index, reply.position, err);
    return false;
}

/* An end now would leave so many done. */
static void
note_kept(struct alone *alone, size_t kept)
{
    struct heard *heard = &alone->run->heard;

    alone->run->scripts[alone->index].statements_kept = kept;
    heard->kept = kept;
    script_checksum(alone->text, &alone->script, kept, heard->checksum_kept);
}

void
alone_note_done(struct alone *alone, size_t index)
{
    enum statement_control control = alone->script.statements[index].control;

    alone->done = index + 1;
    script_checksum(alone->text, &alone->script, alone->done, alone->checksum_done);
    if (control == CONTROL_CHAIN) { /* so it is here, but for itself */
        note_kept(alone, index);
        alone->run->heard.recorded = index;
    } else if (!pg_is_in_transaction(alone->run->session.db))
        note_kept(alone, alone->done);
    /* What it committed has its progress with it, and one more COMMIT does no harm. */
    if (control == CONTROL_COMMIT)
        alone->run->heard.recorded = alone->done;
}

/* What ran and is not recorded may run again: a stop waits for our own word. */
bool
alone_run_statement(struct alone *alone, size_t index, struct error *err)
{
    struct pg *db = alone->run->session.db;

    if (!alone_send_outside(alone, index, err))
        return false;
    alone_note_done(alone, index);
    pg_hold(db, true);
    bool is_recorded = alone_leave_roles(alone, err) && alone_record_progress(alone, err);
    pg_hold(db, false);
    return is_recorded;
}

/* All of its statements ran: a stop waits for the end. */
static bool
complete(struct alone *alone, int64_t *duration_ms, struct error *err)
{
    struct session *session = &alone->run->session;

    pg_hold(session->db, true);
    bool is_good = (session->is_pooled || session_reset(session, err) ||
                       error_prefix(err, "the session could not be reset")) &&
                   alone_finish(alone, duration_ms, err);
    pg_hold(session->db, false);
    return is_good;
}

/* The file's own words that began the transaction which statement `index` ends. */
static char *
copy_begin(const struct alone *alone, size_t index)
{
    while (index > 0 && alone->script.statements[index].control != CONTROL_BEGIN)
        index--;
    const struct statement *begin = &alone->script.statements[index];

    return begin->control == CONTROL_BEGIN
               ? memory_copy(alone->text + begin->offset, begin->size_bytes)
               : memory_string("BEGIN");
}

/*
 * What is done up to a COMMIT committed with it: only the mark behind it is
 * missing. To run it again it needs a transaction, above all COMMIT AND CHAIN,
 * whose next one is like it.
 */
static bool
reopen(struct alone *alone, struct error *err)
{
    if (!alone->step->is_resumed || alone->done == alone->script.count)
        return true;
    enum statement_control next = alone->script.statements[alone->done].control;
    if (next != CONTROL_COMMIT && next != CONTROL_CHAIN)
        return true;
    AUTO_STRING char *begin = copy_begin(alone, alone->done);
    return pg_command(alone->run->session.db, begin, 0, NULL, err);
}

bool
alone_repeat_settings(struct alone *alone, size_t end, struct error *err)
{
    for (size_t i = 0; i < end; i++) {
        if (alone->script.statements[i].is_setting && !alone_send(alone, i, err))
            return false;
    }
    return true;
}

static bool
run_statements(struct alone *alone, struct error *err)
{
    bool is_pooled = alone->run->session.is_pooled;

    if (is_pooled ? !alone_pooled_resume(alone, err)
                  : (!set_timeouts(alone, err) || !alone_repeat_settings(alone, alone->done, err)))
        return false;
    if (!reopen(alone, err))
        return false;
    if (!is_pooled && alone->done > 0 && !alone_leave_roles(alone, err))
        return false;
    for (size_t i = alone->done; i < alone->script.count; i++) {
        if (signals_is_stop_requested())
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        if (is_pooled ? !alone_pooled_statement(alone, i, err)
                      : !alone_run_statement(alone, i, err))
            return false;
    }
    if (!pg_is_in_transaction(alone->run->session.db))
        return true;
    error_set(err, ERROR_DATABASE, "the file ends inside a transaction");
    error_hint(err, "Add COMMIT at the end of the file.");
    error_place(err, step_file(alone->step)->name, 0, 0);
    return false;
}

static void
tell_resumed(const struct alone *alone)
{
    if (!alone->step->is_resumed)
        return;
    AUTO_STRING char *text =
        alone->done < alone->script.count
            ? memory_printf("%s goes on at statement %zu of %zu, where an earlier run stopped",
                  alone->step->migration->name, alone->done + 1, alone->script.count)
            : memory_printf("of %s all statements ran before: it is marked as applied",
                  alone->step->migration->name);
    tell(alone->run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

/*
 * Does what this run heard still hold? On the same connection it does. On another, the server may
 * have lost what it had confirmed, by a crash or by a failover: not where it is the same server,
 * which wrote it to its disk first.
 */
static bool
is_to_be_believed(const struct alone *alone)
{
    const struct session *session = &alone->run->session;
    const struct heard *heard = &alone->run->heard;

    if (!alone->step->is_resumed || heard->attempt_id != alone->step->attempt_id ||
        alone->step->statements_done < heard->recorded ||
        strcmp(heard->server_since, session->server_since) != 0)
        return false;
    return heard->pid == pg_backend_pid(session->db) || !session->is_commit_async;
}

/* Where the attempt stands: as the history has it, or further, as this run knows. */
static void
take_up(struct alone *alone)
{
    const struct session *session = &alone->run->session;
    struct heard *heard = &alone->run->heard;

    if (is_to_be_believed(alone) && heard->kept > alone->done)
        alone->done = heard->kept;
    *heard = (struct heard){.attempt_id = alone->step->attempt_id,
        .pid = pg_backend_pid(session->db),
        .recorded = alone->step->statements_done};
    snprintf(heard->server_since, sizeof(heard->server_since), "%s", session->server_since);
    script_checksum(alone->text, &alone->script, alone->done, alone->checksum_done);
    note_kept(alone, alone->done);
}

bool
alone_step(struct run *run, size_t index, struct error *err)
{
    const struct step *step = &run->plan->steps[index];
    const struct migration_file *file = step_file(step);
    AUTO_ALONE alone = {.run = run, .step = step, .index = index, .done = step->statements_done};
    size_t size = 0;
    int64_t duration_ms = 0;

    if (!catalog_text(run->catalog, file, &alone.text, &size, &alone.owned_text, err))
        return false;
    if (!script_parse(file->name, alone.text, size, &alone.script, err))
        return false;
    snprintf(alone.version, sizeof(alone.version), "%" PRId64, step->migration->version);
    snprintf(alone.from, sizeof(alone.from), "%" PRId64, step->from);
    snprintf(alone.to, sizeof(alone.to), "%" PRId64, step->has_to ? step->to : -1);
    snprintf(alone.attempt_id, sizeof(alone.attempt_id), "%" PRId64, step->attempt_id);
    take_up(&alone);

    run_tell_started(run, step);
    if (!alone_wait_for_earlier(&alone, err))
        return false;
    tell_resumed(&alone);
    if (!alone_start(&alone, err))
        return false;
    if (!run_statements(&alone, err) || !complete(&alone, &duration_ms, err)) {
        watcher_explain(&run->watcher, err);
        alone_record_failure(&alone, err);
        return false;
    }
    run_tell_applied(run, step, duration_ms);
    return true;
}
