/* The tables of a report. Their memory is the arena's; errors: LB_E_NOMEM. */
#ifndef LB_LAB_REPORT_TABLES_H
#define LB_LAB_REPORT_TABLES_H

#include "lab/report_data.h"
#include "lab/table.h"

/** Accuracies as the papers lay them out: rows x columns of the item's keys, method x widths where it names
 *  none. A table with more columns than fit a page is turned. */
LB_MUST_CHECK lb_status lb_accuracy_table(const lb_selection *selection, const lb_report_item *item,
                                          lb_arena *arena, lb_table *out);
/** Runs that no other run beats in both accuracy and cost. */
LB_MUST_CHECK lb_status lb_front_table(const lb_run_record *const *front, size_t n, lb_arena *arena,
                                       lb_table *out);
/** Bits, size and sparsity of a run's layers. */
LB_MUST_CHECK lb_status lb_layer_table(const lb_layer_record *layers, size_t n,
                                       const char *run_name, lb_arena *arena, lb_table *out);
/** All runs, a row each. */
LB_MUST_CHECK lb_status lb_run_table(const lb_report_data *data, lb_arena *arena, lb_table *out);

#endif
