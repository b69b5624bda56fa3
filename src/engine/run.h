/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run: what the parts of the runner share, from the connection to the plan.
 */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "engine/effects.h"
#include "engine/identity.h"
#include "engine/plan.h"
#include "engine/script.h"
#include "engine/session.h"
#include "engine/watcher.h"

/* What is known of a step's file before it runs. */
struct step_script {
    enum script_mode mode;
    bool has_copy;
    bool has_begin_options;
    size_t statements;
    size_t statements_kept; /* outside a transaction: those that an end now would leave done */
    int64_t retry_for_ms;   /* -1: no directive; the same for the next */
    int64_t lock_timeout_ms;
};

enum { RECORD_VALUES = 9 }; /* of sql_record; those of the settings follow */

/*
 * What this run knows of its attempt at a step outside a transaction. Where the connection, or a
 * lock on our tables, kept it from the history, it goes on behind it all the same.
 */
struct heard {
    int64_t attempt_id;
    int pid; /* of the connection that it was heard on */
    char server_since[48];
    size_t kept; /* statements that ran, outside an open transaction */
    size_t recorded;
    char checksum_kept[DIGEST_HEX_BYTES];
};

struct run {
    const struct config *config;
    const struct listener *listener;
    struct catalog *catalog;
    const struct run_identity *identity;
    struct session session;
    struct lost lost;
    bool is_unheard; /* a connection was lost, and the history not read since */
    struct history *history;
    struct plan *plan;
    struct step_script *scripts; /* one a step of the plan */
    size_t applied;              /* steps of the plan that are done */
    size_t started;              /* index of the last that was told to begin */
    bool is_atomic;              /* the steps share one transaction */
    bool has_lost;               /* the server lost steps that it had committed */
    struct watcher watcher;
    const struct step *watched_step; /* the first that is not done; NULL: none is under way */
    bool is_permitted;               /* nobody refuses it; it is about to write */
    bool is_started;                 /* run.started was told */
    struct effects effects;
    struct heard heard;
    bool is_to_be_replanned; /* a step outside a transaction lost a race, and waited */
    bool is_unprepared;      /* a file of the plan touches prepared statements: use none */
    /* The SQL that names our tables; and the name, for who has to look there. */
    char *history_table;
    char *sql_guard;
    char *sql_guard_first;
    char *sql_guard_last;
    char *sql_guard_late;
    char *sql_guard_unapplied;
    char *sql_lock_table;
    char *sql_record;        /* and our settings again; the commit waits for the disk */
    char *sql_record_async;  /* the same; the commit does not wait */
    char *sql_record_atomic; /* the same; it began where the one before it ended */
};

/* The prepared statements: sql_guard, sql_record and its two variants. */
#define RUN_GUARD "pgstride_guard"
#define RUN_RECORD "pgstride_record"
#define RUN_RECORD_ASYNC "pgstride_record_async"
#define RUN_RECORD_ATOMIC "pgstride_record_atomic"

void run_done(struct run *run);
#define AUTO_RUN __attribute__((cleanup(run_done))) struct run

/*
 * Connect, unless that was done, get the lock, and read the history anew.
 * Errors   as session_open, session_lock and history_load.
 */
MUST_CHECK bool run_open(struct run *run, struct error *err);

/*
 * Is the part of a step that an earlier run did still what its file begins with?
 * Errors   ERROR_PLAN.
 */
MUST_CHECK bool run_check_resumable(
    const struct step *step, const char *text, const struct script *script, struct error *err);

/*
 * Say where in its file a refused statement stands: line, column, source. With
 * `statement` = its index in the file.
 */
void run_place_error(const struct run *run,
    const struct step *step,
    size_t statement,
    size_t position,
    struct error *err);

/* Roll back what is open, and enter the failed attempt into the history. */
void run_record_failure(struct run *run, const struct step *step, const struct error *failure);

/* The history's JSON of an error; the caller frees it. */
char *run_error_json(const struct error *failure);

/* "up" or "down": the history's word. */
const char *run_direction(const struct step *step);

/* The index of the step that is under way: the first that is not done, or, in one transaction, a
 * later one. */
size_t run_current(const struct run *run);

/* Tell that a step is done. */
void run_tell_applied(struct run *run, const struct step *step, int64_t duration_ms);
void run_tell_started(struct run *run, const struct step *step);

#endif
