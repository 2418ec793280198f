/* What sparse ternary networks cost on an FPGA whose processing elements are fed by decoders of gaps:
 *
 *     C_e = gamma (C_op + C_d / R)        T_e = 2 clock / C_e
 *
 * Resources of two kinds, LUTs and DSPs, are added as shares of what can be used of each, as the paper does.
 * Source: Faraone, "Simplification of Deep Neural Networks for Efficient Inference", thesis, Sydney, 2020, 3.4. */
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "intnet/int_cost.h"
#include "lowbit/hardware.h"

enum { FLOAT_BITS = 32 };

lb_fpga lb_fpga_ku115(void)
{
    return (lb_fpga){.luts = 663000.0,
                     .lut_percent = 70.0,
                     .dsps = 5520.0,
                     .dsp_percent = 100.0,
                     .clock_mhz = 250.0,
                     .mac_luts = 5.0,
                     .mac_dsps = 2.0,
                     .decoder_luts = 112.0};
}

static lb_status check(const char *what, double value, double most)
{
    if (isfinite(value) && value > 0.0 && value <= most) return LB_OK;
    if (most < HUGE_VAL)
        return lb_fail(LB_E_ARG, "FPGA: %s %g: wanted more than 0, %g at most", what, value, most);
    return lb_fail(LB_E_ARG, "FPGA: %s %g: wanted a number above 0", what, value);
}

lb_status lb_fpga_check(const lb_fpga *fpga)
{
    const double percent = 100.0;
    LB_TRY(check("LUTs", fpga->luts, HUGE_VAL));
    LB_TRY(check("percent of the LUTs", fpga->lut_percent, percent));
    LB_TRY(check("DSPs", fpga->dsps, HUGE_VAL));
    LB_TRY(check("percent of the DSPs", fpga->dsp_percent, percent));
    LB_TRY(check("MHz", fpga->clock_mhz, HUGE_VAL));
    LB_TRY(check("LUTs a multiply-accumulate", fpga->mac_luts, HUGE_VAL));
    LB_TRY(check("DSPs a multiply-accumulate", fpga->mac_dsps, HUGE_VAL));
    return check("LUTs a decoder", fpga->decoder_luts, HUGE_VAL);
}

static double share_of_luts(const lb_fpga *fpga, double luts)
{
    return luts / (fpga->luts * fpga->lut_percent / 100.0);
}

double lb_dense_operation_cost(const lb_fpga *fpga, int act_bits)
{
    if (act_bits == FLOAT_BITS) return fpga->mac_dsps / (fpga->dsps * fpga->dsp_percent / 100.0);
    return share_of_luts(fpga, fpga->mac_luts * act_bits);
}

double lb_sparse_operation_cost(const lb_fpga *fpga, int act_bits, double nonzero, double reuse)
{
    const double decoder = share_of_luts(fpga, fpga->decoder_luts);
    return nonzero * (lb_dense_operation_cost(fpga, act_bits) + decoder / reuse);
}

double lb_effective_throughput(const lb_fpga *fpga, double cost)
{
    return 2.0 * fpga->clock_mhz * 1e6 / cost;
}

/* ---- packed networks ---- */

static bool is_ternary(const lb_int_layer *l)
{
    return l->weights.storage == LB_STORED_TERNARY;
}

/* +1 and -1 alone. */
static bool is_binary(const lb_int_layer *l)
{
    return l->weights.storage == LB_STORED_GRID && l->weights.grid.bits == 1 &&
           !lb_grid_has_zero(l->weights.grid);
}

static lb_status fill_layer(const lb_intnet *net, size_t index, const lb_fpga *fpga, size_t batch,
                            lb_sparse_layer *out)
{
    const lb_int_layer *l = &net->layers[index];
    const lb_int_layer_cost cost = lb_int_layer_cost_of(net, index);
    lb_sparse_layer layer = {.ternary = is_ternary(l),
                             .act_bits = cost.act_bits,
                             .weights = cost.weights,
                             .nonzero = cost.weights,
                             .macs = cost.macs,
                             .reuse = batch * l->map.shape.h * l->map.shape.w};
    (void)snprintf(layer.name, sizeof layer.name, "%s", l->name);
    layer.cost = lb_dense_operation_cost(fpga, layer.act_bits);
    layer.dense = lb_effective_throughput(fpga, layer.cost);
    if (layer.ternary) {
        lb_gap_sizes sizes;
        LB_TRY(lb_int_layer_measure_gaps(l, &sizes));
        if (sizes.nonzero == 0)
            return lb_fail(LB_E_UNSUPPORTED, "layer '%s': all its weights are zero", l->name);
        layer.nonzero = sizes.nonzero;
        const double nonzero = (double)sizes.nonzero / (double)layer.weights;
        layer.cost = lb_sparse_operation_cost(fpga, layer.act_bits, nonzero, (double)layer.reuse);
    }
    layer.throughput = lb_effective_throughput(fpga, layer.cost);
    *out = layer;
    return LB_OK;
}

/* Sums, and what they make of the whole. */
static void add_up(const lb_fpga *fpga, lb_sparse_costs *costs)
{
    double cycles = 0.0, dense_cycles = 0.0;
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_sparse_layer *l = &costs->layers[i];
        costs->weights += l->weights;
        costs->nonzero += l->nonzero;
        costs->macs += l->macs;
        cycles += (double)l->macs * l->cost;
        dense_cycles += (double)l->macs * lb_dense_operation_cost(fpga, l->act_bits);
    }
    const double macs = (double)costs->macs;
    costs->throughput = lb_effective_throughput(fpga, cycles / macs);
    costs->dense = lb_effective_throughput(fpga, dense_cycles / macs);
    costs->images_per_s = fpga->clock_mhz * 1e6 / cycles;
    costs->dense_images = fpga->clock_mhz * 1e6 / dense_cycles;
}

static lb_status fill(const lb_intnet *net, const lb_fpga *fpga, size_t batch,
                      lb_sparse_costs *costs)
{
    LB_TRY(lb_alloc(net->n_layers, sizeof *costs->layers, "costs", (void **)&costs->layers));
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        if (l->op != LB_INT_CONV) continue;
        if (!is_ternary(l) && !is_binary(l)) {
            costs->other_macs += lb_int_layer_cost_of(net, i).macs;
            continue;
        }
        LB_TRY(fill_layer(net, i, fpga, batch, &costs->layers[costs->n_layers]));
        costs->n_layers++;
    }
    if (costs->n_layers == 0)
        return lb_fail(LB_E_UNSUPPORTED, "no layer has binary or ternary weights");
    add_up(fpga, costs);
    return LB_OK;
}

lb_status lb_cost_sparse(const char *path, const lb_fpga *fpga, size_t batch, lb_sparse_costs **out)
{
    lb_intnet net = {0};
    lb_sparse_costs *costs = NULL;
    LB_TRY(lb_fpga_check(fpga));
    LB_TRY(lb_alloc(1, sizeof *costs, "costs", (void **)&costs));
    lb_status status = lb_intnet_open(path, &net);
    if (status == LB_OK) {
        status = fill(&net, fpga, batch, costs);
        if (status != LB_OK) status = lb_fail_in(status, "%s", path);
    }
    lb_intnet_release(&net);
    if (status != LB_OK) {
        lb_sparse_costs_destroy(costs);
        return status;
    }
    *out = costs;
    return LB_OK;
}

void lb_sparse_costs_destroy(lb_sparse_costs *costs)
{
    if (costs == NULL) return;
    lb_free(costs->layers);
    lb_free(costs);
}
