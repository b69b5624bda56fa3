/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New version: what a migration that is created gets for a version, by
 * golang-migrate's rules: the time, or the number after the highest one.
 *
 * Pure: the clock and the folder are read by the caller.
 */
#ifndef ENGINE_NEW_VERSION_H
#define ENGINE_NEW_VERSION_H

#include <stdint.h>
#include <time.h>

#include "adapter/files.h"
#include "base/error.h"

/*
 * The time as a version.
 *
 * `format`  "unix", "unixNano", or a layout of Go's time package, of digits
 *           alone: 2006 06 01 1 02 2 002 15 03 3 04 4 05 5 stand for a time's
 *           parts, another digit for itself. NULL: 20060102150405.
 * `local`   the moment's date and time in the zone that is wanted.
 * Errors    ERROR_USAGE: a layout of more than digits, or a number too large.
 */
MUST_CHECK bool new_version_of_time(
    const char *format, int64_t unix_ns, const struct tm *local, char **version, struct error *err);

/*
 * The number after the highest version in the folder, with leading zeros.
 * Files count that are migrations, or end with `extension`.
 *
 * Errors   ERROR_USAGE: more than `digits`; ERROR_INPUT: a version too large.
 */
MUST_CHECK bool new_version_in_sequence(const struct file_names *names,
    const char *extension,
    int64_t digits,
    char **version,
    struct error *err);

/* Errors   ERROR_INPUT: a file that begins with this version and `_`, leading zeros or not. */
MUST_CHECK bool new_version_is_free(
    const struct file_names *names, const char *version, struct error *err);

#endif
