/* qnn - the linear activations of Quantized Neural Networks, k bits.
 *
 * Forward, k = 1:  sign(x).
 * Forward, k >= 2: clip(round(x 2^(k-1)) / 2^(k-1), -1, 1 - 2^-(k-1)), ties to even (RedBit Eq. 1
 *                  with the range of k-bit two's complement numbers).
 * Backward:        g where |x| <= 1, else 0. One bit with approx-sign: g max(2 - 2 |x|, 0). */
#include "nn/quantizer.h"

static lb_act_map map(const lb_act_setting *setting, const float *learned)
{
    (void)learned;
    const bool binary = setting->bits == 1;
    const float half = binary ? 1.0f : (float)(1 << (setting->bits - 1));
    return (lb_act_map){
        .rounding = binary ? LB_ROUND_SIGN : LB_ROUND_EVEN,
        .multiplier = half,
        .divisor = 1.0f,
        .low = -half,
        .high = binary ? 1.0f : half - 1.0f,
        .scale = 1.0f / half,
        .window_low = -1.0f,
        .window_high = 1.0f,
        .gradient = binary ? setting->gradient : LB_GRADIENT_STE,
    };
}

const lb_act_quantizer lb_act_quantizer_qnn = {
    .name = "qnn",
    .summary = "two's complement fractions in [-1, 1), sign at 1 bit, after hard tanh",
    .source = "Hubara et al., QNN, JMLR 18 (2018), arXiv:1609.07061, Sec. 4 (RedBit Eq. 1 and 2)",
    .bits_min = 1,
    .bits_max = 8,
    .before = LB_BEFORE_HARD_TANH,
    .map = map,
};
