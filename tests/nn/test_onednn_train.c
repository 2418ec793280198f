/* The fast training back end against the reference: one step of small nets that together have every layer; see
 * support/backend_check.h. ctest: label tsan */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/backend_check.h"
#include "support/support.h"

enum { MOST_CLASSES = 10 };

static void agree(lb_net_builder *build)
{
    static const struct {
        size_t batch;
        int threads;
    } cases[] = {{1, 1}, {5, 1}, {5, 2}, {64, 2}, {70, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_backends_agree(build, LB_LOSS_CROSS_ENTROPY, cases[i].batch, cases[i].threads);
    }
}

/* ---- float layers ---- */

static void build_convolutions(lb_net *net)
{
    lb_backend_start(net, 3, 11, 9);
    int x = lb_net_conv(net, "a", 0, 20, lb_window_square(3, 1, 1), 1, true, NULL);
    x = lb_net_relu(net, "a.relu", x, 1.0f);
    x = lb_net_conv(net, "depthwise", x, 20, lb_window_square(3, 1, 1), 20, false, NULL);
    x = lb_net_clip(net, "depthwise.clip", x, -0.5f, 0.75f);
    x = lb_net_conv(net, "groups", x, 50, lb_window_square(3, 2, 1), 5, true, NULL);
    x = lb_net_relu(net, "groups.relu", x, 0.25f);
    const lb_window uneven = {
        .kh = 3, .kw = 2, .stride = 2, .pad_top = 2, .pad_bottom = 1, .pad_right = 1};
    x = lb_net_conv(net, "uneven", x, 7, uneven, 1, true, NULL);
    x = lb_net_flatten(net, "flatten", x);
    x = lb_net_linear(net, "linear", x, MOST_CLASSES, true, NULL);
}

static void test_convolutions(void **state)
{
    (void)state;
    agree(build_convolutions);
    lb_backends_agree(build_convolutions, LB_LOSS_SQUARED_HINGE, 8, 2);
}

static void build_pools(lb_net *net)
{
    lb_backend_start(net, 3, 13, 13);
    int x = lb_net_conv(net, "a", 0, 20, lb_window_square(3, 1, 1), 1, false, NULL);
    x = lb_net_batch_norm(net, "a.norm", x, true, 1e-4f, 0.1f);
    x = lb_net_relu(net, "a.relu", x, 1.0f);
    x = lb_net_max_pool(net, "max", x, lb_window_ceil(3, 2, 13));
    const lb_window padded = {.kh = 3,
                              .kw = 3,
                              .stride = 2,
                              .pad_top = 1,
                              .pad_left = 1,
                              .pad_bottom = 1,
                              .pad_right = 1};
    int y = lb_net_average_pool(net, "average", x, padded);
    y = lb_net_max_pool(net, "max.padded", y, lb_window_square(2, 1, 1));
    x = lb_net_flatten(net, "flatten", y);
    x = lb_net_batch_norm(net, "flat.norm", x, true, 1e-3f, 0.3f);
    x = lb_net_relu(net, "flat.relu", x, 1.0f);
    x = lb_net_linear(net, "linear", x, 5, false, NULL);
}

static void build_joins(lb_net *net)
{
    lb_backend_start(net, 3, 12, 12);
    int x = lb_net_conv(net, "a", 0, 16, lb_window_square(3, 1, 1), 1, false, NULL);
    int b = lb_net_conv(net, "b", x, 5, lb_window_square(1, 1, 0), 1, true, NULL);
    int c = lb_net_conv(net, "c", x, 11, lb_window_square(3, 1, 1), 1, true, NULL);
    b = lb_net_relu(net, "b.relu", b, 1.0f);
    int y = lb_net_concat(net, "concat", b, c);
    y = lb_net_add(net, "bypass", y, x);
    y = lb_net_add(net, "twice", y, y);
    int z = lb_net_subsample(net, "half", y, 2, 20);
    z = lb_net_dropout(net, "dropout", z, 0.25f);
    z = lb_net_clip(net, "clip", z, -1.0f, 1.0f);
    z = lb_net_flatten(net, "flatten", z);
    z = lb_net_dropout(net, "flat.dropout", z, 0.5f);
    z = lb_net_linear(net, "linear", z, 6, true, NULL);
}

static void build_flat_logits(lb_net *net)
{
    lb_backend_start(net, 2, 6, 6);
    int x = lb_net_conv(net, "a", 0, 3, lb_window_square(3, 2, 0), 1, true, NULL);
    x = lb_net_flatten(net, "flatten", x);
    x = lb_net_relu(net, "relu", x, 1.0f);
    x = lb_net_linear(net, "hidden", x, 9, true, NULL);
    x = lb_net_relu(net, "hidden.relu", x, 1.0f);
    x = lb_net_linear(net, "last", x, 8, true, NULL);
    lb_net_flatten(net, "logits", x);
}

static void test_pools(void **state)
{
    (void)state;
    lb_backends_agree(build_pools, LB_LOSS_CROSS_ENTROPY, 6, 1);
    lb_backends_agree(build_pools, LB_LOSS_CROSS_ENTROPY, 37, 2);
}

static void test_joins(void **state)
{
    (void)state;
    agree(build_joins);
    agree(build_flat_logits);
}

/* ---- residual nets ---- */

/* One residual block; B: 1x1 convolution and batch-norm in the shortcut, else subsampled. */
static int block(lb_net *net, int x, const char *name, size_t out, size_t stride, bool b,
                 bool before)
{
    const lb_weight_choice choice = lb_backend_weights("dorefa", 1, LB_PER_LAYER);
    char text[8][32];
    static const char *const ends[8] = {"q1", "conv1", "norm1", "clip1",
                                        "q2", "conv2", "norm2", "add"};
    for (int i = 0; i < 8; i++) snprintf(text[i], sizeof text[i], "%s.%s", name, ends[i]);
    char more[4][32];
    static const char *const others[4] = {"shortcut", "shortcut.norm", "clip", "before"};
    for (int i = 0; i < 4; i++) snprintf(more[i], sizeof more[i], "%s.%s", name, others[i]);
    int y = x;
    if (before) {
        y = lb_net_batch_norm(net, more[3], x, true, 1e-5f, 0.1f);
        y = lb_net_clip(net, more[2], y, 0.0f, 1.0f);
    }
    y = lb_backend_quantize(net, text[0], y, "dorefa", 2);
    y = lb_net_conv(net, text[1], y, out, lb_window_square(3, stride, 1), 1, false, &choice);
    y = lb_net_batch_norm(net, text[2], y, true, 1e-5f, 0.1f);
    y = lb_net_clip(net, text[3], y, 0.0f, 1.0f);
    y = lb_backend_quantize(net, text[4], y, "dorefa", 2);
    y = lb_net_conv(net, text[5], y, out, lb_window_square(3, 1, 1), 1, b, &choice);
    if (!before) y = lb_net_batch_norm(net, text[6], y, true, 1e-5f, 0.1f);
    int shortcut = x;
    if (b) {
        shortcut = lb_net_conv(net, more[0], x, out, lb_window_square(1, stride, 0), 1, true, NULL);
        shortcut = lb_net_batch_norm(net, more[1], shortcut, true, 1e-5f, 0.1f);
    } else if (stride > 1) {
        shortcut = lb_net_subsample(net, more[0], x, stride, out);
    }
    y = lb_net_add(net, text[7], y, shortcut);
    return before ? y : lb_net_clip(net, more[2], y, 0.0f, 1.0f);
}

static void residual(lb_net *net, bool b, bool before)
{
    lb_backend_start(net, 3, 8, 8);
    int x = lb_net_conv(net, "first", 0, 16, lb_window_square(3, 1, 1), 1, false, NULL);
    x = lb_net_batch_norm(net, "first.norm", x, true, 1e-5f, 0.1f);
    if (!before) x = lb_net_clip(net, "first.clip", x, 0.0f, 1.0f);
    x = block(net, x, "one", 16, 1, b, before);
    x = block(net, x, "two", 20, 2, b, before);
    /* a sum of codes can be exactly 0 where the reference's real values leave 1e-9: no relu right behind it */
    if (before) x = lb_net_batch_norm(net, "last.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_relu(net, "last.relu", x, 1.0f);
    x = lb_net_global_pool(net, "pool", x);
    x = lb_net_flatten(net, "flatten", x);
    x = lb_net_linear(net, "linear", x, MOST_CLASSES, true, NULL);
}

static void build_residual_a(lb_net *net)
{
    residual(net, false, false);
}

static void build_residual_b(lb_net *net)
{
    residual(net, true, false);
}

static void build_before_a(lb_net *net)
{
    residual(net, false, true);
}

static void build_before_b(lb_net *net)
{
    residual(net, true, true);
}

static void test_residuals(void **state)
{
    (void)state;
    lb_net_builder *all[] = {build_residual_a, build_residual_b, build_before_a, build_before_b};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 5, 1);
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 33, 2);
    }
}

/* ---- properties ---- */

static void test_same_threads_same_bits(void **state)
{
    (void)state;
    lb_net_builder *all[] = {build_residual_a, build_residual_b, build_joins};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        lb_net first, second;
        lb_step_result a, b;
        lb_backend_prepare(all[k], LB_LOSS_CROSS_ENTROPY, &first);
        lb_backend_prepare(all[k], LB_LOSS_CROSS_ENTROPY, &second);
        lb_backend_step("onednn", &first, 37, 2, 1, &a);
        lb_backend_step("onednn", &second, 37, 2, 1, &b);
        assert_memory_equal(&a.loss, &b.loss, sizeof a.loss);
        for (size_t i = 0; i < first.n_params; i++) {
            const lb_param *p = &first.params[i], *q = &second.params[i];
            assert_memory_equal(p->value, q->value, p->count * sizeof *p->value);
            if (p->grad) assert_memory_equal(p->grad, q->grad, p->count * sizeof *p->grad);
        }
        lb_net_release(&first);
        lb_net_release(&second);
    }
}

static lb_status create_and_destroy(void *context)
{
    const lb_backend *b = lb_backend_find("onednn");
    const lb_executor_options options = {.batch = 6, .threads = 2, .seed = 3};
    lb_executor *e = NULL;
    LB_TRY(b->create(context, &options, &e));
    b->destroy(e);
    return LB_OK;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    lb_net net;
    lb_backend_prepare(build_residual_b, LB_LOSS_CROSS_ENTROPY, &net);
    lb_test_every_allocation_failure(create_and_destroy, &net);
    lb_net_release(&net);
}

/* The maps that are still there after a step are the reference's. */
static void test_maps(void **state)
{
    (void)state;
    lb_net fast, plain;
    lb_backend_prepare(build_convolutions, LB_LOSS_CROSS_ENTROPY, &fast);
    lb_backend_prepare(build_convolutions, LB_LOSS_CROSS_ENTROPY, &plain);
    const lb_backend *backends[] = {lb_backend_find("onednn"), lb_backend_find("reference")};
    lb_net *nets[] = {&fast, &plain};
    lb_executor *e[2] = {NULL};
    enum { BATCH = 4, LARGEST = BATCH * 20 * 11 * 9 };
    static float images[BATCH * 3 * 11 * 9], maps[2][LARGEST];
    const uint16_t labels[BATCH] = {0, 3, 5, 9};
    lb_backend_fill(sizeof images / sizeof *images, images, 1);
    for (int k = 0; k < 2; k++) {
        const lb_executor_options options = {.batch = BATCH, .threads = 1, .seed = 3};
        lb_step_result result;
        assert_ok(backends[k]->create(nets[k], &options, &e[k]));
        assert_ok(backends[k]->train(e[k], images, labels, 0, &result));
    }
    size_t there = 0;
    for (size_t i = 0; i < fast.n_nodes; i++) {
        const lb_shape s = fast.nodes[i].shape;
        const size_t n = BATCH * s.c * s.h * s.w;
        for (int gradient = 0; gradient < 2; gradient++) {
            if (!backends[0]->copy_map(e[0], (int)i, gradient, maps[0])) continue;
            assert_true(backends[1]->copy_map(e[1], (int)i, gradient, maps[1]));
            there++;
            if (!lb_backend_near(gradient ? "gradient" : "map", fast.nodes[i].name, n, maps[0],
                                 maps[1], 4e-5, 1e-9)) {
                fail_msg("%s", lb_backend_difference);
            }
        }
    }
    assert_true(there > 0);
    for (int k = 0; k < 2; k++) {
        backends[k]->destroy(e[k]);
        lb_net_release(nets[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_residuals),
        cmocka_unit_test(test_same_threads_same_bits),
        cmocka_unit_test(test_every_allocation_failure),
        cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
