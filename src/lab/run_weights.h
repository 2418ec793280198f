/* What a trained network's weights look like, layer by layer. */
#ifndef LB_LAB_RUN_WEIGHTS_H
#define LB_LAB_RUN_WEIGHTS_H

#include "lab/store_runs.h"
#include "lowbit/inspect.h"
#include "nn/net.h"

/* A network's layers with weights and their histograms, one each. */
typedef struct lb_run_weights {
    lb_layer_record *layers;
    lb_histogram_record *histograms;
    size_t n;
    lb_arena arena; /* owns all of it */
} lb_run_weights;

/**
 * Describe the layers with weights of a network.
 *
 * Computes:  sparsity is the share of codes that are 0 as the network is evaluated (of float weights: that are 0.0).
 *            A histogram has equal bins from the smallest to the largest of the masters and of code * scale; both are
 *            shares of the weights. Weights that are not finite are in no bin.
 * Ownership: *out is yours, lb_run_weights_release, also after a failure.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_describe_weights(lb_net *net, const lb_inspection *costs,
                                            lb_run_weights *out);
void lb_run_weights_release(lb_run_weights *weights);

#endif
