/* A sweep that goes on: its plan, the store, and what happens when a cell comes to its end. Whether a cell is over
 * is read off the runs in the store alone, so that the store may be left at any instant: a run that is there and
 * whose cell was not marked yet is found by its hash. */
#ifndef LB_LAB_SWEEP_STATE_H
#define LB_LAB_SWEEP_STATE_H

#include "lab/sweep_lock.h"
#include "lab/sweep_plan.h"
#include "lowbit/sweep.h"

typedef struct lb_sweep_state {
    lb_sweep_plan plan;
    const lb_sweep_options *options;
    lb_sweep_lock lock;
    lb_store *store;    /* NULL: a view of what there is to do without one */
    bool read_only;     /* a view: nothing is written                     */
    int64_t experiment; /* in the store; 0: not there */
    lb_sweep_fn *report;
    void *user;
    lb_sweep_event event; /* counts so far            */
    double started, reported;
    size_t first; /* cells before it have ended, or are left out */
} lb_sweep_state;

/**
 * Take the lock, open the store, and learn from it how every cell stands.
 *
 * Ownership: *out is yours, lb_sweep_state_close, also after a failure; it borrows the rest.
 * Errors:    as lb_sweep.
 */
LB_MUST_CHECK lb_status lb_sweep_state_open(const lb_experiment *experiment,
                                            const lb_sweep_options *options, lb_sweep_fn *report,
                                            void *user, lb_sweep_state *out);
/** Put what the store does not know of the cells into it. Errors: LB_E_IO, LB_E_FORMAT, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_sweep_state_begin(lb_sweep_state *state);
/** Open without lock, and without ever writing; where the store is not there all cells are open. */
LB_MUST_CHECK lb_status lb_sweep_state_view(const lb_experiment *experiment,
                                            const lb_sweep_options *options, lb_sweep_state *out);
void lb_sweep_state_close(lb_sweep_state *state);

/** The run of an open cell is in the store, at its end: mark the cell and those that want the same run, and open what
 *  the search then decides. Errors: LB_E_IO, LB_E_FORMAT, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_sweep_state_end(lb_sweep_state *state, size_t cell);
/** Has the run of an open cell come to its end meanwhile, by another sweep? Then the cell has ended with it, and what
 *  the search decides is opened. Errors: as above. */
LB_MUST_CHECK lb_status lb_sweep_state_look(lb_sweep_state *state, size_t cell, bool *ended);
/** As lb_sweep_state_end for a cell whose run failed: puts the failure into the store first. */
LB_MUST_CHECK lb_status lb_sweep_state_fail(lb_sweep_state *state, size_t cell,
                                            const char *message);
/** Put a cell's record into the store. */
LB_MUST_CHECK lb_status lb_sweep_state_put(lb_sweep_state *state, size_t cell);

/** The folder of a cell's run: lb_free. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_sweep_state_folder(const lb_sweep_state *state, const char *hash,
                                              char **out);

/** Is there a cell to be run that is not being run? */
bool lb_sweep_state_has_open(lb_sweep_state *state);

/** Tell the caller of the sweep how it stands. */
void lb_sweep_state_report(lb_sweep_state *state, lb_sweep_event_kind kind);

/** LB_E_INTERRUPTED where somebody wanted to stop before all cells were done. */
LB_MUST_CHECK lb_status lb_sweep_state_stopped(const lb_sweep_state *state);

/* The wish to stop, which may come from a signal handler. */

/** Prepare for it; *wake becomes readable when it comes. Errors: LB_E_IO. */
LB_MUST_CHECK lb_status lb_sweep_stop_open(int *wake);
bool lb_sweep_stop_wanted(void);
/** Forget it. */
void lb_sweep_stop_close(void);

#endif
