/* Residual networks: a first convolution, stages of blocks, global average, FC. All stages but the
 * first start with stride 2 and have twice the channels of the one before.
 *
 * resnetN for 32x32 images, N = 6n + 2: conv 16@3x3, three stages of n basic blocks, 16 channels
 * first; shortcuts A. For 224x224 images: conv 64@7x7 (stride 2) - max-pool 3x3 (stride 2, padding
 * 1), four stages, 64 channels first; shortcuts B:
 *
 *     resnet18     2, 2, 2, 2 basic blocks        11,689,512 parameters, batch-norm's among them
 *     resnet34     3, 4, 6, 3 basic blocks        21,797,672
 *     resnet50     3, 4, 6, 3 bottleneck blocks   25,557,032
 *
 * Post-activation block (conv-bn-act):        Pre-activation block (bn-act-conv):
 *     q - conv1 - bn - act - q - conv2 - bn       bn - act - q - conv1 - bn - act - q - conv2
 *     + shortcut, then act                        + shortcut
 * A bottleneck block is conv1 1x1 - conv2 3x3 - conv3 1x1 to four times the channels in the same
 * way; conv2 has the stride, as usual today (the paper: conv1).
 * XNOR-Net's order: bn - sign - conv1 - ReLU - bn - sign - conv2 - ReLU, + shortcut.
 * Quantizers belong to the convolutions' inputs: the shortcut starts at the block's input and
 * carries float.
 *
 * Shortcuts where the shape changes:
 *     A     every second pixel, zero channels appended at the end
 *     B     1x1 convolution with stride 2, then batch-norm (RedBit) or none (Kutukcu); its input is
 *           quantized as its weights are; XNOR-Net's: bn - sign - conv
 *     none  the block has no shortcut there (Kutukcu table 4.9)
 *
 * At the end a pre-activation network has one more bn - act; in XNOR-Net's order the batch-norm
 * stands after the pool, as everywhere in it. The first convolution of a pre-activation network is
 * followed by the first block, or the max-pool, at once.
 *
 * The last layer has a bias, as usual. Kutukcu counts 271,690 (ResNet-20) and 465,674 (ResNet-32)
 * with shortcuts B and biases in all layers: bias on. Before a batch-norm they are of no use, so
 * they are not the standard. */
#include <stdio.h>
#include <string.h>

#include "models/block.h"

typedef struct resnet_plan {
    const char *name;
    size_t blocks[5]; /* of each stage; ends with 0 */
    bool bottleneck;
    bool imagenet; /* the first layers and 64 channels; else 16 */
} resnet_plan;

static const resnet_plan plans[] = {
    {"resnet20", {3, 3, 3, 0}, false, false},   {"resnet32", {5, 5, 5, 0}, false, false},
    {"resnet44", {7, 7, 7, 0}, false, false},   {"resnet50-cifar", {8, 8, 8, 0}, false, false},
    {"resnet56", {9, 9, 9, 0}, false, false},   {"resnet18", {2, 2, 2, 2, 0}, false, true},
    {"resnet34", {3, 4, 6, 3, 0}, false, true}, {"resnet50", {3, 4, 6, 3, 0}, true, true},
};

static const resnet_plan *plan_of(const char *name)
{
    const resnet_plan *plan = plans;
    while (strcmp(plan->name, name) != 0) plan++; /* every model below has its plan */
    return plan;
}

/* A block's place in the network and what it is made of. */
typedef struct block_plan {
    size_t stage, block, channels, stride;
    bool bottleneck;
    lb_shortcut_kind shortcut; /* the model's own */
} block_plan;

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

/* Channels of the block's last layer. */
static size_t width_of(const lb_builder *b, const block_plan *p)
{
    return lb_block_width(b, p->bottleneck ? 4 * p->channels : p->channels);
}

/* The shortcut from `in`; -1: there is none. */
static int shortcut(const lb_builder *b, const block_plan *p, int in, int quantized)
{
    const layer_name name = name_of(p->stage, p->block, "shortcut");
    const size_t out = width_of(b, p);
    if (p->stride == 1 && lb_block_shape(b, in).c == out) return in;
    const lb_shortcut_kind asked = b->request->shortcut;
    switch (asked == LB_SHORTCUT_MODEL ? p->shortcut : asked) {
    case LB_SHORTCUT_NONE: return -1;
    case LB_SHORTCUT_B: return project(b, name.text, in, out, p->stride, quantized);
    case LB_SHORTCUT_MODEL:
    case LB_SHORTCUT_A: break;
    }
    return lb_net_subsample(b->net, name.text, in, p->stride, out);
}

/* What a block's convolutions are, one after the other. */
typedef struct block_conv {
    layer_name name;
    size_t out;
    lb_window window;
} block_conv;

enum { MAX_CONVOLUTIONS = 3 };

static size_t convolutions_of(const lb_builder *b, const block_plan *p,
                              block_conv list[MAX_CONVOLUTIONS])
{
    const size_t channels = lb_block_width(b, p->channels);
    const lb_window strided = lb_window_square(3, p->stride, 1);
    if (p->bottleneck) {
        list[0].window = list[2].window = lb_window_square(1, 1, 0);
        list[1].window = strided;
    } else {
        list[0].window = strided;
        list[1].window = lb_window_square(3, 1, 1);
    }
    static const char *const parts[MAX_CONVOLUTIONS] = {"conv1", "conv2", "conv3"};
    const size_t n = p->bottleneck ? 3 : 2;
    for (size_t i = 0; i < n; i++) {
        list[i].name = name_of(p->stage, p->block, parts[i]);
        list[i].out = i + 1 < n ? channels : width_of(b, p);
    }
    return n;
}

static int add_shortcut(const lb_builder *b, const block_plan *p, int x, int skip)
{
    if (skip < 0) return x;
    return lb_net_add(b->net, name_of(p->stage, p->block, "add").text, x, skip);
}

static int post_activation_block(const lb_builder *b, const block_plan *p, int in)
{
    block_conv list[MAX_CONVOLUTIONS];
    const size_t n = convolutions_of(b, p, list);
    const int quantized = lb_block_quantize(b, list[0].name.text, LB_PLACE_MIDDLE, in);
    int x = lb_block_bare_conv(b, list[0].name.text, LB_PLACE_MIDDLE, quantized, list[0].out,
                               list[0].window);
    x = lb_block_norm(b, list[0].name.text, x, true);
    for (size_t i = 1; i < n; i++) {
        x = lb_block_act(b, list[i - 1].name.text, x);
        x = lb_block_conv(b, list[i].name.text, LB_PLACE_MIDDLE, x, list[i].out, list[i].window);
        x = lb_block_norm(b, list[i].name.text, x, true);
    }
    const int from = b->request->quant.quantize_before_branch ? quantized : in;
    x = add_shortcut(b, p, x, shortcut(b, p, from, quantized));
    return lb_block_act(b, list[n - 1].name.text, x);
}

/* bn - act - quantize - conv, or XNOR-Net's bn - quantize - conv - ReLU. */
static int pre_activation_conv(const lb_builder *b, const block_conv *conv, int in)
{
    const bool relu_after = b->request->quant.relu_after_conv;
    int x = lb_block_norm(b, conv->name.text, in, true);
    if (!relu_after) x = lb_block_act(b, conv->name.text, x);
    x = lb_block_conv(b, conv->name.text, LB_PLACE_MIDDLE, x, conv->out, conv->window);
    return relu_after ? lb_block_act(b, conv->name.text, x) : x;
}

static int pre_activation_block(const lb_builder *b, const block_plan *p, int in)
{
    block_conv list[MAX_CONVOLUTIONS];
    const size_t n = convolutions_of(b, p, list);
    int x = in;
    for (size_t i = 0; i < n; i++) x = pre_activation_conv(b, &list[i], x);
    return add_shortcut(b, p, x, shortcut(b, p, in, -1));
}

/* The first convolution and what follows it: in pre-activation networks the first block brings its
 * own. */
static int stem(const lb_builder *b, const resnet_plan *plan)
{
    const size_t out = lb_block_width(b, plan->imagenet ? 64 : 16);
    const lb_window window = plan->imagenet ? lb_window_square(7, 2, 3) : lb_window_square(3, 1, 1);
    int x = lb_block_conv(b, "conv1", LB_PLACE_FIRST, 0, out, window);
    if (!is_pre_activation(b) || b->request->quant.relu_after_conv)
        x = lb_block_after(b, "conv1", x, true);
    return plan->imagenet ? lb_block_max_pool(b, "conv1", x, lb_window_square(3, 2, 1)) : x;
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_builder builder = lb_block_begin(model, request, net);
    const lb_builder *b = &builder;
    const resnet_plan *plan = plan_of(model->name);
    const bool pre = is_pre_activation(b);
    block_plan p = {.bottleneck = plan->bottleneck,
                    .shortcut = plan->imagenet ? LB_SHORTCUT_B : LB_SHORTCUT_A};
    int x = stem(b, plan);
    for (; plan->blocks[p.stage] != 0; p.stage++) {
        p.channels = (size_t)(plan->imagenet ? 64 : 16) << p.stage;
        for (p.block = 0; p.block < plan->blocks[p.stage]; p.block++) {
            p.stride = p.stage > 0 && p.block == 0 ? 2 : 1;
            x = pre ? pre_activation_block(b, &p, x) : post_activation_block(b, &p, x);
        }
    }
    if (pre && !request->quant.relu_after_conv)
        x = lb_block_act(b, "last", lb_block_norm(b, "last", x, true));
    x = lb_net_global_pool(net, "pool", x);
    x = lb_block_before(b, "fc", lb_block_dropout(b, "fc", x), true);
    (void)lb_block_linear(b, "fc", LB_PLACE_LAST, x, request->classes);
}

#define RESNET(name_, depth_, summary_)                                                      \
    {                                                                                        \
        .name = (name_), .summary = (summary_),                                              \
        .source = "He et al., CVPR 2016, arXiv:1512.03385, 4.2 (RedBit 4.1, Kutukcu 4.3.3)", \
        .input = {3, 32, 32}, .classes = 10, .init = LB_INIT_RESNET, .bias = LB_BIAS_LAST,   \
        .depth = (depth_), .build = build                                                    \
    }
#define RESNET_IMAGENET(name_, depth_, summary_)                                             \
    {                                                                                        \
        .name = (name_), .summary = (summary_),                                              \
        .source = "He et al., CVPR 2016, arXiv:1512.03385, table 1", .input = {3, 224, 224}, \
        .classes = 1000, .init = LB_INIT_RESNET, .bias = LB_BIAS_LAST, .depth = (depth_),    \
        .build = build                                                                       \
    }

static const lb_model models[] = {
    RESNET("resnet20", 20, "3 x 3 basic blocks of 16, 32, 64 channels"),
    RESNET("resnet32", 32, "3 x 5 basic blocks of 16, 32, 64 channels"),
    RESNET("resnet44", 44, "3 x 7 basic blocks of 16, 32, 64 channels"),
    RESNET("resnet50-cifar", 50, "3 x 8 basic blocks of 16, 32, 64 channels (RedBit's ResNet-50)"),
    RESNET("resnet56", 56, "3 x 9 basic blocks of 16, 32, 64 channels"),
    RESNET_IMAGENET("resnet18", 18, "2, 2, 2, 2 basic blocks of 64 to 512 channels"),
    RESNET_IMAGENET("resnet34", 34, "3, 4, 6, 3 basic blocks of 64 to 512 channels"),
    RESNET_IMAGENET("resnet50", 50, "3, 4, 6, 3 bottleneck blocks of 256 to 2048 channels"),
    {.name = NULL},
};

const lb_model_family lb_model_family_resnet = {models};
