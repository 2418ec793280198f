/* IMPQ's groups: listed by granularity, scored, and the lowest lowered. */
#include <math.h>

#include "nn/mixed_bits.h"
#include "quant/method.h"
#include "support/support.h"
#include "train/impq_plan.h"

/* Two layers of 3 and 2 filters of 2 and 3 weights, and a quantized map between. */
static void build(int bits, lb_net *net)
{
    const lb_weight_choice choice = {lb_weight_quantizer_find("uniform"),
                                     {.bits = bits, .granularity = LB_PER_FILTER}};
    lb_net_init(net);
    int x =
        lb_net_linear(net, "fc1", lb_net_input(net, (lb_shape){2, 1, 1}, false), 3, false, &choice);
    x = lb_net_quantize(net, "fc2.quantize", x, lb_act_quantizer_find("bnclip"),
                        &(lb_act_setting){.bits = 4});
    lb_net_linear(net, "fc2", x, 2, false, &choice);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
    for (size_t i = 0; i < 6; i++) net->params[0].value[i] = i % 2 == 0 ? 0.5f : -1.0f;
    for (size_t i = 0; i < 6; i++) net->params[1].value[i] = 0.25f;
}

static void list(const lb_net *net, lb_impq_granularity granularity, lb_impq_groups *g)
{
    static const double gains[] = {4.0, 1.0, 1.0, 2.0, 3.0};
    assert_ok(lb_impq_groups_list(net, LB_IMPQ_WEIGHTS, granularity, g));
    assert_int_equal(g->n_cells, 5);
    for (size_t c = 0; c < 5; c++) g->cells[c].gain = gains[c];
}

static void assert_widths(const lb_impq_groups *g, lb_net *net, const char *wanted)
{
    char *text = NULL;
    assert_ok(lb_impq_groups_apply(g, net));
    assert_ok(lb_net_write_bits(net, &text));
    assert_string_equal(text, wanted);
    lb_free(text);
}

static void test_kernels(void **state)
{
    (void)state;
    lb_net net;
    lb_impq_groups g;
    size_t n = 0;
    build(2, &net);
    list(&net, LB_IMPQ_KERNEL, &g);
    lb_impq_groups_score(&g, false);
    assert_true(g.groups[0].score == 1.0 && g.groups[3].score == 0.5);
    /* of the equal second and third the lower index */
    assert_ok(lb_impq_groups_lower(&g, 1, &n));
    assert_int_equal(n, 1);
    assert_widths(&g, &net, "fc1=212,fc2.quantize=4,fc2=22");
    /* one at 1 bit is out: the next two are taken */
    assert_ok(lb_impq_groups_lower(&g, 2, &n));
    assert_int_equal(n, 2);
    assert_widths(&g, &net, "fc1=211,fc2.quantize=4,fc2=12");
    assert_ok(lb_impq_groups_lower(&g, 9, &n));
    assert_int_equal(n, 2);
    assert_widths(&g, &net, "fc1=111,fc2.quantize=4,fc2=11");
    assert_int_equal(lb_impq_groups_open(&g), 0);
    lb_impq_groups_release(&g);
    assert_int_equal(lb_impq_groups_list(&net, LB_IMPQ_WEIGHTS, LB_IMPQ_KERNEL, &g), LB_E_ARG);
    lb_impq_groups_release(&g);
    lb_net_release(&net);
}

static void test_layers_and_the_network(void **state)
{
    (void)state;
    lb_net net;
    lb_impq_groups g;
    size_t n = 0;
    build(3, &net);
    list(&net, LB_IMPQ_LAYER, &g);
    assert_int_equal(g.n_groups, 2);
    lb_impq_groups_score(&g, false);
    assert_true(g.groups[0].score == 6.0 / 8.0 && g.groups[1].score == 5.0 / 8.0);
    assert_ok(lb_impq_groups_lower(&g, 1, &n));
    assert_widths(&g, &net, "fc1=333,fc2.quantize=4,fc2=22");
    /* fc1: mean gain 1, mean |w| 0.75, 3 bits; fc2: 5/6, 0.25, 2 bits */
    lb_impq_groups_score(&g, true);
    assert_true(fabs(g.groups[0].score - 0.75 / 8.0) < 1e-12);
    assert_true(fabs(g.groups[1].score - 5.0 / 6.0 * 0.25 / 4.0) < 1e-12);
    lb_impq_groups_release(&g);
    list(&net, LB_IMPQ_NETWORK, &g);
    assert_int_equal(g.n_groups, 1);
    lb_impq_groups_score(&g, false);
    assert_ok(lb_impq_groups_lower(&g, 1, &n));
    assert_widths(&g, &net, "fc1=222,fc2.quantize=4,fc2=11");
    assert_ok(lb_impq_groups_lower(&g, 1, &n));
    assert_widths(&g, &net, "fc1=111,fc2.quantize=4,fc2=11");
    lb_impq_groups_release(&g);
    lb_net_release(&net);
}

static void test_activations(void **state)
{
    (void)state;
    lb_net net;
    lb_impq_groups g;
    size_t n = 0;
    build(3, &net);
    assert_ok(lb_impq_groups_list(&net, LB_IMPQ_ACTS, LB_IMPQ_KERNEL, &g));
    assert_int_equal(g.n_groups, 1);
    g.cells[0].gain = 8.0;
    lb_impq_groups_score(&g, false);
    assert_true(g.groups[0].score == 0.5);
    lb_impq_groups_score(&g, true); /* no batch-norm before it: the range is 4 */
    assert_true(g.groups[0].score == 2.0);
    assert_ok(lb_impq_groups_lower(&g, 3, &n));
    assert_int_equal(n, 1);
    assert_widths(&g, &net, "fc1=3,fc2.quantize=3,fc2=3");
    lb_impq_groups_release(&g);
    lb_net_release(&net);
}

static void test_figures(void **state)
{
    (void)state;
    lb_net net;
    lb_impq_row row = {0};
    build(4, &net);
    assert_ok(lb_net_set_bits(&net, "fc1=432,fc2=2"));
    assert_ok(lb_impq_figures(&net, &row));
    /* 6 weights of 3 bits in the mean, 6 of 2; 2 inputs of 8 bits, 3 of 4; one multiply-accumulate a weight */
    assert_true(row.weight_bits == 2.5 && row.act_bits == (2 * 8.0 + 3 * 4.0) / 5.0);
    assert_true(row.compression == 6.4);
    const double wanted =
        6 * (3.0 * 8.0 + 3.0 + 8.0 + 1.0) + 6 * (2.0 * 4.0 + 2.0 + 4.0 + log2(3.0));
    assert_true(fabs(row.bit_operations - wanted) < 1e-9);
    lb_net_release(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels),
        cmocka_unit_test(test_layers_and_the_network),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
