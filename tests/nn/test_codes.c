/* Which layers evaluate by adding integers, and under which activation map. */
#include "nn/executor.h"
#include "support/plain_quantizers.h"
#include "support/support.h"

static const lb_act_setting bits = {.bits = 2};

/* Input of 2 x 4 x 4, a quantizer (NULL: none), whatever `between` adds, and a quantized linear
 * layer. */
typedef int build_fn(lb_net *net, int in);

static lb_net build(bool raw, const lb_act_quantizer *acts, build_fn *between,
                    const lb_weight_quantizer *weights)
{
    const lb_weight_choice choice = {weights, {.bits = 1, .options = {1.0f}}};
    lb_net net;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 4, 4}, raw);
    if (acts) x = lb_net_quantize(&net, "quantize", x, acts, &bits);
    if (between) x = between(&net, x);
    lb_net_linear(&net, "fc", x, 3, false, weights ? &choice : NULL);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    return net;
}

static int max_pool(lb_net *net, int in)
{
    return lb_net_max_pool(net, "pool", in, lb_window_square(2, 2, 0));
}

static int average_pool(lb_net *net, int in)
{
    return lb_net_average_pool(net, "pool", in, lb_window_square(2, 2, 0));
}

static int flatten_and_drop(lb_net *net, int in)
{
    return lb_net_dropout(net, "drop", lb_net_flatten(net, "flat", in), 0.5f);
}

static int concat_with_itself(lb_net *net, int in)
{
    return lb_net_concat(net, "concat", in, in);
}

static int concat_with_float(lb_net *net, int in)
{
    return lb_net_concat(net, "concat", in, lb_net_relu(net, "relu", 0, 1.0f));
}

static int concat_with_other_codes(lb_net *net, int in)
{
    return lb_net_concat(net, "concat", in, lb_net_quantize(net, "other", 0, &lb_byte_acts, &bits));
}

static int subsample_same(lb_net *net, int in)
{
    return lb_net_subsample(net, "sub", in, 2, 2);
}

static int subsample_wider(lb_net *net, int in)
{
    return lb_net_subsample(net, "sub", in, 2, 4);
}

static int add(lb_net *net, int in)
{
    return lb_net_add(net, "add", in, in);
}

static void test_where_codes_are_seen(void **state)
{
    (void)state;
    static const struct {
        bool raw;
        const lb_act_quantizer *acts;
        build_fn *between;
        bool coded;
        float low, high, scale;
    } cases[] = {
        {false, NULL, NULL, false, 0.0f, 0.0f, 0.0f},
        {true, NULL, NULL, true, -128.0f, 127.0f, 1.0f / 128.0f},
        {true, NULL, subsample_wider, true, -128.0f, 127.0f, 1.0f / 128.0f},
        {false, &lb_two_bit_acts, NULL, true, 0.0f, 3.0f, 1.0f / 3.0f},
        {true, &lb_two_bit_acts, NULL, true, 0.0f, 3.0f, 1.0f / 3.0f},
        {false, &lb_two_bit_acts, max_pool, true, 0.0f, 3.0f, 1.0f / 3.0f},
        {false, &lb_two_bit_acts, average_pool, false, 0.0f, 0.0f, 0.0f},
        {false, &lb_two_bit_acts, flatten_and_drop, true, 0.0f, 3.0f, 1.0f / 3.0f},
        {false, &lb_two_bit_acts, concat_with_itself, true, 0.0f, 3.0f, 1.0f / 3.0f},
        {false, &lb_two_bit_acts, concat_with_float, false, 0.0f, 0.0f, 0.0f},
        {false, &lb_two_bit_acts, concat_with_other_codes, false, 0.0f, 0.0f, 0.0f},
        {false, &lb_two_bit_acts, subsample_wider, true, 0.0f, 3.0f, 1.0f / 3.0f},
        {false, &lb_sign_acts, subsample_same, true, -1.0f, 1.0f, 1.0f},
        {false, &lb_sign_acts, subsample_wider, false, 0.0f, 0.0f,
         0.0f}, /* no code for the zeros */
        {false, &lb_two_bit_acts, add, false, 0.0f, 0.0f, 0.0f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_net net = build(cases[i].raw, cases[i].acts, cases[i].between, &lb_whole_weights);
        const int fc = (int)net.n_nodes - 1;
        lb_act_map map = {.low = 77.0f};
        if (lb_input_codes(&net, fc, &map) != cases[i].coded)
            fail_msg("case %zu: coded %d", i, !cases[i].coded);
        assert_int_equal(lb_node_is_integer(&net, fc), cases[i].coded);
        if (cases[i].coded) {
            assert_true(map.low == cases[i].low && map.high == cases[i].high &&
                        map.scale == cases[i].scale);
        } else {
            assert_true(map.low == 77.0f); /* untouched */
        }
        lb_net_release(&net);
    }
}

static void test_weights_must_have_codes_too(void **state)
{
    (void)state;
    lb_net net = build(true, NULL, NULL, NULL);
    assert_false(lb_node_is_integer(&net, 1));
    assert_false(lb_node_is_integer(&net, 0)); /* no layer */
    lb_net_release(&net);
    net = build(true, NULL, NULL, &lb_chance_weights);
    assert_false(lb_node_is_integer(&net, 1));
    lb_net_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_codes_are_seen),
        cmocka_unit_test(test_weights_must_have_codes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
