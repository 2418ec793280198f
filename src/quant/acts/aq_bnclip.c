/* bnclip - activations clipped where batch-norm says they end, k bits, after ReLU.
 *
 * Forward:  round(x 2^k / d) d / 2^k, ties to even, clipped to [0, d (1 - 2^-k)];
 *           d = max over channels of (beta + 6 |gamma|) of the batch-norm before, read anew at each
 *           step; 4 where there is none or no channel reaches above 0                    (IMPQ 4.1)
 * Backward: g where 0 <= x <= d, else 0; d is taken as constant. */
#include <math.h>

#include "nn/quantizer.h"

static float norm_range(const float *gamma, const float *beta, size_t n)
{
    float largest = 0.0f;
    for (size_t c = 0; c < n; c++) {
        const float end = (beta ? beta[c] : 0.0f) + 6.0f * fabsf(gamma ? gamma[c] : 1.0f);
        if (end > largest) largest = end;
    }
    return largest > 0.0f ? largest : 4.0f;
}

static lb_act_map map(const lb_act_setting *setting, const float *range)
{
    const float codes = (float)(1 << setting->bits);
    return (lb_act_map){
        .rounding = LB_ROUND_EVEN,
        .multiplier = codes,
        .divisor = range[0],
        .low = 0.0f,
        .high = codes - 1.0f,
        .scale = range[0] / codes,
        .window_low = 0.0f,
        .window_high = range[0],
    };
}

const lb_act_quantizer lb_act_quantizer_bnclip = {
    .name = "bnclip",
    .summary = "2^k levels from 0 to where the batch-norm before ends, six deviations out",
    .source = "Gonugondla and Shanbhag, IMPQ: Reduced Complexity Neural Networks via Granular "
              "Precision Assignment, 4.1",
    .bits_min = 1,
    .bits_max = 8,
    .before = LB_BEFORE_RELU,
    .norm_range = norm_range,
    .map = map,
};
