/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "engine/session.h"

bool
session_set_local(const struct session *session, struct error *err)
{
    AUTO_TEXT sql = TEXT_INIT;

    text_puts(&sql, "SELECT ");
    session_add_settings(session, 1, "true", &sql);
    return pg_command(
        session->db, text_string(&sql), session->settings_count, session->settings_values, err);
}

bool
session_begin(const struct session *session, struct error *err)
{
    static const char DURABLY[] = "SET LOCAL synchronous_commit = on";

    return pg_command(session->db, "BEGIN", 0, NULL, err) &&
           (!session->is_commit_async || pg_command(session->db, DURABLY, 0, NULL, err)) &&
           (!session->is_pooled || session_set_local(session, err));
}

bool
session_end(const struct session *session, bool is_good, struct error *err)
{
    struct error ignored = ERROR_INIT;

    if (is_good)
        return pg_command(session->db, "COMMIT", 0, NULL, err);
    if (!pg_is_lost(session->db) && !pg_command(session->db, "ROLLBACK", 0, NULL, &ignored))
        error_prefix(err, "and the rollback failed");
    return false;
}

bool
session_query(const struct session *session,
    const char *sql,
    size_t count,
    const char *const *values,
    struct pg_rows **rows,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *answer = NULL;
    bool is_wrapped = session->is_pooled && !pg_is_in_transaction(session->db);

    if (is_wrapped && !session_begin(session, err))
        return false;
    bool is_good = pg_query(session->db, sql, count, values, &answer, err);
    if (is_wrapped)
        is_good = session_end(session, is_good, err);
    if (is_good)
        *rows = TAKE(answer);
    return is_good;
}

bool
session_command(const struct session *session,
    const char *sql,
    size_t count,
    const char *const *values,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    return session_query(session, sql, count, values, &rows, err);
}

static bool
create_tables(struct session *session, struct error *err)
{
    struct ledger *ledger = &session->ledger;

    if (!session->is_pooled || (ledger->has_version_table && ledger->has_history_table))
        return history_create(session->db, ledger, err);
    return session_begin(session, err) &&
           session_end(session, history_create(session->db, ledger, err), err);
}

/*
 * Services that share a schema have a lock each, and one table: a rival that makes it at the same
 * time refuses us with one of these, and then it is there.
 */
static bool
is_lost_to_rival(const struct error *err)
{
    return error_is_sqlstate(err, "23505") || error_is_sqlstate(err, "42P07");
}

bool
session_create_tables(struct session *session, struct error *err)
{
    enum { TRIES = 5 };

    for (int i = 1; i < TRIES; i++) {
        struct error failure = ERROR_INIT;
        if (create_tables(session, &failure))
            return true;
        if (!is_lost_to_rival(&failure)) {
            *err = failure;
            return false;
        }
    }
    return create_tables(session, err);
}
