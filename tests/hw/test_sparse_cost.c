/* The cost model of sparse ternary networks on an FPGA: the paper's figures, its formula by hand, and packed networks
 * against sums made here. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lowbit/hardware.h"
#include "support/random_intnet.h"
#include "support/support.h"

enum { FLOAT_BITS = 32, NETWORKS = 60 };

static void assert_near(double got, double wanted)
{
    if (fabs(got - wanted) > 1e-9 * fabs(wanted)) fail_msg("%.12g, wanted %.12g", got, wanted);
}

/* 46.4 TOPs binary; 1.38 TOPs float, which the paper prints as 1.3. */
static void test_peaks_of_the_ku115(void **state)
{
    (void)state;
    const lb_fpga fpga = lb_fpga_ku115();
    assert_ok(lb_fpga_check(&fpga));
    assert_near(lb_effective_throughput(&fpga, lb_dense_operation_cost(&fpga, 1)), 46.41e12);
    assert_near(lb_effective_throughput(&fpga, lb_dense_operation_cost(&fpga, FLOAT_BITS)),
                1.38e12);
}

/* Usable: 464,100 LUTs, 5,520 DSPs. */
static void test_by_hand(void **state)
{
    (void)state;
    const lb_fpga fpga = lb_fpga_ku115();
    /* 0.25 (5 + 112 / 16) / 464,100 */
    assert_near(lb_sparse_operation_cost(&fpga, 1, 0.25, 16.0), 3.0 / 464100.0);
    /* four binary operations: 0.5 (20 + 112) */
    assert_near(lb_sparse_operation_cost(&fpga, 4, 0.5, 1.0), 66.0 / 464100.0);
    /* 0.1 (2 / 5520 + 56 / 464,100) */
    assert_near(lb_sparse_operation_cost(&fpga, FLOAT_BITS, 0.1, 2.0),
                0.1 * (2.0 / 5520.0 + 56.0 / 464100.0));
    /* all weights other than zero: the decoder is what they cost more */
    assert_true(lb_sparse_operation_cost(&fpga, 1, 1.0, 1e12) >= lb_dense_operation_cost(&fpga, 1));
    lb_fpga half = fpga;
    half.lut_percent = 35.0;
    half.clock_mhz = 500.0;
    assert_near(lb_dense_operation_cost(&half, 1), 2.0 * lb_dense_operation_cost(&fpga, 1));
    assert_near(lb_effective_throughput(&half, 1e-3), 1e12);
}

static void test_refusals(void **state)
{
    (void)state;
    lb_fpga fpga = lb_fpga_ku115();
    lb_sparse_costs *costs = NULL;
    fpga.lut_percent = 100.5;
    assert_int_equal(lb_fpga_check(&fpga), LB_E_ARG);
    assert_non_null(strstr(lb_error(), "percent of the LUTs 100.5"));
    assert_int_equal(lb_cost_sparse("nowhere.lbm", &fpga, 1, &costs), LB_E_ARG);
    fpga = lb_fpga_ku115();
    fpga.clock_mhz = NAN;
    assert_int_equal(lb_fpga_check(&fpga), LB_E_ARG);
    fpga = lb_fpga_ku115();
    fpga.decoder_luts = 0.0;
    assert_int_equal(lb_fpga_check(&fpga), LB_E_ARG);
    fpga = lb_fpga_ku115();
    assert_int_equal(lb_cost_sparse("nowhere.lbm", &fpga, 1, &costs), LB_E_IO);
    assert_null(costs);
}

static size_t count_nonzero(const lb_int_weights *w)
{
    int16_t *codes = malloc(w->count * sizeof *codes);
    assert_non_null(codes);
    lb_int_weights_codes(w, codes);
    size_t nonzero = 0;
    for (size_t i = 0; i < w->count; i++) nonzero += codes[i] != 0;
    free(codes);
    return nonzero;
}

/* Layers of the network that are counted, and what they should cost. */
static size_t check_network(const lb_intnet *net, const lb_sparse_costs *costs, size_t batch)
{
    const lb_fpga fpga = lb_fpga_ku115();
    size_t n = 0, ternary = 0;
    double seconds = 0.0;
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        const bool of_three = l->weights.storage == LB_STORED_TERNARY;
        const bool of_two = l->weights.storage == LB_STORED_GRID && l->weights.grid.bits == 1 &&
                            !lb_grid_has_zero(l->weights.grid);
        if (l->op != LB_INT_CONV || (!of_three && !of_two)) continue;
        assert_true(n < costs->n_layers);
        const lb_sparse_layer *got = &costs->layers[n++];
        const lb_int_map *in = &net->layers[l->in[0]].map;
        const size_t pixels = l->map.shape.h * l->map.shape.w;
        const size_t nonzero = of_three ? count_nonzero(&l->weights) : l->weights.count;
        const int bits = in->coded ? in->grid.bits : FLOAT_BITS;
        assert_string_equal(got->name, l->name);
        assert_int_equal(got->nonzero, nonzero);
        assert_int_equal(got->reuse, batch * pixels);
        assert_int_equal(got->macs, l->weights.count * pixels);
        const double cost =
            of_two
                ? lb_dense_operation_cost(&fpga, bits)
                : lb_sparse_operation_cost(&fpga, bits, (double)nonzero / (double)l->weights.count,
                                           (double)(batch * pixels));
        assert_near(got->throughput, 2.0 * 250e6 / cost);
        seconds += (double)got->macs * cost / 250e6;
        ternary += of_three;
    }
    assert_int_equal(n, costs->n_layers);
    assert_near(costs->images_per_s, 1.0 / seconds);
    assert_near(costs->throughput, 2.0 * (double)costs->macs / seconds);
    return ternary;
}

static void test_packed_networks(void **state)
{
    (void)state;
    const lb_fpga fpga = lb_fpga_ku115();
    size_t ternary = 0, refused = 0;
    for (uint64_t seed = 0; seed < NETWORKS; seed++) {
        lb_intnet net;
        lb_sparse_costs *costs = NULL;
        lb_random_intnet(seed, &net);
        assert_ok(lb_intnet_write(&net, "net.lbm"));
        const lb_status status = lb_cost_sparse("net.lbm", &fpga, 1 + seed % 5, &costs);
        if (status == LB_OK)
            ternary += check_network(&net, costs, 1 + seed % 5);
        else
            assert_int_equal(status, LB_E_UNSUPPORTED);
        refused += status != LB_OK;
        lb_sparse_costs_destroy(costs);
        lb_intnet_release(&net);
    }
    assert_true(ternary >= NETWORKS / 4);
    assert_true(refused < NETWORKS / 2);
}

static lb_status cost(void *user)
{
    lb_sparse_costs *costs = NULL;
    const lb_status status = lb_cost_sparse("net.lbm", user, 1, &costs);
    lb_sparse_costs_destroy(costs);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    lb_fpga fpga = lb_fpga_ku115();
    lb_sparse_costs *costs = NULL;
    for (uint64_t seed = 0; costs == NULL; seed++) {
        lb_intnet net;
        lb_random_intnet(seed, &net);
        assert_ok(lb_intnet_write(&net, "net.lbm"));
        lb_intnet_release(&net);
        if (lb_cost_sparse("net.lbm", &fpga, 1, &costs) != LB_OK) costs = NULL;
    }
    lb_sparse_costs_destroy(costs);
    lb_test_every_allocation_failure(cost, &fpga);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peaks_of_the_ku115),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_packed_networks),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
