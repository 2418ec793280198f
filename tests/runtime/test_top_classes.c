/* Order and probabilities of the largest logits. */
#include <math.h>

#include "lowbit/runtime.h"
#include "support/support.h"

static void check(const float *logits, size_t classes, size_t n, const size_t *wanted)
{
    size_t got[16];
    lb_top_classes(logits, classes, n, got, NULL);
    for (size_t i = 0; i < n; i++) {
        if (got[i] != wanted[i]) fail_msg("place %zu: class %zu, wanted %zu", i, got[i], wanted[i]);
    }
}

static void the_largest_come_first(void **state)
{
    (void)state;
    const float logits[] = {1.0f, -3.0f, 5.0f, 2.0f, 4.0f, 0.0f};
    check(logits, 6, 6, (const size_t[]){2, 4, 3, 0, 5, 1});
    check(logits, 6, 3, (const size_t[]){2, 4, 3});
    check(logits, 6, 1, (const size_t[]){2});
    check(logits, 1, 1, (const size_t[]){0});
}

static void equal_ones_stand_in_order(void **state)
{
    (void)state;
    const float logits[] = {1.0f, 2.0f, 2.0f, 1.0f, 2.0f};
    check(logits, 5, 5, (const size_t[]){1, 2, 4, 0, 3});
    check(logits, 5, 2, (const size_t[]){1, 2});
}

static void nan_stands_last(void **state)
{
    (void)state;
    const float logits[] = {NAN, -INFINITY, 2.0f, NAN, INFINITY};
    check(logits, 5, 5, (const size_t[]){4, 2, 1, 0, 3});
}

static void probabilities_are_softmax(void **state)
{
    (void)state;
    const float logits[] = {1000.0f, 1000.0f + 1.0f, 999.0f};
    size_t index[3];
    double p[3];
    lb_top_classes(logits, 3, 3, index, p);
    const double sum = 1.0 + exp(-1.0) + exp(-2.0);
    assert_int_equal(index[0], 1);
    /* a few roundings of doubles near 1 */
    assert_true(fabs(p[0] - 1.0 / sum) < 1e-14 && fabs(p[1] - exp(-1.0) / sum) < 1e-14 &&
                fabs(p[2] - exp(-2.0) / sum) < 1e-14);
    lb_top_classes(logits, 3, 2, index, p); /* of all classes, not of those listed */
    assert_true(fabs(p[0] - 1.0 / sum) < 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_come_first),
        cmocka_unit_test(equal_ones_stand_in_order),
        cmocka_unit_test(nan_stands_last),
        cmocka_unit_test(probabilities_are_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
