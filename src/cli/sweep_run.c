#include "cli/sweep_run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "lowbit/sweep.h"

static void on_signal(int number)
{
    (void)number;
    lb_sweep_stop();
}

void lb_cli_sweep_catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(numbers[i], &action, NULL);
    }
}

int lb_cli_sweep_program(const char *command, char program[LB_CLI_PROGRAM_BYTES])
{
    const ssize_t n = readlink("/proc/self/exe", program, LB_CLI_PROGRAM_BYTES - 1);
    if (n <= 0)
        return lb_cli_fail(command, LB_E_IO, "cannot find the command's own file: %s",
                           strerror(errno));
    program[n] = '\0';
    return LB_OK;
}
