/* The reference back end: what every layer computes, in the plainest loops, one node after the
 * other, every map and gradient kept. It is the definition that faster back ends are tested
 * against, so nothing here is tuned. Maps are (n, c, h, w), row-major.
 *
 * Training:   sums are added up in double and rounded once, so that a comparison measures the
 *             other side's rounding and not this one's.
 * Evaluation: exactly the numbers of the deployed network, each operation in single precision. */
#ifndef LB_NN_BACKEND_REFERENCE_H
#define LB_NN_BACKEND_REFERENCE_H

#include "nn/executor.h"

/* What the executor keeps for one node. */
typedef struct lb_reference_node {
    float *value, *grad;          /* (batch, c, h, w); grad NULL for inference */
    lb_quantized_weights weights; /* conv, linear: of the last training step */
    float *d_real;                /* dL/d(weights.real) */
    lb_quantized_weights frozen;  /* conv, linear: of the last freeze_weights */
    double *mean, *variance;      /* batch-norm: of the last training batch, per channel */
    float *a, *b;                 /* batch-norm: coefficients of the last freeze_weights */
} lb_reference_node;

struct lb_executor {
    lb_net *net;
    lb_executor_options options;
    lb_arena arena;
    lb_reference_node *nodes;
    float *codes;  /* evaluation: the codes of one layer's input, as large as the largest map */
    size_t images; /* of the last call */
    uint64_t step; /* of the last training step */
    size_t bytes;
};

/** Value of a node in training; its inputs are computed. */
void lb_reference_forward(lb_executor *e, int node);
/** Add dL/d(input) to the inputs' grads and set the parameters' grads; the node's own grad is
 *  complete. */
void lb_reference_backward(lb_executor *e, int node);
/** Value of a node in evaluation; its inputs are computed. */
void lb_reference_evaluate(lb_executor *e, int node);

/* Layers that compute the same in training and evaluation. */
void lb_reference_relu(float slope, size_t n, const float *x, float *y);
void lb_reference_clip(float low, float high, size_t n, const float *x, float *y);
void lb_reference_quantize(const lb_act_map *map, size_t n, const float *x, float *y);
void lb_reference_max_pool(const lb_window *window, size_t n, lb_shape in, lb_shape out,
                           const float *x, float *y);
void lb_reference_average_pool(const lb_window *window, size_t n, lb_shape in, lb_shape out,
                               const float *x, float *y);
void lb_reference_concat(size_t n, lb_shape a, lb_shape b, const float *x0, const float *x1,
                         float *y);
void lb_reference_subsample(size_t stride, size_t n, lb_shape in, lb_shape out, const float *x,
                            float *y);

/** Where the first largest value of a window stands in its channel's plane (row-major). */
size_t lb_reference_first_largest(const lb_window *window, lb_shape in, size_t oh, size_t ow,
                                  const float *plane);
/** Taps of a window that lie inside the map. */
size_t lb_reference_taps_inside(const lb_window *window, lb_shape in, size_t oh, size_t ow);

/** The input row (or column) under tap k of a window at output position `out`; false: outside the
 *  map. */
static inline bool lb_reference_tap(size_t out, size_t stride, size_t k, size_t pad, size_t size,
                                    size_t *in)
{
    const size_t position = out * stride + k;
    if (position < pad || position - pad >= size) return false;
    *in = position - pad;
    return true;
}

/** Index of element (n, c, h, w) of a map of shape s. */
static inline size_t lb_reference_index(lb_shape s, size_t n, size_t c, size_t h, size_t w)
{
    return ((n * s.c + c) * s.h + h) * s.w + w;
}

#endif
