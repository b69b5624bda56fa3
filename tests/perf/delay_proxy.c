/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A longer wire to a server: delay_proxy PORT
 *
 * Listens on a free port of 127.0.0.1, prints it, and passes connections on to PORT.
 * Every byte arrives half a round trip later, in both directions; as much as there is may
 * be on its way at a time, so what is pipelined stays so. To connect takes a round trip.
 *
 * Commands, a line each, on stdin; it ends when stdin does:
 *   delay MICROSECONDS   the round-trip time from now on; 0 at first
 *   report               once no connection is open: a line of JSON, and all counts start anew
 *
 * A round trip is counted where the client sends while nothing is on its way in either
 * direction, and the server then answers: somebody waited for it. `late` is how much later
 * than it should the proxy passed bytes on, in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    READ_BYTES = 256 * 1024,
    HELD_BYTES_MAX = 256 * 1024 * 1024, /* on its way in one direction */
    NS_IN_US = 1000,
};
static const int64_t NS_IN_S = 1000000000;

/* What was read at once, and arrives at once. An empty one is the end of the stream. */
struct piece {
    struct piece *next;
    int64_t due_ns;
    size_t size, sent;
    char data[];
};

/* One direction of a connection. */
struct lane {
    struct piece *first, *last;
    size_t held_bytes;
    bool is_read;    /* to its end */
    bool is_written; /* to its end */
    bool is_blocked; /* the receiver takes no more for now */
};

struct connection {
    int client, server;  /* -1: not open */
    int64_t accepted_ns; /* when its first packet left the client */
    struct lane up, down;
    bool is_answered; /* the last bytes came from the server */
    bool is_waited_for;
};

static struct {
    int64_t connections, round_trips, bytes_up, bytes_down;
    int64_t pieces, late_ns, late_max_ns;
} counts;

static struct connection connections[CONNECTIONS_MAX];
static int64_t round_trip_ns;
static in_port_t target;
static bool is_report_due;

static void
die(const char *what)
{
    fprintf(stderr, "delay_proxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_IN_S + now.tv_nsec;
}

static struct sockaddr_in
loopback(in_port_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = port,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static void
prepare_socket(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int
listen_anywhere(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        listen(fd, CONNECTIONS_MAX) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("cannot listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void
accept_client(int listener)
{
    int fd = accept(listener, NULL, NULL);

    for (size_t i = 0; fd >= 0 && i < CONNECTIONS_MAX; i++) {
        struct connection *c = &connections[i];
        if (c->client >= 0)
            continue;
        prepare_socket(fd);
        *c = (struct connection){
            .client = fd, .server = -1, .accepted_ns = now_ns(), .is_answered = true};
        counts.connections++;
        return;
    }
    close(fd);
}

/* The last packet of the handshake reaches the server after one and a half round trips. */
static int64_t
opens_ns(const struct connection *c)
{
    return c->accepted_ns + round_trip_ns + round_trip_ns / 2;
}

static void
lane_free(struct lane *lane)
{
    while (lane->first != NULL) {
        struct piece *piece = lane->first;
        lane->first = piece->next;
        free(piece);
    }
}

static void
connection_close(struct connection *c)
{
    lane_free(&c->up);
    lane_free(&c->down);
    if (c->server >= 0)
        close(c->server);
    close(c->client);
    *c = (struct connection){.client = -1, .server = -1};
}

static void
connect_server(struct connection *c)
{
    struct sockaddr_in address = loopback(target);

    c->server = socket(AF_INET, SOCK_STREAM, 0);
    if (c->server < 0 || connect(c->server, (struct sockaddr *)&address, sizeof address) != 0) {
        connection_close(c);
        return;
    }
    prepare_socket(c->server);
}

static void
count_turn(struct connection *c, bool is_up)
{
    if (is_up && c->is_answered && c->up.first == NULL && c->down.first == NULL)
        c->is_waited_for = true;
    if (!is_up && c->is_waited_for) {
        c->is_waited_for = false;
        counts.round_trips++;
    }
    c->is_answered = !is_up;
}

/* Read what there is, once. An error ends the stream, as its end does. */
static void
lane_read(struct connection *c, bool is_up)
{
    static char buffer[READ_BYTES];
    struct lane *lane = is_up ? &c->up : &c->down;
    ssize_t got = read(is_up ? c->client : c->server, buffer, sizeof buffer);
    int64_t sent_ns = now_ns();

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    size_t size = got > 0 ? (size_t)got : 0;
    if (is_up && sent_ns < c->accepted_ns + round_trip_ns)
        sent_ns = c->accepted_ns + round_trip_ns; /* it cannot know yet that it is connected */
    if (size > 0) {
        count_turn(c, is_up);
        *(is_up ? &counts.bytes_up : &counts.bytes_down) += got;
    } else {
        lane->is_read = true;
    }

    struct piece *piece = malloc(sizeof *piece + size);
    if (piece == NULL)
        die("out of memory");
    *piece = (struct piece){.due_ns = sent_ns + round_trip_ns / 2, .size = size};
    memcpy(piece->data, buffer, size);
    if (lane->first == NULL)
        lane->first = piece;
    else
        lane->last->next = piece;
    lane->last = piece;
    lane->held_bytes += size;
}

static void
count_lateness(const struct piece *piece, int64_t now)
{
    int64_t late_ns = now - piece->due_ns;

    counts.pieces++;
    counts.late_ns += late_ns;
    if (late_ns > counts.late_max_ns)
        counts.late_max_ns = late_ns;
}

/* Pass on what has been on its way for long enough. */
static void
lane_write(struct connection *c, bool is_up)
{
    struct lane *lane = is_up ? &c->up : &c->down;
    int to = is_up ? c->server : c->client;
    int64_t now = now_ns();

    lane->is_blocked = false;
    while (lane->first != NULL && lane->first->due_ns <= now) {
        struct piece *piece = lane->first;
        if (piece->size > 0) {
            ssize_t sent =
                send(to, piece->data + piece->sent, piece->size - piece->sent, MSG_NOSIGNAL);
            if (sent < 0 && errno == EAGAIN) {
                lane->is_blocked = true;
                return;
            }
            if (piece->sent == 0)
                count_lateness(piece, now);
            piece->sent += sent < 0 ? piece->size - piece->sent : (size_t)sent;
            if (piece->sent < piece->size)
                continue;
        } else {
            shutdown(to, SHUT_WR);
            lane->is_written = true;
        }
        lane->held_bytes -= piece->size;
        lane->first = piece->next;
        free(piece);
    }
}

static void
report(void)
{
    printf("{\"connections\": %ld, \"round_trips\": %ld, \"bytes_up\": %ld, \"bytes_down\": %ld, "
           "\"late_mean_us\": %.1f, \"late_max_us\": %.1f}\n",
        counts.connections, counts.round_trips, counts.bytes_up, counts.bytes_down,
        counts.pieces > 0 ? (double)counts.late_ns / (double)counts.pieces / NS_IN_US : 0.0,
        (double)counts.late_max_ns / NS_IN_US);
    fflush(stdout);
    memset(&counts, 0, sizeof counts);
    is_report_due = false;
}

static void
obey(void)
{
    char line[64];
    long delay_us;

    if (fgets(line, sizeof line, stdin) == NULL)
        exit(0);
    if (sscanf(line, "delay %ld", &delay_us) == 1)
        round_trip_ns = delay_us * NS_IN_US;
    else if (strcmp(line, "report\n") == 0)
        is_report_due = true;
}

/* Do what is due for every connection; when the next thing will be, or -1. */
static int64_t
pass_on(bool *is_any_open)
{
    int64_t next_ns = -1;

    *is_any_open = false;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &connections[i];
        if (c->client >= 0 && c->server < 0 && opens_ns(c) <= now_ns())
            connect_server(c);
        if (c->client >= 0 && c->server >= 0) {
            lane_write(c, true);
            lane_write(c, false);
            if (c->up.is_written && c->down.is_written)
                connection_close(c);
        }
        if (c->client < 0)
            continue;
        *is_any_open = true;
        const int64_t due_ns[] = {
            c->server < 0 ? opens_ns(c) : -1,
            c->server >= 0 && c->up.first != NULL && !c->up.is_blocked ? c->up.first->due_ns : -1,
            c->down.first != NULL && !c->down.is_blocked ? c->down.first->due_ns : -1,
        };
        for (size_t k = 0; k < sizeof due_ns / sizeof *due_ns; k++)
            if (due_ns[k] >= 0 && (next_ns < 0 || due_ns[k] < next_ns))
                next_ns = due_ns[k];
    }
    return next_ns;
}

static short
wanted_events(const struct lane *in, const struct lane *out)
{
    bool is_room = !in->is_read && in->held_bytes < HELD_BYTES_MAX;

    return (short)((is_room ? POLLIN : 0) | (out->is_blocked ? POLLOUT : 0));
}

/* Sleep until `until_ns` (-1: for ever) or until there is something to read; read it. */
static void
wait_and_read(int listener, int64_t until_ns)
{
    struct pollfd fds[2 + 2 * CONNECTIONS_MAX] = {
        {.fd = listener, .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };
    int64_t rest_ns = until_ns < 0 ? 0 : until_ns - now_ns();
    if (rest_ns < 0)
        rest_ns = 0;
    const struct timespec rest = {.tv_sec = rest_ns / NS_IN_S, .tv_nsec = rest_ns % NS_IN_S};

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *c = &connections[i];
        struct pollfd *pair = &fds[2 + 2 * i];
        pair[0] = (struct pollfd){.fd = c->client, .events = wanted_events(&c->up, &c->down)};
        pair[1] = (struct pollfd){.fd = c->server, .events = wanted_events(&c->down, &c->up)};
        for (size_t k = 0; k < 2; k++)
            if (pair[k].events == 0)
                pair[k].fd = -1; /* else a hangup would be told again and again */
    }
    if (ppoll(fds, sizeof fds / sizeof *fds, until_ns < 0 ? NULL : &rest, NULL) < 0) {
        if (errno == EINTR)
            return;
        die("cannot wait");
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct pollfd *pair = &fds[2 + 2 * i];
        for (size_t k = 0; k < 2; k++)
            if ((pair[k].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
                (pair[k].events & POLLIN) != 0)
                lane_read(&connections[i], k == 0);
    }
    if (fds[0].revents != 0)
        accept_client(listener);
    if (fds[1].revents != 0)
        obey();
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: delay_proxy PORT\n", stderr);
        return 1;
    }
    target = htons((in_port_t)strtol(argv[1], NULL, 10));
    setvbuf(stdin, NULL, _IONBF, 0);   /* a line that was read ahead would not wake ppoll */
    prctl(PR_SET_TIMERSLACK, 1);       /* wake up in time, not when it suits */
    setpriority(PRIO_PROCESS, 0, -20); /* a wire waits for no processor, where we may say so */
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        connections[i] = (struct connection){.client = -1, .server = -1};

    int listener = listen_anywhere();
    for (;;) {
        bool is_any_open;
        int64_t next_ns = pass_on(&is_any_open);
        if (is_report_due && !is_any_open)
            report();
        wait_and_read(listener, next_ns);
    }
}
