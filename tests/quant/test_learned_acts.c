/* Learned values of activation quantizers: starts and gradients by hand, and gradients against
 * finite differences, signed and relative. */
#include "support/support.h"

#include <math.h>

#include "base/random.h"
#include "quant/method.h"
#include "support/quantizer_settings.h"

enum { N = 50 };

static lb_act_setting setting_of(const lb_act_quantizer *q, int bits)
{
    lb_act_setting setting = {.bits = bits};
    lb_test_standard_options(q->options, setting.options);
    return setting;
}

/* Qp = 3, s = 0.5, N = 5: inside (0, 1.5) r = round(x/s) - x/s; 0 at and below 0, Qp from 1.5 on. */
static void test_lsq_by_hand(void **state)
{
    (void)state;
    const lb_act_quantizer *q = lb_act_quantizer_find("lsq");
    const lb_act_setting setting = setting_of(q, 2);
    const float x[] = {0.15f, 0.4f, 1.5f, 7.0f, -2.0f}, g[] = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f};
    const float step = 0.5f, wanted[] = {0.0f, 1.0f, 3.0f, 3.0f, 0.0f};
    const lb_act_map map = q->map(&setting, &step);
    float code[5];
    lb_act_encode(&map, 5, x, code);
    for (size_t i = 0; i < 5; i++) assert_float_equal(code[i], wanted[i], 0.0f);
    assert_float_equal(map.scale, 0.5f, 0.0f);
    assert_true(map.open && map.window_low == 0.0f && map.window_high == 1.5f);
    /* (-0.3 + 2 * 0.2 + 4 * 3 + 8 * 3) / sqrt(5 * 3) */
    const float ds = q->backward_learned(&setting, &step, x, g, 5);
    assert_float_equal(ds, (float)(36.1 / sqrt(15.0)), 1e-5f);
}

static void test_lsq_start(void **state)
{
    (void)state;
    const lb_act_quantizer *q = lb_act_quantizer_find("lsq");
    for (int bits = 1; bits <= 8; bits++) {
        const lb_act_setting setting = setting_of(q, bits);
        const double high = pow(2.0, bits) - 1.0;
        assert_float_equal(q->init_learned(&setting, 0.375), (float)(0.75 / sqrt(high)), 1e-7f);
        assert_float_equal(q->init_learned(&setting, 0.0), 1.0f, 0.0f);
    }
}

/* A quantized value as a smooth function of the learned value: the rounding's error is kept. */
static double smooth(const lb_act_map *map, double x, double error)
{
    const double t = x * (double)map->multiplier / (double)map->divisor;
    return (double)map->scale * (fmax((double)map->low, fmin((double)map->high, t)) + error);
}

/* `factor`: the gradient over the derivative of the loss. `rounds`: the rounding's error is part of
 * the value that is derived. */
static void check_differences(const char *name, double factor(int bits), bool rounds)
{
    const lb_act_quantizer *q = lb_act_quantizer_find(name);
    for (int bits = q->bits_min; bits <= q->bits_max; bits++) {
        const lb_act_setting setting = setting_of(q, bits);
        lb_random random = lb_random_at(5, LB_RANDOM_TEST, (uint64_t)bits, 0);
        const float learned = 0.7f, below = learned * (1.0f - 0x1p-12f),
                    above = learned * (1.0f + 0x1p-12f);
        const lb_act_map map = q->map(&setting, &learned), low = q->map(&setting, &below),
                         high = q->map(&setting, &above);
        const float range = 1.5f * map.high * map.scale;
        float x[N], g[N], code[N];
        double loss = 0.0;
        for (size_t i = 0; i < N; i++) {
            x[i] = range * (lb_random_uniform(&random) - 0.2f);
            g[i] = 3.0f * lb_random_uniform(&random) - 1.0f;
        }
        lb_act_encode(&map, N, x, code);
        for (size_t i = 0; i < N; i++) {
            const double t = (double)x[i] * (double)map.multiplier / (double)map.divisor;
            const double inside = fmax((double)map.low, fmin((double)map.high, t));
            const double error = rounds ? (double)code[i] - inside : 0.0;
            loss += (double)g[i] *
                    (smooth(&high, (double)x[i], error) - smooth(&low, (double)x[i], error));
        }
        const double wanted = loss / ((double)above - (double)below) * factor(bits);
        const double got = (double)q->backward_learned(&setting, &learned, x, g, N);
        /* the maps' numbers are rounded to 6e-8 over a step of 5e-4 */
        if (!(fabs(got - wanted) <= 2e-3 * fabs(wanted)))
            fail_msg("%s, %d bits: gradient %.8g, by differences %.8g", name, bits, got, wanted);
    }
}

static double lsq_factor(int bits)
{
    return 1.0 / sqrt(N * (pow(2.0, bits) - 1.0));
}

static void test_lsq_by_differences(void **state)
{
    (void)state;
    check_differences("lsq", lsq_factor, true);
}

/* a = 2, two bits: levels 0, 2/3, 4/3, 2; x = a is clipped, so its gradient is a's. */
static void test_pact_by_hand(void **state)
{
    (void)state;
    const lb_act_quantizer *q = lb_act_quantizer_find("pact");
    const lb_act_setting setting = setting_of(q, 2);
    const float x[] = {-1.0f, 0.0f, 0.3f, 0.4f, 1.7f, 2.0f, 9.0f}, clip = 2.0f;
    const float wanted[] = {0.0f, 0.0f, 0.0f, 1.0f, 3.0f, 3.0f, 3.0f};
    const float g[] = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f, 32.0f, 64.0f};
    const lb_act_map map = q->map(&setting, &clip);
    float code[7];
    lb_act_encode(&map, 7, x, code);
    for (size_t i = 0; i < 7; i++) assert_float_equal(code[i], wanted[i], 0.0f);
    assert_float_equal(map.scale, 2.0f / 3.0f, 0.0f);
    assert_true(!map.open && map.window_low == 0.0f);
    assert_true(map.window_high < 2.0f && map.window_high > 1.9999998f);
    assert_float_equal(q->backward_learned(&setting, &clip, x, g, 7), 96.0f, 0.0f);
    assert_float_equal(q->init_learned(&setting, 0.25), 6.0f, 0.0f);
    assert_float_equal(q->learned_decay(&setting), 2e-4f, 0.0f);
}

static double one(int bits)
{
    (void)bits;
    return 1.0;
}

/* Eq. 3 is the clip's derivative: rounding is passed as if it were none. */
static void test_pact_by_differences(void **state)
{
    (void)state;
    check_differences("pact", one, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lsq_by_hand),         cmocka_unit_test(test_lsq_start),
        cmocka_unit_test(test_lsq_by_differences),  cmocka_unit_test(test_pact_by_hand),
        cmocka_unit_test(test_pact_by_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
