/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/postgres_internal.h"
#include "base/memory.h"

bool
pg_pipeline_enter(struct pg *pg, enum pg_rows_wanted wanted, struct error *err)
{
    pg->rows_wanted = wanted;
    return PQenterPipelineMode(pg->connection) == 1 || pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_leave(struct pg *pg, struct error *err)
{
    return PQexitPipelineMode(pg->connection) == 1 || pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_send(
    struct pg *pg, const char *sql, size_t count, const char *const *values, struct error *err)
{
    return PQsendQueryParams(pg->connection, sql, (int)count, NULL, values, NULL, NULL, 0) == 1 ||
           pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_prepare(struct pg *pg, const char *name, const char *sql, struct error *err)
{
    return PQsendPrepare(pg->connection, name, sql, 0, NULL) == 1 ||
           pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_send_prepared(
    struct pg *pg, const char *name, size_t count, const char *const *values, struct error *err)
{
    return PQsendQueryPrepared(pg->connection, name, (int)count, values, NULL, NULL, 0) == 1 ||
           pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_sync(struct pg *pg, struct error *err)
{
    return PQsendPipelineSync(pg->connection) == 1 || pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_flush(struct pg *pg, struct error *err)
{
    return PQsendFlushRequest(pg->connection) == 1 || pg_fail_lost(pg->connection, err);
}

bool
pg_pipeline_write(struct pg *pg, bool *is_drained, struct error *err)
{
    int unsent = PQflush(pg->connection);

    if (unsent < 0)
        return pg_fail_lost(pg->connection, err);
    *is_drained = unsent == 0;
    return true;
}

bool
pg_pipeline_receive(struct pg *pg, bool wait, struct pg_reply *reply, struct error *err)
{
    for (;;) {
        /* It holds for the statement whose answer has not begun; else it is refused, or so already.
         */
        if (pg->rows_wanted == PG_ROWS_LAST)
            PQsetSingleRowMode(pg->connection);
        if (PQisBusy(pg->connection)) {
            if (!wait) {
                reply->kind = PG_REPLY_NONE;
                return true;
            }
            if (!pg_wait(pg, false, err))
                return false;
            continue;
        }

        AUTO_RESULT *result = PQgetResult(pg->connection);
        if (result == NULL || pg_keep_row(&pg->row, &result))
            continue; /* between two statements, or amid the rows of one */
        if (!pg_read_reply(pg, result, reply, err))
            return false;
        pg_rows_release(&reply->rows);
        reply->rows = rows_of(TAKE(result));
        return true;
    }
}
