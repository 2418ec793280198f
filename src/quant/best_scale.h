/* The scale at which a filter is nearest to its levels. */
#ifndef LB_QUANT_BEST_SCALE_H
#define LB_QUANT_BEST_SCALE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

/**
 * Find s = argmin_s sum over i of (w[i] - s q(w[i]/s))^2, q the nearest of -1, +1 or of -1, 0, +1.
 *
 * Computes:  binary: s = mean |w|. Ternary: the best of s = k max |w| / 1000, k = 1..1000 (the smallest of several),
 *            then golden section between its two neighbours; what is found is taken where it is better.
 *            1 where all weights are 0 or one is not finite.
 * Errors:    LB_E_NOMEM.
 * Source:    Cavigelli and Benini, arXiv:2001.01091, Eq. 4-6, where s is the quantizer's step.
 */
LB_MUST_CHECK lb_status lb_best_scale(bool ternary, size_t n, const float *w, float *out);

#endif
