/* bc-scaled - BinaryConnect with a constant scale, for deep networks (Kutukcu 4.3.3.2).
 *
 * Forward:  c sign(w); c = 0.1 is Kutukcu's BC-1.1, 0.125 its BC-1.2, where a shift does for the
 * product
 * Backward: dw = g c where |w| <= 1, else 0; masters clipped and started as bc's. */
#include "quant/binary.h"

enum { SCALE };

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)group;
    (void)w;
    (void)learned;
    s->scale = setting->options[SCALE];
    s->scale_negative = s->scale;
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)code;
    (void)dlearned;
    lb_backward_window(w, dq, group.n, s->scale, dw);
}

static const lb_option options[] = {
    [SCALE] = {"c", "the constant scale; 0.125 is a shift by 3", 0.1f, 1e-6f, 1.0f, false},
    {.name = NULL},
};

const lb_weight_quantizer lb_weight_quantizer_bc_scaled = {
    .name = "bc-scaled",
    .summary = "-c or +c, c a constant; masters clipped to [-1, 1]",
    .source = "Kutukcu, METU thesis 2020, 4.3.3.2: BC-1.1, BC-1.2",
    .bits_min = 1,
    .bits_max = 1,
    .odd_grid = true,
    .granularities = LB_ANY_GRANULARITY,
    .granularity = LB_PER_LAYER,
    .clip = 1.0f,
    .wide_init = true,
    .options = options,
    .max_code = lb_max_code_one,
    .statistics = statistics,
    .encode = lb_encode_sign,
    .backward = backward,
};
