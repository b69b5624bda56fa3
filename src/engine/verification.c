/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/verification.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parse.h"
#include "engine/atlas_sum.h"
#include "engine/script.h"

/* A file whose name is a migration's. */
struct named_file {
    const char *name; /* borrowed from the list of names */
    int64_t version;
    enum file_direction direction;
};

struct named_files {
    struct named_file *files;
    size_t count;
    size_t capacity;
};

static void
named_files_done(struct named_files *named)
{
    free(named->files);
}
#define AUTO_NAMED_FILES __attribute__((cleanup(named_files_done))) struct named_files

void
verification_done(struct verification *verification)
{
    for (size_t i = 0; i < verification->count; i++) {
        free(verification->findings[i].file);
        free(verification->findings[i].message);
        free(verification->findings[i].hint);
    }
    free(verification->findings);
    *verification = (struct verification){0};
}

static struct finding *
add_finding(struct verification *verification, bool is_failure, char *message)
{
    struct finding *finding =
        ARRAY_ADD(verification->findings, verification->count, verification->capacity);

    finding->is_failure = is_failure;
    finding->message = message;
    verification->failures += is_failure;
    return finding;
}

static void
add_error(struct verification *verification, const struct error *err)
{
    struct finding *finding = add_finding(verification, true, memory_string(err->message));

    finding->file = err->file[0] != '\0' ? memory_string(err->file) : NULL;
    finding->line = err->line;
    finding->column = err->column;
    finding->hint = err->hint[0] != '\0' ? memory_string(err->hint) : NULL;
}

static void
check_names(
    const struct file_names *names, struct named_files *named, struct verification *verification)
{
    for (size_t i = 0; i < names->count; i++) {
        struct named_file file = {.name = names->names[i]};
        struct error ignored = ERROR_INIT;
        size_t digits = 0;
        size_t title_bytes = 0;
        bool is_near = false;
        if (!catalog_match_name(file.name, &digits, &title_bytes, &file.direction, &is_near)) {
            if (is_near)
                add_finding(verification, true, catalog_near_miss(file.name));
        } else if (!parse_version(file.name, digits, &file.version, &ignored)) {
            add_finding(
                verification, true, memory_printf("the version of %s is too large", file.name));
        } else {
            *ARRAY_ADD(named->files, named->count, named->capacity) = file;
        }
    }
}

/* By version, up before down, then by name. */
static int
compare_files(const void *left, const void *right)
{
    const struct named_file *a = left;
    const struct named_file *b = right;

    if (a->version != b->version)
        return a->version < b->version ? -1 : 1;
    if (a->direction != b->direction)
        return a->direction < b->direction ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The files of one version, sorted. */
static void
check_pair(const struct named_file *files, size_t count, struct verification *verification)
{
    const struct named_file *last = &files[count - 1];

    for (size_t i = 1; i < count; i++) {
        if (files[i].direction == files[i - 1].direction)
            add_finding(verification, true,
                memory_printf("%s and %s are both the %s file of version %" PRId64,
                    files[i - 1].name, files[i].name, files[i].direction == FILE_UP ? "up" : "down",
                    files[i].version));
    }
    if (files->direction == FILE_DOWN)
        add_finding(verification, true, memory_printf("%s has no up file", files->name));
    else if (last->direction == FILE_UP)
        add_finding(verification, false, memory_printf("%s has no down file", files->name));
}

static void
check_pairs(struct named_files *named, struct verification *verification)
{
    if (named->count > 1)
        qsort(named->files, named->count, sizeof(*named->files), compare_files);
    for (size_t from = 0, to = 0; from < named->count; from = to) {
        while (to < named->count && named->files[to].version == named->files[from].version)
            to++;
        check_pair(&named->files[from], to - from, verification);
        verification->migrations++;
    }
}

static void
check_files(const struct folder *folder,
    const struct named_files *named,
    size_t ceiling_bytes,
    struct verification *verification)
{
    for (size_t i = 0; i < named->count; i++) {
        const char *name = named->files[i].name;
        AUTO_STRING char *text = NULL;
        AUTO_SCRIPT script = {0};
        struct error err = ERROR_INIT;
        size_t size = 0;
        if (!catalog_read_text(folder, name, ceiling_bytes, &text, &size, &err) ||
            !script_parse(name, text, size, &script, &err))
            add_error(verification, &err);
    }
}

bool
verification_of_folder(
    const char *path, size_t ceiling_bytes, struct verification *verification, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};
    AUTO_NAMED_FILES named = {0};
    struct error found = ERROR_INIT;

    if (!folder_open(path, &folder, err) || !folder_list(folder, &names, err))
        return false;
    check_names(&names, &named, verification);
    if (named.count == 0)
        add_finding(
            verification, true, memory_printf("the migrations folder %s holds no migration", path));
    check_pairs(&named, verification);
    check_files(folder, &named, ceiling_bytes, verification);
    if (!atlas_sum_check(folder, &names, ceiling_bytes, &found))
        add_error(verification, &found);
    return true;
}

void
verification_of_state(const struct state *state, struct verification *verification)
{
    for (size_t i = 0; i < state->count; i++) {
        const char *name = state->rows[i].name;
        switch (state->rows[i].state) {
        case STATE_CHANGED:
            add_finding(
                verification, true, memory_printf("%s was edited after it was applied", name));
            break;
        case STATE_MISSING:
            add_finding(
                verification, true, memory_printf("%s is applied, and not in the folder", name));
            break;
        case STATE_FAILED:
            add_finding(verification, false,
                memory_printf("%s began outside a transaction, and is not finished", name));
            break;
        case STATE_APPLIED:
        case STATE_PENDING:
            break;
        }
    }
}
