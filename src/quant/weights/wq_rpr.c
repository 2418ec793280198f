/* rpr - Random Partition Relaxation: binary (1 bit) or ternary (2 bits) weights, quantized part by part.
 *
 * Forward:  s sign(w), or s t with t = +1 where w > 1/2, -1 where w < -1/2, else 0: the nearest level. In training
 *           only the weights that are held stand at their level, the others at s w.
 * Backward: dw = s g on the relaxed weights. Held ones keep the gradient's number, but no step changes them.
 * s is the filter's scale and is not trained: 1 until training begins, then what train/relax.c makes it. It is a
 * learned value without gradient, so that checkpoints hold it. */
#include "quant/binary.h"

static void init_learned(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                         float *learned)
{
    (void)setting;
    (void)group;
    (void)w;
    learned[0] = 1.0f;
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)group;
    (void)w;
    s->scale = learned[0];
    s->scale_negative = learned[0];
}

static void encode(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code)
{
    if (setting->bits == 1)
        lb_encode_sign(setting, group, s, w, random, code);
    else
        lb_encode_ternary(w, group.n, 0.5f, code);
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)w;
    (void)code;
    (void)dlearned;
    for (size_t i = 0; i < group.n; i++) dw[i] = s->scale * dq[i];
}

const lb_weight_quantizer lb_weight_quantizer_rpr = {
    .name = "rpr",
    .summary = "s times -1, +1 or times -1, 0, +1, nearest; frozen by random parts",
    .source = "Cavigelli and Benini, RPR, arXiv:2001.01091, III and Eq. 4-6",
    .bits_min = 1,
    .bits_max = 2,
    .ternary = true,
    .relaxes = true,
    .granularities = 1 << LB_PER_FILTER,
    .granularity = LB_PER_FILTER,
    .n_learned = 1,
    .max_code = lb_max_code_one,
    .init_learned = init_learned,
    .statistics = statistics,
    .encode = encode,
    .backward = backward,
};
