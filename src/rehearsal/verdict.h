/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict: what a statement means to an application that runs meanwhile: from what
 * the server reported on the scratch database, and how large and busy the real tables
 * are. Pure.
 */
#ifndef REHEARSAL_VERDICT_H
#define REHEARSAL_VERDICT_H

#include "base/text.h"
#include "rehearsal/observation.h"

enum level {
    LEVEL_SAFE,
    LEVEL_BRIEF,  /* a lock that blocks, for a moment */
    LEVEL_WRITES, /* writes wait while the server works */
    LEVEL_ALL,    /* reads too */
    LEVEL_BREAKS, /* code that runs meets something that is not as it was */
};

/* "safe", "brief-lock", "blocks-writes", "blocks-all", "breaks". */
const char *level_name(enum level level);

/* A table of the target database. */
struct facts {
    bool is_known; /* it is there */
    int64_t size_bytes;
    int64_t rows; /* -1: not known */
    int64_t reads;
    int64_t writes;
    int64_t seconds; /* since reads and writes are counted; 0: not known */
};

/* One a relation of the origin. */
struct facts_table {
    const struct snapshot *origin;
    struct facts *facts;
};

/* The facts of a relation of the origin. */
const struct facts *facts_of(const struct facts_table *table, const struct relation *relation);

/* A size for people: "84 GB". */
void facts_add_size(int64_t size_bytes, struct text *text);

/* "84 GB, 12000000 rows, 310 reads and 12 writes a second"; nothing where it is not known. */
void facts_add(const struct facts *facts, struct text *text);

struct verdict {
    enum level level;
    enum level blocking; /* the same without LEVEL_BREAKS */
    char *headline;
    const struct effect *worked; /* the largest that is scanned or rewritten; NULL: none */
    bool is_backfill;            /* it changes rows, and looks at all */
};

void verdict_done(struct verdict *verdict);

void verdict_make(const struct observation *observation,
    const struct facts_table *facts,
    struct verdict *verdict);

/* Does this lock keep others out: LEVEL_SAFE, LEVEL_WRITES or LEVEL_ALL. */
enum level verdict_of_lock(enum lock_mode mode);

/* Does this change break code that runs? */
bool verdict_breaks(const struct change *change);

/* The change in words: "column note of orders is dropped". */
void verdict_add_change(const struct change *change, struct text *text);

#endif
