/* Costs of an integer network, worked by hand from Equations 6 and 7 of IMPQ. */
#include "intnet/int_cost.h"

#include <math.h>

#include "support/support.h"
#include "support/tiny_intnet.h"

/* Double sums of a few terms: the bound is some units in the last place of 1e5. */
static void near(double got, double wanted)
{
    if (!(fabs(got - wanted) <= 1e-9)) fail_msg("got %.12g, wanted %.12g", got, wanted);
}

static void test_layers_by_hand(void **state)
{
    (void)state;
    lb_intnet net;
    lb_test_tiny_intnet(false, &net);

    /* 5 filters of 2 x 3 x 3 float weights on 6 x 6 pixels of floats; the post tensor has 3 rows */
    lb_int_layer_cost c = lb_int_layer_cost_of(&net, LB_TINY_STEM);
    assert_int_equal(c.weights, 90);
    assert_int_equal(c.macs, 90 * 36);
    assert_int_equal(c.filter_inputs, 18);
    near(c.bit_operations, 3240.0 * (32.0 * 32.0 + 32.0 + 32.0 + log2(18.0)));
    assert_int_equal(c.stored_bytes, 90 * 4 + 3 * 5 * 4);

    /* binary on 2 bits; 5 channels of 3 thresholds of 2 bytes */
    c = lb_int_layer_cost_of(&net, LB_TINY_BINARY);
    near(c.bit_operations, 225.0 * 36.0 * (1.0 * 2.0 + 1.0 + 2.0 + log2(45.0)));
    assert_int_equal(c.weight_bits, 1);
    assert_int_equal(c.act_bits, 2);
    assert_int_equal(c.thresholds, 15);
    assert_int_equal(c.stored_bytes, 29 + 30);

    /* depthwise: M is the 9 taps of one channel; scale is one number, in the graph */
    c = lb_int_layer_cost_of(&net, LB_TINY_DEPTHWISE);
    assert_int_equal(c.macs, 45 * 9);
    near(c.bit_operations, 405.0 * (4.0 * 1.0 + 4.0 + 1.0 + log2(9.0)));
    assert_int_equal(c.stored_bytes, 4 * 6);

    /* two sums a channel cost no more; rows: two of scale, one of affine */
    c = lb_int_layer_cost_of(&net, LB_TINY_TERNARY);
    near(c.bit_operations, 150.0 * 9.0 * (2.0 * 2.0 + 2.0 + 2.0 + log2(30.0)));
    assert_int_equal(c.stored_bytes, 2 * 19 + 3 * 5 * 4);

    /* 4 products, and 2 exceptions of 3 numbers */
    c = lb_int_layer_cost_of(&net, LB_TINY_FIXED);
    assert_int_equal(c.stored_bytes, 8 * 4 + 4 * 4 + 4 * 8 + 2 * 3 * 4);
    c = lb_int_layer_cost_of(&net, LB_TINY_POOL);
    assert_int_equal(c.macs + c.weights + c.stored_bytes, 0);
    lb_intnet_release(&net);
}

static void test_network_by_hand(void **state)
{
    (void)state;
    lb_intnet net;
    lb_test_tiny_intnet(true, &net);
    const lb_int_cost c = lb_intnet_cost_of(&net);
    /* stem, binary, ternary, depthwise, fixed, logits */
    assert_int_equal(c.weights, 90 + 225 + 150 + 45 + 32 + 75);
    assert_int_equal(c.macs, 90 * 36 + 225 * 36 + 150 * 9 + 45 * 9 + 32 * 4 + 75);
    assert_int_equal(c.thresholds, 15);
    near(c.weight_bits,
         (32.0 * 90 + 1.0 * 225 + 2.0 * 150 + 4.0 * 45 + 8.0 * 32 + 2.0 * 75) / 617.0);
    /* the maps that enter them: raw pixels, codes of the stem, the pool, ternary, subsample, floats */
    near(c.act_bits, (8.0 * 72 + 2.0 * 180 + 2.0 * 45 + 1.0 * 45 + 2.0 * 32 + 32.0 * 25) /
                         (72 + 180 + 45 + 45 + 32 + 25));
    double sum = 0.0;
    size_t bytes = 0;
    for (size_t i = 0; i < net.n_layers; i++) {
        sum += lb_int_layer_cost_of(&net, i).bit_operations;
        bytes += lb_int_layer_cost_of(&net, i).stored_bytes;
    }
    near(c.bit_operations, sum);
    assert_int_equal(c.stored_bytes, bytes);
    lb_intnet_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_by_hand),
        cmocka_unit_test(test_network_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
