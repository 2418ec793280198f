/* Every layer's gradients: central differences for smooth layers and small nets, by every back end
 * (only the reference gives the images' gradients); hand-worked tables for the straight-through
 * ones, which the reference defines.
 *
 * A layer under test stands between the input and a linear layer into a cross-entropy. Layers with
 * corners (ReLU, clip, max-pool) get images whose values lie more than twice the step from each
 * other and from every corner, so that differences are taken on one smooth piece; nets with inner
 * corners use `kinks`. */
#include <string.h>

#include "quant/method.h"
#include "support/gradient_check.h"
#include "support/plain_quantizers.h"
#include "support/support.h"

enum { BATCH = 3, CLASSES = 4 };

static const lb_backend *reference(void)
{
    const lb_backend *found = lb_backend_find("reference");
    assert_non_null(found);
    return found;
}

/* The check by every back end; releases the net. The reference adds up in double and rounds a value
 * once or twice; others add at most about 64 terms in single precision, whose errors of either sign
 * make sqrt(64). */
static void check_all(lb_net *net, const lb_gradient_check *check)
{
    for (size_t i = 0; lb_backends[i]; i++) {
        lb_gradient_check own = *check;
        if (lb_backends[i] != reference()) own.roundings = 8.0;
        lb_check_gradient(net, lb_backends[i], &own);
    }
    lb_net_release(net);
}

/* Linear classifier on node `in`, then the checks. */
static void check_behind(lb_net *net, int in, lb_loss loss, const lb_gradient_check *check)
{
    lb_net_linear(net, "classifier", in, CLASSES, true, NULL);
    assert_ok(lb_net_finish(net, loss));
    lb_net_initialize(net, LB_INIT_FAN_IN, 7);
    check_all(net, check);
}

/* For smooth nets: truncation shrinks with h^2 and noise grows with 1/h; at 1/32 both are near
 * 1e-4. */
static const lb_gradient_check smooth = {
    .batch = BATCH, .seed = 3, .step = 0x1p-5f, .roundings = 2.0, .significant = 0.8};

static lb_net start(lb_shape shape)
{
    lb_net net;
    lb_net_init(&net);
    lb_net_input(&net, shape, false);
    return net;
}

static void test_linear(void **state)
{
    (void)state;
    lb_net net = start((lb_shape){3, 2, 2});
    const int hidden = lb_net_linear(&net, "linear", 0, 5, true, NULL);
    check_behind(&net, hidden, LB_LOSS_CROSS_ENTROPY, &smooth);
}

static void test_squared_hinge(void **state)
{
    (void)state;
    lb_net net = start((lb_shape){3, 2, 2});
    check_behind(&net, 0, LB_LOSS_SQUARED_HINGE, &smooth);
}

static void test_convolutions(void **state)
{
    (void)state;
    static const struct {
        lb_window window;
        size_t out, groups;
    } cases[] = {
        {{.kh = 3, .kw = 3, .stride = 1}, 3, 1},
        {{.kh = 3, .kw = 2, .stride = 2, .pad_top = 1, .pad_right = 1}, 4, 1},
        {{.kh = 3,
          .kw = 3,
          .stride = 2,
          .pad_top = 2,
          .pad_left = 1,
          .pad_bottom = 1,
          .pad_right = 2},
         4,
         2},
        {{.kh = 3,
          .kw = 3,
          .stride = 1,
          .pad_top = 1,
          .pad_left = 1,
          .pad_bottom = 1,
          .pad_right = 1},
         4,
         4},
        {{.kh = 1, .kw = 1, .stride = 3}, 6, 2},
        {{.kh = 1, .kw = 1, .stride = 1, .pad_top = 1, .pad_left = 1},
         2,
         1}, /* outputs that see no input */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_net net = start((lb_shape){4, 5, 6});
        const int conv = lb_net_conv(&net, "conv", 0, cases[i].out, cases[i].window,
                                     cases[i].groups, true, NULL);
        check_behind(&net, conv, LB_LOSS_CROSS_ENTROPY, &smooth);
    }
}

static void test_batch_norm(void **state)
{
    (void)state;
    for (int affine = 0; affine <= 1; affine++) {
        lb_net net = start((lb_shape){2, 3, 3});
        const int norm = lb_net_batch_norm(&net, "norm", 0, affine, 1e-5f, 0.1f);
        lb_net_linear(&net, "classifier", norm, CLASSES, true, NULL);
        assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
        lb_net_initialize(&net, LB_INIT_FAN_IN, 7);
        if (affine) { /* gains of either sign, so that a lost sign is seen */
            float *gamma = net.params[lb_net_find_param(&net, "norm.gamma")].value;
            gamma[0] = -1.5f;
            gamma[1] = 0.75f;
        }
        check_all(&net, &smooth);
    }
}

static void test_average_pools(void **state)
{
    (void)state;
    const lb_window windows[] = {lb_window_square(2, 2, 0), lb_window_square(3, 2, 1),
                                 lb_window_ceil(3, 2, 6)};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        lb_net net = start((lb_shape){2, 6, 6});
        const int pool = lb_net_average_pool(&net, "pool", 0, windows[i]);
        check_behind(&net, pool, LB_LOSS_CROSS_ENTROPY, &smooth);
    }
    lb_net net = start((lb_shape){5, 2, 3});
    const int pool = lb_net_global_pool(&net, "pool", 0);
    check_behind(&net, pool, LB_LOSS_CROSS_ENTROPY, &smooth);
}

/* Values (k + 1/2) / 8 in shuffled order, centred on 0: they are 1/8 apart, 1/16 from all multiples
 * of 1/8. */
static void fill_apart(float *x, size_t count)
{
    lb_random random = lb_random_at(11, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < count; i++) {
        const size_t other = (size_t)lb_random_below(&random, i + 1);
        x[i] = x[other];
        x[other] = ((float)i - (float)count / 2.0f + 0.5f) / 8.0f;
    }
}

/* Layers with corners at multiples of 1/8: steps to 2h = 1/32 stay between them. */
static lb_gradient_check apart(const float *images)
{
    return (lb_gradient_check){.batch = BATCH,
                               .seed = 3,
                               .images = images,
                               .step = 0x1p-6f,
                               .roundings = 2.0,
                               .significant = 0.8};
}

static void test_relu_and_clip(void **state)
{
    (void)state;
    float images[BATCH * 16];
    fill_apart(images, sizeof images / sizeof *images);
    const lb_gradient_check check = apart(images);
    for (int i = 0; i < 4; i++) {
        lb_net net = start((lb_shape){1, 4, 4});
        const int node = i == 0   ? lb_net_relu(&net, "relu", 0, 1.0f)
                         : i == 1 ? lb_net_relu(&net, "relu", 0, 0.125f)
                         : i == 2 ? lb_net_clip(&net, "clip", 0, -1.0f, 1.0f)
                                  : lb_net_clip(&net, "clip", 0, 0.0f, 1.0f);
        check_behind(&net, node, LB_LOSS_CROSS_ENTROPY, &check);
    }
}

static void test_max_pools(void **state)
{
    (void)state;
    float images[BATCH * 2 * 6 * 6];
    fill_apart(images, sizeof images / sizeof *images);
    const lb_gradient_check check = apart(images);
    const lb_window windows[] = {lb_window_square(2, 2, 0), lb_window_square(3, 2, 1),
                                 lb_window_ceil(3, 2, 6)};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        lb_net net = start((lb_shape){2, 6, 6});
        const int pool = lb_net_max_pool(&net, "pool", 0, windows[i]);
        check_behind(&net, pool, LB_LOSS_CROSS_ENTROPY, &check);
    }
}

static void test_joins_and_reshapes(void **state)
{
    (void)state;
    lb_net net = start((lb_shape){2, 4, 5});
    const int a = lb_net_conv(&net, "a", 0, 3, lb_window_square(1, 1, 0), 1, false, NULL);
    const int b = lb_net_conv(&net, "b", 0, 3, lb_window_square(3, 1, 1), 1, true, NULL);
    const int sum = lb_net_add(&net, "sum", a, b);
    const int both = lb_net_concat(&net, "both", sum, a); /* a feeds two nodes */
    const int small = lb_net_subsample(&net, "small", both, 2, 8);
    const int doubled = lb_net_add(&net, "doubled", small, small); /* one node as both inputs */
    const int flat = lb_net_flatten(&net, "flat", doubled);
    check_behind(&net, flat, LB_LOSS_CROSS_ENTROPY, &smooth);
}

static void test_dropout(void **state)
{
    (void)state;
    lb_net net = start((lb_shape){2, 3, 3});
    const int conv = lb_net_conv(&net, "conv", 0, 3, lb_window_square(2, 1, 0), 1, true, NULL);
    const int drop = lb_net_dropout(&net, "drop", conv, 0.5f);
    check_behind(&net, drop, LB_LOSS_CROSS_ENTROPY, &smooth);
}

/* A residual block, pools, dropout and two branches, with corners inside: a smaller step, so that
 * few differences straddle one, at the price of more noise. */
static void test_a_small_branching_net(void **state)
{
    (void)state;
    lb_net net = start((lb_shape){2, 8, 8});
    int x = lb_net_conv(&net, "stem", 0, 4, lb_window_square(3, 1, 1), 1, false, NULL);
    x = lb_net_batch_norm(&net, "stem.norm", x, true, 1e-5f, 0.1f);
    const int shortcut = lb_net_relu(&net, "stem.relu", x, 1.0f);
    x = lb_net_conv(&net, "conv1", shortcut, 4, lb_window_square(3, 2, 1), 2, false, NULL);
    x = lb_net_batch_norm(&net, "conv1.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_clip(&net, "conv1.clip", x, -1.0f, 1.0f);
    x = lb_net_add(&net, "add", x, lb_net_subsample(&net, "shortcut", shortcut, 2, 4));
    const int pooled = lb_net_max_pool(&net, "pool", x, lb_window_ceil(3, 2, 4));
    const int mean = lb_net_average_pool(&net, "mean", x, lb_window_square(2, 2, 0));
    x = lb_net_concat(&net, "concat", pooled, mean);
    x = lb_net_dropout(&net, "drop", lb_net_flatten(&net, "flat", x), 0.25f);
    const lb_gradient_check check = {.batch = 4,
                                     .seed = 5,
                                     .step = 0x1p-9f,
                                     .roundings = 2.0,
                                     .kinks = true,
                                     .significant = 0.6};
    check_behind(&net, x, LB_LOSS_CROSS_ENTROPY, &check);
}

/* ---- straight-through layers, worked by hand ---- */

enum { MAX_VALUES = 8 };

/* A learned step s: codes 0..3, value code * s; its gradient here is the sum of dvalue * x. */
static lb_act_map learned_map(const lb_act_setting *setting, const float *learned)
{
    lb_act_map map = lb_two_bit_acts.map(setting, NULL);
    map.multiplier = 1.0f;
    map.divisor = map.scale = learned[0];
    map.rounding = LB_ROUND_HALF_UP;
    map.window_high = 3.0f * learned[0];
    return map;
}

static float learned_gradient(const lb_act_setting *setting, const float *learned, const float *x,
                              const float *dvalue, size_t n)
{
    (void)setting;
    (void)learned;
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) sum += dvalue[i] * x[i];
    return sum;
}

static const lb_act_quantizer learned_step = {.name = "learned-step",
                                              .bits_min = 1,
                                              .bits_max = 8,
                                              .n_learned = 1,
                                              .map = learned_map,
                                              .backward_learned = learned_gradient};

/* Runs input (n values an image) -> quantizer -> linear with a weight of 1 from each value to a
 * single logit y under a squared hinge. As the label's t is +1, dL/dy = -2 max(0, 1 - y) / images
 * =: g, and every value's gradient is g. Returns that of the first image. */
static float run_quantizer(const lb_act_quantizer *quantizer, size_t n, const float *x,
                           size_t batch, float bias, float *y, float *dx, float *d_learned)
{
    const lb_act_setting setting = {.bits = 2};
    const uint16_t labels[2] = {0, 0};
    lb_net net = start((lb_shape){n, 1, 1});
    const int node = lb_net_quantize(&net, "quantize", 0, quantizer, &setting);
    lb_net_linear(&net, "sum", node, 1, true, NULL);
    assert_ok(lb_net_finish(&net, LB_LOSS_SQUARED_HINGE));
    net.params[lb_net_find_param(&net, "sum.bias")].value[0] = bias;
    float *weight = net.params[lb_net_find_param(&net, "sum.weight")].value;
    for (size_t i = 0; i < n; i++) weight[i] = 1.0f;
    const int learned = lb_net_find_param(&net, "quantize.learned");
    if (learned >= 0) net.params[learned].value[0] = 0.5f;

    const lb_executor_options options = {.batch = batch, .threads = 1};
    lb_executor *executor = NULL;
    assert_ok(reference()->create(&net, &options, &executor));
    lb_step_result result;
    assert_ok(reference()->train(executor, x, labels, 0, &result));
    assert_true(reference()->copy_map(executor, node, false, y));
    assert_true(reference()->copy_map(executor, 0, true, dx));
    float logits[2];
    assert_true(reference()->copy_map(executor, (int)net.n_nodes - 1, true, logits));
    if (learned >= 0) *d_learned = net.params[learned].grad[0];
    reference()->destroy(executor);
    lb_net_release(&net);
    return logits[0];
}

/* Compare values and gradients of one image with a table; `passes` is 1 where the window lets g
 * through. */
static void check_table(const lb_act_quantizer *quantizer, size_t n, const float *x,
                        const float *wanted, const int *passes)
{
    float y[MAX_VALUES], dx[MAX_VALUES];
    const float g =
        run_quantizer(quantizer, n, x, 1, -8.0f, y, dx, NULL); /* y < 1: there is a loss */
    assert_true(g < 0.0f);
    for (size_t i = 0; i < n; i++) {
        if (y[i] != wanted[i] || dx[i] != (passes[i] ? g : 0.0f)) {
            fail_msg("%s: x = %g: value %g, wanted %g; gradient %g, wanted %g", quantizer->name,
                     (double)x[i], (double)y[i], (double)wanted[i], (double)dx[i],
                     (double)(passes[i] ? g : 0.0f));
        }
    }
}

static void test_quantizer_tables(void **state)
{
    (void)state;
    const float third = 1.0f / 3.0f;
    /* 3 * 0.5 = 1.5 is a tie and goes to the even 2; both ends of the window count as inside */
    check_table(&lb_two_bit_acts, 6, (const float[]){-0.25f, 0.0f, 0.5f, 0.25f, 1.0f, 1.5f},
                (const float[]){0.0f, 0.0f, 2.0f * third, third, 3.0f * third, 3.0f * third},
                (const int[]){0, 1, 1, 1, 1, 0});
    /* sign(0) = +1 also for -0; the ends of an open window count as outside */
    check_table(&lb_sign_acts, 7, (const float[]){-2.0f, -1.0f, -0.5f, -0.0f, 0.0f, 0.5f, 1.0f},
                (const float[]){-1.0f, -1.0f, -1.0f, 1.0f, 1.0f, 1.0f, 1.0f},
                (const int[]){0, 0, 1, 1, 1, 1, 0});
}

/* Two images; s = 0.5: x / s = 0.5, 3.5 and 1, -2; floor(x/s + 1/2) clipped to 0..3 gives 1, 3 and
 * 1, 0. The values 0.5, 1.5 sum to 2 in image 0: no loss, gradient 0. Image 1: 0.5 + 0 = 0.5, so
 * g = -2 * (1 - 0.5) / 2 images = -0.5. dL/ds = -0.5 * 0.5 + -0.5 * -1 = 0.25. */
static void test_learned_values_sum_over_images(void **state)
{
    (void)state;
    const float x[] = {0.25f, 1.75f, 0.5f, -1.0f};
    float y[4], dx[4], d_learned = 0.0f;
    (void)run_quantizer(&learned_step, 2, x, 2, 0.0f, y, dx, &d_learned);
    const float wanted_y[] = {0.5f, 1.5f, 0.5f, 0.0f}, wanted_dx[] = {0.0f, 0.0f, -0.5f, 0.0f};
    assert_memory_equal(y, wanted_y, sizeof y);
    for (size_t i = 0; i < 4; i++) assert_true(dx[i] == wanted_dx[i]);
    assert_true(d_learned == 0.25f);
}

/* Trains one image through `node` and a linear layer of these weights to one logit y under a
 * squared hinge, label +1: gives dL/dx and returns g = dL/dy = -2 (1 - y). Releases the net. */
static float gradient_through(lb_net *net, int node, const float *weights, const float *x,
                              float *dx)
{
    const uint16_t label = 0;
    float g = 0.0f;
    lb_net_linear(net, "sum", node, 1, false, NULL);
    assert_ok(lb_net_finish(net, LB_LOSS_SQUARED_HINGE));
    memcpy(net->params[0].value, weights, net->params[0].count * sizeof(float));
    const lb_executor_options options = {.batch = 1, .threads = 1};
    lb_executor *executor = NULL;
    lb_step_result result;
    assert_ok(reference()->create(net, &options, &executor));
    for (int i = 0; i < 2; i++) { /* a second step starts from zero gradients */
        assert_ok(reference()->train(executor, x, &label, 0, &result));
        assert_true(reference()->copy_map(executor, 0, true, dx));
        assert_true(reference()->copy_map(executor, (int)net->n_nodes - 1, true, &g));
    }
    reference()->destroy(executor);
    lb_net_release(net);
    return g;
}

/* One image, 4 values of sum 0 behind sign, g = -2 (1 - 0) = -2: dx = -2 max(2 - 2 |x|, 0). */
static void test_approx_sign(void **state)
{
    (void)state;
    static const char *const names[] = {"sign", "qnn"};
    for (size_t k = 0; k < 2; k++) {
        const float x[] = {0.0f, -0.25f, 0.75f, -1.5f};
        const float wanted[] = {-4.0f, -3.0f, -1.0f, 0.0f};
        const float ones[] = {1.0f, 1.0f, 1.0f, 1.0f};
        const lb_act_setting setting = {.bits = 1, .gradient = LB_GRADIENT_APPROX_SIGN};
        float dx[4];
        lb_net net = start((lb_shape){4, 1, 1});
        const int node =
            lb_net_quantize(&net, "quantize", 0, lb_act_quantizer_find(names[k]), &setting);
        assert_true(gradient_through(&net, node, ones, x, dx) == -2.0f);
        for (size_t i = 0; i < 4; i++) assert_true(dx[i] == wanted[i]);
    }
}

/* The first of equal maxima takes the whole gradient; both windows that share it add up. */
static void test_max_pool_ties(void **state)
{
    (void)state;
    const float x[] = {1.0f, 3.0f, 3.0f,
                       2.0f}; /* windows (1,3), (3,3), (3,2) of width 2, stride 1 */
    lb_net net = start((lb_shape){1, 1, 4});
    const int pool = lb_net_max_pool(&net, "pool", 0, (lb_window){.kh = 1, .kw = 2, .stride = 1});
    float dx[4];
    const float g = gradient_through(&net, pool, (const float[]){0.125f, 0.0625f, -0.125f}, x, dx);
    /* y = 3/8 + 3/16 - 3/8 = 3/16, g = -2 (1 - 3/16) = -13/8; weights 1/8 + 1/16 = 3/16 meet at
     * x[1] */
    const float wanted[] = {0.0f, 0.1875f * g, -0.125f * g, 0.0f};
    assert_true(g == -1.625f);
    for (size_t i = 0; i < 4; i++) assert_true(dx[i] == wanted[i]);
}

/* On a corner: ReLU's gradient at 0 is 0; clip's passes at both ends, as the straight-through
 * windows behind it (|x| <= 1) want it. */
static void test_corners(void **state)
{
    (void)state;
    const float ones[] = {1.0f, 1.0f, 1.0f, 1.0f, 1.0f};
    const float x[] = {-1.0f, 0.0f, -0.0f, 1.0f, -1.5f};
    float dx[5];
    lb_net net = start((lb_shape){5, 1, 1});
    int node = lb_net_relu(&net, "relu", 0, 0.25f);
    float g = gradient_through(&net, node, ones, x, dx);
    const float relu[] = {0.0f, 0.0f, 0.0f, 0.25f * g, 0.0f};
    for (size_t i = 0; i < 5; i++) assert_true(dx[i] == relu[i]);

    net = start((lb_shape){5, 1, 1});
    node = lb_net_clip(&net, "clip", 0, -1.0f, 1.0f);
    g = gradient_through(&net, node, ones, x, dx);
    const float clip[] = {g, g, g, g, 0.0f};
    assert_true(g < 0.0f);
    for (size_t i = 0; i < 5; i++) assert_true(dx[i] == clip[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_squared_hinge),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_average_pools),
        cmocka_unit_test(test_relu_and_clip),
        cmocka_unit_test(test_max_pools),
        cmocka_unit_test(test_joins_and_reshapes),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_a_small_branching_net),
        cmocka_unit_test(test_quantizer_tables),
        cmocka_unit_test(test_learned_values_sum_over_images),
        cmocka_unit_test(test_approx_sign),
        cmocka_unit_test(test_max_pool_ties),
        cmocka_unit_test(test_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
