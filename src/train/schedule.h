/* Learning rate schedules: the rate of a step is a pure function of its epoch and place. */
#ifndef LB_TRAIN_SCHEDULE_H
#define LB_TRAIN_SCHEDULE_H

#include <stddef.h>

#include "base/fail.h"

/* X(ID, name): the words of `--schedule`. */
#define LB_SCHEDULE_LIST(X)       \
    X(CONSTANT, "constant")       \
    X(STEP, "step")               \
    X(EXPONENTIAL, "exponential") \
    X(COSINE, "cosine")           \
    X(ONE_CYCLE, "one-cycle")

typedef enum lb_schedule_kind {
#define X(id, name) LB_SCHEDULE_##id,
    LB_SCHEDULE_LIST(X)
#undef X
} lb_schedule_kind;

enum { LB_MAX_MILESTONES = 32 };

typedef struct lb_schedule {
    lb_schedule_kind kind;
    double lr, final_lr;    /* final_lr: EXPONENTIAL and COSINE                      */
    double factor;          /* STEP: multiplies lr at every milestone                */
    size_t epochs, batches; /* epochs of the run, steps of an epoch; both >= 1       */
    size_t warmup;          /* epochs, below `epochs`                                */
    size_t milestones[LB_MAX_MILESTONES], n_milestones; /* STEP: in epochs             */
} lb_schedule;

/**
 * Learning rate of step `batch` of `epoch`, both from 0.
 *
 * Computes, with t = epoch * batches + batch, W = warmup * batches, T = epochs * batches:
 *   warm-up:      lr * (t + 1) / W                                       while t < W
 *   constant:     lr
 *   step:         lr * factor^(number of milestones <= epoch)
 *   exponential:  lr * (final_lr / lr)^((epoch - warmup) / (epochs - warmup - 1)): the last
 *                 epoch has final_lr, an only one lr; 0 where either of the two is 0
 *   cosine:       final_lr + (lr - final_lr) * (1 + cos(pi * (t - W) / (T - W))) / 2
 *   one-cycle:    from lr / 25 up to lr over the first 30 % of the steps and down to
 *                 lr / 250,000, both along a cosine
 * Source:    PyTorch's CosineAnnealingLR and OneCycleLR (Smith and Topin, arXiv:1708.07120; two
 *            phases, its defaults), stepped once a batch; momentum is not cycled.
 */
double lb_schedule_lr(const lb_schedule *schedule, size_t epoch, size_t batch);

/** Errors: LB_E_ARG warm-up not below the epochs, or with one-cycle (which has its own). */
LB_MUST_CHECK lb_status lb_schedule_check(const lb_schedule *schedule);

#endif
