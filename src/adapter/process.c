/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "adapter/signals.h"

void
process_protect(void)
{
    prctl(PR_SET_DUMPABLE, 0);
}

void
process_fill_descriptors(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
        if (fcntl(number, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number)
            _exit(1);
    }
}

bool
process_become(char *const argv[], struct error *err)
{
    fflush(stdout);
    signals_restore();
    if (signals_is_stop_requested()) /* meanwhile: the program would never hear of it */
        return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
    execvp(argv[0], argv);

    int code = errno;
    signals_install();
    error_set(err, ERROR_SYSTEM, "cannot run %.200s: %s", argv[0], strerror(code));
    return error_hint(err, "What stands behind -- is a program and its arguments, without a shell; "
                           "an image from scratch has none but its own.");
}
