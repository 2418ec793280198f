/* The graph builder: shapes, the remembered failure and its message, names, starting values. */
#include "nn/net.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/executor.h"
#include "support/support.h"

static lb_net start(size_t c, size_t h, size_t w)
{
    lb_net net;
    lb_net_init(&net);
    lb_net_input(&net, (lb_shape){c, h, w}, false);
    return net;
}

static void assert_shape(const lb_net *net, int node, size_t c, size_t h, size_t w)
{
    const lb_shape s = net->nodes[node].shape;
    if (s.c != c || s.h != h || s.w != w) {
        fail_msg("node '%s': shape %zu x %zu x %zu, wanted %zu x %zu x %zu", net->nodes[node].name,
                 s.c, s.h, s.w, c, h, w);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    lb_net net = start(3, 32, 28);
    assert_shape(&net, 0, 3, 32, 28);
    assert_shape(&net, lb_net_conv(&net, "same", 0, 8, lb_window_square(3, 1, 1), 1, true, NULL), 8,
                 32, 28);
    assert_shape(&net, lb_net_conv(&net, "half", 0, 6, lb_window_square(3, 2, 1), 3, true, NULL), 6,
                 16, 14);
    const lb_window uneven = {.kh = 5, .kw = 2, .stride = 3, .pad_top = 1, .pad_right = 2};
    assert_shape(&net, lb_net_conv(&net, "uneven", 0, 4, uneven, 1, false, NULL), 4, 10, 10);
    assert_shape(&net, lb_net_max_pool(&net, "pool", 1, lb_window_square(2, 2, 0)), 8, 16, 14);
    assert_shape(&net, lb_net_global_pool(&net, "global", 1), 8, 1, 1);
    const int sub = lb_net_subsample(&net, "sub", 2, 3, 9);
    assert_shape(&net, sub, 9, 6, 5);
    assert_shape(&net, lb_net_concat(&net, "concat", sub, sub), 18, 6, 5);
    assert_shape(&net, lb_net_flatten(&net, "flat", sub), 270, 1, 1);
    const int linear = lb_net_linear(&net, "linear", sub, 10, true, NULL);
    assert_shape(&net, linear, 10, 1, 1);
    const lb_conv *conv = &net.nodes[linear].as.conv;
    assert_int_equal(conv->in, 9);
    assert_int_equal(lb_node_filter_size(&net.nodes[linear]), 270);
    assert_int_equal(net.params[conv->weight].dims[1], 270);
    const int norm = lb_net_batch_norm(&net, "norm", linear, true, 1e-5f, 0.1f);
    assert_shape(&net, lb_net_add(&net, "add", linear, norm), 10, 1, 1);
    assert_int_equal(net.failed, LB_OK);
    lb_net_release(&net);
}

/* Output size of a pool in ceil mode, counted by hand: windows start inside the map. */
static void test_ceil_windows(void **state)
{
    (void)state;
    static const struct {
        size_t k, stride, size, wanted;
    } cases[] = {
        {3, 2, 7, 3}, /* 0, 2, 4: fits exactly          */
        {3, 2, 8, 4}, /* and 6, with one pixel outside  */
        {2, 2, 5, 3}, /* and 4                          */
        {1, 2, 2, 1}, /* 2 would start outside          */
        {2, 3, 6, 2}, /* 0, 3; 6 would start outside    */
        {2, 3, 4, 2}, /* 0, 3                           */
        {3, 2, 2, 1}, /* larger than the map            */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_net net = start(1, cases[i].size, cases[i].size);
        const int pool = lb_net_max_pool(
            &net, "pool", 0, lb_window_ceil(cases[i].k, cases[i].stride, cases[i].size));
        if (net.failed != LB_OK) fail_msg("case %zu: %s", i, net.message);
        assert_shape(&net, pool, 1, cases[i].wanted, cases[i].wanted);
        lb_net_release(&net);
    }
}

/* ---- failures: each builder breaks one rule on a net of an input 4 x 6 x 6 ---- */

static int max_code_one(const lb_weight_setting *setting)
{
    (void)setting;
    return 1;
}

static lb_act_map byte_map(const lb_act_setting *setting, const float *learned)
{
    (void)setting;
    (void)learned;
    return (lb_act_map){
        .multiplier = 1.0f, .divisor = 1.0f, .low = -128.0f, .high = 255.0f, .scale = 1.0f};
}

static int max_code_large(const lb_weight_setting *setting)
{
    (void)setting;
    return 255;
}

static const lb_weight_quantizer ternary = {.name = "ternary-test",
                                            .bits_min = 2,
                                            .bits_max = 2,
                                            .granularities = 1 << LB_PER_LAYER,
                                            .max_code = max_code_one};
static const lb_weight_quantizer wide = {.name = "wide-test",
                                         .bits_min = 1,
                                         .bits_max = 8,
                                         .granularities = 1 << LB_PER_LAYER,
                                         .max_code = max_code_large};
static const lb_act_quantizer byte_act = {
    .name = "byte-test", .bits_min = 2, .bits_max = 4, .map = byte_map};

static void groups_of_three(lb_net *net)
{
    lb_net_conv(net, "bad", 0, 6, lb_window_square(3, 1, 1), 3, true, NULL);
}

static void kernel_too_large(lb_net *net)
{
    lb_net_conv(net, "bad", 0, 6, lb_window_square(7, 1, 0), 1, true, NULL);
}

static void no_stride(lb_net *net)
{
    lb_net_max_pool(net, "bad", 0, lb_window_square(2, 0, 0));
}

static void pool_in_padding(lb_net *net)
{
    lb_net_average_pool(net, "bad", 0, lb_window_square(2, 2, 2));
}

static void no_filters(lb_net *net)
{
    lb_net_linear(net, "bad", 0, 0, true, NULL);
}

static void huge(lb_net *net)
{
    lb_net_conv(net, "bad", 0, SIZE_MAX / 4, lb_window_square(1, 1, 0), 1, true, NULL);
}

static void different_shapes(lb_net *net)
{
    lb_net_add(net, "bad", 0, lb_net_max_pool(net, "pool", 0, lb_window_square(2, 2, 0)));
}

static void fewer_channels(lb_net *net)
{
    lb_net_subsample(net, "bad", 0, 2, 3);
}

static void no_such_node(lb_net *net)
{
    lb_net_relu(net, "bad", 1, 1.0f);
}

static void no_second_node(lb_net *net)
{
    lb_net_concat(net, "bad", 0, -1);
}

static void same_name(lb_net *net)
{
    lb_net_relu(net, "bad", lb_net_relu(net, "bad", 0, 1.0f), 1.0f);
}

static void long_name(lb_net *net)
{
    char name[LB_NAME_BYTES + 1];
    memset(name, 'x', LB_NAME_BYTES);
    name[LB_NAME_BYTES] = '\0';
    lb_net_relu(net, name, 0, 1.0f);
}

static void second_input(lb_net *net)
{
    lb_net_input(net, (lb_shape){1, 1, 1}, false);
}

static void nan_slope(lb_net *net)
{
    lb_net_relu(net, "bad", 0, NAN);
}

static void empty_clip(lb_net *net)
{
    lb_net_clip(net, "bad", 0, 1.0f, 1.0f);
}

static void certain_dropout(lb_net *net)
{
    lb_net_dropout(net, "bad", 0, 1.0f);
}

static void no_eps(lb_net *net)
{
    lb_net_batch_norm(net, "bad", 0, true, 0.0f, 0.1f);
}

static void three_bits(lb_net *net)
{
    const lb_weight_choice choice = {&ternary, {.bits = 3}};
    lb_net_linear(net, "bad", 0, 3, true, &choice);
}

static void per_filter(lb_net *net)
{
    const lb_weight_choice choice = {&ternary, {.bits = 2, .granularity = LB_PER_FILTER}};
    lb_net_linear(net, "bad", 0, 3, true, &choice);
}

static void act_bits(lb_net *net)
{
    const lb_act_setting setting = {.bits = 5};
    lb_net_quantize(net, "bad", 0, &byte_act, &setting);
}

static void not_logits(lb_net *net)
{
    lb_net_relu(net, "bad", 0, 1.0f);
}

static void unused_node(lb_net *net)
{
    lb_net_relu(net, "bad", 0, 1.0f);
    lb_net_linear(net, "fc", 0, 3, true, NULL);
}

static void input_alone(lb_net *net)
{
    (void)net;
}

/* 255 * 255 * 33,026 is just above 2^31 - 1. */
static void sum_too_large(lb_net *net)
{
    const lb_act_setting setting = {.bits = 2};
    const lb_weight_choice choice = {&wide, {.bits = 8}};
    int x = lb_net_linear(net, "many", 0, 33026, false, NULL);
    x = lb_net_quantize(net, "quantize", x, &byte_act, &setting);
    lb_net_linear(net, "bad", x, 2, false, &choice);
}

static void test_failures(void **state)
{
    (void)state;
    static const struct {
        void (*build)(lb_net *net);
        lb_status status;
        const char *message;
    } cases[] = {
        {groups_of_three, LB_E_SHAPE,
         "layer 'bad': 3 groups do not divide 4 input and 6 output channels"},
        {kernel_too_large, LB_E_SHAPE,
         "node 'bad': kernel 7 x 7 is larger than its padded input 6 x 6"},
        {no_stride, LB_E_SHAPE, "stride 0"},
        {pool_in_padding, LB_E_SHAPE, "padding as large as the kernel"},
        {no_filters, LB_E_SHAPE, "shape 0 x 1 x 1"},
        {huge, LB_E_SHAPE, "node 'bad': shape"},
        {different_shapes, LB_E_SHAPE, "'input' is 4 x 6 x 6, but 'pool' is 4 x 3 x 3"},
        {fewer_channels, LB_E_SHAPE, "to 3 channels"},
        {no_such_node, LB_E_ARG, "input 1 is no node"},
        {no_second_node, LB_E_ARG, "is no node"},
        {same_name, LB_E_ARG, "another node has this name"},
        {long_name, LB_E_ARG, "64 characters"},
        {second_input, LB_E_ARG, "has no other"},
        {nan_slope, LB_E_ARG, "slope nan"},
        {empty_clip, LB_E_ARG, "clip to [1, 1]"},
        {certain_dropout, LB_E_ARG, "dropout 1"},
        {no_eps, LB_E_ARG, "eps 0"},
        {three_bits, LB_E_ARG, "weight quantizer 'ternary-test' takes 2 to 2 bits, not 3"},
        {per_filter, LB_E_ARG, "has no per-filter scales"},
        {act_bits, LB_E_ARG, "activation quantizer 'byte-test' takes 2 to 4 bits, not 5"},
        {not_logits, LB_E_SHAPE, "last node 'bad': shape 4 x 6 x 6"},
        {unused_node, LB_E_SHAPE, "node 'bad': nothing takes its output"},
        {input_alone, LB_E_SHAPE, "at least one layer"},
        {sum_too_large, LB_E_UNSUPPORTED, "layer 'bad': 33026 weights up to 255"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_net net = start(4, 6, 6);
        cases[i].build(&net);
        assert_status(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY), cases[i].status);
        assert_contains(lb_error(), cases[i].message);
        lb_net_release(&net);
    }
}

/* After a failure nothing is added any more, and the first message stays. */
static void test_first_failure_stays(void **state)
{
    (void)state;
    lb_net net = start(4, 6, 6);
    assert_int_equal(lb_net_relu(&net, "first", 0, -1.0f), 0);
    const size_t nodes = net.n_nodes, params = net.n_params;
    assert_int_equal(lb_net_linear(&net, "second", 0, 0, true, NULL), 0);
    assert_int_equal(lb_net_global_pool(&net, "third", 77), 0);
    assert_int_equal(net.n_nodes, nodes);
    assert_int_equal(net.n_params, params);
    assert_status(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY), LB_E_ARG);
    assert_contains(lb_error(), "node 'first': slope -1");
    lb_net_release(&net);
    lb_net_release(&net); /* an empty net may be released */
}

static lb_net two_layers(void)
{
    lb_net net = start(3, 8, 8);
    int x = lb_net_conv(&net, "stage1.conv", 0, 16, lb_window_square(3, 1, 1), 1, true, NULL);
    x = lb_net_batch_norm(&net, "stage1.norm", x, true, 1e-5f, 0.1f);
    lb_net_linear(&net, "fc", x, 10, true, NULL);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    return net;
}

static void test_names_and_gradients(void **state)
{
    (void)state;
    lb_net net = two_layers();
    static const char *const names[] = {
        "stage1.conv.weight", "stage1.conv.bias",     "stage1.norm.gamma", "stage1.norm.beta",
        "stage1.norm.mean",   "stage1.norm.variance", "fc.weight",         "fc.bias"};
    assert_int_equal(net.n_params, sizeof names / sizeof *names);
    for (size_t i = 0; i < net.n_params; i++) {
        assert_string_equal(net.params[i].name, names[i]);
        assert_int_equal(lb_net_find_param(&net, names[i]), i);
        assert_int_equal(net.params[i].grad == NULL, i == 4 || i == 5);
    }
    assert_int_equal(lb_net_find_param(&net, "fc"), -1);
    assert_int_equal(lb_net_find_node(&net, "fc"), 3);
    assert_int_equal(lb_net_find_node(&net, "fc.weight"), -1);
    assert_int_equal(net.classes, 10);
    lb_net_release(&net);
}

/* More nodes than the first block of the table holds: indices stay good. */
static void test_many_nodes(void **state)
{
    (void)state;
    lb_net net = start(2, 1, 1);
    char name[32];
    int x = 0;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "node%d", i);
        x = lb_net_batch_norm(&net, name, x, true, 1e-5f, 0.1f);
    }
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    assert_int_equal(net.n_nodes, 101);
    assert_int_equal(net.n_params, 400);
    assert_int_equal(lb_net_find_param(&net, "node99.variance"), 399);
    for (size_t i = 1; i < net.n_nodes; i++) assert_int_equal(net.nodes[i].in[0], i - 1);
    lb_net_release(&net);
}

static void moments(const lb_param *p, double *mean, double *deviation, double *largest)
{
    double sum = 0.0, squares = 0.0;
    *largest = 0.0;
    for (size_t i = 0; i < p->count; i++) {
        sum += (double)p->value[i];
        squares += (double)p->value[i] * (double)p->value[i];
        *largest = fmax(*largest, fabs((double)p->value[i]));
    }
    *mean = sum / (double)p->count;
    *deviation = sqrt(squares / (double)p->count);
}

/* Moments of n draws lie within five of their own deviations: mean sd / sqrt(n); deviation sd /
 * sqrt(2n) for normal draws (less for uniform ones). */
static void check_moments(const lb_net *net, const char *name, double sd, double bound)
{
    double mean, deviation, largest;
    const lb_param *p = &net->params[lb_net_find_param(net, name)];
    moments(p, &mean, &deviation, &largest);
    const double n = (double)p->count;
    assert_true(fabs(mean) < 5.0 * sd / sqrt(n));
    assert_true(fabs(deviation - sd) < 5.0 * sd / sqrt(2.0 * n));
    assert_true(largest <= bound);
}

static void test_initialize(void **state)
{
    (void)state;
    lb_net net = two_layers(), other = two_layers();
    const double conv_bound = 1.0 / sqrt(27.0), fc_bound = 1.0 / sqrt(1024.0);
    lb_net_initialize(&net, LB_INIT_FAN_IN, 1);
    check_moments(&net, "stage1.conv.weight", conv_bound / sqrt(3.0), conv_bound * 1.000001);
    check_moments(&net, "fc.weight", fc_bound / sqrt(3.0), fc_bound);
    check_moments(&net, "stage1.conv.bias", conv_bound / sqrt(3.0), conv_bound * 1.000001);
    for (size_t i = 0; i < 16; i++) {
        assert_true(net.params[2].value[i] == 1.0f && net.params[3].value[i] == 0.0f);
        assert_true(net.params[4].value[i] == 0.0f && net.params[5].value[i] == 1.0f);
    }
    assert_true(net.params[0].value[0] != net.params[1].value[0]); /* of one range, other draws */
    lb_net_initialize(&other, LB_INIT_FAN_IN, 1);
    for (size_t i = 0; i < net.n_params; i++) {
        assert_memory_equal(net.params[i].value, other.params[i].value,
                            net.params[i].count * sizeof(float));
    }
    lb_net_initialize(&other, LB_INIT_RESNET, 2);
    check_moments(&other, "stage1.conv.weight", sqrt(2.0 / (9.0 * 16.0)), INFINITY);
    check_moments(&other, "fc.weight", fc_bound / sqrt(3.0), fc_bound);
    assert_true(memcmp(net.params[6].value, other.params[6].value, sizeof(float)) != 0);
    lb_net_release(&net);
    lb_net_release(&other);
}

static const lb_weight_quantizer wide_start = {
    .name = "wide-start", .bits_min = 1, .bits_max = 1, .granularities = 1, .wide_init = true};

static void test_wide_start(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&wide_start, {.bits = 1}};
    lb_net net = start(64, 8, 8);
    lb_net_linear(&net, "fc", 0, 20, true, &choice);
    assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
    lb_net_initialize(&net, LB_INIT_FAN_IN, 1);
    check_moments(&net, "fc.weight", 1.0 / sqrt(3.0), 1.0 - 0x1p-24);
    lb_net_release(&net);
}

static void test_weight_groups(void **state)
{
    (void)state;
    static const lb_weight_quantizer both = {
        .name = "both", .bits_min = 1, .bits_max = 1, .granularities = 3, .max_code = max_code_one};
    const lb_weight_choice layer = {&both, {.bits = 1, .granularity = LB_PER_LAYER}};
    const lb_weight_choice filter = {&both, {.bits = 1, .granularity = LB_PER_FILTER}};
    lb_net net = start(6, 5, 4);
    size_t n = 0;
    lb_weight_group g;
    int x = lb_net_conv(&net, "layer", 0, 8, lb_window_square(3, 1, 1), 2, false, &layer);
    g = lb_node_weight_group(&net.nodes[x], &n);
    assert_true(n == 1 && g.n == 216 && g.filters == 8 && g.channels == 3 && g.taps == 9);
    x = lb_net_conv(&net, "filter", 0, 8, lb_window_square(3, 1, 1), 2, false, &filter);
    g = lb_node_weight_group(&net.nodes[x], &n);
    assert_true(n == 8 && g.n == 27 && g.filters == 1 && g.channels == 3 && g.taps == 9);
    x = lb_net_linear(&net, "linear", 0, 7, false, &filter);
    g = lb_node_weight_group(&net.nodes[x], &n);
    assert_true(n == 7 && g.n == 120 && g.filters == 1 && g.channels == 120 && g.taps == 1);
    x = lb_net_linear(&net, "float", 0, 7, false, NULL);
    g = lb_node_weight_group(&net.nodes[x], &n);
    assert_true(n == 1 && g.n == 840 && g.filters == 7);
    lb_net_release(&net);
}

static lb_status build_and_run(void *context)
{
    (void)context;
    lb_net net = start(2, 4, 4);
    int x = lb_net_conv(&net, "conv", 0, 3, lb_window_square(3, 1, 1), 1, true, NULL);
    x = lb_net_batch_norm(&net, "norm", x, true, 1e-5f, 0.1f);
    lb_net_linear(&net, "fc", x, 2, true, NULL);
    lb_status status = lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY);
    if (status == LB_OK) {
        const lb_executor_options options = {.batch = 2, .threads = 1};
        const lb_backend *backend = lb_backend_find("reference");
        lb_executor *executor = NULL;
        status = backend->create(&net, &options, &executor);
        if (status == LB_OK) backend->destroy(executor);
    }
    lb_net_release(&net);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    lb_test_every_allocation_failure(build_and_run, NULL);
}

static void test_back_ends(void **state)
{
    (void)state;
    for (size_t i = 0; lb_backends[i]; i++)
        assert_ptr_equal(lb_backend_find(lb_backends[i]->name), lb_backends[i]);
    assert_non_null(lb_backend_find("reference"));
    assert_null(lb_backend_find("references"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_ceil_windows),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_first_failure_stays),
        cmocka_unit_test(test_names_and_gradients),
        cmocka_unit_test(test_many_nodes),
        cmocka_unit_test(test_initialize),
        cmocka_unit_test(test_wide_start),
        cmocka_unit_test(test_weight_groups),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_back_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
