/* Models: the papers' parameter counts, the order of nodes under every policy, shapes, refusals. */
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/model.h"

/* ---- helpers
 * ----------------------------------------------------------------------------------- */

static lb_quant_config method(const char *name, int w_bits, int a_bits)
{
    const lb_method_request request = {.method = name,
                                       .w_bits = w_bits,
                                       .a_bits = a_bits,
                                       .first = -1,
                                       .last = -1,
                                       .order = -1,
                                       .granularity = -1,
                                       .quantize_shortcuts = -1,
                                       .quantize_last_input = -1,
                                       .relu_slope = NAN};
    lb_quant_config config;
    assert_ok(lb_method_resolve(&request, &config));
    return config;
}

static lb_model_request request_of(const char *name, lb_quant_config quant)
{
    const lb_model *model = lb_model_find(name);
    assert_non_null(model);
    const lb_shape any = {1, 28, 28};
    return (lb_model_request){.name = name,
                              .input = model->input.c > 0 ? model->input : any,
                              .classes = 10,
                              .width_multiplier = 1.0,
                              .quant = quant};
}

/* "input conv1 conv1.norm ...": the names of all nodes in order. */
static void names_of(const lb_net *net, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < net->n_nodes && used < bytes; i++) {
        used +=
            (size_t)snprintf(text + used, bytes - used, "%s%s", i ? " " : "", net->nodes[i].name);
    }
}

static void check_nodes(const lb_model_request *request, const char *wanted)
{
    char got[8192];
    lb_net net;
    assert_ok(lb_model_build(request, &net));
    names_of(&net, got, sizeof got);
    if (strcmp(got, wanted) != 0) fail_msg("nodes\n%s\nwanted\n%s", got, wanted);
    lb_net_release(&net);
}

/* Is b fed by a? */
static void check_edge(const lb_net *net, const char *a, const char *b)
{
    const int from = lb_net_find_node(net, a), to = lb_net_find_node(net, b);
    if (from < 0 || to < 0) fail_msg("no node '%s' or '%s'", a, b);
    for (int k = 0; k < net->nodes[to].n_in; k++) {
        if (net->nodes[to].in[k] == from) return;
    }
    fail_msg("'%s' does not feed '%s'", a, b);
}

static const lb_conv *conv_of(const lb_net *net, const char *name)
{
    const int node = lb_net_find_node(net, name);
    if (node < 0) fail_msg("no layer '%s'", name);
    return &net->nodes[node].as.conv;
}

static size_t count_roles(const lb_net *net, unsigned roles)
{
    size_t n = 0;
    for (size_t i = 0; i < net->n_params; i++) {
        if (roles >> net->params[i].role & 1u) n += net->params[i].count;
    }
    return n;
}

/* ---- parameter counts
 * -------------------------------------------------------------------------- */

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
        lb_model_request request = request_of(cases[i].model, method("float", -1, -1));
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

/* ---- LeNet-5 in every order
 * -------------------------------------------------------------------- */

static void test_lenet5_nodes(void **state)
{
    (void)state;
    lb_model_request request = request_of("lenet5", method("float", -1, -1));
    check_nodes(&request,
                "input conv1 conv1.norm conv1.act conv1.pool conv2 conv2.norm conv2.act conv2.pool "
                "fc1 fc1.norm fc1.act fc2 fc2.norm fc2.act fc3");
    /* QNN: everything quantized, the image not; a pool between non-linearity and quantizer */
    request.quant = method("qnn", 1, 1);
    check_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv1.pool conv2.quantize conv2 conv2.norm conv2.act "
        "conv2.pool fc1.quantize fc1 fc1.norm fc1.act fc2.quantize fc2 fc2.norm fc2.act "
        "fc3.quantize fc3");
    /* DoReFa: the last layer's input stays float, bn-act-conv is the same chain */
    request.quant = method("dorefa", 1, 2);
    check_nodes(
        &request,
        "input conv1 conv1.norm conv1.act conv1.pool conv2.quantize conv2 conv2.norm conv2.act "
        "conv2.pool fc1.quantize fc1 fc1.norm fc1.act fc2.quantize fc2 fc2.norm fc2.act fc3");
    /* XNOR-Net: conv - ReLU - pool - bn - sign - conv */
    request.quant = method("xnor", -1, -1);
    check_nodes(
        &request,
        "input conv1 conv1.act conv1.pool conv2.norm conv2.quantize conv2 conv2.act conv2.pool "
        "fc1.norm fc1.quantize fc1 fc1.act fc2.norm fc2.quantize fc2 fc2.act fc3.norm fc3");
    request.quant = method("bwn", -1, -1);
    check_nodes(
        &request,
        "input conv1 conv1.act conv1.pool conv2.norm conv2 conv2.act conv2.pool fc1.norm fc1 "
        "fc1.act fc2.norm fc2 fc2.act fc3.norm fc3");
    request.quant = method("float", -1, -1);
    request.dropout = 0.5f;
    check_nodes(
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
        const lb_model_request request =
            request_of("lenet5", method(cases[i].method, cases[i].w_bits, cases[i].a_bits));
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
    lb_model_request request = request_of("lenet5", method("bc", -1, -1));
    request.quant.relu_slope = 0.125f;
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    assert_float_equal(net.nodes[lb_net_find_node(&net, "conv1.act")].as.relu.slope, 0.125f, 0.0f);
    lb_net_release(&net);
}

/* ---- first and last layer
 * ---------------------------------------------------------------------- */

static void check_weights(const lb_net *net, const char *layer, const char *quantizer, int bits)
{
    const lb_conv *conv = conv_of(net, layer);
    if (quantizer == NULL) {
        if (conv->quantizer)
            fail_msg("'%s' has quantizer '%s', wanted float", layer, conv->quantizer->name);
        return;
    }
    if (!conv->quantizer) fail_msg("'%s' is float, wanted '%s'", layer, quantizer);
    assert_string_equal(conv->quantizer->name, quantizer);
    assert_int_equal(conv->setting.bits, bits);
}

static void check_acts(const lb_net *net, const char *layer, const char *quantizer, int bits)
{
    char name[LB_NAME_BYTES + 16];
    (void)snprintf(name, sizeof name, "%s.quantize", layer);
    const int node = lb_net_find_node(net, name);
    if (quantizer == NULL) {
        if (node >= 0) fail_msg("'%s' is there, wanted float", name);
        return;
    }
    if (node < 0) fail_msg("'%s' is not there", name);
    assert_string_equal(net->nodes[node].as.quantize.quantizer->name, quantizer);
    assert_int_equal(net->nodes[node].as.quantize.setting.bits, bits);
}

static void test_end_policies(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = request_of("lenet5", method("dorefa", 1, 2));
    assert_ok(lb_model_build(&request, &net));
    assert_false(net.raw_input);
    check_weights(&net, "conv1", NULL, 0);
    check_weights(&net, "conv2", "dorefa", 1);
    check_weights(&net, "fc3", NULL, 0);
    check_acts(&net, "conv1", NULL, 0);
    check_acts(&net, "conv2", "dorefa", 2);
    check_acts(&net, "fc3", NULL, 0);
    lb_net_release(&net);

    request.quant.quantize_last_input = true; /* Kutukcu and SYQ */
    assert_ok(lb_model_build(&request, &net));
    check_weights(&net, "fc3", NULL, 0);
    check_acts(&net, "fc3", "dorefa", 2);
    lb_net_release(&net);

    request.quant.quantize_last_input = false;
    request.quant.first = request.quant.last = LB_END_QUANTIZED;
    assert_ok(lb_model_build(&request, &net));
    check_weights(&net, "conv1", "dorefa", 1);
    check_acts(&net, "conv1", NULL, 0); /* the image is never quantized */
    check_weights(&net, "fc3", "dorefa", 1);
    check_acts(&net, "fc3", "dorefa", 2);
    lb_net_release(&net);
}

static void test_8bit_ends(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = request_of("lenet5", method("dorefa", 1, 2));
    request.quant.first = request.quant.last = LB_END_8BIT;
    assert_ok(lb_model_build(&request, &net));
    assert_true(net.raw_input);
    check_weights(&net, "conv1", "qnn", 8);
    check_acts(&net, "conv1", NULL, 0);
    check_weights(&net, "fc3", "qnn", 8);
    check_acts(&net, "fc3", "dorefa", 8);
    lb_net_release(&net);

    request = request_of("lenet5", method("xnor", -1, -1)); /* sign has no 8 bits */
    request.quant.first = request.quant.last = LB_END_8BIT;
    assert_ok(lb_model_build(&request, &net));
    check_acts(&net, "fc3", "qnn", 8);
    lb_net_release(&net);

    request = request_of("lenet5", method("twn", -1, -1)); /* float activations stay float */
    request.quant.first = request.quant.last = LB_END_8BIT;
    assert_ok(lb_model_build(&request, &net));
    assert_true(net.raw_input);
    check_weights(&net, "fc3", "qnn", 8);
    check_acts(&net, "fc3", NULL, 0);
    lb_net_release(&net);
}

/* ---- ResNets
 * ----------------------------------------------------------------------------------- */

/* The nodes of one stage's first block, "stageN.block1." taken off. */
static void block_of(const lb_model_request *request, int stage, char *text, size_t bytes)
{
    char prefix[32];
    lb_net net;
    size_t used = 0;
    assert_ok(lb_model_build(request, &net));
    (void)snprintf(prefix, sizeof prefix, "stage%d.block1.", stage);
    text[0] = '\0';
    for (size_t i = 0; i < net.n_nodes; i++) {
        const char *name = net.nodes[i].name;
        if (strncmp(name, prefix, strlen(prefix)) != 0) continue;
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? " " : "",
                                 name + strlen(prefix));
    }
    lb_net_release(&net);
}

static void test_resnet_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        int w_bits, a_bits, stage;
        lb_shortcut_kind shortcut;
        lb_switch norm;
        bool pre;
        const char *nodes;
    } cases[] = {
        {"float", -1, -1, 1, LB_SHORTCUT_A, LB_SWITCH_MODEL, false,
         "conv1 conv1.norm conv1.act conv2 conv2.norm add conv2.act"},
        {"float", -1, -1, 2, LB_SHORTCUT_MODEL, LB_SWITCH_MODEL, false,
         "conv1 conv1.norm conv1.act conv2 conv2.norm shortcut add conv2.act"},
        {"float", -1, -1, 2, LB_SHORTCUT_B, LB_SWITCH_MODEL, false,
         "conv1 conv1.norm conv1.act conv2 conv2.norm shortcut shortcut.norm add conv2.act"},
        {"float", -1, -1, 2, LB_SHORTCUT_B, LB_SWITCH_OFF, false,
         "conv1 conv1.norm conv1.act conv2 conv2.norm shortcut add conv2.act"},
        {"float", -1, -1, 2, LB_SHORTCUT_NONE, LB_SWITCH_MODEL, false,
         "conv1 conv1.norm conv1.act conv2 conv2.norm conv2.act"},
        {"float", -1, -1, 2, LB_SHORTCUT_A, LB_SWITCH_MODEL, true,
         "conv1.norm conv1.act conv1 conv2.norm conv2.act conv2 shortcut add"},
        {"qnn", 1, 1, 1, LB_SHORTCUT_A, LB_SWITCH_MODEL, false,
         "conv1.quantize conv1 conv1.norm conv1.act conv2.quantize conv2 conv2.norm add conv2.act"},
        /* the shortcut's convolution takes conv1's quantized input */
        {"qnn", 1, 1, 2, LB_SHORTCUT_B, LB_SWITCH_MODEL, false,
         "conv1.quantize conv1 conv1.norm conv1.act conv2.quantize conv2 conv2.norm shortcut "
         "shortcut.norm add "
         "conv2.act"},
        {"dorefa", 1, 2, 1, LB_SHORTCUT_A, LB_SWITCH_MODEL, false,
         "conv1.norm conv1.act conv1.quantize conv1 conv2.norm conv2.act conv2.quantize conv2 add"},
        {"dorefa", 1, 2, 2, LB_SHORTCUT_B, LB_SWITCH_MODEL, false,
         "conv1.norm conv1.act conv1.quantize conv1 conv2.norm conv2.act conv2.quantize conv2 "
         "shortcut.quantize "
         "shortcut shortcut.norm add"},
        {"xnor", 1, 1, 2, LB_SHORTCUT_B, LB_SWITCH_MODEL, false,
         "conv1.norm conv1.quantize conv1 conv1.act conv2.norm conv2.quantize conv2 conv2.act "
         "shortcut.norm "
         "shortcut.quantize shortcut add"},
        {"bwn", 1, -1, 2, LB_SHORTCUT_A, LB_SWITCH_MODEL, false,
         "conv1.norm conv1 conv1.act conv2.norm conv2 conv2.act shortcut add"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[1024];
        lb_model_request request =
            request_of("resnet20", method(cases[i].method, cases[i].w_bits, cases[i].a_bits));
        request.shortcut = cases[i].shortcut;
        request.shortcut_norm = cases[i].norm;
        request.pre_activation = cases[i].pre;
        block_of(&request, cases[i].stage, got, sizeof got);
        if (strcmp(got, cases[i].nodes) != 0)
            fail_msg("case %zu:\n%s\nwanted\n%s", i, got, cases[i].nodes);
    }
}

/* A shortcut carries the float value, not what the convolution's quantizer makes of it. */
static void test_resnet_shortcuts_carry_float(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = request_of("resnet20", method("qnn", 1, 1));
    assert_ok(lb_model_build(&request, &net));
    check_edge(&net, "stage1.block1.conv2.act", "stage1.block2.conv1.quantize");
    check_edge(&net, "stage1.block1.conv2.act", "stage1.block2.add");
    check_edge(&net, "stage1.block3.conv2.act", "stage2.block1.shortcut");
    lb_net_release(&net);

    request.shortcut = LB_SHORTCUT_B;
    assert_ok(lb_model_build(&request, &net));
    check_edge(&net, "stage2.block1.conv1.quantize", "stage2.block1.shortcut");
    check_weights(&net, "stage2.block1.shortcut", "qnn", 1);
    lb_net_release(&net);

    request.quant.quantize_shortcuts = false; /* Kutukcu table 4.8 */
    assert_ok(lb_model_build(&request, &net));
    check_edge(&net, "stage1.block3.conv2.act", "stage2.block1.shortcut");
    check_weights(&net, "stage2.block1.shortcut", NULL, 0);
    lb_net_release(&net);

    request = request_of("resnet20", method("dorefa", 1, 2));
    assert_ok(lb_model_build(&request, &net));
    check_edge(&net, "conv1", "stage1.block1.conv1.norm");
    check_edge(&net, "conv1", "stage1.block1.add");
    check_edge(&net, "stage1.block1.add", "stage1.block2.add");
    lb_net_release(&net);
}

static void test_resnet_ends(void **state)
{
    (void)state;
    static const struct {
        const char *method, *tail;
    } cases[] = {
        {"float", "add stage3.block3.conv2.act pool fc"},
        {"dorefa-w", "add stage3.block3.conv2.act pool fc"},
        {"dorefa", "stage3.block3.add last.norm last.act pool fc"},
        {"qnn", "add stage3.block3.conv2.act pool fc"},
        {"xnor", "stage3.block3.add pool fc.norm fc"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char got[8192];
        lb_net net;
        const lb_model_request request = request_of("resnet20", method(cases[i].method, -1, -1));
        assert_ok(lb_model_build(&request, &net));
        names_of(&net, got, sizeof got);
        const size_t n = strlen(got), m = strlen(cases[i].tail);
        if (n < m || strcmp(got + n - m, cases[i].tail) != 0)
            fail_msg("%s ends '%s'", cases[i].method, got + n - m);
        lb_net_release(&net);
    }
}

/* bc's ends are quantized, but not in ResNets (Kutukcu). */
static void test_bc_ends_in_resnets(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = request_of("resnet20", method("bc", -1, -1));
    assert_ok(lb_model_build(&request, &net));
    check_weights(&net, "conv1", NULL, 0);
    check_weights(&net, "stage1.block1.conv1", "bc", 1);
    check_weights(&net, "fc", NULL, 0);
    lb_net_release(&net);
    request = request_of("vgg7", method("bc", -1, -1));
    assert_ok(lb_model_build(&request, &net));
    check_weights(&net, "conv1", "bc", 1);
    lb_net_release(&net);
}

static void test_resnet_shapes(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = request_of("resnet20", method("float", -1, -1));
    assert_ok(lb_model_build(&request, &net));
    static const struct {
        const char *node;
        lb_shape shape;
    } cases[] = {{"conv1", {16, 32, 32}},
                 {"stage1.block3.add", {16, 32, 32}},
                 {"stage2.block1.conv1", {32, 16, 16}},
                 {"stage2.block1.shortcut", {32, 16, 16}},
                 {"stage3.block3.add", {64, 8, 8}},
                 {"pool", {64, 1, 1}},
                 {"fc", {10, 1, 1}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_shape got = net.nodes[lb_net_find_node(&net, cases[i].node)].shape;
        assert_memory_equal(&got, &cases[i].shape, sizeof got);
    }
    lb_net_release(&net);
}

/* ---- the other families
 * ------------------------------------------------------------------------ */

static void test_squeezenet(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = request_of("squeezenet-bypass", method("qnn", 2, 2));
    assert_ok(lb_model_build(&request, &net));
    check_edge(&net, "fire2.concat", "fire3.squeeze.quantize");
    check_edge(&net, "fire2.concat", "fire3.add");
    check_edge(&net, "fire3.add", "fire3.pool");
    check_edge(&net, "fire3.pool", "fire4.squeeze.quantize");
    check_edge(&net, "fire9.add", "conv10.quantize");
    check_edge(&net, "fire2.expand.quantize", "fire2.expand1x1");
    check_edge(&net, "fire2.expand.quantize", "fire2.expand3x3");
    /* 32 -> 16 -> 8 -> 4 by pools 3/2, rounded up */
    assert_int_equal(net.nodes[lb_net_find_node(&net, "conv1.pool")].shape.h, 16);
    assert_int_equal(net.nodes[lb_net_find_node(&net, "fire3.pool")].shape.h, 8);
    assert_int_equal(net.nodes[lb_net_find_node(&net, "fire5.pool")].shape.h, 4);
    assert_int_equal(net.nodes[lb_net_find_node(&net, "fire9.concat")].shape.c, 512);
    lb_net_release(&net);
    request = request_of("squeezenet", method("qnn", 2, 2));
    assert_ok(lb_model_build(&request, &net));
    assert_int_equal(lb_net_find_node(&net, "fire3.add"), -1);
    lb_net_release(&net);
}

static void test_vgg_nodes(void **state)
{
    (void)state;
    const lb_model_request request = request_of("vgg-small", method("dorefa", 1, 1));
    check_nodes(
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
    lb_model_request request = request_of("mlp", method("bnn", -1, -1));
    request.input = (lb_shape){3, 4, 5};
    request.widths = widths;
    request.n_widths = 1;
    check_nodes(&request, "input fc1 fc1.norm fc1.act fc2.quantize fc2");
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    assert_int_equal(net.params[conv_of(&net, "fc1")->weight].count, 7 * 60);
    lb_net_release(&net);
}

/* ---- every model with every method
 * ------------------------------------------------------------- */

typedef void visit(const lb_model *model, const lb_model_request *request, const char *what);

static void for_each(visit *f)
{
    for (size_t i = 0; lb_model_families[i]; i++) {
        for (const lb_model *m = lb_model_families[i]->models; m->name; m++) {
            for (const lb_method *q = lb_methods; q->name; q++) {
                const int a_bits[] = {-1, 1, 2, 8};
                for (size_t a = 0; a < (q->a_bits || !q->acts ? 1u : 4u); a++) {
                    lb_model_request request = request_of(m->name, method(q->name, -1, a_bits[a]));
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
 * non-linearity sees codes. */
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
            if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR)
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
        lb_model_request request = request_of(m->name, method("xnor", -1, -1));
        request.width_multiplier = 0.125;
        if (m->depth > 0) request.shortcut = LB_SHORTCUT_B;
        lb_test_every_allocation_failure(build_one, &request);
    }
}

/* ---- refusals
 * ---------------------------------------------------------------------------------- */

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
    lb_model_request request = request_of("lenet5", method("float", -1, -1));
    request.input = (lb_shape){3, 32, 32};
    refuse(&request, LB_E_SHAPE,
           "model 'lenet5' takes images of 1x28x28 (channels x height x width), not 3x32x32; "
           "`lowbit models` "
           "tells what others take");
    request = request_of("lenet5", method("float", -1, -1));
    request.name = "lenet";
    refuse(&request, LB_E_ARG, "unknown model 'lenet'; did you mean 'lenet5'?");
    request.name = "transformer";
    refuse(&request, LB_E_ARG, "unknown model 'transformer'; `lowbit models` lists them");
    request = request_of("vgg7", method("float", -1, -1));
    request.widths = widths;
    request.n_widths = 1;
    refuse(&request, LB_E_ARG, "model 'vgg7' has fixed widths; widths are for model 'mlp'");
    request = request_of("vgg7", method("float", -1, -1));
    request.shortcut = LB_SHORTCUT_B;
    refuse(&request, LB_E_ARG,
           "model 'vgg7' is no ResNet: it has no shortcuts or pre-activation to choose");
    request = request_of("lenet5", method("float", -1, -1));
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
        cmocka_unit_test(test_resnet_blocks),
        cmocka_unit_test(test_resnet_shortcuts_carry_float),
        cmocka_unit_test(test_resnet_ends),
        cmocka_unit_test(test_bc_ends_in_resnets),
        cmocka_unit_test(test_resnet_shapes),
        cmocka_unit_test(test_squeezenet),
        cmocka_unit_test(test_vgg_nodes),
        cmocka_unit_test(test_mlp),
        cmocka_unit_test(test_quantizers_feed_layers_only),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
