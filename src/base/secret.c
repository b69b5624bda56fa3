/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { SHORTEST_BYTES = 4, MOST = 4096 };

static struct {
    char **values;
    size_t count;
    size_t capacity;
} secrets;

void
secret_add(const char *value)
{
    if (value == NULL || strlen(value) < SHORTEST_BYTES || secrets.count == MOST)
        return;
    for (size_t i = 0; i < secrets.count; i++) {
        if (strcmp(secrets.values[i], value) == 0)
            return;
    }

    /* The longest first: one secret may begin with another. */
    *ARRAY_ADD(secrets.values, secrets.count, secrets.capacity) = memory_string(value);
    for (size_t i = secrets.count - 1;
         i > 0 && strlen(secrets.values[i - 1]) < strlen(secrets.values[i]); i--) {
        char *shorter = secrets.values[i - 1];
        secrets.values[i - 1] = secrets.values[i];
        secrets.values[i] = shorter;
    }
}

static void
hide_one(struct text *text, const char *secret)
{
    size_t size = strlen(secret);
    const char *found = strstr(text_string(text), secret);

    if (found == NULL)
        return;

    AUTO_TEXT hidden = TEXT_INIT;
    const char *from = text_string(text);
    for (; found != NULL; found = strstr(from, secret)) {
        text_add(&hidden, from, (size_t)(found - from));
        text_puts(&hidden, "***");
        from = found + size;
    }
    text_puts(&hidden, from);
    text_clear(text);
    text_add(text, hidden.data, hidden.size_bytes);
}

void
secret_hide(struct text *text)
{
    for (size_t i = 0; i < secrets.count; i++)
        hide_one(text, secrets.values[i]);
}

void
secret_copy(const char *string, char *into, size_t size_bytes)
{
    AUTO_TEXT hidden = TEXT_INIT;

    text_puts(&hidden, string);
    secret_hide(&hidden);
    snprintf(into, size_bytes, "%s", text_string(&hidden));
    text_mend_utf8(into);
}

void
secret_forget_all(void)
{
    for (size_t i = 0; i < secrets.count; i++)
        free(secrets.values[i]);
    free(secrets.values);
    secrets.values = NULL;
    secrets.count = 0;
    secrets.capacity = 0;
}
