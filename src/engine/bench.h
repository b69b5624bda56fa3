/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bench: a scratch database that a schema is built in, to be looked at.
 */
#ifndef ENGINE_BENCH_H
#define ENGINE_BENCH_H

#include "engine/identity.h"
#include "engine/scratch_database.h"
#include "engine/script.h"
#include "schema/model.h"

struct bench {
    struct scratch_database database;
    struct config config;
    struct session session;
};

void bench_done(struct bench *bench);
#define AUTO_BENCH __attribute__((cleanup(bench_done))) struct bench

/* Errors   those of scratch_database_make and session_open. The bench stays where it is. */
MUST_CHECK bool bench_open(struct session *server, struct bench *bench, struct error *err);

/* Apply the folder's migrations; a folder that is yet to be filled is fine. */
MUST_CHECK bool bench_run_folder(
    struct bench *bench, const struct run_identity *identity, struct error *err);

/*
 * Run the statement `index` of a text that was split.
 * Errors   ERROR_DATABASE with its place in the text, which is named `name`.
 */
MUST_CHECK bool bench_run_statement(struct bench *bench,
    const char *name,
    const char *text,
    size_t size_bytes,
    const struct statement *statement,
    struct error *err);

/* Run the whole of it. */
MUST_CHECK bool bench_run_text(
    struct bench *bench, const char *name, const char *text, size_t size_bytes, struct error *err);

/* What is there now. */
MUST_CHECK bool bench_load(struct bench *bench, struct model **model, struct error *err);

#endif
