/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Platform: where this process runs, told by its environment and, where it has
 * one, by the platform's own endpoint.
 */
#ifndef ADAPTER_PLATFORM_H
#define ADAPTER_PLATFORM_H

#include "adapter/json.h"

/* The strings are its own; NULL where the platform does not say. */
struct platform {
    const char *name;  /* "cloud-run", "ecs", "codebuild", "kubernetes", …, "none"; borrowed */
    bool reads_json;   /* its log viewer understands JSON lines */
    bool is_cloud_run; /* its labels go into each line */
    bool is_follower;  /* one of several tasks at once, and not the first */
    bool is_repeated;  /* it began this execution before, and that attempt failed */
    char *place;       /* project and region, cluster, namespace, repository */
    char *job;         /* the job's or task definition's name, the project, the workflow */
    char *execution;   /* what was started: execution, task, build, pod, run */
    char *task;        /* of several in one execution */
    char *attempt;     /* as the platform counts */
    char *image;       /* the container's image */
    char *revision;    /* the commit, or the task definition's revision */
    char *log_url;     /* a page that shows this log */
};

/* Read the environment. Connects nowhere. */
void platform_detect(struct platform *platform);
void platform_done(struct platform *platform);
#define AUTO_PLATFORM __attribute__((cleanup(platform_done))) struct platform

/*
 * Ask the metadata endpoint of Cloud Run or ECS for what the environment does
 * not say; elsewhere there is none, and nothing is asked. One try, a second
 * in all; what is not learned stays NULL.
 *
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
 * https://cloud.google.com/run/docs/container-contract#metadata-server
 */
void platform_ask(struct platform *platform);

/* For the history's `runner` and run.finished: a new object. */
json_t *platform_describe(const struct platform *platform);

/* For each log line: set its labels, strings. */
void platform_label(const struct platform *platform, json_t *labels);

/* One line for a person: "cloud-run, job migrate, execution migrate-x1". The caller frees it. */
char *platform_sentence(const struct platform *platform);

#endif
