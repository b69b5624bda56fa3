/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch: a temporary folder for one test. What a failing test leaves behind
 * lies in /tmp alone.
 */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#include "unit.h"

static inline char *
scratch_new(void)
{
    char template[] = "/tmp/pgstride-unit-XXXXXX";

    if (mkdtemp(template) == NULL)
        fail_msg("cannot make a folder in /tmp");
    return memory_string(template);
}

static inline void
scratch_write(const char *folder, const char *name, const char *bytes, size_t size_bytes)
{
    AUTO_STRING char *path = memory_printf("%s/%s", folder, name);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, size_bytes), size_bytes);
    close(descriptor);
}

static inline void
scratch_put(const char *folder, const char *name, const char *text)
{
    scratch_write(folder, name, text, strlen(text));
}

static inline void
scratch_put_folder(const char *folder, const char *name)
{
    AUTO_STRING char *path = memory_printf("%s/%s", folder, name);

    assert_int_equal(mkdir(path, 0755), 0);
}

static inline void
scratch_pipe(const char *folder, const char *name)
{
    AUTO_STRING char *path = memory_printf("%s/%s", folder, name);

    assert_int_equal(mkfifo(path, 0644), 0);
}

static inline void
scratch_link(const char *folder, const char *name, const char *target)
{
    AUTO_STRING char *path = memory_printf("%s/%s", folder, name);

    assert_int_equal(symlink(target, path), 0);
}

/* Remove it with all that lies in it, one level deep, and free its name. */
static inline void
scratch_remove(char **folder)
{
    DIR *stream = opendir(*folder);
    const struct dirent *entry = NULL;

    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(stream), entry->d_name, 0) != 0)
            unlinkat(dirfd(stream), entry->d_name, AT_REMOVEDIR);
    }
    closedir(stream);
    assert_int_equal(rmdir(*folder), 0);
    memory_free_string(folder);
}
#define AUTO_SCRATCH __attribute__((cleanup(scratch_remove)))

#endif
