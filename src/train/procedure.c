/* The plain procedure, one stage, and the choice of procedures. */
#include "train/procedure.h"

static bool always(const lb_train_config *config)
{
    (void)config;
    return true;
}

static lb_status any_net(const lb_train_config *config, const lb_net *net)
{
    (void)config;
    (void)net;
    return LB_OK;
}

static size_t epochs(const lb_train_config *config, const lb_progress *progress)
{
    (void)progress;
    return config->epochs;
}

static lb_stage only_stage(const lb_train_config *config, const lb_progress *progress, size_t epoch)
{
    (void)progress;
    (void)epoch;
    return (lb_stage){.epochs = config->epochs};
}

double lb_lr_of_stage(const lb_train_config *config, lb_stage stage, size_t epoch, size_t batch)
{
    return lb_schedule_lr(&config->schedule, epoch - stage.first, batch);
}

static double lr(const lb_train_config *config, const lb_progress *progress, size_t epoch,
                 size_t batch)
{
    return lb_lr_of_stage(config, only_stage(config, progress, epoch), epoch, batch);
}

static lb_status nothing(lb_trainer *trainer, lb_stage stage)
{
    (void)trainer;
    (void)stage;
    return LB_OK;
}

static size_t all(const lb_train_config *config, const lb_progress *progress)
{
    (void)config;
    (void)progress;
    return 0;
}

const lb_procedure lb_procedure_plain = {
    .wanted = always,
    .check = any_net,
    .epochs = epochs,
    .stage = only_stage,
    .lr = lr,
    .begin = nothing,
    .counts_from = all,
};

const lb_procedure *lb_procedure_of(const lb_train_config *config)
{
    static const lb_procedure *const procedures[] = {&lb_procedure_relax, &lb_procedure_prune,
                                                     &lb_procedure_plain};
    size_t i = 0;
    while (!procedures[i]->wanted(config)) i++; /* the last one always is */
    return procedures[i];
}
