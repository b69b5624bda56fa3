/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/effects.h"

#include "schema/changes.h"

void
effects_done(struct effects *effects)
{
    outline_release(&effects->before);
    effects->failure.kind = ERROR_NONE;
}

static bool
look(struct session *session, struct outline **outline, struct error *err)
{
    const struct ledger *ledger = &session->ledger;
    const struct outline_request request = {
        .schema = ledger->schema,
        .left_out_tables = {ledger->version_table, ledger->history_table},
    };

    if (session->db == NULL || pg_is_lost(session->db))
        return error_set(err, ERROR_CONNECTION, "the connection to the database was lost");
    if (pg_is_in_transaction(session->db))
        return error_set(err, ERROR_DATABASE, "a transaction is open");
    return outline_load(session->db, &request, outline, err);
}

bool
effects_look_before(struct effects *effects, struct session *session, struct error *err)
{
    if (session->config->is_without_effects || effects->before != NULL)
        return true;
    effects_done(effects);
    if (look(session, &effects->before, &effects->failure) || !pg_is_lost(session->db))
        return true;
    *err = effects->failure;
    effects_done(effects);
    return false;
}

void
effects_tell(struct effects *effects, struct session *session, const struct listener *listener)
{
    AUTO_OUTLINE struct outline *after = NULL;
    AUTO_CHANGES changes = {0};
    struct error failure = effects->failure;

    if (effects->before == NULL && failure.kind == ERROR_NONE)
        return;
    if (effects->before != NULL && look(session, &after, &failure))
        changes_find(effects->before, after, &changes);
    if (failure.kind == ERROR_CONNECTION || failure.kind == ERROR_STOPPED)
        return; /* which the run itself has told */
    tell(listener, &(struct event){
                       .kind = EVENT_SCHEMA_CHANGED,
                       .changes = &changes,
                       .error = failure.kind != ERROR_NONE ? &failure : NULL,
                   });
    effects_done(effects);
}
