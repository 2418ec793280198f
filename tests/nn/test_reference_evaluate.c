/* The reference back end's evaluation, worked by hand: sums of codes, two sums of asymmetric
 * weights, padding, the fixed order of float sums, batch-norm with negative gains. Every comparison
 * is exact: this is the definition. */
#include <math.h>
#include <string.h>

#include "nn/executor.h"
#include "quant/method.h"
#include "support/plain_quantizers.h"
#include "support/support.h"

enum { MAX_FLOATS = 64 };
static const lb_act_setting two_bits = {.bits = 2};

static lb_net start(size_t c, size_t h, size_t w, bool raw)
{
    lb_net net;
    lb_net_init(&net);
    lb_net_input(&net, (lb_shape){c, h, w}, raw);
    return net;
}

/* Close the net with a classifier where `node` is no logits. */
static void finish(lb_net *net, int node)
{
    const lb_shape s = net->nodes[node].shape;
    if (s.h != 1 || s.w != 1) lb_net_linear(net, "classifier", node, 2, false, NULL);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
    for (size_t i = 0; i < net->n_params;
         i++) { /* variances 1, other statistics and learned values as they are */
        if (net->params[i].role == LB_PARAM_VARIANCE) net->params[i].value[0] = 1.0f;
    }
}

static void set(lb_net *net, const char *param, const float *values, size_t n)
{
    const int index = lb_net_find_param(net, param);
    assert_true(index >= 0);
    assert_int_equal(net->params[index].count, n);
    memcpy(net->params[index].value, values, n * sizeof *values);
}

/* Evaluate and give node's map. */
static void run(lb_net *net, const float *images, size_t n, int node, float *map)
{
    const lb_backend *backend = lb_backend_find("reference");
    const lb_executor_options options = {.batch = 2, .threads = 1, .inference = true};
    lb_executor *e = NULL;
    float logits[MAX_FLOATS];
    assert_ok(backend->create(net, &options, &e));
    assert_ok(backend->freeze_weights(e));
    assert_ok(backend->evaluate(e, images, n, logits));
    assert_true(backend->copy_map(e, node, false, map));
    assert_false(backend->copy_map(e, node, true, map)); /* inference keeps no gradients */
    assert_true(backend->memory_bytes(e) > 0);
    backend->destroy(e);
}

static void assert_floats(const float *got, const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (got[i] != wanted[i])
            fail_msg("[%zu]: got %.9g, wanted %.9g", i, (double)got[i], (double)wanted[i]);
    }
}

/* Codes of the image below: 3 * 0.4 = 1.2, 3, -0.6, 1.8 give 1, 3, 0, 2 at scale 1/3. */
static const float image[] = {0.4f, 1.0f, -0.2f, 0.6f};
/* The filter's codes; only taps inside the map count:
 *  1 -2  3   y(0,0) = 5*1 - 1*3 + 2*0 - 3*2 = -4    y(0,1) = 0*1 + 5*3 + 2*0 + 2*2 = 19
 *  0  5 -1   y(1,0) = -2*1 + 3*3 + 5*0 - 1*2 = 5    y(1,1) = 1*1 - 2*3 + 0*0 + 5*2 = 5  */
static const float filter[] = {1.0f, -2.0f, 3.0f, 0.0f, 5.0f, -1.0f, 2.0f, 2.0f, -3.0f};

static void test_integer_convolution_and_negative_gain(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_whole_weights,
                                     {.bits = 4, .options = {0.02f}}}; /* scale 0.02 * 5 */
    lb_net net = start(1, 2, 2, false);
    const int q = lb_net_quantize(&net, "quantize", 0, &lb_two_bit_acts, &two_bits);
    const int conv = lb_net_conv(&net, "conv", q, 1, lb_window_square(3, 1, 1), 1, true, &choice);
    const int norm = lb_net_batch_norm(&net, "norm", conv, true, 1e-5f, 0.1f);
    finish(&net, norm);
    set(&net, "conv.weight", filter, 9);
    set(&net, "conv.bias", (const float[]){0.3f}, 1);
    set(&net, "norm.gamma", (const float[]){-1.7f}, 1);
    set(&net, "norm.beta", (const float[]){0.6f}, 1);
    set(&net, "norm.mean", (const float[]){0.11f}, 1);
    set(&net, "norm.variance", (const float[]){0.7f}, 1);

    const float sums[] = {-4.0f, 19.0f, 5.0f, 5.0f};
    const float w_scale = 0.02f * 5.0f, scale = w_scale * (1.0f / 3.0f);
    const float a = -1.7f / sqrtf(0.7f + 1e-5f), shift = 0.11f * a, b = 0.6f - shift;
    float wanted_conv[4], wanted_norm[4], got[4];
    for (int i = 0; i < 4; i++) {
        const float t = sums[i] * scale;
        wanted_conv[i] = t + 0.3f;
        const float scaled = wanted_conv[i] * a;
        wanted_norm[i] = scaled + b;
    }
    run(&net, image, 1, conv, got);
    assert_floats(got, wanted_conv, 4);
    run(&net, image, 1, norm, got);
    assert_floats(got, wanted_norm, 4);
    lb_net_release(&net);
}

/* TTQ's form: S+ over the positive codes, S- over the negative ones, each with its own scale. */
static void test_two_sums(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_whole_weights_asymmetric,
                                     {.bits = 2, .options = {0.7f, 0.3f}}};
    const float codes[] = {1.0f, -1.0f, 0.0f, -1.0f}, w_positive = 0.7f, w_negative = 0.3f;
    const float third = 1.0f / 3.0f;
    float got[1];

    lb_net net = start(1, 2, 2, false);
    const int q = lb_net_quantize(&net, "quantize", 0, &lb_two_bit_acts, &two_bits);
    const int conv = lb_net_conv(&net, "conv", q, 1, lb_window_square(2, 1, 0), 1, false, &choice);
    finish(&net, conv);
    set(&net, "conv.weight", codes, 4);
    const float positive = 1.0f * (w_positive * third),
                negative = 5.0f * (w_negative * third); /* 1; 3 + 2 */
    run(&net, image, 1, conv, got);
    assert_floats(got, (const float[]){positive - negative}, 1);
    lb_net_release(&net);

    net = start(1, 2, 2, false); /* float input: two sums in the fixed order */
    lb_net_conv(&net, "conv", 0, 1, lb_window_square(2, 1, 0), 1, false, &choice);
    finish(&net, 1);
    set(&net, "conv.weight", codes, 4);
    const float plus = image[0] * w_positive, minus = (image[1] + image[3]) * w_negative;
    run(&net, image, 1, 1, got);
    assert_floats(got, (const float[]){plus - minus}, 1);
    lb_net_release(&net);
}

/* Raw pixels 0, 128, 255 and 1 are codes -128, 0, 127 and -127; padding is code 0. */
static void test_raw_pixels(void **state)
{
    (void)state;
    const float pixels[] = {-1.0f, 0.0f, 127.0f / 128.0f, -127.0f / 128.0f};
    const lb_weight_choice choice = {&lb_whole_weights, {.bits = 4, .options = {0.1f}}};
    lb_net net = start(1, 1, 4, true);
    const lb_window window = {.kh = 1, .kw = 3, .stride = 2, .pad_left = 1};
    const int conv = lb_net_conv(&net, "conv", 0, 1, window, 1, false, &choice);
    finish(&net, conv);
    set(&net, "conv.weight", (const float[]){3.0f, -2.0f, 1.0f}, 3);
    const float scale = (0.1f * 3.0f) * 0x1p-7f;
    float got[2];
    run(&net, pixels, 1, conv, got);
    /* -2 * -128 + 1 * 0; 3 * 0 - 2 * 127 + 1 * -127 */
    assert_floats(got, (const float[]){256.0f * scale, -381.0f * scale}, 2);
    lb_net_release(&net);
}

/* 300 products of 255 * 255 and one of 1 are 19,507,501: above 2^24, odd, so that a sum in single
 * precision would be off; the integer sum is rounded once. */
static void test_sums_beyond_floats(void **state)
{
    (void)state;
    enum { N = 301 };
    float images[N], weights[N], got[1];
    const lb_weight_choice choice = {&lb_whole_weights, {.bits = 8, .options = {0x1p-8f}}};
    lb_net net = start(N, 1, 1, false);
    const int q = lb_net_quantize(&net, "quantize", 0, &lb_byte_acts, &two_bits);
    const int fc = lb_net_linear(&net, "fc", q, 1, false, &choice);
    finish(&net, fc);
    for (size_t i = 0; i < N; i++) images[i] = weights[i] = i == 0 ? 1.0f : 255.0f;
    set(&net, "fc.weight", weights, N);
    run(&net, images, 1, fc, got);
    const float scale = 0x1p-8f * 255.0f;
    assert_floats(got, (const float[]){(float)19507501 * scale}, 1);
    lb_net_release(&net);
}

/* In the order kernel row, column, channel the ones that meet 1e8 are lost and the others are not:
 * (0,0): 1e8 + 1 = 1e8;  (0,1): -1e8 + 2 = 2;  (1,0): 1e8 + 4 (lost);  (1,1): -1e8 + 8 = 8. In the
 * order channel, row, column the sum would be 15, in the order row, channel, column 0 + (1 + 2) + 0
 * + (4 + 8) = 15. */
static const float ordered[] = {1e8f, -1e8f, 1e8f, -1e8f, 1.0f, 2.0f, 4.0f, 8.0f};

static void test_order_of_float_sums(void **state)
{
    (void)state;
    float ones[8], got[1];
    for (int i = 0; i < 8; i++) ones[i] = 1.0f;
    lb_net net = start(2, 2, 2, false);
    finish(&net, lb_net_conv(&net, "conv", 0, 1, lb_window_square(2, 1, 0), 1, false, NULL));
    set(&net, "conv.weight", ones, 8);
    run(&net, ordered, 1, 1, got);
    assert_floats(got, (const float[]){8.0f}, 1);
    lb_net_release(&net);

    for (int flat = 0; flat <= 1;
         flat++) { /* a linear layer sums in the same order, also behind flatten */
        net = start(2, 2, 2, false);
        int x = 0;
        if (flat) x = lb_net_dropout(&net, "drop", lb_net_flatten(&net, "flat", x), 0.5f);
        const int fc = lb_net_linear(&net, "fc", x, 1, false, NULL);
        finish(&net, fc);
        set(&net, "fc.weight", ones, 8);
        run(&net, ordered, 1, fc, got);
        assert_floats(got, (const float[]){8.0f}, 1);
        lb_net_release(&net);
    }
}

/* (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24 rounds to 1 + 2^-11: less that, 0. A fused multiply-add would
 * leave 2^-24. */
static void test_products_are_rounded(void **state)
{
    (void)state;
    float got[1];
    lb_net net = start(2, 1, 1, false);
    const int fc = lb_net_linear(&net, "fc", 0, 1, false, NULL);
    finish(&net, fc);
    set(&net, "fc.weight", (const float[]){-1.0f, 1.0f + 0x1p-12f}, 2);
    run(&net, (const float[]){1.0f + 0x1p-11f, 1.0f + 0x1p-12f}, 1, fc, got);
    assert_floats(got, (const float[]){0.0f}, 1);
    lb_net_release(&net);
}

/* Float input, quantized weights: codes are summed, the scale comes after, each filter's own. */
static void test_codes_on_floats(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_whole_weights,
                                     {.bits = 4, .granularity = LB_PER_FILTER, .options = {0.1f}}};
    const float x[] = {0.1f, 0.7f, 1.3f};
    float got[2];
    lb_net net = start(3, 1, 1, false);
    const int fc = lb_net_linear(&net, "fc", 0, 2, true, &choice);
    finish(&net, fc);
    set(&net, "fc.weight", (const float[]){1.0f, -3.0f, 2.0f, 7.0f, 0.0f, 5.0f}, 6);
    set(&net, "fc.bias", (const float[]){0.5f, -0.25f}, 2);
    float sum0 = 1.0f * x[0], sum1 = 7.0f * x[0];
    sum0 = sum0 + -3.0f * x[1];
    sum0 = sum0 + 2.0f * x[2];
    sum1 = sum1 + 5.0f * x[2];
    const float t0 = sum0 * (0.1f * 3.0f), t1 = sum1 * (0.1f * 7.0f);
    run(&net, x, 1, fc, got);
    assert_floats(got, (const float[]){t0 + 0.5f, t1 + -0.25f}, 2);
    lb_net_release(&net);
}

/* A scale a row: a sum a row, each scaled and then added in order, on codes and on floats. Fully connected
 * layers have one. */
static void test_scales_by_row(void **state)
{
    (void)state;
    const lb_weight_choice choice = {lb_weight_quantizer_find("syq"),
                                     {.bits = 1, .granularity = LB_PER_ROW}};
    const float x[] = {3.0f, 1.0f, 2.0f, 5.0f, 0.0f, 7.0f}, scales[] = {0.1f, 0.7f, 0.3f};
    const float weights[] = {1.0f, -1.0f, 1.0f, 1.0f, -1.0f, -1.0f};
    float got[1];
    for (int coded = 0; coded < 2; coded++) {
        lb_net net = start(1, 3, 2, false);
        const int q = coded ? lb_net_quantize(&net, "quantize", 0, &lb_byte_acts, &two_bits) : 0;
        const int conv = lb_net_conv(&net, "conv", q, 1, (lb_window){.kh = 3, .kw = 2, .stride = 1},
                                     1, false, &choice);
        const int fc = lb_net_linear(&net, "fc", conv, 2, false, &choice);
        finish(&net, fc);
        set(&net, "conv.weight", weights, 6);
        set(&net, "conv.learned", scales, 3);
        assert_int_equal(net.params[lb_net_find_param(&net, "fc.learned")].count, 1);
        const float s1 = 7.0f * 0.7f, s2 = -7.0f * 0.3f;
        float t = 2.0f * 0.1f;
        t = t + s1;
        t = t + s2;
        run(&net, x, 1, conv, got);
        assert_floats(got, &t, 1);
        lb_net_release(&net);
    }
}

/* Stochastic weights are a regularizer: evaluation takes the float masters, even on quantized
 * input. */
static void test_stochastic_weights(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_chance_weights, {.bits = 1}};
    float got[1];
    lb_net net = start(2, 1, 1, false);
    const int q = lb_net_quantize(&net, "quantize", 0, &lb_two_bit_acts, &two_bits);
    const int fc = lb_net_linear(&net, "fc", q, 1, false, &choice);
    finish(&net, fc);
    set(&net, "fc.weight", (const float[]){0.3f, -0.7f}, 2);
    run(&net, (const float[]){1.0f, 0.4f}, 1, fc, got);
    const float third = 1.0f / 3.0f, first = 0.3f * (3.0f * third), second = -0.7f * third;
    assert_floats(got, (const float[]){first + second}, 1);
    lb_net_release(&net);
}

/* A second image, groups, pools on codes, and joins: each output from its own place. */
static void test_groups_and_joins(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_whole_weights,
                                     {.bits = 4, .granularity = LB_PER_FILTER, .options = {1.0f}}};
    const float x[] = {
        0.0f, 1.0f, -1.0f, 3.0f, 5.0f, 2.0f, 0.5f, 250.0f, /* image 0: channels of 1 x 4 */
        9.0f, 8.0f, 7.0f,  6.0f, 1.0f, 1.0f, 1.0f, 1.0f};
    float got[16];
    lb_net net = start(2, 1, 4, false);
    const int q = lb_net_quantize(&net, "quantize", 0, &lb_byte_acts, &two_bits);
    const int pool = lb_net_max_pool(&net, "pool", q, (lb_window){.kh = 1, .kw = 2, .stride = 2});
    const int twice = lb_net_concat(&net, "twice", pool, lb_net_subsample(&net, "sub", q, 2, 2));
    const int conv =
        lb_net_conv(&net, "conv", twice, 2, lb_window_square(1, 1, 0), 2, false, &choice);
    finish(&net, conv);
    set(&net, "conv.weight", (const float[]){1.0f, 2.0f, -3.0f, 1.0f}, 4);
    /* codes: image 0 (0 1 0 3)(5 2 0 250), as 0.5 ties to 0; pooled (1 3)(5 250), subsampled (0
     * 0)(5 0); image 1 (9 8 7 6)(1 1 1 1); pooled (9 7)(1 1), subsampled (9 7)(1 1). Scales 2 and
     * 3. */
    const float wanted[] = {2.0f * (1 + 10), 2.0f * (3 + 500), 3.0f * (0 + 5),   3.0f * (0 + 0),
                            2.0f * (9 + 2),  2.0f * (7 + 2),   3.0f * (-27 + 1), 3.0f * (-21 + 1)};
    run(&net, x, 2, conv, got);
    assert_floats(got, wanted, 8);
    lb_net_release(&net);
}

static void test_average_pool_and_activations(void **state)
{
    (void)state;
    const float x[] = {0.1f, -0.2f, 0.3f, 0.7f};
    float got[4];
    lb_net net = start(1, 2, 2, false);
    int node = lb_net_average_pool(&net, "mean", 0, lb_window_square(2, 2, 0));
    finish(&net, node);
    run(&net, x, 1, node, got);
    assert_floats(got, (const float[]){(((0.1f + -0.2f) + 0.3f) + 0.7f) / 4.0f}, 1);
    lb_net_release(&net);

    net = start(1, 2, 2, false);
    node = lb_net_relu(&net, "relu", 0, 0.125f);
    finish(&net, node);
    run(&net, x, 1, node, got);
    assert_floats(got, (const float[]){0.125f * 0.1f, 0.0f, 0.125f * 0.3f, 0.125f * 0.7f}, 4);
    lb_net_release(&net);

    net = start(1, 2, 2, false);
    node = lb_net_clip(&net, "clip", 0, 0.0f, 0.25f);
    finish(&net, node);
    run(&net, (const float[]){0.1f, NAN, -INFINITY, 0.7f}, 1, node, got);
    assert_floats(got, (const float[]){0.1f, 0.0f, 0.0f, 0.25f}, 4); /* a NaN is above nothing */
    lb_net_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integer_convolution_and_negative_gain),
        cmocka_unit_test(test_two_sums),
        cmocka_unit_test(test_raw_pixels),
        cmocka_unit_test(test_sums_beyond_floats),
        cmocka_unit_test(test_order_of_float_sums),
        cmocka_unit_test(test_products_are_rounded),
        cmocka_unit_test(test_codes_on_floats),
        cmocka_unit_test(test_scales_by_row),
        cmocka_unit_test(test_stochastic_weights),
        cmocka_unit_test(test_groups_and_joins),
        cmocka_unit_test(test_average_pool_and_activations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
