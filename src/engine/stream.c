/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stream.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/signals.h"
#include "base/memory.h"
#include "engine/sequence.h"

enum {
    WINDOW_MESSAGES = 2048,
    WINDOW_BYTES = 512 * 1024,
    WRITE_BYTES = 16 * 1024, /* sent at least this often, so that the server can begin */
};

/* A message that the server owes a reply for. */
struct slot {
    enum message_kind kind;
    size_t step;
    size_t statement;
    size_t bytes;
};

struct stream {
    struct run *run;
    size_t first;
    size_t end;
    size_t next_step; /* to be sent */
    size_t done;      /* the first that is not, as far as the server said */
    bool is_step_open;
    struct sequence sequence;           /* of the step that is being sent */
    struct slot slots[WINDOW_MESSAGES]; /* a ring */
    size_t head;
    size_t count;
    size_t bytes;         /* in flight */
    size_t bytes_unsent;  /* since the last write */
    size_t bytes_unasked; /* since the replies were last asked for */
    size_t count_unasked;
    bool is_synced; /* the last one is sent */
    bool is_failed;
    int64_t *durations_ms; /* from the step `first` on */
    struct error failure;
};

static void
release_durations(int64_t **durations_ms)
{
    free(*durations_ms);
}
#define AUTO_DURATIONS __attribute__((cleanup(release_durations)))

static void
release_stream(struct stream **stream)
{
    if (*stream != NULL) {
        sequence_close(&(*stream)->sequence);
        free((*stream)->durations_ms);
    }
    free(*stream);
    *stream = NULL;
}
#define AUTO_STREAM __attribute__((cleanup(release_stream)))

/* Turn the refusal of a message into what the user should know of it. */
static void
explain(const struct run *run,
    const struct step *step,
    enum message_kind kind,
    size_t statement,
    const struct pg_reply *reply,
    struct error *failure)
{
    *failure = reply->error;
    if (failure->kind == ERROR_STOPPED && kind != MESSAGE_STATEMENT)
        return;
    switch (kind) {
    case MESSAGE_GUARD:
        if (error_is_sqlstate(failure, "22012"))
            error_set(failure, ERROR_MOVED, "another run moved the version");
        else
            error_prefix(failure, "cannot move the version");
        return;
    case MESSAGE_STATEMENT:
    case MESSAGE_BEGIN:
        run_place_error(run, step, statement, reply->position, failure);
        return;
    case MESSAGE_CONSTRAINTS:
        error_prefix(failure, "a deferred constraint, checked at the end");
        error_place(failure, step_file(step)->name, 0, 0);
        return;
    case MESSAGE_PREPARE:
    case MESSAGE_SYNC:
    case MESSAGE_SETTING:
    case MESSAGE_RESET:
        error_prefix(failure, "the session could not be reset");
        error_place(failure, step_file(step)->name, 0, 0);
        return;
    case MESSAGE_RECORD:
        error_prefix(failure, "cannot write the history");
        error_place(failure, step_file(step)->name, 0, 0);
        return;
    case MESSAGE_COMMIT:
        error_prefix(failure, "the commit was refused");
        error_place(failure, step_file(step)->name, 0, 0);
        return;
    }
}

static bool
open_next_step(struct stream *stream, struct error *err)
{
    struct run *run = stream->run;

    sequence_close(&stream->sequence);
    if (!sequence_open(run, stream->next_step, stream->end, &stream->sequence, err))
        return false;
    stream->is_step_open = true;
    if (stream->next_step == stream->done)
        run_tell_started(run, &run->plan->steps[stream->next_step]);
    return true;
}

static bool
send_message(struct stream *stream, const struct message *message, struct error *err)
{
    struct pg *db = stream->run->session.db;
    size_t bytes = strlen(message->sql);
    struct slot slot = {.kind = message->kind,
        .step = stream->next_step,
        .statement = message->statement,
        .bytes = bytes};

    bool is_sent =
        message->prepared != NULL && stream->run->session.is_prepared
            ? pg_pipeline_send_prepared(db, message->prepared, message->count, message->values, err)
            : pg_pipeline_send(db, message->sql, message->count, message->values, err);
    if (!is_sent)
        return false;
    stream->slots[(stream->head + stream->count++) % WINDOW_MESSAGES] = slot;
    stream->bytes += bytes;
    stream->bytes_unsent += bytes;
    stream->bytes_unasked += bytes;
    stream->count_unasked++;
    return true;
}

/*
 * The server keeps its replies until it has many or is asked for them. A window
 * is full before that where statements are large: it is asked twice a window, or
 * both sides would wait for ever.
 */
static bool
ask_for_replies(struct stream *stream, struct error *err)
{
    if (stream->bytes_unasked < WINDOW_BYTES / 2 && stream->count_unasked < WINDOW_MESSAGES / 2)
        return true;
    stream->bytes_unasked = 0;
    stream->count_unasked = 0;
    return pg_pipeline_flush(stream->run->session.db, err);
}

/*
 * Prepare what each migration says: parsing and planning it a thousand times
 * costs more than the rest of our share.
 */
static bool
prepare_statements(struct stream *stream, struct error *err)
{
    struct run *run = stream->run;
    const struct {
        const char *name, *sql;
    } statements[] = {
        {RUN_GUARD, run->sql_guard},
        {RUN_RECORD, run->sql_record},
        {RUN_RECORD_ASYNC, run->sql_record_async},
        {RUN_RECORD_ATOMIC, run->sql_record_atomic},
    };

    if (run->session.is_prepared || run->is_unprepared || stream->end - stream->next_step < 2)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(statements); i++) {
        if (!pg_pipeline_prepare(run->session.db, statements[i].name, statements[i].sql, err))
            return false;
        stream->slots[stream->count++] =
            (struct slot){.kind = MESSAGE_PREPARE, .step = stream->next_step};
    }

    /* Their own transaction: a file's BEGIN may name an isolation level. */
    if (!pg_pipeline_sync(run->session.db, err))
        return false;
    stream->slots[stream->count++] = (struct slot){.kind = MESSAGE_SYNC, .step = stream->next_step};
    run->session.is_prepared = true;
    return true;
}

/* Behind the last commit, so that its answer ends the pipeline too. */
static bool
send_sync(struct stream *stream, struct error *err)
{
    size_t last = (stream->head + stream->count) % WINDOW_MESSAGES;

    if (!pg_pipeline_sync(stream->run->session.db, err))
        return false;
    stream->slots[last] = (struct slot){.kind = MESSAGE_SYNC, .step = stream->end - 1};
    stream->count++;
    stream->is_synced = true;
    return true;
}

/* Send as much as the window and the socket take. */
static bool
fill_window(struct stream *stream, struct error *err)
{
    struct pg *db = stream->run->session.db;
    bool is_drained = true;

    while (is_drained && stream->next_step < stream->end && stream->count < WINDOW_MESSAGES - 1 &&
           stream->bytes < WINDOW_BYTES) {
        struct message message;
        if (signals_is_stop_requested())
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        if (!stream->is_step_open && !open_next_step(stream, err))
            return false;
        if (sequence_next(&stream->sequence, &message)) {
            if (!send_message(stream, &message, err) || !ask_for_replies(stream, err))
                return false;
        } else {
            stream->is_step_open = false;
            stream->next_step++;
            if (!pg_pipeline_flush(db, err))
                return false;
        }
        if (stream->bytes_unsent >= WRITE_BYTES) {
            stream->bytes_unsent = 0;
            if (!pg_pipeline_write(db, &is_drained, err))
                return false;
        }
    }
    return stream->next_step < stream->end || stream->is_synced || send_sync(stream, err);
}

/* The server is done with this step; it may have the next one already. */
static void
pass_step(struct stream *stream, size_t step)
{
    stream->done = step + 1;
    if (stream->done < stream->next_step ||
        (stream->done == stream->next_step && stream->is_step_open))
        run_tell_started(stream->run, &stream->run->plan->steps[stream->done]);
}

/* A commit is that of every step before it that had none. */
static void
tell_committed(struct run *run, size_t first, size_t last, const int64_t *durations_ms)
{
    while (run->applied <= last)
        run_tell_applied(run, &run->plan->steps[run->applied], durations_ms[run->applied - first]);
}

static void
handle_reply(struct stream *stream, const struct pg_reply *reply)
{
    struct run *run = stream->run;
    struct slot slot = stream->slots[stream->head];

    stream->head = (stream->head + 1) % WINDOW_MESSAGES;
    stream->count--;
    stream->bytes -= slot.bytes;
    if (reply->kind == PG_REPLY_FAILED) {
        stream->is_failed = true;
        explain(
            run, &run->plan->steps[slot.step], slot.kind, slot.statement, reply, &stream->failure);
    } else if (reply->kind == PG_REPLY_DONE && slot.kind == MESSAGE_RECORD) {
        stream->durations_ms[slot.step - stream->first] = pg_rows_number(reply->rows, 0, 0);
        if (run->is_atomic)
            pass_step(stream, slot.step);
    } else if (reply->kind == PG_REPLY_DONE && slot.kind == MESSAGE_COMMIT) {
        tell_committed(run, stream->first, slot.step, stream->durations_ms);
        if (!run->is_atomic)
            pass_step(stream, slot.step);
    }
}

/* What the server said when it ended the connection is of the statement whose reply is owed. */
static bool
fail_lost(const struct run *run, const struct slot *slot, struct error *err)
{
    if (err->kind == ERROR_CONNECTION && err->sqlstate[0] != '\0' &&
        slot->kind == MESSAGE_STATEMENT)
        run_place_error(run, &run->plan->steps[slot->step], slot->statement, 0, err);
    return false;
}

/* Take one reply, waiting for it, and then all that are there. */
static bool
take_replies(struct stream *stream, struct error *err)
{
    bool wait = true;

    while (stream->count > 0 && !stream->is_failed) {
        AUTO_REPLY reply = {0};
        size_t step = stream->slots[stream->head].step;
        stream->run->session.migration = stream->run->plan->steps[step].migration->name;
        if (!pg_pipeline_receive(stream->run->session.db, wait, &reply, err))
            return fail_lost(stream->run, &stream->slots[stream->head], err);
        if (reply.kind == PG_REPLY_NONE)
            return true;
        handle_reply(stream, &reply);
        wait = false;
    }
    return true;
}

/* End the pipeline: its sync, all replies that are owed up to it, and no open transaction. */
static bool
finish_pipeline(struct stream *stream, struct error *err)
{
    struct pg *db = stream->run->session.db;
    size_t owed = stream->is_synced ? 0 : 1;

    for (size_t i = 0; i < stream->count; i++)
        owed += stream->slots[(stream->head + i) % WINDOW_MESSAGES].kind == MESSAGE_SYNC;
    if (!stream->is_synced && !pg_pipeline_sync(db, err))
        return false;
    while (owed > 0) {
        AUTO_REPLY reply = {0};
        if (!pg_pipeline_receive(db, true, &reply, err))
            return false;
        owed -= reply.kind == PG_REPLY_SYNCED;
    }
    if (!pg_pipeline_leave(db, err))
        return false;
    return !pg_is_in_transaction(db) || pg_command(db, "ROLLBACK", 0, NULL, err);
}

bool
stream_steps(struct run *run, size_t first, size_t end, struct error *err)
{
    AUTO_STREAM struct stream *stream = memory_new(sizeof(*stream));
    struct error input = ERROR_INIT;

    *stream = (struct stream){
        .run = run,
        .first = first,
        .next_step = first,
        .done = first,
        .end = end,
        .durations_ms = memory_new((end - first) * sizeof(int64_t)),
    };
    if (!pg_pipeline_enter(run->session.db, PG_ROWS_LAST, err))
        return false;
    if (!prepare_statements(stream, err))
        return false;
    while (!stream->is_failed && (stream->next_step < stream->end || stream->count > 0)) {
        if (!fill_window(stream, &input)) {
            if (input.kind != ERROR_INPUT && input.kind != ERROR_STOPPED) {
                *err = input;
                return false;
            }
            stream->end = stream->next_step; /* finish what was sent */
            continue;
        }
        if (stream->count > 0 && !take_replies(stream, err))
            return false;
    }
    if (!finish_pipeline(stream, err))
        return false;
    if (stream->is_failed)
        *err = stream->failure;
    else if (input.kind != ERROR_NONE)
        *err = input;
    return !stream->is_failed && input.kind == ERROR_NONE;
}

static bool
say_message(
    struct run *run, const struct message *message, struct pg_reply *reply, struct error *err)
{
    struct pg *db = run->session.db;

    if (message->data != NULL)
        return pg_run_copy(db, message->sql, message->data, message->data_bytes, reply, err);
    if (message->count == 0)
        return pg_run(db, message->sql, reply, err);

    struct error refusal = ERROR_INIT;
    if (pg_query(db, message->sql, message->count, message->values, &reply->rows, &refusal)) {
        reply->kind = PG_REPLY_DONE;
        return true;
    }
    reply->kind = PG_REPLY_FAILED;
    reply->error = refusal;
    *err = refusal;
    return refusal.kind == ERROR_DATABASE || refusal.kind == ERROR_STOPPED;
}

/* One step; `*duration_ms` from its record. */
static bool
say_step(struct run *run, size_t index, size_t end, int64_t *duration_ms, struct error *err)
{
    const struct step *step = &run->plan->steps[index];
    AUTO_SEQUENCE sequence = {0};
    struct message message;

    if (!sequence_open(run, index, end, &sequence, err))
        return false;
    run_tell_started(run, step);
    while (sequence_next(&sequence, &message)) {
        AUTO_REPLY reply = {0};
        struct slot slot = {.kind = message.kind, .step = index, .statement = message.statement};
        if (!say_message(run, &message, &reply, err))
            return fail_lost(run, &slot, err);
        if (reply.kind == PG_REPLY_FAILED) {
            explain(run, step, message.kind, message.statement, &reply, err);
            return false;
        }
        if (message.kind == MESSAGE_RECORD)
            *duration_ms = pg_rows_number(reply.rows, 0, 0);
    }
    return true;
}

bool
stream_steps_slowly(struct run *run, size_t first, size_t end, struct error *err)
{
    AUTO_DURATIONS int64_t *durations_ms = memory_new((end - first) * sizeof(*durations_ms));

    for (size_t i = first; i < end; i++) {
        if (!say_step(run, i, end, &durations_ms[i - first], err)) {
            struct error failure = *err;
            if (!pg_is_lost(run->session.db) && pg_is_in_transaction(run->session.db) &&
                !pg_command(run->session.db, "ROLLBACK", 0, NULL, err))
                return false;
            *err = failure;
            return false;
        }
        if (!run->is_atomic)
            tell_committed(run, first, i, durations_ms);
    }
    if (run->is_atomic)
        tell_committed(run, first, end - 1, durations_ms);
    return true;
}
