/* Sweeps: running an experiment's cells in worker processes, docs/sweeps.md. */
#ifndef LOWBIT_SWEEP_H
#define LOWBIT_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/experiment.h"
#include "lowbit/results.h"
#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lb_sweep_options {
    const char *store;    /* path of the result store                                            */
    const char *folder;   /* holds the runs' folders, named after their hashes                   */
    const char *program;  /* the `lowbit` command that workers run                               */
    size_t jobs;          /* workers at a time; 0: one a processor                               */
    int threads;          /* of a worker; 0: processors / jobs, at least 1                       */
    double limit_seconds; /* start nothing new and stop what runs after this time; 0: never     */
    bool retry_failed;    /* run cells again whose last run failed                              */
    bool again;           /* run finished cells again                                           */
    size_t cell; /* run this cell alone, counted from 1 in the experiment's order; 0: all */
    int trial;   /* the trial that is run with it, where the file has a search          */
} lb_sweep_options;

typedef enum lb_sweep_event_kind {
    LB_SWEEP_START,    /* cells are known, nothing runs yet            */
    LB_SWEEP_PROGRESS, /* now and then, and when a worker tells something */
    LB_SWEEP_CELL,     /* a cell came to its end                       */
    LB_SWEEP_END
} lb_sweep_event_kind;

/* What one worker does. */
typedef struct lb_sweep_worker {
    bool busy;
    const char *cell;     /* "method=qnn wbits=1 abits=2 seed=1", search ones "... trial=3"    */
    size_t epoch, epochs; /* of its run                                                        */
    double top1, seconds_left;
} lb_sweep_worker;

typedef struct lb_sweep_event {
    lb_sweep_event_kind kind;
    size_t cells, done, failed, dnc, reused; /* reused: results that were in the store          */
    size_t search;  /* cells that belong to the search                                           */
    size_t waiting; /* on a cluster: tasks that are queued or run                               */
    double seconds, seconds_left; /* seconds_left: estimate, negative: unknown       */
    const lb_sweep_worker *workers;
    size_t n_workers;
    const char *cell;         /* CELL: its name                                                */
    const lb_run_record *run; /* CELL: its outcome                                             */
} lb_sweep_event;

typedef void lb_sweep_fn(const lb_sweep_event *event, void *user);

/**
 * Run what the store lacks of an experiment, in worker processes.
 *
 * Computes:  every cell ends exactly once as OK, DNC or FAILED. A cell whose run (by hash) is in the store is not
 *            run again; a half-run one resumes from its checkpoint, whoever was killed.
 * Errors:    LB_E_ARG another sweep of this experiment uses the store now, or the store has cells of another file
 *            under this name; LB_E_IO; LB_E_FORMAT; LB_E_NOMEM; LB_E_INTERRUPTED lb_sweep_stop was called.
 * Threads:   one sweep at a time in a process.
 */
lb_status lb_sweep(const lb_experiment *experiment, const lb_sweep_options *options,
                   lb_sweep_fn *report, void *user);

/* What a cluster is asked for. */
typedef struct lb_slurm_options {
    const char *const
        *sbatch; /* further options of sbatch, "--partition=long", ended by NULL; or NULL */
    double
        poll_seconds; /* between two looks at the queue; 0: 10                                  */
} lb_slurm_options;

/**
 * As lb_sweep, but by a Slurm cluster: an array job a stage, a task a cell, each with a store of its own below
 * options->folder, which all machines see. The stores are merged into options->store when the tasks are over. Tasks
 * that a sweep left behind when it was killed are waited for, not started again.
 *
 * Requires:  options->cell is 0; jobs is how many tasks run at a time (0: as many as the cluster gives).
 * Errors:    as lb_sweep; LB_E_UNSUPPORTED sbatch, squeue or scancel are not installed; LB_E_IO one of them fails.
 * Threads:   one sweep at a time in a process.
 */
lb_status lb_sweep_slurm(const lb_experiment *experiment, const lb_sweep_options *options,
                         const lb_slurm_options *slurm, lb_sweep_fn *report, void *user);

/** Stop the workers after their current step and end. May be called from a signal handler. */
void lb_sweep_stop(void);

/* ---- what there is to do --------------------------------------------------------------------- */

/* One cell of the listing. */
typedef struct lb_sweep_cell {
    lb_cell_record record; /* hash "" and trial LB_NO_TRIAL where the search decides         */
    const char *name;      /* "method=qnn wbits=1 abits=2 seed=1", search ones "... trial=3" */
    bool known;            /* its run is in the store, at its end                            */
    lb_run_state state;    /* then: how it ended                                             */
    double seconds;        /* estimate for what is not there; negative: unknown              */
} lb_sweep_cell;

/**
 * Call `visit` for every cell of an experiment in order. Nothing is written and no data is needed.
 *
 * Computes:  estimates from the store's earlier runs on the same data, model and method.
 * Requires:  of the options store, retry_failed and again count; a store that is NULL or does not exist has no runs.
 * Ownership: a cell is borrowed for the call of `visit`.
 * Errors:    LB_E_ARG the store has cells of another file under this name; LB_E_IO, LB_E_FORMAT the store;
 *            LB_E_NOMEM.
 */
lb_status lb_sweep_list(const lb_experiment *experiment, const lb_sweep_options *options,
                        void (*visit)(const lb_sweep_cell *cell, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
