/* The random streams: fixed values, independence, and the distributions' moments. The draws are
 * functions of fixed keys, so nothing here is left to chance; the bounds of statistics are five
 * standard deviations of what an ideal generator would give. */
#include "base/random.h"

#include <math.h>

#include "support/support.h"

enum { N = 100000 };

static void test_a_stream_is_a_function_of_its_parts(void **state)
{
    (void)state;
    lb_random a = lb_random_at(1, LB_RANDOM_TEST, 2, 3), b = lb_random_at(1, LB_RANDOM_TEST, 2, 3);
    for (int i = 0; i < 100; i++) assert_int_equal(lb_random_bits(&a), lb_random_bits(&b));
    a.counter = 50;
    b = lb_random_at(1, LB_RANDOM_TEST, 2, 3);
    for (int i = 0; i < 50; i++) (void)lb_random_bits(&b);
    assert_int_equal(lb_random_bits(&a), lb_random_bits(&b)); /* a draw needs only (key, counter) */
}

/* Computed with the formula at the head of random.c in Python's whole numbers: a change of the
 * generator changes every trained network, and must not go unseen. */
static void test_known_values(void **state)
{
    (void)state;
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, 2, 3);
    assert_int_equal(r.key, UINT64_C(0xacf740a3d33dbdde));
    static const uint64_t wanted[] = {UINT64_C(0x218ee66a50867595), UINT64_C(0xe102f2a2b55ef805),
                                      UINT64_C(0x2612ed7ef7061cfd)};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_int_equal(lb_random_bits(&r), wanted[i]);
    }
}

static void test_every_part_changes_the_stream(void **state)
{
    (void)state;
    const lb_random streams[] = {
        lb_random_at(0, LB_RANDOM_INIT, 0, 0),    lb_random_at(1, LB_RANDOM_INIT, 0, 0),
        lb_random_at(0, LB_RANDOM_SHUFFLE, 0, 0), lb_random_at(0, LB_RANDOM_INIT, 1, 0),
        lb_random_at(0, LB_RANDOM_INIT, 0, 1),    lb_random_at(2, LB_RANDOM_INIT, 1, 0),
        lb_random_at(0, LB_RANDOM_INIT, 1, 2),    lb_random_at(0, LB_RANDOM_INIT, 2, 1),
        lb_random_at(1, LB_RANDOM_INIT, 2, 0),
    };
    enum { STREAMS = sizeof streams / sizeof *streams, DRAWS = 1000 };
    for (size_t i = 0; i < STREAMS; i++) {
        for (size_t k = i + 1; k < STREAMS; k++) {
            lb_random a = streams[i], b = streams[k];
            unsigned different_bits = 0;
            for (size_t d = 0; d < DRAWS; d++) {
                uint64_t x = lb_random_bits(&a) ^ lb_random_bits(&b);
                for (; x != 0; x &= x - 1) different_bits++;
            }
            /* half of 64,000 bits, standard deviation sqrt(64000) / 2 = 126.5 */
            assert_in_range(different_bits, 32000 - 633, 32000 + 633);
        }
    }
}

static void test_uniform(void **state)
{
    (void)state;
    lb_random r = lb_random_at(7, LB_RANDOM_TEST, 0, 0);
    double sum = 0.0, squares = 0.0, neighbours = 0.0, last = 0.5;
    for (int i = 0; i < N; i++) {
        const float u = lb_random_uniform(&r);
        assert_true(u >= 0.0f && u < 1.0f);
        assert_true(u * 0x1p24f == floorf(u * 0x1p24f));
        const double centred = (double)u - 0.5;
        sum += centred;
        squares += centred * centred;
        neighbours += centred * (last - 0.5);
        last = (double)u;
    }
    const double n = N;
    assert_true(fabs(sum / n) < 5.0 * sqrt(1.0 / 12.0 / n));
    assert_true(fabs(squares / n - 1.0 / 12.0) <
                5.0 * sqrt(1.0 / 180.0 / n)); /* Var (u - 1/2)^2 = 1/180 */
    assert_true(fabs(neighbours / n) < 5.0 / 12.0 / sqrt(n));
}

static void test_normal(void **state)
{
    (void)state;
    lb_random r = lb_random_at(7, LB_RANDOM_TEST, 1, 0);
    double moments[5] = {0.0};
    for (int i = 0; i < N; i++) {
        const double x = (double)lb_random_normal(&r);
        assert_true(isfinite(x));
        for (int m = 1; m <= 4; m++) moments[m] += pow(x, m) / N;
    }
    /* variances of x, x^2, x^3, x^4: 1, 2, 15, 96 */
    assert_true(fabs(moments[1]) < 5.0 * sqrt(1.0 / N));
    assert_true(fabs(moments[2] - 1.0) < 5.0 * sqrt(2.0 / N));
    assert_true(fabs(moments[3]) < 5.0 * sqrt(15.0 / N));
    assert_true(fabs(moments[4] - 3.0) < 5.0 * sqrt(96.0 / N));
}

static void test_below(void **state)
{
    (void)state;
    lb_random r = lb_random_at(7, LB_RANDOM_TEST, 2, 0);
    enum { SIDES = 7 };
    int counts[SIDES] = {0};
    for (int i = 0; i < N; i++) counts[lb_random_below(&r, SIDES)]++;
    for (int i = 0; i < SIDES; i++) {
        assert_true(fabs(counts[i] - (double)N / SIDES) < 5.0 * sqrt((double)N / SIDES));
    }
    assert_int_equal(lb_random_below(&r, 1), 0);
    /* n = 3 * 2^62 rejects a quarter of the draws: a plain remainder would give the lowest third
     * twice as often as the others */
    const uint64_t third = UINT64_C(1) << 62;
    int low = 0;
    for (int i = 0; i < N; i++) low += lb_random_below(&r, 3 * third) < third;
    assert_true(fabs(low - N / 3.0) < 5.0 * sqrt(N * 2.0 / 9.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_is_a_function_of_its_parts),
        cmocka_unit_test(test_known_values),
        cmocka_unit_test(test_every_part_changes_the_stream),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
