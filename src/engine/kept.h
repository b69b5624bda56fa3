/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept: what is left of a migration that failed outside a transaction, and how to go on, in words.
 */
#ifndef ENGINE_KEPT_H
#define ENGINE_KEPT_H

#include "engine/run.h"

/* Did nobody hear of its end? */
bool kept_is_unknown(const struct run *run);

/* Of the step that failed with `err`; the caller frees it. NULL: it ran in a transaction. */
char *kept_describe(const struct run *run, const struct step *step, const struct error *err);

#endif
