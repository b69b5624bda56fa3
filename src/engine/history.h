/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: what the database says of its migrations.
 *
 * schema_migrations is golang-migrate's: one row, version and dirty.
 * pgstride_history, beside it, has a row an attempt.
 */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "adapter/postgres.h"
#include "engine/catalog.h"

enum outcome {
    OUTCOME_NONE,
    OUTCOME_STARTED,
    OUTCOME_APPLIED,
    OUTCOME_FAILED,
    OUTCOME_ADOPTED,
    OUTCOME_FORCED,
};

/* What is known of one version. */
struct history_entry {
    int64_t version;
    char *name;
    char *checksum; /* NULL: not known */
    bool is_applied;
    bool is_inferred; /* not in the table: golang-migrate did it, seen from its version */
    enum outcome outcome;
    char *at; /* when, RFC 3339 in UTC; NULL: not known */
    char *by; /* the database user; NULL: not known */
    char *run_id;
    int64_t duration_ms; /* -1: not known */

    /* The attempt after that, where one began and did not end well. */
    int64_t attempt_id; /* 0: there is none */
    enum outcome attempt_outcome;
    bool is_attempt_up;
    char *attempt_checksum;
    char *attempt_error; /* its message, or NULL */
    size_t attempt_done;
    size_t attempt_total;
};

struct history {
    bool has_version;
    int64_t version;
    bool is_dirty;
    struct history_entry *entries; /* by version, ascending */
    size_t count;
    size_t capacity;
};

/* Where the two tables are. */
struct ledger {
    char *schema;
    char *table;
    char *version_table; /* quoted and qualified */
    char *history_table;
    bool has_version_table;
    bool has_history_table;
    bool may_hide_version; /* by row-level security, from us */
    bool may_hide_history;
};

void ledger_done(struct ledger *ledger);
void history_free(struct history *history);
void history_release(struct history **history);
#define AUTO_HISTORY __attribute__((cleanup(history_release)))

/* The entry of a version, or NULL. */
const struct history_entry *history_find(const struct history *history, int64_t version);

/*
 * Did a run of ours begin its attempt outside a transaction? Such an attempt has
 * the checksum of the part that ran, which is nothing at first.
 */
bool history_is_alone(const struct history_entry *entry);

/*
 * Read both tables, in one snapshot; run_id, by, at, duration and the attempt's
 * error only `with_details`. A table that is missing is empty; without
 * a version table the history beside it says nothing of it.
 */
MUST_CHECK bool history_load(struct pg *db,
    const struct ledger *ledger,
    bool with_details,
    struct history **history,
    struct error *err);

/*
 * The two halves of history_load, for a question that is asked ahead: the query,
 * whose one value, where there is a history table, is the name of the version
 * table; and what its rows say. The caller frees both.
 */
char *history_query(const struct ledger *ledger, bool with_details);
struct history *history_read(const struct pg_rows *rows);

/*
 * Create the tables that are missing.
 * Errors   ERROR_DATABASE with a hint that names the right that is missing.
 */
MUST_CHECK bool history_create(struct pg *db, struct ledger *ledger, struct error *err);

/*
 * Where schema_migrations and the records disagree, another tool has been at
 * work: enter what it must have done. Pure.
 */
void history_infer(struct history *history, const struct catalog *catalog);

/*
 * Say which grant is missing, where the server denied us (42501) one of our tables; and why it is
 * read-only (25006): the server is asked who made it so.
 */
void history_explain_rights(struct pg *db, const struct ledger *ledger, struct error *err);

#endif
