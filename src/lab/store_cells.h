/* Experiments and cells as rows. What is written is inside the caller's transaction. */
#ifndef LB_LAB_STORE_CELLS_H
#define LB_LAB_STORE_CELLS_H

#include "lab/store.h"

/** Refuse a store that has cells of another text under this name: LB_E_ARG. */
LB_MUST_CHECK lb_status lb_store_check_experiment(lb_store *store, const char *name,
                                                  const char *text);
/** As lb_store_begin_experiment. */
LB_MUST_CHECK lb_status lb_put_experiment(lb_store *store, const char *name, const char *title,
                                          const char *text, int64_t *experiment_id);
/** As lb_store_put_cell. */
LB_MUST_CHECK lb_status lb_put_cell(lb_store *store, int64_t experiment_id,
                                    const lb_cell_record *cell);

#endif
