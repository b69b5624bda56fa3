/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/retry.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/report.h"
#include "engine/wording.h"

/* A task of several has its own failures. */
#define SQL_FAILED                                                                                 \
    "SELECT version, direction = 'down', checksum, error ->> 'sqlstate',\n"                        \
    "       error ->> 'message', error ->> 'file', (error ->> 'line')::bigint\n"                   \
    "  FROM %s\n"                                                                                  \
    " WHERE migrations_table = $1 AND outcome = 'failed'\n"                                        \
    "   AND runner ->> 'platform' = $2 AND runner ->> 'execution' = $3\n"                          \
    "   AND runner ->> 'task' IS NOT DISTINCT FROM $4\n"                                           \
    " ORDER BY id DESC\n"                                                                          \
    " LIMIT 1"

enum column {
    COLUMN_VERSION,
    COLUMN_IS_DOWN,
    COLUMN_CHECKSUM,
    COLUMN_SQLSTATE,
    COLUMN_MESSAGE,
    COLUMN_FILE,
    COLUMN_LINE,
};

static bool
is_retry(const struct run *run)
{
    const struct platform *platform = run->identity->platform;

    return platform->is_repeated && platform->execution != NULL;
}

void
retry_tell(const struct run *run)
{
    const struct platform *platform = run->identity->platform;

    if (!is_retry(run))
        return;
    AUTO_STRING char *text =
        memory_printf("%s has started execution %s again, as attempt %s: the one before it failed",
            platform->name, platform->execution, platform->attempt);
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

static void
warn(const struct run *run, const struct error *err)
{
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = err->message});
}

/* The last failure of this execution; false where there is none that can be told. */
static bool
load_failure(const struct run *run, struct pg_rows **rows)
{
    const struct platform *platform = run->identity->platform;
    const struct ledger *ledger = &run->session.ledger;
    AUTO_STRING char *sql = memory_printf(SQL_FAILED, ledger->history_table);
    const char *const values[] = {
        ledger->table, platform->name, platform->execution, platform->task};
    struct error err = ERROR_INIT;

    if (!ledger->has_history_table)
        return false;
    if (!pg_query(run->session.db, sql, ARRAY_LENGTH(values), values, rows, &err)) {
        error_prefix(&err, "cannot ask the history for the attempt before");
        warn(run, &err);
        return false;
    }
    return pg_rows_count(*rows) > 0;
}

/* The failure as it was: place, message, SQLSTATE. */
static void
read_failure(const struct pg_rows *rows, struct error *failure)
{
    const char *file = pg_rows_text(rows, 0, COLUMN_FILE);

    error_set(failure, ERROR_DATABASE, "%s", pg_rows_text(rows, 0, COLUMN_MESSAGE));
    snprintf(
        failure->sqlstate, sizeof(failure->sqlstate), "%s", pg_rows_text(rows, 0, COLUMN_SQLSTATE));
    if (*file != '\0')
        error_place(failure, file, (size_t)pg_rows_number(rows, 0, COLUMN_LINE), 0);
}

/* Is that very file among what is to run? */
static bool
is_planned(const struct run *run, const struct pg_rows *rows)
{
    int64_t version = pg_rows_number(rows, 0, COLUMN_VERSION);
    const char *checksum = pg_rows_text(rows, 0, COLUMN_CHECKSUM);

    for (size_t i = 0; i < run->plan->count; i++) {
        const struct step *step = &run->plan->steps[i];
        if (step->migration->version == version &&
            step->is_down == pg_rows_boolean(rows, 0, COLUMN_IS_DOWN))
            return strcmp(step_file(step)->checksum, checksum) == 0;
    }
    return false;
}

bool
retry_check(const struct run *run, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT title = TEXT_INIT;
    struct error failure = ERROR_INIT;

    if (!is_retry(run) || !load_failure(run, &rows))
        return true;
    read_failure(rows, &failure);
    wording_error_title(&failure, &title);
    if (failure.sqlstate[0] == '\0' || report_is_retryable(&failure) || !is_planned(run, rows)) {
        AUTO_STRING char *text =
            memory_printf("an attempt before it failed: %s", text_string(&title));
        tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
        return true;
    }
    error_set(err, ERROR_PLAN, "an attempt before it failed, and the file is the same: %s",
        text_string(&title));
    return error_hint(err, "It was not run again. Mend the file and start a new execution; let the "
                           "platform retry nothing (maxRetries 0, attempts 1).");
}
