/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/http.h"
#include "adapter/metadata.h"
#include "adapter/platform.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    PATIENCE_MS = 1000,
    VALUE_BYTES = 1024, /* of one answer's value; a longer one is none of ours */
};

#define GOOGLE_PATH "/computeMetadata/v1"

/* The host of "HOST:PORT/PATH", without the brackets of IPv6. The caller frees it. */
static char *
host_of(const char *place)
{
    if (*place == '[')
        return memory_copy(place + 1, strcspn(place + 1, "]"));
    return memory_copy(place, strcspn(place, ":/"));
}

/* GET http://PLACE with what is left of the time; NULL where nothing useful came. */
static char *
get(const char *place, const char *const *headers, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    const struct http_limits limits = {.connect_ms = left_ms, .total_ms = left_ms};
    AUTO_STRING char *host = host_of(place);
    AUTO_STRING char *url = memory_printf("http://%s", place);
    const char *const hosts[] = {host, NULL};
    const struct http_request request = {
        .url = url, .headers = headers, .plain_hosts = hosts, .is_ended_by_signal = true};
    struct error ignored = ERROR_INIT;
    AUTO_TEXT body = TEXT_INIT;
    int status = 0;

    if (left_ms <= 0 || !http_get(&request, &limits, &status, &body, &ignored) || status != 200)
        return NULL;
    return text_take(&body);
}

/* A value that can stand in a log line and in a URL: one short word of plain characters. */
static bool
is_plain(const char *value)
{
    size_t size = 0;

    for (; value[size] != '\0'; size++) {
        if (!isgraph((unsigned char)value[size]) || strchr("<>|\"'`\\", value[size]) != NULL)
            return false;
    }
    return size > 0 && size <= VALUE_BYTES;
}

/* What stands behind the last '/', which may be all of it. */
static const char *
last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The value of a path on Google's metadata server, without what stands before its last '/'. */
static char *
get_google(const char *path, int64_t deadline_ms)
{
    static const char *const HEADERS[] = {"Metadata-Flavor: Google", NULL};
    AUTO_STRING char *place = memory_printf("%s" GOOGLE_PATH "%s", metadata_google_place(), path);
    AUTO_STRING char *value = get(place, HEADERS, deadline_ms);

    if (value == NULL)
        return NULL;
    value[strcspn(value, "\r\n")] = '\0';
    const char *last = last_part(value); /* projects/NUMBER/regions/REGION */
    return is_plain(last) ? memory_string(last) : NULL;
}

static void
ask_cloud_run(struct platform *platform, int64_t deadline_ms)
{
    AUTO_STRING char *project = get_google("/project/project-id", deadline_ms);
    AUTO_STRING char *region = project != NULL ? get_google("/instance/region", deadline_ms) : NULL;

    if (region == NULL)
        return;
    platform->place = memory_printf("%s/%s", project, region);
    if (platform->execution != NULL)
        platform->log_url = memory_printf("https://console.cloud.google.com/run/jobs/executions/"
                                          "details/%s/%s/logs?project=%s",
            region, platform->execution, project);
}

/* A member that is a plain string; NULL otherwise. Borrowed. */
static const char *
member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL && is_plain(value) ? value : NULL;
}

/* A name that ends in '/' has nothing behind it. */
static void
take(char **field, const char *value)
{
    if (*field == NULL && value != NULL && *value != '\0')
        *field = memory_string(value);
}

/* CloudWatch's page escapes twice, and writes '$' for the second '%'. */
static void
add_escaped(struct text *url, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (isalnum((unsigned char)*c) || strchr("-_.~", *c) != NULL)
            text_add(url, c, 1);
        else
            text_printf(url, "$25%02X", (unsigned char)*c);
    }
}

static char *
cloudwatch_url(const char *region, const char *group, const char *stream)
{
    AUTO_TEXT url = TEXT_INIT;
    const char *domain = "console.aws.amazon.com";

    if (strncmp(region, "cn-", 3) == 0)
        domain = "console.amazonaws.cn";
    else if (strncmp(region, "us-gov-", 7) == 0)
        domain = "console.amazonaws-us-gov.com";
    text_printf(
        &url, "https://%s/cloudwatch/home?region=%s#logsV2:log-groups/log-group/", domain, region);
    add_escaped(&url, group);
    text_puts(&url, "/log-events/");
    add_escaped(&url, stream);
    return text_take(&url);
}

/* Its log goes to CloudWatch by the awslogs driver, or we do not know where to. */
static void
read_container(struct platform *platform, const json_t *container)
{
    const json_t *options = json_object_get(container, "LogOptions");
    const char *region = member(options, "awslogs-region");
    const char *group = member(options, "awslogs-group");
    const char *stream = member(options, "awslogs-stream");

    take(&platform->image, member(container, "Image"));
    if (region != NULL && group != NULL && stream != NULL && platform->log_url == NULL)
        platform->log_url = cloudwatch_url(region, group, stream);
}

static void
read_task(struct platform *platform, const json_t *task)
{
    const char *cluster = member(task, "Cluster"); /* its name, or its ARN */
    const char *arn = member(task, "TaskARN");

    take(&platform->place, cluster != NULL ? last_part(cluster) : NULL);
    take(&platform->job, member(task, "Family"));
    take(&platform->execution, arn != NULL ? last_part(arn) : NULL);
    take(&platform->revision, member(task, "Revision"));
}

static json_t *
get_json(const char *place, int64_t deadline_ms)
{
    AUTO_STRING char *body = get(place, NULL, deadline_ms);

    return body != NULL ? json_loads(body, 0, NULL) : NULL;
}

static void
ask_ecs(struct platform *platform, const char *place, int64_t deadline_ms)
{
    AUTO_STRING char *task_place = memory_printf("%s/task", place);
    AUTO_JSON json_t *container = get_json(place, deadline_ms);

    if (container == NULL)
        return;
    AUTO_JSON json_t *task = get_json(task_place, deadline_ms);
    read_container(platform, container);
    read_task(platform, task);
}

void
platform_ask(struct platform *platform)
{
    static const char SCHEME[] = "http://";
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    const char *uri = getenv("ECS_CONTAINER_METADATA_URI_V4");
    bool is_ecs = strcmp(platform->name, "ecs") == 0 || strcmp(platform->name, "batch") == 0;

    if (platform->is_cloud_run)
        ask_cloud_run(platform, deadline_ms);
    else if (is_ecs && uri != NULL && strncmp(uri, SCHEME, strlen(SCHEME)) == 0)
        ask_ecs(platform, uri + strlen(SCHEME), deadline_ms);
}
