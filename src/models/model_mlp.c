/* mlp - a multilayer perceptron: hidden fully connected layers of given widths (1024, 1024, 1024
 * unless given), each followed by batch-norm and non-linearity, and the output layer. On 28x28
 * images 2.91 M weights; with three layers of 4096 36.8 M (Faraone 3.5 prints 36.4). The output
 * layer alone has a bias. Dropout, where asked for, stands before every layer but the first. */
#include <stdio.h>

#include "models/block.h"

static void build(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    static const size_t standard[] = {1024, 1024, 1024};
    const lb_builder b = lb_block_begin(model, request, net);
    const size_t *widths = request->n_widths > 0 ? request->widths : standard;
    const size_t n = request->n_widths > 0 ? request->n_widths : sizeof standard / sizeof *standard;
    char name[LB_NAME_BYTES];
    int x = 0;
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(name, sizeof name, "fc%zu", i + 1);
        if (i > 0) x = lb_block_before(&b, name, lb_block_dropout(&b, name, x), true);
        x = lb_block_linear(&b, name, i == 0 ? LB_PLACE_FIRST : LB_PLACE_MIDDLE, x,
                            lb_block_width(&b, widths[i]));
        x = lb_block_after(&b, name, x, true);
    }
    (void)snprintf(name, sizeof name, "fc%zu", n + 1);
    x = lb_block_before(&b, name, lb_block_dropout(&b, name, x), true);
    (void)lb_block_linear(&b, name, LB_PLACE_LAST, x, request->classes);
}

static const lb_model models[] = {
    {
        .name = "mlp",
        .summary = "fully connected layers of given widths, 1024,1024,1024 unless given",
        .source = "as in BinaryConnect and Faraone 3.5",
        .classes = 10,
        .init = LB_INIT_FAN_IN,
        .bias = LB_BIAS_LAST,
        .takes_widths = true,
        .build = build,
    },
    {.name = NULL},
};

const lb_model_family lb_model_family_mlp = {models};
