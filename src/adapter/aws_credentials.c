/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/aws_credentials.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "base/secret.h"

enum { AUTHORIZATION_BYTES = 64 * 1024 };

static const char NAME[] = "the container credentials endpoint";

/* Of ECS, and of EKS Pod Identity: links of the machine's own. Loopback is another. */
static const char *const PLAIN_HOSTS[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23", NULL};

static const char *
variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

char *
aws_credentials_url(void)
{
    const char *relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");

    if (relative != NULL)
        return memory_printf("http://169.254.170.2%s%s", *relative == '/' ? "" : "/", relative);
    return memory_string(variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
}

bool
aws_credentials_check(struct error *err)
{
    const char *id = variable("AWS_ACCESS_KEY_ID");
    const char *secret = variable("AWS_SECRET_ACCESS_KEY");
    AUTO_STRING char *url = aws_credentials_url();

    secret_add(id);
    secret_add(secret);
    secret_add(variable("AWS_SESSION_TOKEN"));
    secret_add(variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    if (id != NULL && secret != NULL)
        return true;
    if (id != NULL || secret != NULL)
        return error_set(err, ERROR_USAGE, "%s is set, and %s is not",
            id != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
            id != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (url == NULL) {
        error_set(err, ERROR_USAGE, "--auth aws-iam finds no AWS credentials");
        return error_hint(err, "Give the task a task role (ECS, AWS Batch), the pod an identity "
                               "(EKS Pod Identity), or set AWS_ACCESS_KEY_ID and "
                               "AWS_SECRET_ACCESS_KEY. A role of the machine is not used.");
    }
    return http_url_check_among(url, PLAIN_HOSTS, err) ||
           error_prefix(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI");
}

/* The header's value; NULL where none is asked for. The file is read each time: it changes. */
static bool
read_authorization(char **value, struct error *err)
{
    const char *path = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *name = path != NULL ? "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
                                    : "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    AUTO_STRING char *read = NULL;
    size_t size = 0;

    if (path == NULL) {
        read = memory_string(variable(name));
        size = read != NULL ? strlen(read) : 0;
    } else if (!file_read(path, AUTHORIZATION_BYTES, &read, &size, err)) {
        err->kind = ERROR_REFUSED;
        return error_prefix(err, "%s", name);
    }
    secret_add(read);
    /* It would be the end of the header, and the beginning of another. */
    if (read != NULL && (strlen(read) != size || strpbrk(read, "\r\n") != NULL)) {
        error_set(err, ERROR_REFUSED, "%s holds a line break", name);
        return error_hint(err, "Write the token alone, without a newline at its end.");
    }
    *value = TAKE(read);
    return true;
}

static bool
read_keys(const json_t *object, struct aws_keys *keys, struct error *err)
{
    const char *id = NULL;
    const char *secret = NULL;
    const char *token = NULL;

    if (!metadata_member(object, NAME, "AccessKeyId", &id, err) ||
        !metadata_member(object, NAME, "SecretAccessKey", &secret, err) ||
        !metadata_member(object, NAME, "Token", &token, err))
        return false;
    secret_add(id);
    secret_add(secret);
    secret_add(token);
    *keys = (struct aws_keys){
        .access_key_id = memory_string(id),
        .secret_access_key = memory_string(secret),
        .session_token = memory_string(token),
    };
    return true;
}

static bool
ask_endpoint(enum metadata_patience patience, struct aws_keys *keys, struct error *err)
{
    AUTO_STRING char *url = aws_credentials_url();
    AUTO_STRING char *authorization = NULL;
    AUTO_JSON json_t *object = NULL;

    if (!read_authorization(&authorization, err))
        return false;
    AUTO_STRING char *header =
        authorization != NULL ? memory_printf("Authorization: %s", authorization) : NULL;
    const char *const headers[] = {header, NULL};
    const struct http_request request = {
        .url = url, .headers = headers, .plain_hosts = PLAIN_HOSTS};

    if (metadata_get(&request, NAME, patience, &object, err))
        return read_keys(object, keys, err);
    if (strstr(err->message, "answered 40") != NULL)
        error_hint(err, "Does the task have a task role, and may it be assumed?");
    return false;
}

bool
aws_credentials_get(enum metadata_patience patience, struct aws_keys *keys, struct error *err)
{
    if (!aws_credentials_check(err))
        return false;
    if (variable("AWS_ACCESS_KEY_ID") == NULL)
        return ask_endpoint(patience, keys, err);
    *keys = (struct aws_keys){
        .access_key_id = memory_string(getenv("AWS_ACCESS_KEY_ID")),
        .secret_access_key = memory_string(getenv("AWS_SECRET_ACCESS_KEY")),
        .session_token = memory_string(variable("AWS_SESSION_TOKEN")),
    };
    return true;
}
