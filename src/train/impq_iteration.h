/* One iteration of the IMPQ procedure. */
#ifndef LB_TRAIN_IMPQ_ITERATION_H
#define LB_TRAIN_IMPQ_ITERATION_H

#include "train/impq_plan.h"

/* A call. */
typedef struct lb_impq_call {
    lb_impq_plan plan;
    lb_impq_state state;
    lb_impq_fn *report;
    lb_event_fn *training;
    void *user;
    lb_event result; /* of the training that just ended */
} lb_impq_call;

/** The folder of an iteration; 0: the run that all starts from.
 *  Ownership: *out is yours, lb_free. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_folder(const lb_impq_call *call, size_t iteration, char **out);
/** The last row that was kept. */
size_t lb_impq_last_kept(const lb_impq_call *call);
void lb_impq_tell(const lb_impq_call *call, lb_impq_event event);

/** Settings of an iteration's training but widths and places: those of the run it starts from, and the tuning's.
 *  Ownership: *out is yours, lb_settings_destroy, also after a failure. Errors: LB_E_ARG, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_impq_tune(const lb_impq_plan *plan, const lb_run *from,
                                     lb_settings **out);

/** Do the iteration that follows the rows, or what is left of it: `groups` groups lose a bit. Errors: as lb_impq. */
LB_MUST_CHECK lb_status lb_impq_iterate(lb_impq_call *call, lb_impq_phase phase, size_t groups);

#endif
