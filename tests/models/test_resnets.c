/* ResNets: blocks, shortcuts and ends under every method and order. */
#include "nn/executor.h"
#include "support/model_check.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

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
        lb_model_request request = lb_test_model_request(
            "resnet20", lb_test_quant(cases[i].method, cases[i].w_bits, cases[i].a_bits));
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
    lb_model_request request = lb_test_model_request("resnet20", lb_test_quant("qnn", 1, 1));
    assert_ok(lb_model_build(&request, &net));
    lb_test_edge(&net, "stage1.block1.conv2.act", "stage1.block2.conv1.quantize");
    lb_test_edge(&net, "stage1.block1.conv2.act", "stage1.block2.add");
    lb_test_edge(&net, "stage1.block3.conv2.act", "stage2.block1.shortcut");
    lb_net_release(&net);

    request.shortcut = LB_SHORTCUT_B;
    assert_ok(lb_model_build(&request, &net));
    lb_test_edge(&net, "stage2.block1.conv1.quantize", "stage2.block1.shortcut");
    lb_test_layer_weights(&net, "stage2.block1.shortcut", "qnn", 1);
    lb_net_release(&net);

    request.quant.quantize_shortcuts = false; /* Kutukcu table 4.8 */
    assert_ok(lb_model_build(&request, &net));
    lb_test_edge(&net, "stage1.block3.conv2.act", "stage2.block1.shortcut");
    lb_test_layer_weights(&net, "stage2.block1.shortcut", NULL, 0);
    lb_net_release(&net);

    request = lb_test_model_request("resnet20", lb_test_quant("dorefa", 1, 2));
    assert_ok(lb_model_build(&request, &net));
    lb_test_edge(&net, "conv1", "stage1.block1.conv1.norm");
    lb_test_edge(&net, "conv1", "stage1.block1.add");
    lb_test_edge(&net, "stage1.block1.add", "stage1.block2.add");
    lb_net_release(&net);
}

/* IMPQ quantizes a block's input before it branches. */
static void test_resnet_shortcuts_carry_quantized_values(void **state)
{
    (void)state;
    lb_net net;
    const lb_model_request request =
        lb_test_model_request("resnet20", lb_test_quant("uniform", 4, 4));
    assert_ok(lb_model_build(&request, &net));
    const int add = lb_net_find_node(&net, "stage1.block2.add");
    assert_true(add > 0);
    const lb_node *skip = &net.nodes[net.nodes[add].in[1]];
    assert_string_equal(skip->name, "stage1.block2.conv1.quantize");
    /* its range is that of the main branch's batch-norm before the sum */
    const int norm = lb_net_find_node(&net, "stage1.block1.conv2.norm");
    assert_true(norm > 0);
    for (size_t c = 0; c < net.nodes[norm].shape.c; c++)
        net.params[net.nodes[norm].as.norm.gamma].value[c] = 0.25f;
    net.params[net.nodes[norm].as.norm.beta].value[3] = 0.5f;
    assert_float_equal(lb_quantize_map(&net, skip).window_high, 2.0f, 0.0f);
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
        const lb_model_request request =
            lb_test_model_request("resnet20", lb_test_quant(cases[i].method, -1, -1));
        assert_ok(lb_model_build(&request, &net));
        lb_test_node_names(&net, got, sizeof got);
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
    lb_model_request request = lb_test_model_request("resnet20", lb_test_quant("bc", -1, -1));
    assert_ok(lb_model_build(&request, &net));
    lb_test_layer_weights(&net, "conv1", NULL, 0);
    lb_test_layer_weights(&net, "stage1.block1.conv1", "bc", 1);
    lb_test_layer_weights(&net, "fc", NULL, 0);
    lb_net_release(&net);
    request = lb_test_model_request("vgg7", lb_test_quant("bc", -1, -1));
    assert_ok(lb_model_build(&request, &net));
    lb_test_layer_weights(&net, "conv1", "bc", 1);
    lb_net_release(&net);
}

static void test_resnet_shapes(void **state)
{
    (void)state;
    lb_net net;
    lb_model_request request = lb_test_model_request("resnet20", lb_test_quant("float", -1, -1));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resnet_blocks),
        cmocka_unit_test(test_resnet_shortcuts_carry_float),
        cmocka_unit_test(test_resnet_shortcuts_carry_quantized_values),
        cmocka_unit_test(test_resnet_ends),
        cmocka_unit_test(test_bc_ends_in_resnets),
        cmocka_unit_test(test_resnet_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
