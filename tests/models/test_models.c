/* Models: the papers' parameter counts, the order of nodes under every policy, shapes, refusals. */
#include "support/model_check.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/model.h"

/* ---- parameter counts ------------------------------------------------------------------------ */

static size_t count_roles(const lb_net *net, unsigned roles)
{
    size_t n = 0;
    for (size_t i = 0; i < net->n_params; i++) {
        if (roles >> net->params[i].role & 1u) n += net->params[i].count;
    }
    return n;
}

/* As the papers count: weights and biases, without batch-norm's parameters. */
static void test_parameter_counts(void **state)
{
    (void)state;
    static const size_t wide[] = {4096, 4096, 4096};
    static const struct {
        const char *model;
        lb_shortcut_kind shortcut;
        lb_switch bias;
        const size_t *widths;
        size_t weights, biases;
    } cases[] = {
        /* RedBit's code: 500 + 25,000 + 400,000 + 125,000 + 2,500, no biases */
        {"lenet5", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 553000, 0},
        /* Faraone: 2.91 M (784 1024 + 2 1024^2 + 10240) and 36.8 M; the output layer has a bias */
        {"mlp", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 2910208, 10},
        {"mlp", LB_SHORTCUT_MODEL, LB_SWITCH_OFF, wide, 36806656, 0},
        /* Kutukcu table 4.5: 12,976,266 with the biases of all layers */
        {"vgg7", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 12973440, 2826},
        /* "17x ResNet-20" (IMPQ): 4,656,512 / 270,896 = 17.2 */
        {"vgg-small", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 4656512, 10},
        /* Faraone: 14.02 M */
        {"vgg-bc", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 14022016, 10},
        /* RedBit: 33,625,792 weights without biases */
        {"vgg16-cifar", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 33625792, 0},
        /* Kutukcu table 4.13: 271,690 and, for ResNet-32, 465,674: 1x1 convolutions, biases in all
         * layers */
        {"resnet20", LB_SHORTCUT_B, LB_SWITCH_ON, NULL, 270896, 794},
        {"resnet32", LB_SHORTCUT_B, LB_SWITCH_ON, NULL, 464432, 1242},
        /* He et al. table 6: 0.27 M, 0.46 M, 0.66 M, 0.85 M with A; the output layer has a bias */
        {"resnet20", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 268336, 10},
        {"resnet32", LB_SHORTCUT_A, LB_SWITCH_MODEL, NULL, 461872, 10},
        {"resnet44", LB_SHORTCUT_A, LB_SWITCH_MODEL, NULL, 655408, 10},
        {"resnet50-cifar", LB_SHORTCUT_A, LB_SWITCH_MODEL, NULL, 752176, 10},
        {"resnet56", LB_SHORTCUT_A, LB_SWITCH_MODEL, NULL, 848944, 10},
        /* Kutukcu table 4.5: 727,626 with biases */
        {"squeezenet", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 724672, 2954},
        {"squeezenet-bypass", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, NULL, 724672, 2954},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_model_request request =
            lb_test_model_request(cases[i].model, lb_test_quant("float", -1, -1));
        request.shortcut = cases[i].shortcut;
        request.bias = cases[i].bias;
        request.widths = cases[i].widths;
        request.n_widths = cases[i].widths ? 3 : 0;
        lb_net net;
        assert_ok(lb_model_build(&request, &net));
        const size_t weights = count_roles(&net, 1u << LB_PARAM_WEIGHT);
        const size_t biases = count_roles(&net, 1u << LB_PARAM_BIAS);
        if (weights != cases[i].weights || biases != cases[i].biases)
            fail_msg("%s: %zu weights and %zu biases, wanted %zu and %zu", cases[i].model, weights,
                     biases, cases[i].weights, cases[i].biases);
        lb_net_release(&net);
    }
    assert_int_equal(12973440 + 2826, 12976266);
    assert_int_equal(270896 + 794, 271690);
    assert_int_equal(464432 + 1242, 465674);
    assert_int_equal(724672 + 2954, 727626);
}

/* ---- LeNet-5 in every order ------------------------------------------------------------------ */

static void test_lenet5_nodes(void **state)
{
    (void)state;
    lb_model_request request = lb_test_model_request("lenet5", lb_test_quant("float", -1, -1));
    lb_test_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv1.pool conv2 conv2.norm conv2.act conv2.pool "
        "fc1 fc1.norm fc1.act fc2 fc2.norm fc2.act fc3");
    /* QNN: everything quantized, the image not; a pool between non-linearity and quantizer */
    request.quant = lb_test_quant("qnn", 1, 1);
    lb_test_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv1.pool conv2.quantize conv2 conv2.norm conv2.act "
        "conv2.pool fc1.quantize fc1 fc1.norm fc1.act fc2.quantize fc2 fc2.norm fc2.act "
        "fc3.quantize fc3");
    /* DoReFa: the last layer's input stays float, bn-act-conv is the same chain */
    request.quant = lb_test_quant("dorefa", 1, 2);
    lb_test_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv1.pool conv2.quantize conv2 conv2.norm conv2.act "
        "conv2.pool fc1.quantize fc1 fc1.norm fc1.act fc2.quantize fc2 fc2.norm fc2.act fc3");
    /* XNOR-Net: conv - ReLU - pool - bn - sign - conv */
    request.quant = lb_test_quant("xnor", -1, -1);
    lb_test_nodes(
        &request,
        "input conv1 conv1.act conv1.pool conv2.norm conv2.quantize conv2 conv2.act conv2.pool "
        "fc1.norm fc1.quantize fc1 fc1.act fc2.norm fc2.quantize fc2 fc2.act fc3.norm fc3");
    request.quant = lb_test_quant("bwn", -1, -1);
    lb_test_nodes(
        &request,
        "input conv1 conv1.act conv1.pool conv2.norm conv2 conv2.act conv2.pool fc1.norm fc1 "
        "fc1.act fc2.norm fc2 fc2.act fc3.norm fc3");
    request.quant = lb_test_quant("float", -1, -1);
    request.dropout = 0.5f;
    lb_test_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv1.pool conv2 conv2.norm conv2.act conv2.pool "
        "fc1.dropout fc1 fc1.norm fc1.act fc2.dropout fc2 fc2.norm fc2.act fc3.dropout fc3");
}

static void test_lenet5_details(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        int w_bits, a_bits;
        lb_op pool, act;
        float low, high;
        const char *first_norm;
    } cases[] = {
        {"float", -1, -1, LB_OP_AVERAGE_POOL, LB_OP_RELU, 0, 0, "conv1.norm"},
        {"dorefa", 1, 2, LB_OP_AVERAGE_POOL, LB_OP_CLIP, 0, 1, "conv1.norm"},
        {"dorefa", 1, 32, LB_OP_AVERAGE_POOL, LB_OP_RELU, 0, 0, "conv1.norm"},
        {"qnn", 4, 4, LB_OP_MAX_POOL, LB_OP_CLIP, -1, 1, "conv1.norm"},
        {"twn", -1, -1, LB_OP_MAX_POOL, LB_OP_RELU, 0, 0, "conv1.norm"},
        {"ttq", -1, -1, LB_OP_MAX_POOL, LB_OP_RELU, 0, 0, "conv1.norm"},
        {"bnn", -1, -1, LB_OP_MAX_POOL, LB_OP_CLIP, -1, 1, "conv1.norm"},
        {"xnor", -1, -1, LB_OP_MAX_POOL, LB_OP_RELU, 0, 0, "conv2.norm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_model_request request = lb_test_model_request(
            "lenet5", lb_test_quant(cases[i].method, cases[i].w_bits, cases[i].a_bits));
        lb_net net;
        assert_ok(lb_model_build(&request, &net));
        assert_int_equal(net.nodes[lb_net_find_node(&net, "conv2.pool")].op, cases[i].pool);
        const lb_node *act = &net.nodes[lb_net_find_node(&net, "conv2.act")];
        assert_int_equal(act->op, cases[i].act);
        if (act->op == LB_OP_CLIP) {
            assert_float_equal(act->as.clip.low, cases[i].low, 0.0f);
            assert_float_equal(act->as.clip.high, cases[i].high, 0.0f);
        }
        const lb_node *norm = &net.nodes[lb_net_find_node(&net, cases[i].first_norm)];
        assert_int_equal(norm->as.norm.gamma, -1); /* the first one has no affine part */
        assert_float_equal(norm->as.norm.eps, 1e-4f, 0.0f);
        assert_float_equal(norm->as.norm.momentum, 0.1f, 0.0f);
        const lb_node *second = &net.nodes[lb_net_find_node(&net, "fc2.norm")];
        assert_true(second->as.norm.gamma >= 0);
        lb_net_release(&net);
    }
}

static void test_relu_slope(void **state)
{
    (void)state;
    lb_model_request request = lb_test_model_request("lenet5", lb_test_quant("bc", -1, -1));
    request.quant.relu_slope = 0.125f;
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    assert_float_equal(net.nodes[lb_net_find_node(&net, "conv1.act")].as.relu.slope, 0.125f, 0.0f);
    lb_net_release(&net);
}

/* ---- first and last layer -------------------------------------------------------------------- */

static void test_end_policies(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = lb_test_model_request("lenet5", lb_test_quant("dorefa", 1, 2));
    assert_ok(lb_model_build(&request, &net));
    assert_false(net.raw_input);
    lb_test_layer_weights(&net, "conv1", NULL, 0);
    lb_test_layer_weights(&net, "conv2", "dorefa", 1);
    lb_test_layer_weights(&net, "fc3", NULL, 0);
    lb_test_layer_acts(&net, "conv1", NULL, 0);
    lb_test_layer_acts(&net, "conv2", "dorefa", 2);
    lb_test_layer_acts(&net, "fc3", NULL, 0);
    lb_net_release(&net);

    request.quant.quantize_last_input = true; /* Kutukcu and SYQ */
    assert_ok(lb_model_build(&request, &net));
    lb_test_layer_weights(&net, "fc3", NULL, 0);
    lb_test_layer_acts(&net, "fc3", "dorefa", 2);
    lb_net_release(&net);

    request.quant.quantize_last_input = false;
    request.quant.first = request.quant.last = LB_END_QUANTIZED;
    assert_ok(lb_model_build(&request, &net));
    lb_test_layer_weights(&net, "conv1", "dorefa", 1);
    lb_test_layer_acts(&net, "conv1", NULL, 0); /* the image is never quantized */
    lb_test_layer_weights(&net, "fc3", "dorefa", 1);
    lb_test_layer_acts(&net, "fc3", "dorefa", 2);
    lb_net_release(&net);
}

static void test_8bit_ends(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = lb_test_model_request("lenet5", lb_test_quant("dorefa", 1, 2));
    request.quant.first = request.quant.last = LB_END_8BIT;
    assert_ok(lb_model_build(&request, &net));
    assert_true(net.raw_input);
    lb_test_layer_weights(&net, "conv1", "qnn", 8);
    lb_test_layer_acts(&net, "conv1", NULL, 0);
    lb_test_layer_weights(&net, "fc3", "qnn", 8);
    lb_test_layer_acts(&net, "fc3", "dorefa", 8);
    lb_net_release(&net);

    request =
        lb_test_model_request("lenet5", lb_test_quant("xnor", -1, -1)); /* sign has no 8 bits */
    request.quant.first = request.quant.last = LB_END_8BIT;
    assert_ok(lb_model_build(&request, &net));
    lb_test_layer_acts(&net, "fc3", "qnn", 8);
    lb_net_release(&net);

    request = lb_test_model_request(
        "lenet5", lb_test_quant("twn", -1, -1)); /* float activations stay float */
    request.quant.first = request.quant.last = LB_END_8BIT;
    assert_ok(lb_model_build(&request, &net));
    assert_true(net.raw_input);
    lb_test_layer_weights(&net, "fc3", "qnn", 8);
    lb_test_layer_acts(&net, "fc3", NULL, 0);
    lb_net_release(&net);
}

/* ---- the other families ---------------------------------------------------------------------- */

static void test_squeezenet(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request =
        lb_test_model_request("squeezenet-bypass", lb_test_quant("qnn", 2, 2));
    assert_ok(lb_model_build(&request, &net));
    lb_test_edge(&net, "fire2.concat", "fire3.squeeze.quantize");
    lb_test_edge(&net, "fire2.concat", "fire3.add");
    lb_test_edge(&net, "fire3.add", "fire3.pool");
    lb_test_edge(&net, "fire3.pool", "fire4.squeeze.quantize");
    lb_test_edge(&net, "fire9.add", "conv10.quantize");
    lb_test_edge(&net, "fire2.expand.quantize", "fire2.expand1x1");
    lb_test_edge(&net, "fire2.expand.quantize", "fire2.expand3x3");
    /* 32 -> 16 -> 8 -> 4 by pools 3/2, rounded up */
    assert_int_equal(net.nodes[lb_net_find_node(&net, "conv1.pool")].shape.h, 16);
    assert_int_equal(net.nodes[lb_net_find_node(&net, "fire3.pool")].shape.h, 8);
    assert_int_equal(net.nodes[lb_net_find_node(&net, "fire5.pool")].shape.h, 4);
    assert_int_equal(net.nodes[lb_net_find_node(&net, "fire9.concat")].shape.c, 512);
    lb_net_release(&net);
    request = lb_test_model_request("squeezenet", lb_test_quant("qnn", 2, 2));
    assert_ok(lb_model_build(&request, &net));
    assert_int_equal(lb_net_find_node(&net, "fire3.add"), -1);
    lb_net_release(&net);
}

static void test_vgg_nodes(void **state)
{
    (void)state;
    const lb_model_request request =
        lb_test_model_request("vgg-small", lb_test_quant("dorefa", 1, 1));
    lb_test_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv2.quantize conv2 conv2.norm conv2.act conv2.pool "
        "conv3.quantize conv3 conv3.norm conv3.act conv4.quantize conv4 conv4.norm conv4.act "
        "conv4.pool "
        "conv5.quantize conv5 conv5.norm conv5.act conv6.quantize conv6 conv6.norm conv6.act "
        "conv6.pool fc1");
}

static void test_mlp(void **state)
{
    (void)state;
    static const size_t widths[] = {7};
    lb_model_request request = lb_test_model_request("mlp", lb_test_quant("bnn", -1, -1));
    request.input = (lb_shape){3, 4, 5};
    request.widths = widths;
    request.n_widths = 1;
    lb_test_nodes(&request, "input fc1 fc1.norm fc1.act fc2.quantize fc2");
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    assert_int_equal(net.params[lb_test_layer(&net, "fc1")->weight].count, 7 * 60);
    lb_net_release(&net);
}

/* ---- every model with every method ----------------------------------------------------------- */

typedef void visit(const lb_model *model, const lb_model_request *request, const char *what);

static void for_each(visit *f)
{
    for (size_t i = 0; lb_model_families[i]; i++) {
        for (const lb_model *m = lb_model_families[i]->models; m->name; m++) {
            for (const lb_method *q = lb_methods; q->name; q++) {
                const int a_bits[] = {-1, 1, 2, 8};
                for (size_t a = 0; a < (q->a_bits || !q->acts ? 1u : 4u); a++) {
                    if (a > 0 && a_bits[a] > lb_act_quantizer_find(q->acts)->bits_max) break;
                    lb_model_request request =
                        lb_test_model_request(m->name, lb_test_quant(q->name, -1, a_bits[a]));
                    char what[64];
                    request.width_multiplier = 0.125;
                    (void)snprintf(what, sizeof what, "%s %s A=%d", m->name, q->name, a_bits[a]);
                    f(m, &request, what);
                }
            }
        }
    }
}

static bool only_value_through(lb_op op)
{
    return op == LB_OP_QUANTIZE;
}

/* A quantizer sits at the input of convolutions and linear layers and nowhere else: no pool, sum or
 * non-linearity sees codes; but for IMPQ's shortcuts. */
static void check_quantizers(const lb_model *model, const lb_model_request *request,
                             const char *what)
{
    (void)model;
    lb_net net;
    assert_ok(lb_model_build(request, &net));
    for (size_t i = 0; i < net.n_nodes; i++) {
        const lb_node *node = &net.nodes[i];
        for (int k = 0; k < node->n_in; k++) {
            if (!only_value_through(net.nodes[node->in[k]].op)) continue;
            const bool shortcut = request->quant.quantize_before_branch &&
                                  (node->op == LB_OP_ADD || node->op == LB_OP_SUBSAMPLE);
            if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR && !shortcut)
                fail_msg("%s: '%s' takes quantized input", what, node->name);
        }
        const bool layer = node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
        if (layer && node->as.conv.quantizer && request->quant.acts && node->in[0] != 0 &&
            net.nodes[node->in[0]].op != LB_OP_QUANTIZE)
            fail_msg("%s: quantized layer '%s' has float input", what, node->name);
    }
    assert_int_equal(net.nodes[net.n_nodes - 1].shape.c, 10);
    lb_net_release(&net);
}

static void test_quantizers_feed_layers_only(void **state)
{
    (void)state;
    for_each(check_quantizers);
}

static lb_status build_one(void *context)
{
    lb_net net;
    const lb_status status = lb_model_build(context, &net);
    lb_net_release(&net);
    return status;
}

/* Each model once, when the k-th allocation fails for every k. */
static void test_out_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; lb_model_families[i]; i++) {
        const lb_model *m = lb_model_families[i]->models;
        lb_model_request request = lb_test_model_request(m->name, lb_test_quant("xnor", -1, -1));
        request.width_multiplier = 0.125;
        if (m->depth > 0) request.shortcut = LB_SHORTCUT_B;
        lb_test_every_allocation_failure(build_one, &request);
    }
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refuse(const lb_model_request *request, lb_status status, const char *message)
{
    lb_net net;
    assert_status(lb_model_build(request, &net), status);
    if (strcmp(lb_error(), message) != 0)
        fail_msg("message '%s', wanted '%s'", lb_error(), message);
    lb_net_release(&net);
}

static void test_refusals(void **state)
{
    (void)state;
    static const size_t widths[] = {8};
    lb_model_request request = lb_test_model_request("lenet5", lb_test_quant("float", -1, -1));
    request.input = (lb_shape){3, 32, 32};
    refuse(&request, LB_E_SHAPE,
           "model 'lenet5' takes images of 1x28x28 (channels x height x width), not 3x32x32; "
           "`lowbit models` "
           "tells what others take");
    request = lb_test_model_request("lenet5", lb_test_quant("float", -1, -1));
    request.name = "lenet";
    refuse(&request, LB_E_ARG, "unknown model 'lenet'; did you mean 'lenet5'?");
    request.name = "transformer";
    refuse(&request, LB_E_ARG, "unknown model 'transformer'; `lowbit models` lists them");
    request = lb_test_model_request("vgg7", lb_test_quant("float", -1, -1));
    request.widths = widths;
    request.n_widths = 1;
    refuse(&request, LB_E_ARG, "model 'vgg7' has fixed widths; widths are for model 'mlp'");
    request = lb_test_model_request("vgg7", lb_test_quant("float", -1, -1));
    request.shortcut = LB_SHORTCUT_B;
    refuse(&request, LB_E_ARG, "model 'vgg7' is no ResNet: it has no shortcuts to choose");
    request = lb_test_model_request("lenet5", lb_test_quant("float", -1, -1));
    request.classes = 0;
    refuse(&request, LB_E_ARG, "model 'lenet5': 0 classes; wanted at least 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameter_counts),
        cmocka_unit_test(test_lenet5_nodes),
        cmocka_unit_test(test_lenet5_details),
        cmocka_unit_test(test_relu_slope),
        cmocka_unit_test(test_end_policies),
        cmocka_unit_test(test_8bit_ends),
        cmocka_unit_test(test_squeezenet),
        cmocka_unit_test(test_vgg_nodes),
        cmocka_unit_test(test_mlp),
        cmocka_unit_test(test_quantizers_feed_layers_only),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
