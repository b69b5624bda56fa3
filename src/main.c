/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/json.h"
#include "cli/cli.h"

extern char **environ;

int
main(int argc, char *argv[])
{
    json_start();
    return cli_run(argc, argv, environ);
}
