/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To be preloaded: the allocation FAIL_ALLOCATION (from 1) finds no memory. With
 * COUNT_ALLOCATIONS=FILE their number is written there at the end.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* glibc's own, by their other names. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static atomic_long made;
static long failing;

__attribute__((constructor)) static void
begin(void)
{
    const char *number = getenv("FAIL_ALLOCATION");

    failing = number != NULL ? atol(number) : 0;
    atomic_store(&made, 0);
}

__attribute__((destructor)) static void
end(void)
{
    const char *path = getenv("COUNT_ALLOCATIONS");
    long count = atomic_load(&made);
    FILE *file = path != NULL ? fopen(path, "w") : NULL;

    if (file == NULL)
        return;
    fprintf(file, "%ld\n", count);
    fclose(file);
}

static int
is_failing(void)
{
    if (atomic_fetch_add(&made, 1) + 1 != failing)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *
malloc(size_t size)
{
    return is_failing() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    return is_failing() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
    return is_failing() ? NULL : __libc_realloc(old, size);
}
