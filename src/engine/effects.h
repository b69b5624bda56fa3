/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Effects: what a run changed in the schema, from a look at the catalog before the
 * first step and one after the last.
 *
 * It is never what a run fails by: where a look fails, that is told in its place.
 */
#ifndef ENGINE_EFFECTS_H
#define ENGINE_EFFECTS_H

#include "engine/session.h"
#include "schema/outline.h"

struct effects {
    struct outline *before; /* NULL: there was no look, or it failed */
    struct error failure;   /* of that look */
};

void effects_done(struct effects *effects);

/*
 * Look before the first step; once a run, unless the look failed.
 * Errors   those of a connection that was lost meanwhile; what else fails is told in the end.
 */
MUST_CHECK bool effects_look_before(
    struct effects *effects, struct session *session, struct error *err);

/* Look again, and tell the difference; nothing where there was no look before. */
void effects_tell(
    struct effects *effects, struct session *session, const struct listener *listener);

#endif
