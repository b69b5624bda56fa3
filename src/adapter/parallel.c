/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/parallel.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

enum { WORTH_A_THREAD = 100 }; /* items: reading so many files costs ten times a thread */

struct part {
    void (*work)(void *context, size_t part);
    void *context;
    size_t number;
    pthread_t thread;
    bool is_running;
};

size_t
parallel_parts(size_t items)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t parts = items / WORTH_A_THREAD + 1;

    if (processors > 0 && parts > (size_t)processors)
        parts = (size_t)processors;
    return parts < PARALLEL_MOST ? parts : PARALLEL_MOST;
}

static void *
run_part(void *argument)
{
    struct part *part = argument;

    part->work(part->context, part->number);
    return NULL;
}

void
parallel_run(size_t parts, void (*work)(void *context, size_t part), void *context)
{
    struct part running[PARALLEL_MOST];

    for (size_t i = 1; i < parts; i++) {
        running[i] = (struct part){.work = work, .context = context, .number = i};
        running[i].is_running =
            pthread_create(&running[i].thread, NULL, run_part, &running[i]) == 0;
    }
    work(context, 0);
    for (size_t i = 1; i < parts; i++) {
        if (running[i].is_running)
            pthread_join(running[i].thread, NULL);
        else
            work(context, i);
    }
}
