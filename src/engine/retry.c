/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/retry.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/report.h"
#include "engine/wording.h"

/*
 * A task of several has its own failures. Outside a transaction the row's
 * checksum is of what had run, and the whole file's stands in the error.
 */
#define SQL_FAILED                                                                                 \
    "SELECT version, direction = 'down', coalesce(error ->> 'file_checksum', checksum),\n"         \
    "       error ->> 'sqlstate', error ->> 'message', error ->> 'file',\n"                        \
    "       (error ->> 'line')::bigint\n"                                                          \
    "  FROM %s\n"                                                                                  \
    " WHERE migrations_table = $1 AND outcome = 'failed'\n"                                        \
    "   AND runner ->> 'platform' = $2 AND runner ->> 'execution' = $3\n"                          \
    "   AND runner ->> 'task' IS NOT DISTINCT FROM $4\n"                                           \
    " ORDER BY id"

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

/* The failures of this execution's `task`, the oldest first; `*rows` NULL: none can be told. */
static bool
load_failures(const struct session *session,
    const struct platform *platform,
    const char *task,
    struct pg_rows **rows,
    struct error *err)
{
    const struct ledger *ledger = &session->ledger;
    AUTO_STRING char *sql = memory_printf(SQL_FAILED, ledger->history_table);
    const char *const values[] = {ledger->table, platform->name, platform->execution, task};

    return !ledger->has_history_table ||
           session_query(session, sql, ARRAY_LENGTH(values), values, rows, err);
}

/* The failure as it was: place, message, SQLSTATE; and all of these as one line. */
static void
read_failure(const struct pg_rows *rows, size_t row, struct error *failure, struct text *title)
{
    const char *file = pg_rows_text(rows, row, COLUMN_FILE);

    error_set(failure, ERROR_DATABASE, "%s", pg_rows_text(rows, row, COLUMN_MESSAGE));
    snprintf(failure->sqlstate, sizeof(failure->sqlstate), "%s",
        pg_rows_text(rows, row, COLUMN_SQLSTATE));
    if (*file != '\0')
        error_place(failure, file, (size_t)pg_rows_number(rows, row, COLUMN_LINE), 0);
    wording_error_title(failure, title);
}

/* Would it fail again, however often it is tried? */
static bool
is_final(const struct error *failure)
{
    return failure->sqlstate[0] != '\0' && !report_is_retryable(failure);
}

static bool
is_of_file(const struct pg_rows *rows, size_t row, const struct migration_file *file)
{
    return strcmp(file->checksum, pg_rows_text(rows, row, COLUMN_CHECKSUM)) == 0;
}

/* Is that very file among what is to run? */
static bool
is_planned(const struct run *run, const struct pg_rows *rows, size_t row)
{
    int64_t version = pg_rows_number(rows, row, COLUMN_VERSION);

    for (size_t i = 0; i < run->plan->count; i++) {
        const struct step *step = &run->plan->steps[i];
        if (step->migration->version == version &&
            step->is_down == pg_rows_boolean(rows, row, COLUMN_IS_DOWN))
            return is_of_file(rows, row, step_file(step));
    }
    return false;
}

static void
warn(const struct run *run, const char *what, const char *title)
{
    AUTO_STRING char *text = memory_printf("%s: %s", what, title);

    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

static void
tell_first(const struct run *run, const struct pg_rows *rows)
{
    struct error failure = ERROR_INIT;
    AUTO_TEXT title = TEXT_INIT;

    read_failure(rows, 0, &failure, &title);
    warn(run, "the first failure of this execution", text_string(&title));
}

bool
retry_check(const struct run *run, struct error *err)
{
    const struct platform *platform = run->identity->platform;
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT title = TEXT_INIT;
    struct error problem = ERROR_INIT;
    struct error failure = ERROR_INIT;

    if (!is_retry(run))
        return true;
    if (!load_failures(&run->session, platform, platform->task, &rows, &problem)) {
        warn(run, "cannot ask the history for the attempt before", problem.message);
        return true;
    }
    if (rows == NULL || pg_rows_count(rows) == 0)
        return true;

    size_t last = pg_rows_count(rows) - 1;
    read_failure(rows, last, &failure, &title);
    if (last > 0)
        tell_first(run, rows);
    if (!is_final(&failure) || !is_planned(run, rows, last)) {
        warn(run, "an attempt before it failed", text_string(&title));
        return true;
    }
    error_set(err, ERROR_PLAN, "an attempt before it failed, and the file is the same: %s",
        text_string(&title));
    return error_hint(err, "It was not run again. Mend the file and start a new execution; let the "
                           "platform retry nothing (maxRetries 0, attempts 1).");
}

bool
retry_check_leader(const struct session *session,
    const struct platform *platform,
    const struct catalog *catalog,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT title = TEXT_INIT;
    struct error failure = ERROR_INIT;

    if (!load_failures(session, platform, "0", &rows, &failure) || rows == NULL ||
        pg_rows_count(rows) == 0)
        return true;

    size_t last = pg_rows_count(rows) - 1;
    const struct migration *migration =
        catalog_find(catalog, pg_rows_number(rows, last, COLUMN_VERSION));
    read_failure(rows, last, &failure, &title);
    if (!is_final(&failure) || migration == NULL || !is_of_file(rows, last, &migration->up))
        return true;
    error_set(err, ERROR_PLAN, "task 0 failed: %s", text_string(&title));
    return error_hint(err, "Mend the file and start a new execution.");
}
