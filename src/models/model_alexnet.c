/* AlexNet: five convolutions, three max-pools 3x3 with stride 2, FC 4096 - FC 4096 - FC, batch-norm
 * after every layer but the last, eps 1e-4 (RedBit's code and DoReFa-Net's).
 *
 * alexnet         227x227: 96@11x11 (stride 4) - pool - 256@5x5 - pool - 384, 384, 256@3x3 - pool
 *                 (RedBit): 62,367,776 weights with 1000 classes; no groups.
 * alexnet-dorefa  224x224: 96@12x12 (stride 4) - 256@5x5 - pool - 384@3x3 - pool - 384, 256@3x3 -
 *                 pool; the second, fourth and fifth convolution in two groups; the first two pools
 *                 are SAME: maps of 54, 27, 14, 6 pixels (DoReFa-Net's ImageNet net, as Faraone
 *                 table 4.1 and SYQ use it). There its first convolution has no batch-norm, here it
 *                 has. 46 % of the operations are the second convolution's, 33 % the third's.
 *
 * Dropout, where asked for, stands before
 * every fully connected layer. */
#include <stdio.h>
#include <string.h>

#include "models/block.h"

typedef struct conv_plan {
    size_t channels, k, stride, pad, groups;
    enum { NO_POOL, POOL_VALID, POOL_SAME } pool;
} conv_plan;

enum { CONVOLUTIONS = 5 };

static const conv_plan plain[CONVOLUTIONS] = {{96, 11, 4, 0, 1, POOL_VALID},
                                              {256, 5, 1, 2, 1, POOL_VALID},
                                              {384, 3, 1, 1, 1, NO_POOL},
                                              {384, 3, 1, 1, 1, NO_POOL},
                                              {256, 3, 1, 1, 1, POOL_VALID}};
static const conv_plan dorefa[CONVOLUTIONS] = {{96, 12, 4, 0, 1, NO_POOL},
                                               {256, 5, 1, 2, 2, POOL_SAME},
                                               {384, 3, 1, 1, 1, POOL_SAME},
                                               {384, 3, 1, 1, 2, NO_POOL},
                                               {256, 3, 1, 1, 2, POOL_VALID}};

static lb_window pool_window(const conv_plan *plan, size_t size)
{
    return plan->pool == POOL_SAME ? lb_window_same(3, 2, size) : lb_window_square(3, 2, 0);
}

static int convolutions(const lb_builder *b, const conv_plan *plans)
{
    char name[LB_NAME_BYTES];
    int x = 0;
    for (size_t i = 0; i < CONVOLUTIONS; i++) {
        const conv_plan *plan = &plans[i];
        const lb_place place = i == 0 ? LB_PLACE_FIRST : LB_PLACE_MIDDLE;
        /* an even number, for any width multiplier: both groups get as many */
        const size_t out = 2 * lb_block_width(b, plan->channels / 2);
        (void)snprintf(name, sizeof name, "conv%zu", i + 1);
        if (place != LB_PLACE_FIRST) x = lb_block_before(b, name, x, true);
        x = lb_block_grouped_conv(b, name, place, x, out,
                                  lb_window_square(plan->k, plan->stride, plan->pad), plan->groups);
        x = lb_block_after(b, name, x, true);
        if (plan->pool != NO_POOL)
            x = lb_block_max_pool(b, name, x, pool_window(plan, lb_block_shape(b, x).h));
    }
    return x;
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    static const char *const hidden[] = {"fc1", "fc2"};
    lb_builder b = lb_block_begin(model, request, net);
    b.eps = 1e-4f;
    int x = convolutions(&b, strcmp(model->name, "alexnet") == 0 ? plain : dorefa);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        x = lb_block_before(&b, hidden[i], lb_block_dropout(&b, hidden[i], x), true);
        x = lb_block_linear(&b, hidden[i], LB_PLACE_MIDDLE, x, lb_block_width(&b, 4096));
        x = lb_block_after(&b, hidden[i], x, true);
    }
    x = lb_block_before(&b, "fc3", lb_block_dropout(&b, "fc3", x), true);
    (void)lb_block_linear(&b, "fc3", LB_PLACE_LAST, x, request->classes);
}

static const lb_model models[] = {
    {
        .name = "alexnet",
        .summary = "five convolutions without groups, FC 4096 twice, batch-norm",
        .source = "Krizhevsky et al., NIPS 2012, as in RedBit 4.1",
        .input = {3, 227, 227},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {
        .name = "alexnet-dorefa",
        .summary = "DoReFa-Net's AlexNet: first filter 12x12, three layers in two groups",
        .source = "Zhou et al., DoReFa-Net, arXiv:1606.06160, as in Faraone table 4.1 (SYQ)",
        .input = {3, 224, 224},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_alexnet = {models};
