/* Scaling factors and operations by granularity, against numbers worked out by hand. */
#include <string.h>

#include "models/scaling_cost.h"
#include "support/model_check.h"
#include "support/support.h"

static lb_scaling_costs *costs_of(const char *model, size_t classes)
{
    lb_model_request request = lb_test_model_request(model, lb_test_quant("float", -1, -1));
    request.classes = classes;
    lb_net net;
    lb_scaling_costs *costs = NULL;
    assert_ok(lb_model_build(&request, &net));
    assert_ok(lb_scaling_costs_of_net(&net, &costs));
    lb_net_release(&net);
    return costs;
}

/* What one layer is to have; scalars in the order of lb_scaling. */
typedef struct expected {
    const char *name;
    size_t filters, channels, height, width, outputs;
    size_t scalars[LB_SCALINGS], operations, weights;
    size_t multiplications[3], additions;
} expected;

static void check(const lb_scaling_costs *costs, const expected *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const expected *w = &wanted[i];
        const lb_scaling_layer *l = costs->layers;
        while (l < costs->layers + costs->n_layers && strcmp(l->name, w->name) != 0) l++;
        assert_true(l < costs->layers + costs->n_layers);
        assert_int_equal(l->filters, w->filters);
        assert_int_equal(l->channels, w->channels);
        assert_int_equal(l->kernel_height, w->height);
        assert_int_equal(l->kernel_width, w->width);
        assert_int_equal(l->outputs, w->outputs);
        for (int s = 0; s < LB_SCALINGS; s++) {
            const size_t branches = s == LB_SCALING_SIGN ? w->weights : 0;
            assert_int_equal(l->cost[s].scalars, w->scalars[s]);
            assert_int_equal(l->cost[s].operations, w->operations + branches);
        }
        for (int s = 0; s < 3; s++) assert_int_equal(l->multiplications[s], w->multiplications[s]);
        assert_int_equal(l->additions, w->additions);
    }
}

/* conv2: 50 filters of 20 x 5 x 5 at 8 x 8; 50 filters are 13 groups of four. */
static void test_lenet5(void **state)
{
    (void)state;
    static const expected layers[] = {
        {"conv1", 20, 1, 5, 5, 576, {1, 5, 25, 2, 125, 20}, 288000, 500, {25, 30, 50}, 24},
        {"conv2", 50, 20, 5, 5, 64, {1, 5, 25, 2, 325, 50}, 1600000, 25000, {500, 505, 525}, 499},
        {"fc2", 250, 500, 1, 1, 1, {1, 1, 1, 2, 63, 250}, 125000, 125000, {500, 500, 500}, 499},
    };
    lb_scaling_costs *costs = costs_of("lenet5", 10);
    assert_int_equal(costs->n_layers, 5);
    check(costs, layers, sizeof layers / sizeof *layers);
    assert_int_equal(costs->total[LB_SCALING_PIXEL].scalars, 25 + 25 + 3);
    assert_int_equal(costs->total[LB_SCALING_FILTER].scalars, 20 + 50 + 500 + 250 + 10);
    assert_int_equal(costs->total[LB_SCALING_SIGN].operations, 2415500 + 553000);
    lb_scaling_costs_destroy(costs);
}

/* Two groups of channels: a filter of conv2 sees 48 of 96. K^2 N / 4 = 9 x 96 and 25 x 64. */
static void test_alexnet(void **state)
{
    (void)state;
    static const expected layers[] = {
        {"conv2",
         256,
         48,
         5,
         5,
         2916,
         {1, 5, 25, 2, 1600, 256},
         895795200,
         307200,
         {1200, 1205, 1225},
         1199},
        {"conv3",
         384,
         256,
         3,
         3,
         729,
         {1, 3, 9, 2, 864, 384},
         644972544,
         884736,
         {2304, 2307, 2313},
         2303},
    };
    lb_scaling_costs *costs = costs_of("alexnet-dorefa", 1000);
    check(costs, layers, sizeof layers / sizeof *layers);
    lb_scaling_costs_destroy(costs);
}

static lb_status count(void *net)
{
    lb_scaling_costs *costs = NULL;
    const lb_status status = lb_scaling_costs_of_net(net, &costs);
    lb_scaling_costs_destroy(costs);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    lb_net net;
    const lb_model_request request =
        lb_test_model_request("lenet5", lb_test_quant("float", -1, -1));
    assert_ok(lb_model_build(&request, &net));
    lb_test_every_allocation_failure(count, &net);
    lb_net_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenet5),
        cmocka_unit_test(test_alexnet),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
