/* An executor runs a network on batches of one size: a training step (forward, loss, backward) and
 * evaluation. Two back ends: `reference` (plain loops, one node after the other: the definition)
 * and `onednn` (fused passes; the default). Both give the same evaluation, bit for bit; see
 * docs/engine.md. */
#ifndef LB_NN_EXECUTOR_H
#define LB_NN_EXECUTOR_H

#include "nn/net.h"

typedef struct lb_executor lb_executor;

typedef struct lb_executor_options {
    size_t batch; /* images a training step */
    int threads;
    uint64_t seed;     /* of dropout, stochastic weights and quantized gradients */
    int gradient_bits; /* of gradients that enter quantized layers; 0 or LB_FLOAT_BITS: float */
    bool inference;    /* evaluation only: no gradients are planned */
} lb_executor_options;

typedef struct lb_step_result {
    double loss;    /* mean over the batch */
    size_t correct; /* top-1 */
} lb_step_result;

typedef struct lb_backend {
    const char *name, *summary;
    /** Plan and allocate everything; nothing is allocated later.
     *  Errors: LB_E_NOMEM, LB_E_UNSUPPORTED. */
    lb_status (*create)(lb_net *net, const lb_executor_options *options, lb_executor **out);
    void (*destroy)(lb_executor *e);
    /** One step on exactly `batch` images (batch, c, h, w): fills every parameter's grad with the
     *  gradient of the mean loss, updates batch-norm's running statistics. `step` numbers random
     *  draws. The masters are read (and prepared: XNOR) but not updated. Learned values of
     *  activations that are 0 first get their start from this batch. A non-finite loss is a result,
     *  not an error. */
    lb_status (*train)(lb_executor *e, const float *images, const uint16_t *labels, uint64_t step,
                       lb_step_result *out);
    /** Logits (n, classes) of n <= batch images, by the fixed-order and integer paths. Call
     *  `freeze_weights` after parameters changed. */
    lb_status (*evaluate)(lb_executor *e, const float *images, size_t n, float *logits);
    /** Read weights off the masters for evaluation: codes, scales, batch-norm coefficients. */
    lb_status (*freeze_weights)(lb_executor *e);
    /** Copy a node's map of the last train (gradient: dL/dmap) or evaluate call to out (n, c, h,
     *  w); for quantize nodes the value code * scale. false: this back end does not keep that
     *  map. */
    bool (*copy_map)(lb_executor *e, int node, bool gradient, float *out);
    /** Bytes held by the executor. */
    size_t (*memory_bytes)(const lb_executor *e);
} lb_backend;

/** The back end of that name, or NULL; NULL-terminated table below. */
const lb_backend *lb_backend_find(const char *name);
extern const lb_backend *const lb_backends[];

/* ---- pieces shared by all back ends ---- */

/* One layer's weights, quantized. A float layer has `real` alone; the rest is NULL. */
typedef struct lb_quantized_weights {
    float *real;                      /* [O][n]: code * scale; the masters for float layers */
    int16_t *code;                    /* [O][n] */
    float *scale;                     /* [O] scale of positive codes */
    float *scale_negative;            /* [O]; differs from scale for asymmetric quantizers only */
    lb_weight_statistics *statistics; /* one a group */
} lb_quantized_weights;

/** Bytes of workspace for a conv or linear node's lb_quantized_weights, and its carving out of a
 *  block that is aligned to LB_ALIGN; so is every piece. */
size_t lb_quantized_weights_bytes(const lb_net *net, const lb_node *node);
void lb_quantized_weights_carve(const lb_net *net, const lb_node *node, void *block,
                                lb_quantized_weights *out);

/**
 * Quantize a conv or linear node's masters: prepare, statistics, codes, scales and real values.
 *
 * Training:   the masters themselves are prepared (XNOR overwrites them). Stochastic quantizers
 *             draw weight i's number as the i-th of (seed, LB_RANDOM_WEIGHTS, step, node).
 * Evaluation: masters stay untouched, so that evaluating never changes a training run; what is
 *             prepared is a copy. Stochastic quantizers give the masters as `real`, codes and
 *             scales 0.
 * Threads:    runs on OpenMP's threads; results do not depend on their number.
 */
void lb_weights_quantize(lb_net *net, int node, uint64_t seed, uint64_t step, bool evaluation,
                         lb_quantized_weights *out);
/**
 * Gradients of the masters and of the learned scales, which overwrite grad.
 *
 * Computes: where net->quantized_decay is not 0, it times `real` of quantized weights is added to d_real first.
 * Shapes:   d_real = dL/dreal, [O][n].
 * Requires: `q` is what lb_weights_quantize last gave in training, the masters unchanged since.
 * Aliasing: for float layers d_real may be the weights' own grad; elsewhere nothing may overlap.
 * Threads:  as lb_weights_quantize.
 */
void lb_weights_backward(lb_net *net, int node, const lb_quantized_weights *q, float *d_real);

/**
 * Loss of logits and its gradient.
 *
 * Computes: cross-entropy: mean over images of log(sum over c of exp(z[c])) - z[label];
 *           squared hinge: mean over images of the sum over classes of max(0, 1 - t*z)^2, t = +1
 *           for the label, else -1. Sums are in double, in image order, then class order.
 *           correct: images whose label's logit is the first largest; a NaN anywhere among an
 *           image's logits makes it wrong.
 * Shapes:   logits, d_logits: (n, classes). d_logits is the gradient of the mean loss; NULL: none
 *           is wanted.
 * Aliasing: d_logits may equal logits.
 */
lb_step_result lb_loss_compute(lb_loss loss, size_t n, size_t classes, const float *logits,
                               const uint16_t *labels, float *d_logits);

/** The map of a quantize node as parameters are now; a learned value before its first batch counts
 *  as 1. */
lb_act_map lb_quantize_map(const lb_net *net, const lb_node *node);
/** Does the map of a quantize node follow parameters? */
bool lb_quantize_moves(const lb_node *node);
/** Has the node a learned value that still waits for its first batch? */
bool lb_quantize_waits(const lb_net *net, const lb_node *node);
/** Is the gradient of this node's output quantized before it enters the node's own backward pass? */
bool lb_node_quantizes_gradient(const lb_node *node, int gradient_bits);
/**
 * One element of a quantized gradient.
 *
 * Computes: 2 m (q(g / (2m) + 1/2 + (u - 1/2) / n) - 1/2), q(t) = round(n clip(t, 0, 1)) / n,
 *           n = 2^bits - 1, m the largest |g| of the sample; m = 0 gives 0. Element i of the batch,
 *           in the order (n, c, h, w), has for u the i-th uniform number of (seed,
 *           LB_RANDOM_GRADIENT, step, node).
 */
float lb_gradient_quantize(int bits, float largest, float g, float u);
/** Does evaluation of this conv or linear node add integers? (quantized weights that are not
 *  stochastic, and quantized or raw 8-bit input) */
bool lb_node_is_integer(const lb_net *net, int node);
/**
 * The activation map of the codes that a node's (first) input carries; false: the input is float.
 *
 * Codes are seen through max-pool (maps are monotone), flatten, dropout (the identity in
 * evaluation), concat (both sides under the same map) and subsample. Subsample's appended channels
 * are the value 0, so a map with no code for 0 (+-1) does not pass it where it appends any. Raw
 * images: codes -128..127, scale 1/128. Zero padding has the value 0 and is skipped.
 */
bool lb_input_codes(const lb_net *net, int node, lb_act_map *map);

/** Evaluation coefficients of a batch-norm node, [c] each: y = x * a + b, a = gamma /
 *  sqrtf(variance + eps), b = beta - mean * a, each operation rounded to float; gamma 1 and beta 0
 *  where there is no affine part. */
void lb_batch_norm_coefficients(const lb_net *net, int node, float *a, float *b);

#endif
