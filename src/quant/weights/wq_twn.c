/* twn - Ternary Weight Networks.
 *
 * Forward:  alpha t, t = +1 where w > D, -1 where w < -D, else 0 (RedBit Eq. 4, Kutukcu Eq. 3-10);
 *           D = 0.7 mean |w|, alpha = mean of |w| over |w| > D   (Kutukcu Eq. 3-13, 3-14)
 *           The group is a filter (the authors' code) or the layer (Kutukcu).
 * Backward: dw = g.
 * Nothing beyond D (all weights 0): scale 0, all codes 0. */
#include "quant/binary.h"
#include "quant/reduce.h"

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)learned;
    const double mean = group.n > 0 ? lb_sum_abs(w, group.n) / (double)group.n : 0.0;
    size_t count = 0;
    s->keep[0] = (float)(0.7 * mean);
    const double sum = lb_sum_abs_above(w, group.n, s->keep[0], &count);
    s->scale = count > 0 ? (float)(sum / (double)count) : 0.0f;
    s->scale_negative = s->scale;
}

static void encode(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code)
{
    (void)setting;
    (void)random;
    lb_encode_ternary(w, group.n, s->keep[0], code);
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)s;
    (void)w;
    (void)code;
    (void)dlearned;
    lb_backward_identity(dq, group.n, dw);
}

const lb_weight_quantizer lb_weight_quantizer_twn = {
    .name = "twn",
    .summary = "-a, 0 or +a: threshold 0.7 mean |w|, a the mean beyond it",
    .source = "Li et al., TWN, arXiv:1605.04711, Eq. 3-6 (RedBit Eq. 4, Kutukcu Eq. 3-9 to 3-14)",
    .bits_min = 2,
    .bits_max = 2,
    .ternary = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_FILTER,
    .max_code = lb_max_code_one,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
