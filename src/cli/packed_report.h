/* A packed network as a table, or as JSON. */
#ifndef LB_CLI_PACKED_REPORT_H
#define LB_CLI_PACKED_REPORT_H

#include <stdbool.h>

#include "lowbit/inspect.h"

/** The layers, one a line; those without weights too where `all`. */
void lb_cli_packed_table(const lb_packed_inspection *info, bool all);
/** What they add up to, and what running takes. */
void lb_cli_packed_totals(const lb_packed_inspection *info);
/** One object a layer. */
void lb_cli_packed_layers_json(const lb_packed_inspection *info);
/** The totals' keys and values, without braces. */
void lb_cli_packed_totals_json(const lb_packed_inspection *info);

#endif
