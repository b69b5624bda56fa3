/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
memory_ran_out(void)
{
    fputs("pgstride: out of memory; an open transaction is rolled back by the server. "
          "Give it more memory, and run again.\n",
        stderr);
    exit(1);
}

static void *
check_memory(void *pointer)
{
    if (pointer == NULL)
        memory_ran_out();
    return pointer;
}

void *
memory_new(size_t size_bytes)
{
    return check_memory(calloc(1, size_bytes ? size_bytes : 1));
}

void *
memory_resize(void *old, size_t size_bytes)
{
    return check_memory(realloc(old, size_bytes ? size_bytes : 1));
}

char *
memory_copy(const char *bytes, size_t size_bytes)
{
    char *copy = check_memory(malloc(size_bytes + 1));

    if (size_bytes > 0)
        memcpy(copy, bytes, size_bytes);
    copy[size_bytes] = '\0';
    return copy;
}

char *
memory_string(const char *string)
{
    return string != NULL ? memory_copy(string, strlen(string)) : NULL;
}

char *
memory_printf(const char *format, ...)
{
    va_list arguments;
    char *string = NULL;

    va_start(arguments, format);
    if (vasprintf(&string, format, arguments) < 0)
        string = NULL;
    va_end(arguments);
    return check_memory(string);
}

void
memory_free_string(char **string)
{
    free(*string);
    *string = NULL;
}

void *
memory_grow(void *array, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 8;
        array = memory_resize(array, *capacity * element_bytes);
    }
    memset((char *)array + count * element_bytes, 0, element_bytes);
    return array;
}
