/* Every convolution kernel gives the integers of naive arithmetic. */
#include "support/conv_kernel_check.h"
#include "support/support.h"

#include "base/cpu.h"

enum { CASES = 1500, SEED = 1 };

static void test_every_kernel_is_exact(void **state)
{
    (void)state;
    const lb_conv_check check = lb_check_conv_kernels(CASES, SEED);
    print_message("%zu runs, %zu kernels skipped\n", check.runs, check.skipped);
    assert_int_equal(check.failures, 0);
    assert_int_equal(check.unused, 0);
    assert_true(check.runs >= CASES);
}

/* Sums of 2^31 and more are refused, whatever their width. */
static void test_sums_past_32_bits_are_refused(void **state)
{
    (void)state;
    lb_int_conv conv = {.in_c = 33025,
                        .in_h = 1,
                        .in_w = 1,
                        .filters = 1,
                        .out_h = 1,
                        .out_w = 1,
                        .groups = 1,
                        .terms = 1,
                        .kh = 1,
                        .kw = 1,
                        .stride = 1,
                        .acts = {8, 0, 1},
                        .weights = LB_WEIGHTS_INTEGER,
                        .weight_bits = 8,
                        .max_weight = 255};
    const char *why;
    assert_non_null(lb_conv_select(&conv, LB_ISA_ANY)); /* 33025 * 255^2 = 2^31 - 33023 */
    conv.in_c = 33026;
    for (size_t k = 0; lb_conv_kernels[k]; k++) {
        if (lb_conv_kernels[k]->supports(&conv, &why))
            fail_msg("%s takes sums of up to %zu", lb_conv_kernels[k]->name, conv.in_c * 255 * 255);
        assert_true(why[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kernel_is_exact),
        cmocka_unit_test(test_sums_past_32_bits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
