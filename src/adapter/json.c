/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

void
json_start(void)
{
    json_set_alloc_funcs(memory_new, free);
}

/* The code of a character of two or three bytes. */
static unsigned
code_of(const char *c, size_t length)
{
    unsigned code = (unsigned char)c[0] & (length == 1 ? 0x7Fu : length == 2 ? 0x1Fu : 0x0Fu);

    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)c[i] & 0x3Fu);
    return code;
}

/*
 * What acts where it is shown, in JSON's own words. jansson does so for what
 * JSON does not allow, but a terminal, and who splits a log into lines, heed
 * U+009B and U+2028 as well. They stand in strings alone.
 */
static char *
escape_acting(const char *dump)
{
    AUTO_TEXT escaped = TEXT_INIT;

    while (*dump != '\0') {
        size_t plain = strcspn(dump, "\x7F\xC2\xD8\xE2"); /* as each of them begins */
        size_t length = 1;
        text_add(&escaped, dump, plain);
        dump += plain;
        while (*dump != '\0' && ((unsigned char)dump[length] & 0xC0) == 0x80)
            length++;
        if (*dump != '\0' && utf8_is_acting(dump, length))
            text_printf(&escaped, "\\u%04x", code_of(dump, length));
        else if (*dump != '\0')
            text_add(&escaped, dump, length);
        dump += *dump != '\0' ? length : 0;
    }
    return text_take(&escaped);
}

char *
json_to_string(const json_t *value)
{
    AUTO_STRING char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    return dump != NULL ? escape_acting(dump) : memory_string("null");
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
        AUTO_STRING char *hidden = text_take(&text);
        text_mend_utf8(hidden); /* a secret that is not UTF-8 may begin within a character */
        return json_string(hidden);
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
