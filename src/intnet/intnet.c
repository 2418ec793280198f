/* What can be said of an integer network without running it. */
#include "intnet/intnet.h"

#include <stdlib.h>

#include "base/safetensors.h"

void lb_intnet_release(lb_intnet *net)
{
    lb_safetensors_close(net->file);
    lb_arena_release(&net->arena);
    *net = (lb_intnet){0};
}

bool lb_int_layer_is_integer(const lb_intnet *net, size_t layer)
{
    const lb_int_layer *l = &net->layers[layer];
    return l->op == LB_INT_CONV && l->weights.storage != LB_STORED_FLOAT &&
           net->layers[l->in[0]].map.coded;
}

int64_t lb_int_layer_largest_sum(const lb_intnet *net, size_t layer)
{
    if (!lb_int_layer_is_integer(net, layer)) return 0;
    const lb_int_layer *l = &net->layers[layer];
    const lb_code_grid acts = net->layers[l->in[0]].map.grid;
    const int low = abs(lb_grid_low(acts)), high = abs(lb_grid_high(acts));
    const size_t inputs = l->weights.count / l->map.shape.c;
    return (int64_t)inputs * lb_int_weights_largest(&l->weights) * (low > high ? low : high);
}
