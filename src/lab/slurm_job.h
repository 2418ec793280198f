/* An array job of Slurm: its files, and the commands sbatch, squeue and scancel.
 *
 * FOLDER/slurm/ holds experiment.yaml, the text that all tasks read; tasks.txt, a line "CELL TRIAL" a task; array.sh;
 * logs/; and parts/, a store a cell. A job is known by its name, which is made of the experiment's and the folder, so
 * that a sweep that was killed right after it submitted one finds it again. */
#ifndef LB_LAB_SLURM_JOB_H
#define LB_LAB_SLURM_JOB_H

#include "base/memory.h"
#include "lowbit/sweep.h"

enum { LB_SLURM_NAME_BYTES = 128, LB_SLURM_TASKS_MAX = 1000 }; /* MaxArraySize is 1001 by default */

typedef struct lb_slurm_job {
    char name[LB_SLURM_NAME_BYTES];
    const char *folder; /* of the runs, absolute */
    const char *file, *tasks, *script, *logs, *parts;
    const lb_sweep_options *options;
    const lb_slurm_options *slurm;
    lb_arena texts;
} lb_slurm_job;

/**
 * Make the folders and write the experiment's file.
 *
 * Ownership: *out is yours, lb_slurm_job_release, also after a failure; it borrows the options.
 * Errors:    LB_E_IO, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_slurm_job_init(const lb_experiment_info *info,
                                          const lb_sweep_options *options,
                                          const lb_slurm_options *slurm, lb_slurm_job *out);
void lb_slurm_job_release(lb_slurm_job *job);

/** The store of a cell, counted from 0: lb_free. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_slurm_job_part(const lb_slurm_job *job, size_t cell, char **out);

/** Submit n tasks, one for each of these cells. *id is the array's number. Errors: LB_E_IO, LB_E_UNSUPPORTED. */
LB_MUST_CHECK lb_status lb_slurm_job_submit(const lb_slurm_job *job, const lb_cell_record *cells,
                                            size_t n, unsigned long long *id);

/** All tasks of the job's name that are queued or run, as lines "ID_TASK": lb_free. Errors: as above. */
LB_MUST_CHECK lb_status lb_slurm_job_queue(const lb_slurm_job *job, char **out);

/** Ask all of them to end. Errors: as above. */
LB_MUST_CHECK lb_status lb_slurm_job_cancel(const lb_slurm_job *job);

#endif
