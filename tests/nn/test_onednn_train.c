/* The fast training back end against the reference: one step of small nets that together have every layer.
 *
 * Compared are the loss, every parameter's gradient and the running statistics. The reference adds up in double;
 * ours adds in single precision, K terms with a relative error that grows like sqrt(K) * 2^-24, through a few
 * layers: with K below 10^4 about 1e-5 of a gradient's norm. The bound is 4e-5 of the norm (a wrong mask, scale,
 * padding or missing term changes it by percents), plus 1e-6 of the largest gradient's norm for those that vanish
 * mathematically (a bias before batch-norm). A value that lies within a rounding of a quantizer's threshold, or two
 * that are equal to a max-pool, may get another code here than there and change everything behind it; so a net has
 * three different batches to agree on one. What is computed wrongly agrees on none. */
/* ctest: label tsan */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "nn/executor.h"
#include "quant/method.h"
#include "support/support.h"

typedef void builder(lb_net *net);

enum { MOST_CLASSES = 10 };

static lb_weight_choice weights(const char *name, int bits, lb_granularity granularity)
{
    lb_weight_choice choice = {.quantizer = lb_weight_quantizer_find(name)};
    assert_non_null(choice.quantizer);
    choice.setting.bits = bits;
    choice.setting.granularity = granularity;
    const lb_option *options = choice.quantizer->options;
    for (int i = 0; options && options[i].name; i++)
        choice.setting.options[i] = options[i].standard;
    return choice;
}

static int quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits)
{
    const lb_act_quantizer *q = lb_act_quantizer_find(quantizer);
    assert_non_null(q);
    lb_act_setting setting = {.bits = bits};
    for (int i = 0; q->options && q->options[i].name; i++)
        setting.options[i] = q->options[i].standard;
    return lb_net_quantize(net, name, in, q, &setting);
}

static void start(lb_net *net, size_t c, size_t h, size_t w)
{
    lb_net_init(net);
    lb_net_input(net, (lb_shape){c, h, w}, false);
}

static void fill(size_t n, float *x, uint64_t seed)
{
    lb_random random = lb_random_at(seed, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < n; i++) x[i] = lb_random_normal(&random);
}

static double norm_of(size_t n, const float *x)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static char difference_found[256];

static bool near(const char *what, const char *name, size_t n, const float *got, const float *want,
                 double relative, double absolute)
{
    double difference = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)got[i] - (double)want[i];
        difference += d * d;
    }
    const double bound = relative * norm_of(n, want) + absolute;
    if (sqrt(difference) <= bound) return true;
    snprintf(difference_found, sizeof difference_found,
             "%s of '%s': differs by %g (first: %g, wanted %g), wanted at most %g", what, name,
             sqrt(difference), (double)got[0], (double)want[0], bound);
    return false;
}

/* A net ready for a step: odd parameters everywhere, so that nothing is 1 or 0 by chance. */
static void prepare(builder *build, lb_loss loss, lb_net *net)
{
    build(net);
    assert_ok(lb_net_finish(net, loss));
    lb_net_initialize(net, LB_INIT_FAN_IN, 5);
    for (size_t i = 0; i < net->n_params; i++) {
        lb_param *p = &net->params[i];
        if (p->role == LB_PARAM_WEIGHT || p->role == LB_PARAM_LEARNED) continue;
        lb_random random = lb_random_at(9, LB_RANDOM_TEST, 1, i);
        for (size_t k = 0; k < p->count; k++) {
            const float x = lb_random_normal(&random);
            if (p->role == LB_PARAM_GAMMA)
                p->value[k] = x > 0 ? 0.5f + x : x - 0.5f;
            else
                p->value[k] = p->role == LB_PARAM_VARIANCE ? 1.0f + x * x : 0.3f * x;
        }
    }
}

static void step(const char *backend, lb_net *net, size_t batch, int threads, uint64_t seed,
                 lb_step_result *result)
{
    const lb_backend *b = lb_backend_find(backend);
    assert_non_null(b);
    const lb_executor_options options = {.batch = batch, .threads = threads, .seed = 3};
    lb_executor *e = NULL;
    assert_ok(b->create(net, &options, &e));
    const size_t values = net->input.c * net->input.h * net->input.w;
    float *images = malloc(batch * values * sizeof *images);
    uint16_t *labels = malloc(batch * sizeof *labels);
    assert_non_null(images);
    assert_non_null(labels);
    for (uint64_t s = 0; s < 2; s++) {
        fill(batch * values, images, 10 * seed + s);
        for (size_t i = 0; i < batch; i++) labels[i] = (uint16_t)((i * 7 + s) % net->classes);
        assert_ok(b->train(e, images, labels, s, result));
    }
    free(images);
    free(labels);
    b->destroy(e);
}

static bool nets_agree(const lb_net *fast, const lb_net *plain, double factor)
{
    double largest = 0.0;
    for (size_t i = 0; i < plain->n_params; i++) {
        const lb_param *p = &plain->params[i];
        if (p->grad) largest = fmax(largest, norm_of(p->count, p->grad));
    }
    for (size_t i = 0; i < plain->n_params; i++) {
        const lb_param *g = &fast->params[i], *w = &plain->params[i];
        /* a learned scale's gradient is a sum over all weights that cancels */
        const double wide = w->role == LB_PARAM_LEARNED ? 10.0 * factor : factor;
        if (w->grad &&
            !near("gradient", w->name, w->count, g->grad, w->grad, wide * 4e-5, 1e-6 * largest)) {
            return false;
        }
        if (!near("value", w->name, w->count, g->value, w->value, factor * 2e-5, 1e-6))
            return false;
    }
    return true;
}

/* Both back ends, the same net, the same two steps. */
static bool agrees_on(builder *build, lb_loss loss, size_t batch, int threads, double factor,
                      uint64_t seed)
{
    lb_net fast, plain;
    lb_step_result got, want;
    prepare(build, loss, &fast);
    prepare(build, loss, &plain);
    step("onednn", &fast, batch, threads, seed, &got);
    step("reference", &plain, batch, 1, seed, &want);
    bool agree = fabs(got.loss - want.loss) <= factor * 2e-5 * fabs(want.loss) &&
                 got.correct == want.correct;
    if (!agree) {
        snprintf(difference_found, sizeof difference_found,
                 "loss %.9g, wanted %.9g; %zu correct, wanted %zu", got.loss, want.loss,
                 got.correct, want.correct);
    }
    agree = agree && nets_agree(&fast, &plain, factor);
    lb_net_release(&fast);
    lb_net_release(&plain);
    return agree;
}

/* `factor` widens the bounds. */
static void agree_within(builder *build, lb_loss loss, size_t batch, int threads, double factor)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        if (agrees_on(build, loss, batch, threads, factor, seed)) return;
    }
    fail_msg("batch %zu, %d threads: %s", batch, threads, difference_found);
}

static void agree_for(builder *build, lb_loss loss, size_t batch, int threads)
{
    agree_within(build, loss, batch, threads, 1.0);
}

static void agree(builder *build)
{
    static const struct {
        size_t batch;
        int threads;
    } cases[] = {{1, 1}, {5, 1}, {5, 2}, {64, 2}, {70, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        agree_for(build, LB_LOSS_CROSS_ENTROPY, cases[i].batch, cases[i].threads);
    }
}

/* ---- float layers ---- */

static void build_convolutions(lb_net *net)
{
    start(net, 3, 11, 9);
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
    agree_for(build_convolutions, LB_LOSS_SQUARED_HINGE, 8, 2);
}

static void build_pools(lb_net *net)
{
    start(net, 3, 13, 13);
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
    start(net, 3, 12, 12);
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
    start(net, 2, 6, 6);
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
    agree_for(build_pools, LB_LOSS_CROSS_ENTROPY, 6, 1);
    agree_for(build_pools, LB_LOSS_CROSS_ENTROPY, 37, 2);
}

static void test_joins(void **state)
{
    (void)state;
    agree(build_joins);
    agree(build_flat_logits);
}

/* ---- quantized nets ---- */

/* conv - batch-norm - clip - pool - quantize - conv, as LeNet-5 and VGG. */
static void lenet(lb_net *net, const char *w, int w_bits, const char *a, int a_bits, bool max)
{
    const lb_weight_choice choice = weights(w, w_bits, LB_PER_LAYER);
    const bool is_signed = strcmp(a, "sign") == 0 || strcmp(a, "qnn") == 0;
    const float low = is_signed ? -1.0f : 0.0f;
    start(net, 1, 12, 12);
    int x = lb_net_conv(net, "a", 0, 20, lb_window_square(5, 1, 0), 1, false, NULL);
    x = lb_net_batch_norm(net, "a.norm", x, false, 1e-4f, 0.1f);
    x = lb_net_clip(net, "a.clip", x, low, 1.0f);
    x = max ? lb_net_max_pool(net, "a.pool", x, lb_window_square(2, 2, 0))
            : lb_net_average_pool(net, "a.pool", x, lb_window_square(2, 2, 0));
    x = quantize(net, "a.quantize", x, a, a_bits);
    x = lb_net_conv(net, "b", x, 50, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "b.norm", x, true, 1e-4f, 0.1f);
    x = lb_net_clip(net, "b.clip", x, low, 1.0f);
    x = quantize(net, "b.quantize", x, a, a_bits);
    x = lb_net_flatten(net, "flatten", x);
    x = lb_net_linear(net, "c", x, 30, false, &choice);
    x = lb_net_batch_norm(net, "c.norm", x, true, 1e-4f, 0.1f);
    x = lb_net_clip(net, "c.clip", x, low, 1.0f);
    x = quantize(net, "c.quantize", x, a, a_bits);
    x = lb_net_linear(net, "d", x, MOST_CLASSES, true, &choice);
}

static void build_w1a2(lb_net *net)
{
    lenet(net, "dorefa", 1, "dorefa", 2, false);
}

static void build_w4a8(lb_net *net)
{
    lenet(net, "dorefa", 4, "dorefa", 8, true);
}

/* Weight codes beyond int8: floats, though the input has codes. */
static void build_w8a2(lb_net *net)
{
    lenet(net, "dorefa", 8, "dorefa", 2, true);
}

static void build_w2a3_signed(lb_net *net)
{
    lenet(net, "qnn", 2, "qnn", 3, true);
}

static void build_bnn(lb_net *net)
{
    lenet(net, "bc", 1, "sign", 1, true);
}

static void build_xnor(lb_net *net)
{
    lenet(net, "xnor", 1, "sign", 1, true);
}

static void build_twn(lb_net *net)
{
    lenet(net, "twn", 2, "dorefa", 2, true);
}

static void build_ttq(lb_net *net)
{
    lenet(net, "ttq", 2, "dorefa", 2, true);
}

static void build_stochastic(lb_net *net)
{
    lenet(net, "bc-stochastic", 1, "dorefa", 2, true);
}

static void build_lsq(lb_net *net)
{
    lenet(net, "lsq", 3, "lsq", 2, true);
}

static void build_pact(lb_net *net)
{
    lenet(net, "dorefa", 1, "pact", 2, true);
}

static void build_fixed(lb_net *net)
{
    lenet(net, "twn", 2, "fixed", 4, true);
}

static void build_ternary(lb_net *net)
{
    lenet(net, "ternary", 2, "sign", 1, true);
}

static void build_uniform(lb_net *net)
{
    lenet(net, "uniform", 3, "bnclip", 3, true);
}

/* A learned quantizer before the first weights, and two without a batch-norm between them. */
static void build_lsq_first(lb_net *net)
{
    const lb_weight_choice choice = weights("lsq", 4, LB_PER_FILTER);
    start(net, 3, 8, 8);
    int x = lb_net_relu(net, "relu", 0, 1.0f);
    x = quantize(net, "a.quantize", x, "lsq", 2);
    x = lb_net_conv(net, "a", x, 16, lb_window_square(3, 1, 1), 1, true, &choice);
    x = lb_net_relu(net, "a.relu", x, 1.0f);
    x = quantize(net, "b.quantize", x, "lsq", 2);
    x = lb_net_linear(net, "b", lb_net_flatten(net, "flatten", x), MOST_CLASSES, true, &choice);
}

static void test_lenets(void **state)
{
    (void)state;
    builder *all[] = {build_w1a2, build_w8a2,    build_w2a3_signed, build_bnn,    build_xnor,
                      build_twn,  build_ttq,     build_stochastic,  build_lsq,    build_lsq_first,
                      build_pact, build_ternary, build_fixed,       build_uniform};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        agree_for(all[i], LB_LOSS_CROSS_ENTROPY, 12, 1);
        agree_for(all[i], LB_LOSS_CROSS_ENTROPY, 40, 2);
    }
    /* 255 thresholds: a few of some thousand values lie within a rounding of one, and each changes a code by 1 of
     * 255, the gradients by some thousandths */
    agree_within(build_w4a8, LB_LOSS_CROSS_ENTROPY, 12, 1, 500.0);
    agree_within(build_w4a8, LB_LOSS_CROSS_ENTROPY, 40, 2, 500.0);
}

/* One residual block; B: 1x1 convolution and batch-norm in the shortcut, else subsampled. */
static int block(lb_net *net, int x, const char *name, size_t out, size_t stride, bool b,
                 bool before)
{
    const lb_weight_choice choice = weights("dorefa", 1, LB_PER_LAYER);
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
    y = quantize(net, text[0], y, "dorefa", 2);
    y = lb_net_conv(net, text[1], y, out, lb_window_square(3, stride, 1), 1, false, &choice);
    y = lb_net_batch_norm(net, text[2], y, true, 1e-5f, 0.1f);
    y = lb_net_clip(net, text[3], y, 0.0f, 1.0f);
    y = quantize(net, text[4], y, "dorefa", 2);
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
    start(net, 3, 8, 8);
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
    builder *all[] = {build_residual_a, build_residual_b, build_before_a, build_before_b};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        agree_for(all[i], LB_LOSS_CROSS_ENTROPY, 5, 1);
        agree_for(all[i], LB_LOSS_CROSS_ENTROPY, 33, 2);
    }
}

/* ---- properties ---- */

static void test_same_threads_same_bits(void **state)
{
    (void)state;
    builder *all[] = {build_w1a2, build_residual_b, build_joins};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        lb_net first, second;
        lb_step_result a, b;
        prepare(all[k], LB_LOSS_CROSS_ENTROPY, &first);
        prepare(all[k], LB_LOSS_CROSS_ENTROPY, &second);
        step("onednn", &first, 37, 2, 1, &a);
        step("onednn", &second, 37, 2, 1, &b);
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
    prepare(build_residual_b, LB_LOSS_CROSS_ENTROPY, &net);
    lb_test_every_allocation_failure(create_and_destroy, &net);
    lb_net_release(&net);
}

/* The maps that are still there after a step are the reference's. */
static void test_maps(void **state)
{
    (void)state;
    lb_net fast, plain;
    prepare(build_convolutions, LB_LOSS_CROSS_ENTROPY, &fast);
    prepare(build_convolutions, LB_LOSS_CROSS_ENTROPY, &plain);
    const lb_backend *backends[] = {lb_backend_find("onednn"), lb_backend_find("reference")};
    lb_net *nets[] = {&fast, &plain};
    lb_executor *e[2] = {NULL};
    enum { BATCH = 4, LARGEST = BATCH * 20 * 11 * 9 };
    static float images[BATCH * 3 * 11 * 9], maps[2][LARGEST];
    const uint16_t labels[BATCH] = {0, 3, 5, 9};
    fill(sizeof images / sizeof *images, images, 1);
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
            if (!near(gradient ? "gradient" : "map", fast.nodes[i].name, n, maps[0], maps[1], 4e-5,
                      1e-9)) {
                fail_msg("%s", difference_found);
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
        cmocka_unit_test(test_lenets),
        cmocka_unit_test(test_residuals),
        cmocka_unit_test(test_same_threads_same_bits),
        cmocka_unit_test(test_every_allocation_failure),
        cmocka_unit_test(test_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
