/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wording: events, errors and summaries in words, and as JSON members.
 *
 * Pure. The words for people and the fields for machines stand together, so
 * that they say the same.
 */
#ifndef ENGINE_WORDING_H
#define ENGINE_WORDING_H

#include "adapter/json.h"
#include "adapter/log.h"
#include "base/text.h"
#include "engine/report.h"

/* The event's name, as DESIGN lists them: "migration.applied". */
const char *wording_name(enum event_kind kind);
enum log_severity wording_severity(const struct event *event);

/* The message; further lines are details. */
void wording_message(const struct event *event, struct text *message);

/* A new object. */
json_t *wording_fields(const struct event *event);

/* An error with all it knows: place, source and caret, detail, hint, context. */
void wording_error(const struct error *err, struct text *message);
json_t *wording_error_fields(const struct error *err);

/* "file:line:column: message (SQLSTATE)". */
void wording_error_title(const struct error *err, struct text *title);
/* The source line with the caret under it; nothing when it is not known. */
void wording_error_source(const struct error *err, struct text *source);

/* run.finished: one sentence, and the summary. */
void wording_summary(const struct report *report, struct text *message);
json_t *wording_summary_fields(const struct report *report);

/* "16 ms", "6.9 s", "4 min 51 s". */
void wording_duration(int64_t duration_ms, struct text *text);

#endif
