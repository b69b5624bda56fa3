/* SPDX-License-Identifier: Apache-2.0 */
#include "command/new_pair.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/files.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/atlas_sum.h"
#include "engine/catalog.h"
#include "engine/new_version.h"

void
new_pair_done(struct new_pair *pair)
{
    free(pair->folder);
    free(pair->up);
    free(pair->down);
    *pair = (struct new_pair){0};
}

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

char *
new_pair_folder(const struct config *config)
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

/* A file that was not there, with this content. */
static bool
write_new(const char *path, const char *content, struct error *err)
{
    if (!file_create(path, err))
        return false;
    if (*content == '\0' || file_replace(path, content, strlen(content), err))
        return true;
    file_remove(path);
    return false;
}

bool
new_pair_write(
    const struct new_pair *pair, const char *up_text, const char *down_text, struct error *err)
{
    AUTO_ATLAS_SUM sum = {0};
    AUTO_STRING char *sum_path = NULL;
    AUTO_STRING char *sum_shown = join_path(pair->folder, ATLAS_SUM_NAME);

    if (!folder_make(pair->folder, err))
        return false;
    if (!write_new(pair->up, up_text, err))
        return false;
    if (!write_new(pair->down, down_text, err)) {
        file_remove(pair->up);
        return false;
    }
    if (atlas_sum_exists(pair->folder) &&
        !atlas_sum_update(pair->folder, pair->ceiling_bytes, &sum, &sum_path, err)) {
        file_remove(pair->up);
        file_remove(pair->down);
        return false;
    }
    printf("%s\n%s\n", pair->up, pair->down);
    if (sum_path != NULL)
        puts(sum_shown);
    return true;
}

bool
new_pair_name(
    const struct config *config, const char *name, struct new_pair *pair, struct error *err)
{
    const char *extension = config->extension + (config->extension[0] == '.');
    AUTO_NEW_PAIR made = {
        .folder = new_pair_folder(config),
        .ceiling_bytes = (size_t)config->max_file_mib << 20,
    };
    AUTO_STRING char *title = memory_string(name);
    AUTO_STRING char *version = NULL;
    AUTO_STRING char *up = NULL;
    AUTO_STRING char *down = NULL;
    AUTO_FILE_NAMES names = {0};

    if (!check_part("the name", name, err) || !check_part("--ext", extension, err))
        return false;
    for (char *at = title; *at != '\0'; at++)
        *at = *at == ' ' ? '_' : *at;
    if (!look_around(made.folder, made.ceiling_bytes, &names, err))
        return false;
    if (!choose_version(config, extension, &names, &version, err))
        return false;
    AUTO_STRING char *stem = memory_printf("%s_%s", version, title);
    if (!make_name(stem, FILE_UP, extension, &up, err) ||
        !make_name(stem, FILE_DOWN, extension, &down, err))
        return false;
    made.up = join_path(made.folder, up);
    made.down = join_path(made.folder, down);
    *pair = made;
    made = (struct new_pair){0};
    return true;
}
