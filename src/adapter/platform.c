/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/platform.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static const char *
variable(const char *name)
{
    const char *value = name != NULL ? getenv(name) : NULL;

    return value != NULL && *value != '\0' ? value : NULL;
}

void
platform_detect(struct platform *platform)
{
    static const struct {
        const char *name, *sign, *job, *execution, *task, *attempt;
        bool reads_json;
    } PLATFORMS[] = {
        {"cloud-run", "CLOUD_RUN_JOB", "CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION",
            "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", true},
        {"batch", "AWS_BATCH_JOB_ID", "AWS_BATCH_JQ_NAME", "AWS_BATCH_JOB_ID",
            "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ATTEMPT", true},
        {"codebuild", "CODEBUILD_BUILD_ID", "CODEBUILD_INITIATOR", "CODEBUILD_BUILD_ID", NULL, NULL,
            true},
        {"ecs", "ECS_CONTAINER_METADATA_URI_V4", NULL, NULL, NULL, NULL, true},
        {"kubernetes", "KUBERNETES_SERVICE_HOST", NULL, "HOSTNAME", "JOB_COMPLETION_INDEX", NULL,
            true},
        {"github", "GITHUB_ACTIONS", "GITHUB_WORKFLOW", "GITHUB_RUN_ID", NULL, "GITHUB_RUN_ATTEMPT",
            false},
    };

    *platform = (struct platform){.name = "none"};
    for (size_t i = 0; i < ARRAY_LENGTH(PLATFORMS); i++) {
        if (variable(PLATFORMS[i].sign) == NULL)
            continue;
        platform->name = PLATFORMS[i].name;
        platform->reads_json = PLATFORMS[i].reads_json;
        platform->is_cloud_run = i == 0;
        platform->job = variable(PLATFORMS[i].job);
        platform->execution = variable(PLATFORMS[i].execution);
        platform->task = variable(PLATFORMS[i].task);
        platform->attempt = variable(PLATFORMS[i].attempt);
        return;
    }
}

json_t *
platform_describe(const struct platform *platform)
{
    json_t *object = json_object();
    char host[256] = "";

    json_put_string(object, "platform", platform->name);
    json_put_string(object, "job", platform->job);
    json_put_string(object, "execution", platform->execution);
    json_put_string(object, "task", platform->task);
    json_put_string(object, "attempt", platform->attempt);
    if (gethostname(host, sizeof(host) - 1) == 0)
        json_put_string(object, "host", host);
    return object;
}

json_t *
platform_labels(const struct platform *platform)
{
    json_t *labels = json_object();

    json_put_string(labels, "job", platform->job);
    json_put_string(labels, "execution", platform->execution);
    json_put_string(labels, "task", platform->task);
    json_put_string(labels, "attempt", platform->attempt);
    return labels;
}

char *
platform_sentence(const struct platform *platform)
{
    AUTO_TEXT sentence = TEXT_INIT;
    const struct {
        const char *word, *value;
    } parts[] = {
        {"job", platform->job},
        {"execution", platform->execution},
        {"task", platform->task},
        {"attempt", platform->attempt},
    };
    char host[256] = "";

    if (strcmp(platform->name, "none") != 0)
        text_puts(&sentence, platform->name);
    else if (gethostname(host, sizeof(host) - 1) == 0)
        text_puts(&sentence, host);
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        if (parts[i].value != NULL)
            text_printf(&sentence, ", %s %s", parts[i].word, parts[i].value);
    }
    return text_take(&sentence);
}
