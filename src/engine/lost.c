/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lost.h"

#include <inttypes.h>

#include "adapter/clock.h"
#include "base/memory.h"
#include "engine/login.h"

void
lost_note(struct lost *lost, const struct pg *db)
{
    if (lost->count < LOST_MAX)
        lost->processes[lost->count++] =
            (struct lost_process){.pid = pg_backend_pid(db), .at_ms = clock_monotonic_ms()};
}

/*
 * A process that began later only has its number: of another server, or of one that was
 * started again.
 */
#define SQL_END                                                                                    \
    SQL_AS_LOGIN                                                                                   \
    "SELECT pg_terminate_backend(pid)\n"                                                           \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE pid = %d AND pid <> pg_backend_pid() AND usename = session_user\n"                     \
    "   AND datname = current_database()\n"                                                        \
    "   AND application_name = current_setting('application_name')\n"                              \
    "   AND backend_start < clock_timestamp() - %" PRId64 " * interval '1 ms'"

static bool
end_process(const struct lost_process *process,
    struct pg *db,
    const struct listener *listener,
    struct error *err)
{
    AUTO_STRING char *sql =
        memory_printf(SQL_END, process->pid, clock_monotonic_ms() - process->at_ms);
    AUTO_REPLY reply = {0};

    if (!pg_run(db, sql, &reply, err))
        return false;
    if (reply.kind != PG_REPLY_FAILED)
        return true;
    AUTO_STRING char *text = memory_printf(
        "what a lost connection left at the server cannot be ended: %s", reply.error.message);
    tell(listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    return true;
}

bool
lost_end(struct lost *lost, struct pg *db, const struct listener *listener, struct error *err)
{
    for (size_t i = 0; i < lost->count; i++) {
        if (!end_process(&lost->processes[i], db, listener, err))
            return false;
    }
    lost->count = 0;
    return true;
}
