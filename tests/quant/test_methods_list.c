/* The public list of methods and quantizers. */
#include "support/support.h"

#include <string.h>

#include "lowbit/methods.h"
#include "quant/method.h"

static void test_every_method_is_listed(void **state)
{
    (void)state;
    size_t n = 0;
    lb_method_info info;
    for (; lb_method_info_at(n, &info); n++) {
        assert_string_equal(info.name, lb_methods[n].name);
        assert_true(strlen(info.summary) > 0 && strlen(info.block_order) > 0);
        assert_true(info.w_bits_min <= info.w_bits_max && info.a_bits_min <= info.a_bits_max);
    }
    assert_null(lb_methods[n].name);
    assert_false(lb_method_info_at(1000, &info));
}

static void test_quantizers_are_listed(void **state)
{
    (void)state;
    size_t n = 0;
    lb_quantizer_info info;
    for (; lb_weight_quantizer_info_at(n, &info); n++)
        assert_string_equal(info.name, lb_weight_quantizers[n]->name);
    assert_null(lb_weight_quantizers[n]);
    assert_false(lb_weight_quantizer_info_at(n + 7, &info));
    for (n = 0; lb_act_quantizer_info_at(n, &info); n++)
        assert_string_equal(info.name, lb_act_quantizers[n]->name);
    assert_null(lb_act_quantizers[n]);
    assert_false(lb_act_quantizer_info_at(n + 7, &info));
}

static void test_facts(void **state)
{
    (void)state;
    lb_method_info method;
    lb_quantizer_info weights, acts;
    assert_ok(lb_method_info_find("dorefa", &method, &weights, &acts));
    assert_string_equal(method.weights, "dorefa");
    assert_int_equal(method.w_bits_min, 1);
    assert_int_equal(method.w_bits_max, 8);
    assert_true(method.w_float && method.a_float);
    assert_string_equal(method.ends, "float");
    assert_string_equal(weights.scales, "layer, filter");
    assert_int_equal(acts.n_options, 1);
    assert_string_equal(acts.options[0].name, "step0");

    assert_ok(lb_method_info_find("bwn", &method, &weights, &acts));
    assert_string_equal(method.weights, "xnor");
    assert_null(method.activations);
    assert_int_equal(method.a_bits_min, 32);
    assert_null(weights.name);
    assert_null(acts.name);

    assert_ok(lb_method_info_find("bc", &method, &weights, &acts));
    assert_string_equal(method.ends, "quantized");
    assert_string_equal(method.resnet_ends, "float");
    assert_int_equal(method.w_bits_max, 1);
    assert_true(method.w_float);

    assert_ok(lb_method_info_find("sign", &method, &weights, &acts));
    assert_null(method.name);
    assert_int_equal(acts.bits_max, 1);

    assert_ok(lb_method_info_find("ttq", &method, &weights, &acts));
    assert_true(weights.ternary);
    assert_string_equal(weights.scales, "layer");
    assert_true(method.w_float);
}

static void test_unknown(void **state)
{
    (void)state;
    lb_method_info method;
    lb_quantizer_info weights, acts;
    assert_status(lb_method_info_find("xnorr", &method, &weights, &acts), LB_E_ARG);
    assert_string_equal(lb_error(), "unknown method or quantizer 'xnorr'; did you mean 'xnor'?");
    assert_status(lb_method_info_find("zzzzzz", &method, &weights, &acts), LB_E_ARG);
    assert_contains(lb_error(), "`lowbit methods` lists them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method_is_listed),
        cmocka_unit_test(test_quantizers_are_listed),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
