/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/metadata.h"

#include <stdlib.h>

#include "adapter/clock.h"
#include "adapter/signals.h"

enum { TRIES_MAX = 3, TRY_MS = 2000, BRIEF_MS = 1000, PAUSE_MS = 100 };

static bool
is_later(int status)
{
    return status == 429 || status >= 500;
}

/* A line break or another control character would end the header, or the password, early. */
static bool
is_printable(const char *value)
{
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7F)
            return false;
    }
    return true;
}

static bool
try_once(const struct http_request *request,
    const char *name,
    int64_t total_ms,
    json_t **object,
    struct error *err)
{
    const struct http_limits limits = {.connect_ms = total_ms, .total_ms = total_ms};
    AUTO_TEXT document = TEXT_INIT;
    int status = 0;

    if (!http_get(request, &limits, &status, &document, err)) {
        if (err->kind == ERROR_TIMEOUT)
            err->kind = ERROR_CONNECTION;
        else if (err->kind == ERROR_SYSTEM)
            err->kind = ERROR_REFUSED;
        return error_prefix(err, "%s", name);
    }
    if (status != 200)
        return error_set(err, is_later(status) ? ERROR_CONNECTION : ERROR_REFUSED, "%s answered %d",
            name, status);

    AUTO_JSON json_t *parsed = json_loadb(text_string(&document), document.size_bytes, 0, NULL);
    if (!json_is_object(parsed))
        return error_set(err, ERROR_REFUSED, "what %s answered is no JSON object", name);
    *object = json_incref(parsed);
    return true;
}

const char *
metadata_google_place(void)
{
    const char *named = getenv("GCE_METADATA_HOST");

    return named != NULL && *named != '\0' ? named : "169.254.169.254";
}

bool
metadata_get(const struct http_request *request,
    const char *name,
    enum metadata_patience patience,
    json_t **object,
    struct error *err)
{
    bool is_brief = patience == METADATA_BRIEF;

    for (int tries = 1;; tries++) {
        struct error failure = ERROR_INIT;
        if (try_once(request, name, is_brief ? BRIEF_MS : TRY_MS, object, &failure))
            return true;
        if (failure.kind != ERROR_CONNECTION || is_brief || tries == TRIES_MAX) {
            *err = failure;
            return false;
        }
        if (!signals_sleep((int64_t)tries * PAUSE_MS + clock_jitter(PAUSE_MS), err))
            return false;
    }
}

bool
metadata_member(
    const json_t *object, const char *name, const char *key, const char **value, struct error *err)
{
    const char *found = json_string_value(json_object_get(object, key));

    if (found == NULL || *found == '\0' || !is_printable(found))
        return error_set(err, ERROR_REFUSED, "the answer of %s has no %s", name, key);
    *value = found;
    return true;
}
