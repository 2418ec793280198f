/* Scales of filters: by hand, against trying every one, and what cannot be scaled. */
#include <math.h>

#include "base/random.h"
#include "quant/best_scale.h"
#include "support/support.h"

enum { N = 75 };

/* The definition, weight by weight. */
static double error_at(bool ternary, size_t n, const float *w, double s)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)w[i] / s;
        double q = x >= 0.0 ? 1.0 : -1.0;
        if (ternary && fabs(x) <= 0.5) q = 0.0;
        sum += ((double)w[i] - s * q) * ((double)w[i] - s * q);
    }
    return sum;
}

static void scales_worked_by_hand(void **state)
{
    (void)state;
    float s = 0.0f;
    /* (1 + 2 + 3 + 0) / 4 */
    assert_ok(lb_best_scale(false, 4, (const float[]){1.0f, -2.0f, 3.0f, 0.0f}, &s));
    assert_true(s == 1.5f);
    /* 0.1 is nearer to 0 than to 0.8, the mean of the others */
    assert_ok(lb_best_scale(true, 4, (const float[]){0.75f, -0.85f, 0.1f, 0.8f}, &s));
    assert_float_equal(s, 0.8f, 1e-6f);
    assert_ok(lb_best_scale(true, 1, (const float[]){-0.25f}, &s));
    assert_float_equal(s, 0.25f, 1e-7f);
}

/* No scale in a grid 20 times as fine gives a smaller error, but for rounding. */
static void no_other_scale_is_better(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 20; k++) {
        lb_random random = lb_random_at(3, LB_RANDOM_TEST, k, 0);
        float w[N], s[2], largest = 0.0f;
        const size_t n = k % 4 == 0 ? 3 : N;
        for (size_t i = 0; i < n; i++) {
            w[i] = k % 2 == 0 ? lb_random_normal(&random) : lb_random_uniform(&random) - 0.5f;
            largest = fmaxf(largest, fabsf(w[i]));
        }
        assert_ok(lb_best_scale(false, n, w, &s[0]));
        assert_ok(lb_best_scale(true, n, w, &s[1]));
        for (int ternary = 0; ternary < 2; ternary++) {
            const double got = error_at(ternary == 1, n, w, (double)s[ternary]);
            for (int i = 1; i <= 20000; i++) {
                const double other = i * (double)largest / 20000.0;
                const double error = error_at(ternary == 1, n, w, other);
                if (got > error * (1.0 + 1e-6))
                    fail_msg("filter %d: error %.9g at %.9g, but %.9g at %.9g", (int)k, got,
                             (double)s[ternary], error, other);
            }
        }
    }
}

/* The scale follows its weights, and their order does not matter. */
static void scales_follow_their_weights(void **state)
{
    (void)state;
    lb_random random = lb_random_at(3, LB_RANDOM_TEST, 99, 0);
    float w[N], turned[N], s[2];
    for (size_t i = 0; i < N; i++) w[i] = lb_random_normal(&random);
    for (size_t i = 0; i < N; i++) turned[i] = -16.0f * w[N - 1 - i];
    assert_ok(lb_best_scale(true, N, w, &s[0]));
    assert_ok(lb_best_scale(true, N, turned, &s[1]));
    assert_float_equal(s[1], 16.0f * s[0], 1e-6f * s[1]);
}

static void nothing_to_scale_stays(void **state)
{
    (void)state;
    for (int ternary = 0; ternary < 2; ternary++) {
        float s = 0.0f;
        assert_ok(lb_best_scale(ternary == 1, 2, (const float[]){0.0f, -0.0f}, &s));
        assert_true(s == 1.0f);
        assert_ok(lb_best_scale(ternary == 1, 2, (const float[]){1.0f, NAN}, &s));
        assert_true(s == 1.0f);
        assert_ok(lb_best_scale(ternary == 1, 2, (const float[]){1e-44f, 0.0f}, &s));
        assert_true(isnormal(s)); /* weights are divided by it */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_worked_by_hand),
        cmocka_unit_test(no_other_scale_is_better),
        cmocka_unit_test(scales_follow_their_weights),
        cmocka_unit_test(nothing_to_scale_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
