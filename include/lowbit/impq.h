/* Iterative mixed precision: from a quantized run, the least sensitive weights and activations lose a bit, the
 * network is trained on, and so again; docs/impq.md. */
#ifndef LOWBIT_IMPQ_H
#define LOWBIT_IMPQ_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/status.h"
#include "lowbit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is asked for. A text that is NULL has its default. */
typedef struct lb_impq_options {
    const char *run; /* a run with quantized weights: its folder or a checkpoint             */
    const char *out; /* folder of the iterations; NULL: RUN-impq                             */
    const char
        *granularity;   /* which weights share a width: "kernel" (a filter), "layer", "network" */
    const char *groups; /* groups that lose a bit: "400@1,200@4": 400, from iteration 4 on 200  */
    const char
        *act_groups;   /* the same of activations, their iterations counted by themselves      */
    size_t iterations; /* at most, of weights                                                  */
    size_t
        act_iterations; /* at most, of activations, which follow                                */
    const char *const
        *stops;        /* "top1 >= 91.5", "weight_bits <= 2", ...; NULL-terminated, or NULL     */
    const char *score; /* "paper" or "code"                                                    */
    double fraction;   /* of the training images that sensitivities are measured on; 0: 0.05   */
    size_t runners_up; /* classes whose margins are looked at, at most 64; 0: 9                */
    const lb_settings
        *tuning; /* settings of the training between, those given only; may be NULL       */
    bool resume; /* go on with `out`                                                     */
} lb_impq_options;

/* The figures of one iteration; 0 is the run that all starts from. */
typedef struct lb_impq_row {
    size_t iteration;
    const char *phase; /* "start", "weights" or "activations"                                   */
    size_t groups;     /* that lost a bit                                                       */
    size_t best_epoch;
    double top1;                  /* percent, of the best epoch                                 */
    double weight_bits, act_bits; /* B_w,eff, B_a,eff: the network's input counts as 8 bits     */
    double bit_operations;        /* C_C                                                        */
    double compression;           /* 16 / B_w,eff                                               */
    bool kept;                    /* it meets every rule of top1: later iterations start here   */
} lb_impq_row;

typedef enum lb_impq_event_kind {
    LB_IMPQ_START,       /* the starting run's figures: row                         */
    LB_IMPQ_SENSITIVITY, /* now and then within a pass over images, and at its end  */
    LB_IMPQ_ITERATION,   /* an iteration came to its end: row                       */
    LB_IMPQ_RESULT       /* row: the last one that was kept                         */
} lb_impq_event_kind;

typedef struct lb_impq_event {
    lb_impq_event_kind kind;
    size_t iteration;
    const char *phase;
    const char *run;        /* folder of the iteration; result: of the row          */
    size_t images, done;    /* sensitivity: of the pass                              */
    double seconds;         /* sensitivity: so far                                   */
    double macs;            /* sensitivity: multiply-accumulates so far, estimated   */
    const lb_impq_row *row; /* NULL: none                                            */
    const char *why;        /* result: why it ended                                  */
} lb_impq_event;

typedef void lb_impq_fn(const lb_impq_event *event, void *user);

/**
 * Lower widths step by step; every iteration is a run of its own in OUT/iteration-K, and OUT/impq.json and
 * OUT/impq.csv hold the figures. A call that was stopped or killed is gone on with by `resume`, with the same outcome.
 *
 * Computes:  sensitivity of a group = 2^-B (mean over images of the sum over the classes i with the smallest margins of
 *            [sum over the group of (d(Z_i - Z_y)/dx)^2 / (24 (Z_i - Z_y)^2)]).
 * Ownership: borrows everything; events are valid during the call of `report` or `training`, which may be NULL.
 * Errors:    LB_E_ARG    options that make no sense or cannot be met, a run without widths to lower, a folder
 *                        that exists or was made with other options; after the last iteration: a rule not met.
 *            LB_E_DIVERGED a training's loss is not finite.
 *            LB_E_INTERRUPTED lb_train_stop was called; `resume` goes on.
 *            And those of lb_train.
 * Threads:   as lb_train.
 * Source:    Gonugondla and Shanbhag, IMPQ: Reduced Complexity Neural Networks via Granular Precision Assignment.
 */
lb_status lb_impq(const lb_impq_options *options, lb_impq_fn *report, lb_event_fn *training,
                  void *user);

#ifdef __cplusplus
}
#endif
#endif
