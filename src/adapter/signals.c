/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "adapter/clock.h"

enum {
    STOP_MS = 7 * 1000, /* of the 10 s that a platform gives; the rest is for what is slow */
    OVERRUN_MS = 600,   /* and then for nothing more */
};

static volatile sig_atomic_t stop_signal;
static _Atomic int64_t stop_deadline_ms; /* monotonic; set before stop_signal is */
static int stop_pipe[2] = {-1, -1};
static void (*volatile say_overrun)(void);

static void
end_overrun(int number)
{
    (void)number;
    if (say_overrun != NULL)
        say_overrun();
    _exit(1);
}

static void
request_stop(int number)
{
    const struct itimerval overrun = {.it_value = {
                                          .tv_sec = (STOP_MS + OVERRUN_MS) / 1000,
                                          .tv_usec = (STOP_MS + OVERRUN_MS) % 1000 * 1000,
                                      }};
    int code = errno;

    if (stop_signal != 0)
        _exit(1);
    atomic_store(&stop_deadline_ms, clock_monotonic_ms() + STOP_MS);
    stop_signal = number;
    setitimer(ITIMER_REAL, &overrun, NULL);
    if (write(stop_pipe[1], "", 1) < 0)
        _exit(1);
    errno = code;
}

static void
handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void
signals_install(void)
{
    if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        perror("pgstride: pipe");
        exit(1);
    }
    handle(SIGTERM, request_stop);
    handle(SIGINT, request_stop);
    handle(SIGALRM, end_overrun);
    handle(SIGTSTP, SIG_IGN);
    handle(SIGHUP, SIG_IGN);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN); /* the log's file is as large as it may be */
}

void
signals_restore(void)
{
    static const int NUMBERS[] = {SIGTERM, SIGINT, SIGTSTP, SIGHUP, SIGPIPE, SIGXFSZ};

    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++)
        handle(NUMBERS[i], SIG_DFL);
    if (stop_pipe[0] >= 0) {
        close(stop_pipe[0]);
        close(stop_pipe[1]);
        stop_pipe[0] = stop_pipe[1] = -1;
    }
}

void
signals_on_overrun(void (*say)(void))
{
    say_overrun = say;
}

bool
signals_is_stop_requested(void)
{
    return stop_signal != 0;
}

const char *
signals_stop_name(void)
{
    return stop_signal == SIGINT ? "SIGINT" : "SIGTERM";
}

int64_t
signals_left_ms(int64_t deadline_ms)
{
    int64_t stop_ms = stop_signal != 0 ? atomic_load(&stop_deadline_ms) : INT64_MAX;
    int64_t left_ms = (stop_ms < deadline_ms ? stop_ms : deadline_ms) - clock_monotonic_ms();

    return left_ms > 0 ? left_ms : 0;
}

int
signals_descriptor(void)
{
    return stop_pipe[0];
}

bool
signals_sleep(int64_t duration_ms, struct error *err)
{
    int64_t until_ms = clock_monotonic_ms() + duration_ms;

    for (;;) {
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (stop_signal != 0)
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        if (left_ms <= 0)
            return true;
        struct pollfd stop = {.fd = stop_pipe[0], .events = POLLIN};
        poll(&stop, 1, (int)left_ms);
    }
}
