/* What networks cost in hardware, as the papers count it. */
#ifndef LOWBIT_HARDWARE_H
#define LOWBIT_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/inspect.h"
#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sparse ternary networks on an FPGA ------------------------------------------------------ */

/* An FPGA, and what a multiply-accumulate and the decoder of a gap take of it. */
typedef struct lb_fpga {
    double luts, lut_percent; /* look-up tables, and how many of them can be used                */
    double dsps, dsp_percent; /* the same of DSP slices                                          */
    double clock_mhz;
    double mac_luts;     /* a binary multiply-accumulate: XNOR and popcount; k of them for k bits */
    double mac_dsps;     /* a multiply-accumulate of a sign and a float                           */
    double decoder_luts; /* from a gap to a weight and its place, one a cycle                     */
} lb_fpga;

/** The Xilinx KU115 and designs of the paper: 663,000 LUTs, 70 % of them, 5,520 DSPs; 250 MHz; 5 LUTs or 2
 *  DSPs a multiply-accumulate, 112 LUTs a decoder. Source: Faraone 3.4. */
lb_fpga lb_fpga_ku115(void);

/**
 * The share of an FPGA that an operation on weights without zeros takes: no decoder.
 *
 * Computes:  C_op, the share that a multiply-accumulate takes of what can be used.
 * Requires:  an FPGA that lb_fpga_check passes; act_bits 1 to 8, or 32 for float.
 * Source:    Faraone 3.4.3; it has 1 bit and float, others are ours: one binary operation a bit.
 */
double lb_dense_operation_cost(const lb_fpga *fpga, int act_bits);

/**
 * The share of an FPGA that an operation on ternary weights takes, zeros counted as operations.
 *
 * Computes:  C_e = gamma (C_op + C_d / R): C_d the share of a decoder, gamma the share of weights that are not zero,
 *            R the multiply-accumulates that use a decoded weight.
 * Requires:  as lb_dense_operation_cost; 0 <= gamma <= 1; R >= 1.
 * Source:    Faraone 3.4.4.
 */
double lb_sparse_operation_cost(const lb_fpga *fpga, int act_bits, double nonzero, double reuse);

/**
 * Effective throughput at that cost, in operations a second.
 *
 * Computes: T_e = 2 clock / C_e: a multiply-accumulate is two operations, those on zeros counted too.
 */
double lb_effective_throughput(const lb_fpga *fpga, double cost);

/** Is it an FPGA? Errors: LB_E_ARG a number is not positive, or a percentage more than 100. */
lb_status lb_fpga_check(const lb_fpga *fpga);

/* One layer with binary or ternary weights. */
typedef struct lb_sparse_layer {
    char name[LB_LAYER_NAME_BYTES];
    bool ternary; /* else binary: no zeros, no decoder */
    int act_bits; /* of its input; 32: float */
    size_t weights, nonzero, macs;
    size_t reuse;             /* R: images of a batch x pixels of the output */
    double cost;              /* C_e */
    double throughput, dense; /* T_e, and that of binary weights */
} lb_sparse_layer;

typedef struct lb_sparse_costs {
    lb_sparse_layer *layers;
    size_t n_layers;
    size_t weights, nonzero, macs; /* sums over them */
    size_t other_macs;             /* of layers with other weights, which are not counted */
    double throughput, dense; /* of all layers, each given the FPGA for its share of the time */
    double images_per_s, dense_images; /* the same in images */
} lb_sparse_costs;

/**
 * What the layers of a packed network cost, one after the other on the whole FPGA.
 *
 * Computes:  the time of a layer is macs C_e / clock; throughput is 2 sum(macs) / sum(time).
 * Requires:  batch >= 1.
 * Ownership: *out is yours, lb_sparse_costs_destroy.
 * Errors:    those of lb_packed_open and lb_fpga_check; LB_E_UNSUPPORTED no layer has binary or ternary weights, or
 *            one has no others than zeros; LB_E_NOMEM.
 */
lb_status lb_cost_sparse(const char *path, const lb_fpga *fpga, size_t batch,
                         lb_sparse_costs **out);

/** Free costs; NULL is fine. */
void lb_sparse_costs_destroy(lb_sparse_costs *costs);

#ifdef __cplusplus
}
#endif
#endif
