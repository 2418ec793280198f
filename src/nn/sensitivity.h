/* How much each filter's weights, and each quantized map, move the margins between the predicted class and its
 * runners-up: the noise gains of IMPQ's sensitivity. */
#ifndef LB_NN_SENSITIVITY_H
#define LB_NN_SENSITIVITY_H

#include "nn/net.h"

typedef struct lb_sensitivity lb_sensitivity;

enum { LB_SENSITIVITY_CLASSES = 64 }; /* runners-up at most */

/**
 * Plan and allocate; the network's weights are read now, as evaluation has them.
 *
 * Computes:  E = mean over images of the sum over classes i of
 *            [sum over x of (d(Z_i - Z_y)/dx)^2 / (24 (Z_i - Z_y)^2)], y the predicted class, i the `runners_up`
 *            classes with the smallest margins, zero margins left out; x the quantized weights of one filter, or the
 *            values of one quantized map. Batch-norm with running statistics; quantizers let gradients through as
 *            they do in training.
 * Ownership: *out is yours, lb_sensitivity_destroy. Borrows the network.
 * Requires:  runners_up <= LB_SENSITIVITY_CLASSES; where the network has no so many classes all others are taken.
 * Errors:    LB_E_ARG a network of one class; LB_E_NOMEM.
 * Source:    IMPQ, Eq. 4 and 5 without the factor 2^-B.
 */
LB_MUST_CHECK lb_status lb_sensitivity_create(lb_net *net, size_t runners_up, int threads,
                                              lb_sensitivity **out);
void lb_sensitivity_destroy(lb_sensitivity *s);

/**
 * Add n images (n, c, h, w). The sums do not depend on the threads.
 *
 * Errors: LB_E_DIVERGED a logit is not finite.
 */
LB_MUST_CHECK lb_status lb_sensitivity_add(lb_sensitivity *s, const float *images, size_t n);

/** E of each filter of a conv or linear node, or of a quantize node's map (one value); 0 before any image. */
double lb_sensitivity_gain(const lb_sensitivity *s, int node, size_t filter);

#endif
