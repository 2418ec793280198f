#include "cli/cli_progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Seconds between two lines: on a terminal often enough to look alive, in a log file seldom. */
static const double terminal_every = 0.2, plain_every = 10.0;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void lb_cli_progress_end(lb_cli_progress *p)
{
    if (p->open) (void)fputs("\r\033[K", stderr);
    p->open = false;
}

void lb_cli_progress_show(lb_cli_progress *p, size_t done, size_t total)
{
    const double time = now();
    const bool terminal = isatty(STDERR_FILENO) == 1;
    if (!p->started) p->start = p->last = time;
    p->started = true;
    if (time - p->last < (terminal ? terminal_every : plain_every)) return;
    p->last = time;
    const double seconds = time - p->start;
    lb_cli_progress_end(p);
    (void)fprintf(stderr, "%zu of %zu %s  %.0f s%s", done, total, p->what, seconds,
                  terminal ? "" : "\n");
    (void)fflush(stderr);
    p->open = terminal;
}
