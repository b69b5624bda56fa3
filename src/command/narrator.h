/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Narrator: hears a run's events, writes them to the log, and keeps the report.
 */
#ifndef COMMAND_NARRATOR_H
#define COMMAND_NARRATOR_H

#include "adapter/log.h"
#include "engine/event.h"
#include "engine/identity.h"
#include "engine/report.h"

struct narrator {
    const struct log *log;
    const struct run_identity *identity; /* NULL: nobody's run */
    struct report report;
};

void narrator_init(struct narrator *narrator, const struct log *log);
void narrator_done(struct narrator *narrator);
#define AUTO_NARRATOR __attribute__((cleanup(narrator_done))) struct narrator

struct listener narrator_listener(struct narrator *narrator);

/* Log an error that is not a migration's. */
void narrate_error(const struct log *log, const struct error *err);

/* The same for a command that did not begin; of a run, `is_run`, with its run.finished. */
void narrate_failure(const struct log *log, bool is_run, const struct error *err);

/* The end: run.finished, with the summary. `err` is NULL for a success. */
void narrator_finish(struct narrator *narrator, const struct error *err);

/* All there is to say of a run that is over: a new object. */
json_t *narrator_summary(const struct narrator *narrator);

#endif
