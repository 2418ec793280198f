/* The reference back end against PyTorch: forward, backward, running statistics and evaluation of
 * every layer and of a small net. The values and how they were made: tests/nn/golden.
 *
 * Bound: PyTorch computed in double, so differences are this side's roundings. In a step a value
 * passes at most 8 maps before or behind it that round it once each (2^-24 relative), and sums of
 * up to 64 terms of either sign may amplify that by cancellation, about as sqrt(64) = 8: 64 * 2^-24
 * of an array's largest value. Evaluation adds up to 64 terms in single precision, at worst 64 *
 * 2^-24 of the sum of their magnitudes; it gets 4 times the bound, as that sum may be larger than
 * the largest value by some such factor. */
#include <math.h>
#include <string.h>

#include "nn/executor.h"
#include "support/golden.h"
#include "support/support.h"

enum { MAX_BATCH = 8 };
static const double step_bound = 64 * 0x1p-24, evaluation_bound = 4 * 64 * 0x1p-24;

static void fc(lb_net *net, int in)
{
    lb_net_linear(net, "fc", in, 3, true, NULL);
}

static void conv(lb_net *net, size_t out, lb_window window, size_t groups, bool bias)
{
    fc(net, lb_net_conv(net, "conv", 0, out, window, groups, bias, NULL));
}

static void build_conv_plain(lb_net *net)
{
    conv(net, 2, (lb_window){.kh = 3, .kw = 2, .stride = 1}, 1, true);
}

static void build_conv_stride(lb_net *net)
{
    const lb_window window = {
        .kh = 3, .kw = 3, .stride = 2, .pad_top = 1, .pad_left = 2, .pad_right = 1};
    conv(net, 3, window, 1, false);
}

static void build_conv_groups(lb_net *net)
{
    conv(net, 6, lb_window_square(3, 1, 1), 2, true);
}

static void build_conv_depthwise(lb_net *net)
{
    conv(net, 3, lb_window_square(3, 2, 1), 3, true);
}

static void build_linear(lb_net *net)
{
    lb_net_linear(net, "fc", lb_net_linear(net, "hidden", 0, 5, true, NULL), 3, false, NULL);
}

static void build_batch_norm(lb_net *net)
{
    fc(net, lb_net_batch_norm(net, "norm", 0, true, 1e-5f, 0.1f));
}

static void build_batch_norm_plain(lb_net *net)
{
    fc(net, lb_net_batch_norm(net, "norm", 0, false, 1e-5f, 0.1f));
}

static void build_max_pool(lb_net *net)
{
    fc(net, lb_net_max_pool(net, "pool", 0, lb_window_square(3, 2, 1)));
}

static void build_max_pool_ceil(lb_net *net)
{
    fc(net, lb_net_max_pool(net, "pool", 0, lb_window_ceil(3, 2, 6)));
}

static void build_average_pool(lb_net *net)
{
    fc(net, lb_net_average_pool(net, "pool", 0, lb_window_square(3, 2, 1)));
}

static void build_average_pool_ceil(lb_net *net)
{
    fc(net, lb_net_average_pool(net, "pool", 0, lb_window_ceil(3, 2, 6)));
}

static void build_activations(lb_net *net)
{
    fc(net, lb_net_clip(net, "clip", lb_net_relu(net, "relu", 0, 0.125f), 0.0f, 0.125f));
}

static void build_squared_hinge(lb_net *net)
{
    lb_net_linear(net, "fc", 0, 4, true, NULL);
}

static void build_small_net(lb_net *net)
{
    int x = lb_net_conv(net, "stem", 0, 4, lb_window_square(3, 1, 1), 1, false, NULL);
    x = lb_net_batch_norm(net, "stem.norm", x, true, 1e-5f, 0.1f);
    const int shortcut = lb_net_relu(net, "stem.relu", x, 0.5f);
    x = lb_net_conv(net, "conv1", shortcut, 4, lb_window_square(3, 2, 1), 2, false, NULL);
    x = lb_net_batch_norm(net, "conv1.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_clip(net, "conv1.clip", x, -1.0f, 1.0f);
    x = lb_net_add(net, "add", x, lb_net_subsample(net, "shortcut", shortcut, 2, 4));
    const int pooled = lb_net_max_pool(net, "pool", x, lb_window_ceil(3, 2, 4));
    const int wide = lb_net_subsample(net, "wide", pooled, 1, 6);
    const int mean = lb_net_average_pool(net, "mean", x, lb_window_square(3, 1, 0));
    x = lb_net_concat(net, "concat", wide, mean);
    fc(net, lb_net_global_pool(net, "global", x));
}

/* One net at work beside its golden values. */
typedef struct golden_case {
    const char *name;
    void (*build)(lb_net *net);
    lb_loss loss;
} golden_case;

static void load_params(const lb_golden *golden, const char *name, lb_net *net)
{
    for (size_t i = 0; i < net->n_params; i++) {
        lb_param *p = &net->params[i];
        if (!p->grad) continue; /* running statistics start at 0 and 1 */
        const lb_golden_array *array = lb_golden_at(golden, "%s.param.%s", name, p->name);
        assert_int_equal(array->count, p->count);
        memcpy(p->value, array->values, p->count * sizeof *p->value);
    }
}

static void compare_map(const lb_golden_array *wanted, const lb_backend *backend, lb_executor *e,
                        const lb_net *net, size_t batch, int node, bool gradient)
{
    float map[4096];
    const size_t count = batch * lb_shape_count(net->nodes[node].shape);
    assert_true(count <= sizeof map / sizeof *map);
    assert_true(backend->copy_map(e, node, gradient, map));
    lb_golden_compare(wanted, map, count, step_bound);
}

static void compare_step(const lb_golden *golden, const char *name, const lb_backend *backend,
                         lb_executor *e, const lb_net *net, size_t batch)
{
    compare_map(lb_golden_at(golden, "%s.dvalue.input", name), backend, e, net, batch, 0, true);
    for (size_t i = 1; i < net->n_nodes; i++) {
        const char *node = net->nodes[i].name;
        compare_map(lb_golden_at(golden, "%s.value.%s", name, node), backend, e, net, batch, (int)i,
                    false);
        compare_map(lb_golden_at(golden, "%s.dvalue.%s", name, node), backend, e, net, batch,
                    (int)i, true);
    }
    for (size_t i = 0; i < net->n_params; i++) {
        const lb_param *p = &net->params[i];
        lb_golden_compare(
            lb_golden_at(golden, "%s.%s.%s", name, p->grad ? "grad" : "after", p->name),
            p->grad ? p->grad : p->value, p->count, step_bound);
    }
}

static void run_case(const lb_golden *golden, const golden_case *c)
{
    const lb_backend *backend = lb_backend_find("reference");
    const lb_golden_array *images = lb_golden_at(golden, "%s.images", c->name);
    const lb_golden_array *golden_labels = lb_golden_at(golden, "%s.labels", c->name);
    const size_t batch = images->dims[0];
    assert_true(batch <= MAX_BATCH && golden_labels->count == batch);
    uint16_t labels[MAX_BATCH];
    for (size_t i = 0; i < batch; i++) labels[i] = (uint16_t)golden_labels->values[i];

    lb_net net;
    lb_net_init(&net);
    lb_net_input(&net, (lb_shape){images->dims[1], images->dims[2], images->dims[3]}, false);
    c->build(&net);
    assert_ok(lb_net_finish(&net, c->loss));
    lb_net_initialize(&net, LB_INIT_FAN_IN, 0);
    load_params(golden, c->name, &net);

    const lb_executor_options options = {.batch = batch, .threads = 1};
    lb_executor *e = NULL;
    lb_step_result result;
    float logits[MAX_BATCH * 8];
    assert_ok(backend->create(&net, &options, &e));
    assert_ok(backend->train(e, images->values, labels, 0, &result));
    const float loss = (float)result.loss;
    lb_golden_compare(lb_golden_at(golden, "%s.loss", c->name), &loss, 1, step_bound);
    compare_step(golden, c->name, backend, e, &net, batch);
    assert_ok(backend->freeze_weights(e));
    assert_ok(backend->evaluate(e, images->values, batch, logits));
    lb_golden_compare(lb_golden_at(golden, "%s.logits", c->name), logits, batch * net.classes,
                      evaluation_bound);
    backend->destroy(e);
    lb_net_release(&net);
}

static void test_cases(void **state)
{
    (void)state;
    static const golden_case cases[] = {
        {"conv_plain", build_conv_plain, LB_LOSS_CROSS_ENTROPY},
        {"conv_stride", build_conv_stride, LB_LOSS_CROSS_ENTROPY},
        {"conv_groups", build_conv_groups, LB_LOSS_CROSS_ENTROPY},
        {"conv_depthwise", build_conv_depthwise, LB_LOSS_CROSS_ENTROPY},
        {"linear", build_linear, LB_LOSS_CROSS_ENTROPY},
        {"batch_norm", build_batch_norm, LB_LOSS_CROSS_ENTROPY},
        {"batch_norm_plain", build_batch_norm_plain, LB_LOSS_CROSS_ENTROPY},
        {"max_pool", build_max_pool, LB_LOSS_CROSS_ENTROPY},
        {"max_pool_ceil", build_max_pool_ceil, LB_LOSS_CROSS_ENTROPY},
        {"average_pool", build_average_pool, LB_LOSS_CROSS_ENTROPY},
        {"average_pool_ceil", build_average_pool_ceil, LB_LOSS_CROSS_ENTROPY},
        {"activations", build_activations, LB_LOSS_CROSS_ENTROPY},
        {"squared_hinge", build_squared_hinge, LB_LOSS_SQUARED_HINGE},
        {"small_net", build_small_net, LB_LOSS_CROSS_ENTROPY},
    };
    lb_golden golden = lb_golden_read("tests/nn/golden/layers.txt");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) run_case(&golden, &cases[i]);
    lb_golden_check_all_used(&golden, "");
    lb_golden_release(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
