/* The fast training back end against the reference: small nets with every quantizer; see support/backend_check.h.
 * ctest: label tsan */
#include <string.h>

#include "quant/method.h"
#include "support/backend_check.h"
#include "support/held_weights.h"
#include "support/quantizer_settings.h"
#include "support/support.h"

enum { MOST_CLASSES = 10 };

/* 255 thresholds: a few of some thousand values lie within a rounding of one, and each changes a code by 1 of
 * 255, the gradients by some thousandths. */
static const double eight_bits_factor = 500.0;

/* A LeNet-5's quantizers, and its pool. */
typedef struct lenet {
    lb_weight_choice weights;
    const lb_act_quantizer *acts;
    lb_act_setting act_setting;
    bool max_pool;
} lenet;

static lenet current; /* a builder is given its net alone */

/* The non-linearity that the quantizer wants before it. */
static int act(lb_net *net, const char *name, int x)
{
    const lb_before before = lb_act_quantizer_before(current.acts, &current.act_setting);
    if (before == LB_BEFORE_NOTHING) return x;
    if (before == LB_BEFORE_RELU) return lb_net_relu(net, name, x, 1.0f);
    return lb_net_clip(net, name, x, before == LB_BEFORE_HARD_TANH ? -1.0f : 0.0f, 1.0f);
}

static int quantize(lb_net *net, const char *name, int x)
{
    return lb_net_quantize(net, name, x, current.acts, &current.act_setting);
}

/* conv - batch-norm - non-linearity - pool - quantize - conv, as LeNet-5 and VGG. */
static void build_lenet(lb_net *net)
{
    const lb_weight_choice *choice = &current.weights;
    lb_backend_start(net, 1, 12, 12);
    int x = lb_net_conv(net, "a", 0, 20, lb_window_square(5, 1, 0), 1, false, NULL);
    x = lb_net_batch_norm(net, "a.norm", x, false, 1e-4f, 0.1f);
    x = act(net, "a.act", x);
    x = current.max_pool ? lb_net_max_pool(net, "a.pool", x, lb_window_square(2, 2, 0))
                         : lb_net_average_pool(net, "a.pool", x, lb_window_square(2, 2, 0));
    x = quantize(net, "a.quantize", x);
    x = lb_net_conv(net, "b", x, 50, lb_window_square(3, 1, 1), 1, false, choice);
    x = lb_net_batch_norm(net, "b.norm", x, true, 1e-4f, 0.1f);
    x = quantize(net, "b.quantize", act(net, "b.act", x));
    x = lb_net_flatten(net, "flatten", x);
    x = lb_net_linear(net, "c", x, 30, false, choice);
    x = lb_net_batch_norm(net, "c.norm", x, true, 1e-4f, 0.1f);
    x = quantize(net, "c.quantize", act(net, "c.act", x));
    lb_net_linear(net, "d", x, MOST_CLASSES, true, choice);
    if (choice->quantizer->relaxes) lb_test_hold_weights(net, 3);
}

/* Weights held in part, and any teacher. */
static void build_taught(lb_net *net)
{
    static float logits[40 * MOST_CLASSES];
    for (size_t i = 0; i < sizeof logits / sizeof *logits; i++) logits[i] = (float)(i * 37 % 11);
    build_lenet(net);
    net->distillation = (lb_distillation){.logits = logits, .temperature = 3.0f, .alpha = 0.75f};
}

static void build_all_held(lb_net *net)
{
    build_lenet(net);
    lb_test_hold_weights(net, 1);
}

/* Standard options, one scale a layer where there can be. */
static void choose(const char *weights, int w_bits, const char *acts, int a_bits, bool max_pool)
{
    current = (lenet){.weights = lb_backend_weights(weights, w_bits, LB_PER_LAYER),
                      .acts = lb_act_quantizer_find(acts),
                      .act_setting = {.bits = a_bits},
                      .max_pool = max_pool};
    assert_non_null(current.acts);
    lb_test_standard_options(current.acts->options, current.act_setting.options);
    if ((current.weights.quantizer->granularities & 1u << LB_PER_LAYER) == 0)
        current.weights.setting.granularity = current.weights.quantizer->granularity;
}

/* A sign whose input other nodes read too, and one behind a sum. */
static void build_signs_beside_a_sum(lb_net *net)
{
    const lb_weight_choice choice = lb_backend_weights("bc", 1, LB_PER_LAYER);
    lb_backend_start(net, 3, 8, 8);
    int x = lb_net_conv(net, "a", 0, 16, lb_window_square(3, 1, 1), 1, true, NULL);
    const int first = x = lb_net_batch_norm(net, "a.norm", x, true, 1e-5f, 0.1f);
    x = lb_backend_quantize(net, "b.quantize", x, "sign", 1);
    x = lb_net_conv(net, "b", x, 16, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "b.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_add(net, "sum", x, first);
    x = lb_backend_quantize(net, "c.quantize", x, "qnn", 1);
    x = lb_net_conv(net, "c", x, 8, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "c.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_global_pool(net, "pool", x);
    lb_net_linear(net, "d", lb_net_flatten(net, "flatten", x), MOST_CLASSES, true, NULL);
}

/* A learned quantizer before the first weights, and two without a batch-norm between them. */
static void build_lsq_first(lb_net *net)
{
    const lb_weight_choice choice = lb_backend_weights("lsq", 4, LB_PER_FILTER);
    lb_backend_start(net, 3, 8, 8);
    int x = lb_net_relu(net, "relu", 0, 1.0f);
    x = lb_backend_quantize(net, "a.quantize", x, "lsq", 2);
    x = lb_net_conv(net, "a", x, 16, lb_window_square(3, 1, 1), 1, true, &choice);
    x = lb_net_relu(net, "a.relu", x, 1.0f);
    x = lb_backend_quantize(net, "b.quantize", x, "lsq", 2);
    x = lb_net_linear(net, "b", lb_net_flatten(net, "flatten", x), MOST_CLASSES, true, &choice);
}

/* As methods pair them. */
static void test_lenets(void **state)
{
    (void)state;
    static const struct {
        const char *weights;
        int w_bits;
        const char *acts;
        int a_bits;
        bool max_pool;
    } cases[] = {
        {"dorefa", 1, "dorefa", 2, false},
        {"dorefa", 8, "dorefa", 2,
         true}, /* codes beyond int8: floats, though the input has codes */
        {"qnn", 2, "qnn", 3, true},
        {"bc", 1, "sign", 1, true},
        {"xnor", 1, "sign", 1, true},
        {"twn", 2, "dorefa", 2, true},
        {"ttq", 2, "dorefa", 2, true},
        {"bc-stochastic", 1, "dorefa", 2, true},
        {"lsq", 3, "lsq", 2, true},
        {"dorefa", 1, "pact", 2, true},
        {"ternary", 2, "sign", 1, true},
        {"twn", 2, "fixed", 4, true},
        {"uniform", 3, "bnclip", 3, true},
        {"syq", 2, "dorefa", 2, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        choose(cases[i].weights, cases[i].w_bits, cases[i].acts, cases[i].a_bits,
               cases[i].max_pool);
        lb_backends_agree(build_lenet, LB_LOSS_CROSS_ENTROPY, 12, 1);
        lb_backends_agree(build_lenet, LB_LOSS_CROSS_ENTROPY, 40, 2);
    }
    lb_backends_agree(build_lsq_first, LB_LOSS_CROSS_ENTROPY, 12, 1);
    lb_backends_agree(build_lsq_first, LB_LOSS_CROSS_ENTROPY, 40, 2);
    choose("rpr", 2, "dorefa", 2, true);
    lb_backends_agree(build_taught, LB_LOSS_CROSS_ENTROPY, 12, 1);
    lb_backends_agree(build_taught, LB_LOSS_CROSS_ENTROPY, 40, 2);
    lb_backends_agree(build_all_held, LB_LOSS_CROSS_ENTROPY, 12, 1);
    lb_backends_agree(build_all_held, LB_LOSS_CROSS_ENTROPY, 40, 2);
    choose("dorefa", 4, "dorefa", 8, true);
    lb_backends_agree_within(build_lenet, LB_LOSS_CROSS_ENTROPY, 12, 1, eight_bits_factor);
    lb_backends_agree_within(build_lenet, LB_LOSS_CROSS_ENTROPY, 40, 2, eight_bits_factor);
}

/* All settings of the options, on both kinds of input. */
static void agree_with_weights(const lb_weight_quantizer *q, int bits, lb_granularity granularity)
{
    float options[LB_MAX_QUANTIZER_OPTIONS];
    for (size_t at = 0; lb_test_option_setting(q->options, at, options); at++) {
        for (int sign = 0; sign < 2; sign++) {
            choose(q->name, bits, sign ? "sign" : "dorefa", sign ? 1 : 2, sign);
            current.weights.setting.granularity = granularity;
            memcpy(current.weights.setting.options, options, sizeof options);
            print_message("%s, %d bits, granularity %d, option setting %zu, %s\n", q->name, bits,
                          (int)granularity, at, current.acts->name);
            lb_backends_agree(build_lenet, LB_LOSS_CROSS_ENTROPY, 12, 1 + sign);
        }
    }
}

static void test_every_weight_quantizer(void **state)
{
    (void)state;
    for (size_t m = 0; lb_weight_quantizers[m]; m++) {
        const lb_weight_quantizer *q = lb_weight_quantizers[m];
        for (int g = 0; g < LB_GRANULARITIES; g++) {
            if ((q->granularities >> g & 1u) == 0) continue;
            agree_with_weights(q, q->bits_min, (lb_granularity)g);
            if (q->bits_max > q->bits_min) agree_with_weights(q, q->bits_max, (lb_granularity)g);
        }
    }
}

static void test_every_act_quantizer(void **state)
{
    (void)state;
    for (size_t m = 0; lb_act_quantizers[m]; m++) {
        const lb_act_quantizer *q = lb_act_quantizers[m];
        float options[LB_MAX_QUANTIZER_OPTIONS];
        for (int bits = q->bits_min; bits <= q->bits_max; bits *= 2) {
            for (size_t at = 0; lb_test_option_setting(q->options, at, options); at++) {
                choose("twn", 2, q->name, bits, true);
                memcpy(current.act_setting.options, options, sizeof options);
                print_message("%s, %d bits, option setting %zu\n", q->name, bits, at);
                lb_backends_agree_within(build_lenet, LB_LOSS_CROSS_ENTROPY, 12, 1 + (int)(at % 2),
                                         bits == 8 ? eight_bits_factor : 1.0);
            }
        }
    }
}

/* Sign activations with the gradient of a smooth stand-in. */
static void smooth(lb_net *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].op == LB_OP_QUANTIZE)
            net->nodes[i].as.quantize.setting.gradient = LB_GRADIENT_APPROX_SIGN;
    }
}

static void build_smooth_bnn(lb_net *net)
{
    choose("bc", 1, "sign", 1, true);
    build_lenet(net);
    smooth(net);
}

static void build_smooth_xnor(lb_net *net)
{
    choose("xnor", 1, "sign", 1, true);
    build_lenet(net);
    smooth(net);
}

static void build_smooth_signs(lb_net *net)
{
    build_signs_beside_a_sum(net);
    smooth(net);
}

static void test_approx_sign(void **state)
{
    (void)state;
    lb_net_builder *all[] = {build_smooth_bnn, build_smooth_xnor, build_smooth_signs};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 12, 1);
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 40, 2);
    }
}

/* Weights that are all held have a gradient of 0, and all others the one that they have without. */
static void test_gradients_beside_held_weights(void **state)
{
    (void)state;
    static const char *const backends[] = {"reference", "onednn"};
    for (size_t k = 0; k < 2; k++) {
        lb_net held, free;
        lb_step_result result;
        choose("twn", 2, "dorefa", 2, true); /* quantized alike, held or not */
        lb_backend_prepare(build_all_held, LB_LOSS_CROSS_ENTROPY, &held);
        lb_backend_prepare(build_lenet, LB_LOSS_CROSS_ENTROPY, &free);
        lb_test_steps(backends[k], &held, 12, 1, 5, &result);
        lb_test_steps(backends[k], &free, 12, 1, 5, &result);
        for (size_t p = 0; p < held.n_params; p++) {
            const lb_param *param = &held.params[p];
            for (size_t i = 0; param->grad != NULL && i < param->count; i++) {
                const float wanted = param->all_held ? 0.0f : free.params[p].grad[i];
                if (param->grad[i] != wanted)
                    fail_msg("%s: %s [%zu]: %g, wanted %g", backends[k], param->name, i,
                             (double)param->grad[i], (double)wanted);
            }
        }
        lb_net_release(&held);
        lb_net_release(&free);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenets),
        cmocka_unit_test(test_every_weight_quantizer),
        cmocka_unit_test(test_every_act_quantizer),
        cmocka_unit_test(test_approx_sign),
        cmocka_unit_test(test_gradients_beside_held_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
