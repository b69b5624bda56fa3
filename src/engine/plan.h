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

struct plan_policy {
    size_t limit;  /* 0: all pending */
    bool has_last; /* none after version `last` */
    int64_t last;
    enum out_of_order out_of_order;
    enum drift_policy drift;
    enum if_ahead if_ahead;
};

struct step {
    const struct migration *migration;
    bool has_from; /* false: no version yet */
    int64_t from;  /* the version that the step starts from */
    bool is_late;  /* older than the version: the version stays */
    /* The rest of a migration outside a transaction that an earlier run began. */
    bool is_resumed;
    int64_t attempt_id;
    size_t statements_done;
    const char *checksum_done; /* of the file up to there; borrowed from the history */
};

struct plan {
    struct step *steps; /* oldest first */
    size_t count;
    size_t capacity;
    size_t pending;             /* also those beyond the limit */
    size_t pending_version_gap; /* fewer pending than the limit asked for: how many are missing */
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
 * Decide the steps that bring `history` up to `catalog`.
 *
 * Input    both sorted by version, ascending, without duplicates; the history
 *          with what history_infer entered.
 * Result   `*plan`: 0..N steps, oldest first; the caller frees it.
 * Borrows  the steps point into `catalog`, which must outlive the plan.
 * Errors   ERROR_PLAN: dirty and not ours to resume; drift; a late file; a
 *          version without an up file; a database ahead of the folder.
 */
MUST_CHECK bool plan_up(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan **plan,
    struct error *err);

/* Was an applied migration's file edited since? */
bool plan_has_drifted(const struct migration *migration, const struct history_entry *entry);

#endif
