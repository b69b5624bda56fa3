/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Author, inside: what is made is run, and proven.
 */
#ifndef ENGINE_AUTHOR_INTERNAL_H
#define ENGINE_AUTHOR_INTERNAL_H

#include "engine/author.h"
#include "engine/bench.h"

/* Run one direction as a migration is run, in a transaction or `is_alone`: what is there then. */
MUST_CHECK bool author_run(struct bench *bench,
    const char *direction,
    const struct text *sql,
    bool is_alone,
    struct model **got,
    struct error *err);

/* Errors   ERROR_PLAN: they are not the same. */
MUST_CHECK bool author_check(const struct bench *bench,
    const char *direction,
    const struct model *got,
    const struct model *wanted,
    struct error *err);

/* author_online.c: the files of --online. */
MUST_CHECK bool author_write_online(struct bench *folder,
    const struct model *old,
    const struct model *new,
    struct authored *authored,
    struct error *err);

#endif
