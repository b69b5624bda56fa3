/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as what a server says before the login is done, through a
 * real socket. A `~` stands for the password, which a server may quote.
 *
 * What must hold: a refusal says why, in UTF-8 and without the password; its
 * SQLSTATE is one; it is waited for where its kind says so.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "fuzz.h"

enum { URL_BYTES = 128, INPUT_BYTES = 4096, ATTEMPT_MS = 2000 };

static char url[URL_BYTES];

static void
start_server(void)
{
    fuzz_serve();
    snprintf(url, sizeof(url), "postgres://user:" SECRET "@127.0.0.1:%d/name?sslmode=disable",
        fuzz_server.port);
}

static void
put_answer(const uint8_t *data, size_t size_bytes)
{
    AUTO_STRING char *answer =
        fuzz_put_secrets((const char *)data, size_bytes, &fuzz_server.size_bytes);

    memcpy(fuzz_server.answer, answer, fuzz_server.size_bytes);
}

static void
check_words(const char *words)
{
    MUST_HOLD(utf8_valid(words, strlen(words)) == strlen(words));
    MUST_HOLD(strchr(words, '\n') == NULL);
    MUST_HOLD(strstr(words, SECRET) == NULL);
}

static void
check_refusal(const struct error *err, bool is_worth_waiting)
{
    size_t size = strlen(err->sqlstate);

    MUST_HOLD(err->kind == (is_worth_waiting ? ERROR_CONNECTION : ERROR_REFUSED));
    MUST_HOLD(err->message[0] != '\0');
    MUST_HOLD(size == 0 || size == 5);
    MUST_HOLD(strspn(err->sqlstate, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == size);
    check_words(err->message);
    check_words(err->detail);
    check_words(err->hint);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct error err = ERROR_INIT;
    bool is_worth_waiting = false;

    if (fuzz_server.port == 0)
        start_server();
    if (size_bytes > INPUT_BYTES)
        return 0;
    put_answer(data, size_bytes);
    secret_add(SECRET);
    const struct pg_target target = {.conninfo = url};
    AUTO_PG struct pg *pg = pg_connect_start(&target);
    if (!pg_connect_finish(&pg, ATTEMPT_MS, &is_worth_waiting, &err)) {
        MUST_HOLD(pg == NULL);
        check_refusal(&err, is_worth_waiting);
    }
    secret_forget_all();
    return 0;
}
