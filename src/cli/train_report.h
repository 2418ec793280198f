/* How the events of a training are shown: a line that updates itself on a terminal, plain lines
 * elsewhere, or one JSON object a line. */
#ifndef LB_CLI_TRAIN_REPORT_H
#define LB_CLI_TRAIN_REPORT_H

#include <stdbool.h>

#include "lowbit/train.h"

typedef struct lb_cli_report {
    bool json, terminal;
    bool diverged;        /* set by the result event: status "dnc"                 */
    bool line_open;       /* the terminal's updating line stands                   */
    double last_progress; /* seconds of the last plain progress line               */
} lb_cli_report;

/** An lb_event_fn; `user` is an lb_cli_report. */
void lb_cli_report_event(const lb_event *event, void *user);

/** End the updating line, before something else is printed. */
void lb_cli_report_end(lb_cli_report *report);

#endif
