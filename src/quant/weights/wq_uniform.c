/* uniform - the weights of iterative mixed-precision quantization, k bits, no zero.
 *
 * Forward:  d (j + 1/2) / 2^(k-1), j = floor(x 2^(k-1)) in -2^(k-1) .. 2^(k-1) - 1, x = clip(w/d, -1, 1):
 *           code 2j + 1, scale d / 2^k; one bit gives +-d/2                             (IMPQ 4.1)
 *           d = 4 sqrt(mean w^2) over the group; `max` 1: d = max |w|, as the authors' code
 * Backward: dw = g where |w| <= d, else 0; d is taken as constant.
 * Nothing to scale (all weights 0): scale 0. */
#include <math.h>

#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

enum { MAX };

static int max_code(const lb_weight_setting *setting)
{
    return (1 << setting->bits) - 1;
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)learned;
    float range = 0.0f;
    if (setting->options[MAX] != 0.0f)
        range = lb_max_abs(w, group.n);
    else if (group.n > 0)
        range = (float)(4.0 * sqrt(lb_sum_squares(w, group.n) / (double)group.n));
    s->scale = ldexpf(range, -setting->bits);
    s->scale_negative = s->scale;
    s->keep[0] = range > 0.0f ? range : 1.0f;
}

LB_VECTORIZED static void encode(const lb_weight_setting *setting, lb_weight_group group,
                                 const lb_weight_statistics *s, const float *w, lb_random *random,
                                 int16_t *code)
{
    (void)random;
    const float range = s->keep[0], half = (float)(1 << (setting->bits - 1));
    for (size_t i = 0; i < group.n; i++) {
        const float x = lb_clampf(w[i] / range, -1.0f, 1.0f) * half;
        const float nearest = lb_round_even(x);
        const float below = nearest > x ? nearest - 1.0f : nearest;
        code[i] = (int16_t)(2 * (int32_t)lb_clampf(below, -half, half - 1.0f) + 1);
    }
}

LB_VECTORIZED static void backward(const lb_weight_setting *setting, lb_weight_group group,
                                   const lb_weight_statistics *s, const float *w,
                                   const int16_t *code, const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)code;
    (void)dlearned;
    const float range = s->keep[0];
    for (size_t i = 0; i < group.n; i++) dw[i] = fabsf(w[i]) <= range ? dq[i] : 0.0f;
}

static const lb_option options[] = {
    [MAX] = {"max", "1: the range is max |w|, as IMPQ's code", 0.0f, 0.0f, 1.0f, true},
    {.name = NULL},
};

const lb_weight_quantizer lb_weight_quantizer_uniform = {
    .name = "uniform",
    .summary = "2^k levels without a zero over 4 rms",
    .source = "Gonugondla and Shanbhag, IMPQ: Reduced Complexity Neural Networks via Granular "
              "Precision Assignment, 4.1",
    .bits_min = 1,
    .bits_max = 8,
    .odd_grid = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_FILTER,
    .options = options,
    .max_code = max_code,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
