/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
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
