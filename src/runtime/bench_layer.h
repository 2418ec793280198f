/* One convolution by itself, as the bench and the table of kernels see it. */
#ifndef LB_RUNTIME_BENCH_LAYER_H
#define LB_RUNTIME_BENCH_LAYER_H

#include "base/fail.h"
#include "kernels/conv/conv.h"
#include "lowbit/bench.h"

/**
 * The convolution that a layer describes: padding (K - 1) / 2 on each side.
 *
 * Errors: LB_E_ARG sizes or bits out of range, a kernel larger than the padded map, channels that the
 *         groups do not divide; LB_E_UNSUPPORTED sums that could pass int32.
 */
LB_MUST_CHECK lb_status lb_bench_layer_conv(const lb_bench_layer *layer, lb_int_conv *out);

#endif
