/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

struct folder {
    char *path;
    DIR *stream;
};

static void
close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
}
#define AUTO_DESCRIPTOR __attribute__((cleanup(close_descriptor))) int

void
file_names_done(struct file_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct file_names){0};
}

void
folder_close(struct folder *folder)
{
    if (folder == NULL)
        return;
    closedir(folder->stream);
    free(folder->path);
    free(folder);
}

void
folder_release(struct folder **folder)
{
    folder_close(*folder);
    *folder = NULL;
}

bool
folder_open(const char *path, struct folder **folder, struct error *err)
{
    DIR *stream = opendir(path);

    if (stream == NULL) {
        error_set(
            err, ERROR_INPUT, "cannot open the migrations folder %s: %s", path, strerror(errno));
        return error_hint(
            err, "Name the folder with --path DIR; in an image, COPY it to /migrations.");
    }
    *folder = memory_new(sizeof(**folder));
    (*folder)->path = memory_string(path);
    (*folder)->stream = stream;
    return true;
}

static int
compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

bool
folder_list(struct folder *folder, struct file_names *names, struct error *err)
{
    AUTO_FILE_NAMES found = {0};

    rewinddir(folder->stream);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder->stream);
        if (entry == NULL && errno != 0)
            return error_set(err, ERROR_INPUT, "cannot list the migrations folder %s: %s",
                folder->path, strerror(errno));
        if (entry == NULL)
            break;
        if (entry->d_name[0] != '.')
            *ARRAY_ADD(found.names, found.count, found.capacity) = memory_string(entry->d_name);
    }
    if (found.count > 0)
        qsort(found.names, found.count, sizeof(*found.names), compare_names);
    *names = found;
    found = (struct file_names){0};
    return true;
}

bool
folder_has_folder(const struct folder *folder, const char *name)
{
    struct stat status;

    return fstatat(dirfd(folder->stream), name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

static bool
fail_open(const char *name, bool is_link, int code, struct error *err)
{
    if (code == ENOENT && is_link)
        return error_set(err, ERROR_INPUT, "%s is a link to nothing", name);
    return error_set(err, ERROR_INPUT, "cannot read %s: %s", name, strerror(code));
}

static bool
read_descriptor(int descriptor,
    bool is_regular_wanted,
    const char *name,
    size_t ceiling_bytes,
    char **content,
    size_t *size_bytes,
    struct error *err)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0)
        return error_set(err, ERROR_INPUT, "cannot read %s: %s", name, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(err, ERROR_INPUT, "%s is a folder, not a file", name);
    if (is_regular_wanted && !S_ISREG(status.st_mode))
        return error_set(err, ERROR_INPUT, "%s is not a regular file", name);

    size_t capacity = status.st_size > 0 ? (size_t)status.st_size + 1 : 4096;
    if (capacity > ceiling_bytes)
        capacity = ceiling_bytes + 1;
    AUTO_STRING char *data = memory_resize(NULL, capacity + 1);
    size_t size = 0;
    for (;;) {
        if (size == capacity && capacity <= ceiling_bytes) {
            capacity = capacity * 2 < ceiling_bytes ? capacity * 2 : ceiling_bytes + 1;
            data = memory_resize(data, capacity + 1);
        }
        ssize_t got = read(descriptor, data + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, ERROR_INPUT, "cannot read %s: %s", name, strerror(errno));
        if (got == 0)
            break;
        size += (size_t)got;
        if (S_ISREG(status.st_mode) && size == (size_t)status.st_size && size < capacity)
            break; /* asked for more than it holds, and got it all */
        if (size > ceiling_bytes) {
            error_set(err, ERROR_INPUT, "%s is larger than %zu MiB", name, ceiling_bytes >> 20);
            return error_hint(err, "Raise the ceiling with --max-file-size, or split the file.");
        }
    }
    data[size] = '\0';
    *content = TAKE(data);
    *size_bytes = size;
    return true;
}

bool
folder_read(const struct folder *folder,
    const char *name,
    size_t ceiling_bytes,
    char **content,
    size_t *size_bytes,
    struct error *err)
{
    AUTO_DESCRIPTOR descriptor =
        openat(dirfd(folder->stream), name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (descriptor < 0) {
        int code = errno;
        struct stat status;
        bool is_link = fstatat(dirfd(folder->stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                       S_ISLNK(status.st_mode);
        return fail_open(name, is_link, code, err);
    }
    return read_descriptor(descriptor, true, name, ceiling_bytes, content, size_bytes, err);
}

bool
file_read(
    const char *path, size_t ceiling_bytes, char **content, size_t *size_bytes, struct error *err)
{
    AUTO_DESCRIPTOR descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (descriptor < 0)
        return fail_open(path, false, errno, err);
    return read_descriptor(descriptor, false, path, ceiling_bytes, content, size_bytes, err);
}

bool
file_is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool
file_exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static bool
fail_write(const char *verb, const char *path, int code, struct error *err)
{
    return error_set(err, ERROR_SYSTEM, "cannot %s %s: %s", verb, path, strerror(code));
}

bool
folder_make(const char *path, struct error *err)
{
    AUTO_STRING char *part = memory_string(path);

    for (char *at = part + 1; *part != '\0' && *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return fail_write("make the folder", part, errno, err);
        *at = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail_write("make the folder", path, errno, err);
    return file_is_folder(path) || fail_write("make the folder", path, ENOTDIR, err);
}

void
file_remove(const char *path)
{
    unlink(path);
}

static bool
write_all(int descriptor, const char *content, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t written = write(descriptor, content, size_bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        content += written;
        size_bytes -= (size_t)written;
    }
    return true;
}

/* The rights of the file that is replaced, or those of any new file. */
static mode_t
choose_mode(const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0)
        return status.st_mode & 0777;
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static void
sync_folder(const char *path)
{
    AUTO_DESCRIPTOR descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (descriptor >= 0)
        fsync(descriptor);
}

static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? memory_copy(path, (size_t)(slash + 1 - path)) : memory_string("./");
}

/* A file beside `path`, of a name that readers leave out, with this content on the disk. */
static bool
write_beside(const char *path, const char *content, size_t size_bytes, char **temporary)
{
    AUTO_STRING char *folder = folder_of(path);
    const char *slash = strrchr(path, '/');
    AUTO_STRING char *made =
        memory_printf("%s.%s.XXXXXX", folder, slash != NULL ? slash + 1 : path);
    AUTO_DESCRIPTOR descriptor = mkostemp(made, O_CLOEXEC);

    if (descriptor < 0)
        return false;
    if (fchmod(descriptor, choose_mode(path)) != 0 || !write_all(descriptor, content, size_bytes) ||
        fsync(descriptor) != 0) {
        int code = errno;
        unlink(made);
        errno = code;
        return false;
    }
    *temporary = TAKE(made);
    return true;
}

/* Give it its name, if nobody has it. */
static bool
place_new(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    /* A file system that does not know that. */
    if (file_exists(path)) {
        errno = EEXIST;
        return false;
    }
    return rename(temporary, path) == 0;
}

bool
files_create(const struct new_file *files, size_t count, struct error *err)
{
    char **temporaries = memory_new((count + 1) * sizeof(*temporaries));
    bool is_good = true;
    size_t placed = 0;

    for (size_t i = 0; i < count && is_good; i++) {
        is_good = write_beside(
            files[i].path, files[i].content, strlen(files[i].content), &temporaries[i]);
        if (!is_good)
            fail_write("create", files[i].path, errno, err);
    }
    for (; placed < count && is_good; placed++) {
        is_good = place_new(temporaries[placed], files[placed].path);
        if (!is_good)
            fail_write("create", files[placed].path, errno, err);
    }
    for (size_t i = 0; i < count; i++) {
        AUTO_STRING char *folder = folder_of(files[i].path);
        AUTO_STRING char *temporary = temporaries[i];
        if (is_good)
            sync_folder(folder);
        else if (i + 1 < placed)
            unlink(files[i].path);
        if (temporary != NULL)
            unlink(temporary);
    }
    free(temporaries);
    return is_good;
}

bool
file_replace(const char *path, const char *content, size_t size_bytes, struct error *err)
{
    AUTO_STRING char *resolved = realpath(path, NULL); /* a link stays, its target is replaced */
    const char *target = resolved != NULL ? resolved : path;
    AUTO_STRING char *folder = folder_of(target);
    AUTO_STRING char *temporary = NULL;

    if (!write_beside(target, content, size_bytes, &temporary))
        return fail_write("write", path, errno, err);
    if (rename(temporary, target) != 0) {
        int code = errno;
        unlink(temporary);
        return fail_write("write", path, code, err);
    }
    sync_folder(folder);
    return true;
}
