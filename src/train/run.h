/* A run that was trained: rebuilding its network, and evaluating it. */
#ifndef LB_TRAIN_RUN_H
#define LB_TRAIN_RUN_H

#include "data/dataset.h"
#include "data/loader.h"
#include "nn/executor.h"
#include "train/description.h"

/* A network read from a run. */
typedef struct lb_run {
    lb_net net;
    lb_settings *settings; /* the run's, in its of_run layer */
    lb_run_facts facts;
} lb_run;

/**
 * Rebuild the network of a run folder (its best checkpoint, else its last) or of one checkpoint
 * file, with the parameters as they were saved.
 *
 * Ownership: *out is yours, lb_run_release, also after a failure.
 * Errors:    LB_E_IO, LB_E_FORMAT not a checkpoint, or one that contradicts itself; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_run_open(const char *run, lb_run *out);
void lb_run_release(lb_run *run);

/**
 * The same for those who want the network alone.
 *
 * Ownership: lb_net_release(net), also after a failure.
 * Errors:    as lb_run_open.
 */
LB_MUST_CHECK lb_status lb_run_build_net(const char *run, lb_net *net);

/**
 * Are all parameters finite? Those of a training that diverged are not, and nothing can be learned from them.
 *
 * Errors: LB_E_ARG names the first tensor that holds another value.
 */
LB_MUST_CHECK lb_status lb_run_check_finite(const char *path, const lb_net *net);

/**
 * Do these images suit the run's network?
 *
 * Errors: LB_E_SHAPE images of another shape; LB_E_ARG another number of classes.
 */
LB_MUST_CHECK lb_status lb_run_check_data(const lb_run_facts *facts, const lb_dataset *data);

/**
 * Open the test split of a data set, with images of the size that the run's network takes.
 *
 * Ownership: *out is yours, lb_dataset_close.
 * Errors:    those of lb_dataset_open and lb_run_check_data.
 */
LB_MUST_CHECK lb_status lb_run_open_data(const lb_run *run, const char *spec, lb_dataset **out);

/* What an evaluation works on. */
typedef struct lb_evaluation_task {
    const lb_backend *backend;
    lb_executor *executor;
    lb_loader *loader; /* in the data's order, nothing left out */
    lb_loss loss;
    size_t classes;
    float *logits;         /* (largest batch, classes) */
    bool (*stopped)(void); /* asked between batches; NULL: never */
} lb_evaluation_task;

/**
 * Evaluate on all images of the loader, with the weights as they are now.
 *
 * Errors: LB_E_INTERRUPTED `stopped` said so; those of the back end.
 */
LB_MUST_CHECK lb_status lb_evaluate(const lb_evaluation_task *evaluator, lb_evaluation *out);

#endif
