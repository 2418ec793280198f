#include "quant/binary.h"

#include <math.h>
#include <string.h>

#include "base/compiler.h"

int lb_max_code_one(const lb_weight_setting *setting)
{
    (void)setting;
    return 1;
}

void lb_statistics_one(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s)
{
    (void)setting;
    (void)group;
    (void)w;
    (void)learned;
    s->scale = 1.0f;
    s->scale_negative = 1.0f;
}

LB_VECTORIZED void lb_encode_sign(const lb_weight_setting *setting, lb_weight_group group,
                                  const lb_weight_statistics *s, const float *w, lb_random *random,
                                  int16_t *code)
{
    (void)setting;
    (void)s;
    (void)random;
    for (size_t i = 0; i < group.n; i++) code[i] = (int16_t)(w[i] >= 0.0f ? 1 : -1);
}

LB_VECTORIZED void lb_encode_ternary(const float *w, size_t n, float threshold, int16_t *code)
{
    for (size_t i = 0; i < n; i++) {
        code[i] = (int16_t)((w[i] > threshold ? 1 : 0) - (w[i] < -threshold ? 1 : 0));
    }
}

LB_VECTORIZED void lb_backward_window(const float *w, const float *dq, size_t n, float factor,
                                      float *dw)
{
    for (size_t i = 0; i < n; i++) {
        const float g = factor * dq[i];
        dw[i] = fabsf(w[i]) <= 1.0f ? g : 0.0f;
    }
}

void lb_backward_sign(const lb_weight_setting *setting, lb_weight_group group,
                      const lb_weight_statistics *s, const float *w, const int16_t *code,
                      const float *dq, float *dw, float *dlearned)
{
    (void)setting;
    (void)s;
    (void)code;
    (void)dlearned;
    lb_backward_window(w, dq, group.n, 1.0f, dw);
}

void lb_backward_identity(const float *dq, size_t n, float *dw)
{
    memcpy(dw, dq, n * sizeof *dw);
}
