/* The shared arithmetic of quantizers: tanh, rounding, sums. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "quant/elementwise.h"
#include "quant/reduce.h"

/* Every 97th float from the smallest up to 20, both signs: the bound of the contract. */
static void test_tanh_error(void **state)
{
    (void)state;
    double worst = 0.0;
    for (uint32_t bits = 1; bits < 0x41a00000u; bits += 97) {
        float x;
        memcpy(&x, &bits, sizeof x);
        const float t = lb_tanhf(x);
        /* a result below the normal numbers has fewer digits */
        const double wanted = tanh((double)x),
                     error = fabs((double)t - wanted) / fmax(wanted, 1.2e-38);
        worst = fmax(worst, error);
        if (t > 1.0f) fail_msg("tanh(%g) = %.9g", (double)x, (double)t);
        if (lb_tanhf(-x) != -t) fail_msg("tanh(-%g) is not -tanh", (double)x);
    }
    print_message("largest relative error of tanh: %.3g\n", worst);
    assert_true(worst <= 5e-7);
    assert_true(isnan(lb_tanhf(NAN)));
    assert_true(lb_tanhf(0.0f) == 0.0f);
    assert_float_equal(lb_tanhf(INFINITY), 1.0f, 1e-7f);
}

static void test_round_even(void **state)
{
    (void)state;
    for (int i = -1000; i <= 1000; i++) {
        const float x = (float)i / 8.0f;
        assert_float_equal(lb_round_even(x), rintf(x), 0.0f);
    }
    assert_float_equal(lb_round_even(4194303.0f), 4194303.0f, 0.0f);
}

static void test_clamp_turns_nan_into_low(void **state)
{
    (void)state;
    assert_float_equal(lb_clampf(NAN, -2.0f, 3.0f), -2.0f, 0.0f);
    assert_float_equal(lb_clampf(9.0f, -2.0f, 3.0f), 3.0f, 0.0f);
    assert_float_equal(lb_clampf(-9.0f, -2.0f, 3.0f), -2.0f, 0.0f);
    assert_float_equal(lb_clampf(1.5f, -2.0f, 3.0f), 1.5f, 0.0f);
}

enum { MOST = 41 };

/* Lengths below, at and beyond whole blocks; whole numbers, so that every order of summing
 * agrees. */
static void test_sums(void **state)
{
    (void)state;
    lb_random random = lb_random_at(11, LB_RANDOM_TEST, 0, 0);
    for (size_t n = 0; n <= MOST; n++) {
        float x[MOST + 1];
        int16_t code[MOST + 1];
        double sum = 0, sum_abs = 0, above = 0, product = 0, positive = 0, negative = 0,
               largest = 0;
        size_t count = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] = (float)lb_random_below(&random, 41) - 20.0f;
            code[i] = (int16_t)((int)lb_random_below(&random, 3) - 1);
            sum += (double)x[i];
            sum_abs += fabs((double)x[i]);
            largest = fmax(largest, fabs((double)x[i]));
            if (fabsf(x[i]) > 7.0f) {
                above += fabs((double)x[i]);
                count++;
            }
            product += (double)x[i] * code[i];
            positive += code[i] > 0 ? (double)x[i] : 0.0;
            negative += code[i] < 0 ? (double)x[i] : 0.0;
        }
        size_t got_count;
        double got_positive, got_negative;
        assert_true(lb_sum(x, n) == sum);
        assert_true(lb_sum_abs(x, n) == sum_abs);
        assert_true((double)lb_max_abs(x, n) == largest);
        assert_true(lb_sum_abs_above(x, n, 7.0f, &got_count) == above);
        assert_int_equal(got_count, count);
        assert_true(lb_sum_product(x, code, n) == product);
        lb_sum_by_sign(x, code, n, &got_positive, &got_negative);
        assert_true(got_positive == positive && got_negative == negative);
    }
}

/* A million equal floats: single precision alone would be off by percents. */
static void test_sums_are_accurate(void **state)
{
    (void)state;
    enum { LARGE = 1000000 };
    static float x[LARGE];
    for (size_t i = 0; i < LARGE; i++) x[i] = 0.1f;
    assert_true(fabs(lb_sum_abs(x, LARGE) / (LARGE * (double)0.1f) - 1.0) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tanh_error),
        cmocka_unit_test(test_round_even),
        cmocka_unit_test(test_clamp_turns_nan_into_low),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_sums_are_accurate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
