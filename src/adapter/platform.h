/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platform: where this process runs, told by its environment.
 */
#ifndef ADAPTER_PLATFORM_H
#define ADAPTER_PLATFORM_H

#include "adapter/json.h"

struct platform {
    const char *name;  /* "cloud-run", "ecs", "codebuild", "kubernetes", …, "none" */
    bool reads_json;   /* its log viewer understands JSON lines */
    bool is_cloud_run; /* its labels go into each line */
    const char *job;   /* NULL where the platform says none; the same for the next three */
    const char *execution;
    const char *task;
    const char *attempt;
};

void platform_detect(struct platform *platform);

/* For the history's `runner`: a new object. */
json_t *platform_describe(const struct platform *platform);

/* For each log line: a new object of strings. */
json_t *platform_labels(const struct platform *platform);

/* One line for a person: "cloud-run, job migrate, execution migrate-x1". The caller frees it. */
char *platform_sentence(const struct platform *platform);

#endif
