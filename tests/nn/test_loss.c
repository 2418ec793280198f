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

/* At T = 2 the teacher's (0, 2 ln 3) are p = (1/4, 3/4), the student's (2 ln 2, 0) q = (2/3, 1/3); at T = 1 the
 * student has (4/5, 1/5), and the label is 1. A quarter of the loss is the teacher's. */
static void test_distillation(void **state)
{
    (void)state;
    const float z[] = {2.0f * logf(2.0f), 0.0f}, t[] = {0.0f, 2.0f * logf(3.0f)};
    const lb_distillation teacher = {.logits = t, .temperature = 2.0f, .alpha = 0.25f};
    const uint16_t label = 1;
    float d[2];
    const lb_step_result r = lb_loss_distill(LB_LOSS_CROSS_ENTROPY, &teacher, 1, 2, z, &label, d);
    const double divergence = 0.25 * log(3.0 / 8.0) + 0.75 * log(9.0 / 4.0);
    assert_close(r.loss, 0.75 * log(5.0) + 0.25 * 4.0 * divergence, 8 * 0x1p-24);
    assert_int_equal(r.correct, 0);
    assert_close((double)d[0], 0.75 * 0.8 + 0.25 * 2.0 * (2.0 / 3.0 - 0.25), 8 * 0x1p-24);
    assert_close((double)d[1], 0.75 * -0.8 + 0.25 * 2.0 * (1.0 / 3.0 - 0.75), 8 * 0x1p-24);
    /* a teacher that thinks the same adds nothing */
    const lb_distillation self = {.logits = z, .temperature = 3.0f, .alpha = 1.0f};
    assert_true(lb_loss_distill(LB_LOSS_CROSS_ENTROPY, &self, 1, 2, z, &label, d).loss == 0.0);
    assert_true(d[0] == 0.0f && d[1] == 0.0f);
}

/* Central differences of a step h: the third derivative is at most 1, so they are off by h^2 / 6 = 2e-6 at most; a
 * gradient is rounded to float. */
static void check_differences(lb_loss loss, float temperature, float alpha)
{
    enum { N = 3, CLASSES = 5 };
    /* none at +-1, where the hinge has its edge */
    const float z[N * CLASSES] = {0.5f,  -1.25f, 2.0f, 0.25f,  0.0f,   1.5f, 1.25f, -0.5f,
                                  -2.0f, 0.75f,  3.0f, 0.125f, -1.75f, 0.5f, 0.375f};
    const float t[N * CLASSES] = {1.0f, 0.5f,  -3.0f, 2.0f, 0.0f, 4.0f,   -1.0f, 0.0f,
                                  0.5f, 0.25f, -1.0f, 2.0f, 1.0f, -0.25f, 0.5f};
    const uint16_t labels[N] = {2, 0, 4};
    const lb_distillation teacher = {.logits = t, .temperature = temperature, .alpha = alpha};
    float d[N * CLASSES], over[N * CLASSES];
    (void)lb_loss_distill(loss, &teacher, N, CLASSES, z, labels, d);
    for (size_t i = 0; i < N * CLASSES; i++) {
        const float h = 0x1p-8f;
        double l[2];
        for (int k = 0; k < 2; k++) {
            for (size_t j = 0; j < N * CLASSES; j++) over[j] = z[j];
            over[i] += k == 0 ? -h : h; /* exact: logits are multiples of 1/8 */
            l[k] = lb_loss_distill(loss, &teacher, N, CLASSES, over, labels, NULL).loss;
        }
        const double wanted = (l[1] - l[0]) / (2.0 * (double)h);
        if (fabs((double)d[i] - wanted) > 5e-6)
            fail_msg("T %g, alpha %g, logit %zu: gradient %.9g, by differences %.9g",
                     (double)temperature, (double)alpha, i, (double)d[i], wanted);
    }
    for (size_t j = 0; j < N * CLASSES; j++) over[j] = z[j];
    (void)lb_loss_distill(loss, &teacher, N, CLASSES, over, labels, over);
    for (size_t j = 0; j < N * CLASSES; j++) assert_true(over[j] == d[j]);
}

static void test_distillation_gradients(void **state)
{
    (void)state;
    for (int loss = 0; loss < 2; loss++) {
        check_differences((lb_loss)loss, 1.0f, 1.0f);
        check_differences((lb_loss)loss, 4.0f, 0.5f);
        check_differences((lb_loss)loss, 20.0f, 0.875f);
    }
}

/* Without logits of a teacher the loss is the plain one, bit for bit. */
static void test_no_teacher(void **state)
{
    (void)state;
    const float z[] = {0.3f, -1.7f, 2.9f};
    const uint16_t label = 1;
    const lb_distillation none = {.temperature = 4.0f, .alpha = 0.5f};
    for (int loss = 0; loss < 2; loss++) {
        float a[3], b[3];
        const lb_step_result plain = lb_loss_compute((lb_loss)loss, 1, 3, z, &label, a);
        const lb_step_result same = lb_loss_distill((lb_loss)loss, &none, 1, 3, z, &label, b);
        assert_true(plain.loss == same.loss);
        for (size_t i = 0; i < 3; i++) assert_true(a[i] == b[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cross_entropy),
        cmocka_unit_test(test_large_logits),
        cmocka_unit_test(test_squared_hinge),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_distillation),
        cmocka_unit_test(test_distillation_gradients),
        cmocka_unit_test(test_no_teacher),
        cmocka_unit_test(test_non_finite_logits),
        cmocka_unit_test(test_gradient_over_its_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
