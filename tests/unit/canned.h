/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canned: a real server on loopback for one test. Each connection gets the
 * next of its answers, byte for byte, once a whole request was read.
 */
#ifndef UNIT_CANNED_H
#define UNIT_CANNED_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CANNED_HANG "(hang)"   /* never answers */
#define CANNED_FLOOD "(flood)" /* 200 and a body without an end */

enum { CANNED_REQUEST_BYTES = 65536 };

struct canned {
    const char *const *answers; /* the last one is given again and again */
    size_t answers_count;
    atomic_size_t requests_count;
    char request[CANNED_REQUEST_BYTES]; /* the latest, head and body */
    int listener;
    char url[128];
    pthread_t thread;
};

static inline void
canned_send(int peer, const char *bytes)
{
    size_t size = strlen(bytes);

    while (size > 0) {
        ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static inline void
canned_flood(int peer)
{
    static const char MANY[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    canned_send(peer, "HTTP/1.1 200 OK\r\n\r\n");
    while (send(peer, MANY, sizeof(MANY) - 1, MSG_NOSIGNAL) > 0)
        ;
}

static inline bool
canned_is_whole(const char *request)
{
    const char *length = strcasestr(request, "Content-Length: ");
    const char *body = strstr(request, "\r\n\r\n");

    if (body != NULL && strncmp(request, "GET ", 4) == 0)
        return true;
    if (length == NULL || body == NULL)
        return false;
    return strlen(body + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static inline bool
canned_read(int peer, char *request)
{
    size_t size = 0;

    do {
        ssize_t got = recv(peer, request + size, CANNED_REQUEST_BYTES - 1 - size, 0);
        if (got <= 0)
            return false;
        size += (size_t)got;
        request[size] = '\0';
    } while (!canned_is_whole(request) && size < CANNED_REQUEST_BYTES - 1);
    return true;
}

static inline void *
canned_serve(void *context)
{
    struct canned *server = context;

    for (;;) {
        int peer = accept(server->listener, NULL, NULL);
        if (peer < 0)
            return NULL;
        if (canned_read(peer, server->request)) {
            size_t number = atomic_fetch_add(&server->requests_count, 1);
            size_t last = server->answers_count - 1;
            const char *answer = server->answers[number < last ? number : last];
            char byte;

            if (strcmp(answer, CANNED_HANG) == 0)
                (void)!recv(peer, &byte, 1, 0); /* until the client gives up */
            else if (strcmp(answer, CANNED_FLOOD) == 0)
                canned_flood(peer);
            else
                canned_send(peer, answer);
        }
        close(peer);
    }
}

static inline struct canned *
canned_start(const char *const *answers, size_t answers_count, const char *path)
{
    struct canned *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);

    if (server == NULL)
        abort();
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->answers = answers;
    server->answers_count = answers_count;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(server->listener, 8) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
        abort();
    snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u%s",
        (unsigned)ntohs(address.sin_port), path);
    if (pthread_create(&server->thread, NULL, canned_serve, server) != 0)
        abort();
    return server;
}

static inline void
canned_stop(struct canned *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    free(server);
}

#endif
