#include "models/block.h"

#include <math.h>
#include <stdio.h>

enum { END_BITS = 8 }; /* of layers with the 8-bit policy */

lb_builder lb_block_begin(const lb_model *model, const lb_model_request *request, lb_net *net)
{
    const lb_quant_config *quant = &request->quant;
    const bool resnet = model->depth > 0;
    const lb_builder b = {
        .net = net,
        .request = request,
        .bias = model->bias,
        .eps = 1e-5f,
        .momentum = 0.1f,
        .first = resnet ? quant->resnet_first : quant->first,
        .last = resnet ? quant->resnet_last : quant->last,
    };
    (void)lb_net_input(net, request->input, b.first == LB_END_8BIT);
    return b;
}

size_t lb_block_width(const lb_builder *b, size_t channels)
{
    const double multiplier =
        b->request->width_multiplier > 0.0 ? b->request->width_multiplier : 1.0;
    const double width = floor((double)channels * multiplier + 0.5);
    return width < 1.0 ? 1 : (size_t)width;
}

lb_shape lb_block_shape(const lb_builder *b, int node)
{
    return b->net->failed == LB_OK ? b->net->nodes[node].shape : (lb_shape){1, 1, 1};
}

/* "NAME.suffix". A name that does not fit is cut, met by another cut the same way, and refused by
 * the net. */
typedef struct node_name {
    char text[LB_NAME_BYTES];
} node_name;

static node_name name_of(const char *layer, const char *suffix)
{
    node_name name;
    (void)snprintf(name.text, sizeof name.text, "%s.%s", layer, suffix);
    return name;
}

/* ---- policies -------------------------------------------------------------------------------- */

static lb_end_policy policy_of(const lb_builder *b, lb_place place)
{
    switch (place) {
    case LB_PLACE_FIRST: return b->first;
    case LB_PLACE_LAST: return b->last;
    case LB_PLACE_SHORTCUT:
        return b->request->quant.quantize_shortcuts ? LB_END_QUANTIZED : LB_END_FLOAT;
    case LB_PLACE_MIDDLE: break;
    }
    return LB_END_QUANTIZED;
}

static lb_weight_choice weights_of(const lb_builder *b, lb_place place)
{
    const lb_quant_config *quant = &b->request->quant;
    switch (policy_of(b, place)) {
    case LB_END_FLOAT: return (lb_weight_choice){.quantizer = NULL};
    case LB_END_8BIT: {
        const lb_weight_quantizer *qnn = lb_weight_quantizer_find("qnn");
        return (lb_weight_choice){qnn, {.bits = END_BITS, .granularity = qnn->granularity}};
    }
    case LB_END_QUANTIZED: break;
    }
    return (lb_weight_choice){quant->weights, quant->weight_setting};
}

/* The quantizer of a layer's input; NULL: it stays as it is. The image is never quantized here. */
static const lb_act_quantizer *acts_of(const lb_builder *b, lb_place place, lb_act_setting *setting)
{
    const lb_quant_config *quant = &b->request->quant;
    const lb_end_policy policy = policy_of(b, place);
    if (quant->acts == NULL || place == LB_PLACE_FIRST) return NULL;
    if (policy == LB_END_FLOAT && !(place == LB_PLACE_LAST && quant->quantize_last_input))
        return NULL;
    *setting = quant->act_setting;
    if (policy != LB_END_8BIT) return quant->acts;
    const bool has_8_bits = quant->acts->bits_max >= END_BITS;
    if (!has_8_bits) *setting = (lb_act_setting){0};
    setting->bits = END_BITS;
    return has_8_bits ? quant->acts : lb_act_quantizer_find("qnn");
}

static bool bias_of(const lb_builder *b, lb_place place)
{
    if (b->request->bias != LB_SWITCH_MODEL) return b->request->bias == LB_SWITCH_ON;
    return b->bias == LB_BIAS_ALL || (b->bias == LB_BIAS_LAST && place == LB_PLACE_LAST);
}

/* ---- pieces ---------------------------------------------------------------------------------- */

int lb_block_quantize(const lb_builder *b, const char *name, lb_place place, int in)
{
    lb_act_setting setting;
    const lb_act_quantizer *quantizer = acts_of(b, place, &setting);
    return quantizer
               ? lb_net_quantize(b->net, name_of(name, "quantize").text, in, quantizer, &setting)
               : in;
}

static int add_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                    lb_window window, size_t groups)
{
    const lb_weight_choice weights = weights_of(b, place);
    return lb_net_conv(b->net, name, in, out, window, groups, bias_of(b, place), &weights);
}

int lb_block_bare_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                       lb_window window)
{
    return add_conv(b, name, place, in, out, window, 1);
}

int lb_block_grouped_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                          lb_window window, size_t groups)
{
    return add_conv(b, name, place, lb_block_quantize(b, name, place, in), out, window, groups);
}

int lb_block_conv(const lb_builder *b, const char *name, lb_place place, int in, size_t out,
                  lb_window window)
{
    return lb_block_grouped_conv(b, name, place, in, out, window, 1);
}

int lb_block_linear(const lb_builder *b, const char *name, lb_place place, int in, size_t out)
{
    const lb_weight_choice weights = weights_of(b, place);
    const int x = lb_block_quantize(b, name, place, in);
    return lb_net_linear(b->net, name, x, out, bias_of(b, place), &weights);
}

int lb_block_norm(const lb_builder *b, const char *name, int in, bool affine)
{
    return lb_net_batch_norm(b->net, name_of(name, "norm").text, in, affine, b->eps, b->momentum);
}

int lb_block_act(const lb_builder *b, const char *name, int in)
{
    const lb_quant_config *quant = &b->request->quant;
    const node_name node = name_of(name, "act");
    if (quant->acts == NULL || quant->relu_after_conv)
        return lb_net_relu(b->net, node.text, in, quant->relu_slope);
    switch (lb_act_quantizer_before(quant->acts, &quant->act_setting)) {
    case LB_BEFORE_HARD_TANH: return lb_net_clip(b->net, node.text, in, -1.0f, 1.0f);
    case LB_BEFORE_CLIP01: return lb_net_clip(b->net, node.text, in, 0.0f, 1.0f);
    case LB_BEFORE_RELU: return lb_net_relu(b->net, node.text, in, quant->relu_slope);
    case LB_BEFORE_NOTHING: break;
    }
    return in;
}

int lb_block_before(const lb_builder *b, const char *name, int in, bool affine)
{
    return b->request->quant.relu_after_conv ? lb_block_norm(b, name, in, affine) : in;
}

int lb_block_after(const lb_builder *b, const char *name, int in, bool affine)
{
    const bool norm_later = b->request->quant.relu_after_conv;
    return lb_block_act(b, name, norm_later ? in : lb_block_norm(b, name, in, affine));
}

int lb_block_max_pool(const lb_builder *b, const char *name, int in, lb_window window)
{
    return lb_net_max_pool(b->net, name_of(name, "pool").text, in, window);
}

int lb_block_dropout(const lb_builder *b, const char *name, int in)
{
    const float p = b->request->dropout;
    return p > 0.0f ? lb_net_dropout(b->net, name_of(name, "dropout").text, in, p) : in;
}
