/* fixed - k-bit fixed-point numbers with f fraction bits, after ReLU.
 *
 * Forward:  floor(2^f x + 1/2) / 2^f clipped to [0, 2^(k-f) - 2^-f]; f = k: [0, 1 - 2^-k]
 *           `signed`: clipped to [-2^(k-f-1), 2^(k-f-1) - 2^-f], with no ReLU before  (Faraone Eq. 5.13)
 *           `levels`: round((2^k - 1) x) / (2^k - 1) on [0, 1], ties to even, as SYQ's code
 * Backward: g inside the clip, bounds included, else 0. */
#include <math.h>

#include "nn/quantizer.h"

enum { FRACTION, SIGNED, LEVELS };

static lb_act_map map(const lb_act_setting *setting, const float *learned)
{
    (void)learned;
    const bool levels = setting->options[LEVELS] != 0.0f;
    const bool is_signed = setting->options[SIGNED] != 0.0f && !levels;
    const int bits = setting->bits, asked = (int)setting->options[FRACTION];
    const float codes = (float)(1 << bits);
    const float steps = levels ? codes - 1.0f : ldexpf(1.0f, asked < 0 ? bits : asked);
    const float low = is_signed ? -0.5f * codes : 0.0f, high = low + codes - 1.0f;
    return (lb_act_map){
        .rounding = levels ? LB_ROUND_EVEN : LB_ROUND_HALF_UP,
        .multiplier = steps,
        .divisor = 1.0f,
        .low = low,
        .high = high,
        .scale = 1.0f / steps,
        .window_low = low / steps,
        .window_high = high / steps,
    };
}

static const lb_option options[] = {
    [FRACTION] = {"f", "fraction bits; -1: as many as there are bits", -1.0f, -1.0f, 16.0f, true},
    [SIGNED] = {"signed", "1: two's complement, with no ReLU before", 0.0f, 0.0f, 1.0f, true},
    [LEVELS] = {"levels", "1: 2^k levels from 0 to 1 whatever f and signed are, as SYQ's code",
                0.0f, 0.0f, 1.0f, true},
    {.name = NULL},
};

const lb_act_quantizer lb_act_quantizer_fixed = {
    .name = "fixed",
    .summary = "fixed-point numbers with f fraction bits, rounded half up",
    .source = "Faraone et al., SYQ, CVPR 2018, arXiv:1807.00301 (Faraone Eq. 5.13)",
    .bits_min = 2,
    .bits_max = 8,
    .options = options,
    .before = LB_BEFORE_RELU,
    .map = map,
};
