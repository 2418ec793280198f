/* Our results beside a paper's, as a table in the paper's layout, CSV or JSON. */
#ifndef LB_CLI_COMPARISON_REPORT_H
#define LB_CLI_COMPARISON_REPORT_H

#include "lowbit/reproduce.h"

/** Print a Markdown table, three lines a row (ours, the paper's, the difference), and what it sums up to. */
lb_status lb_cli_comparison_table(const lb_experiment *experiment, const lb_comparison *comparison);
/** Print one line a figure, under a header. */
void lb_cli_comparison_csv(const lb_comparison *comparison);
/** Print one JSON object a figure, one a line. */
void lb_cli_comparison_json(const lb_experiment *experiment, const lb_comparison *comparison);

#endif
