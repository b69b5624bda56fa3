/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress: how far a statement is, where PostgreSQL keeps that.
 */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include "adapter/postgres.h"

/* A row: the phase in words, and the percent or NULL. No row where nothing is known. */
MUST_CHECK bool progress_look(struct pg *db, int pid, struct pg_rows **rows, struct error *err);

#endif
