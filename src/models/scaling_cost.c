#include "models/scaling_cost.h"

#include <string.h>

static bool has_weights(const lb_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

static void fill_layer(const lb_node *node, lb_scaling_layer *out)
{
    enum { FILTERS_A_GROUP = 4 };
    const lb_conv *conv = &node->as.conv;
    const bool linear = node->op == LB_OP_LINEAR;
    const size_t inputs = lb_node_filter_size(node), n = conv->out;
    memcpy(out->name, node->name, sizeof out->name);
    out->filters = n;
    out->kernel_height = linear ? 1 : conv->window.kh;
    out->kernel_width = linear ? 1 : conv->window.kw;
    out->channels = inputs / (out->kernel_height * out->kernel_width);
    out->outputs = node->shape.h * node->shape.w;
    const size_t rows = out->kernel_height, pixels = rows * out->kernel_width;
    const size_t scalars[LB_SCALINGS] = {
        [LB_SCALING_LAYER] = 1,
        [LB_SCALING_ROW] = rows,
        [LB_SCALING_PIXEL] = pixels,
        [LB_SCALING_SIGN] = 2,
        [LB_SCALING_GROUPING] = pixels * ((n + FILTERS_A_GROUP - 1) / FILTERS_A_GROUP),
        [LB_SCALING_FILTER] = n,
    };
    for (int s = 0; s < LB_SCALINGS; s++)
        out->cost[s] = (lb_scaling_cost){scalars[s], inputs * n * out->outputs};
    out->cost[LB_SCALING_SIGN].operations += inputs * n;
    for (int s = 0; s <= LB_SCALING_PIXEL; s++)
        out->multiplications[s] = inputs + (scalars[s] > 1 ? scalars[s] : 0);
    out->additions = inputs - 1;
}

static lb_status allocate(size_t n, lb_scaling_costs **out)
{
    void *costs = NULL, *layers = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_scaling_costs), "costs", &costs));
    const lb_status status = lb_alloc(n, sizeof(lb_scaling_layer), "costs", &layers);
    if (status != LB_OK) {
        lb_free(costs);
        return status;
    }
    *out = costs;
    (*out)->layers = layers;
    return LB_OK;
}

lb_status lb_scaling_costs_of_net(const lb_net *net, lb_scaling_costs **out)
{
    lb_scaling_costs *costs = NULL;
    LB_TRY(allocate(net->n_nodes, &costs));
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (!has_weights(&net->nodes[i])) continue;
        lb_scaling_layer *layer = &costs->layers[costs->n_layers++];
        fill_layer(&net->nodes[i], layer);
        for (int s = 0; s < LB_SCALINGS; s++) {
            costs->total[s].scalars += layer->cost[s].scalars;
            costs->total[s].operations += layer->cost[s].operations;
        }
    }
    *out = costs;
    return LB_OK;
}

void lb_scaling_costs_destroy(lb_scaling_costs *costs)
{
    if (costs == NULL) return;
    lb_free(costs->layers);
    lb_free(costs);
}
