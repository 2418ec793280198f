/* bc-stochastic - BinaryConnect, stochastic: a regularizer; evaluation uses the float masters.
 *
 * Forward:  +1 with probability p = clip((w + 1) / 2, 0, 1), else -1 (Kutukcu Eq. 3-2, 3-3)
 * Backward: dw = g where |w| <= 1, else 0; masters clipped and started as bc's.
 * A draw u in [0, 1) gives +1 where u < p, so p = 0 and p = 1 are certain. */
#include "quant/binary.h"
#include "quant/elementwise.h"

static void encode(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code)
{
    if (random == NULL) { /* no draws to be had: the more probable sign */
        lb_encode_sign(setting, group, s, w, NULL, code);
        return;
    }
    for (size_t i = 0; i < group.n; i++) {
        const float p = lb_clampf((w[i] + 1.0f) * 0.5f, 0.0f, 1.0f);
        code[i] = (int16_t)(lb_random_uniform(random) < p ? 1 : -1);
    }
}

const lb_weight_quantizer lb_weight_quantizer_bc_stochastic = {
    .name = "bc-stochastic",
    .summary = "-1 or +1 by chance while training, float weights at evaluation",
    .source =
        "Courbariaux et al., BinaryConnect, NIPS 2015, arXiv:1511.00363 (Kutukcu Eq. 3-2, 3-3)",
    .bits_min = 1,
    .bits_max = 1,
    .odd_grid = true,
    .stochastic = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_LAYER,
    .clip = 1.0f,
    .wide_init = true,
    .max_code = lb_max_code_one,
    .statistics = lb_statistics_one,
    .encode = encode,
    .backward = lb_backward_sign,
};
