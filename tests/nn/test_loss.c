/* Losses: values and gradients worked by hand, large and non-finite logits, what counts as
 * correct. */
#include <float.h>
#include <math.h>

#include "nn/executor.h"
#include "support/support.h"

static void assert_close(double got, double wanted, double relative)
{
    if (!(fabs(got - wanted) <= relative * fabs(wanted)))
        fail_msg("got %.17g, wanted %.17g", got, wanted);
}

/* Two images, logits (0, ln 3) and (ln 2, 0): probabilities (1/4, 3/4) and (2/3, 1/3). Labels 1 and
 * 1. Loss = (ln(4/3) + ln 3) / 2 = ln(4) / 2. Gradients (p - 1[label]) / 2. Logits are rounded to
 * float, which moves the results by about 2^-24; double arithmetic adds nothing to that. */
static void test_cross_entropy(void **state)
{
    (void)state;
    const float z[] = {0.0f, logf(3.0f), logf(2.0f), 0.0f};
    const uint16_t labels[] = {1, 1};
    float d[4];
    const lb_step_result r = lb_loss_compute(LB_LOSS_CROSS_ENTROPY, 2, 2, z, labels, d);
    assert_close(r.loss, log(4.0) / 2.0, 4 * 0x1p-24);
    assert_int_equal(r.correct, 1);
    const double wanted[] = {0.125, -0.125, 1.0 / 3.0, -1.0 / 3.0};
    for (int i = 0; i < 4; i++) assert_close((double)d[i], wanted[i], 4 * 0x1p-24);
}

/* exp of these would overflow or vanish; the loss is a plain difference of logits. */
static void test_large_logits(void **state)
{
    (void)state;
    const float z[] = {1000.0f, -1000.0f, 0.0f, -3000.0f, -3000.0f, -3000.0f};
    const uint16_t labels[] = {1, 2};
    float d[6];
    const lb_step_result r = lb_loss_compute(LB_LOSS_CROSS_ENTROPY, 2, 3, z, labels, d);
    assert_close(r.loss, (2000.0 + log(3.0)) / 2.0, 1e-14);
    const float wanted[] = {0.5f, -0.5f, 0.0f, 1.0f / 6.0f, 1.0f / 6.0f, -2.0f / 6.0f};
    for (int i = 0; i < 6; i++) assert_true(fabsf(d[i] - wanted[i]) <= FLT_EPSILON);
}

/* Image 0, label 0, z = (0.5, -2, 0.25): margins 0.5, 0, 1.25: 0.25 + 0 + 1.5625 = 1.8125.
 * Image 1, label 2, z = (-1, 0, 3): margins 0, 1, 0: 1. All exact in binary. */
static void test_squared_hinge(void **state)
{
    (void)state;
    const float z[] = {0.5f, -2.0f, 0.25f, -1.0f, 0.0f, 3.0f};
    const uint16_t labels[] = {0, 2};
    float d[6];
    const lb_step_result r = lb_loss_compute(LB_LOSS_SQUARED_HINGE, 2, 3, z, labels, d);
    assert_true(r.loss == (1.8125 + 1.0) / 2.0);
    assert_int_equal(r.correct, 2);
    const float wanted[] = {-0.5f, 0.0f, 1.25f, 0.0f, 1.0f, 0.0f};
    for (int i = 0; i < 6; i++) assert_true(d[i] == wanted[i]);
}

/* Among equal logits the first is the answer. */
static void test_ties(void **state)
{
    (void)state;
    const float z[] = {1.0f, 2.0f, 2.0f};
    const uint16_t first = 1, second = 2;
    assert_int_equal(lb_loss_compute(LB_LOSS_CROSS_ENTROPY, 1, 3, z, &first, NULL).correct, 1);
    assert_int_equal(lb_loss_compute(LB_LOSS_CROSS_ENTROPY, 1, 3, z, &second, NULL).correct, 0);
}

/* A diverged net has a loss that says so, and no correct images. */
static void test_non_finite_logits(void **state)
{
    (void)state;
    static const float bad[][3] = {{NAN, 0.0f, 1.0f}, {0.0f, NAN, 1.0f}, {0.0f, 1.0f, NAN}};
    for (int loss = LB_LOSS_CROSS_ENTROPY; loss <= LB_LOSS_SQUARED_HINGE; loss++) {
        for (size_t i = 0; i < 3; i++) {
            for (uint16_t label = 0; label < 3; label++) {
                float d[3];
                const lb_step_result r = lb_loss_compute((lb_loss)loss, 1, 3, bad[i], &label, d);
                assert_true(isnan(r.loss));
                assert_int_equal(r.correct, 0);
                assert_true(isnan(d[i]));
            }
        }
    }
    const float infinite[] = {INFINITY, 0.0f};
    const uint16_t label = 1;
    const double entropy =
        lb_loss_compute(LB_LOSS_CROSS_ENTROPY, 1, 2, infinite, &label, NULL).loss;
    const double hinge = lb_loss_compute(LB_LOSS_SQUARED_HINGE, 1, 2, infinite, &label, NULL).loss;
    assert_true(isnan(entropy) && isinf(hinge));
}

static void test_gradient_over_its_logits(void **state)
{
    (void)state;
    for (int loss = LB_LOSS_CROSS_ENTROPY; loss <= LB_LOSS_SQUARED_HINGE; loss++) {
        float z[] = {0.3f, -0.7f, 1.9f, 0.1f, 0.2f, -0.4f}, d[6];
        const uint16_t labels[] = {2, 0};
        const lb_step_result apart = lb_loss_compute((lb_loss)loss, 2, 3, z, labels, d);
        const lb_step_result over = lb_loss_compute((lb_loss)loss, 2, 3, z, labels, z);
        assert_true(apart.loss == over.loss);
        assert_memory_equal(z, d, sizeof d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross_entropy),     cmocka_unit_test(test_large_logits),
        cmocka_unit_test(test_squared_hinge),     cmocka_unit_test(test_ties),
        cmocka_unit_test(test_non_finite_logits), cmocka_unit_test(test_gradient_over_its_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
