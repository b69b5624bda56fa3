/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lost: the server's processes of connections that were lost. Such a process may stand for
 * hours, with the migration lock, and with a snapshot that a concurrent index build would wait
 * for: the next connection ends it.
 */
#ifndef ENGINE_LOST_H
#define ENGINE_LOST_H

#include "adapter/postgres.h"
#include "engine/event.h"

enum { LOST_MAX = 8 }; /* more than a run connects again without having ended them */

struct lost_process {
    int pid;
    int64_t at_ms; /* monotonic: when it was lost */
};

struct lost {
    struct lost_process processes[LOST_MAX];
    size_t count;
};

/* The connection `db` is lost, now. */
void lost_note(struct lost *lost, const struct pg *db);

/*
 * End through `db` what is noted, and forget it. What the server refuses there is a warning: the
 * migrations may be done all the same.
 */
MUST_CHECK bool lost_end(
    struct lost *lost, struct pg *db, const struct listener *listener, struct error *err);

#endif
