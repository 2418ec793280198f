/* syq - Learning Symmetric Quantization: binary (1 bit) or ternary (2 bits) weights whose learned scales
 * belong to the positions of a kernel.
 *
 * Forward:  alpha_i sign(w), or alpha_i t with t = sign(w) where |w| >= D, else 0; D = 0.05 max |w| of the
 *           layer: the threshold itself counts, a weight of 0 does not. alpha_i > 0 is learned, one for each
 *           position of the kernel (pixel), for each of its rows, or for the layer, shared by all filters and
 *           input channels; it starts at mean |w| of its weights.
 * Backward: dalpha_i = sum of g code over its weights, dw = alpha_i g.
 * Faraone Eq. 5.10 leaves the code out of dalpha_i; the chain rule has it. */
#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/reduce.h"

#include <math.h>

/* Weights of scale k are runs of `run` taps, one in every `taps` weights. */
typedef struct part {
    size_t first, run, taps;
} part;

static part part_of(lb_weight_group group, size_t k)
{
    const size_t run = group.taps / group.scales;
    return (part){k * run, run, group.taps};
}

static void init_learned(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                         float *learned)
{
    (void)setting;
    for (size_t k = 0; k < group.scales; k++) {
        const part p = part_of(group, k);
        double sum = 0.0;
        for (size_t i = p.first; i < group.n; i += p.taps)
            for (size_t t = 0; t < p.run; t++) sum += fabs((double)w[i + t]);
        learned[k] = (float)(sum * (double)group.scales / (double)group.n);
    }
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    s->scale = learned[0];
    s->scale_negative = s->scale;
    s->scales = group.scales > 1 ? learned : NULL;
    s->keep[0] = setting->bits == 1 ? 0.0f : 0.05f * lb_max_abs(w, group.n);
}

LB_VECTORIZED static void encode(const lb_weight_setting *setting, lb_weight_group group,
                                 const lb_weight_statistics *s, const float *w, lb_random *random,
                                 int16_t *code)
{
    if (setting->bits == 1) {
        lb_encode_sign(setting, group, s, w, random, code);
        return;
    }
    const float d = s->keep[0];
    for (size_t i = 0; i < group.n; i++) {
        const bool positive = w[i] >= d && w[i] > 0.0f, negative = w[i] <= -d && w[i] < 0.0f;
        code[i] = (int16_t)((positive ? 1 : 0) - (negative ? 1 : 0));
    }
}

static void backward_part(part p, size_t n, float alpha, const int16_t *code, const float *dq,
                          float *dw, float *dalpha)
{
    double sum = 0.0;
    for (size_t i = p.first; i < n; i += p.taps)
        for (size_t t = i; t < i + p.run; t++) {
            dw[t] = alpha * dq[t];
            sum += (double)dq[t] * code[t];
        }
    *dalpha += (float)sum;
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)w;
    for (size_t k = 0; k < group.scales; k++) {
        const float alpha = s->scales ? s->scales[k] : s->scale;
        backward_part(part_of(group, k), group.n, alpha, code, dq, dw, &dlearned[k]);
    }
}

const lb_weight_quantizer lb_weight_quantizer_syq = {
    .name = "syq",
    .summary = "alpha times -1, +1 or times -1, 0, +1; alpha learned by kernel position",
    .source = "Faraone et al., SYQ, CVPR 2018, arXiv:1807.00301 (Faraone Eq. 5.2-5.12)",
    .bits_min = 1,
    .bits_max = 2,
    .ternary = true,
    .granularities = 1 << LB_PER_LAYER | 1 << LB_PER_ROW | 1 << LB_PER_PIXEL,
    .granularity = LB_PER_PIXEL,
    .n_learned = 1,
    .max_code = lb_max_code_one,
    .init_learned = init_learned,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
