/* Pieces of lb_intnet_check that the reader of packed files uses while it reads. */
#ifndef LB_INTNET_INTNET_CHECK_H
#define LB_INTNET_INTNET_CHECK_H

#include "intnet/intnet.h"

/* No network comes near these; they keep products of sizes far from overflow. */
enum {
    LB_INT_LAYERS_MAX = 4096,
    LB_INT_NAME_BYTES = 64, /* of a layer's name, its end included */
    LB_INT_CLASSES_MAX = 65536,
    LB_INT_WINDOW_MAX = 65536, /* kernel, stride, padding */
    LB_INT_STEPS_MAX = 64,
    LB_INT_MAP_MAX = 1 << 28, /* values of one map, with padding */
    LB_INT_WEIGHTS_MAX = 1 << 30,
    LB_FIXED_SHIFT_MAX = 40
};

/**
 * Derive a layer's map from its op, inputs, window, groups and stride, all of which it checks.
 *
 * Takes as given: map.shape.c of CONV and SUBSAMPLE; coded, grid and scale of CONV and EXPRESSION;
 *                 the layers before.
 * Errors:         LB_E_FORMAT names the field.
 */
LB_MUST_CHECK lb_status lb_int_layer_derive(const lb_intnet *net, size_t layer, lb_int_map *out);

/** Weights of a CONV whose map is derived: O * kh * kw * I / groups. false: too many. */
bool lb_int_layer_weight_count(const lb_intnet *net, size_t layer, size_t *out);

/** Check the grid of a GRID layer's weights. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_int_weights_check_grid(const lb_int_weights *weights);

/** Check the post of a CONV or EXPRESSION whose map and weights are checked. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_post_check(const lb_intnet *net, size_t layer);

#endif
