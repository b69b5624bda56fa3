/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata endpoints: real servers on loopback that answer well, slowly, oddly or not at all.
 */
#include "adapter/clock.h"
#include "adapter/platform.h"

#include "unit.h"

#include "canned.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n{}{}"

#define CONTAINER                                                                                  \
    OK "{\"DockerId\":\"cd189\",\"Name\":\"migrate\",\"DockerName\":\"migrate\",\"Image\":"        \
       "\"1.dkr.ecr.eu-west-1.amazonaws.com/migrate:7\",\"ImageID\":\"sha256:x\",\"LogDriver\":"   \
       "\"awslogs\",\"LogOptions\":{\"awslogs-group\":\"/ecs/migrate\",\"awslogs-region\":"        \
       "\"eu-west-1\",\"awslogs-stream\":\"ecs/migrate/cd189\"}}"
#define TASK                                                                                       \
    OK "{\"Cluster\":\"arn:aws:ecs:eu-west-1:1:cluster/apps\",\"TaskARN\":"                        \
       "\"arn:aws:ecs:eu-west-1:1:task/apps/cd189\",\"Family\":\"migrate\",\"Revision\":\"12\","   \
       "\"Containers\":[]}"
#define CLOUDWATCH                                                                                 \
    "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/" \
    "$252Fecs$252Fmigrate/log-events/ecs$252Fmigrate$252Fcd189"
#define EXECUTION                                                                                  \
    "https://console.cloud.google.com/run/jobs/executions/details/europe-west1/migrate-x1/logs"    \
    "?project=acme"

enum { ANSWERS_MAX = 3 };

static void
clear(void)
{
    static const char *const NAMES[] = {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION",
        "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "AWS_BATCH_JOB_ID", "AWS_BATCH_JQ_NAME",
        "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ATTEMPT", "CODEBUILD_BUILD_ID",
        "ECS_CONTAINER_METADATA_URI_V4", "KUBERNETES_SERVICE_HOST", "GITHUB_ACTIONS", "BUILD_ID",
        "GCE_METADATA_HOST"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        unsetenv(NAMES[i]);
}

/* What is told once `answers` were given; the server's address stands for each "…" variable. */
static void
ask(const char *sign, const char *const answers[ANSWERS_MAX], const char *labels, const char *url)
{
    size_t count = 0;
    while (count < ANSWERS_MAX && answers[count] != NULL)
        count++;
    struct canned *server = canned_start(answers, count, "/v4/x");
    AUTO_PLATFORM platform = {0};
    AUTO_JSON json_t *found = json_object();
    char host[128];

    clear();
    snprintf(host, sizeof(host), "%.*s", (int)strcspn(server->url + 7, "/"), server->url + 7);
    setenv("GCE_METADATA_HOST", host, 1);
    if (strcmp(sign, "cloud-run") == 0)
        setenv("CLOUD_RUN_JOB", "migrate", 1), setenv("CLOUD_RUN_EXECUTION", "migrate-x1", 1);
    else
        setenv("ECS_CONTAINER_METADATA_URI_V4", server->url, 1);
    if (strcmp(sign, "batch") == 0)
        setenv("AWS_BATCH_JOB_ID", "1-2", 1);

    int64_t begun_ms = clock_monotonic_ms();
    platform_detect(&platform);
    platform_ask(&platform);
    int64_t taken_ms = clock_monotonic_ms() - begun_ms;
    platform_label(&platform, found);
    AUTO_STRING char *dump = json_to_string(found);
    if (strcmp(sign, "cloud-run") == 0 && atomic_load(&server->requests_count) > 0)
        assert_non_null(strstr(server->request, "\r\nMetadata-Flavor: Google\r\n"));
    canned_stop(server);
    clear();
    assert_in_range(taken_ms, 0, 8000); /* valgrind, on a busy machine */
    assert_string_equal(dump, labels);
    if (url == NULL)
        assert_null(platform.log_url);
    else
        assert_string_equal(platform.log_url, url);
}

static void
what_the_endpoint_says_is_told(UNUSED void **state)
{
    static const struct {
        const char *sign;
        const char *answers[ANSWERS_MAX];
        const char *labels;
        const char *log_url;
    } TABLE[] = {
        {"ecs", {CONTAINER, TASK},
            "{\"place\":\"apps\",\"job\":\"migrate\",\"execution\":\"cd189\",\"image\":"
            "\"1.dkr.ecr.eu-west-1.amazonaws.com/migrate:7\",\"revision\":\"12\"}",
            CLOUDWATCH},
        {"batch", {CONTAINER, TASK},
            "{\"place\":\"apps\",\"job\":\"migrate\",\"execution\":\"1-2\",\"image\":"
            "\"1.dkr.ecr.eu-west-1.amazonaws.com/migrate:7\",\"revision\":\"12\"}",
            CLOUDWATCH},
        {"ecs", {CONTAINER, NOT_FOUND},
            "{\"image\":\"1.dkr.ecr.eu-west-1.amazonaws.com/migrate:7\"}", CLOUDWATCH},
        /* Another driver's log is not in CloudWatch; a bare cluster's name is one. */
        {"ecs",
            {OK "{\"Image\":\"migrate\",\"LogDriver\":\"none\"}",
                OK "{\"Cluster\":\"default\",\"TaskARN\":7,\"Revision\":\"1\"}"},
            "{\"place\":\"default\",\"image\":\"migrate\",\"revision\":\"1\"}", NULL},
        {"cloud-run", {OK "acme", OK "projects/123/regions/europe-west1\n"},
            "{\"place\":\"acme/europe-west1\",\"job\":\"migrate\",\"execution\":\"migrate-x1\"}",
            EXECUTION},
        {"cloud-run", {OK "acme", NOT_FOUND}, "{\"job\":\"migrate\",\"execution\":\"migrate-x1\"}",
            NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        ask(TABLE[i].sign, TABLE[i].answers, TABLE[i].labels, TABLE[i].log_url);
}

static void
an_endpoint_that_fails_changes_nothing(UNUSED void **state)
{
    static const char *const ANSWERS[] = {NOT_FOUND, CANNED_HANG, "nothing of HTTP\r\n\r\n", OK,
        OK "not JSON", OK "[]", OK "\"text\"", OK "{\"Image\":", OK "{\"Image\":{}}",
        OK "{\"Image\":\"\",\"LogOptions\":[]}", OK "{\"Image\":\"two words\"}",
        OK "{\"Image\":\"<https://evil|x>\",\"LogOptions\":{\"awslogs-group\":\"g\"}}",
        "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"};

    for (size_t i = 0; i < ARRAY_LENGTH(ANSWERS); i++)
        ask("ecs", (const char *const[ANSWERS_MAX]){ANSWERS[i]}, "{}", NULL);

    static const char *const VALUES[] = {
        NOT_FOUND, CANNED_HANG, OK, OK "two words", OK "<html>", OK "\nacme", OK "a/"};
    for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++)
        ask("cloud-run", (const char *const[ANSWERS_MAX]){VALUES[i]},
            "{\"job\":\"migrate\",\"execution\":\"migrate-x1\"}", NULL);
}

static void
nobody_is_asked_where_there_is_no_endpoint(UNUSED void **state)
{
    static const char *const SIGNS[] = {
        "none", "CODEBUILD_BUILD_ID", "KUBERNETES_SERVICE_HOST", "GITHUB_ACTIONS"};
    const char *const answers[] = {OK "acme"};

    for (size_t i = 0; i < ARRAY_LENGTH(SIGNS); i++) {
        struct canned *server = canned_start(answers, 1, "");
        AUTO_PLATFORM platform = {0};

        clear();
        setenv("GCE_METADATA_HOST", server->url + 7, 1);
        setenv(SIGNS[i], "x:1", 1);
        platform_detect(&platform);
        platform_ask(&platform);
        assert_int_equal(atomic_load(&server->requests_count), 0);
        assert_null(platform.image);
        unsetenv(SIGNS[i]);
        canned_stop(server);
    }
    clear();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_endpoint_says_is_told),
        cmocka_unit_test(an_endpoint_that_fails_changes_nothing),
        cmocka_unit_test(nobody_is_asked_where_there_is_no_endpoint),
    };

    return RUN_TESTS(tests);
}
