/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/gcp_token.h"

#include <string.h>

#include "base/memory.h"
#include "base/secret.h"

/* Cloud SQL's and AlloyDB's logins, comma-separated and percent-encoded. */
#define SCOPES                                                                                     \
    "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fsqlservice.login"                                   \
    "%2Chttps%3A%2F%2Fwww.googleapis.com%2Fauth%2Falloydb.login"

#define PATH "/computeMetadata/v1/instance/service-accounts/default/token?scopes=" SCOPES

/* "169.254.169.254", "127.0.0.1:8080", "[fd20:ce::254]:80". */
static bool
is_place(const char *text)
{
    return text[strspn(text,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]")] == '\0';
}

static char *
host_of(const char *place)
{
    if (*place == '[')
        return memory_copy(place + 1, strcspn(place + 1, "]"));
    return memory_copy(place, strcspn(place, ":"));
}

static void
add_hint(struct error *err)
{
    if (err->kind == ERROR_STOPPED || err->hint[0] != '\0')
        return;
    if (strstr(err->message, "answered 404") != NULL)
        error_hint(err, "Is a service account attached to this job?");
    else if (strstr(err->message, "answered 403") != NULL)
        error_hint(err, "May this job use its service account?");
    else if (err->kind == ERROR_CONNECTION)
        error_hint(err, "gcp-iam works on Google Cloud; elsewhere GCE_METADATA_HOST names a host "
                        "that plays the metadata server.");
}

bool
gcp_token_get(enum metadata_patience patience, char **token, struct error *err)
{
    static const char NAME[] = "the metadata server";
    static const char *const HEADERS[] = {"Metadata-Flavor: Google", NULL};
    const char *place = metadata_google_place();
    AUTO_STRING char *host = host_of(place);
    AUTO_STRING char *url = memory_printf("http://%s%s", place, PATH);
    const char *const plain_hosts[] = {host, NULL};
    const struct http_request request = {
        .url = url, .headers = HEADERS, .plain_hosts = plain_hosts};
    AUTO_JSON json_t *object = NULL;
    const char *found = NULL;

    if (!is_place(place))
        return error_set(err, ERROR_USAGE, "GCE_METADATA_HOST is no host");
    if (!metadata_get(&request, NAME, patience, &object, err) ||
        !metadata_member(object, NAME, "access_token", &found, err)) {
        add_hint(err);
        return false;
    }
    secret_add(found);
    *token = memory_string(found);
    return true;
}
