/* SPDX-License-Identifier: Apache-2.0 */
#include "command/new_pairs.h"

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

enum { NS_PER_S = 1000000000 };

void
new_pairs_done(struct new_pairs *pairs)
{
    free(pairs->folder);
    for (size_t i = 0; i < pairs->count; i++)
        free(pairs->paths[i]);
    free(pairs->paths);
    *pairs = (struct new_pairs){0};
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
new_pairs_folder(const struct config *config)
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

/* Of the pair `index`, from 0, of those that are made together. */
static bool
choose_version(const struct config *config,
    const char *extension,
    const struct file_names *names,
    size_t index,
    char **version,
    struct error *err)
{
    int64_t at_ns = clock_unix_ns() + (int64_t)index * NS_PER_S;
    struct tm local = {0};

    if (config->is_sequential && config->time_format != NULL)
        return error_set(err, ERROR_USAGE, "--seq and --format exclude each other");
    if (config->is_sequential) {
        if (!new_version_in_sequence(names, extension, config->digits, version, err))
            return false;
    } else {
        if (!clock_in_zone(at_ns / NS_PER_S, config->time_zone, &local, err))
            return error_prefix(err, "--tz");
        if (!new_version_of_time(config->time_format, at_ns, &local, version, err))
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

static void
remove_all(const struct new_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        file_remove(pairs->paths[i]);
}

bool
new_pairs_write(const struct new_pairs *pairs, const char *const *texts, struct error *err)
{
    AUTO_ATLAS_SUM sum = {0};
    AUTO_STRING char *sum_path = NULL;
    AUTO_STRING char *sum_shown = join_path(pairs->folder, ATLAS_SUM_NAME);

    if (!folder_make(pairs->folder, err))
        return false;
    struct new_file *files = memory_new((pairs->count + 1) * sizeof(*files));
    for (size_t i = 0; i < pairs->count; i++)
        files[i] = (struct new_file){.path = pairs->paths[i], .content = texts[i]};
    bool is_made = files_create(files, pairs->count, err);
    free(files);
    if (!is_made)
        return false;
    if (atlas_sum_exists(pairs->folder) &&
        !atlas_sum_update(pairs->folder, pairs->ceiling_bytes, &sum, &sum_path, err)) {
        remove_all(pairs);
        return false;
    }
    for (size_t i = 0; i < pairs->count; i += 2)
        printf("%s\n%s\n", pairs->paths[i + 1], pairs->paths[i]);
    if (sum_path != NULL)
        puts(sum_shown);
    return true;
}

/* Add the pair's paths, and its names to those that are there. */
static bool
add_pair(const struct config *config,
    const char *title,
    size_t index,
    struct file_names *names,
    struct new_pairs *pairs,
    struct error *err)
{
    const char *extension = config->extension + (config->extension[0] == '.');
    AUTO_STRING char *version = NULL;
    AUTO_STRING char *up = NULL;
    AUTO_STRING char *down = NULL;

    if (!choose_version(config, extension, names, index, &version, err))
        return false;
    AUTO_STRING char *stem = memory_printf("%s_%s", version, title);
    if (!make_name(stem, FILE_UP, extension, &up, err) ||
        !make_name(stem, FILE_DOWN, extension, &down, err))
        return false;
    pairs->paths[pairs->count++] = join_path(pairs->folder, down);
    pairs->paths[pairs->count++] = join_path(pairs->folder, up);
    *ARRAY_ADD(names->names, names->count, names->capacity) = TAKE(up);
    return true;
}

bool
new_pairs_name(const struct config *config,
    const char *name,
    size_t count,
    struct new_pairs *pairs,
    struct error *err)
{
    const char *extension = config->extension + (config->extension[0] == '.');
    AUTO_NEW_PAIRS made = {
        .folder = new_pairs_folder(config),
        .ceiling_bytes = (size_t)config->max_file_mib << 20,
    };
    AUTO_STRING char *title = memory_string(name);
    AUTO_FILE_NAMES names = {0};

    if (!check_part("the name", name, err) || !check_part("--ext", extension, err))
        return false;
    for (char *at = title; *at != '\0'; at++)
        *at = *at == ' ' ? '_' : *at;
    if (!look_around(made.folder, made.ceiling_bytes, &names, err))
        return false;
    made.paths = memory_new((2 * count + 1) * sizeof(*made.paths));
    for (size_t i = 0; i < count; i++) {
        AUTO_STRING char *numbered =
            count > 1 ? memory_printf("%s_%zu", title, i + 1) : memory_string(title);
        if (!add_pair(config, numbered, i, &names, &made, err))
            return false;
    }
    *pairs = made;
    made = (struct new_pairs){0};
    return true;
}
