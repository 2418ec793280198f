/* How far a long command is: on standard error a line that updates itself on a terminal, elsewhere a
 * plain line now and then. */
#ifndef LB_CLI_CLI_PROGRESS_H
#define LB_CLI_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Initialize with {.what = "images"}. */
typedef struct lb_cli_progress {
    const char *what;
    double start, last; /* seconds; last: of the last line */
    bool started, open; /* open: the terminal's updating line stands */
} lb_cli_progress;

/** Tell that `done` of `total` are done. */
void lb_cli_progress_show(lb_cli_progress *progress, size_t done, size_t total);
/** Clear the updating line, before something else is printed. */
void lb_cli_progress_end(lb_cli_progress *progress);

#endif
