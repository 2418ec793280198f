/* dorefa - DoReFa-Net activations, k bits.
 *
 * Forward:  q_k(clip(x, 0, 1)), q_k(x) = round((2^k - 1) x) / (2^k - 1), ties to even. One bit: 1
 *           where x > 1/2, else 0; `step0` 1 puts the step at 0, as RedBit's code: 1 where x > 0.
 * Backward: g where 0 <= x <= 1, else 0. */
#include "nn/quantizer.h"

enum { STEP0 };

static lb_act_map map(const lb_act_setting *setting, const float *learned)
{
    (void)learned;
    const float steps = (float)((1 << setting->bits) - 1);
    const bool step = setting->bits == 1 && setting->options[STEP0] != 0.0f;
    return (lb_act_map){
        .rounding = step ? LB_ROUND_STEP : LB_ROUND_EVEN,
        .multiplier = steps,
        .divisor = 1.0f,
        .low = 0.0f,
        .high = steps,
        .scale = 1.0f / steps,
        .window_low = 0.0f,
        .window_high = 1.0f,
    };
}

static const lb_option options[] = {
    [STEP0] = {"step0", "1: one bit is 1 where x > 0, not x > 1/2", 0.0f, 0.0f, 1.0f, true},
    {.name = NULL},
};

const lb_act_quantizer lb_act_quantizer_dorefa = {
    .name = "dorefa",
    .summary = "2^k levels from 0 to 1, after a clip to [0, 1]",
    .source =
        "Zhou et al., DoReFa-Net, arXiv:1606.06160, Eq. 5 and 11 (RedBit 3.3, Kutukcu Eq. 3-7)",
    .bits_min = 1,
    .bits_max = 8,
    .options = options,
    .before = LB_BEFORE_CLIP01,
    .map = map,
};
