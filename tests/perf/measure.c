/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command takes: measure FILE COMMAND [ARGUMENT…]
 *
 * Runs the command and writes one line into FILE: its wall time, user and system time in
 * microseconds, the peak of its resident memory in KiB, its exit status (-1: by a signal).
 * It is small, so that neither its memory nor the start of a process counts for much.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double
time_us(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

int
main(int argc, char **argv)
{
    struct rusage used;
    pid_t child;
    int status, error;

    if (argc < 3) {
        fputs("usage: measure FILE COMMAND [ARGUMENT...]\n", stderr);
        return 1;
    }
    double started_us = now_us();
    error = posix_spawnp(&child, argv[2], NULL, NULL, argv + 2, environ);
    if (error != 0) {
        fprintf(stderr, "measure: cannot run %s: %s\n", argv[2], strerror(error));
        return 1;
    }
    if (wait4(child, &status, 0, &used) < 0) {
        perror("measure: cannot wait");
        return 1;
    }
    double wall_us = now_us() - started_us;

    FILE *file = fopen(argv[1], "we");
    if (file == NULL) {
        perror("measure: cannot write");
        return 1;
    }
    fprintf(file, "%.1f %.0f %.0f %ld %d\n", wall_us, time_us(used.ru_utime),
        time_us(used.ru_stime), used.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return fclose(file) == 0 ? 0 : 1;
}
