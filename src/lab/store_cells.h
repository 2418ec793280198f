/* Experiments and cells as rows, for merging. All inside the caller's transaction. */
#ifndef LB_LAB_STORE_CELLS_H
#define LB_LAB_STORE_CELLS_H

#include "lab/store.h"

/** As lb_store_begin_experiment. */
LB_MUST_CHECK lb_status lb_put_experiment(lb_store *store, const char *name, const char *title,
                                          const char *text, int64_t *experiment_id);
/** As lb_store_put_cell. */
LB_MUST_CHECK lb_status lb_put_cell(lb_store *store, int64_t experiment_id,
                                    const lb_cell_record *cell);

#endif
