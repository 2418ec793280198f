/* squeezenet - SqueezeNet v1.1 for 32x32 images (Kutukcu): conv1 64@3x3 (stride 1, padding 1) -
 * pool - fire 2, 3 - pool - fire 4, 5 - pool - fire 6, 7, 8, 9 - conv10 1x1 to the classes - global
 * average. Pools 3x3, stride 2, rounded up. Fire(s, e): squeeze s@1x1, then e@1x1 and e@3x3 side by
 * side, their channels joined. squeezenet-bypass adds the input of fire 3, 5, 7, 9 to its output.
 *
 * squeezenet-imagenet is v1.1 itself, for 224x224 images: conv1 has stride 2 and no padding.
 *
 * 727,626 weights and biases with 10 classes, as Kutukcu counts; squeezenet-imagenet has 1,235,496
 * with 1000. Batch-norm stands after every
 * convolution but the last (Kutukcu does not tell; without it -1 and +1 weights do not train), and
 * the ReLU that v1.1 has after conv10 is left out, as after every last layer here: a clip there
 * would bound the logits. Dropout, where asked for, stands before conv10. */
#include <stdio.h>
#include <string.h>

#include "models/block.h"

typedef struct fire_plan {
    const char *name;
    size_t squeeze, expand;
    bool bypass; /* in squeezenet-bypass: equal channels in and out */
    bool pool_after;
} fire_plan;

static const fire_plan fires[] = {
    {"fire2", 16, 64, false, false},  {"fire3", 16, 64, true, true},
    {"fire4", 32, 128, false, false}, {"fire5", 32, 128, true, true},
    {"fire6", 48, 192, false, false}, {"fire7", 48, 192, true, false},
    {"fire8", 64, 256, false, false}, {"fire9", 64, 256, true, false},
};

typedef struct part_name {
    char text[LB_NAME_BYTES];
} part_name;

static part_name part(const char *fire, const char *layer)
{
    part_name name;
    (void)snprintf(name.text, sizeof name.text, "%s.%s", fire, layer);
    return name;
}

/* Both expanding convolutions take the same quantized map. */
static int fire(const lb_builder *b, const fire_plan *plan, int in, bool bypass)
{
    const part_name squeeze = part(plan->name, "squeeze"), expand = part(plan->name, "expand");
    const part_name expand1 = part(plan->name, "expand1x1"),
                    expand3 = part(plan->name, "expand3x3");
    const size_t width = lb_block_width(b, plan->expand);
    int x = lb_block_before(b, squeeze.text, in, true);
    x = lb_block_conv(b, squeeze.text, LB_PLACE_MIDDLE, x, lb_block_width(b, plan->squeeze),
                      lb_window_square(1, 1, 0));
    x = lb_block_after(b, squeeze.text, x, true);
    x = lb_block_quantize(b, expand.text, LB_PLACE_MIDDLE,
                          lb_block_before(b, expand.text, x, true));
    int small =
        lb_block_bare_conv(b, expand1.text, LB_PLACE_MIDDLE, x, width, lb_window_square(1, 1, 0));
    small = lb_block_after(b, expand1.text, small, true);
    int large =
        lb_block_bare_conv(b, expand3.text, LB_PLACE_MIDDLE, x, width, lb_window_square(3, 1, 1));
    large = lb_block_after(b, expand3.text, large, true);
    x = lb_net_concat(b->net, part(plan->name, "concat").text, small, large);
    return bypass ? lb_net_add(b->net, part(plan->name, "add").text, x, in) : x;
}

static int pool(const lb_builder *b, const char *name, int in)
{
    return lb_block_max_pool(b, name, in, lb_window_ceil(3, 2, lb_block_shape(b, in).h));
}

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_builder b = lb_block_begin(model, request, net);
    const bool bypass = strcmp(model->name, "squeezenet-bypass") == 0;
    const bool large = strcmp(model->name, "squeezenet-imagenet") == 0;
    int x = lb_block_conv(&b, "conv1", LB_PLACE_FIRST, 0, lb_block_width(&b, 64),
                          large ? lb_window_square(3, 2, 0) : lb_window_square(3, 1, 1));
    x = pool(&b, "conv1", lb_block_after(&b, "conv1", x, true));
    for (size_t i = 0; i < sizeof fires / sizeof *fires; i++) {
        x = fire(&b, &fires[i], x, bypass && fires[i].bypass);
        if (fires[i].pool_after) x = pool(&b, fires[i].name, x);
    }
    x = lb_block_before(&b, "conv10", lb_block_dropout(&b, "conv10", x), true);
    x = lb_block_conv(&b, "conv10", LB_PLACE_LAST, x, request->classes, lb_window_square(1, 1, 0));
    (void)lb_net_global_pool(net, "pool", x);
}

static const lb_model models[] = {
    {
        .name = "squeezenet",
        .summary = "v1.1, eight fire modules; 727,626 parameters",
        .source = "Iandola et al., arXiv:1602.07360, v1.1 (Kutukcu 4.3.2.3)",
        .input = {3, 32, 32},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_ALL,
        .build = build,
    },
    {
        .name = "squeezenet-bypass",
        .summary = "squeezenet with identity around fire 3, 5, 7 and 9",
        .source = "Iandola et al., arXiv:1602.07360, v1.1, simple bypass (Kutukcu 4.3.3.4)",
        .input = {3, 32, 32},
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_ALL,
        .build = build,
    },
    {
        .name = "squeezenet-imagenet",
        .summary = "v1.1 as published; 1,235,496 parameters",
        .source = "Iandola et al., arXiv:1602.07360, v1.1",
        .input = {3, 224, 224},
        .classes = 1000,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_ALL,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_squeezenet = {models};
