/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

char *
json_to_string(const json_t *value)
{
    char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    return dump != NULL ? dump : memory_string("null");
}

void
json_put_string(json_t *object, const char *key, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    if (json_object_set_new(object, key, json_string(value)) == 0)
        return;

    AUTO_STRING char *repaired = memory_string(value);
    text_mend_utf8(repaired);
    json_object_set_new(object, key, json_string(repaired));
}

void
json_put_number(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}

void
json_put_boolean(json_t *object, const char *key, bool value)
{
    json_object_set_new(object, key, json_boolean(value));
}

json_t *
json_hide_secrets(const json_t *value)
{
    const char *key = NULL;
    json_t *member = NULL;

    if (json_is_string(value)) {
        AUTO_TEXT text = TEXT_INIT;
        text_puts(&text, json_string_value(value));
        secret_hide(&text);
        return json_string(text_string(&text));
    }
    if (json_is_array(value)) {
        json_t *copy = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(copy, json_hide_secrets(json_array_get(value, i)));
        return copy;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);

    json_t *copy = json_object();
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
        json_object_set_new(copy, key, json_hide_secrets(member));
    return copy;
}
