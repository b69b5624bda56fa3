/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report: the events of a run as its summary.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "engine/event.h"

struct report_step {
    char *name;
    int64_t version;
    int64_t duration_ms;
    size_t statements;
};

/* `steps`: what is applied in the end, each once, though one that the server lost is told twice. */
struct report {
    bool is_started; /* there was a plan */
    bool is_down;
    char *database;
    char *host;
    bool has_from;
    int64_t from;
    bool has_to;
    int64_t to;
    bool has_wanted;
    int64_t wanted;
    size_t planned;
    struct report_step *steps;
    size_t count;
    size_t capacity;
    char *changes;    /* of the schema, a line a kind; NULL: none, or they are not known */
    int64_t begun_ms; /* monotonic */
    int64_t duration_ms;
    bool is_told; /* a migration.failed has said what went wrong */
    bool has_failed;
    struct error error; /* of has_failed */
};

void report_init(struct report *report, int64_t now_ms);
void report_done(struct report *report);
#define AUTO_REPORT __attribute__((cleanup(report_done))) struct report

void report_hear(struct report *report, const struct event *event);

/* The run is over; `err` is NULL for a success. */
void report_finish(struct report *report, const struct error *err, int64_t now_ms);

/* Can the same run succeed later, with nothing changed? */
bool report_is_retryable(const struct error *err);

#endif
