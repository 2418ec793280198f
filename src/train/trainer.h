/* Everything a training run holds, from its settings to its executor. */
#ifndef LB_TRAIN_TRAINER_H
#define LB_TRAIN_TRAINER_H

#include "data/dataset.h"
#include "train/progress.h"
#include "train/run.h"
#include "train/run_folder.h"
#include "train/teacher.h"
#include "train/tensorboard.h"

/* Times of this call; none of them goes into the run's files but the event files. */
typedef struct lb_stopwatch {
    double started;                       /* lb_seconds() at the call                             */
    double training;                      /* spent in steps, in this call                         */
    uint64_t images;                      /* trained in this call                                 */
    double epoch_started, epoch_training; /* of the epoch going on                 */
    uint64_t epoch_images;
    double evaluation;                   /* the last one took this long; 0: none yet             */
    double last_report, last_checkpoint; /* lb_seconds() then                     */
} lb_stopwatch;

struct lb_procedure;

typedef struct lb_trainer {
    lb_settings *settings; /* a copy, with those of a resumed run */
    lb_train_config config;
    const struct lb_procedure *procedure;
    lb_run_folder folder;
    bool resumed; /* the folder has a run, with a checkpoint or before its first one */
    lb_dataset *train_data, *test_data;
    uint32_t *indices; /* training indices, then validation ones; NULL without a validation split */
    const char *split; /* "validation" or "test" */
    lb_run_facts facts;
    lb_net net;
    lb_loader *loader;
    lb_executor *executor;
    lb_executor *mixed; /* evaluates the network as it is trained; NULL: it is no mixture */
    lb_teacher teacher;
    lb_evaluation_task evaluator;
    lb_optimizer optimizer;
    lb_progress progress;
    lb_tensorboard *tensorboard; /* NULL: not wanted */
    char *description;
    lb_stopwatch watch;
    lb_event_fn *report;
    void *user;
} lb_trainer;

/**
 * Make everything ready for the next step: settings, folder, data, network, and the state of a run
 * that is resumed.
 *
 * Ownership: lb_trainer_release, also after a failure.
 * Errors:    as lb_train.
 */
LB_MUST_CHECK lb_status lb_trainer_init(lb_trainer *t, const lb_settings *settings,
                                        bool (*stopped)(void));
void lb_trainer_release(lb_trainer *t);

/** Was lb_train_stop called? For what goes on between trainings: the wish is taken. */
bool lb_train_take_stop(void);

/** Write last.safetensors. Errors: LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_trainer_save_last(lb_trainer *t);
/** Write best.safetensors, for the newest row. Errors: LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_trainer_save_best(const lb_trainer *t);

#endif
