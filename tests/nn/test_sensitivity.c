/* The sensitivity pass: gains against finite differences of the evaluated network and against hand-worked ones;
 * quantized weights as the floats that they stand for; threads. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "nn/executor.h"
#include "nn/sensitivity.h"
#include "quant/method.h"
#include "support/support.h"

enum { IMAGES = 20, CLASSES = 4, PIXELS = 2 * 6 * 6 };

static void conv(lb_net *net, const char *name, int in, size_t out, lb_window window, size_t groups,
                 const lb_weight_choice *choice)
{
    lb_net_conv(net, name, in, out, window, groups, true, choice);
}

/* Every operation that has a gradient but quantize; no two paths are alike. */
static void build(const lb_weight_choice *choice, lb_net *net)
{
    lb_net_init(net);
    const lb_window three = lb_window_square(3, 1, 1);
    const int input = lb_net_input(net, (lb_shape){2, 6, 6}, false);
    conv(net, "conv1", input, 4, three, 1, choice);
    int x = lb_net_relu(net, "relu1", lb_net_batch_norm(net, "norm1", 1, true, 1e-3f, 0.1f), 1.5f);
    conv(net, "conv2", x, 4, three, 2, choice);
    int y = lb_net_clip(net, "clip", (int)net->n_nodes - 1, -2.0f, 2.0f);
    y = lb_net_add(net, "add", y, x);
    const int largest = lb_net_max_pool(net, "largest", y, lb_window_square(2, 2, 0));
    const int mean = lb_net_average_pool(net, "mean", x, lb_window_square(3, 2, 1));
    y = lb_net_concat(net, "concat", largest, mean);
    const int less = lb_net_subsample(net, "subsample", y, 2, 10);
    conv(net, "conv3", y, 10, lb_window_square(3, 2, 1), 1, choice);
    y = lb_net_add(net, "add2", (int)net->n_nodes - 1, less);
    y = lb_net_dropout(net, "dropout", lb_net_flatten(net, "flatten", y), 0.5f);
    lb_net_linear(net, "fc", y, CLASSES, true, choice);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
    lb_net_initialize(net, LB_INIT_FAN_IN, 3);
    lb_random r = lb_random_at(1, LB_RANDOM_TEST, 11, 0);
    for (size_t p = 0; p < net->n_params; p++) {
        lb_param *param = &net->params[p];
        const bool positive = param->role == LB_PARAM_VARIANCE || param->role == LB_PARAM_GAMMA;
        for (size_t i = 0; param->role != LB_PARAM_WEIGHT && i < param->count; i++)
            param->value[i] = positive ? 0.5f + lb_random_uniform(&r) : 0.3f * lb_random_normal(&r);
    }
}

static void draw_images(size_t count, float *images)
{
    lb_random r = lb_random_at(2, LB_RANDOM_TEST, 12, 0);
    for (size_t i = 0; i < count; i++) images[i] = lb_random_normal(&r);
}

static lb_sensitivity *pass(lb_net *net, size_t runners_up, int threads, const float *images,
                            size_t n)
{
    lb_sensitivity *s = NULL;
    assert_ok(lb_sensitivity_create(net, runners_up, threads, &s));
    assert_ok(lb_sensitivity_add(s, images, n / 3));
    assert_ok(lb_sensitivity_add(s, images + n / 3 * lb_shape_count(net->input), n - n / 3));
    return s;
}

/* ---- finite differences ---- */

static void logits(lb_net *net, const float *images, float *out)
{
    const lb_backend *reference = lb_backend_find("reference");
    const lb_executor_options options = {.batch = IMAGES, .threads = 1, .inference = true};
    lb_executor *e = NULL;
    assert_ok(reference->create(net, &options, &e));
    assert_ok(reference->freeze_weights(e));
    assert_ok(reference->evaluate(e, images, IMAGES, out));
    reference->destroy(e);
}

/* The classes by falling logit. */
static void order(const float *z, size_t by[CLASSES])
{
    for (size_t k = 0; k < CLASSES; k++) {
        by[k] = k;
        for (size_t j = k; j > 0 && z[by[j]] > z[by[j - 1]]; j--) {
            const size_t other = by[j];
            by[j] = by[j - 1];
            by[j - 1] = other;
        }
    }
}

/* Gain of filter o by moving each of its weights up and down. */
static double by_differences(lb_net *net, int node, size_t o, size_t runners_up,
                             const float *images)
{
    const float h = 1e-2f;
    const size_t n = lb_node_filter_size(&net->nodes[node]);
    float *w = net->params[net->nodes[node].as.conv.weight].value + o * n;
    float z[IMAGES * CLASSES], up[IMAGES * CLASSES], down[IMAGES * CLASSES];
    double sum = 0.0;
    logits(net, images, z);
    for (size_t i = 0; i < n; i++) {
        const float kept = w[i];
        w[i] = kept + h;
        logits(net, images, up);
        w[i] = kept - h;
        logits(net, images, down);
        w[i] = kept;
        for (size_t m = 0; m < IMAGES; m++) {
            const float *z_m = z + m * CLASSES, *u = up + m * CLASSES, *d = down + m * CLASSES;
            size_t by[CLASSES];
            order(z_m, by);
            for (size_t k = 1; k <= runners_up; k++) {
                const double margin = (double)(z_m[by[k]] - z_m[by[0]]);
                const double slope =
                    (double)((u[by[k]] - u[by[0]]) - (d[by[k]] - d[by[0]])) / (2.0 * (double)h);
                sum += slope * slope / (24.0 * margin * margin);
            }
        }
    }
    return sum / IMAGES;
}

static void test_finite_differences(void **state)
{
    (void)state;
    static float images[IMAGES * PIXELS];
    static const char *const layers[] = {"conv1", "conv2", "conv3", "fc"};
    lb_net net;
    build(NULL, &net);
    draw_images(IMAGES * PIXELS, images);
    for (size_t runners_up = 1; runners_up < CLASSES; runners_up += 2) {
        lb_sensitivity *s = pass(&net, runners_up, 2, images, IMAGES);
        for (size_t l = 0; l < 4; l++) {
            const int node = lb_net_find_node(&net, layers[l]);
            for (size_t o = 0; o < 3; o++) {
                const double wanted = by_differences(&net, node, o, runners_up, images);
                const double got = lb_sensitivity_gain(s, node, o);
                const bool may_be_0 = l == 3; /* a class that is never first nor second */
                /* kinks of ReLU and largest values within h of a weight's place */
                if (!(fabs(got - wanted) <= 0.03 * wanted && (wanted > 0.0 || may_be_0)))
                    fail_msg("%s, filter %zu: got %g, wanted %g", layers[l], o, got, wanted);
            }
        }
        lb_sensitivity_destroy(s);
    }
    lb_net_release(&net);
}

/* ---- by hand ---- */

/* Two inputs, two hidden values quantized to 2 bits, two classes without biases. */
static void test_by_hand(void **state)
{
    (void)state;
    lb_net net;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 1, 1}, false);
    x = lb_net_linear(&net, "fc1", x, 2, false, NULL);
    x = lb_net_quantize(&net, "q", x, lb_act_quantizer_find("dorefa"),
                        &(lb_act_setting){.bits = 2});
    lb_net_linear(&net, "fc2", x, 2, false, NULL);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    memcpy(net.params[0].value, (const float[]){0.6f, 0.0f, 0.0f, 2.0f}, 4 * sizeof(float));
    memcpy(net.params[1].value, (const float[]){1.0f, 3.0f, 0.5f, -1.0f}, 4 * sizeof(float));
    /* hidden 0.6 and 2: codes 2 and 3 of 3; the second is clipped. Z = 2/3 + 3, 1/3 - 1: margin 13/3.
     * dm/da = (0.5, 4) off (0.5 - 1, -1 - 3); through the quantizer (0.5, 0); dm/dw1 row 0 is 0.5 x */
    const float image[] = {1.0f, 1.0f};
    const double factor = 1.0 / (24.0 * (13.0 / 3.0) * (13.0 / 3.0));
    lb_sensitivity *s = NULL;
    assert_ok(lb_sensitivity_create(&net, 9, 1, &s));
    assert_ok(lb_sensitivity_add(s, image, 1));
    const int fc1 = lb_net_find_node(&net, "fc1"), fc2 = lb_net_find_node(&net, "fc2");
    const double wanted[] = {2 * 0.25 * factor, 0.0, (0.25 + 16.0) * factor,
                             (4.0 / 9.0 + 1.0) * factor, (4.0 / 9.0 + 1.0) * factor};
    const double got[] = {lb_sensitivity_gain(s, fc1, 0), lb_sensitivity_gain(s, fc1, 1),
                          lb_sensitivity_gain(s, lb_net_find_node(&net, "q"), 0),
                          lb_sensitivity_gain(s, fc2, 0), lb_sensitivity_gain(s, fc2, 1)};
    for (size_t i = 0; i < 5; i++)
        if (fabs(got[i] - wanted[i]) > 1e-6 * factor)
            fail_msg("%zu: got %g, wanted %g", i, got[i], wanted[i]);
    lb_sensitivity_destroy(s);
    lb_net_release(&net);
}

static void test_equal_logits_are_left_out(void **state)
{
    (void)state;
    lb_net net;
    lb_net_init(&net);
    lb_net_linear(&net, "fc", lb_net_input(&net, (lb_shape){2, 1, 1}, false), 2, false, NULL);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    const float images[] = {1.0f, 1.0f, NAN, 0.0f};
    lb_sensitivity *s = NULL;
    assert_ok(lb_sensitivity_create(&net, 9, 1, &s));
    assert_ok(lb_sensitivity_add(s, images, 1));
    assert_true(lb_sensitivity_gain(s, 1, 0) == 0.0);
    assert_int_equal(lb_sensitivity_add(s, images + 2, 1), LB_E_DIVERGED);
    lb_sensitivity_destroy(s);
    lb_net_release(&net);
}

/* ---- quantized weights, threads ---- */

static void test_quantized_weights_are_the_floats_they_stand_for(void **state)
{
    (void)state;
    static float images[IMAGES * PIXELS];
    const lb_weight_choice choice = {lb_weight_quantizer_find("uniform"),
                                     {.bits = 3, .granularity = LB_PER_FILTER}};
    lb_net quantized, plain;
    build(&choice, &quantized);
    build(NULL, &plain);
    draw_images(IMAGES * PIXELS, images);
    for (size_t i = 0; i < quantized.n_nodes; i++) {
        const lb_node *node = &quantized.nodes[i];
        if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR) continue;
        void *block = NULL;
        lb_quantized_weights q;
        assert_ok(lb_alloc(lb_quantized_weights_bytes(&quantized, node), 1, "weights", &block));
        lb_quantized_weights_carve(&quantized, node, block, &q);
        lb_weights_quantize(&quantized, (int)i, 0, 0, true, &q);
        lb_param *weight = &plain.params[node->as.conv.weight];
        memcpy(weight->value, q.real, weight->count * sizeof(float));
        lb_free(block);
    }
    lb_sensitivity *a = pass(&quantized, 3, 1, images, IMAGES);
    lb_sensitivity *b = pass(&plain, 3, 3, images, IMAGES);
    for (size_t i = 0; i < plain.n_nodes; i++) {
        const lb_node *node = &plain.nodes[i];
        if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR) continue;
        for (size_t o = 0; o < node->as.conv.out; o++)
            assert_true(lb_sensitivity_gain(a, (int)i, o) == lb_sensitivity_gain(b, (int)i, o));
    }
    lb_sensitivity_destroy(a);
    lb_sensitivity_destroy(b);
    lb_net_release(&quantized);
    lb_net_release(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_equal_logits_are_left_out),
        cmocka_unit_test(test_quantized_weights_are_the_floats_they_stand_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
