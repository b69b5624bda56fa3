/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/notices.h"

#include "adapter/clock.h"
#include "base/memory.h"

enum {
    MANY = 1000, /* of one migration */
    EVERY_MS = 1000,
};

void
notices_end(struct notices *notices, const struct listener *listener)
{
    if (notices->left_out > 0) {
        AUTO_STRING char *said = memory_printf(
            "%s%s%zu more notice%s left out: behind the first %d one a second is shown",
            notices->migration != NULL ? notices->migration : "",
            notices->migration != NULL ? ": " : "", notices->left_out,
            notices->left_out == 1 ? " was" : "s were", (int)MANY);
        tell(listener, &(struct event){.kind = EVENT_WARNING, .text = said});
    }
    *notices = (struct notices){0};
}

void
notices_hear(struct notices *notices,
    const struct listener *listener,
    const char *migration,
    const struct pg_notice *notice)
{
    if (notices->migration != migration)
        notices_end(notices, listener);
    notices->migration = migration;
    if (notices->told >= MANY && clock_monotonic_ms() < notices->next_ms) {
        notices->left_out++;
        return;
    }
    notices->told++;
    notices->next_ms = clock_monotonic_ms() + EVERY_MS;
    tell(listener, &(struct event){
                       .kind = EVENT_NOTICE,
                       .text = notice->message,
                       .migration = migration,
                       .severity = notice->severity,
                       .sqlstate = notice->sqlstate,
                       .detail = notice->detail,
                       .hint = notice->hint,
                       .context = notice->context,
                   });
}
