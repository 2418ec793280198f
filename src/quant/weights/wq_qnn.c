/* qnn - the linear weights of Quantized Neural Networks, k bits.
 *
 * Forward, k = 1:  sign(w), scale 1.
 * Forward, k >= 2: m clip(round(w / m 2^(k-1)) / 2^(k-1), -1, 1 - 2^-(k-1)), m = max |w| of the
 *                  group (RedBit's code), ties to even: code in -2^(k-1) .. 2^(k-1) - 1, scale
 *                  m / 2^(k-1). `fixed-range` 1 sets m = 1: RedBit Eq. 1 with the range of two's
 *                  complement numbers.
 * Backward:        dw = g; with fixed-range g where |w| <= 1, else 0. m is taken as constant.
 * Nothing to scale (all weights 0): scale 0. */
#include "base/compiler.h"
#include "quant/binary.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

enum { FIXED_RANGE };

static bool fixed_range(const lb_weight_setting *setting)
{
    return setting->options[FIXED_RANGE] != 0.0f;
}

static float half_range(const lb_weight_setting *setting)
{
    return (float)(1 << (setting->bits - 1));
}

static int max_code(const lb_weight_setting *setting)
{
    return 1 << (setting->bits - 1);
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)learned;
    float range = 1.0f;
    if (setting->bits > 1 && !fixed_range(setting)) range = lb_max_abs(w, group.n);
    s->scale = setting->bits == 1 ? 1.0f : range / half_range(setting);
    s->scale_negative = s->scale;
    s->keep[0] = range > 0.0f ? range : 1.0f;
}

LB_VECTORIZED static void encode(const lb_weight_setting *setting, lb_weight_group group,
                                 const lb_weight_statistics *s, const float *w, lb_random *random,
                                 int16_t *code)
{
    if (setting->bits == 1) {
        lb_encode_sign(setting, group, s, w, random, code);
        return;
    }
    const float range = s->keep[0];
    const float half = half_range(setting);
    for (size_t i = 0; i < group.n; i++) {
        /* the bounds are whole numbers, so clipping first gives what clipping last gives */
        const float x = lb_clampf(w[i] / range * half, -half, half - 1.0f);
        code[i] = (int16_t)lb_round_even(x);
    }
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    (void)s;
    (void)code;
    (void)dlearned;
    if (fixed_range(setting)) {
        lb_backward_window(w, dq, group.n, 1.0f, dw);
    } else {
        lb_backward_identity(dq, group.n, dw);
    }
}

static const lb_option options[] = {
    [FIXED_RANGE] = {"fixed-range", "1: the range is [-1, 1), not max |w|", 0.0f, 0.0f, 1.0f, true},
    {.name = NULL},
};

const lb_weight_quantizer lb_weight_quantizer_qnn = {
    .name = "qnn",
    .summary = "two's complement fractions of max |w|, sign at 1 bit",
    .source = "Hubara et al., QNN, JMLR 18 (2018), arXiv:1609.07061, Sec. 4 (RedBit Eq. 1 and 2)",
    .bits_min = 1,
    .bits_max = 8,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_LAYER,
    .options = options,
    .max_code = max_code,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
