/* Parameters, operations and sizes of a network, node by node. */
#ifndef LB_MODELS_COST_H
#define LB_MODELS_COST_H

#include "lowbit/inspect.h"
#include "nn/net.h"

/**
 * Clusters of weights at these bits: a power of two (Kutukcu 2.1.2.1).
 *
 * Computes:  2^bits; ternary weights count as 2 bits, so 4.
 */
double lb_weight_clusters(double bits);

/** r = n b / (n log2 k + k b), Kutukcu Eq. 2-17: n weights of b bits, k clusters, all k values
 * stored. */
double lb_compression_codebook(double n, double b, double k);
/** n b / (n log2 k + b): one value stored, the others follow from it. */
double lb_compression_one_scale(double n, double b, double k);

/**
 * Fill an inspection from a network.
 *
 * Ownership: *out is yours, lb_inspection_destroy.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_cost_of_net(const lb_net *net, lb_inspection **out);

#endif
