/* ttq - Trained Ternary Quantization.
 *
 * Forward:  +wp where w > D, -wn where w < -D, else 0; D = 0.05 max |w|; wp, wn > 0 learned, one
 *           pair a layer, start 1.
 * Backward: dwp = sum of g over w > D;  dwn = -sum of g over w < -D;
 *           dw = wp g, g or wn g where the code is +1, 0 or -1.
 * RedBit's released code adds dwn with a plus sign; with -wn as the value the chain rule says
 * minus. */
#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/reduce.h"

enum { POSITIVE, NEGATIVE };

static void init_learned(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                         float *learned)
{
    (void)setting;
    (void)group;
    (void)w;
    learned[POSITIVE] = 1.0f;
    learned[NEGATIVE] = 1.0f;
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    s->scale = learned[POSITIVE];
    s->scale_negative = learned[NEGATIVE];
    s->keep[0] = 0.05f * lb_max_abs(w, group.n);
}

static void encode(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code)
{
    (void)setting;
    (void)random;
    lb_encode_ternary(w, group.n, s->keep[0], code);
}

LB_VECTORIZED static void backward(const lb_weight_setting *setting, lb_weight_group group,
                                   const lb_weight_statistics *s, const float *w,
                                   const int16_t *code, const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)w;
    const float positive = s->scale;
    const float negative = s->scale_negative;
    for (size_t i = 0; i < group.n; i++) {
        const float below = code[i] < 0 ? negative : 1.0f;
        dw[i] = dq[i] * (code[i] > 0 ? positive : below);
    }
    double above_sum, below_sum;
    lb_sum_by_sign(dq, code, group.n, &above_sum, &below_sum);
    dlearned[POSITIVE] += (float)above_sum;
    dlearned[NEGATIVE] -= (float)below_sum;
}

const lb_weight_quantizer lb_weight_quantizer_ttq = {
    .name = "ttq",
    .summary = "-wn, 0 or +wp, both learned, one pair a layer",
    .source = "Zhu et al., TTQ, ICLR 2017, arXiv:1612.01064, Eq. 6-9 (RedBit 3.4)",
    .bits_min = 2,
    .bits_max = 2,
    .ternary = true,
    .asymmetric = true,
    .granularities = 1 << LB_PER_LAYER,
    .granularity = LB_PER_LAYER,
    .n_learned = 2,
    .max_code = lb_max_code_one,
    .init_learned = init_learned,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
