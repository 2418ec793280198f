/* Procedures: what a run does around its epochs. A procedure cuts the run into stages; each has a learning rate
 * schedule of its own, and may change the network at its start. Where a run stands is told by its epoch, and by the
 * rows of the epochs before, alone: a resumed run needs nothing else. */
#ifndef LB_TRAIN_PROCEDURE_H
#define LB_TRAIN_PROCEDURE_H

#include "train/trainer.h"

/* A piece of a run. */
typedef struct lb_stage {
    size_t number;        /* from 0 */
    size_t first, epochs; /* its first epoch, and how many it has */
    double frozen;        /* share of the weights that are frozen, where the procedure mixes */
} lb_stage;

typedef struct lb_procedure {
    /** Does the run's configuration ask for this procedure? */
    bool (*wanted)(const lb_train_config *config);
    /** Can the network do it? Errors: LB_E_ARG says why not. */
    lb_status (*check)(const lb_train_config *config, const lb_net *net);
    /** Is the network in training a mixture of quantized and relaxed weights? Then it is evaluated too. */
    bool mixes;
    /** Epochs of the whole run, as the rows so far tell. */
    size_t (*epochs)(const lb_train_config *config, const lb_progress *progress);
    lb_stage (*stage)(const lb_train_config *config, const lb_progress *progress, size_t epoch);
    /** Learning rate of a step. */
    double (*lr)(const lb_train_config *config, const lb_progress *progress, size_t epoch,
                 size_t batch);
    /** Before the first step of a stage. Errors: LB_E_NOMEM. */
    lb_status (*begin)(lb_trainer *trainer, lb_stage stage);
    /** Before the first step of this call, in the midst of a stage; NULL: nothing. Errors: LB_E_NOMEM. */
    lb_status (*go_on)(lb_trainer *trainer, lb_stage stage);
    /** Before the first step of an epoch in this call; NULL: nothing. Errors: LB_E_NOMEM. */
    lb_status (*begin_epoch)(lb_trainer *trainer, lb_stage stage);
    /** The first epoch whose network counts: the best epoch is none before it. */
    size_t (*counts_from)(const lb_train_config *config, const lb_progress *progress);
} lb_procedure;

extern const lb_procedure lb_procedure_plain, lb_procedure_prune, lb_procedure_relax;

/** `lr` of procedures whose stages have the configuration's schedule, each for itself. */
double lb_lr_of_stage(const lb_train_config *config, lb_stage stage, size_t epoch, size_t batch);

/** The procedure that the configuration asks for. */
const lb_procedure *lb_procedure_of(const lb_train_config *config);

#endif
