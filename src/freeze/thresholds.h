/* Expressions of one integer sum that end in a code, as integer forms. */
#ifndef LB_FREEZE_THRESHOLDS_H
#define LB_FREEZE_THRESHOLDS_H

#include "intnet/intnet.h"

/* Where the code of each channel changes as its sum grows. */
typedef struct lb_levels {
    int bits; /* of the fields; top = 2^bits - 1 levels a channel */
    size_t channels;
    int32_t lowest, highest; /* the sums there can be */
    /* [channels][top], ascending: the smallest sum from which more than j of the levels are passed;
     * `lowest`: always, `highest` + 1: never */
    int32_t *at;
    uint8_t *falls; /* bit c: field = top - levels passed, else field = levels passed */
} lb_levels;

/**
 * Replace the steps of a layer by thresholds (up to 3 bits) or by a fixed-point product (from 4 bits on,
 * where there is one; else thresholds), if they are a function of one integer sum a channel that ends in
 * a code. Other layers keep their steps.
 *
 * Ownership: what is made belongs to the network's arena.
 * Errors:    LB_E_UNSUPPORTED the sums can pass 2^31; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_freeze_post(lb_intnet *net, size_t layer);

/**
 * Find multipliers and offsets that give the same fields as the levels, for every sum.
 *
 * Computes:  *found = false where there are none: then *out is not to be used.
 * Ownership: arrays from `arena`.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_fit_fixed_point(const lb_levels *levels, lb_arena *arena,
                                           lb_fixed_point *out, bool *found);

#endif
