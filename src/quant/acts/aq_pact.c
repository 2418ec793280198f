/* pact - Parameterized Clipping Activation, k bits.
 *
 * Forward:  clip(x, 0, a) rounded to the 2^k levels j a / (2^k - 1), ties to even; a learned (Eq. 1-2)
 * Backward: g where 0 <= x < a, else 0; da = sum of g over x >= a                           (Eq. 3)
 * Start:    a = `clip`, 6. `clip-decay` is the L2 factor of a, which otherwise would only grow with
 *           the loss's wish for range                                                       (Sec. 3.2) */
#include <math.h>

#include "base/compiler.h"
#include "nn/quantizer.h"
#include "quant/reduce.h"

enum { CLIP, CLIP_DECAY };

static float init_learned(const lb_act_setting *setting, double mean_abs)
{
    (void)mean_abs;
    return setting->options[CLIP];
}

static float learned_decay(const lb_act_setting *setting)
{
    return setting->options[CLIP_DECAY];
}

static lb_act_map map(const lb_act_setting *setting, const float *learned)
{
    const float steps = (float)((1 << setting->bits) - 1), clip = learned[0];
    return (lb_act_map){
        .rounding = LB_ROUND_EVEN,
        .multiplier = steps,
        .divisor = clip,
        .low = 0.0f,
        .high = steps,
        .scale = clip / steps,
        .window_low = 0.0f,
        .window_high = nextafterf(clip, 0.0f), /* x = a is clipped: its gradient is a's */
    };
}

LB_VECTORIZED static float backward_learned(const lb_act_setting *setting, const float *learned,
                                            const float *x, const float *dvalue, size_t n)
{
    (void)setting;
    const float clip = learned[0];
    float term[LB_SUM_BLOCK];
    double sum = 0.0;
    for (size_t begin = 0; begin < n; begin += LB_SUM_BLOCK) {
        const size_t m = n - begin < LB_SUM_BLOCK ? n - begin : LB_SUM_BLOCK;
        for (size_t i = 0; i < m; i++) term[i] = x[begin + i] >= clip ? dvalue[begin + i] : 0.0f;
        sum += lb_sum(term, m);
    }
    return (float)sum;
}

static const lb_option options[] = {
    [CLIP] = {"clip", "the first value of the learned clip a", 6.0f, 0.001f, 1000.0f, false},
    [CLIP_DECAY] = {"clip-decay", "L2 factor of a; 0: none", 2e-4f, 0.0f, 1.0f, false},
    {.name = NULL},
};

const lb_act_quantizer lb_act_quantizer_pact = {
    .name = "pact",
    .summary = "2^k levels from 0 to a learned clip",
    .source = "Choi et al., PACT, arXiv:1805.06085, Eq. 1-3, Sec. 3.2",
    .bits_min = 1,
    .bits_max = 8,
    .n_learned = 1,
    .options = options,
    .before = LB_BEFORE_RELU,
    .init_learned = init_learned,
    .learned_decay = learned_decay,
    .map = map,
    .backward_learned = backward_learned,
};
