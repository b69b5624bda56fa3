/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alone behind a pooler: a step outside a transaction, where each transaction may
 * run in another session, which others use before and after.
 *
 * So nothing is set for a session. A statement runs in a transaction of its own
 * that makes our settings, and the file's, and takes them back before its COMMIT.
 * What PostgreSQL refuses there runs bare: it finds the server's own settings, so
 * these must be the wanted ones already.
 */
#ifndef ENGINE_ALONE_POOLED_H
#define ENGINE_ALONE_POOLED_H

#include "engine/alone_internal.h"

/*
 * Can every statement of a file that runs bare find what it needs?
 * Errors   ERROR_PLAN: a setting that cannot be made; ERROR_CONNECTION.
 */
MUST_CHECK bool alone_pooled_check(
    const struct run *run, const struct step *step, const struct script *script, struct error *err);

/* Before the first statement of a step that goes on: end what a killed run left running. */
MUST_CHECK bool alone_pooled_resume(struct alone *alone, struct error *err);

/* One statement, with its progress. */
MUST_CHECK bool alone_pooled_statement(struct alone *alone, size_t index, struct error *err);

#endif
