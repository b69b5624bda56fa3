/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outline: somebody else's query, for a log that it must not betray.
 */
#ifndef BASE_OUTLINE_H
#define BASE_OUTLINE_H

#include "base/text.h"

/*
 * Add `query` to `text` on one line: each literal as ?, without its comments and
 * the semicolon at its end, and cut after `characters`. The query may itself be cut anywhere, as
 * pg_stat_activity cuts it: what is open at its end counts as a literal. Where
 * nobody can tell the end of a string (a backslash before a quote, which depends
 * on a setting of its session), nothing behind it is shown.
 */
void outline_add(const char *query, size_t characters, struct text *text);

#endif
