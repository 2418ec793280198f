/* The networks for ImageNet: published numbers of parameters and multiply-accumulates, shapes, the order of nodes,
 * policies, refusals. */
#include "support/model_check.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/cost.h"

static lb_inspection *inspect(const char *model, lb_shortcut_kind shortcut, lb_switch bias)
{
    lb_model_request request = lb_test_model_request(model, lb_test_quant("float", -1, -1));
    request.classes = lb_model_find(model)->classes;
    request.shortcut = shortcut;
    request.bias = bias;
    request.describe_only = true;
    lb_net net;
    lb_inspection *out = NULL;
    assert_ok(lb_model_build(&request, &net));
    assert_ok(lb_cost_of_net(&net, &out));
    lb_net_release(&net);
    return out;
}

/* ---- published figures ----------------------------------------------------------------------- */

typedef struct published {
    const char *model;
    lb_switch bias;
    bool norms;        /* batch-norm is counted among the parameters */
    long more;         /* what the published network has more */
    size_t parameters; /* published */
    double giga,
        percent; /* published multiply-accumulates, and how far theirs and ours are apart */
} published;

/* Convolutions 5x5 of inception modules: reduced channels times channels, summed up over 3a to 5b. torchvision's
 * have 3x3 there. */
enum { FIVES = 16 * 32 + 32 * 96 + 16 * 48 + 2 * 24 * 64 + 32 * 64 + 2 * 32 * 128 + 48 * 128 };

static void test_published_figures(void **state)
{
    (void)state;
    /* Multiply-accumulates are those that the tools ptflops and thop give for torchvision's models, two or three
     * digits; they count a little for batch-norms and pools, which ours does not. */
    static const published all[] = {
        /* torchvision 0.15: resnet18, resnet34, resnet50 */
        {"resnet18", LB_SWITCH_MODEL, true, 0, 11689512, 1.82, 0.5},
        {"resnet34", LB_SWITCH_MODEL, true, 0, 21797672, 3.68, 0.5},
        {"resnet50", LB_SWITCH_MODEL, true, 0, 25557032, 4.12, 1.0},
        /* torchvision: vgg16 (no batch-norm, biases in all layers); vgg16_bn has both: 138,365,992, whose batch-norms
         * stand after the convolutions alone: ours after FC 4096 twice too */
        {"vgg16", LB_SWITCH_ON, false, 0, 138357544, 15.5, 0.5},
        {"vgg16", LB_SWITCH_ON, true, -2 * 2 * 4096, 138365992, 15.5, 0.5},
        /* Howard et al., table 4: 4.2 million, 569 million; torchvision's layers count as 4,231,976 */
        {"mobilenet-v1", LB_SWITCH_MODEL, true, 0, 4231976, 0.569, 0.1},
        /* BVLC's GoogLeNet without the auxiliary classifiers, biases in all layers */
        {"googlenet", LB_SWITCH_ON, false, 0, 6998552, 1.6, 1.5},
        /* torchvision: googlenet without them, 3x3 in place of 5x5 */
        {"googlenet", LB_SWITCH_MODEL, true, -(25L - 9) * FIVES, 6624904, 1.6, 1.5},
        /* torchvision: squeezenet1_1, no batch-norm */
        {"squeezenet-imagenet", LB_SWITCH_MODEL, false, 0, 1235496, 0.35, 0.5},
        /* Krizhevsky's net on one processor, that is without groups: 62.4 million, 1.135 G */
        {"alexnet", LB_SWITCH_ON, false, 0, 62378344, 1.135, 0.1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const published *p = &all[i];
        lb_inspection *info = inspect(p->model, LB_SHORTCUT_MODEL, p->bias);
        const long ours = (long)(info->parameters + (p->norms ? info->batch_norm : 0)) + p->more;
        if (ours != (long)p->parameters)
            fail_msg("%s: %ld parameters, published %zu", p->model, ours, p->parameters);
        const double macs = (double)info->macs / 1e9;
        if (!(fabs(macs - p->giga) <= p->percent / 100.0 * p->giga))
            fail_msg("%s: %.4f G, published %.4f G", p->model, macs, p->giga);
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

/* eps 1e-4 in RedBit's AlexNet and DoReFa-Net's, 1e-5 in the others. */
static void test_batch_norm_eps(void **state)
{
    (void)state;
    static const char *const models[] = {"alexnet", "alexnet-dorefa", "vgg-syq", "mobilenet-v1"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        lb_model_request request = lb_test_model_request(models[i], lb_test_quant("float", -1, -1));
        request.describe_only = true;
        lb_net net;
        size_t norms = 0;
        assert_ok(lb_model_build(&request, &net));
        for (size_t k = 0; k < net.n_nodes; k++) {
            if (net.nodes[k].op != LB_OP_BATCH_NORM) continue;
            assert_float_equal(net.nodes[k].as.norm.eps, i < 2 ? 1e-4f : 1e-5f, 0.0f);
            norms++;
        }
        assert_true(norms > 0);
        lb_net_release(&net);
    }
}

/* Faraone table 4.1: shares of the operations, sizes of the maps and filters. */
static void test_alexnet_dorefa_shares(void **state)
{
    (void)state;
    static const struct {
        const char *layer;
        size_t channels, size;
        double percent;
    } table[] = {
        {"conv1", 96, 54, 6.24},  {"conv2", 256, 54, 46.24}, {"conv3", 384, 27, 33.30},
        {"conv4", 384, 14, 6.71}, {"conv5", 256, 14, 4.48},  {"fc1", 4096, 1, 1.95},
        {"fc2", 4096, 1, 0.87},   {"fc3", 1000, 1, 0.21},
    };
    lb_inspection *info = inspect("alexnet-dorefa", LB_SHORTCUT_MODEL, LB_SWITCH_MODEL);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const lb_layer_info *layer = layer_of(info, table[i].layer);
        const double percent = 100.0 * (double)layer->macs / (double)info->macs;
        if (!(fabs(percent - table[i].percent) < 0.01))
            fail_msg("%s: %.3f %%, printed %.2f", layer->name, percent, table[i].percent);
        assert_int_equal(layer->channels, table[i].channels);
        assert_int_equal(layer->height, table[i].size);
        assert_int_equal(layer->width, table[i].size);
    }
    /* two groups see half of the channels; FC 1 sees 256 x 6 x 6 */
    assert_int_equal(layer_of(info, "conv2")->weights, 256 * 48 * 25);
    assert_int_equal(layer_of(info, "conv4")->weights, 384 * 192 * 9);
    assert_int_equal(layer_of(info, "conv5")->weights, 256 * 192 * 9);
    assert_int_equal(layer_of(info, "fc1")->weights, 4096 * 9216);
    lb_inspection_destroy(info);
}

/* By hand: 96 x 147 x 112^2, then 56^2 (96 + 2 x 256) 256 x 9, 28^2 (256 + 2 x 512) 512 x 9, 14^2 x 3 x 512 x 512 x 9,
 * and the fully connected layers of VGG-16. */
static void test_vgg_syq(void **state)
{
    (void)state;
    const size_t fc = 25088UL * 4096 + 4096UL * 4096 + 4096UL * 1000;
    const size_t a = 96UL * 147, b = (96UL + 2 * 256) * 256 * 9, c = (256UL + 2 * 512) * 512 * 9,
                 d = 3UL * 512 * 512 * 9;
    lb_inspection *info = inspect("vgg-syq", LB_SHORTCUT_MODEL, LB_SWITCH_OFF);
    assert_int_equal(info->parameters, a + b + c + d + fc);
    assert_int_equal(info->macs, a * 112 * 112 + b * 56 * 56 + c * 28 * 28 + d * 14 * 14 + fc);
    lb_inspection_destroy(info);
}

/* Shortcuts A have no parameters: 11,689,512 less 64 x 128 + 128 x 256 + 256 x 512 and 2 x (128 + 256 + 512). */
static void test_shortcuts(void **state)
{
    (void)state;
    static const lb_shortcut_kind kinds[] = {LB_SHORTCUT_A, LB_SHORTCUT_NONE};
    for (size_t i = 0; i < 2; i++) {
        lb_inspection *info = inspect("resnet18", kinds[i], LB_SWITCH_MODEL);
        assert_int_equal(info->parameters + info->batch_norm,
                         11689512 - (64 * 128 + 128 * 256 + 256 * 512) - 2 * (128 + 256 + 512));
        lb_inspection_destroy(info);
    }
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static void test_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *model, *node;
        lb_shape shape;
    } cases[] = {
        {"alexnet", "conv1", {96, 55, 55}},
        {"alexnet", "conv1.pool", {96, 27, 27}},
        {"alexnet", "conv2.pool", {256, 13, 13}},
        {"alexnet", "conv5.pool", {256, 6, 6}},
        {"alexnet-dorefa", "conv2.pool", {256, 27, 27}},
        {"alexnet-dorefa", "conv3.pool", {384, 14, 14}},
        {"alexnet-dorefa", "conv5.pool", {256, 6, 6}},
        {"resnet18", "conv1.pool", {64, 56, 56}},
        {"resnet18", "stage4.block2.add", {512, 7, 7}},
        {"resnet50", "stage1.block1.shortcut", {256, 56, 56}},
        {"resnet50", "stage2.block1.conv1", {128, 56, 56}},
        {"resnet50", "stage2.block1.conv2", {128, 28, 28}},
        {"resnet50", "stage4.block3.add", {2048, 7, 7}},
        {"vgg16", "conv13.pool", {512, 7, 7}},
        {"vgg-syq", "conv1", {96, 112, 112}},
        {"vgg-syq", "conv10.pool", {512, 7, 7}},
        {"googlenet", "conv3.pool", {192, 28, 28}},
        {"googlenet", "inception3a.concat", {256, 28, 28}},
        {"googlenet", "inception3b.pool", {480, 14, 14}},
        {"googlenet", "inception4d.concat", {528, 14, 14}},
        {"googlenet", "inception4e.pool", {832, 7, 7}},
        {"googlenet", "inception5b.concat", {1024, 7, 7}},
        {"mobilenet-v1", "block1.depthwise", {32, 112, 112}},
        {"mobilenet-v1", "block13.pointwise", {1024, 7, 7}},
        {"squeezenet-imagenet", "conv1", {64, 111, 111}},
        {"squeezenet-imagenet", "conv1.pool", {64, 55, 55}},
        {"squeezenet-imagenet", "fire3.pool", {128, 27, 27}},
        {"squeezenet-imagenet", "conv10", {10, 13, 13}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_model_request request =
            lb_test_model_request(cases[i].model, lb_test_quant("float", -1, -1));
        request.describe_only = true;
        lb_net net;
        assert_ok(lb_model_build(&request, &net));
        const int node = lb_net_find_node(&net, cases[i].node);
        if (node < 0) fail_msg("%s has no '%s'", cases[i].model, cases[i].node);
        const lb_shape got = net.nodes[node].shape, wanted = cases[i].shape;
        if (memcmp(&got, &wanted, sizeof got) != 0) {
            fail_msg("%s, %s: %zux%zux%zu, wanted %zux%zux%zu", cases[i].model, cases[i].node,
                     got.c, got.h, got.w, wanted.c, wanted.h, wanted.w);
        }
        lb_net_release(&net);
    }
}

/* SAME: 54 pixels are padded below and right only, 27 on all sides; a window that fits is not padded. */
static void test_same_windows(void **state)
{
    (void)state;
    const lb_window even = lb_window_same(3, 2, 54), odd = lb_window_same(3, 2, 27),
                    exact = lb_window_same(2, 2, 8), one = lb_window_same(1, 2, 7);
    assert_int_equal(even.pad_top + even.pad_left, 0);
    assert_int_equal(even.pad_bottom, 1);
    assert_int_equal(even.pad_right, 1);
    assert_int_equal(odd.pad_top * odd.pad_left * odd.pad_bottom * odd.pad_right, 1);
    assert_int_equal(exact.pad_top + exact.pad_bottom, 0);
    assert_int_equal(one.pad_top + one.pad_bottom, 0);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* The nodes whose names start with `prefix`, which is taken off. */
static void check_part(const lb_model_request *request, const char *prefix, const char *wanted)
{
    char got[2048] = "";
    lb_net net;
    size_t used = 0;
    assert_ok(lb_model_build(request, &net));
    for (size_t i = 0; i < net.n_nodes; i++) {
        const char *name = net.nodes[i].name;
        if (strncmp(name, prefix, strlen(prefix)) != 0) continue;
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%s", used ? " " : "",
                                 name + strlen(prefix));
    }
    lb_net_release(&net);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s %s\n%s\nwanted\n%s", request->name, prefix, got, wanted);
}

static lb_model_request narrow(const char *model, const char *method, int w_bits, int a_bits)
{
    lb_model_request request = lb_test_model_request(model, lb_test_quant(method, w_bits, a_bits));
    request.width_multiplier = 0.125;
    return request;
}

static void test_bottlenecks(void **state)
{
    (void)state;
    lb_model_request request = narrow("resnet50", "float", -1, -1);
    check_part(&request, "stage1.block1.",
               "conv1 conv1.norm conv1.act conv2 conv2.norm conv2.act conv3 conv3.norm shortcut "
               "shortcut.norm add conv3.act");
    check_part(&request, "conv1", ".norm .act .pool");
    request = narrow("resnet50", "qnn", 1, 1);
    check_part(&request, "stage1.block2.",
               "conv1.quantize conv1 conv1.norm conv1.act conv2.quantize conv2 conv2.norm "
               "conv2.act conv3.quantize conv3 conv3.norm add conv3.act");
    request = narrow("resnet50", "dorefa", 1, 2);
    check_part(&request, "stage2.block1.",
               "conv1.norm conv1.act conv1.quantize conv1 conv2.norm conv2.act conv2.quantize "
               "conv2 conv3.norm conv3.act conv3.quantize conv3 shortcut.quantize shortcut "
               "shortcut.norm add");
    check_part(&request, "conv1", ".pool");
    check_part(&request, "last", ".norm .act");
    request = narrow("resnet50", "xnor", -1, -1);
    check_part(&request, "stage1.block2.",
               "conv1.norm conv1.quantize conv1 conv1.act conv2.norm conv2.quantize conv2 "
               "conv2.act conv3.norm conv3.quantize conv3 conv3.act add");
    check_part(&request, "conv1", ".act .pool");
    check_part(&request, "fc", ".norm ");
}

static void test_inception(void **state)
{
    (void)state;
    lb_model_request request = narrow("googlenet", "dorefa", 1, 2);
    check_part(&request, "inception3a.",
               "quantize conv1x1 conv1x1.norm conv1x1.act reduce3x3 reduce3x3.norm reduce3x3.act "
               "conv3x3.quantize conv3x3 conv3x3.norm conv3x3.act reduce5x5 reduce5x5.norm "
               "reduce5x5.act conv5x5.quantize conv5x5 conv5x5.norm conv5x5.act branch.pool "
               "project.quantize project project.norm project.act left right concat");
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    lb_test_edge(&net, "conv3.pool", "inception3a.quantize");
    lb_test_edge(&net, "conv3.pool", "inception3a.branch.pool");
    lb_test_edge(&net, "inception3a.quantize", "inception3a.reduce5x5");
    lb_test_edge(&net, "inception3b.pool", "inception4a.quantize");
    lb_net_release(&net);
    request = narrow("googlenet", "xnor", -1, -1);
    check_part(&request, "inception5b.",
               "norm quantize conv1x1 conv1x1.act reduce3x3 reduce3x3.act conv3x3.norm "
               "conv3x3.quantize conv3x3 conv3x3.act reduce5x5 reduce5x5.act conv5x5.norm "
               "conv5x5.quantize conv5x5 conv5x5.act branch.pool project.norm project.quantize "
               "project project.act left right concat");
}

static void test_depthwise(void **state)
{
    (void)state;
    const lb_model_request request = narrow("mobilenet-v1", "dorefa", 1, 2);
    check_part(&request, "block2.",
               "depthwise.quantize depthwise depthwise.norm depthwise.act pointwise.quantize "
               "pointwise pointwise.norm pointwise.act");
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    const lb_conv *conv = lb_test_layer(&net, "block2.depthwise");
    assert_int_equal(conv->groups, 8);
    assert_int_equal(conv->out, 8);
    assert_int_equal(conv->window.stride, 2);
    lb_test_layer_weights(&net, "block2.depthwise", "dorefa", 1);
    lb_test_layer_weights(&net, "conv1", NULL, 0);
    lb_test_layer_weights(&net, "fc", NULL, 0);
    lb_net_release(&net);
}

/* Two groups fit any width multiplier. */
static void test_groups_at_any_width(void **state)
{
    (void)state;
    for (double width = 0.01; width < 1.5; width += 0.0371) {
        lb_model_request request = narrow("alexnet-dorefa", "qnn", 1, 2);
        request.width_multiplier = width;
        request.describe_only = true;
        lb_net net;
        assert_ok(lb_model_build(&request, &net));
        assert_int_equal(lb_test_layer(&net, "conv2")->groups, 2);
        lb_test_layer_weights(&net, "conv2", "qnn", 1);
        lb_net_release(&net);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        lb_shape shape;
        const char *wanted;
    } cases[] = {
        {"resnet18", {3, 32, 32}, "model 'resnet18' takes images of 3x224x224 "},
        {"alexnet", {3, 224, 224}, "model 'alexnet' takes images of 3x227x227 "},
        {"alexnet-dorefa", {3, 227, 227}, "model 'alexnet-dorefa' takes images of 3x224x224 "},
        {"mobilenet-v1", {1, 224, 224}, "model 'mobilenet-v1' takes images of 3x224x224 "},
        {"googlenet", {3, 224, 223}, "model 'googlenet' takes images of 3x224x224 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_model_request request = narrow(cases[i].model, "float", -1, -1);
        request.input = cases[i].shape;
        lb_net net;
        assert_status(lb_model_build(&request, &net), LB_E_SHAPE);
        assert_contains(lb_error(), cases[i].wanted);
        lb_net_release(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_figures),
        cmocka_unit_test(test_batch_norm_eps),
        cmocka_unit_test(test_alexnet_dorefa_shares),
        cmocka_unit_test(test_vgg_syq),
        cmocka_unit_test(test_shortcuts),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_same_windows),
        cmocka_unit_test(test_bottlenecks),
        cmocka_unit_test(test_inception),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_groups_at_any_width),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
