/* Widths of layers and filters: lists read, written and refused; each filter quantized as it would be in a layer of its
 * width. */
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "nn/executor.h"
#include "nn/mixed_bits.h"
#include "quant/method.h"
#include "support/support.h"

enum { IN = 7, OUT = 6, MOST = 5 };

static void build(lb_granularity granularity, lb_net *net)
{
    const lb_weight_choice choice = {lb_weight_quantizer_find("uniform"),
                                     {.bits = MOST, .granularity = granularity}};
    lb_net_init(net);
    int x = lb_net_input(net, (lb_shape){IN, 1, 1}, false);
    x = lb_net_linear(net, "fc1", x, OUT, false, &choice);
    x = lb_net_quantize(net, "fc2.quantize", x, lb_act_quantizer_find("bnclip"),
                        &(lb_act_setting){.bits = 6});
    x = lb_net_linear(net, "fc2", x, 3, false, &choice);
    lb_net_linear(net, "fc3", x, 2, false, NULL);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
    lb_net_initialize(net, LB_INIT_FAN_IN, 7);
}

static void test_lists(void **state)
{
    (void)state;
    lb_net net;
    char *text = NULL;
    build(LB_PER_FILTER, &net);
    assert_ok(lb_net_set_bits(&net, "fc1=543215,fc2.quantize=4,fc2=333"));
    assert_ok(lb_net_write_bits(&net, &text));
    assert_string_equal(text, "fc1=543215,fc2.quantize=4,fc2=3");
    const lb_conv *fc1 = &net.nodes[lb_net_find_node(&net, "fc1")].as.conv;
    const lb_conv *fc2 = &net.nodes[lb_net_find_node(&net, "fc2")].as.conv;
    assert_true(lb_conv_mean_bits(fc1) == 20.0 / 6.0 && lb_conv_mean_bits(fc2) == 3.0);
    assert_int_equal(lb_conv_group_setting(fc1, 3).bits, 2);
    assert_null(fc2->filter_bits);
    assert_true(lb_conv_same_bits(fc1, fc1) && !lb_conv_same_bits(fc1, fc2));
    lb_free(text);
    lb_net_release(&net);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *list, *said;
        lb_granularity granularity;
    } cases[] = {
        {"fc1", "wanted LAYER=BITS", LB_PER_FILTER},
        {"=3", "wanted LAYER=BITS", LB_PER_FILTER},
        {"fc1=", "wanted LAYER=BITS", LB_PER_FILTER},
        {"fc4=3", "no layer 'fc4'; did you mean 'fc1'?", LB_PER_FILTER},
        {"fc1.quantize=3", "the input of layer 'fc1' is not quantized", LB_PER_FILTER},
        {"fc1.quantise=3", "no layer 'fc1.quantise'; did you mean", LB_PER_FILTER},
        {"fc3=3", "'fc3' has float weights", LB_PER_FILTER},
        {"fc1=6", "digit 1 is '6', wanted 1 to 5", LB_PER_FILTER},
        {"fc1=555550", "digit 6 is '0', wanted 1 to 5", LB_PER_FILTER},
        {"fc1=5x5555", "digit 2 is 'x', wanted 1 to 5", LB_PER_FILTER},
        {"fc1=54", "2 widths, wanted 1 or 6, one a filter", LB_PER_FILTER},
        {"fc1=3,fc2=2,fc1=3", "'fc1' is named twice", LB_PER_FILTER},
        {"fc2.quantize=44", "2 widths, wanted 1", LB_PER_FILTER},
        {"fc2.quantize=7", "wanted 1 to 6", LB_PER_FILTER},
        {"fc1=543215", "--granularity filter", LB_PER_LAYER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_net net;
        build(cases[i].granularity, &net);
        assert_int_equal(lb_net_set_bits(&net, cases[i].list), LB_E_ARG);
        if (!strstr(lb_error(), cases[i].said))
            fail_msg("'%s': got '%s', wanted '%s'", cases[i].list, lb_error(), cases[i].said);
        lb_net_release(&net);
    }
}

/* Filters of one bit beside ternary ones would have no common form in a packed file. */
static void test_ternary_filters_have_one_width(void **state)
{
    (void)state;
    const lb_weight_choice choice = {lb_weight_quantizer_find("rpr"),
                                     {.bits = 2, .granularity = LB_PER_FILTER}};
    lb_net net;
    lb_net_init(&net);
    const int x = lb_net_input(&net, (lb_shape){IN, 1, 1}, false);
    lb_net_linear(&net, "fc", x, 2, false, &choice);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    assert_status(lb_net_set_bits(&net, "fc=12"), LB_E_ARG);
    assert_string_equal(lb_error(), "mixed-bits: layer 'fc' has ternary weights: all its filters "
                                    "have 2 bits");
    lb_net_release(&net);
}

/* Codes, scales and gradients of fc1. */
static void quantize(lb_net *net, void **block, lb_quantized_weights *q)
{
    const int index = lb_net_find_node(net, "fc1");
    float d_real[IN * OUT];
    for (size_t i = 0; i < IN * OUT; i++) d_real[i] = (float)i - 9.5f;
    assert_ok(lb_alloc(lb_quantized_weights_bytes(net, &net->nodes[index]), 1, "weights", block));
    lb_quantized_weights_carve(net, &net->nodes[index], *block, q);
    lb_weights_quantize(net, index, 0, 0, false, q);
    lb_weights_backward(net, index, q, d_real);
}

static void test_each_filter_as_in_a_layer_of_its_width(void **state)
{
    (void)state;
    static const char widths[OUT + 1] = "431251";
    lb_net mixed, single;
    lb_quantized_weights m, s;
    void *m_block = NULL, *s_block = NULL;
    char list[32];
    build(LB_PER_FILTER, &mixed);
    (void)snprintf(list, sizeof list, "fc1=%s", widths);
    assert_ok(lb_net_set_bits(&mixed, list));
    quantize(&mixed, &m_block, &m);
    for (size_t o = 0; o < OUT; o++) {
        build(LB_PER_FILTER, &single);
        (void)snprintf(list, sizeof list, "fc1=%c", widths[o]);
        assert_ok(lb_net_set_bits(&single, list));
        quantize(&single, &s_block, &s);
        assert_true(m.scale[o] == s.scale[o] && s.scale[o] > 0.0f);
        assert_memory_equal(m.code + o * IN, s.code + o * IN, IN * sizeof *s.code);
        assert_memory_equal(m.real + o * IN, s.real + o * IN, IN * sizeof *s.real);
        assert_memory_equal(mixed.params[0].grad + o * IN, single.params[0].grad + o * IN,
                            IN * sizeof(float));
        for (size_t i = o * IN; i < (o + 1) * IN; i++)
            assert_in_range(m.code[i] + (1 << (widths[o] - '0')), 1, 2 << (widths[o] - '0'));
        lb_free(s_block);
        lb_net_release(&single);
    }
    lb_free(m_block);
    lb_net_release(&mixed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ternary_filters_have_one_width),
        cmocka_unit_test(test_each_filter_as_in_a_layer_of_its_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
