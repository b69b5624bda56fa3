/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: a container's end. SIGTERM and SIGINT ask the run to stop; a second
 * one ends the process at once. As PID 1 neither has a default action, so
 * both are handled from the start. SIGTSTP, SIGHUP, SIGPIPE and SIGXFSZ do nothing.
 */
#ifndef ADAPTER_SIGNALS_H
#define ADAPTER_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

void signals_install(void);
/* The usual actions again, for the program that this process becomes. */
void signals_restore(void);

bool signals_is_stop_requested(void);
const char *signals_stop_name(void); /* "SIGTERM" or "SIGINT" */

/*
 * What is left until `deadline_ms` (monotonic). Once a stop is requested, what is left
 * of the seven seconds that a stop may take, if that is less.
 */
int64_t signals_left_ms(int64_t deadline_ms);

/*
 * A stop takes eight seconds at most, whatever hangs: what nothing else can end, such as the
 * system's look-up of a host name, the handler of a timer ends, with status 1. It calls `say`
 * before, which may do what such a handler may.
 */
void signals_on_overrun(void (*say)(void));

/* Becomes readable when a stop is requested, and stays so. -1 before installing. */
int signals_descriptor(void);

/* Sleep; false with ERROR_STOPPED when a stop is requested meanwhile. */
MUST_CHECK bool signals_sleep(int64_t duration_ms, struct error *err);

#endif
