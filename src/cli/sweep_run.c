#include "cli/sweep_run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lowbit/status.h"

int lb_cli_sweep_program(const char *command, char program[LB_CLI_PROGRAM_BYTES])
{
    const ssize_t n = readlink("/proc/self/exe", program, LB_CLI_PROGRAM_BYTES - 1);
    if (n <= 0)
        return lb_cli_fail(command, LB_E_IO, "cannot find the command's own file: %s",
                           strerror(errno));
    program[n] = '\0';
    return LB_OK;
}
