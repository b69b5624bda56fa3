/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: allocation that cannot fail (out of memory says so and exits 1: the
 * server rolls an open transaction back by itself), scoped cleanup, and
 * handing over.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* For whoever was told by a library: says so and exits 1. */
_Noreturn void memory_ran_out(void);

void *memory_new(size_t size_bytes); /* zeroed */
void *memory_resize(void *old, size_t size_bytes);
char *memory_copy(const char *bytes, size_t size_bytes); /* adds a NUL */
char *memory_string(const char *string);                 /* NULL gives NULL */
char *memory_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Hand a scoped pointer over: its value, and NULL stays behind. */
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

void memory_free_string(char **string);
#define AUTO_STRING __attribute__((cleanup(memory_free_string)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Room for one more element at the end of `array` (a pointer), `count` long
 * and `capacity` wide; evaluates to the new, zeroed element.
 */
#define ARRAY_ADD(array, count, capacity)                                                          \
    ((array) = memory_grow((array), (count), &(capacity), sizeof(*(array))), &(array)[(count)++])

void *memory_grow(void *array, size_t count, size_t *capacity, size_t element_bytes);

#endif
