/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lost.h"

#include <inttypes.h>
#include <stdio.h>

#include "adapter/clock.h"
#include "base/memory.h"

void
lost_note(struct lost *lost, const struct pg *db)
{
    lost->count = 0;
    if (lost->count < LOST_MAX)
        lost->processes[lost->count++] =
            (struct lost_process){.pid = pg_backend_pid(db), .at_ms = clock_monotonic_ms()};
}

/*
 * A process that began later only has its number: of another server, or of one that was
 * started again.
 */
#define SQL_END                                                                                    \
    "SELECT pg_terminate_backend(pid)\n"                                                           \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE pid = $1::int AND pid <> pg_backend_pid() AND usename = session_user\n"                \
    "   AND datname = current_database()\n"                                                        \
    "   AND application_name = current_setting('application_name')\n"                              \
    "   AND backend_start < clock_timestamp() - $2 * interval '1 ms'"

static bool
end_process(const struct lost_process *process, struct pg *db, struct error *err)
{
    char pid[16];
    char since_ms[24];
    const char *const values[] = {pid, since_ms};

    snprintf(pid, sizeof(pid), "%d", process->pid);
    snprintf(since_ms, sizeof(since_ms), "%" PRId64, clock_monotonic_ms() - process->at_ms);
    return pg_command(db, SQL_END, ARRAY_LENGTH(values), values, err);
}

bool
lost_end(struct lost *lost, struct pg *db, struct error *err)
{
    for (size_t i = 0; i < lost->count; i++) {
        if (!end_process(&lost->processes[i], db, err))
            return false;
    }
    lost->count = 0;
    return true;
}
