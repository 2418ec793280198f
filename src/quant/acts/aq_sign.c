/* sign - binary activations.
 *
 * Forward:  +1 where x >= 0, else -1 (RedBit eq. 2).
 * Backward: g where |x| <= 1, else 0; `open` 1 leaves out |x| = 1, as XNOR-Net's code. With approx-sign
 *           g max(2 - 2 |x|, 0). */
#include "nn/quantizer.h"

enum { OPEN };

static lb_act_map map(const lb_act_setting *setting, const float *learned)
{
    (void)learned;
    return (lb_act_map){
        .rounding = LB_ROUND_SIGN,
        .multiplier = 1.0f,
        .divisor = 1.0f,
        .low = -1.0f,
        .high = 1.0f,
        .scale = 1.0f,
        .window_low = -1.0f,
        .window_high = 1.0f,
        .open = setting->options[OPEN] != 0.0f,
        .gradient = setting->gradient,
    };
}

static const lb_option options[] = {
    [OPEN] = {"open", "1: no gradient at |x| = 1, as XNOR-Net's code", 0.0f, 0.0f, 1.0f, true},
    {.name = NULL},
};

const lb_act_quantizer lb_act_quantizer_sign = {
    .name = "sign",
    .summary = "-1 or +1, after hard tanh",
    .source = "Hubara et al., BNN, NIPS 2016, arXiv:1602.02830, Eq. 1 and 4 (RedBit Eq. 2, Kutukcu "
              "Eq. 3-4)",
    .bits_min = 1,
    .bits_max = 1,
    .options = options,
    .before = LB_BEFORE_HARD_TANH,
    .map = map,
};
