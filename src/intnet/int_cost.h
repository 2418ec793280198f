/* What an integer network costs: operations, bits, bytes. */
#ifndef LB_INTNET_INT_COST_H
#define LB_INTNET_INT_COST_H

#include "intnet/intnet.h"

/* One layer. All but thresholds and stored bytes are 0 where a layer has no weights. */
typedef struct lb_int_layer_cost {
    size_t weights, macs;  /* multiply-accumulates for one image, taps on padding included */
    size_t filter_inputs;  /* M: inputs that one sum adds up */
    double weight_bits;    /* of a stored weight, mean over filters; 32: float */
    int act_bits;          /* of a value of its input; 32: float */
    double bit_operations; /* N (B_w B_a + B_w + B_a + log2 M) */
    size_t thresholds;     /* number of them */
    size_t stored_bytes;   /* of the layer's tensors in the packed file */
} lb_int_layer_cost;

/* The network: sums over its layers, and means. */
typedef struct lb_int_cost {
    size_t weights, macs, thresholds, stored_bytes;
    double bit_operations; /* C_C */
    double weight_bits,
        act_bits; /* B_w,eff over weights; B_a,eff over the values of the maps that enter
                                   * layers with weights */
} lb_int_cost;

/**
 * Bit operations of `macs` multiply-accumulates in sums of `filter_inputs` products.
 *
 * Computes: N (B_w B_a + B_w + B_a + log2 M).
 * Source:   IMPQ, Eq. 7.
 */
double lb_bit_operations(size_t macs, size_t filter_inputs, double weight_bits, int act_bits);

/**
 * Cost of one layer of a checked network.
 *
 * Source: IMPQ, Eq. 7: N the multiply-accumulates, M the length of a dot product. Two sums a channel
 *         (TTQ) cost no more: each weight adds to one of them.
 */
lb_int_layer_cost lb_int_layer_cost_of(const lb_intnet *net, size_t layer);
/** Cost of a checked network. Source: IMPQ, Eq. 6 and 7. */
lb_int_cost lb_intnet_cost_of(const lb_intnet *net);

#endif
