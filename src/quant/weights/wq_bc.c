/* bc - BinaryConnect, deterministic; also the weights of Binarized Neural Networks.
 *
 * Forward:  sign(w), scale 1                                        (Kutukcu Eq. 3-1)
 * Backward: dw = g where |w| <= 1, else 0                           (Kutukcu Eq. 3-4)
 * After each update the masters are clipped to [-1, 1]. They start uniform in (-1, 1): their size
 * has no effect on the outputs, only on how soon signs change. */
#include "quant/binary.h"

const lb_weight_quantizer lb_weight_quantizer_bc = {
    .name = "bc",
    .summary = "-1 or +1, no scale; masters clipped to [-1, 1]",
    .source =
        "Courbariaux et al., BinaryConnect, NIPS 2015, arXiv:1511.00363 (Kutukcu Eq. 3-1, 3-4)",
    .bits_min = 1,
    .bits_max = 1,
    .odd_grid = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_LAYER,
    .clip = 1.0f,
    .wide_init = true,
    .max_code = lb_max_code_one,
    .statistics = lb_statistics_one,
    .encode = lb_encode_sign,
    .backward = lb_backward_sign,
};
