/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: jansson, with scoped cleanup and dumping to a string.
 *
 * Strings that are not valid UTF-8 are repaired, not refused: a log line is
 * never lost because the server said something odd.
 */
#ifndef ADAPTER_JSON_H
#define ADAPTER_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

static inline void
json_release(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}
#define AUTO_JSON __attribute__((cleanup(json_release)))

/* Before all else: memory that cannot fail, so that no member is missing, and no line null. */
void json_start(void);

/* One line, without spaces; the caller frees it. */
char *json_to_string(const json_t *value);

/* Set a string member; bytes that are not UTF-8 become '?'. NULL or "" sets nothing. */
void json_put_string(json_t *object, const char *key, const char *value);
void json_put_number(json_t *object, const char *key, int64_t value);
void json_put_boolean(json_t *object, const char *key, bool value);

/*
 * A copy in which no string shows a secret: a new object. Before JSON's escapes,
 * which would change a secret's look.
 */
json_t *json_hide_secrets(const json_t *value);

#endif
