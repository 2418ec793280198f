/* VGG-like networks: 3x3 convolutions with padding 1, max-pools 2x2, fully connected layers,
 * batch-norm after every layer but the last. For 32x32 images:
 *
 * vgg7       2x128 M 2x256 M 2x512 M - FC 1024 - FC 10 (TWN, Kutukcu): 12,976,266 weights and
 *            biases; Kutukcu counts biases in all layers, so they are there, although a batch-norm
 *            follows.
 * vgg-small  the same convolutions, one FC (LQ-Nets, IMPQ).
 * vgg-bc     the same convolutions, FC 1024 - FC 1024 - FC 10 (BinaryConnect, Faraone ch. 3):
 *            14.02 M.
 * vgg16-cifar  64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M - FC 4096 - FC 4096 -
 *            FC 10 (RedBit): 33,625,792 weights, no biases.
 *
 * For 224x224 images:
 *
 * vgg16      the same thirteen convolutions - FC 4096 - FC 4096 - FC 1000: 138,357,544 weights and
 *            biases with --bias yes, as published.
 * vgg-syq    96@7x7 (stride 2) M 3x256 M 3x512 M 3x512 M - FC 4096 - FC 4096 - FC 1000: He et al.'s
 *            model A with three convolutions where it has five, and a max-pool for its spatial
 *            pyramid pooling (Faraone 5.6.1, HWGQ).
 *
 * Dropout, where asked for, stands before every fully connected layer. */
#include <stdio.h>
#include <string.h>

#include "models/block.h"

/* A plan: the first convolution's kernel and stride; the channels of convolutions, "M" a pool; then
 * the widths of the hidden fully connected layers. */
typedef struct vgg_plan {
    const char *name;
    size_t first_k, first_stride;
    int convolutions[24]; /* ends with 0 */
    size_t hidden[4];     /* ends with 0 */
} vgg_plan;

enum { M = -1 };

static const vgg_plan plans[] = {
    {"vgg7", 3, 1, {128, 128, M, 256, 256, M, 512, 512, M, 0}, {1024, 0}},
    {"vgg-small", 3, 1, {128, 128, M, 256, 256, M, 512, 512, M, 0}, {0}},
    {"vgg-bc", 3, 1, {128, 128, M, 256, 256, M, 512, 512, M, 0}, {1024, 1024, 0}},
    {"vgg16-cifar",
     3,
     1,
     {64, 64, M, 128, 128, M, 256, 256, 256, M, 512, 512, 512, M, 512, 512, 512, M, 0},
     {4096, 4096, 0}},
    {"vgg16",
     3,
     1,
     {64, 64, M, 128, 128, M, 256, 256, 256, M, 512, 512, 512, M, 512, 512, 512, M, 0},
     {4096, 4096, 0}},
    {"vgg-syq",
     7,
     2,
     {96, M, 256, 256, 256, M, 512, 512, 512, M, 512, 512, 512, M, 0},
     {4096, 4096, 0}},
};

static const vgg_plan *plan_of(const char *name)
{
    const vgg_plan *plan = plans;
    while (strcmp(plan->name, name) != 0) plan++; /* every model below has its plan */
    return plan;
}

static int convolutions(const lb_builder *b, const vgg_plan *plan)
{
    const lb_window first = lb_window_square(plan->first_k, plan->first_stride, plan->first_k / 2),
                    others = lb_window_square(3, 1, 1);
    const int *channels = plan->convolutions;
    char name[LB_NAME_BYTES] = "";
    int x = 0;
    size_t layer = 0;
    for (size_t i = 0; channels[i] != 0; i++) {
        if (channels[i] == M) {
            /* named after the convolution before it */
            x = lb_block_max_pool(b, name, x, lb_window_square(2, 2, 0));
            continue;
        }
        const lb_place place = layer++ == 0 ? LB_PLACE_FIRST : LB_PLACE_MIDDLE;
        const size_t out = lb_block_width(b, (size_t)channels[i]);
        (void)snprintf(name, sizeof name, "conv%zu", layer);
        if (place != LB_PLACE_FIRST) x = lb_block_before(b, name, x, true);
        x = lb_block_conv(b, name, place, x, out, place == LB_PLACE_FIRST ? first : others);
        x = lb_block_after(b, name, x, true);
    }
    return x;
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_builder b = lb_block_begin(model, request, net);
    const vgg_plan *plan = plan_of(model->name);
    char name[LB_NAME_BYTES];
    int x = convolutions(&b, plan);
    size_t i = 0;
    for (; plan->hidden[i] != 0; i++) {
        (void)snprintf(name, sizeof name, "fc%zu", i + 1);
        x = lb_block_before(&b, name, lb_block_dropout(&b, name, x), true);
        x = lb_block_linear(&b, name, LB_PLACE_MIDDLE, x, lb_block_width(&b, plan->hidden[i]));
        x = lb_block_after(&b, name, x, true);
    }
    (void)snprintf(name, sizeof name, "fc%zu", i + 1);
    x = lb_block_before(&b, name, lb_block_dropout(&b, name, x), true);
    (void)lb_block_linear(&b, name, LB_PLACE_LAST, x, request->classes);
}

static const lb_model models[] = {
    {
        .name = "vgg7",
        .summary = "six convolutions of 128 to 512 channels, FC 1024; 12,976,266 parameters",
        .source = "Li et al., TWN, arXiv:1605.04711 (Kutukcu 4.3.2)",
        .input = {3, 32, 32},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_ALL,
        .build = build,
    },
    {
        .name = "vgg-small",
        .summary = "six convolutions of 128 to 512 channels, one fully connected layer",
        .source = "Zhang et al., LQ-Nets, ECCV 2018, arXiv:1807.10029",
        .input = {3, 32, 32},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {
        .name = "vgg-bc",
        .summary = "six convolutions of 128 to 512 channels, two FC 1024; 14.02 M weights",
        .source = "Courbariaux et al., BinaryConnect, NIPS 2015, arXiv:1511.00363, 3.3",
        .input = {3, 32, 32},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {
        .name = "vgg16-cifar",
        .summary = "VGG-16 for 32x32 images, two FC 4096; 33,625,792 weights",
        .source = "Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556, as in RedBit 4.1",
        .input = {3, 32, 32},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_NONE,
        .build = build,
    },
    {
        .name = "vgg16",
        .summary = "VGG-16 for ImageNet, two FC 4096, batch-norm",
        .source = "Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556, table 1, D",
        .input = {3, 224, 224},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {
        .name = "vgg-syq",
        .summary = "SYQ's VGG variant: first filter 7x7, nine convolutions of 256 and 512 channels",
        .source = "He et al., ICCV 2015, arXiv:1502.01852, table 3, model A, as in Faraone 5.6.1",
        .input = {3, 224, 224},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_vgg = {models};
