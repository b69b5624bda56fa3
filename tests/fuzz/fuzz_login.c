/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as what a server says before the login is done, through a
 * real socket. A `~` stands for the password, which a server may quote.
 *
 * What must hold: a refusal says why, in UTF-8 and without the password; its
 * SQLSTATE is one; it is waited for where its kind says so.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/postgres.h"
#include "base/secret.h"
#include "base/text.h"

#define MUST_HOLD(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define SECRET "qXzSecret9"

enum { URL_BYTES = 128, INPUT_BYTES = 4096, ATTEMPT_MS = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct {
    int listener;
    char url[URL_BYTES];
    char answer[INPUT_BYTES * sizeof(SECRET)]; /* its own: a client that left is answered late */
    size_t size_bytes;
} server;

/* One connection after the other: read the startup packet, answer, close. */
static void *
serve(void *unused)
{
    char request[4096];

    (void)unused;
    for (;;) {
        int connection = accept(server.listener, NULL, NULL);
        if (connection < 0)
            continue;
        if (recv(connection, request, sizeof(request), 0) > 0)
            send(connection, server.answer, server.size_bytes, MSG_NOSIGNAL);
        shutdown(connection, SHUT_WR);
        while (recv(connection, request, sizeof(request), 0) > 0)
            continue;
        close(connection);
    }
    return NULL;
}

static void
start_server(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    pthread_t thread;

    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    MUST_HOLD(bind(server.listener, (struct sockaddr *)&place, size) == 0);
    MUST_HOLD(listen(server.listener, 16) == 0);
    MUST_HOLD(getsockname(server.listener, (struct sockaddr *)&place, &size) == 0);
    snprintf(server.url, sizeof(server.url),
        "postgres://user:" SECRET "@127.0.0.1:%d/name?sslmode=disable", ntohs(place.sin_port));
    MUST_HOLD(pthread_create(&thread, NULL, serve, NULL) == 0);
}

static void
put_answer(const uint8_t *data, size_t size_bytes)
{
    AUTO_TEXT answer = TEXT_INIT;

    for (size_t i = 0; i < size_bytes; i++) {
        if (data[i] == '~')
            text_puts(&answer, SECRET);
        else
            text_add(&answer, (const char *)data + i, 1);
    }
    memcpy(server.answer, text_string(&answer), answer.size_bytes);
    server.size_bytes = answer.size_bytes;
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

    if (server.listener == 0)
        start_server();
    if (size_bytes > INPUT_BYTES)
        return 0;
    put_answer(data, size_bytes);
    secret_add(SECRET);
    const struct pg_target target = {.conninfo = server.url};
    AUTO_PG struct pg *pg = pg_connect_start(&target);
    if (!pg_connect_finish(&pg, ATTEMPT_MS, &is_worth_waiting, &err)) {
        MUST_HOLD(pg == NULL);
        check_refusal(&err, is_worth_waiting);
    }
    secret_forget_all();
    return 0;
}
