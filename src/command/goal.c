/* SPDX-License-Identifier: Apache-2.0 */
#include "command/goal.h"

#include <string.h>

#include "base/memory.h"
#include "base/parse.h"

static const struct {
    const char *name;
    const char *usage;
    enum plan_goal kind;
} GOALS[] = {
    {"up", "pgstride up [N]", PLAN_UP},
    {"down", "pgstride down N, or pgstride down --all", PLAN_DOWN},
    {"goto", "pgstride goto V", PLAN_GOTO},
};

static bool
read_argument(const char *text, struct goal *goal, struct error *err)
{
    int64_t limit = 0;

    if (goal->kind == PLAN_GOTO)
        return parse_version(text, strlen(text), &goal->version, err);
    if (!parse_number(text, 1, INT32_MAX, &limit, err))
        return false;
    goal->limit = (size_t)limit;
    return true;
}

bool
goal_read(const char *name,
    const char *const *arguments,
    size_t count,
    bool is_all,
    struct goal *goal,
    bool *is_vague,
    struct error *err)
{
    size_t i = 0;

    while (i < ARRAY_LENGTH(GOALS) && strcmp(GOALS[i].name, name) != 0)
        i++;
    if (i == ARRAY_LENGTH(GOALS)) {
        error_set(err, ERROR_USAGE, "\"%.60s\" is none of up, down and goto", name);
        return error_hint(err, "Usage: pgstride plan [up [N] | down N | down --all | goto V]");
    }
    struct goal read = {.kind = GOALS[i].kind};
    if (count > 1) {
        error_set(err, ERROR_USAGE, "unexpected argument \"%.60s\"", arguments[1]);
        return error_hint(err, "Usage: %s", GOALS[i].usage);
    }
    if (count == 1 && !read_argument(arguments[0], &read, err))
        return error_prefix(err, "%s", name);
    if (count == 1 && is_all) {
        error_set(err, ERROR_USAGE, "%s takes a number or --all, not both", name);
        return error_hint(err, "Usage: %s", GOALS[i].usage);
    }
    if (count == 0 && read.kind == PLAN_GOTO) {
        error_set(err, ERROR_USAGE, "goto needs a version");
        return error_hint(err, "Usage: %s", GOALS[i].usage);
    }
    *is_vague = count == 0 && read.kind == PLAN_DOWN && !is_all;
    *goal = read;
    return true;
}

bool
goal_read_arguments(
    const struct invocation *invocation, const char *command, struct goal *goal, struct error *err)
{
    const char *const *arguments = invocation->arguments;
    size_t count = invocation->arguments_count;
    bool is_vague = false;

    if (!goal_read(count > 0 ? arguments[0] : "up", arguments + 1, count > 0 ? count - 1 : 0,
            invocation->config->is_all, goal, &is_vague, err))
        return false;
    if (!is_vague)
        return true;
    error_set(err, ERROR_USAGE, "down was not told how many migrations to revert");
    return error_hint(
        err, "Write pgstride %s down N, or pgstride %s down --all.", command, command);
}
