/* Every convolution kernel against naive arithmetic on plain codes. Without cmocka, so that it can be linked
 * where there is none (cross-compiled, run under an emulator). */
#ifndef LB_TESTS_CONV_KERNEL_CHECK_H
#define LB_TESTS_CONV_KERNEL_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/conv/conv.h"

/* What came of it. */
typedef struct lb_conv_check {
    size_t failures; /* wrong elements; the first ones are printed */
    size_t runs;     /* kernel x convolution */
    size_t skipped;  /* kernels whose instruction sets this machine lacks; printed */
    size_t unused;   /* kernels that supported none of the convolutions; printed */
} lb_conv_check;

/** Run every kernel on `cases` random convolutions: shapes, strides, paddings, groups, terms, bits, extreme
 *  codes; sums and thresholds; rows split at random pixels and at blocks of filters; blocks of exact size. */
lb_conv_check lb_check_conv_kernels(size_t cases, uint64_t seed);

#endif
