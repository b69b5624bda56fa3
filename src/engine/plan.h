/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan: what to run, in which order, or why not.
 *
 * Pure: reads no file, clock or database.
 */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "engine/catalog.h"
#include "engine/config.h"
#include "engine/history.h"

enum plan_goal {
    PLAN_UP,   /* what is pending */
    PLAN_DOWN, /* revert what is applied, the newest first */
    PLAN_GOTO, /* up or down to a version */
};

struct plan_policy {
    enum plan_goal goal;
    int64_t version; /* of PLAN_GOTO */
    size_t limit;    /* 0: all */
    bool has_last;   /* up: none after version `last`; down: none that is not after it */
    int64_t last;
    enum out_of_order out_of_order;
    enum drift_policy drift;
    enum if_ahead if_ahead;
};

struct step {
    const struct migration *migration;
    bool is_down;
    bool has_from; /* false: no version yet */
    int64_t from;  /* the version that the step starts from */
    bool has_to;   /* false: no version any more */
    int64_t to;    /* the version that the step leads to */
    bool is_late;  /* older than the version: the version stays */
    /* The rest of a migration outside a transaction that an earlier run began. */
    bool is_resumed;
    int64_t attempt_id;
    size_t statements_done;
    const char *checksum_done; /* of the file up to there; borrowed from the history */
};

struct plan {
    struct step *steps; /* in the order in which they run */
    size_t count;
    size_t capacity;
    bool is_down;
    size_t pending; /* also those beyond the limit; down: what is applied */
    size_t missing; /* fewer than the limit asked for: how many */
    bool has_wanted;
    int64_t wanted; /* the version at the end of the steps */
    char **warnings;
    size_t warnings_count;
    size_t warnings_capacity;
};

void plan_free(struct plan *plan);
void plan_release(struct plan **plan);
#define AUTO_PLAN __attribute__((cleanup(plan_release)))

/*
 * Decide the steps that bring `history` to the goal.
 *
 * Input    both sorted by version, ascending, without duplicates; the history
 *          with what history_infer entered.
 * Result   `*plan`: 0..N steps; the caller frees it.
 * Borrows  the steps point into `catalog` and `history`, which must outlive the
 *          plan.
 * Errors   ERROR_PLAN: dirty and not ours to resume; drift; a late file; a
 *          version without its file; a database ahead of the folder; a goal
 *          that is not in the folder, or that was never applied.
 */
MUST_CHECK bool plan_build(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan **plan,
    struct error *err);

/* The file that a step runs. */
const struct migration_file *step_file(const struct step *step);

/* Was an applied migration's file edited since? */
bool plan_has_drifted(const struct migration *migration, const struct history_entry *entry);

#endif
