/* xnor - the weights of XNOR-Net and Binary-Weight-Networks.
 *
 * Before:   the masters themselves are centred over the input channels,
 *             w[o,i,t] -= mean over i of w[o,i,t]   (fully connected: over the inputs; left out
 *             where a filter sees one channel, which it would make zero),
 *           then clipped to [-1, 1]   (the authors' code; the paper does not tell).
 * Forward:  alpha * sign(w), alpha = mean |w| over the group, by default a filter (RedBit Eq. 3).
 * Backward: dw = g alpha 1[|w| <= 1] + sign(w) mean(g sign(w)): the chain rule of the above with
 *           d sign(w)/dw = 1[|w| <= 1] and d alpha/dw = sign(w) / n.
 *           `code-gradient` 1 multiplies it by n (1 - 1/I), n the weights of a filter and I its
 *           input channels, as the authors' code does (without 1 - 1/I where I = 1, as nothing is
 *           centred). */
#include <math.h>

#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

enum { CODE_GRADIENT };

LB_VECTORIZED static void centre_inputs(size_t n, float *w)
{
    const float mean = (float)(lb_sum(w, n) / (double)n);
    for (size_t i = 0; i < n; i++) w[i] -= mean;
}

/* Kernel positions go in blocks, so that the inner loop runs along memory. */
LB_VECTORIZED static void centre_channels(size_t channels, size_t taps, float *w)
{
    enum { BLOCK = 16 };
    for (size_t begin = 0; begin < taps; begin += BLOCK) {
        const size_t n = taps - begin < BLOCK ? taps - begin : BLOCK;
        double sum[BLOCK] = {0.0};
        float mean[BLOCK];
        for (size_t i = 0; i < channels; i++) {
            for (size_t t = 0; t < n; t++) sum[t] += (double)w[i * taps + begin + t];
        }
        for (size_t t = 0; t < n; t++) mean[t] = (float)(sum[t] / (double)channels);
        for (size_t i = 0; i < channels; i++) {
            for (size_t t = 0; t < n; t++) w[i * taps + begin + t] -= mean[t];
        }
    }
}

LB_VECTORIZED static void prepare(const lb_weight_setting *setting, lb_weight_group group, float *w)
{
    (void)setting;
    const size_t n = group.channels * group.taps;
    for (size_t o = 0; group.channels > 1 && o < group.filters; o++) {
        if (group.taps == 1) {
            centre_inputs(group.channels, w + o * n);
        } else {
            centre_channels(group.channels, group.taps, w + o * n);
        }
    }
    for (size_t i = 0; i < group.n; i++) {
        /* written so that a NaN stays one and is seen in the loss */
        const float above = w[i] > 1.0f ? 1.0f : w[i];
        w[i] = above < -1.0f ? -1.0f : above;
    }
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)learned;
    s->scale = group.n > 0 ? (float)(lb_sum_abs(w, group.n) / (double)group.n) : 0.0f;
    s->scale_negative = s->scale;
}

LB_VECTORIZED static void backward(const lb_weight_setting *setting, lb_weight_group group,
                                   const lb_weight_statistics *s, const float *w,
                                   const int16_t *code, const float *dq, float *dw, float *dlearned)
{
    (void)dlearned;
    const float alpha = s->scale;
    const float mean =
        group.n > 0 ? (float)(lb_sum_product(dq, code, group.n) / (double)group.n) : 0.0f;
    float factor = 1.0f;
    if (setting->options[CODE_GRADIENT] != 0.0f) {
        factor = (float)(group.channels * group.taps);
        if (group.channels > 1) factor *= 1.0f - 1.0f / (float)group.channels;
    }
    for (size_t i = 0; i < group.n; i++) {
        const float direct = fabsf(w[i]) <= 1.0f ? dq[i] * alpha : 0.0f;
        dw[i] = factor * (direct + (float)code[i] * mean);
    }
}

static const lb_option options[] = {
    [CODE_GRADIENT] = {"code-gradient", "1: gradient times n (1 - 1/I), as the authors' code", 0.0f,
                       0.0f, 1.0f, true},
    {.name = NULL},
};

const lb_weight_quantizer lb_weight_quantizer_xnor = {
    .name = "xnor",
    .summary = "mean |w| of each filter times sign; masters centred and clipped",
    .source = "Rastegari et al., XNOR-Net, ECCV 2016, arXiv:1603.05279, Eq. 5-6 (RedBit Eq. 3), "
              "and its code",
    .bits_min = 1,
    .bits_max = 1,
    .odd_grid = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_FILTER,
    .options = options,
    .max_code = lb_max_code_one,
    .prepare = prepare,
    .statistics = statistics,
    .encode = lb_encode_sign,
    .backward = backward,
};
