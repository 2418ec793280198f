/* Gradients of a back end's training step against central differences of its loss. */
#ifndef LB_TESTS_GRADIENT_CHECK_H
#define LB_TESTS_GRADIENT_CHECK_H

#include "nn/executor.h"

typedef struct lb_gradient_check {
    size_t batch;
    uint64_t seed;       /* of images (standard normal), labels and dropout */
    const float *images; /* (batch, c, h, w), or NULL: drawn */
    float step;          /* h, a power of two */
    double roundings;    /* most roundings behind one value of a map (reference: 1 or 2; sums in
                            * single precision: their terms) */
    bool kinks;          /* the net has ReLUs, clips or maxima not far from their corners */
    double significant;  /* share of the gradients that must stand out of the tolerance 4 times */
} lb_gradient_check;

/**
 * Fail the test unless every gradient of the net (all parameters, and the images where the back end
 * gives them) has the value and sign of a difference quotient of the loss.
 *
 * Computes:  D = (L(p + h) - L(p - h)) / 2h, compared as |grad - D| <= tolerance, where tolerance
 * is the sum of
 *            noise:      N / h. To first order the rounding of the maps moves the loss by at most
 *                        N = roundings * 2^-24 * sum over all maps of |dL/dv| |v|, taken from the
 *                        reference back end; each of the two losses may be off by N, the quotient
 *                        so by 2 N / 2h.
 *            backward:   (nodes + 1) * roundings * 2^-24 * the largest gradient of the tensor: the
 *            gradient's
 *                        own rounding, once a node on its way.
 *            truncation: |D(2h) - D(h)|, three times the leading error term of D(h).
 *            corner:     with `kinks`, half of |forward quotient - backward quotient|: what a
 *            corner
 *                        between p - h and p + h can do to D.
 *            So that none of it can hide a wrong sign, the share `significant` of all gradients
 *            (but those where grad and D are 0) must have |D| >= 4 * tolerance: a wrong sign or a
 *            half value fails there.
 * Requires:  float weights and activations: straight-through gradients are no derivatives.
 */
void lb_check_gradient(lb_net *net, const lb_backend *backend, const lb_gradient_check *check);

#endif
