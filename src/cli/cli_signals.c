#include "cli/cli_signals.h"

#include <signal.h>
#include <stddef.h>

static void (*wanted)(void);

static void on_signal(int number)
{
    (void)number;
    wanted();
}

void lb_cli_on_stop(void (*stop)(void))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    wanted = stop;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before;
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        (void)sigemptyset(&action.sa_mask);
        if (numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 &&
            before.sa_handler == SIG_IGN)
            continue;
        (void)sigaction(numbers[i], &action, NULL);
    }
}
