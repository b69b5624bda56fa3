/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing: the steps of a plan and their statements, as text and as JSON.
 */
#ifndef COMMAND_LISTING_H
#define COMMAND_LISTING_H

#include "adapter/json.h"
#include "engine/preview.h"

/* A statement's line in its file, and its own first line: for a terminal. */
void listing_print_statement(const struct preview_step *step, size_t index);

/* The step's file, and whether it runs in a transaction. */
void listing_print_step(const struct preview *preview, size_t index);

/* The same as new objects; a step is without its statements. */
json_t *listing_statement(const struct preview_step *step, size_t index);
json_t *listing_step(const struct preview *preview, size_t index);

/* Which database, from where to where. */
void listing_put_target(const struct preview *preview, json_t *answer);

/* Tell the warnings of the folder and of the plan. */
void listing_warn(const struct preview *preview, const struct listener *listener);

#endif
