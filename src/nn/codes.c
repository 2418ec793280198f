/* Which maps carry integer codes, and so which layers evaluate by adding integers. */
#include <stdlib.h>

#include "nn/executor.h"
#include "nn/net_internal.h"

/* Training keeps learned values above 0, so 0 is free to mean: not started yet. */
bool lb_quantize_waits(const lb_net *net, const lb_node *node)
{
    if (node->op != LB_OP_QUANTIZE || node->as.quantize.learned < 0) return false;
    return net->params[node->as.quantize.learned].value[0] == 0.0f;
}

bool lb_quantize_moves(const lb_node *node)
{
    const lb_quantize *q = &node->as.quantize;
    return q->learned >= 0 || q->quantizer->norm_range != NULL;
}

/* The range of the batch-norm that a map comes from, 0: none. Of a shortcut sum the first input is
 * the main branch; joined channels reach as far as either part. */
static float norm_range(const lb_net *net, const lb_act_quantizer *quantizer, int index)
{
    const lb_node *node = &net->nodes[index];
    switch (node->op) {
    case LB_OP_BATCH_NORM: {
        const lb_batch_norm *norm = &node->as.norm;
        return quantizer->norm_range(norm->gamma >= 0 ? net->params[norm->gamma].value : NULL,
                                     norm->beta >= 0 ? net->params[norm->beta].value : NULL,
                                     node->shape.c);
    }
    case LB_OP_RELU:
    case LB_OP_CLIP:
    case LB_OP_MAX_POOL:
    case LB_OP_AVERAGE_POOL:
    case LB_OP_ADD:
    case LB_OP_SUBSAMPLE:
    case LB_OP_FLATTEN:
    case LB_OP_DROPOUT: return norm_range(net, quantizer, node->in[0]);
    case LB_OP_CONCAT: {
        const float a = norm_range(net, quantizer, node->in[0]);
        const float b = norm_range(net, quantizer, node->in[1]);
        return a > b ? a : b;
    }
    default: return 0.0f;
    }
}

lb_act_map lb_quantize_map(const lb_net *net, const lb_node *node)
{
    const lb_quantize *q = &node->as.quantize;
    float value = 1.0f;
    if (q->quantizer->norm_range) {
        value = norm_range(net, q->quantizer, node->in[0]);
        if (value == 0.0f) value = q->quantizer->norm_range(NULL, NULL, 0);
    } else if (q->learned >= 0 && !lb_quantize_waits(net, node)) {
        value = net->params[q->learned].value[0];
    }
    return q->quantizer->map(&q->setting, &value);
}

static bool output_codes(const lb_net *net, int index, lb_act_map *map);

static bool concat_codes(const lb_net *net, const lb_node *node, lb_act_map *map)
{
    lb_act_map other;
    return output_codes(net, node->in[0], map) && output_codes(net, node->in[1], &other) &&
           lb_act_same_codes(map, &other);
}

static bool subsample_codes(const lb_net *net, const lb_node *node, lb_act_map *map)
{
    if (!output_codes(net, node->in[0], map)) return false;
    return node->shape.c == net->nodes[node->in[0]].shape.c || lb_act_has_zero(map);
}

/* The map of the codes a node gives, false: floats. */
static bool output_codes(const lb_net *net, int index, lb_act_map *map)
{
    const lb_node *node = &net->nodes[index];
    switch (node->op) {
    case LB_OP_INPUT:
        if (net->raw_input) *map = lb_act_raw_pixels();
        return net->raw_input;
    case LB_OP_QUANTIZE: *map = lb_quantize_map(net, node); return true;
    case LB_OP_MAX_POOL:
    case LB_OP_FLATTEN:
    case LB_OP_DROPOUT: return output_codes(net, node->in[0], map);
    case LB_OP_CONCAT: return concat_codes(net, node, map);
    case LB_OP_SUBSAMPLE: return subsample_codes(net, node, map);
    default: return false;
    }
}

bool lb_input_codes(const lb_net *net, int node, lb_act_map *map)
{
    lb_act_map found;
    if (!output_codes(net, net->nodes[node].in[0], &found)) return false;
    *map = found;
    return true;
}

bool lb_node_is_integer(const lb_net *net, int node)
{
    const lb_node *layer = &net->nodes[node];
    if (layer->op != LB_OP_CONV && layer->op != LB_OP_LINEAR) return false;
    const lb_weight_quantizer *q = layer->as.conv.quantizer;
    lb_act_map map;
    return q && !q->stochastic && lb_input_codes(net, node, &map);
}

lb_status lb_net_check_sums(const lb_net *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        lb_act_map map;
        if (!lb_node_is_integer(net, (int)i) || !lb_input_codes(net, (int)i, &map)) continue;
        const lb_node *node = &net->nodes[i];
        const double largest_a = map.high > -map.low ? (double)map.high : -(double)map.low;
        const int largest_w = node->as.conv.quantizer->max_code(&node->as.conv.setting);
        const double sum = (double)lb_node_filter_size(node) * largest_w * largest_a;
        if (sum > (double)INT32_MAX) {
            return lb_fail(LB_E_UNSUPPORTED,
                           "layer '%s': %zu weights up to %d times activations up to %g could pass "
                           "2^31, wanted fewer inputs or fewer bits",
                           node->name, lb_node_filter_size(node), largest_w, largest_a);
        }
    }
    return LB_OK;
}
