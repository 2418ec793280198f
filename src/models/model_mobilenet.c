/* mobilenet-v1 - MobileNet for 224x224 images: conv 32@3x3 (stride 2), thirteen separable blocks,
 * global average, FC. A separable block is a 3x3 convolution of each channel by itself (depthwise),
 * which has the stride, then a 1x1 convolution to the block's channels; batch-norm and ReLU after
 * both.
 *
 * 4,231,976 parameters with 1000 classes, batch-norm's among them, and 568.7 million
 * multiply-accumulates: the 4.2 million and 569 million of the paper's table 4. --width-multiplier
 * is the paper's. */
#include <stdio.h>

#include "models/block.h"

static const struct {
    size_t channels, stride;
} blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
              {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

enum { N_BLOCKS = sizeof blocks / sizeof *blocks };

static int separable_block(const lb_builder *b, size_t block, int in)
{
    char depthwise[LB_NAME_BYTES], pointwise[LB_NAME_BYTES];
    (void)snprintf(depthwise, sizeof depthwise, "block%zu.depthwise", block + 1);
    (void)snprintf(pointwise, sizeof pointwise, "block%zu.pointwise", block + 1);
    const size_t channels = lb_block_shape(b, in).c;
    int x = lb_block_before(b, depthwise, in, true);
    x = lb_block_grouped_conv(b, depthwise, LB_PLACE_MIDDLE, x, channels,
                              lb_window_square(3, blocks[block].stride, 1), channels);
    x = lb_block_before(b, pointwise, lb_block_after(b, depthwise, x, true), true);
    x = lb_block_conv(b, pointwise, LB_PLACE_MIDDLE, x, lb_block_width(b, blocks[block].channels),
                      lb_window_square(1, 1, 0));
    return lb_block_after(b, pointwise, x, true);
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_builder b = lb_block_begin(model, request, net);
    int x = lb_block_conv(&b, "conv1", LB_PLACE_FIRST, 0, lb_block_width(&b, 32),
                          lb_window_square(3, 2, 1));
    x = lb_block_after(&b, "conv1", x, true);
    for (size_t i = 0; i < N_BLOCKS; i++) x = separable_block(&b, i, x);
    x = lb_net_global_pool(net, "pool", x);
    x = lb_block_before(&b, "fc", lb_block_dropout(&b, "fc", x), true);
    (void)lb_block_linear(&b, "fc", LB_PLACE_LAST, x, request->classes);
}

static const lb_model models[] = {
    {
        .name = "mobilenet-v1",
        .summary = "thirteen depthwise separable blocks of 64 to 1024 channels",
        .source = "Howard et al., MobileNets, arXiv:1704.04861, table 1",
        .input = {3, 224, 224},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_mobilenet = {models};
