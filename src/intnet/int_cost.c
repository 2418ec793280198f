/* Costs of an integer network. */
#include "intnet/int_cost.h"

#include <math.h>

#include "intnet/packed_format.h"

static size_t values_of(lb_shape s)
{
    return s.c * s.h * s.w;
}

/* ---- one layer ---- */

/* Rows of the file's post tensor that an array takes. */
static size_t rows_of(const float *a, size_t rows, size_t channels)
{
    return a && !lb_packed_rows_are_constant(a, rows, channels) ? rows : 0;
}

static size_t post_bytes(const lb_int_layer *l)
{
    const lb_post *post = &l->post;
    const size_t channels = l->map.shape.c;
    if (post->kind == LB_POST_THRESHOLDS) {
        const lb_thresholds *t = &post->thresholds;
        return channels * (((size_t)1 << t->bits) - 1) * (size_t)t->bytes;
    }
    if (post->kind == LB_POST_FIXED_POINT)
        return channels * (sizeof(int32_t) + sizeof(int64_t)) +
               post->fixed.n_exceptions * sizeof(lb_fixed_exception);
    size_t rows = 0;
    for (size_t i = 0; i < post->n_steps; i++) {
        const lb_step *s = &post->steps[i];
        const size_t terms = s->kind == LB_STEP_SCALE ? l->weights.terms : 1;
        rows += rows_of(s->a, terms, channels) + rows_of(s->b, 1, channels);
    }
    return rows * channels * sizeof(float);
}

double lb_bit_operations(size_t macs, size_t filter_inputs, double weight_bits, int act_bits)
{
    const double w = weight_bits, a = (double)act_bits;
    return (double)macs * (w * a + w + a + log2((double)filter_inputs));
}

lb_int_layer_cost lb_int_layer_cost_of(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    lb_int_layer_cost cost = {0};
    if (l->op != LB_INT_CONV && l->op != LB_INT_EXPRESSION) return cost;
    cost.stored_bytes = post_bytes(l);
    if (l->post.kind == LB_POST_THRESHOLDS)
        cost.thresholds = l->map.shape.c * (((size_t)1 << l->post.thresholds.bits) - 1);
    if (l->op != LB_INT_CONV) return cost;
    const lb_int_map *in = &net->layers[l->in[0]].map;
    cost.stored_bytes += lb_int_weights_stored_bytes(&l->weights);
    cost.weights = l->weights.count;
    cost.macs = cost.weights * l->map.shape.h * l->map.shape.w;
    cost.filter_inputs = cost.weights / l->map.shape.c;
    cost.weight_bits = lb_int_weights_mean_bits(&l->weights, l->map.shape.c);
    cost.act_bits = in->coded ? in->grid.bits : 32;
    cost.bit_operations =
        lb_bit_operations(cost.macs, cost.filter_inputs, cost.weight_bits, cost.act_bits);
    return cost;
}

/* ---- the network ---- */

lb_int_cost lb_intnet_cost_of(const lb_intnet *net)
{
    lb_int_cost sum = {0};
    double weight_bits = 0.0, act_bits = 0.0, acts = 0.0;
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer_cost c = lb_int_layer_cost_of(net, i);
        sum.weights += c.weights;
        sum.macs += c.macs;
        sum.thresholds += c.thresholds;
        sum.stored_bytes += c.stored_bytes;
        sum.bit_operations += c.bit_operations;
        if (c.weights == 0) continue;
        const double values = (double)values_of(net->layers[net->layers[i].in[0]].map.shape);
        weight_bits += c.weight_bits * (double)c.weights;
        act_bits += (double)c.act_bits * values;
        acts += values;
    }
    if (sum.weights > 0) sum.weight_bits = weight_bits / (double)sum.weights;
    if (acts > 0.0) sum.act_bits = act_bits / acts;
    return sum;
}
