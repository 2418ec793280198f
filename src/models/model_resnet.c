/* resnetN - residual networks for 32x32 images, N = 6n + 2: conv 16, three stages of n basic blocks
 * with 16, 32, 64 channels, the second and third starting with stride 2, global average, FC.
 *
 * Post-activation block (conv-bn-act):        Pre-activation block (bn-act-conv):
 *     q - conv1 - bn - act - q - conv2 - bn       bn - act - q - conv1 - bn - act - q - conv2
 *     + shortcut, then act                        + shortcut
 * XNOR-Net's order: bn - sign - conv1 - ReLU - bn - sign - conv2 - ReLU, + shortcut.
 * Quantizers belong to the convolutions' inputs: the shortcut starts at the block's input and
 * carries float.
 *
 * Shortcuts where the shape changes:
 *     A     (the standard) every second pixel, zero channels appended at the end
 *     B     1x1 convolution with stride 2, then batch-norm (RedBit) or none (Kutukcu); its input is
 *           quantized as its weights are; XNOR-Net's: bn - sign - conv
 *     none  the block has no shortcut there (Kutukcu table 4.9)
 *
 * At the end a pre-activation network has one more bn - act; in XNOR-Net's order the batch-norm
 * stands after the pool, as everywhere in it.
 *
 * The last layer has a bias, as usual. Kutukcu counts 271,690 (ResNet-20) and 465,674 (ResNet-32)
 * with shortcuts B and biases in all layers: bias on. Before a batch-norm they are of no use, so
 * they are not the standard. */
#include <stdio.h>

#include "models/block.h"

enum { STAGES = 3 };

typedef struct layer_name {
    char text[LB_NAME_BYTES];
} layer_name;

static layer_name name_of(size_t stage, size_t block, const char *part)
{
    layer_name name;
    (void)snprintf(name.text, sizeof name.text, "stage%zu.block%zu.%s", stage + 1, block + 1, part);
    return name;
}

static bool is_pre_activation(const lb_builder *b)
{
    const lb_model_request *request = b->request;
    return request->pre_activation || request->quant.order == LB_BN_ACT_CONV;
}

/* The 1x1 convolution. `quantized` is conv1's quantizer node where that has the same input, else
 * -1. */
static int project(const lb_builder *b, const char *name, int in, size_t out, size_t stride,
                   int quantized)
{
    int x = lb_block_before(b, name, in, true); /* XNOR-Net's batch-norm */
    if (quantized >= 0 && b->request->quant.quantize_shortcuts) {
        x = quantized;
    } else {
        x = lb_block_quantize(b, name, LB_PLACE_SHORTCUT, x);
    }
    x = lb_block_bare_conv(b, name, LB_PLACE_SHORTCUT, x, out, lb_window_square(1, stride, 0));
    const bool norm =
        b->request->shortcut_norm != LB_SWITCH_OFF && !b->request->quant.relu_after_conv;
    return norm ? lb_block_norm(b, name, x, true) : x;
}

/* The shortcut from `in`; -1: there is none. */
static int shortcut(const lb_builder *b, const char *name, int in, size_t out, size_t stride,
                    int quantized)
{
    if (stride == 1 && lb_block_shape(b, in).c == out) return in;
    switch (b->request->shortcut) {
    case LB_SHORTCUT_NONE: return -1;
    case LB_SHORTCUT_B: return project(b, name, in, out, stride, quantized);
    case LB_SHORTCUT_MODEL:
    case LB_SHORTCUT_A: break;
    }
    return lb_net_subsample(b->net, name, in, stride, out);
}

static int post_activation_block(const lb_builder *b, size_t stage, size_t block, int in,
                                 size_t out, size_t stride)
{
    const layer_name conv1 = name_of(stage, block, "conv1"), conv2 = name_of(stage, block, "conv2");
    const int quantized = lb_block_quantize(b, conv1.text, LB_PLACE_MIDDLE, in);
    int x = lb_block_bare_conv(b, conv1.text, LB_PLACE_MIDDLE, quantized, out,
                               lb_window_square(3, stride, 1));
    x = lb_block_act(b, conv1.text, lb_block_norm(b, conv1.text, x, true));
    x = lb_block_conv(b, conv2.text, LB_PLACE_MIDDLE, x, out, lb_window_square(3, 1, 1));
    x = lb_block_norm(b, conv2.text, x, true);
    const int from = b->request->quant.quantize_before_branch ? quantized : in;
    const int skip =
        shortcut(b, name_of(stage, block, "shortcut").text, from, out, stride, quantized);
    if (skip >= 0) x = lb_net_add(b->net, name_of(stage, block, "add").text, x, skip);
    return lb_block_act(b, conv2.text, x);
}

/* bn - act - quantize - conv, or XNOR-Net's bn - quantize - conv - ReLU. */
static int pre_activation_conv(const lb_builder *b, const char *name, int in, size_t out,
                               size_t stride)
{
    const bool relu_after = b->request->quant.relu_after_conv;
    int x = lb_block_norm(b, name, in, true);
    if (!relu_after) x = lb_block_act(b, name, x);
    x = lb_block_conv(b, name, LB_PLACE_MIDDLE, x, out, lb_window_square(3, stride, 1));
    return relu_after ? lb_block_act(b, name, x) : x;
}

static int pre_activation_block(const lb_builder *b, size_t stage, size_t block, int in, size_t out,
                                size_t stride)
{
    int x = pre_activation_conv(b, name_of(stage, block, "conv1").text, in, out, stride);
    x = pre_activation_conv(b, name_of(stage, block, "conv2").text, x, out, 1);
    const int skip = shortcut(b, name_of(stage, block, "shortcut").text, in, out, stride, -1);
    return skip >= 0 ? lb_net_add(b->net, name_of(stage, block, "add").text, x, skip) : x;
}

/* The first convolution and what follows it: in pre-activation networks the first block brings its
 * own. */
static int stem(const lb_builder *b, size_t out)
{
    const int x = lb_block_conv(b, "conv1", LB_PLACE_FIRST, 0, out, lb_window_square(3, 1, 1));
    if (is_pre_activation(b) && !b->request->quant.relu_after_conv) return x;
    return lb_block_after(b, "conv1", x, true);
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_builder builder = lb_block_begin(model, request, net);
    const lb_builder *b = &builder;
    const size_t blocks = (size_t)(model->depth - 2) / 6;
    const bool pre = is_pre_activation(b);
    int x = stem(b, lb_block_width(b, 16));
    for (size_t stage = 0; stage < STAGES; stage++) {
        const size_t out = lb_block_width(b, (size_t)16 << stage);
        for (size_t block = 0; block < blocks; block++) {
            const size_t stride = stage > 0 && block == 0 ? 2 : 1;
            x = pre ? pre_activation_block(b, stage, block, x, out, stride)
                    : post_activation_block(b, stage, block, x, out, stride);
        }
    }
    if (pre && !request->quant.relu_after_conv)
        x = lb_block_act(b, "last", lb_block_norm(b, "last", x, true));
    x = lb_net_global_pool(net, "pool", x);
    x = lb_block_before(b, "fc", lb_block_dropout(b, "fc", x), true);
    (void)lb_block_linear(b, "fc", LB_PLACE_LAST, x, request->classes);
}

#define RESNET(name_, depth_, summary_)                                                        \
    {                                                                                          \
        .name = (name_), .summary = (summary_),                                                \
        .source = "He et al., CVPR 2016, arXiv:1512.03385, 4.2 (RedBit 4.1, Kutukcu 4.3.3)",   \
        .input = {3, 32, 32}, .init = LB_INIT_RESNET, .bias = LB_BIAS_LAST, .depth = (depth_), \
        .build = build                                                                         \
    }

static const lb_model models[] = {
    RESNET("resnet20", 20, "3 x 3 basic blocks of 16, 32, 64 channels"),
    RESNET("resnet32", 32, "3 x 5 basic blocks of 16, 32, 64 channels"),
    RESNET("resnet44", 44, "3 x 7 basic blocks of 16, 32, 64 channels"),
    RESNET("resnet50-cifar", 50, "3 x 8 basic blocks of 16, 32, 64 channels (RedBit's ResNet-50)"),
    RESNET("resnet56", 56, "3 x 9 basic blocks of 16, 32, 64 channels"),
    {.name = NULL},
};

const lb_model_family lb_model_family_resnet = {models};
