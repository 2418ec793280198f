/* lsq - Learned Step Size Quantization of activations, k bits, after ReLU: unsigned codes.
 *
 * Forward:  s round(clip(x / s, 0, Qp)), Qp = 2^k - 1, ties to even                     (Eq. 1-2)
 * Backward: g where 0 < x < s Qp, else 0                                                (Eq. 5)
 *           ds = sum of g r / sqrt(N Qp) with r = round(x/s) - x/s where g passes, 0 below and Qp
 *           above (Eq. 3); N the features of one sample, whose sums are added (Sec. 2.2)
 * Start:    s = 2 mean|x| / sqrt(Qp) of the first batch                                 (Sec. 2.1)
 * Nothing to start from (every x is 0): s = 1. */
#include <math.h>

#include "base/compiler.h"
#include "nn/quantizer.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

static float largest(const lb_act_setting *setting)
{
    return (float)((1 << setting->bits) - 1);
}

static float init_learned(const lb_act_setting *setting, double mean_abs)
{
    const float step = (float)(2.0 * mean_abs / sqrt((double)largest(setting)));
    return step > 0.0f ? step : 1.0f;
}

static lb_act_map map(const lb_act_setting *setting, const float *learned)
{
    const float step = learned[0];
    return (lb_act_map){
        .rounding = LB_ROUND_EVEN,
        .multiplier = 1.0f,
        .divisor = step,
        .low = 0.0f,
        .high = largest(setting),
        .scale = step,
        .window_low = 0.0f,
        .window_high = step * largest(setting),
        .open = true,
    };
}

LB_VECTORIZED static float backward_learned(const lb_act_setting *setting, const float *learned,
                                            const float *x, const float *dvalue, size_t n)
{
    const float step = learned[0], high = largest(setting), end = step * high;
    float term[LB_SUM_BLOCK];
    double sum = 0.0;
    for (size_t begin = 0; begin < n; begin += LB_SUM_BLOCK) {
        const size_t m = n - begin < LB_SUM_BLOCK ? n - begin : LB_SUM_BLOCK;
        for (size_t i = 0; i < m; i++) {
            const float at = x[begin + i], ratio = at / step;
            const float inside = lb_round_even(ratio) - ratio,
                        outside = lb_clampf(ratio, 0.0f, high);
            term[i] = dvalue[begin + i] * (0.0f < at && at < end ? inside : outside);
        }
        sum += lb_sum(term, m);
    }
    return (float)(sum / sqrt((double)n * (double)high));
}

const lb_act_quantizer lb_act_quantizer_lsq = {
    .name = "lsq",
    .summary = "multiples of a learned step, after ReLU",
    .source = "Esser et al., LSQ, ICLR 2020, arXiv:1902.08153, Eq. 1-3 and 5, Sec. 2.1 and 2.2",
    .bits_min = 1,
    .bits_max = 8,
    .n_learned = 1,
    .before = LB_BEFORE_RELU,
    .init_learned = init_learned,
    .map = map,
    .backward_learned = backward_learned,
};
