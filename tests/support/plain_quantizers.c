#include "support/plain_quantizers.h"

#include <math.h>
#include <stddef.h>

static int max_code_255(const lb_weight_setting *setting)
{
    (void)setting;
    return 255;
}

static int max_code_1(const lb_weight_setting *setting)
{
    (void)setting;
    return 1;
}

static void statistics(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)learned;
    float largest = 0.0f;
    for (size_t i = 0; i < group.n; i++) largest = fmaxf(largest, fabsf(w[i]));
    const float negative = setting->options[LB_WHOLE_FACTOR_NEGATIVE];
    s->scale = setting->options[LB_WHOLE_FACTOR] * largest;
    s->scale_negative = negative > 0.0f ? negative * largest : s->scale;
}

static void encode(const lb_weight_setting *setting, lb_weight_group group,
                   const lb_weight_statistics *s, const float *w, lb_random *random, int16_t *code)
{
    (void)setting;
    (void)s;
    (void)random;
    for (size_t i = 0; i < group.n; i++) code[i] = (int16_t)w[i];
}

static void backward(const lb_weight_setting *setting, lb_weight_group group,
                     const lb_weight_statistics *s, const float *w, const int16_t *code,
                     const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)w;
    (void)code;
    (void)dlearned;
    for (size_t i = 0; i < group.n; i++) dw[i] = dq[i] * s->scale;
}

#define WHOLE                                                                                    \
    .source = "tests", .bits_min = 1, .bits_max = 8, .statistics = statistics, .encode = encode, \
    .backward = backward, .max_code = max_code_255,                                              \
    .granularities = 1 << LB_PER_LAYER | 1 << LB_PER_FILTER

const lb_weight_quantizer lb_whole_weights = {.name = "whole", WHOLE};
const lb_weight_quantizer lb_whole_weights_asymmetric = {
    .name = "whole-asymmetric", .asymmetric = true, WHOLE};

static void twice(const lb_weight_setting *setting, lb_weight_group group, float *w)
{
    (void)setting;
    for (size_t i = 0; i < group.n; i++) w[i] *= 2.0f;
}

const lb_weight_quantizer lb_doubling_weights = {.name = "doubling", .prepare = twice, WHOLE};

static void chance_statistics(const lb_weight_setting *setting, lb_weight_group group,
                              const float *w, const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)group;
    (void)w;
    (void)learned;
    s->scale = s->scale_negative = 1.0f;
}

static void chance_encode(const lb_weight_setting *setting, lb_weight_group group,
                          const lb_weight_statistics *s, const float *w, lb_random *random,
                          int16_t *code)
{
    (void)setting;
    (void)s;
    for (size_t i = 0; i < group.n; i++) code[i] = lb_random_uniform(random) < w[i] ? 1 : -1;
}

const lb_weight_quantizer lb_chance_weights = {.name = "chance",
                                               .source = "tests",
                                               .bits_min = 1,
                                               .bits_max = 1,
                                               .stochastic = true,
                                               .granularities =
                                                   1 << LB_PER_LAYER | 1 << LB_PER_FILTER,
                                               .max_code = max_code_1,
                                               .statistics = chance_statistics,
                                               .encode = chance_encode,
                                               .backward = backward};

static void learned_start(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                          float *learned)
{
    (void)setting;
    (void)group;
    learned[0] = w[0];
    learned[1] = 7.0f;
}

static void learned_statistics(const lb_weight_setting *setting, lb_weight_group group,
                               const float *w, const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)group;
    (void)w;
    s->scale = learned[0];
    s->scale_negative = learned[1];
}

static void sign_encode(const lb_weight_setting *setting, lb_weight_group group,
                        const lb_weight_statistics *s, const float *w, lb_random *random,
                        int16_t *code)
{
    (void)setting;
    (void)s;
    (void)random;
    for (size_t i = 0; i < group.n; i++) code[i] = w[i] >= 0.0f ? 1 : -1;
}

static void learned_backward(const lb_weight_setting *setting, lb_weight_group group,
                             const lb_weight_statistics *s, const float *w, const int16_t *code,
                             const float *dq, float *dw, float *dlearned)
{
    backward(setting, group, s, w, code, dq, dw, NULL);
    for (size_t i = 0; i < group.n; i++) dlearned[code[i] > 0 ? 0 : 1] += (float)code[i] * dq[i];
}

const lb_weight_quantizer lb_learned_weights = {.name = "learned",
                                                .source = "tests",
                                                .bits_min = 1,
                                                .bits_max = 1,
                                                .asymmetric = true,
                                                .n_learned = 2,
                                                .granularities =
                                                    1 << LB_PER_LAYER | 1 << LB_PER_FILTER,
                                                .max_code = max_code_1,
                                                .init_learned = learned_start,
                                                .statistics = learned_statistics,
                                                .encode = sign_encode,
                                                .backward = learned_backward};

static lb_act_map two_bit_map(const lb_act_setting *setting, const float *learned)
{
    (void)setting;
    (void)learned;
    return (lb_act_map){.multiplier = 3.0f,
                        .divisor = 1.0f,
                        .high = 3.0f,
                        .scale = 1.0f / 3.0f,
                        .window_high = 1.0f};
}

static lb_act_map sign_map(const lb_act_setting *setting, const float *learned)
{
    (void)setting;
    (void)learned;
    return (lb_act_map){.rounding = LB_ROUND_SIGN,
                        .multiplier = 1.0f,
                        .divisor = 1.0f,
                        .low = -1.0f,
                        .high = 1.0f,
                        .scale = 1.0f,
                        .window_low = -1.0f,
                        .window_high = 1.0f,
                        .open = true};
}

static lb_act_map byte_map(const lb_act_setting *setting, const float *learned)
{
    (void)setting;
    (void)learned;
    return (lb_act_map){
        .multiplier = 1.0f, .divisor = 1.0f, .high = 255.0f, .scale = 1.0f, .window_high = 255.0f};
}

const lb_act_quantizer lb_two_bit_acts = {
    .name = "two-bit", .bits_min = 1, .bits_max = 8, .map = two_bit_map};
const lb_act_quantizer lb_sign_acts = {
    .name = "open-sign", .bits_min = 1, .bits_max = 8, .map = sign_map};
const lb_act_quantizer lb_byte_acts = {
    .name = "byte", .bits_min = 1, .bits_max = 8, .map = byte_map};
