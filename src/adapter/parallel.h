/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallel: the same work on several parts of something at once.
 */
#ifndef ADAPTER_PARALLEL_H
#define ADAPTER_PARALLEL_H

#include <stddef.h>

enum { PARALLEL_MOST = 4 };

/* How many parts are worth it for `items` of little work each: 1 to PARALLEL_MOST. */
size_t parallel_parts(size_t items);

/*
 * Call work(context, part) for each part from 0, each on a thread of its own but the
 * first, and return when all are done. A part must not touch what another one does.
 * Without a thread to be had a part runs after the others.
 */
void parallel_run(size_t parts, void (*work)(void *context, size_t part), void *context);

#endif
