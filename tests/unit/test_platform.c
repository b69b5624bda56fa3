/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/platform.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

enum { VARIABLES_MAX = 9 };

/* Whatever this test itself runs on must not show. */
static void
clear(void)
{
    static const char *const NAMES[] = {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION",
        "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "AWS_BATCH_JOB_ID", "AWS_BATCH_JQ_NAME",
        "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ATTEMPT", "CODEBUILD_BUILD_ID",
        "CODEBUILD_BUILD_URL", "CODEBUILD_RESOLVED_SOURCE_VERSION", "ECS_CONTAINER_METADATA_URI_V4",
        "KUBERNETES_SERVICE_HOST", "POD_NAMESPACE", "JOB_NAME", "JOB_COMPLETION_INDEX",
        "GITHUB_ACTIONS", "GITHUB_WORKFLOW", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT",
        "GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "GITHUB_SHA", "BUILD_ID", "PROJECT_ID",
        "LOCATION", "COMMIT_SHA", "TRIGGER_NAME", "HOSTNAME"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        unsetenv(NAMES[i]);
}

static void
set(const char *const variables[VARIABLES_MAX])
{
    clear();
    for (size_t i = 0; i < VARIABLES_MAX && variables[i] != NULL; i++) {
        AUTO_STRING char *name = memory_string(variables[i]);
        char *equals = strchr(name, '=');

        assert_non_null(equals);
        *equals = '\0';
        assert_int_equal(setenv(name, equals + 1, 1), 0);
    }
}

#define UUID "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"

static void
the_environment_tells_the_platform(UNUSED void **state)
{
    static const struct {
        const char *variables[VARIABLES_MAX];
        const char *name;
        bool reads_json;
        bool is_repeated;
        bool is_follower;
        const char *labels;
        const char *log_url; /* NULL: not known */
        const char *sentence;
    } TABLE[] = {
        {{"CLOUD_RUN_JOB=migrate", "CLOUD_RUN_EXECUTION=migrate-x1", "CLOUD_RUN_TASK_INDEX=0",
             "CLOUD_RUN_TASK_ATTEMPT=1"},
            "cloud-run", true, true, false,
            "{\"job\":\"migrate\",\"execution\":\"migrate-x1\",\"task\":\"0\",\"attempt\":\"1\"}",
            NULL, "cloud-run, job migrate, execution migrate-x1, task 0, attempt 1"},
        {{"CLOUD_RUN_JOB=migrate", "CLOUD_RUN_TASK_ATTEMPT=0"}, "cloud-run", true, false, false,
            "{\"job\":\"migrate\",\"attempt\":\"0\"}", NULL, "cloud-run, job migrate, attempt 0"},
        {{"AWS_BATCH_JOB_ID=1-2", "AWS_BATCH_JQ_NAME=queue", "AWS_BATCH_JOB_ATTEMPT=2",
             "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/x"},
            "batch", true, true, false,
            "{\"job\":\"queue\",\"execution\":\"1-2\",\"attempt\":\"2\"}", NULL,
            "batch, job queue, execution 1-2, attempt 2"},
        {{"AWS_BATCH_JOB_ID=1-2:3", "AWS_BATCH_JOB_ATTEMPT=1", "AWS_BATCH_JOB_ARRAY_INDEX=3"},
            "batch", true, false, true, "{\"execution\":\"1-2\",\"task\":\"3\",\"attempt\":\"1\"}",
            NULL, "batch, execution 1-2, task 3, attempt 1"},
        {{"CODEBUILD_BUILD_ID=migrate:1", "CODEBUILD_BUILD_URL=https://console/build/1",
             "CODEBUILD_RESOLVED_SOURCE_VERSION=abc", "ECS_CONTAINER_METADATA_URI_V4=http://x"},
            "codebuild", true, false, false,
            "{\"job\":\"migrate\",\"execution\":\"migrate:1\",\"revision\":\"abc\"}",
            "https://console/build/1", "codebuild, job migrate, execution migrate:1, revision abc"},
        {{"ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/x"}, "ecs", true, false, false,
            "{}", NULL, "ecs"},
        {{"KUBERNETES_SERVICE_HOST=10.0.0.1", "HOSTNAME=migrate-abc", "JOB_COMPLETION_INDEX=3"},
            "kubernetes", true, false, true, "{\"execution\":\"migrate-abc\",\"task\":\"3\"}", NULL,
            "kubernetes, execution migrate-abc, task 3"},
        {{"KUBERNETES_SERVICE_HOST=10.0.0.1", "HOSTNAME=migrate-7-x", "POD_NAMESPACE=shop",
             "JOB_NAME=migrate-7"},
            "kubernetes", true, false, false,
            "{\"place\":\"shop\",\"job\":\"migrate-7\",\"execution\":\"migrate-7-x\"}", NULL,
            "kubernetes in shop, job migrate-7, execution migrate-7-x"},
        /* A run that a person repeated is none that the platform repeats. */
        {{"GITHUB_ACTIONS=true", "GITHUB_WORKFLOW=deploy", "GITHUB_RUN_ID=7",
             "GITHUB_RUN_ATTEMPT=2", "GITHUB_REPOSITORY=acme/shop", "GITHUB_SHA=abc",
             "GITHUB_SERVER_URL=https://github.com"},
            "github", false, false, false,
            "{\"place\":\"acme/shop\",\"job\":\"deploy\",\"execution\":\"7\",\"attempt\":\"2\","
            "\"revision\":\"abc\"}",
            "https://github.com/acme/shop/actions/runs/7/attempts/2",
            "github in acme/shop, job deploy, execution 7, attempt 2, revision abc"},
        {{"GITHUB_ACTIONS=true", "GITHUB_RUN_ID=7", "GITHUB_REPOSITORY=acme/shop",
             "GITHUB_SERVER_URL=https://github.com"},
            "github", false, false, false, "{\"place\":\"acme/shop\",\"execution\":\"7\"}",
            "https://github.com/acme/shop/actions/runs/7", "github in acme/shop, execution 7"},
        {{"BUILD_ID=" UUID, "PROJECT_ID=acme", "LOCATION=europe-west1", "COMMIT_SHA=abc"},
            "cloud-build", false, false, false,
            "{\"place\":\"acme\",\"execution\":\"" UUID "\",\"revision\":\"abc\"}",
            "https://console.cloud.google.com/cloud-build/builds;region=europe-west1/" UUID
            "?project=acme",
            "cloud-build in acme, execution " UUID ", revision abc"},
        {{"BUILD_ID=" UUID, "PROJECT_ID=acme", "LOCATION=global"}, "cloud-build", false, false,
            false, "{\"place\":\"acme\",\"execution\":\"" UUID "\"}",
            "https://console.cloud.google.com/cloud-build/builds/" UUID "?project=acme",
            "cloud-build in acme, execution " UUID},
        /* Empty is as good as not there. */
        {{"CLOUD_RUN_JOB=", "ECS_CONTAINER_METADATA_URI_V4=http://x"}, "ecs", true, false, false,
            "{}", NULL, "ecs"},
        {{"CLOUD_RUN_JOB=migrate", "CLOUD_RUN_EXECUTION="}, "cloud-run", true, false, false,
            "{\"job\":\"migrate\"}", NULL, "cloud-run, job migrate"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_PLATFORM platform = {0};

        set(TABLE[i].variables);
        platform_detect(&platform);
        AUTO_JSON json_t *labels = json_object();
        platform_label(&platform, labels);
        AUTO_STRING char *dump = json_to_string(labels);
        AUTO_STRING char *sentence = platform_sentence(&platform);
        assert_string_equal(platform.name, TABLE[i].name);
        assert_int_equal(platform.reads_json, TABLE[i].reads_json);
        assert_int_equal(platform.is_repeated, TABLE[i].is_repeated);
        assert_int_equal(platform.is_follower, TABLE[i].is_follower);
        assert_int_equal(platform.is_cloud_run, strcmp(TABLE[i].name, "cloud-run") == 0);
        assert_string_equal(dump, TABLE[i].labels);
        assert_string_equal(sentence, TABLE[i].sentence);
        if (TABLE[i].log_url == NULL)
            assert_null(platform.log_url);
        else
            assert_string_equal(platform.log_url, TABLE[i].log_url);
    }
    clear();
}

static void
another_builds_id_is_no_platform(UNUSED void **state)
{
    static const char *const IDS[] = {"BUILD_ID=42", "BUILD_ID=2026-04-01_09-30-00",
        "BUILD_ID=" UUID "0", "BUILD_ID=0b1c2d3e-4f50-6172-8394-a5b6c7d8e9fz"};

    for (size_t i = 0; i < ARRAY_LENGTH(IDS); i++) {
        const char *const variables[VARIABLES_MAX] = {IDS[i], "PROJECT_ID=acme"};
        AUTO_PLATFORM platform = {0};

        set(variables);
        platform_detect(&platform);
        assert_string_equal(platform.name, "none");
        assert_null(platform.log_url);
    }
    clear();
}

static void
elsewhere_the_host_speaks_for_itself(UNUSED void **state)
{
    AUTO_PLATFORM platform = {0};
    char host[256] = "";

    clear();
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    platform_detect(&platform);
    AUTO_STRING char *sentence = platform_sentence(&platform);
    assert_string_equal(platform.name, "none");
    assert_false(platform.reads_json);
    assert_false(platform.is_cloud_run);
    assert_null(platform.job);
    assert_string_equal(sentence, host);
}

static void
the_history_learns_the_platform_and_the_host(UNUSED void **state)
{
    static const char *const VARIABLES[VARIABLES_MAX] = {
        "CLOUD_RUN_JOB=migrate", "CLOUD_RUN_EXECUTION=migrate-x1"};
    AUTO_PLATFORM platform = {0};
    char host[256] = "";

    set(VARIABLES);
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    platform_detect(&platform);
    AUTO_JSON json_t *described = platform_describe(&platform);
    AUTO_JSON json_t *expected = json_pack("{s:s, s:s, s:s, s:s}", "platform", "cloud-run", "job",
        "migrate", "execution", "migrate-x1", "host", host);
    assert_true(json_equal(described, expected));
    clear();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_tells_the_platform),
        cmocka_unit_test(another_builds_id_is_no_platform),
        cmocka_unit_test(elsewhere_the_host_speaks_for_itself),
        cmocka_unit_test(the_history_learns_the_platform_and_the_host),
    };

    return RUN_TESTS(tests);
}
