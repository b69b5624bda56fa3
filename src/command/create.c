/* SPDX-License-Identifier: Apache-2.0 */
/* create NAME: writes a new pair of empty files, as golang-migrate does. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/files.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/command.h"
#include "engine/atlas_sum.h"
#include "engine/catalog.h"
#include "engine/new_version.h"

static const char USAGE[] =
    "pgstride create [-ext EXT] [-dir DIR] [-seq] [-digits N] [-format FORMAT] [-tz ZONE] NAME";

/* A part of a file's name: no slash, nothing that acts in a terminal, UTF-8. */
static bool
check_part(const char *what, const char *part, struct error *err)
{
    if (*part == '\0')
        return error_set(err, ERROR_USAGE, "%s is empty", what);
    if (strchr(part, '/') != NULL)
        return error_set(err, ERROR_USAGE, "%s holds a slash: \"%.100s\"", what, part);
    if (utf8_valid(part, strlen(part)) != strlen(part))
        return error_set(err, ERROR_USAGE, "%s is not UTF-8", what);
    for (const char *at = part; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at))
            return error_set(err, ERROR_USAGE, "%s holds a control character", what);
    }
    return true;
}

static bool
read_title(const struct invocation *invocation, char **title, struct error *err)
{
    if (!command_check_arguments(invocation, 1, USAGE, err))
        return false;
    if (invocation->arguments_count == 0) {
        error_set(err, ERROR_USAGE, "create needs a name");
        return error_hint(err, "Usage: %s", USAGE);
    }
    if (!check_part("the name", invocation->arguments[0], err))
        return false;
    *title = memory_string(invocation->arguments[0]);
    for (char *at = *title; *at != '\0'; at++)
        *at = *at == ' ' ? '_' : *at;
    return true;
}

static char *
choose_folder(const struct config *config)
{
    const char *chosen = config->directory;

    if (chosen == NULL && config->is_path_given)
        chosen = config->path;
    if (chosen == NULL)
        chosen = file_is_folder("migrations") ? "migrations" : ".";
    size_t size = strlen(chosen);
    while (size > 1 && chosen[size - 1] == '/')
        size--;
    return memory_copy(chosen, size);
}

/* What stands there; nothing when the folder does not exist. */
static bool
look_around(const char *path, size_t ceiling_bytes, struct file_names *names, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;

    if (!file_exists(path))
        return true;
    if (!folder_open(path, &folder, err) || !folder_list(folder, names, err))
        return false;
    /* A sum that is wrong already must not be made right by the way. */
    return atlas_sum_check(folder, names, ceiling_bytes, err);
}

static bool
choose_version(const struct config *config,
    const char *extension,
    const struct file_names *names,
    char **version,
    struct error *err)
{
    int64_t now_ns = clock_unix_ns();
    struct tm local = {0};

    if (config->is_sequential && config->time_format != NULL)
        return error_set(err, ERROR_USAGE, "--seq and --format exclude each other");
    if (config->is_sequential) {
        if (!new_version_in_sequence(names, extension, config->digits, version, err))
            return false;
    } else {
        if (!clock_in_zone(now_ns / 1000000000, config->time_zone, &local, err))
            return error_prefix(err, "--tz");
        if (!new_version_of_time(config->time_format, now_ns, &local, version, err))
            return false;
    }
    return new_version_is_free(names, *version, err);
}

/* The file's name, which must be read again as what it is. */
static bool
make_name(const char *stem,
    enum file_direction direction,
    const char *extension,
    char **name,
    struct error *err)
{
    AUTO_STRING char *made =
        memory_printf("%s.%s.%s", stem, direction == FILE_UP ? "up" : "down", extension);
    enum file_direction found = direction;
    size_t digits = 0;
    size_t title_bytes = 0;
    bool is_near = false;

    if (!catalog_match_name(made, &digits, &title_bytes, &found, &is_near) || found != direction ||
        digits + 1 + title_bytes != strlen(stem))
        return error_set(err, ERROR_USAGE, "--ext: %s would be taken for another migration", made);
    *name = TAKE(made);
    return true;
}

static char *
join_path(const char *folder, const char *name)
{
    if (strcmp(folder, ".") == 0)
        return memory_string(name);
    return memory_printf("%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", name);
}

/* Both files and, where there is one, atlas.sum; or nothing. */
static bool
write_pair(
    const char *folder, const char *up, const char *down, size_t ceiling_bytes, struct error *err)
{
    AUTO_ATLAS_SUM sum = {0};
    AUTO_STRING char *sum_path = NULL;
    AUTO_STRING char *sum_shown = join_path(folder, ATLAS_SUM_NAME);

    if (!folder_make(folder, err))
        return false;
    if (!file_create(up, err))
        return false;
    if (!file_create(down, err)) {
        file_remove(up);
        return false;
    }
    if (atlas_sum_exists(folder) &&
        !atlas_sum_update(folder, ceiling_bytes, &sum, &sum_path, err)) {
        file_remove(up);
        file_remove(down);
        return false;
    }
    printf("%s\n%s\n", up, down);
    if (sum_path != NULL)
        puts(sum_shown);
    return true;
}

bool
command_create(const struct invocation *invocation, struct error *err)
{
    const struct config *config = invocation->config;
    const char *extension = config->extension + (config->extension[0] == '.');
    size_t ceiling_bytes = (size_t)config->max_file_mib << 20;
    AUTO_STRING char *folder = choose_folder(config);
    AUTO_STRING char *title = NULL;
    AUTO_STRING char *version = NULL;
    AUTO_STRING char *up = NULL;
    AUTO_STRING char *down = NULL;
    AUTO_FILE_NAMES names = {0};

    if (!read_title(invocation, &title, err))
        return false;
    if (!check_part("--ext", extension, err))
        return false;
    if (!look_around(folder, ceiling_bytes, &names, err))
        return false;
    if (!choose_version(config, extension, &names, &version, err))
        return false;
    AUTO_STRING char *stem = memory_printf("%s_%s", version, title);
    if (!make_name(stem, FILE_UP, extension, &up, err) ||
        !make_name(stem, FILE_DOWN, extension, &down, err))
        return false;
    AUTO_STRING char *up_path = join_path(folder, up);
    AUTO_STRING char *down_path = join_path(folder, down);
    return write_pair(folder, up_path, down_path, ceiling_bytes, err);
}
