/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/atlas_sum.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { HASH_BYTES = DIGEST_BASE64_BYTES - 1 };

static const char MARK[] = "h1:";
static const char UP_END[] = ".up.sql";
static const char SQL_END[] = ".sql";
static const char WRITE_ANEW[] =
    "Run `pgstride hash` to write it anew, when the migrations are as they should be.";

void
atlas_sum_done(struct atlas_sum *sum)
{
    for (size_t i = 0; i < sum->count; i++)
        free(sum->entries[i].name);
    free(sum->entries);
    *sum = (struct atlas_sum){0};
}

static bool
ends_with(const char *name, size_t size_bytes, const char *end)
{
    size_t end_size = strlen(end);

    return size_bytes >= end_size && memcmp(name + size_bytes - end_size, end, end_size) == 0;
}

/* The directive is looked for in the first line's printable ASCII, the last of several counts. */
static bool
is_ignored(const char *content)
{
    static const char DIRECTIVE[] = "atlas:";
    const char *found = NULL;
    const char *end = content;

    while (*end >= ' ' && *end <= '~')
        end++;
    for (const char *at = content; end - at > (ptrdiff_t)strlen(DIRECTIVE); at++) {
        const char *word = at + strlen(DIRECTIVE);
        if (memcmp(at, DIRECTIVE, strlen(DIRECTIVE)) == 0 &&
            (isalnum((unsigned char)*word) || *word == '_'))
            found = word;
    }
    if (found == NULL || strncmp(found, "sum ", 4) != 0)
        return false;
    found += strspn(found + 3, " ") + 3;
    return end - found == 6 && memcmp(found, "ignore", 6) == 0;
}

static void
add_total(struct atlas_sum *sum)
{
    AUTO_DIGEST struct digest *digest = digest_new();

    for (size_t i = 0; i < sum->count; i++) {
        digest_add(digest, sum->entries[i].name, strlen(sum->entries[i].name));
        digest_add(digest, sum->entries[i].hash, HASH_BYTES);
    }
    digest_base64(digest, sum->total);
}

static bool
check_name(const char *name, struct error *err)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at))
            return error_set(err, ERROR_INPUT,
                "the name of %s holds a control character, which " ATLAS_SUM_NAME " cannot list",
                name);
    }
    return true;
}

bool
atlas_sum_compute(const struct folder *folder,
    const struct file_names *names,
    enum atlas_filter filter,
    size_t ceiling_bytes,
    struct atlas_sum *sum,
    struct error *err)
{
    AUTO_DIGEST struct digest *digest = digest_new();
    AUTO_ATLAS_SUM computed = {0};

    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->names[i];
        AUTO_STRING char *content = NULL;
        size_t size = 0;
        if (!ends_with(name, strlen(name), filter == ATLAS_UP_FILES ? UP_END : SQL_END))
            continue;
        if (!check_name(name, err))
            return false;
        if (!folder_read(folder, name, ceiling_bytes, &content, &size, err))
            return false;
        digest_add(digest, name, strlen(name));
        if (is_ignored(content))
            continue;
        digest_add(digest, content, size);
        struct atlas_entry *entry = ARRAY_ADD(computed.entries, computed.count, computed.capacity);
        entry->name = memory_string(name);
        digest_base64(digest, entry->hash);
    }
    add_total(&computed);
    *sum = computed;
    computed = (struct atlas_sum){0};
    return true;
}

void
atlas_sum_write(const struct atlas_sum *sum, struct text *text)
{
    text_printf(text, "%s%s\n", MARK, sum->total);
    for (size_t i = 0; i < sum->count; i++)
        text_printf(text, "%s %s%s\n", sum->entries[i].name, MARK, sum->entries[i].hash);
}

/* "h1:" and a SHA-256 in base64, and nothing behind it. */
static bool
read_hash(const char *text, size_t size_bytes, char hash[DIGEST_BASE64_BYTES])
{
    static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (size_bytes != strlen(MARK) + HASH_BYTES || memcmp(text, MARK, strlen(MARK)) != 0)
        return false;
    text += strlen(MARK);
    for (size_t i = 0; i + 1 < HASH_BYTES; i++) {
        if (text[i] == '\0' || strchr(BASE64, text[i]) == NULL)
            return false;
    }
    if (text[HASH_BYTES - 1] != '=')
        return false;
    memcpy(hash, text, HASH_BYTES);
    hash[HASH_BYTES] = '\0';
    return true;
}

/* "NAME h1:HASH"; a name may have spaces. */
static bool
read_entry(const char *line, size_t size_bytes, struct atlas_sum *sum)
{
    size_t hash_bytes = strlen(MARK) + HASH_BYTES;
    struct atlas_entry entry;

    if (size_bytes < hash_bytes + 2 || line[size_bytes - hash_bytes - 1] != ' ')
        return false;
    size_t name_bytes = size_bytes - hash_bytes - 1;
    if (memchr(line, '\0', name_bytes) != NULL ||
        !read_hash(line + name_bytes + 1, hash_bytes, entry.hash))
        return false;
    entry.name = memory_copy(line, name_bytes);
    *ARRAY_ADD(sum->entries, sum->count, sum->capacity) = entry;
    return true;
}

static bool
read_line(
    const char *line, size_t size_bytes, size_t number, struct atlas_sum *sum, struct error *err)
{
    const char *shape = number == 1 ? "h1:SUM" : "NAME h1:SUM";
    bool is_read =
        number == 1 ? read_hash(line, size_bytes, sum->total) : read_entry(line, size_bytes, sum);

    if (!is_read)
        error_set(
            err, ERROR_INPUT, "this line is not \"%s\", SUM being a SHA-256 in base64", shape);
    else if (sum->count > 1 &&
             strcmp(sum->entries[sum->count - 2].name, sum->entries[sum->count - 1].name) >= 0)
        error_set(err, ERROR_INPUT, "%s does not stand in the bytewise order of the names",
            sum->entries[sum->count - 1].name);
    else
        return true;
    error_place(err, ATLAS_SUM_NAME, number, 0);
    return error_hint(err, WRITE_ANEW);
}

bool
atlas_sum_parse(const char *text, size_t size_bytes, struct atlas_sum *sum, struct error *err)
{
    AUTO_ATLAS_SUM parsed = {0};
    size_t number = 0;
    size_t from = 0;

    do {
        const char *newline = memchr(text + from, '\n', size_bytes - from);
        size_t to = newline != NULL ? (size_t)(newline - text) : size_bytes;
        size_t end = newline != NULL && to > from && text[to - 1] == '\r' ? to - 1 : to;
        if (!read_line(text + from, end - from, ++number, &parsed, err))
            return false;
        from = to + 1;
    } while (from < size_bytes);
    *sum = parsed;
    parsed = (struct atlas_sum){0};
    return true;
}

enum atlas_filter
atlas_sum_filter(const char *text)
{
    for (const char *at = strstr(text, " h1:"); at != NULL; at = strstr(at + 1, " h1:")) {
        size_t before = (size_t)(at - text);
        if (ends_with(text, before, SQL_END) && !ends_with(text, before, UP_END))
            return ATLAS_SQL_FILES;
    }
    return ATLAS_UP_FILES;
}

static bool
fail_changed(const char *name, const char *change, struct error *err)
{
    error_set(err, ERROR_INPUT, "%s was %s since " ATLAS_SUM_NAME " was written", name, change);
    return error_hint(
        err, "Run `pgstride hash` when the change is meant; else put the folder back as it was.");
}

/* A hash holds all that stands before it, so the first that differs is the culprit. */
static bool
compare(const struct atlas_sum *listed, const struct atlas_sum *found, struct error *err)
{
    size_t i = 0;

    while (i < listed->count && i < found->count &&
           strcmp(listed->entries[i].name, found->entries[i].name) == 0) {
        if (strcmp(listed->entries[i].hash, found->entries[i].hash) != 0)
            return fail_changed(found->entries[i].name, "edited", err);
        i++;
    }
    if (i < listed->count &&
        (i == found->count || strcmp(listed->entries[i].name, found->entries[i].name) < 0))
        return fail_changed(listed->entries[i].name, "removed", err);
    if (i < found->count)
        return fail_changed(found->entries[i].name, "added", err);
    return true;
}

static bool
check_total(const struct atlas_sum *sum, struct error *err)
{
    struct atlas_sum lines = {.entries = sum->entries, .count = sum->count};

    add_total(&lines);
    if (strcmp(lines.total, sum->total) == 0)
        return true;
    error_set(err, ERROR_INPUT,
        "the sum in this line is not that of the lines below it: the file was edited or merged by "
        "hand");
    error_place(err, ATLAS_SUM_NAME, 1, 0);
    return error_hint(err, WRITE_ANEW);
}

static bool
is_listed(const struct file_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], ATLAS_SUM_NAME) == 0)
            return true;
    }
    return false;
}

bool
atlas_sum_check(const struct folder *folder,
    const struct file_names *names,
    size_t ceiling_bytes,
    struct error *err)
{
    AUTO_STRING char *text = NULL;
    AUTO_ATLAS_SUM listed = {0};
    AUTO_ATLAS_SUM found = {0};
    size_t size = 0;

    if (!is_listed(names))
        return true;
    if (!folder_read(folder, ATLAS_SUM_NAME, ceiling_bytes, &text, &size, err))
        return false;
    if (!atlas_sum_parse(text, size, &listed, err))
        return false;
    if (!check_total(&listed, err))
        return false;
    if (!atlas_sum_compute(folder, names, atlas_sum_filter(text), ceiling_bytes, &found, err))
        return false;
    return compare(&listed, &found, err);
}

bool
atlas_sum_exists(const char *path)
{
    AUTO_STRING char *file = memory_printf("%s/%s", path, ATLAS_SUM_NAME);

    return file_exists(file);
}

bool
atlas_sum_update(
    const char *path, size_t ceiling_bytes, struct atlas_sum *sum, char **file, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};
    AUTO_STRING char *old = NULL;
    AUTO_STRING char *place = memory_printf("%s/%s", path, ATLAS_SUM_NAME);
    AUTO_ATLAS_SUM computed = {0};
    AUTO_TEXT text = TEXT_INIT;
    size_t old_bytes = 0;

    if (!folder_open(path, &folder, err) || !folder_list(folder, &names, err))
        return false;
    if (is_listed(&names) &&
        !folder_read(folder, ATLAS_SUM_NAME, ceiling_bytes, &old, &old_bytes, err))
        return false;
    enum atlas_filter filter = old != NULL ? atlas_sum_filter(old) : ATLAS_UP_FILES;
    if (!atlas_sum_compute(folder, &names, filter, ceiling_bytes, &computed, err))
        return false;
    atlas_sum_write(&computed, &text);
    if (!file_replace(place, text_string(&text), text.size_bytes, err))
        return false;
    *sum = computed;
    computed = (struct atlas_sum){0};
    *file = TAKE(place);
    return true;
}
