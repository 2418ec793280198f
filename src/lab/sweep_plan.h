/* The cells of an experiment in memory: their order, names and settings, how each stands, and what the search
 * decides.
 *
 * Order: the search's cells, point by point and within it rung by rung; then the full runs, seed by seed, so that
 * a sweep that is stopped early has every point once before it has one twice.
 *
 * Search: every rung of a point has a fixed number of cells: all trials on the first, floor(n / halving), at least
 * 1, after one of n. Trials are ranked by their best top-1, the earlier first where two are equal; all that did not
 * converge come behind those that did, and those that failed last. The best go on; the best of the last rung is
 * the winner. So what is run depends on nothing but the runs that are there. A trial on a further rung is a new run,
 * not the shorter one continued: schedules depend on the epochs there are in all, and a run is to be the same
 * whoever wants it. */
#ifndef LB_LAB_SWEEP_PLAN_H
#define LB_LAB_SWEEP_PLAN_H

#include "lab/sweep_rates.h"
#include "lowbit/experiment.h"
#include "lowbit/results.h"

typedef enum lb_standing {
    LB_STANDING_WAITS,    /* for the search: nobody knows its settings yet        */
    LB_STANDING_HOPELESS, /* all trials of its search failed                      */
    LB_STANDING_OPEN,     /* to be run                                            */
    LB_STANDING_RUNS,
    LB_STANDING_ENDED,
    LB_STANDING_LEFT_OUT /* not wanted this time                                 */
} lb_standing;

typedef struct lb_plan_cell {
    lb_cell_record record;
    lb_standing standing;
    lb_run_state state; /* ENDED: how                                       */
    double top1;        /* ENDED: the best                                  */
    size_t kind;        /* of its run, in the rates                         */
    double epochs;      /* of its run                                       */
    size_t deaths;      /* workers that a signal ended                      */
    bool begun;         /* one of them came to the end of an epoch */
    double not_before;  /* its folder is in use: when to look again         */
    double locked_since;
} lb_plan_cell;

typedef struct lb_sweep_plan {
    const lb_experiment *experiment;
    lb_experiment_info info;
    lb_plan_cell *cells;
    size_t n, n_search; /* cells; those of the search, which come first */
    size_t n_of_point;  /* cells of the search of one point             */
    int *choices;       /* of every point: the trial that won           */
    lb_rates rates;
} lb_sweep_plan;

/** A choice that was not taken, and one that could not be. */
enum { LB_CHOICE_OPEN = LB_NO_TRIAL, LB_CHOICE_NONE = LB_NO_TRIAL - 1 };

/**
 * Lay out all cells; what needs no search is open.
 *
 * Ownership: *out is yours, lb_sweep_plan_release, also after a failure; it borrows the experiment.
 * Errors:    those of lb_run_hash; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_sweep_plan_init(const lb_experiment *experiment, lb_sweep_plan *out);
void lb_sweep_plan_release(lb_sweep_plan *plan);

/** Settings of a cell that does not wait. *out is yours, lb_settings_destroy. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_sweep_plan_settings(const lb_sweep_plan *plan, const lb_plan_cell *cell,
                                               lb_settings **out);

/** Say with which trial a cell is run, which opens it. Errors: those of lb_run_hash; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_sweep_plan_open(const lb_sweep_plan *plan, lb_plan_cell *cell,
                                           int trial);

/**
 * Open what the ended cells of a point's search decide and did not decide before: a further rung, or the full runs.
 *
 * Errors: as lb_sweep_plan_open. *changed tells whether cells were opened.
 */
LB_MUST_CHECK lb_status lb_sweep_plan_decide(lb_sweep_plan *plan, size_t point, bool *changed);

enum { LB_CELL_NAME_BYTES = 512 };
/** "method=qnn wbits=1 abits=2 seed=1"; of the search "method=qnn wbits=1 abits=2 trial=3 rung=1". */
void lb_sweep_plan_name(const lb_sweep_plan *plan, const lb_plan_cell *cell,
                        char name[LB_CELL_NAME_BYTES]);

/** The cell of a full run. */
lb_plan_cell *lb_sweep_plan_full(const lb_sweep_plan *plan, size_t point, size_t seed_index);

#endif
