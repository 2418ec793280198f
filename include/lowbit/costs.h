/* What techniques of the papers cost on a network, as they count it. */
#ifndef LOWBIT_COSTS_H
#define LOWBIT_COSTS_H

#include <stddef.h>

#include "lowbit/inspect.h"
#include "lowbit/status.h"
#include "lowbit/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- scaling factors of weights -------------------------------------------------------------- */

/* Which weights of a layer share a scaling factor. */
typedef enum lb_scaling {
    LB_SCALING_LAYER,    /* all of them: DoReFa-Net                                            */
    LB_SCALING_ROW,      /* those of one kernel row: SYQ                                       */
    LB_SCALING_PIXEL,    /* those at one kernel position: SYQ                                  */
    LB_SCALING_SIGN,     /* those of one sign: TTQ                                             */
    LB_SCALING_GROUPING, /* those at one kernel position of four filters: FGQ                  */
    LB_SCALING_FILTER,   /* those of one filter: HWGQ, Binary-Weight-Networks                  */
    LB_SCALINGS
} lb_scaling;

typedef struct lb_scaling_cost {
    size_t scalars;
    size_t operations; /* multiply-accumulates, and where signs differ a branch for each weight  */
} lb_scaling_cost;

/* One convolution or fully connected layer. */
typedef struct lb_scaling_layer {
    char name[LB_LAYER_NAME_BYTES];
    size_t filters, channels; /* output channels, and input channels that a filter sees          */
    size_t kernel_height, kernel_width; /* 1 x 1 of a fully connected layer                     */
    size_t outputs;                     /* positions of its output map                           */
    lb_scaling_cost cost[LB_SCALINGS];
    /* Of one output: multiplications by codes and by the scalars of LAYER (none: thresholds or
     * batch-norm take it), ROW and PIXEL; additions, the same for all. */
    size_t multiplications[LB_SCALING_PIXEL + 1], additions;
} lb_scaling_layer;

typedef struct lb_scaling_costs {
    lb_scaling_layer *layers; /* in the order of computation                                     */
    size_t n_layers;
    lb_scaling_cost total[LB_SCALINGS];
} lb_scaling_costs;

/**
 * Scaling factors and operations of a network's layers by granularity, whatever its own weights
 * are; images and classes as lb_inspect_settings takes them.
 *
 * Computes:  P = K K I N F F operations, K x K the kernel, I input channels of N filters, F x F the
 *            output; scalars 1, K, K^2, 2, K^2 N / 4 (N rounded up to fours) and N; by sign P + Z,
 *            Z the number of weights. A fully connected layer has K = 1. An output has
 *            L = K K I multiplications by codes, K or K^2 by scalars, and L - 1 additions.
 * Ownership: *out is yours, lb_scaling_costs_destroy; borrows the settings.
 * Errors:    LB_E_ARG, LB_E_SHAPE the settings make no network; LB_E_NOMEM.
 * Source:    Faraone 5.7.1, 5.7.2, table 5.6.
 */
lb_status lb_cost_scaling(const lb_settings *settings, size_t channels, size_t height, size_t width,
                          size_t classes, lb_scaling_costs **out);

/** Free costs; NULL is fine. */
void lb_scaling_costs_destroy(lb_scaling_costs *costs);

#ifdef __cplusplus
}
#endif
#endif
