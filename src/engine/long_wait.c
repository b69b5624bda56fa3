/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/long_wait.h"

#include "base/memory.h"
#include "engine/blockers.h"

static bool
warn_of_older(
    struct run *run, const struct step *step, const struct statement *statement, struct error *err)
{
    AUTO_STRING char *older = NULL;

    if (!blockers_older(run->session.db, &older, err))
        return error_prefix(err, "cannot look for older transactions");
    if (older == NULL)
        return true;
    AUTO_STRING char *text =
        memory_printf("%s, line %zu, may have to wait until older transactions are over: %s",
            step->migration->name, statement->line, older);
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    return true;
}

#define SQL_TAKE_LIMIT                                                                             \
    "SELECT current_setting('lock_timeout'), set_config('lock_timeout', '0', false)"

bool
long_wait_take_limit(struct run *run, struct pg_rows **limit, struct error *err)
{
    return run->session.is_pooled || /* then nothing was set */
           pg_query(run->session.db, SQL_TAKE_LIMIT, 0, NULL, limit, err);
}

bool
long_wait_begin(struct run *run,
    const struct step *step,
    const struct statement *statement,
    struct pg_rows **limit,
    struct error *err)
{
    return warn_of_older(run, step, statement, err) && long_wait_take_limit(run, limit, err);
}

#define SQL_SET_LIMIT "SELECT set_config('lock_timeout', $1, false)"

bool
long_wait_end(struct run *run, const struct pg_rows *limit, struct error *err)
{
    if (limit == NULL)
        return true;

    const char *const values[] = {pg_rows_text(limit, 0, 0)};
    return pg_command(run->session.db, SQL_SET_LIMIT, ARRAY_LENGTH(values), values, err);
}
