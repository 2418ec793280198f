/* Mixed-precision procedures (lowbit impq) as a report has them: their iterations, and the bits of their results. */
#ifndef LB_LAB_REPORT_IMPQ_H
#define LB_LAB_REPORT_IMPQ_H

#include "lab/table.h"
#include "lowbit/results.h"
#include "train/impq_plan.h"

/* A layer of a result; 0: float. */
typedef struct lb_layer_bits {
    const char *name;
    double weights, acts; /* acts: of the map that enters it */
} lb_layer_bits;

typedef struct lb_report_procedure {
    const char *name; /* granularity and folder */
    lb_impq_state state;
    size_t result; /* the last row that was kept */
    lb_layer_bits *layers;
    size_t n_layers;
    int64_t run_id; /* of the result in the store; 0: its folder is not there */
} lb_report_procedure;

typedef struct lb_report_procedures {
    lb_report_procedure *items;
    size_t n;
    lb_arena arena;
} lb_report_procedures;

/** Is it a folder that lowbit impq has written? */
bool lb_is_procedure(const char *folder);

/**
 * Add the procedure of a folder; the run of its result goes into the store.
 *
 * Requires:  room for it in list->items.
 * Errors:    LB_E_FORMAT damaged; LB_E_IO; those of lb_store_import; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_report_procedures_add(lb_report_procedures *list, const char *folder,
                                                 lb_store *store);
void lb_report_procedures_release(lb_report_procedures *list);

/* Tables of a procedure. Their memory is the arena's; errors: LB_E_NOMEM. */

/** A row an iteration. */
LB_MUST_CHECK lb_status lb_iteration_table(const lb_report_procedure *procedure, lb_arena *arena,
                                           lb_table *out);
/** Bits of the result's layers. */
LB_MUST_CHECK lb_status lb_layer_bits_table(const lb_report_procedure *procedure, lb_arena *arena,
                                            lb_table *out);

#endif
