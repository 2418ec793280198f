/* How runs of a store are shown: a table of many, all of one. */
#ifndef LB_CLI_RESULTS_REPORT_H
#define LB_CLI_RESULTS_REPORT_H

#include "lowbit/results.h"

/** A line a run under a head, the columns aligned; then how many of each state. */
void lb_cli_print_runs(const lb_run_list *list);
/** The cells of each experiment; nothing where there is none. */
lb_status lb_cli_print_experiments(lb_store *store);
/** Facts, settings, epochs and layers of one run. */
lb_status lb_cli_print_run(lb_store *store, const lb_run_record *run);
/** The same as one JSON object. */
lb_status lb_cli_print_run_json(lb_store *store, const lb_run_record *run);
/** One JSON object a line, without epochs and layers. */
void lb_cli_print_runs_json(const lb_run_list *list);

#endif
