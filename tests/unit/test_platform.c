/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/platform.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

enum { VARIABLES_MAX = 6 };

/* Whatever this test itself runs on must not show. */
static void
clear(void)
{
    static const char *const NAMES[] = {"CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION",
        "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT", "AWS_BATCH_JOB_ID", "AWS_BATCH_JQ_NAME",
        "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ATTEMPT", "CODEBUILD_BUILD_ID",
        "CODEBUILD_INITIATOR", "ECS_CONTAINER_METADATA_URI_V4", "KUBERNETES_SERVICE_HOST",
        "JOB_COMPLETION_INDEX", "GITHUB_ACTIONS", "GITHUB_WORKFLOW", "GITHUB_RUN_ID",
        "GITHUB_RUN_ATTEMPT", "HOSTNAME"};

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

static void
the_environment_tells_the_platform(UNUSED void **state)
{
    static const struct {
        const char *variables[VARIABLES_MAX];
        const char *name;
        bool reads_json;
        bool is_cloud_run;
        const char *labels;
        const char *sentence;
    } TABLE[] = {
        {{"CLOUD_RUN_JOB=migrate", "CLOUD_RUN_EXECUTION=migrate-x1", "CLOUD_RUN_TASK_INDEX=0",
             "CLOUD_RUN_TASK_ATTEMPT=1"},
            "cloud-run", true, true,
            "{\"job\":\"migrate\",\"execution\":\"migrate-x1\",\"task\":\"0\",\"attempt\":\"1\"}",
            "cloud-run, job migrate, execution migrate-x1, task 0, attempt 1"},
        {{"CLOUD_RUN_JOB=migrate"}, "cloud-run", true, true, "{\"job\":\"migrate\"}",
            "cloud-run, job migrate"},
        {{"AWS_BATCH_JOB_ID=1-2", "AWS_BATCH_JQ_NAME=queue", "AWS_BATCH_JOB_ATTEMPT=2",
             "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/x"},
            "batch", true, false, "{\"job\":\"queue\",\"execution\":\"1-2\",\"attempt\":\"2\"}",
            "batch, job queue, execution 1-2, attempt 2"},
        {{"CODEBUILD_BUILD_ID=migrate:1", "CODEBUILD_INITIATOR=me"}, "codebuild", true, false,
            "{\"job\":\"me\",\"execution\":\"migrate:1\"}",
            "codebuild, job me, execution migrate:1"},
        {{"ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/x"}, "ecs", true, false, "{}",
            "ecs"},
        {{"KUBERNETES_SERVICE_HOST=10.0.0.1", "HOSTNAME=migrate-abc", "JOB_COMPLETION_INDEX=3"},
            "kubernetes", true, false, "{\"execution\":\"migrate-abc\",\"task\":\"3\"}",
            "kubernetes, execution migrate-abc, task 3"},
        {{"GITHUB_ACTIONS=true", "GITHUB_WORKFLOW=deploy", "GITHUB_RUN_ID=7",
             "GITHUB_RUN_ATTEMPT=1"},
            "github", false, false, "{\"job\":\"deploy\",\"execution\":\"7\",\"attempt\":\"1\"}",
            "github, job deploy, execution 7, attempt 1"},
        /* Empty is as good as not there. */
        {{"CLOUD_RUN_JOB=", "ECS_CONTAINER_METADATA_URI_V4=http://x"}, "ecs", true, false, "{}",
            "ecs"},
        {{"CLOUD_RUN_JOB=migrate", "CLOUD_RUN_EXECUTION="}, "cloud-run", true, true,
            "{\"job\":\"migrate\"}", "cloud-run, job migrate"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct platform platform;

        set(TABLE[i].variables);
        platform_detect(&platform);
        AUTO_JSON json_t *labels = platform_labels(&platform);
        AUTO_STRING char *dump = json_to_string(labels);
        AUTO_STRING char *sentence = platform_sentence(&platform);
        assert_string_equal(platform.name, TABLE[i].name);
        assert_int_equal(platform.reads_json, TABLE[i].reads_json);
        assert_int_equal(platform.is_cloud_run, TABLE[i].is_cloud_run);
        assert_string_equal(dump, TABLE[i].labels);
        assert_string_equal(sentence, TABLE[i].sentence);
    }
    clear();
}

static void
elsewhere_the_host_speaks_for_itself(UNUSED void **state)
{
    struct platform platform;
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
    struct platform platform;
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
        cmocka_unit_test(elsewhere_the_host_speaks_for_itself),
        cmocka_unit_test(the_history_learns_the_platform_and_the_host),
    };

    return RUN_TESTS(tests);
}
