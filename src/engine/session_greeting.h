/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Greeting: what a session says first, in one round trip: its settings, the
 * migration lock if it is free, where the tables are, and what the history says.
 */
#ifndef ENGINE_SESSION_GREETING_H
#define ENGINE_SESSION_GREETING_H

#include "engine/session.h"

/* Send it, without waiting for an answer. Errors: ERROR_CONNECTION. */
MUST_CHECK bool session_greet(
    struct session *session, enum session_purpose purpose, struct error *err);

/* Wait for the answers. Errors: as session_open. */
MUST_CHECK bool session_hear_greeting(
    struct session *session, enum session_purpose purpose, struct error *err);

/*
 * Of tables whose rows may be hidden: is there one that shows none?
 * Errors   ERROR_PLAN.
 */
MUST_CHECK bool session_check_shown(
    const struct ledger *ledger, const struct history *history, struct error *err);

#endif
