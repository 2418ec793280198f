/* How a sweep is shown: on a terminal one line for the whole and one for each worker that update themselves, plain
 * lines elsewhere, or one JSON object a line. */
#ifndef LB_CLI_SWEEP_REPORT_H
#define LB_CLI_SWEEP_REPORT_H

#include <stdbool.h>

#include "lowbit/sweep.h"

typedef struct lb_cli_sweep_report {
    bool json, terminal;
    size_t lines_open;    /* of the terminal, that update themselves */
    double last_progress; /* seconds of the last plain progress line */
    size_t done, cells, failed;
} lb_cli_sweep_report;

/** An lb_sweep_fn; `user` is an lb_cli_sweep_report. */
void lb_cli_sweep_event(const lb_sweep_event *event, void *user);

/** Print every cell and their number, as --dry-run does. Errors: as lb_sweep_list. */
lb_status lb_cli_sweep_list(const lb_experiment *experiment, const lb_sweep_options *options,
                            bool json);

/** Print the cells that failed, and why. Errors: as lb_sweep_list. */
lb_status lb_cli_sweep_failures(const lb_experiment *experiment, const char *store);

#endif
