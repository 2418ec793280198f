/* googlenet - GoogLeNet (Inception v1) for 224x224 images: conv 64@7x7 (stride 2) - pool - conv
 * 64@1x1 - conv 192@3x3 - pool - inception 3a, 3b - pool - 4a to 4e - pool - 5a, 5b - global
 * average - FC. Pools 3x3, stride 2, rounded up. Inception: four branches side by side, their
 * channels joined:
 *
 *     1x1          1x1 - 3x3          1x1 - 5x5          3x3 max-pool - 1x1
 *
 * Batch-norm stands after every convolution and replaces the paper's local response normalization;
 * the two auxiliary classifiers are left out. Weights and biases with --bias yes and 1000 classes:
 * 6,998,552, as the paper's net without them has. The first convolutions of the first three
 * branches take the same quantized map; the pool works on what comes before the quantizer.
 * Dropout, where asked for, stands before the last layer. */
#include <stdio.h>

#include "models/block.h"

/* Channels of one inception module, in the order of the paper's table 1. */
typedef struct inception_plan {
    const char *name;
    size_t one, reduce3, three, reduce5, five, pool;
    bool pool_after;
} inception_plan;

static const inception_plan plans[] = {
    {"inception3a", 64, 96, 128, 16, 32, 32, false},
    {"inception3b", 128, 128, 192, 32, 96, 64, true},
    {"inception4a", 192, 96, 208, 16, 48, 64, false},
    {"inception4b", 160, 112, 224, 24, 64, 64, false},
    {"inception4c", 128, 128, 256, 24, 64, 64, false},
    {"inception4d", 112, 144, 288, 32, 64, 64, false},
    {"inception4e", 256, 160, 320, 32, 128, 128, true},
    {"inception5a", 256, 160, 320, 32, 128, 128, false},
    {"inception5b", 384, 192, 384, 48, 128, 128, false},
};

typedef struct part_name {
    char text[LB_NAME_BYTES];
} part_name;

static part_name part(const char *module, const char *layer)
{
    part_name name;
    (void)snprintf(name.text, sizeof name.text, "%s.%s", module, layer);
    return name;
}

/* A square convolution that keeps the map's size, with all that a layer of a chain has. */
static int chain_conv(const lb_builder *b, const char *name, int in, size_t channels, size_t k)
{
    int x = lb_block_before(b, name, in, true);
    x = lb_block_conv(b, name, LB_PLACE_MIDDLE, x, lb_block_width(b, channels),
                      lb_window_square(k, 1, k / 2));
    return lb_block_after(b, name, x, true);
}

/* The 1x1 convolution that starts a branch, from the map quantized for all of them. */
static int branch(const lb_builder *b, const char *name, int quantized, size_t channels)
{
    const int x = lb_block_bare_conv(b, name, LB_PLACE_MIDDLE, quantized,
                                     lb_block_width(b, channels), lb_window_square(1, 1, 0));
    return lb_block_after(b, name, x, true);
}

static int inception(const lb_builder *b, const inception_plan *plan, int in)
{
    const char *name = plan->name;
    const int shared =
        lb_block_quantize(b, name, LB_PLACE_MIDDLE, lb_block_before(b, name, in, true));
    const int one = branch(b, part(name, "conv1x1").text, shared, plan->one);
    int three = branch(b, part(name, "reduce3x3").text, shared, plan->reduce3);
    three = chain_conv(b, part(name, "conv3x3").text, three, plan->three, 3);
    int five = branch(b, part(name, "reduce5x5").text, shared, plan->reduce5);
    five = chain_conv(b, part(name, "conv5x5").text, five, plan->five, 5);
    int pooled =
        lb_net_max_pool(b->net, part(name, "branch.pool").text, in, lb_window_square(3, 1, 1));
    pooled = chain_conv(b, part(name, "project").text, pooled, plan->pool, 1);
    const int left = lb_net_concat(b->net, part(name, "left").text, one, three);
    const int right = lb_net_concat(b->net, part(name, "right").text, five, pooled);
    return lb_net_concat(b->net, part(name, "concat").text, left, right);
}

static int pool(const lb_builder *b, const char *name, int in)
{
    return lb_block_max_pool(b, name, in, lb_window_ceil(3, 2, lb_block_shape(b, in).h));
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_builder b = lb_block_begin(model, request, net);
    int x = lb_block_conv(&b, "conv1", LB_PLACE_FIRST, 0, lb_block_width(&b, 64),
                          lb_window_square(7, 2, 3));
    x = pool(&b, "conv1", lb_block_after(&b, "conv1", x, true));
    x = chain_conv(&b, "conv2", x, 64, 1);
    x = pool(&b, "conv3", chain_conv(&b, "conv3", x, 192, 3));
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        x = inception(&b, &plans[i], x);
        if (plans[i].pool_after) x = pool(&b, plans[i].name, x);
    }
    x = lb_net_global_pool(net, "pool", x);
    x = lb_block_before(&b, "fc", lb_block_dropout(&b, "fc", x), true);
    (void)lb_block_linear(&b, "fc", LB_PLACE_LAST, x, request->classes);
}

static const lb_model models[] = {
    {
        .name = "googlenet",
        .summary = "nine inception modules of 256 to 1024 channels, batch-norm",
        .source = "Szegedy et al., CVPR 2015, arXiv:1409.4842, table 1",
        .input = {3, 224, 224},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_googlenet = {models};
