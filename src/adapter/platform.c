/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/platform.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "base/text.h"

#define NAMESPACE_FILE "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

enum { NAMESPACE_BYTES = 256 };

static const char *
variable(const char *name)
{
    const char *value = name != NULL ? getenv(name) : NULL;

    return value != NULL && *value != '\0' ? value : NULL;
}

static char *
copy_variable(const char *name)
{
    const char *value = variable(name);

    return value != NULL ? memory_string(value) : NULL;
}

/* A build's id is a UUID; others, Jenkins among them, also have a BUILD_ID. */
static bool
is_uuid(const char *value)
{
    static const char SHAPE[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i = 0;

    for (; SHAPE[i] != '\0'; i++) {
        if (SHAPE[i] == 'x' ? !isxdigit((unsigned char)value[i]) : value[i] != '-')
            return false;
    }
    return value[i] == '\0';
}

static void
finish_cloud_run(struct platform *platform)
{
    platform->is_cloud_run = true;
    platform->is_repeated = platform->attempt != NULL && strcmp(platform->attempt, "0") != 0;
}

/* An array's child is JOB:INDEX, and the array itself is what was started. */
static void
finish_batch(struct platform *platform)
{
    if (platform->task != NULL)
        platform->execution[strcspn(platform->execution, ":")] = '\0';
    platform->is_repeated = platform->attempt != NULL && strcmp(platform->attempt, "1") != 0;
}

/* The build's id is PROJECT:UUID. */
static void
finish_codebuild(struct platform *platform)
{
    size_t size = strcspn(platform->execution, ":");

    platform->job = memory_printf("%.*s", (int)size, platform->execution);
}

/* The namespace is there by itself only with a service account's token. */
static void
finish_kubernetes(struct platform *platform)
{
    struct error ignored = ERROR_INIT;
    size_t size = 0;

    if (platform->place != NULL)
        return;
    if (!file_read(NAMESPACE_FILE, NAMESPACE_BYTES, &platform->place, &size, &ignored))
        return;
    platform->place[strcspn(platform->place, "\r\n")] = '\0';
}

static void
finish_github(struct platform *platform)
{
    const char *server = variable("GITHUB_SERVER_URL");

    if (server == NULL || platform->place == NULL || platform->execution == NULL)
        return;
    platform->log_url = memory_printf("%s/%s/actions/runs/%s%s%s", server, platform->place,
        platform->execution, platform->attempt != NULL ? "/attempts/" : "",
        platform->attempt != NULL ? platform->attempt : "");
}

static void
finish_cloud_build(struct platform *platform)
{
    const char *region = variable("LOCATION");
    bool is_regional = region != NULL && strcmp(region, "global") != 0;

    if (platform->place == NULL)
        return;
    platform->log_url =
        memory_printf("https://console.cloud.google.com/cloud-build/builds%s%s/%s?project=%s",
            is_regional ? ";region=" : "", is_regional ? region : "", platform->execution,
            platform->place);
}

/* The first whose sign is set. Batch's jobs and CodeBuild's builds run on ECS, too. */
static const struct known {
    const char *name, *sign, *place, *job, *execution, *task, *attempt, *revision, *log_url;
    void (*finish)(struct platform *platform); /* NULL: the variables say it all */
    bool reads_json;
} PLATFORMS[] = {
    {
        .name = "cloud-run",
        .sign = "CLOUD_RUN_JOB",
        .job = "CLOUD_RUN_JOB",
        .execution = "CLOUD_RUN_EXECUTION",
        .task = "CLOUD_RUN_TASK_INDEX",
        .attempt = "CLOUD_RUN_TASK_ATTEMPT",
        .finish = finish_cloud_run,
        .reads_json = true,
    },
    {
        .name = "batch",
        .sign = "AWS_BATCH_JOB_ID",
        .job = "AWS_BATCH_JQ_NAME",
        .execution = "AWS_BATCH_JOB_ID",
        .task = "AWS_BATCH_JOB_ARRAY_INDEX",
        .attempt = "AWS_BATCH_JOB_ATTEMPT",
        .finish = finish_batch,
        .reads_json = true,
    },
    {
        .name = "codebuild",
        .sign = "CODEBUILD_BUILD_ID",
        .execution = "CODEBUILD_BUILD_ID",
        .revision = "CODEBUILD_RESOLVED_SOURCE_VERSION",
        .log_url = "CODEBUILD_BUILD_URL",
        .finish = finish_codebuild,
        .reads_json = true,
    },
    {.name = "ecs", .sign = "ECS_CONTAINER_METADATA_URI_V4", .reads_json = true},
    {
        .name = "kubernetes",
        .sign = "KUBERNETES_SERVICE_HOST",
        .place = "POD_NAMESPACE",
        .job = "JOB_NAME",
        .execution = "HOSTNAME",
        .task = "JOB_COMPLETION_INDEX",
        .finish = finish_kubernetes,
        .reads_json = true,
    },
    {
        .name = "github",
        .sign = "GITHUB_ACTIONS",
        .place = "GITHUB_REPOSITORY",
        .job = "GITHUB_WORKFLOW",
        .execution = "GITHUB_RUN_ID",
        .attempt = "GITHUB_RUN_ATTEMPT",
        .revision = "GITHUB_SHA",
        .finish = finish_github,
    },
    {
        .name = "cloud-build",
        .sign = "BUILD_ID",
        .place = "PROJECT_ID",
        .job = "TRIGGER_NAME",
        .execution = "BUILD_ID",
        .revision = "COMMIT_SHA",
        .finish = finish_cloud_build,
    },
};

static bool
is_there(const struct known *known)
{
    const char *sign = variable(known->sign);

    return sign != NULL && (known->finish != finish_cloud_build || is_uuid(sign));
}

void
platform_detect(struct platform *platform)
{
    *platform = (struct platform){.name = "none"};
    for (size_t i = 0; i < ARRAY_LENGTH(PLATFORMS); i++) {
        const struct known *known = &PLATFORMS[i];
        if (!is_there(known))
            continue;
        platform->name = known->name;
        platform->reads_json = known->reads_json;
        platform->place = copy_variable(known->place);
        platform->job = copy_variable(known->job);
        platform->execution = copy_variable(known->execution);
        platform->task = copy_variable(known->task);
        platform->attempt = copy_variable(known->attempt);
        platform->revision = copy_variable(known->revision);
        platform->log_url = copy_variable(known->log_url);
        platform->is_follower = platform->task != NULL && strcmp(platform->task, "0") != 0;
        if (known->finish != NULL)
            known->finish(platform);
        return;
    }
}

void
platform_done(struct platform *platform)
{
    free(platform->place);
    free(platform->job);
    free(platform->execution);
    free(platform->task);
    free(platform->attempt);
    free(platform->image);
    free(platform->revision);
    free(platform->log_url);
    *platform = (struct platform){.name = "none"};
}

/* Each word as the history and the log have it. */
struct part {
    const char *word, *value;
};

enum { PARTS = 7 };

static void
list_parts(const struct platform *platform, struct part parts[static PARTS])
{
    const struct part all[PARTS] = {
        {"place", platform->place},
        {"job", platform->job},
        {"execution", platform->execution},
        {"task", platform->task},
        {"attempt", platform->attempt},
        {"image", platform->image},
        {"revision", platform->revision},
    };

    memcpy(parts, all, sizeof(all));
}

json_t *
platform_describe(const struct platform *platform)
{
    json_t *object = json_object();
    struct part parts[PARTS];
    char host[256] = "";

    list_parts(platform, parts);
    json_put_string(object, "platform", platform->name);
    for (size_t i = 0; i < PARTS; i++)
        json_put_string(object, parts[i].word, parts[i].value);
    if (gethostname(host, sizeof(host) - 1) == 0)
        json_put_string(object, "host", host);
    return object;
}

void
platform_label(const struct platform *platform, json_t *labels)
{
    struct part parts[PARTS];

    list_parts(platform, parts);
    for (size_t i = 0; i < PARTS; i++)
        json_put_string(labels, parts[i].word, parts[i].value);
}

char *
platform_sentence(const struct platform *platform)
{
    AUTO_TEXT sentence = TEXT_INIT;
    struct part parts[PARTS];
    char host[256] = "";

    list_parts(platform, parts);
    if (strcmp(platform->name, "none") != 0)
        text_puts(&sentence, platform->name);
    else if (gethostname(host, sizeof(host) - 1) == 0)
        text_puts(&sentence, host);
    for (size_t i = 0; i < PARTS; i++) {
        bool is_place = strcmp(parts[i].word, "place") == 0;
        if (parts[i].value != NULL)
            text_printf(&sentence, "%s%s %s", is_place ? "" : ", ",
                is_place ? " in" : parts[i].word, parts[i].value);
    }
    return text_take(&sentence);
}
