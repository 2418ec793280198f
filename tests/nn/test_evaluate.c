/* The fast evaluation against the reference back end's: every map of every node, bit for bit. */
/* ctest: label tsan */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/random.h"
#include "nn/evaluate.h"
#include "nn/executor.h"
#include "nn/net_internal.h"
#include "quant/method.h"
#include "support/held_weights.h"
#include "support/quantizer_settings.h"

enum { IMAGES = 11 }; /* more than one group of images, the last one partly filled */

static lb_random draws;

static void randomize(float *v, size_t n, float scale, float offset)
{
    for (size_t i = 0; i < n; i++) v[i] = offset + scale * lb_random_normal(&draws);
}

/* Batch-norm with gains of both signs, some zero; biases and running statistics anything. */
static void randomize_params(lb_net *net)
{
    for (size_t p = 0; p < net->n_params; p++) {
        lb_param *param = &net->params[p];
        switch (param->role) {
        case LB_PARAM_GAMMA:
            randomize(param->value, param->count, 1.0f, 0.0f);
            param->value[0] = 0.0f;
            break;
        case LB_PARAM_BIAS:
        case LB_PARAM_BETA:
        case LB_PARAM_MEAN: randomize(param->value, param->count, 0.5f, 0.1f); break;
        case LB_PARAM_VARIANCE:
            for (size_t i = 0; i < param->count; i++)
                param->value[i] = 0.01f + lb_random_uniform(&draws);
            break;
        case LB_PARAM_WEIGHT:
        case LB_PARAM_LEARNED: break;
        }
    }
}

static void compare_map(const lb_net *net, size_t node, const float *got, const float *want)
{
    const size_t per_image = lb_shape_count(net->nodes[node].shape);
    for (size_t i = 0; i < IMAGES * per_image; i++)
        if (got[i] != want[i]) /* +0 and -0 are the same number */
            fail_msg("node '%s' (%zu): image %zu element %zu is %a, the reference gives %a",
                     net->nodes[node].name, node, i / per_image, i % per_image, (double)got[i],
                     (double)want[i]);
}

static void compare_all_maps(const lb_net *net, lb_executor *reference, const lb_evaluator *fast)
{
    for (size_t i = 1; i < net->n_nodes; i++) {
        const size_t floats = IMAGES * lb_shape_count(net->nodes[i].shape);
        float *want = calloc(floats, sizeof *want), *got = calloc(floats, sizeof *got);
        assert_non_null(want);
        assert_non_null(got);
        assert_true(lb_backend_find("reference")->copy_map(reference, (int)i, false, want));
        assert_true(lb_evaluator_copy_map(fast, (int)i, got));
        compare_map(net, i, got, want);
        free(want);
        free(got);
    }
}

static bool mixed; /* relaxed weights are taken as they are */

/* Evaluate `net` by both ways, for this instruction set and thread count. */
static void check_net(lb_net *net, const float *images, unsigned isa, int threads)
{
    const lb_backend *reference = lb_backend_find("reference");
    const lb_executor_options options = {.batch = IMAGES, .threads = 1, .mixed = mixed};
    const lb_evaluator_options fast = {
        .batch = IMAGES, .threads = threads, .mixed = mixed, .keep_maps = true, .isa = isa};
    const lb_evaluator_options lean = {
        .batch = IMAGES, .threads = threads, .mixed = mixed, .isa = isa};
    const size_t n = IMAGES * net->classes;
    lb_executor *e = NULL;
    lb_evaluator *kept = NULL, *reused = NULL;
    float *logits = calloc(3 * n, sizeof *logits);
    assert_non_null(logits);
    assert_int_equal(reference->create(net, &options, &e), LB_OK);
    assert_int_equal(lb_evaluator_create(net, &fast, &kept), LB_OK);
    assert_int_equal(lb_evaluator_create(net, &lean, &reused), LB_OK);
    assert_int_equal(reference->freeze_weights(e), LB_OK);
    assert_int_equal(reference->evaluate(e, images, IMAGES, logits), LB_OK);
    lb_evaluator_freeze(kept);
    lb_evaluator_freeze(reused);
    lb_evaluator_run(kept, images, IMAGES, logits + n);
    lb_evaluator_run(reused, images, IMAGES, logits + 2 * n);
    compare_all_maps(net, e, kept);
    compare_map(net, net->n_nodes - 1, logits + n, logits);
    compare_map(net, net->n_nodes - 1, logits + 2 * n, logits);
    free(logits);
    lb_evaluator_destroy(kept);
    lb_evaluator_destroy(reused);
    reference->destroy(e);
}

/* A small network with every kind of node: strided, grouped and padded convolutions, both
 * shortcuts, pools. */
static void build(lb_net *net, const lb_weight_choice *w, const lb_act_quantizer *acts, int a_bits,
                  bool raw)
{
    const lb_act_setting a = {.bits = a_bits};
    lb_net_init(net);
    int x = lb_net_input(net, (lb_shape){3, 9, 8}, raw);
    x = lb_net_conv(net, "conv1", x, 18, lb_window_square(3, 1, 1), 1, true, w);
    x = lb_net_batch_norm(net, "bn1", x, true, 1e-5f, 0.1f);
    x = lb_net_clip(net, "act1", x, -1.0f, 1.0f);
    x = lb_net_max_pool(net, "pool1", x, (lb_window){3, 3, 2, 0, 0, 1, 1});
    const int shortcut = x;
    if (acts) x = lb_net_quantize(net, "q2", x, acts, &a);
    x = lb_net_conv(net, "conv2", x, 20, lb_window_square(3, 2, 1), 2, false, w);
    x = lb_net_batch_norm(net, "bn2", x, false, 1e-5f, 0.1f);
    x = lb_net_add(net, "add", x, lb_net_subsample(net, "option-a", shortcut, 2, 20));
    x = lb_net_relu(net, "relu", x, 0.125f);
    if (acts) x = lb_net_quantize(net, "q3", x, acts, &a);
    const int left = lb_net_conv(net, "left", x, 5, lb_window_square(1, 1, 0), 1, true, w);
    const int right = lb_net_average_pool(net, "mean", x, lb_window_square(3, 1, 1));
    x = lb_net_concat(net, "concat", left, right);
    x = lb_net_dropout(net, "dropout", x, 0.5f);
    if (acts) x = lb_net_quantize(net, "q4", x, acts, &a);
    x = lb_net_flatten(net, "flatten", x);
    (void)lb_net_linear(net, "linear", x, 10, true, w);
    assert_int_equal(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY), LB_OK);
    lb_net_initialize(net, LB_INIT_FAN_IN, 7);
    randomize_params(net);
}

static void check_choice(const lb_weight_choice *w, const char *acts, int a_bits, bool raw)
{
    lb_net net;
    build(&net, w->quantizer ? w : NULL, acts ? lb_act_quantizer_find(acts) : NULL, a_bits, raw);
    if (w->quantizer && w->quantizer->relaxes) lb_test_hold_weights(&net, 3);
    float images[IMAGES * 3 * 9 * 8];
    for (size_t i = 0; i < IMAGES * 3 * 9 * 8; i++)
        images[i] = raw ? ((float)lb_random_below(&draws, 256) - 128.0f) / 128.0f
                        : lb_random_normal(&draws);
    check_net(&net, images, LB_ISA_ANY, 1);
    check_net(&net, images, lb_cpu_isa(), 2);
    lb_net_release(&net);
}

static void check(const char *weights, int w_bits, const char *acts, int a_bits, bool raw)
{
    const lb_weight_quantizer *q = weights ? lb_weight_quantizer_find(weights) : NULL;
    assert_true(!weights || q);
    lb_weight_choice w = {.quantizer = q, .setting = {.bits = w_bits}};
    if (q) w.setting.granularity = q->granularity;
    if (q) lb_test_standard_options(q->options, w.setting.options);
    check_choice(&w, acts, a_bits, raw);
}

static void test_float_networks(void **state)
{
    (void)state;
    draws = lb_random_at(1, LB_RANDOM_TEST, 0, 0);
    check(NULL, 32, NULL, 32, false);
    check(NULL, 32, "dorefa", 2, false);
    check("bc-stochastic", 1, NULL, 32, false);
}

static void test_mixed_networks(void **state)
{
    (void)state;
    draws = lb_random_at(1, LB_RANDOM_TEST, 5, 0);
    for (int part = 0; part < 2; part++) {
        mixed = part == 1;
        check("rpr", 1, NULL, 32, false);
        check("rpr", 2, "dorefa", 2, false);
        check("rpr", 2, "sign", 1, true);
    }
    mixed = false;
}

static void test_weights_quantized_inputs_float(void **state)
{
    (void)state;
    draws = lb_random_at(2, LB_RANDOM_TEST, 0, 0);
    check("xnor", 1, NULL, 32, false);
    check("ttq", 2, NULL, 32, false);
    check("qnn", 4, NULL, 32, false);
}

static void test_integer_networks(void **state)
{
    static const struct {
        const char *weights;
        int w_bits;
        const char *acts;
        int a_bits;
    } cases[] = {
        {"bc", 1, "sign", 1},    {"dorefa", 1, "dorefa", 2}, {"twn", 2, "dorefa", 4},
        {"ttq", 2, "dorefa", 2}, {"ttq", 2, "qnn", 8},       {"qnn", 4, "qnn", 4},
        {"xnor", 1, "sign", 1},  {"dorefa", 8, "dorefa", 8},
    };
    (void)state;
    draws = lb_random_at(4, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(cases[i].weights, cases[i].w_bits, cases[i].acts, cases[i].a_bits, false);
        check(cases[i].weights, cases[i].w_bits, cases[i].acts, cases[i].a_bits, true);
    }
}

/* A sum for each row or position of the kernels, of floats and of codes. */
static void test_scales_by_position(void **state)
{
    (void)state;
    draws = lb_random_at(6, LB_RANDOM_TEST, 0, 0);
    for (int bits = 1; bits <= 2; bits++)
        for (int g = LB_PER_ROW; g <= LB_PER_PIXEL; g++) {
            const lb_weight_choice w = {
                .quantizer = lb_weight_quantizer_find("syq"),
                .setting = {.bits = bits, .granularity = (lb_granularity)g}};
            check_choice(&w, NULL, 32, false);
            check_choice(&w, "dorefa", 2, false);
            check_choice(&w, "qnn", 8, true);
            check_choice(&w, "sign", 1, true);
        }
}

/* Sums past 2^24: 8 x 8 bits over 4,608 inputs, where a float sum would round. */
static void test_sums_past_2_to_the_24_are_exact(void **state)
{
    (void)state;
    const lb_weight_quantizer *q = lb_weight_quantizer_find("dorefa");
    const lb_act_quantizer *a = lb_act_quantizer_find("dorefa");
    const lb_weight_choice w = {.quantizer = q,
                                .setting = {.bits = 8, .granularity = q->granularity}};
    const lb_act_setting setting = {.bits = 8};
    lb_net net;
    draws = lb_random_at(5, LB_RANDOM_TEST, 0, 0);
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){512, 3, 3}, false);
    x = lb_net_quantize(&net, "q", x, a, &setting);
    (void)lb_net_conv(&net, "conv", x, 10, lb_window_square(3, 1, 0), 1, false, &w);
    assert_int_equal(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY), LB_OK);
    lb_net_initialize(&net, LB_INIT_FAN_IN, 1);
    for (size_t i = 0; i < net.params[0].count; i++) /* one sign: the sum grows to 3e8 */
        net.params[0].value[i] =
            net.params[0].value[i] < 0.0f ? -net.params[0].value[i] : net.params[0].value[i];
    float *images = calloc(IMAGES * 512 * 9, sizeof *images);
    assert_non_null(images);
    for (size_t i = 0; i < IMAGES * 512 * 9; i++) images[i] = lb_random_uniform(&draws);
    check_net(&net, images, lb_cpu_isa(), 1);
    free(images);
    lb_net_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float_networks),
        cmocka_unit_test(test_mixed_networks),
        cmocka_unit_test(test_weights_quantized_inputs_float),
        cmocka_unit_test(test_integer_networks),
        cmocka_unit_test(test_scales_by_position),
        cmocka_unit_test(test_sums_past_2_to_the_24_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
