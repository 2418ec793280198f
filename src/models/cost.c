#include "models/cost.h"

#include <math.h>
#include <string.h>

#include "intnet/int_cost.h"
#include "nn/executor.h"
#include "nn/mixed_bits.h"

enum { BITS_A_BYTE = 8 };

double lb_weight_clusters(double bits)
{
    return exp2(bits);
}

double lb_compression_codebook(double n, double b, double k)
{
    return n * b / (n * log2(k) + k * b);
}

double lb_compression_one_scale(double n, double b, double k)
{
    return n * b / (n * log2(k) + b);
}

static const char *op_text(lb_op op)
{
    static const char *const texts[] = {
#define X(name, text) [LB_OP_##name] = text,
        LB_OP_LIST(X)
#undef X
    };
    return texts[op];
}

static bool has_weights(const lb_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

/* Bits of the codes of a map: as many as its largest count of values needs. */
static int bits_of_map(const lb_act_map *map)
{
    if (map->rounding == LB_ROUND_SIGN) return 1;
    return (int)ceil(log2((double)map->high - (double)map->low + 1.0));
}

static int act_bits_of(const lb_net *net, int index)
{
    const lb_node *node = &net->nodes[index];
    lb_act_map map;
    if (node->op == LB_OP_QUANTIZE) return node->as.quantize.setting.bits;
    return has_weights(node) && lb_input_codes(net, index, &map) ? bits_of_map(&map)
                                                                 : LB_FLOAT_BITS;
}

/* Stochastic weights are float ones at evaluation, and stored so. */
static bool is_stored_as_codes(const lb_conv *conv)
{
    return conv->quantizer != NULL && !conv->quantizer->stochastic;
}

/* Scales stored beside the codes. */
static size_t count_scales(const lb_node *node)
{
    size_t n_groups = 0;
    (void)lb_node_weight_group(node, &n_groups);
    return n_groups * lb_node_sums(node);
}

static void fill_weights(const lb_net *net, const lb_node *node, lb_layer_info *out)
{
    const lb_conv *conv = &node->as.conv;
    out->weights = net->params[conv->weight].count;
    out->weight_bits = LB_FLOAT_BITS;
    out->weight_quantizer = conv->quantizer ? conv->quantizer->name : "float";
    out->macs = out->weights * node->shape.h * node->shape.w;
    out->compression_codebook = out->compression_one_scale = 1.0;
    if (!is_stored_as_codes(conv)) return;
    out->weight_bits = lb_conv_mean_bits(conv);
    out->scales = count_scales(node);
    const double clusters = lb_weight_clusters(out->weight_bits), n = (double)out->weights;
    out->compression_codebook = lb_compression_codebook(n, LB_FLOAT_BITS, clusters);
    out->compression_one_scale = lb_compression_one_scale(n, LB_FLOAT_BITS, clusters);
}

/* Values of a node other than weights that a trained network keeps as float32. Learned scales of
 * weights are among `scales`. */
static void fill_parameters(const lb_net *net, int index, lb_layer_info *out, size_t *other)
{
    *other = 0;
    for (size_t p = 0; p < net->n_params; p++) {
        const lb_param *param = &net->params[p];
        if (param->node != index) continue;
        const bool running = param->role == LB_PARAM_MEAN || param->role == LB_PARAM_VARIANCE;
        if (!running) out->parameters += param->count;
        const bool scale = param->role == LB_PARAM_LEARNED && has_weights(&net->nodes[index]);
        if (param->role != LB_PARAM_WEIGHT && !scale) *other += param->count;
    }
}

static void fill_layer(const lb_net *net, int index, lb_layer_info *out)
{
    const lb_node *node = &net->nodes[index];
    size_t other;
    memcpy(out->name, node->name, sizeof out->name);
    out->op = op_text(node->op);
    out->channels = node->shape.c;
    out->height = node->shape.h;
    out->width = node->shape.w;
    out->act_bits = act_bits_of(net, index);
    out->weight_quantizer = "";
    if (has_weights(node)) {
        fill_weights(net, node, out);
        out->bit_operations = lb_bit_operations(out->macs, lb_node_filter_size(node),
                                                out->weight_bits, out->act_bits);
    }
    fill_parameters(net, index, out, &other);
    const double floats = (double)(other + out->scales) * LB_FLOAT_BITS;
    out->stored_bytes = ((double)out->weights * out->weight_bits + floats) / BITS_A_BYTE;
    out->float_bytes = (double)(out->weights + other) * LB_FLOAT_BITS / BITS_A_BYTE;
}

static void count_parameters(const lb_net *net, lb_inspection *total)
{
    for (size_t p = 0; p < net->n_params; p++) {
        const size_t n = net->params[p].count;
        switch (net->params[p].role) {
        case LB_PARAM_WEIGHT: total->weights += n; break;
        case LB_PARAM_BIAS: total->biases += n; break;
        case LB_PARAM_GAMMA:
        case LB_PARAM_BETA: total->batch_norm += n; break;
        case LB_PARAM_LEARNED: total->learned += n; break;
        case LB_PARAM_MEAN:
        case LB_PARAM_VARIANCE: break;
        }
    }
    total->parameters = total->weights + total->biases;
}

static void add_up(lb_inspection *total)
{
    double bits = 0.0, codebook = 0.0, one_scale = 0.0;
    double smallest = LB_FLOAT_BITS;
    for (size_t i = 0; i < total->n_layers; i++) {
        const lb_layer_info *layer = &total->layers[i];
        total->macs += layer->macs;
        total->stored_bytes += layer->stored_bytes;
        total->float_bytes += layer->float_bytes;
        if (layer->weights == 0) continue;
        const double n = (double)layer->weights * LB_FLOAT_BITS;
        bits += n;
        codebook += n / layer->compression_codebook;
        one_scale += n / layer->compression_one_scale;
        if (layer->weight_bits < smallest) smallest = layer->weight_bits;
    }
    total->compression = total->stored_bytes > 0.0 ? total->float_bytes / total->stored_bytes : 1.0;
    total->compression_codebook = bits > 0.0 ? bits / codebook : 1.0;
    total->compression_one_scale = bits > 0.0 ? bits / one_scale : 1.0;
    total->uniform_bytes = (double)total->parameters * smallest / BITS_A_BYTE;
}

/* Means over the weights, and over the values of the maps that enter layers with weights. */
static void average_bits(const lb_net *net, lb_inspection *total)
{
    double weight_bits = 0.0, act_bits = 0.0, values = 0.0;
    for (size_t i = 0; i < total->n_layers; i++) {
        const lb_layer_info *layer = &total->layers[i];
        if (layer->weights == 0) continue;
        const double entering = (double)lb_shape_count(net->nodes[net->nodes[i].in[0]].shape);
        total->bit_operations += layer->bit_operations;
        weight_bits += layer->weight_bits * (double)layer->weights;
        act_bits += (double)layer->act_bits * entering;
        values += entering;
    }
    if (total->weights > 0) total->weight_bits = weight_bits / (double)total->weights;
    if (values > 0.0) total->act_bits = act_bits / values;
}

lb_status lb_cost_of_net(const lb_net *net, lb_inspection **out)
{
    void *block = NULL, *layers = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_inspection), "an inspection", &block));
    const lb_status status =
        lb_alloc(net->n_nodes, sizeof(lb_layer_info), "an inspection", &layers);
    if (status != LB_OK) {
        lb_free(block);
        return status;
    }
    lb_inspection *total = block;
    total->layers = layers;
    total->n_layers = net->n_nodes;
    for (size_t i = 0; i < net->n_nodes; i++) fill_layer(net, (int)i, &total->layers[i]);
    count_parameters(net, total);
    add_up(total);
    average_bits(net, total);
    *out = total;
    return LB_OK;
}

void lb_inspection_destroy(lb_inspection *inspection)
{
    if (inspection == NULL) return;
    lb_free(inspection->layers);
    lb_free(inspection);
}
