/* lsq - Learned Step Size Quantization of weights, k bits.
 *
 * Forward:  s round(clip(w / s, -Qn, Qp)), Qn = 2^(k-1), Qp = 2^(k-1) - 1, ties to even  (Eq. 1-2)
 * Backward: dw = g where -Qn < w/s < Qp, else 0                                          (Eq. 5)
 *           ds = sum of g r / sqrt(n Qp) with r = round(w/s) - w/s where g passes, -Qn below and Qp
 *           above; n the weights that share s                                (Eq. 3, Sec. 2.2)
 * Start:    s = 2 mean|w| / sqrt(Qp); 1 where all weights are 0                          (Sec. 2.1)
 * With one bit Qp is 0 and there is no start: two bits are the fewest. */
#include <math.h>

#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

static int max_code(const lb_weight_setting *setting)
{
    return 1 << (setting->bits - 1);
}

static void init_learned(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                         float *learned)
{
    const double high = (double)(max_code(setting) - 1);
    const double mean = group.n > 0 ? lb_sum_abs(w, group.n) / (double)group.n : 0.0;
    const float step = (float)(2.0 * mean / sqrt(high));
    learned[0] = step > 0.0f ? step : 1.0f;
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)group;
    (void)w;
    s->scale = learned[0];
    s->scale_negative = learned[0];
}

LB_VECTORIZED static void encode(const lb_weight_setting *setting, lb_weight_group group,
                                 const lb_weight_statistics *s, const float *w, lb_random *random,
                                 int16_t *code)
{
    (void)random;
    const float step = s->scale, end = (float)max_code(setting);
    for (size_t i = 0; i < group.n; i++)
        code[i] = (int16_t)lb_round_even(lb_clampf(w[i] / step, -end, end - 1.0f));
}

/* dr[i] = dq[i] r of w[i], the summands of ds. */
LB_VECTORIZED static void step_terms(size_t n, float step, float end, const float *w,
                                     const int16_t *code, const float *dq, float *dr)
{
    for (size_t i = 0; i < n; i++) {
        const float x = w[i] / step;
        const bool inside = -end < x && x < end - 1.0f;
        dr[i] = dq[i] * ((float)code[i] - (inside ? x : 0.0f));
    }
}

LB_VECTORIZED static void pass_inside(size_t n, float step, float end, const float *w,
                                      const float *dq, float *dw)
{
    for (size_t i = 0; i < n; i++) {
        const float x = w[i] / step;
        const bool inside = -end < x && x < end - 1.0f;
        dw[i] = inside ? dq[i] : 0.0f;
    }
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    const float end = (float)max_code(setting);
    step_terms(group.n, s->scale, end, w, code, dq, dw); /* dw is free until it is written */
    const double sum = lb_sum(dw, group.n);
    dlearned[0] += (float)(sum / sqrt((double)group.n * (double)(end - 1.0f)));
    pass_inside(group.n, s->scale, end, w, dq, dw);
}

const lb_weight_quantizer lb_weight_quantizer_lsq = {
    .name = "lsq",
    .summary = "multiples of a learned step, two's complement codes",
    .source = "Esser et al., LSQ, ICLR 2020, arXiv:1902.08153, Eq. 1-3 and 5, Sec. 2.1 and 2.2",
    .bits_min = 2,
    .bits_max = 8,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_LAYER,
    .n_learned = 1,
    .max_code = max_code,
    .init_learned = init_learned,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
