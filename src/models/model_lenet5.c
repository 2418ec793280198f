/* lenet5 - LeNet-5 as in RedBit's code: conv 20@5x5 - pool 2 - conv 50@5x5 - pool 2 - FC 500 - FC
 * 250 - FC 10, batch-norm after each layer but the last, the first without an affine part, eps
 * 1e-4. No biases: 553,000 weights. Pools take the largest value in QNN, XNOR-Net, TWN and TTQ, the
 * mean in float and DoReFa-Net. */
#include <stdio.h>

#include "models/block.h"

static int pool(const lb_builder *b, const char *layer, int in)
{
    char name[LB_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s.pool", layer);
    const lb_window window = lb_window_square(2, 2, 0);
    return b->request->quant.lenet_pool == LB_POOL_MAX
               ? lb_net_max_pool(b->net, name, in, window)
               : lb_net_average_pool(b->net, name, in, window);
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    lb_builder b = lb_block_begin(model, request, net);
    b.eps = 1e-4f;
    const lb_window window = lb_window_square(5, 1, 0);
    /* the batch-norm between conv1 and conv2 is the one without an affine part, wherever the order
     * puts it */
    int x = lb_block_conv(&b, "conv1", LB_PLACE_FIRST, 0, lb_block_width(&b, 20), window);
    x = pool(&b, "conv1", lb_block_after(&b, "conv1", x, false));
    x = lb_block_before(&b, "conv2", x, false);
    x = lb_block_conv(&b, "conv2", LB_PLACE_MIDDLE, x, lb_block_width(&b, 50), window);
    x = pool(&b, "conv2", lb_block_after(&b, "conv2", x, true));

    static const struct {
        const char *name;
        size_t width;
    } layers[] = {{"fc1", 500}, {"fc2", 250}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        x = lb_block_before(&b, layers[i].name, lb_block_dropout(&b, layers[i].name, x), true);
        x = lb_block_linear(&b, layers[i].name, LB_PLACE_MIDDLE, x,
                            lb_block_width(&b, layers[i].width));
        x = lb_block_after(&b, layers[i].name, x, true);
    }
    x = lb_block_before(&b, "fc3", lb_block_dropout(&b, "fc3", x), true);
    (void)lb_block_linear(&b, "fc3", LB_PLACE_LAST, x, request->classes);
}

static const lb_model models[] = {
    {
        .name = "lenet5",
        .summary = "two 5x5 convolutions, three fully connected layers; 553,000 weights",
        .source = "LeCun et al. 1998, as in RedBit 4.1 and its code",
        .input = {1, 28, 28},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_NONE,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_lenet5 = {models};
