/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as what a webhook, a metadata server or a container's
 * endpoint answers, headers included, through a real socket.
 *
 * What must hold: what is kept is bounded; a refusal says why, in UTF-8; what
 * is quoted is one short line; what is taken for a token can stand in a header
 * and a password; what is told of the platform can stand in a line and a link.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/aws_credentials.h"
#include "adapter/gcp_token.h"
#include "adapter/http.h"
#include "adapter/platform.h"
#include "base/memory.h"
#include "base/secret.h"
#include "fuzz.h"

enum { URL_BYTES = 64, TOLD_BYTES = 16 * 1024 };

static char url[URL_BYTES];

static void
start_server(void)
{
    char host[URL_BYTES];

    fuzz_serve();
    snprintf(host, sizeof(host), "127.0.0.1:%d", fuzz_server.port);
    snprintf(url, sizeof(url), "http://%s/secretPath", host);
    setenv("GCE_METADATA_HOST", host, 1);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("ECS_CONTAINER_METADATA_URI_V4", url, 1);
}

static void
check_error(const struct error *err)
{
    MUST_HOLD(err->kind != ERROR_NONE && err->message[0] != '\0');
    MUST_HOLD(utf8_valid(err->message, strlen(err->message)) == strlen(err->message));
    MUST_HOLD(strstr(err->message, "secretPath") == NULL);
}

static void
check_token(const char *token)
{
    MUST_HOLD(*token != '\0');
    for (; *token != '\0'; token++)
        MUST_HOLD((unsigned char)*token >= ' ' && *token != 0x7F);
}

static void
try_post(void)
{
    const struct http_limits limits = {.connect_ms = 2000, .total_ms = 2000};
    struct http_answer answer = {.status = 0};
    struct error err = ERROR_INIT;

    if (!http_post_json(url, "{}", &limits, &answer, &err)) {
        check_error(&err);
        return;
    }
    MUST_HOLD(answer.body_size_bytes <= HTTP_BODY_BYTES && answer.retry_after_s >= 0);
    AUTO_STRING char *quoted = http_quote(&answer, url);
    MUST_HOLD(strlen(quoted) <= 128 && strcasestr(quoted, "secretPath") == NULL);
    for (const char *c = quoted; *c != '\0'; c++)
        MUST_HOLD((unsigned char)*c >= ' ' && *c != 0x7F);
}

static void
try_gcp(void)
{
    AUTO_STRING char *token = NULL;
    struct error err = ERROR_INIT;

    if (gcp_token_get(METADATA_BRIEF, &token, &err))
        check_token(token);
    else
        check_error(&err);
}

static void
try_aws(void)
{
    struct aws_keys keys = {0};
    struct error err = ERROR_INIT;

    if (!aws_credentials_get(METADATA_BRIEF, &keys, &err)) {
        check_error(&err);
        return;
    }
    check_token(keys.access_key_id);
    check_token(keys.secret_access_key);
    check_token(keys.session_token);
    aws_keys_done(&keys);
}

/* One word without what acts, quotes or ends a link; NULL: not told. */
static void
check_told(const char *word)
{
    if (word == NULL)
        return;
    MUST_HOLD(*word != '\0' && strlen(word) <= TOLD_BYTES);
    for (; *word != '\0'; word++)
        MUST_HOLD(*word > ' ' && *word < 0x7F && strchr("<>|\"'`\\", *word) == NULL);
}

static void
ask_platform(const char *name, bool is_cloud_run)
{
    AUTO_PLATFORM platform = {.name = name, .is_cloud_run = is_cloud_run};

    if (is_cloud_run)
        platform.execution = memory_string("migrate-x1"); /* the environment's */
    platform_ask(&platform);
    check_told(platform.place);
    check_told(platform.job);
    check_told(platform.execution);
    check_told(platform.image);
    check_told(platform.revision);
    check_told(platform.log_url);
    MUST_HOLD(platform.log_url == NULL || strncmp(platform.log_url, "https://console.", 16) == 0);
}

/* Each question gets the same answer: container and task, project and region. */
static void
try_ecs(void)
{
    ask_platform("ecs", false);
}

static void
try_cloud_run(void)
{
    ask_platform("cloud-run", true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static void (*const TRIES[])(void) = {try_post, try_gcp, try_aws, try_ecs, try_cloud_run};

    if (fuzz_server.port == 0)
        start_server();
    if (size_bytes == 0 || size_bytes > FUZZ_ANSWER_BYTES)
        return 0;
    memcpy(fuzz_server.answer, data + 1, size_bytes - 1);
    fuzz_server.size_bytes = size_bytes - 1;
    TRIES[(uint8_t)(data[0] - '0') % ARRAY_LENGTH(TRIES)]();
    secret_forget_all();
    return 0;
}
