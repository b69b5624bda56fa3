/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

struct fuzz_server fuzz_server;

char *
fuzz_put_secrets(const char *bytes, size_t size_bytes, size_t *written)
{
    AUTO_TEXT text = TEXT_INIT;

    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] == '~')
            text_puts(&text, SECRET);
        else
            text_add(&text, bytes + i, 1);
    }
    if (written != NULL)
        *written = text.size_bytes;
    return text_take(&text);
}

static void *
serve(void *unused)
{
    char request[4096];

    (void)unused;
    for (;;) {
        int connection = accept(fuzz_server.listener, NULL, NULL);
        if (connection < 0)
            continue;
        if (recv(connection, request, sizeof(request), 0) > 0)
            send(connection, fuzz_server.answer, fuzz_server.size_bytes, MSG_NOSIGNAL);
        shutdown(connection, SHUT_WR);
        while (recv(connection, request, sizeof(request), 0) > 0)
            continue;
        close(connection);
    }
    return NULL;
}

void
fuzz_serve(void)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    pthread_t thread;

    fuzz_server.listener = socket(AF_INET, SOCK_STREAM, 0);
    MUST_HOLD(bind(fuzz_server.listener, (struct sockaddr *)&place, size) == 0);
    MUST_HOLD(listen(fuzz_server.listener, 16) == 0);
    MUST_HOLD(getsockname(fuzz_server.listener, (struct sockaddr *)&place, &size) == 0);
    fuzz_server.port = ntohs(place.sin_port);
    MUST_HOLD(pthread_create(&thread, NULL, serve, NULL) == 0);
}
