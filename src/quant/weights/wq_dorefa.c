/* dorefa - DoReFa-Net weights, k bits.
 *
 * Forward, k = 1:   E * sign(w), E = mean |w| over the group.
 * Forward, k >= 2:  2 q_k(t / 2 + 1/2) - 1,  t = tanh(w) / max |tanh(w)|,
 *                   q_k(x) = round((2^k - 1) x) / (2^k - 1), ties to even.
 *                   With j = round((2^k - 1)(t / 2 + 1/2)) the code is the odd integer
 *                   2j - (2^k - 1) and the scale 1 / (2^k - 1): there is no zero.
 * Backward, k = 1:  dw = g, E taken as constant.
 * Backward, k >= 2: dw = g (1 - tanh(w)^2) / max |tanh(w)|: through tanh, the maximum taken as
 *                   constant, the identity through q_k.
 * The group is the layer; per filter is the option that RedBit's text describes for one bit.
 * tanh is lb_tanhf's: rational, relative error 5e-7. Its value can move a code only within that
 * distance of a rounding boundary. Nothing to scale (all weights 0): scale 0. */
#include <math.h>

#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

static int levels_less_one(const lb_weight_setting *setting)
{
    return (1 << setting->bits) - 1;
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)learned;
    float scale;
    if (setting->bits == 1) {
        scale = group.n > 0 ? (float)(lb_sum_abs(w, group.n) / (double)group.n) : 0.0f;
    } else {
        /* tanh rises with |w|: its largest value needs no pass of its own */
        const float largest = lb_tanhf(lb_max_abs(w, group.n));
        scale = largest > 0.0f ? 1.0f / (float)levels_less_one(setting) : 0.0f;
        s->keep[0] = largest > 0.0f ? largest : 1.0f;
    }
    s->scale = scale;
    s->scale_negative = scale;
}

LB_VECTORIZED static void encode(const lb_weight_setting *setting, lb_weight_group group,
                                 const lb_weight_statistics *s, const float *w, lb_random *random,
                                 int16_t *code)
{
    if (setting->bits == 1) {
        lb_encode_sign(setting, group, s, w, random, code);
        return;
    }
    const float largest = s->keep[0];
    const float steps = (float)levels_less_one(setting);
    for (size_t i = 0; i < group.n; i++) {
        const float x = lb_tanhf(w[i]) / largest * 0.5f + 0.5f;
        /* the clamp is for NaN and for lb_tanhf's last bit */
        const float j = lb_clampf(lb_round_even(steps * x), 0.0f, steps);
        code[i] = (int16_t)(2 * (int32_t)j - (int32_t)steps);
    }
}

LB_VECTORIZED static void backward(const lb_weight_setting *setting, lb_weight_group group,
                                   const lb_weight_statistics *s, const float *w,
                                   const int16_t *code, const float *dq, float *dw, float *dlearned)
{
    (void)code;
    (void)dlearned;
    if (setting->bits == 1) {
        lb_backward_identity(dq, group.n, dw);
        return;
    }
    const float largest = s->keep[0];
    for (size_t i = 0; i < group.n; i++) {
        const float t = lb_tanhf(w[i]);
        dw[i] = dq[i] * (1.0f - t * t) / largest;
    }
}

const lb_weight_quantizer lb_weight_quantizer_dorefa = {
    .name = "dorefa",
    .summary = "mean |w| times sign at 1 bit; uniform after tanh from 2 bits on, no zero",
    .source =
        "Zhou et al., DoReFa-Net, arXiv:1606.06160, Eq. 7-9 (RedBit 3.3, Kutukcu Eq. 3-6 to 3-8)",
    .bits_min = 1,
    .bits_max = 8,
    .odd_grid = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_LAYER,
    .max_code = levels_less_one,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
