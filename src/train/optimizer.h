/* Optimizers: SGD with momentum and Adam, over all parameters of a network in one pass. */
#ifndef LB_TRAIN_OPTIMIZER_H
#define LB_TRAIN_OPTIMIZER_H

#include "base/memory.h"
#include "nn/net.h"

typedef enum lb_optimizer_kind { LB_OPTIMIZER_ADAM, LB_OPTIMIZER_SGD } lb_optimizer_kind;

typedef struct lb_optimizer_options {
    lb_optimizer_kind kind;
    float momentum;     /* SGD */
    bool nesterov;      /* SGD */
    float weight_decay; /* on weights; learned values have their quantizer's */
} lb_optimizer_options;

enum { LB_MAX_MOMENTS = 2 };

/* Moments of one parameter, each as long as the parameter; NULL where the kind has none. */
typedef struct lb_moments {
    float *value[LB_MAX_MOMENTS];
} lb_moments;

/* A piece of one parameter: the unit of work of the threads. */
typedef struct lb_optimizer_chunk {
    size_t param, first, count;
} lb_optimizer_chunk;

typedef struct lb_optimizer {
    lb_optimizer_options options;
    lb_net *net;
    size_t n_moments;    /* Adam 2; SGD 1, or 0 without momentum */
    lb_moments *moments; /* one a parameter of the net; none for those without gradient */
    lb_optimizer_chunk *chunks;
    size_t n_chunks;
    lb_arena arena;
} lb_optimizer;

/** Name of moment `k`, for checkpoints: "momentum", or "m" and "v" (Adam's first and second). */
const char *lb_optimizer_moment_name(const lb_optimizer *optimizer, size_t k);

/**
 * Allocate the moments, all 0.
 *
 * Ownership: *out is yours, lb_optimizer_release, also after a failure; the net is borrowed.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_optimizer_init(lb_optimizer *out, lb_net *net,
                                          const lb_optimizer_options *options);
void lb_optimizer_release(lb_optimizer *optimizer);

/** All moments 0 again. */
void lb_optimizer_reset(lb_optimizer *optimizer);

/**
 * Update every parameter from its gradient.
 *
 * Computes:  g = gradient + weight_decay * w (weights only), then
 *            SGD:   m = momentum * m + g;  w -= lr * m   (Nesterov: lr * (g + momentum * m))
 *            Adam:  m = 0.9 m + 0.1 g;  v = 0.999 v + 0.001 g^2;
 *                   w -= lr / (1 - 0.9^t) * m / (sqrt(v) / sqrt(1 - 0.999^t) + 1e-8)
 *            Held weights stay as they are, their moments 0.
 *            Then learned scales are raised to at least 1e-6, and weights clipped to their
 *            quantizer's range.
 * Units:     t counts steps from 1 since the moments were 0: of the run, or of its stage.
 * Source:    Kingma and Ba, ICLR 2015, arXiv:1412.6980; in the order of operations of PyTorch.
 * Threads:   runs on all of OpenMP's threads; the result does not depend on their number.
 */
void lb_optimizer_step(lb_optimizer *optimizer, double lr, uint64_t t);

#endif
