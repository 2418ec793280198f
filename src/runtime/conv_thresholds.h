/* Thresholds in the form that convolution kernels apply: levels of one more than which a sum is above. */
#ifndef LB_RUNTIME_CONV_THRESHOLDS_H
#define LB_RUNTIME_CONV_THRESHOLDS_H

#include "base/memory.h"
#include "intnet/post.h"
#include "kernels/conv/conv.h"

/**
 * Lay thresholds of 1 to 4 bits out for kernels.
 *
 * Computes: level = threshold - 1, so that "sum > level" is "threshold <= sum"; a falling channel is
 *           flipped.
 * Errors:   LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_conv_thresholds_lay_out(const lb_thresholds *from, size_t channels,
                                                   lb_arena *arena, lb_conv_thresholds *out);

/**
 * The thresholds that a fixed-point product of 1 to 4 bits stands for.
 *
 * Computes:  by binary search for each code's first sum in [-largest_sum, largest_sum]; *any: there are such, as no
 *            channel's exceptions break the order of its codes, which a file's may.
 * Ownership: out's arrays lie in the arena.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_thresholds_of_fixed_point(const lb_fixed_point *from, size_t channels,
                                                     int64_t largest_sum, lb_arena *arena,
                                                     lb_thresholds *out, bool *any);

/** Bytes of the arrays. */
size_t lb_conv_thresholds_bytes(const lb_conv_thresholds *t);

#endif
