/* From the plain graph to the layers of the integer network, and the pieces that fill them. */
#ifndef LB_FREEZE_LAYERS_H
#define LB_FREEZE_LAYERS_H

#include "freeze/graph.h"
#include "intnet/intnet.h"

/**
 * Make the layers: a convolution and the element-wise nodes after it become one, chains that start
 * elsewhere an EXPRESSION; all keep their steps.
 *
 * Ownership: layers belong to `out`, also after a failure.
 * Errors:    LB_E_UNSUPPORTED names the layer and the reason; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_freeze_layers(lb_freeze_graph *graph, lb_intnet *out);

/**
 * Weights of a CONV or LINEAR node in the integer network's order.
 *
 * Computes: codes as a stream and their scales times `act_scale`, or float weights; see lb_step's SCALE.
 * Shapes:   channels: of the map that the layer reads; *scale (terms, out channels), NULL for float
 *           weights.
 * Errors:   LB_E_UNSUPPORTED weights, scales or biases that are not finite, codes without a grid;
 *           LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_freeze_weights(lb_net *net, const lb_freeze_node *node, size_t channels,
                                          float act_scale, lb_arena *arena, lb_int_weights *weights,
                                          const float **scale);

#endif
