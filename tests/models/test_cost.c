/* Sizes and operations: the papers' printed figures, and layers counted by hand. */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "lowbit/models.h"
#include "models/cost.h"
#include "models/model.h"

static void check_near(double got, double wanted, double tolerance, const char *what)
{
    if (!(fabs(got - wanted) <= tolerance)) fail_msg("%s: %.6f, wanted %.6f", what, got, wanted);
}

/* Kutukcu 2.1.2.1: 27 weights, 4 clusters, 32 bits: 27 * 32 / (27 * 2 + 4 * 32) = 864 / 182 =
 * 4.7472 (printed 4.74). */
static void test_compression_example(void **state)
{
    (void)state;
    check_near(lb_compression_codebook(27, 32, 4), 864.0 / 182.0, 1e-12, "27 weights");
    check_near(lb_compression_codebook(27, 32, 4), 4.747, 5e-4, "27 weights");
}

/* Kutukcu tables 5.1 and 5.2: filters of 3 inputs and 8 outputs: n = 216, 384, 600. Printed with
 * two digits, cut off or rounded: within 0.01. */
static void test_compression_of_p1_chapter_5(void **state)
{
    (void)state;
    static const struct {
        int n;
        double ternary, binary_codebook, binary_one_value;
    } cases[] = {
        {3 * 8 * 9, 12.34, 24.69, 27.87},
        {3 * 8 * 16, 13.71, 27.43, 29.54},
        {3 * 8 * 25, 14.46, 28.92, 30.38},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double n = cases[i].n;
        check_near(lb_compression_codebook(n, 32, lb_weight_clusters(2)), cases[i].ternary, 0.01,
                   "ternary");
        check_near(lb_compression_codebook(n, 32, lb_weight_clusters(1)), cases[i].binary_codebook,
                   0.01, "binary");
        check_near(lb_compression_one_scale(n, 32, lb_weight_clusters(1)),
                   cases[i].binary_one_value, 0.01, "binary, one value");
    }
    /* by hand: 216 * 32 / (216 + 2 * 32) = 6912 / 280; one value: 6912 / 248; ternary: 6912 /
     * 560 */
    check_near(lb_compression_codebook(216, 32, 2), 6912.0 / 280.0, 1e-12, "binary 3x3");
    check_near(lb_compression_one_scale(216, 32, 2), 6912.0 / 248.0, 1e-12,
               "binary 3x3, one value");
    check_near(lb_compression_codebook(216, 32, 4), 6912.0 / 560.0, 1e-12, "ternary 3x3");
}

static lb_inspection *inspect(const char *model, const char *method, int w_bits, int a_bits,
                              lb_end_policy ends, lb_shortcut_kind shortcut, lb_switch bias)
{
    const lb_method_request wanted = {.method = method,
                                      .w_bits = w_bits,
                                      .a_bits = a_bits,
                                      .first = strcmp(method, "float") == 0 ? -1 : (int)ends,
                                      .last = strcmp(method, "float") == 0 ? -1 : (int)ends,
                                      .order = -1,
                                      .granularity = -1,
                                      .quantize_shortcuts = -1,
                                      .quantize_last_input = -1,
                                      .relu_slope = NAN};
    lb_model_request request = {.name = model,
                                .input = lb_model_find(model)->input,
                                .classes = 10,
                                .width_multiplier = 1.0,
                                .shortcut = shortcut,
                                .bias = bias};
    assert_ok(lb_method_resolve(&wanted, &request.quant));
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    lb_inspection *out = NULL;
    assert_ok(lb_cost_of_net(&net, &out));
    lb_net_release(&net);
    return out;
}

/* Kutukcu tables 4.5, 4.13, 4.14: MB of 2^20 bytes, all parameters at the weights' bits. */
static void test_sizes_of_p1_tables(void **state)
{
    (void)state;
    static const struct {
        const char *model, *method;
        lb_shortcut_kind shortcut;
        double megabytes, digit;
    } cases[] = {
        {"squeezenet", "float", LB_SHORTCUT_MODEL, 2.78, 0.01},
        {"vgg7", "float", LB_SHORTCUT_MODEL, 49.5, 0.1},
        {"vgg7", "bc", LB_SHORTCUT_MODEL, 1.55, 0.01},
        {"vgg7", "dorefa-w", LB_SHORTCUT_MODEL, 1.55, 0.01},
        {"vgg7", "twn", LB_SHORTCUT_MODEL, 3.09, 0.01},
        {"squeezenet-bypass", "float", LB_SHORTCUT_MODEL, 2.78, 0.01},
        {"resnet20", "float", LB_SHORTCUT_B, 1.04, 0.01},
        {"resnet20", "bc-scaled", LB_SHORTCUT_B, 0.032, 0.001},
        {"resnet20", "twn", LB_SHORTCUT_B, 0.065, 0.001},
        {"squeezenet", "bc", LB_SHORTCUT_MODEL, 0.087, 0.001},
        {"squeezenet", "twn", LB_SHORTCUT_MODEL, 0.174, 0.001},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_inspection *info = inspect(cases[i].model, cases[i].method, -1, -1, LB_END_QUANTIZED,
                                      cases[i].shortcut, LB_SWITCH_ON);
        check_near(info->uniform_bytes / 1048576.0, cases[i].megabytes, cases[i].digit,
                   cases[i].model);
        lb_inspection_destroy(info);
    }
}

static const lb_layer_info *layer_of(const lb_inspection *info, const char *name)
{
    for (size_t i = 0; i < info->n_layers; i++) {
        if (strcmp(info->layers[i].name, name) == 0) return &info->layers[i];
    }
    fail_msg("no layer '%s'", name);
    return NULL;
}

/* LeNet-5, DoReFa W1A2, ends float.
 *   conv1  20 x 1 x 5 x 5 = 500 weights at 24 x 24: 288,000 MACs, float, 2,000 bytes
 *   conv2  50 x 20 x 5 x 5 = 25,000 at 8 x 8: 1,600,000 MACs, 25,000 bits + one scale = 3,129 bytes
 *   fc1    800 x 500 = 400,000; fc2 500 x 250 = 125,000; fc3 2,500 float
 *   conv1.norm: no affine part, 2 x 20 running values = 160 bytes; conv2.norm 4 x 50 = 800 bytes */
static void test_lenet5_by_hand(void **state)
{
    (void)state;
    lb_inspection *info =
        inspect("lenet5", "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, LB_SWITCH_MODEL);
    static const struct {
        const char *name, *op, *quantizer;
        size_t c, h, w, weights, parameters, macs;
        int w_bits, a_bits;
        size_t scales;
        double stored, whole;
    } cases[] = {
        {"conv1", "conv", "float", 20, 24, 24, 500, 500, 288000, 32, 32, 0, 2000, 2000},
        {"conv1.norm", "batch-norm", "", 20, 24, 24, 0, 0, 0, 0, 32, 0, 160, 160},
        {"conv2.quantize", "quantize", "", 20, 12, 12, 0, 0, 0, 0, 2, 0, 0, 0},
        {"conv2", "conv", "dorefa", 50, 8, 8, 25000, 25000, 1600000, 1, 2, 1, 3129, 100000},
        {"conv2.norm", "batch-norm", "", 50, 8, 8, 0, 100, 0, 0, 32, 0, 800, 800},
        {"fc1", "linear", "dorefa", 500, 1, 1, 400000, 400000, 400000, 1, 2, 1, 50004, 1600000},
        {"fc3", "linear", "float", 10, 1, 1, 2500, 2500, 2500, 32, 32, 0, 10000, 10000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_layer_info *got = layer_of(info, cases[i].name);
        assert_string_equal(got->op, cases[i].op);
        assert_string_equal(got->weight_quantizer, cases[i].quantizer);
        assert_int_equal(got->channels, cases[i].c);
        assert_int_equal(got->height, cases[i].h);
        assert_int_equal(got->width, cases[i].w);
        assert_int_equal(got->weights, cases[i].weights);
        assert_int_equal(got->parameters, cases[i].parameters);
        assert_int_equal(got->macs, cases[i].macs);
        assert_int_equal(got->weight_bits, cases[i].w_bits);
        assert_int_equal(got->act_bits, cases[i].a_bits);
        assert_int_equal(got->scales, cases[i].scales);
        check_near(got->stored_bytes, cases[i].stored, 1e-9, cases[i].name);
        check_near(got->float_bytes, cases[i].whole, 1e-9, cases[i].name);
    }
    assert_int_equal(info->parameters, 553000);
    assert_int_equal(info->weights, 553000);
    assert_int_equal(info->batch_norm, 2 * (50 + 500 + 250));
    assert_int_equal(info->macs, 288000 + 1600000 + 400000 + 125000 + 2500);
    /* batch-norms: 160 + 16 (50 + 500 + 250) = 12,960 bytes */
    check_near(info->stored_bytes, 2000 + 3129 + 50004 + 15629 + 10000 + 12960, 1e-9, "stored");
    check_near(info->float_bytes, 553000 * 4 + 12960, 1e-9, "float");
    check_near(info->compression, info->float_bytes / info->stored_bytes, 1e-12, "compression");
    /* sum n b / sum(n + 2 b), float layers n b on both sides */
    const double quantized = 25000.0 + 400000.0 + 125000.0;
    const double bits = quantized + 3 * 64.0 + 3000.0 * 32.0;
    check_near(info->compression_codebook, 553000.0 * 32.0 / bits, 1e-9, "whole net, codebook");
    check_near(info->compression_one_scale, 553000.0 * 32.0 / (bits - 3 * 32.0), 1e-9,
               "whole net, one scale");
    lb_inspection_destroy(info);
}

/* IMPQ, Eq. 6 and 7, by hand: LeNet-5, DoReFa W1A2, ends float.
 *   conv1   288,000 (32 32 + 32 + 32 + log2 25)     conv2  1,600,000 (1 2 + 1 + 2 + log2 500)
 *   B_w,eff (3,000 32 + 550,000 1) / 553,000
 *   maps that enter: conv1 784 and fc3 250 float, conv2 20 x 12 x 12, fc1 800 and fc2 500 at 2 bits */
static void test_bit_operations_by_hand(void **state)
{
    (void)state;
    lb_inspection *info =
        inspect("lenet5", "dorefa", 1, 2, LB_END_FLOAT, LB_SHORTCUT_MODEL, LB_SWITCH_MODEL);
    const double conv1 = 288000.0 * (1088.0 + log2(25.0)), conv2 = 1600000.0 * (5.0 + log2(500.0)),
                 fc1 = 400000.0 * (5.0 + log2(800.0)), fc2 = 125000.0 * (5.0 + log2(500.0)),
                 fc3 = 2500.0 * (1088.0 + log2(250.0));
    check_near(layer_of(info, "conv1")->bit_operations, conv1, 1e-3, "conv1");
    check_near(layer_of(info, "conv2")->bit_operations, conv2, 1e-3, "conv2");
    check_near(layer_of(info, "conv2.norm")->bit_operations, 0.0, 0.0, "a batch-norm");
    check_near(info->bit_operations, conv1 + conv2 + fc1 + fc2 + fc3, 1e-2, "network");
    check_near(info->weight_bits, (3000.0 * 32.0 + 550000.0) / 553000.0, 1e-12, "B_w,eff");
    const double coded = 2880.0 + 800.0 + 500.0, whole = 784.0 + 250.0;
    check_near(info->act_bits, (2.0 * coded + 32.0 * whole) / (coded + whole), 1e-12, "B_a,eff");
    lb_inspection_destroy(info);
}

/* Two scales a layer for ttq, one a filter for xnor; stochastic weights are stored as floats; raw
 * pixels are 8 bits. */
static void test_scales_and_bits(void **state)
{
    (void)state;
    lb_inspection *info =
        inspect("lenet5", "ttq", -1, -1, LB_END_8BIT, LB_SHORTCUT_MODEL, LB_SWITCH_MODEL);
    assert_int_equal(layer_of(info, "conv2")->scales, 2);
    assert_int_equal(layer_of(info, "conv2")->weight_bits, 2);
    assert_int_equal(layer_of(info, "conv1")->weight_bits, 8);
    assert_int_equal(layer_of(info, "conv1")->act_bits, 8);
    assert_int_equal(info->learned, 2 * 3);
    check_near(layer_of(info, "conv2")->float_bytes, 100000, 1e-9,
               "learned scales are no part of a float net");
    check_near(layer_of(info, "conv2")->stored_bytes, 6250 + 8, 1e-9, "ttq");
    lb_inspection_destroy(info);

    info = inspect("lenet5", "xnor", -1, -1, LB_END_FLOAT, LB_SHORTCUT_MODEL, LB_SWITCH_MODEL);
    assert_int_equal(layer_of(info, "conv2")->scales, 50);
    assert_int_equal(layer_of(info, "conv2")->act_bits, 1);
    lb_inspection_destroy(info);
    info = inspect("lenet5", "syq", 1, 4, LB_END_FLOAT, LB_SHORTCUT_MODEL, LB_SWITCH_MODEL);
    assert_int_equal(layer_of(info, "conv2")->scales, 25); /* one a position */
    assert_int_equal(layer_of(info, "fc1")->scales, 1);
    assert_int_equal(info->learned, 25 + 1 + 1);
    lb_inspection_destroy(info);

    info = inspect("lenet5", "bc-stochastic", -1, -1, LB_END_QUANTIZED, LB_SHORTCUT_MODEL,
                   LB_SWITCH_MODEL);
    assert_int_equal(layer_of(info, "conv2")->weight_bits, 32);
    check_near(info->compression, 1.0, 1e-12, "stochastic");
    lb_inspection_destroy(info);
}

/* ResNet-20 on 32x32 images: 40.55 M MACs with shortcut A: conv1 432 x 1024; stages 6 x 2304 x
 * 1024, (4608 + 5 x 9216) x 256, (18432 + 5 x 36864) x 64; fc 640. */
static void test_resnet20_macs(void **state)
{
    (void)state;
    lb_inspection *info =
        inspect("resnet20", "float", -1, -1, LB_END_FLOAT, LB_SHORTCUT_A, LB_SWITCH_MODEL);
    const size_t wanted =
        432 * 1024 + 6 * 2304 * 1024 + (4608 + 5 * 9216) * 256 + (18432 + 5 * 36864) * 64 + 640;
    assert_int_equal(info->macs, wanted);
    check_near(info->compression, 1.0, 1e-12, "float");
    check_near(info->compression_codebook, 1.0, 1e-12, "float");
    lb_inspection_destroy(info);
}

/* A grouped convolution with a map that is not square: 3x3 on 4 x 5 x 7 in 2 groups of 6 filters, bias:
 * 6 x 2 x 9 = 108 weights at 3 x 5, 1,620 MACs, 114 parameters. */
static void test_grouped_convolution(void **state)
{
    (void)state;
    lb_net net;
    lb_inspection *info = NULL;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){4, 5, 7}, false);
    x = lb_net_conv(&net, "grouped", x, 6, lb_window_square(3, 1, 0), 2, true, NULL);
    (void)lb_net_linear(&net, "fc", x, 3, false, NULL);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    assert_ok(lb_cost_of_net(&net, &info));
    const lb_layer_info *layer = layer_of(info, "grouped");
    assert_int_equal(layer->weights, 108);
    assert_int_equal(layer->macs, 1620);
    assert_int_equal(layer->parameters, 114);
    assert_int_equal(layer->height, 3);
    assert_int_equal(layer->width, 5);
    assert_int_equal(info->macs, 1620 + 3 * 6 * 15);
    check_near(layer->stored_bytes, 114 * 4, 1e-9, "bytes");
    lb_inspection_destroy(info);
    lb_net_release(&net);
}

static lb_status cost_of(void *context)
{
    lb_inspection *info = NULL;
    const lb_status status = lb_cost_of_net(context, &info);
    lb_inspection_destroy(info);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const lb_model_request request = {
        .name = "lenet5",
        .input = {1, 28, 28},
        .classes = 10,
        .quant = {.first = LB_END_FLOAT, .last = LB_END_FLOAT, .relu_slope = 1.0f}};
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    lb_test_every_allocation_failure(cost_of, &net);
    lb_net_release(&net);
    lb_inspection_destroy(NULL);
}

/* The public list tells the same counts. */
static void test_list_of_models(void **state)
{
    (void)state;
    lb_model_info info;
    assert_true(lb_model_count() >= 12);
    for (size_t i = 0; i < lb_model_count(); i++) {
        assert_ok(lb_model_info_at(i, &info));
        assert_true(strlen(info.name) > 0 && strlen(info.summary) > 0 && strlen(info.source) > 0);
        assert_true(info.weights > 0);
    }
    assert_status(lb_model_info_at(lb_model_count(), &info), LB_E_ARG);
    assert_ok(lb_model_info_find("vgg7", &info));
    assert_int_equal(info.weights + info.biases, 12976266);
    assert_int_equal(info.channels, 3);
    assert_false(info.shortcuts);
    assert_status(lb_model_info_find("vgg8", &info), LB_E_ARG);
    assert_contains(lb_error(), "did you mean 'vgg7'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compression_example),
        cmocka_unit_test(test_compression_of_p1_chapter_5),
        cmocka_unit_test(test_sizes_of_p1_tables),
        cmocka_unit_test(test_lenet5_by_hand),
        cmocka_unit_test(test_bit_operations_by_hand),
        cmocka_unit_test(test_scales_and_bits),
        cmocka_unit_test(test_resnet20_macs),
        cmocka_unit_test(test_grouped_convolution),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_list_of_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
