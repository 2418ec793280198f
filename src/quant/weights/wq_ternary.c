/* ternary - ternary weights by a fixed threshold, without scales: sparse networks.
 *
 * Forward:  +1 where w > eta, -1 where w < -eta, else 0                            (Faraone Eq. 3.1)
 * Backward: dw = g: the straight-through estimator.
 * After each update the masters are clipped to [-1, 1]. They start uniform in (-1, 1), where a usual
 * small start would have no code but 0. From other weights a layer starts scaled, so that the share
 * `start` of its codes is not 0, and clipped; batch-norm absorbs the scale. */
#include <math.h>

#include "quant/binary.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

enum { ETA, ETA_FC, START };

static float threshold_of(const lb_weight_setting *setting)
{
    const float fc = setting->options[ETA_FC];
    return setting->fully_connected && fc >= 0.0f ? fc : setting->options[ETA];
}

static void encode(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code)
{
    (void)s;
    (void)random;
    lb_encode_ternary(w, group.n, threshold_of(setting), code);
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

static size_t count_above(const float *w, size_t n, float level)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += fabsf(w[i]) > level;
    return count;
}

/* The smallest level, within a rounding, that at most `share` of all |w| lie above. Halving needs no
 * memory, and 40 times bring the largest weight below its last bit. */
static float level_below(const float *w, size_t n, float share)
{
    float low = 0.0f, high = lb_max_abs(w, n);
    for (int i = 0; i < 40; i++) {
        const float middle = 0.5f * (low + high);
        if ((double)count_above(w, n, middle) > (double)share * (double)n)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static void adopt(const lb_weight_setting *setting, lb_weight_group group, float *w)
{
    const float share = setting->options[START];
    if (share == 0.0f) return;
    const float level = level_below(w, group.n, share);
    if (!(level > 0.0f)) return;
    const float eta = threshold_of(setting);
    for (size_t i = 0; i < group.n; i++) w[i] = lb_clampf(w[i] / level * eta, -1.0f, 1.0f);
}

static const lb_option options[] = {
    [ETA] = {"eta", "the threshold", 0.5f, 0.0f, 0.999f, false},
    [ETA_FC] = {"eta-fc", "the threshold of fully connected layers; -1: eta", -1.0f, -1.0f, 0.999f,
                false},
    [START] = {"start", "share of codes that are not 0 after --init; 0: weights as they are", 0.4f,
               0.0f, 1.0f, false},
    {.name = NULL},
};

const lb_weight_quantizer lb_weight_quantizer_ternary = {
    .name = "ternary",
    .summary = "-1, 0 or +1 by a fixed threshold, no scale; masters clipped to [-1, 1]",
    .source = "Faraone et al., ICONIP 2017, arXiv:1709.06262 (Faraone Eq. 2.18 and 3.1)",
    .bits_min = 2,
    .bits_max = 2,
    .ternary = true,
    .granularities = 1 << LB_PER_LAYER,
    .granularity = LB_PER_LAYER,
    .clip = 1.0f,
    .wide_init = true,
    .options = options,
    .max_code = lb_max_code_one,
    .adopt = adopt,
    .statistics = lb_statistics_one,
    .encode = encode,
    .backward = backward,
};
