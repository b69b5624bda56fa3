/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reconnect.h"

#include "adapter/signals.h"

enum {
    RECONNECTS_MAX = 5,
    TIMES_MAX = 2,     /* that the same statement is sent, when the server's process ends in it */
    RECONNECT_MS = 50, /* doubled each time */
};

/* Of the server's own limits, the one that ends the connection too. */
static bool
is_out_of_time(struct error *err)
{
    if (!error_is_sqlstate(err, "25P04"))
        return false;
    err->kind = ERROR_REFUSED;
    error_hint(err, "The file or the URL sets transaction_timeout, which is off otherwise: give it "
                    "more time there.");
    return true;
}

static void
note_place(const struct run *run, struct reconnects *reconnects, const struct error *err)
{
    const struct step *step = run->watched_step;
    size_t kept = run->scripts[step - run->plan->steps].statements_kept;

    if (reconnects->times > 0 && reconnects->version == step->migration->version &&
        reconnects->kept == kept && reconnects->statement == err->statement) {
        reconnects->times++;
        return;
    }
    reconnects->version = step->migration->version;
    reconnects->kept = kept;
    reconnects->statement = err->statement;
    reconnects->times = 1;
}

/* A statement that crashes the server, or takes all its memory, does so again. */
static bool
is_repeated(const struct run *run, struct reconnects *reconnects, struct error *err)
{
    if (run->watched_step == NULL)
        return false;
    note_place(run, reconnects, err);
    if (reconnects->times < TIMES_MAX)
        return false;
    error_prefix(err, "here for the second time");
    error_hint(err, "Does this end the server's process each time, by a crash, a limit or for want "
                    "of memory? The server's log says so; where it says nothing, the way to the "
                    "server broke.");
    return true;
}

bool
reconnect(struct run *run, struct reconnects *reconnects, struct error *err)
{
    if (err->kind != ERROR_CONNECTION || run->session.db == NULL)
        return false;
    run->is_unheard = true;
    if (is_out_of_time(err) || is_repeated(run, reconnects, err) ||
        reconnects->count++ >= RECONNECTS_MAX)
        return false;
    error_prefix(err, "connecting again");
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = err->message});
    if (!run->session.is_pooled) /* the pooler's number is of no process, and it ends its own */
        lost_note(&run->lost, run->session.db);
    session_close(&run->session);
    run->watched_step = NULL; /* none is under way while it connects */
    return signals_sleep(RECONNECT_MS << reconnects->count, err);
}
