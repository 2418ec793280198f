/* Gradients against finite differences: learned scales, and XNOR-Net's weights, whose gradient is
 * the exact chain rule of alpha sign(w). Compared signed and relative. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "quant/method.h"
#include "support/quantizer_settings.h"

enum { N = 60 };

static const lb_weight_group whole = {.n = N, .filters = 4, .channels = 5, .taps = 3, .scales = 1};

/* The loss is L = sum g[i] real[i], so dL/dreal = g. */
static double loss_of(const lb_weight_quantizer *q, const lb_weight_setting *setting,
                      lb_weight_group group, const float *w, const float *learned, const float *g)
{
    lb_weight_statistics s = {0};
    int16_t code[N];
    double loss = 0.0;
    q->statistics(setting, group, w, learned, &s);
    q->encode(setting, group, &s, w, NULL, code);
    for (size_t i = 0; i < group.n; i++)
        loss += (double)g[i] * (double)lb_test_weight_value(group, &s, code, i);
    return loss;
}

static void fill(float *x, uint64_t stream, float low, float high)
{
    lb_random random = lb_random_at(5, LB_RANDOM_TEST, stream, 0);
    for (size_t i = 0; i < N; i++) x[i] = low + (high - low) * lb_random_uniform(&random);
}

static void check_near(double got, double wanted, double relative, const char *what, size_t i)
{
    if (!(fabs(got - wanted) <= relative * fabs(wanted)))
        fail_msg("%s %zu: gradient %.8g, by differences %.8g", what, i, got, wanted);
}

/* L is linear in the learned scales: a step of any size is exact but for rounding of the scale
 * itself. */
static void check_learned(const lb_weight_quantizer *q, const lb_weight_setting *setting)
{
    float w[N], g[N], dw[N], learned[] = {0.75f, 0.5f}, dlearned[2] = {0.0f, 0.0f};
    fill(w, 1, -1.0f, 1.0f);
    fill(g, 2, -1.0f, 2.0f);
    lb_weight_statistics s = {0};
    int16_t code[N];
    q->statistics(setting, whole, w, learned, &s);
    q->encode(setting, whole, &s, w, NULL, code);
    q->backward(setting, whole, &s, w, code, g, dw, dlearned);
    for (int l = 0; l < q->n_learned; l++) {
        float above[] = {learned[0], learned[1]}, below[] = {learned[0], learned[1]};
        above[l] += 0.25f;
        below[l] -= 0.25f;
        const double wanted = 2.0 * (loss_of(q, setting, whole, w, above, g) -
                                     loss_of(q, setting, whole, w, below, g));
        check_near((double)dlearned[l], wanted, 1e-5, q->name, (size_t)l);
    }
}

static void test_learned_scales(void **state)
{
    (void)state;
    for (size_t m = 0; lb_weight_quantizers[m]; m++) {
        const lb_weight_quantizer *q = lb_weight_quantizers[m];
        if (q->n_learned == 0 || q == lb_weight_quantizer_find("lsq") || q->relaxes) continue;
        for (int bits = q->bits_min; bits <= q->bits_max; bits++) {
            const lb_weight_setting setting = {.bits = bits, .granularity = q->granularity};
            check_learned(q, &setting);
        }
    }
}

/* Scales by row and by position of kernels of 2 x 3 and 3 x 2, binary and ternary. */
static void check_positions(const lb_weight_setting *setting, size_t taps, size_t scales)
{
    enum { MOST = 6 };
    const lb_weight_quantizer *q = lb_weight_quantizer_find("syq");
    const lb_weight_group group = {
        .n = N, .filters = 5, .channels = N / taps / 5, .taps = taps, .scales = scales};
    float w[N], g[N], dw[N], learned[MOST], dlearned[MOST];
    fill(w, 1, -1.0f, 1.0f);
    fill(g, 2, -1.0f, 2.0f);
    for (size_t k = 0; k < scales; k++) {
        learned[k] = 0.5f + 0.125f * (float)k;
        dlearned[k] = 1.5f;
    }
    lb_weight_statistics s = {0};
    int16_t code[N];
    q->statistics(setting, group, w, learned, &s);
    q->encode(setting, group, &s, w, NULL, code);
    q->backward(setting, group, &s, w, code, g, dw, dlearned);
    for (size_t k = 0; k < scales; k++) {
        const float at = learned[k];
        learned[k] = at + 0.25f;
        const double above = loss_of(q, setting, group, w, learned, g);
        learned[k] = at - 0.25f;
        const double below = loss_of(q, setting, group, w, learned, g);
        learned[k] = at;
        check_near((double)dlearned[k] - 1.5, 2.0 * (above - below), 1e-4, "syq", k);
    }
    for (size_t i = 0; i < N; i++) assert_true(dw[i] == learned[i % taps / (taps / scales)] * g[i]);
}

static void test_scales_by_position(void **state)
{
    (void)state;
    for (int bits = 1; bits <= 2; bits++) {
        const lb_weight_setting row = {.bits = bits, .granularity = LB_PER_ROW};
        const lb_weight_setting pixel = {.bits = bits, .granularity = LB_PER_PIXEL};
        check_positions(&row, 6, 2);
        check_positions(&row, 6, 3);
        check_positions(&pixel, 6, 6);
    }
}

/* s moves the codes too, and rounding is straight-through: with the rounding's error of each weight
 * kept as it is, a value is s (clip(w/s) + error), smooth in s but where a weight enters or leaves
 * the range. None does within the step. The gradient is that of L over sqrt(n Qp). */
static void test_lsq_step(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("lsq");
    for (int bits = 2; bits <= 8; bits++) {
        const lb_weight_setting setting = {.bits = bits};
        const double end = pow(2.0, bits - 1), half_step = 1e-5;
        float w[N], g[N], dw[N], learned = (float)(0.9 / end), dlearned = 0.5f;
        fill(w, 1, -1.25f, 1.0f);
        fill(g, 2, -1.0f, 2.0f);
        lb_weight_statistics s = {0};
        int16_t code[N];
        q->statistics(&setting, whole, w, &learned, &s);
        q->encode(&setting, whole, &s, w, NULL, code);
        q->backward(&setting, whole, &s, w, code, g, dw, &dlearned);
        double loss[2] = {0.0, 0.0};
        for (size_t i = 0; i < N; i++) {
            const double x = (double)w[i] / (double)learned;
            const double error = (double)code[i] - fmax(-end, fmin(end - 1.0, x));
            for (int k = 0; k < 2; k++) {
                const double step = (double)learned * (k == 0 ? 1.0 - half_step : 1.0 + half_step);
                const double y = fmax(-end, fmin(end - 1.0, (double)w[i] / step));
                loss[k] += (double)g[i] * step * (y + error);
            }
            assert_true((dw[i] == g[i]) == (-end < x && x < end - 1.0));
            assert_true(dw[i] == g[i] || dw[i] == 0.0f);
        }
        const double slope = (loss[1] - loss[0]) / (2.0 * half_step * (double)learned);
        check_near((double)dlearned - 0.5, slope / sqrt(N * (end - 1.0)), 1e-4, "lsq",
                   (size_t)bits);
    }
}

/* Away from 0 no sign changes within a step of w, so only alpha moves: L is linear in w there, and
 * dL/dw = sign(w) mean(g sign(w)). The window's part, g alpha, is the straight-through estimate for
 * the sign and is taken off. Every |w| <= 1. */
static void test_xnor_gradient_is_the_chain_rule(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("xnor");
    const lb_weight_setting setting = {.bits = 1, .granularity = LB_PER_LAYER};
    float w[N], g[N], dw[N];
    fill(w, 3, 0.25f, 0.75f);
    fill(g, 4, -1.0f, 2.0f);
    for (size_t i = 0; i < N; i += 3) w[i] = -w[i];
    lb_weight_statistics s = {0};
    int16_t code[N];
    q->statistics(&setting, whole, w, NULL, &s);
    q->encode(&setting, whole, &s, w, NULL, code);
    q->backward(&setting, whole, &s, w, code, g, dw, NULL);
    for (size_t i = 0; i < N; i++) {
        const float step = 0.125f;
        float above[N], below[N];
        memcpy(above, w, sizeof w);
        memcpy(below, w, sizeof w);
        above[i] += step;
        below[i] -= step;
        const double by_alpha = (loss_of(q, &setting, whole, above, NULL, g) -
                                 loss_of(q, &setting, whole, below, NULL, g)) /
                                (2.0 * (double)step);
        const double by_sign = (double)g[i] * (double)s.scale;
        /* alpha is rounded to float: 6e-8 of 0.5, times |sum g sign| <= 40, over a step of 0.25 */
        const double got = (double)dw[i] - by_sign;
        if (fabs(got - by_alpha) > 1e-5)
            fail_msg("weight %zu: alpha's part of the gradient %.8g, by differences %.8g", i, got,
                     by_alpha);
        assert_true(fabs(by_alpha) > 1e-2); /* so that the bound above means three digits */
    }
}

/* From two bits on dorefa is smooth but for its rounding: with q_k left out, dw is the derivative
 * of tanh(w) / max |tanh|, the maximum constant. */
static void test_dorefa_gradient_is_that_of_tanh(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("dorefa");
    float w[N], g[N], dw[N];
    fill(w, 5, -2.0f, 2.0f);
    fill(g, 6, 1.0f, 2.0f);
    double largest = 0.0;
    for (size_t i = 0; i < N; i++) largest = fmax(largest, fabs(tanh((double)w[i])));
    for (int bits = 2; bits <= 8; bits++) {
        const lb_weight_setting setting = {.bits = bits};
        lb_weight_statistics s = {0};
        int16_t code[N];
        q->statistics(&setting, whole, w, NULL, &s);
        q->encode(&setting, whole, &s, w, NULL, code);
        q->backward(&setting, whole, &s, w, code, g, dw, NULL);
        for (size_t i = 0; i < N; i++) {
            const double step = 1e-5;
            const double slope =
                (tanh((double)w[i] + step) - tanh((double)w[i] - step)) / (2.0 * step * largest);
            /* tanh's error, 5e-7, against 1 - tanh(2)^2 = 0.07 */
            check_near((double)dw[i], (double)g[i] * slope, 2e-5, "dorefa", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learned_scales),
        cmocka_unit_test(test_scales_by_position),
        cmocka_unit_test(test_lsq_step),
        cmocka_unit_test(test_xnor_gradient_is_the_chain_rule),
        cmocka_unit_test(test_dorefa_gradient_is_that_of_tanh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
