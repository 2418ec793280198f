/* Integer forms of what follows a sum: thresholds by hand, fixed-point products checked at every sum. */
#include <math.h>

#include "base/random.h"
#include "freeze/freeze.h"
#include "nn/executor.h"
#include "support/plain_intnet.h"
#include "support/support.h"
#include "support/tiny_net.h"

/* Two inputs of +-1, ten channels of weights +1: sums -2, 0, 2 of the integers in [-2, 2]. A field 1 means
 * -1, so a rising channel falls in its field. "Never" is 3, "always" -2. */
static void test_sign_thresholds_by_hand(void **state)
{
    static const struct {
        float gain, mean, beta;
        int threshold;
        bool falls;
        const char *why;
    } cases[] = {
        {1.0f, 0.0f, 0.0f, 0, true, "s >= 0: the tie is +1"},
        {1.0f, 1.0f, 0.0f, 1, true, "s - 1 >= 0"},
        {-1.0f, 0.0f, 0.0f, 1, false, "-s >= 0: -0 is +1, from 1 on -1"},
        {0.0f, 0.0f, 0.5f, 3, false, "0 s + 1/2: never -1"},
        {0.0f, 0.0f, -0.5f, -2, false, "0 s - 1/2: always -1"},
        {1e-30f, 0.0f, 0.0f, 0, true, "a tiny gain keeps the sign"},
        {-1e-30f, 0.0f, 1e-32f, 1, false, "-1e-30 s + 1e-32 >= 0 while s <= 0"},
        {1.0f, 5.0f, 0.0f, -2, false, "s - 5: always -1"},
        {1.0f, -5.0f, 0.0f, 3, false, "s + 5: never -1"},
        {1e30f, 0.0f, 0.0f, 0, true, "a huge gain"},
    };
    enum { CASES = sizeof cases / sizeof *cases };
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 1, 1}, false);
    x = lb_tiny_quantize(&net, "q1", x, "sign", 1);
    x = lb_net_conv(&net, "conv", x, CASES, lb_window_square(1, 1, 0), 1, false, &w);
    x = lb_tiny_norm(&net, "bn", x);
    x = lb_tiny_quantize(&net, "q2", x, "sign", 1);
    (void)lb_net_linear(&net, "fc", x, 3, false, NULL);
    lb_tiny_finish(&net);
    for (size_t i = 0; i < 2 * CASES; i++) lb_tiny_values(&net, "conv.weight")[i] = 0.5f;
    for (size_t c = 0; c < CASES; c++)
        lb_tiny_set_norm(&net, "bn", c, cases[c].gain, cases[c].mean, cases[c].beta);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input(float) q1=q1 conv=q2 fc=fc(float)");
    const lb_post *post = &lb_tiny_layer(&frozen, "conv")->post;
    assert_int_equal(post->kind, LB_POST_THRESHOLDS);
    assert_int_equal(post->thresholds.bits, 1);
    assert_int_equal(post->thresholds.bytes, 2);
    for (size_t c = 0; c < CASES; c++) {
        const int got = lb_threshold_at(&post->thresholds, c, 0);
        if (got != cases[c].threshold || lb_tiny_bit(post->thresholds.falls, c) != cases[c].falls)
            fail_msg("%s: threshold %d, falls %d; wanted %d, %d", cases[c].why, got,
                     lb_tiny_bit(post->thresholds.falls, c), cases[c].threshold, cases[c].falls);
    }
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* Codes -2 .. 1 of scale 1/2 in and out, t = s / 4, so x * 2 = s / 2 has a tie at every odd s; ties go to
 * even: -1.5 -> -2, -0.5 -> 0, 0.5 -> 0, 1.5 -> 2. Falling: the same with -s. Range: 4 inputs, [-8, 8]. */
static void test_ties_go_to_even(void **state)
{
    static const int rising[] = {-2, -1, 2}, falling[] = {-1, 2, 3};
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){4, 1, 1}, false);
    x = lb_tiny_quantize(&net, "q1", x, "qnn", 2);
    x = lb_net_conv(&net, "conv", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    x = lb_tiny_norm(&net, "bn", x);
    x = lb_tiny_quantize(&net, "q2", x, "qnn", 2);
    (void)lb_net_linear(&net, "fc", x, 3, false, NULL);
    lb_tiny_finish(&net);
    for (size_t i = 0; i < 8; i++) lb_tiny_values(&net, "conv.weight")[i] = 0.5f;
    lb_tiny_set_norm(&net, "bn", 0, 0.5f, 0.0f, 0.0f);
    lb_tiny_set_norm(&net, "bn", 1, -0.5f, 0.0f, 0.0f);
    lb_tiny_freeze(&net, &frozen);
    const lb_thresholds *t = &lb_tiny_layer(&frozen, "conv")->post.thresholds;
    assert_int_equal(t->bits, 2);
    assert_false(lb_tiny_bit(t->falls, 0));
    assert_true(lb_tiny_bit(t->falls, 1));
    for (size_t j = 0; j < 3; j++) {
        assert_int_equal(lb_threshold_at(t, 0, j), rising[j]);
        /* s = -8 gives code 1; -s/2 < 0.5.. counts from the top: 1 -> 0 at s = -1, -> -1 at 2, -> -2 at 3 */
        assert_int_equal(lb_threshold_at(t, 1, j), falling[j]);
    }
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* An infinity times a zero gain is not a number, whose code is the lowest: no monotone function of the sum. */
static void test_not_a_number_keeps_steps(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){4, 2, 2}, false);
    x = lb_tiny_quantize(&net, "q1", x, "dorefa", 2);
    x = lb_net_conv(&net, "conv", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    x = lb_tiny_norm(&net, "bn1", x);
    x = lb_tiny_norm(&net, "bn2", x);
    x = lb_tiny_quantize(&net, "q2", x, "dorefa", 2);
    (void)lb_net_linear(&net, "fc", x, 3, false, NULL);
    lb_tiny_finish(&net);
    for (size_t c = 0; c < 2; c++) {
        lb_tiny_set_norm(&net, "bn1", c, 3e38f, 0.0f, 0.0f);
        lb_tiny_set_norm(&net, "bn2", c, 0.0f, 0.0f, 0.7f);
    }
    lb_tiny_freeze(&net, &frozen);
    assert_int_equal(lb_tiny_layer(&frozen, "conv")->post.kind, LB_POST_STEPS);
    assert_int_equal(lb_tiny_layer(&frozen, "conv")->post.n_steps, 4);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* ---- fixed point ---- */

/* The code that training computes for a sum, one operation after the other. */
static float code_of_sum(const lb_net *net, float scale, const char *bn, size_t c, bool relu_first,
                         const lb_act_map *map, int sum)
{
    float a[64], b[64];
    lb_batch_norm_coefficients(net, lb_net_find_node(net, bn), a, b);
    float t = (float)sum * scale;
    if (relu_first) t = t > 0.0f ? t : 0.0f;
    t = t * a[c];
    t = t + b[c];
    return lb_plain_encode(map, t);
}

enum { CHANNELS = 24 };

/* A network whose middle layer ends in an activation quantizer of `bits` bits. */
static void build_for_levels(lb_net *net, const char *acts, int bits, bool relu_first)
{
    const lb_weight_choice w = lb_tiny_weights("qnn", 3);
    lb_random r = lb_random_at((uint64_t)bits, LB_RANDOM_TEST, 0, 0);
    lb_net_init(net);
    int x = lb_net_input(net, (lb_shape){4, 3, 3}, false);
    x = lb_tiny_quantize(net, "q1", x, "dorefa", 4);
    x = lb_net_conv(net, "conv", x, CHANNELS, lb_window_square(3, 1, 1), 1, false, &w);
    if (relu_first) x = lb_net_relu(net, "relu", x, 1.0f);
    x = lb_tiny_norm(net, "bn", x);
    x = lb_tiny_quantize(net, "q2", x, acts, bits);
    (void)lb_net_linear(net, "fc", x, 3, false, NULL);
    lb_tiny_finish(net);
    for (size_t c = 0; c < CHANNELS; c++)
        lb_tiny_set_norm(net, "bn", c, c % 8 == 0 ? 0.0f : lb_random_normal(&r), 0.1f,
                         0.3f + lb_random_normal(&r));
}

static void check_every_sum(lb_net *net, const lb_intnet *frozen, bool relu_first, int low_sum,
                            int high_sum)
{
    const lb_int_layer *l = lb_tiny_layer(frozen, "conv");
    const lb_quantize *q = &net->nodes[lb_net_find_node(net, "q2")].as.quantize;
    const lb_act_map map = q->quantizer->map(&q->setting, NULL);
    float largest = 0.0f;
    for (size_t i = 0; i < CHANNELS * 36; i++)
        largest = fmaxf(largest, fabsf(lb_tiny_values(net, "conv.weight")[i]));
    const float scale = largest / 4.0f * (1.0f / 15.0f); /* of qnn's 3 bits and dorefa's 4 */
    for (size_t c = 0; c < CHANNELS; c++)
        for (int s = low_sum; s <= high_sum; s++) {
            const int field = lb_plain_field(&l->post, c, s);
            const float code = code_of_sum(net, scale, "bn", c, relu_first, &map, s);
            if ((float)(l->map.grid.offset + l->map.grid.step * field) != code)
                fail_msg("channel %zu, sum %d: field %d, wanted code %g", c, s, field,
                         (double)code);
        }
}

/* 36 inputs of at most 15 times at most 4: every sum there can be. */
static void test_fixed_point_equals_the_expression_for_every_sum(void **state)
{
    static const char *const acts[] = {"dorefa", "qnn"};
    (void)state;
    for (int bits = 4; bits <= 8; bits++)
        for (size_t k = 0; k < 2; k++) {
            lb_net net;
            lb_intnet frozen;
            build_for_levels(&net, acts[k], bits, false);
            lb_tiny_freeze(&net, &frozen);
            const lb_int_layer *l = lb_tiny_layer(&frozen, "conv");
            assert_int_equal(l->post.kind, LB_POST_FIXED_POINT);
            assert_int_equal(l->post.fixed.bits, bits);
            assert_in_range(l->post.fixed.shift, 0, 40);
            check_every_sum(&net, &frozen, false, -2160, 2160);
            lb_intnet_release(&frozen);
            lb_net_release(&net);
        }
}

/* A ReLU before the batch-norm bends the line inside the quantizer's range: no product gives that. */
static void test_bent_lines_become_thresholds(void **state)
{
    (void)state;
    for (int bits = 4; bits <= 8; bits++) {
        lb_net net;
        lb_intnet frozen;
        build_for_levels(&net, "dorefa", bits, true);
        lb_tiny_freeze(&net, &frozen);
        const lb_int_layer *l = lb_tiny_layer(&frozen, "conv");
        assert_int_equal(l->post.kind, LB_POST_THRESHOLDS);
        assert_int_equal(l->post.thresholds.bits, bits);
        check_every_sum(&net, &frozen, true, -2160, 2160);
        lb_intnet_release(&frozen);
        lb_net_release(&net);
    }
}

/* Three bits and less: thresholds, whatever the line. */
static void test_few_bits_become_thresholds(void **state)
{
    (void)state;
    for (int bits = 1; bits <= 3; bits++) {
        lb_net net;
        lb_intnet frozen;
        build_for_levels(&net, "dorefa", bits, false);
        lb_tiny_freeze(&net, &frozen);
        assert_int_equal(lb_tiny_layer(&frozen, "conv")->post.kind, LB_POST_THRESHOLDS);
        check_every_sum(&net, &frozen, false, -2160, 2160);
        lb_intnet_release(&frozen);
        lb_net_release(&net);
    }
}

static lb_status freeze_once(void *context)
{
    lb_intnet frozen;
    const lb_status status = lb_freeze(context, &frozen);
    lb_intnet_release(&frozen);
    return status;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    lb_net net;
    build_for_levels(&net, "dorefa", 8, false);
    lb_test_every_allocation_failure(freeze_once, &net);
    lb_net_release(&net);
    build_for_levels(&net, "dorefa", 4, true);
    lb_test_every_allocation_failure(freeze_once, &net);
    lb_net_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign_thresholds_by_hand),
        cmocka_unit_test(test_ties_go_to_even),
        cmocka_unit_test(test_not_a_number_keeps_steps),
        cmocka_unit_test(test_fixed_point_equals_the_expression_for_every_sum),
        cmocka_unit_test(test_bent_lines_become_thresholds),
        cmocka_unit_test(test_few_bits_become_thresholds),
        cmocka_unit_test(test_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
