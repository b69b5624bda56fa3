/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequence: everything that one transactional migration says to the server,
 * in order.
 *
 *   BEGIN                    or the file's own
 *   SET LOCAL …              for a directive
 *   the guard                moves the version, or fails when another run did
 *   set_config(…)            our settings, behind a pooler
 *   the file's statements
 *   SET CONSTRAINTS … RESET … DISCARD …
 *                            so that the next migration finds a fresh session,
 *                            and the record is written as ourselves
 *   the record               the history's row, and our settings again
 *   COMMIT                   or the file's own
 *
 * Where the run is one transaction, only its first step says BEGIN and only its
 * last one COMMIT, and a file's own are left out.
 *
 * The guard comes first so that of two runs without a lock one waits for the
 * other, instead of doing the work twice.
 */
#ifndef ENGINE_SEQUENCE_H
#define ENGINE_SEQUENCE_H

#include "base/text.h"
#include "engine/run.h"

enum message_kind {
    MESSAGE_PREPARE,
    MESSAGE_SYNC,
    MESSAGE_BEGIN,
    MESSAGE_SETTING,
    MESSAGE_GUARD,
    MESSAGE_STATEMENT,
    MESSAGE_CONSTRAINTS,
    MESSAGE_RESET,
    MESSAGE_RECORD, /* its row: the duration in ms */
    MESSAGE_COMMIT,
};

enum { MESSAGE_VALUES_MAX = RECORD_VALUES + SESSION_VALUES_MAX };

struct message {
    enum message_kind kind;
    const char *sql;      /* borrowed until the next message */
    const char *prepared; /* the name under which it was prepared, or NULL */
    size_t count;
    const char *const *values;
    size_t statement; /* of MESSAGE_STATEMENT and a file's own BEGIN or COMMIT: its index */
    const char *data; /* of COPY … FROM STDIN; NULL: none */
    size_t data_bytes;
};

struct sequence {
    const struct run *run;
    const struct step *step;
    bool is_first;
    bool is_last; /* its commit waits for the disk */
    struct script script;
    const char *text;
    char *owned_text;
    size_t phase;
    size_t statement; /* the next of the file */
    size_t sub;       /* within a phase of several messages */
    struct text sql;
    char version[24];
    char from[24];
    char to[24];
    char total[24];
    const char *values[MESSAGE_VALUES_MAX];
};

void sequence_close(struct sequence *sequence);
#define AUTO_SEQUENCE __attribute__((cleanup(sequence_close))) struct sequence

/*
 * The step `index` of the plan, of a stretch that ends before `end`.
 * Errors   ERROR_INPUT: the file changed since it was checked.
 */
MUST_CHECK bool sequence_open(
    const struct run *run, size_t index, size_t end, struct sequence *sequence, struct error *err);

/* The next message; false at the end. */
bool sequence_next(struct sequence *sequence, struct message *message);

#endif
