/* The fast training back end against the reference: small nets with every quantizer; see support/backend_check.h.
 * ctest: label tsan */
#include <string.h>

#include "support/backend_check.h"
#include "support/support.h"

enum { MOST_CLASSES = 10 };

/* conv - batch-norm - clip - pool - quantize - conv, as LeNet-5 and VGG. */
static void lenet(lb_net *net, const char *w, int w_bits, const char *a, int a_bits, bool max)
{
    const lb_weight_choice choice = lb_backend_weights(w, w_bits, LB_PER_LAYER);
    const bool is_signed = strcmp(a, "sign") == 0 || strcmp(a, "qnn") == 0;
    const float low = is_signed ? -1.0f : 0.0f;
    lb_backend_start(net, 1, 12, 12);
    int x = lb_net_conv(net, "a", 0, 20, lb_window_square(5, 1, 0), 1, false, NULL);
    x = lb_net_batch_norm(net, "a.norm", x, false, 1e-4f, 0.1f);
    x = lb_net_clip(net, "a.clip", x, low, 1.0f);
    x = max ? lb_net_max_pool(net, "a.pool", x, lb_window_square(2, 2, 0))
            : lb_net_average_pool(net, "a.pool", x, lb_window_square(2, 2, 0));
    x = lb_backend_quantize(net, "a.quantize", x, a, a_bits);
    x = lb_net_conv(net, "b", x, 50, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "b.norm", x, true, 1e-4f, 0.1f);
    x = lb_net_clip(net, "b.clip", x, low, 1.0f);
    x = lb_backend_quantize(net, "b.quantize", x, a, a_bits);
    x = lb_net_flatten(net, "flatten", x);
    x = lb_net_linear(net, "c", x, 30, false, &choice);
    x = lb_net_batch_norm(net, "c.norm", x, true, 1e-4f, 0.1f);
    x = lb_net_clip(net, "c.clip", x, low, 1.0f);
    x = lb_backend_quantize(net, "c.quantize", x, a, a_bits);
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

/* A sign whose input other nodes read too, and one behind a sum. */
static void build_signs_beside_a_sum(lb_net *net)
{
    const lb_weight_choice choice = lb_backend_weights("bc", 1, LB_PER_LAYER);
    lb_backend_start(net, 3, 8, 8);
    int x = lb_net_conv(net, "a", 0, 16, lb_window_square(3, 1, 1), 1, true, NULL);
    const int first = x = lb_net_batch_norm(net, "a.norm", x, true, 1e-5f, 0.1f);
    x = lb_backend_quantize(net, "b.quantize", x, "sign", 1);
    x = lb_net_conv(net, "b", x, 16, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "b.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_add(net, "sum", x, first);
    x = lb_backend_quantize(net, "c.quantize", x, "qnn", 1);
    x = lb_net_conv(net, "c", x, 8, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "c.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_global_pool(net, "pool", x);
    lb_net_linear(net, "d", lb_net_flatten(net, "flatten", x), MOST_CLASSES, true, NULL);
}

/* A learned quantizer before the first weights, and two without a batch-norm between them. */
static void build_lsq_first(lb_net *net)
{
    const lb_weight_choice choice = lb_backend_weights("lsq", 4, LB_PER_FILTER);
    lb_backend_start(net, 3, 8, 8);
    int x = lb_net_relu(net, "relu", 0, 1.0f);
    x = lb_backend_quantize(net, "a.quantize", x, "lsq", 2);
    x = lb_net_conv(net, "a", x, 16, lb_window_square(3, 1, 1), 1, true, &choice);
    x = lb_net_relu(net, "a.relu", x, 1.0f);
    x = lb_backend_quantize(net, "b.quantize", x, "lsq", 2);
    x = lb_net_linear(net, "b", lb_net_flatten(net, "flatten", x), MOST_CLASSES, true, &choice);
}

static void test_lenets(void **state)
{
    (void)state;
    lb_net_builder *all[] = {build_w1a2,  build_w8a2,      build_w2a3_signed, build_bnn,
                             build_xnor,  build_twn,       build_ttq,         build_stochastic,
                             build_lsq,   build_lsq_first, build_pact,        build_ternary,
                             build_fixed, build_uniform};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 12, 1);
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 40, 2);
    }
    /* 255 thresholds: a few of some thousand values lie within a rounding of one, and each changes a code by 1 of
     * 255, the gradients by some thousandths */
    lb_backends_agree_within(build_w4a8, LB_LOSS_CROSS_ENTROPY, 12, 1, 500.0);
    lb_backends_agree_within(build_w4a8, LB_LOSS_CROSS_ENTROPY, 40, 2, 500.0);
}

/* Sign activations with the gradient of a smooth stand-in. */
static void smooth(lb_net *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (net->nodes[i].op == LB_OP_QUANTIZE)
            net->nodes[i].as.quantize.setting.gradient = LB_GRADIENT_APPROX_SIGN;
    }
}

static void build_smooth_bnn(lb_net *net)
{
    build_bnn(net);
    smooth(net);
}

static void build_smooth_xnor(lb_net *net)
{
    build_xnor(net);
    smooth(net);
}

static void build_smooth_signs(lb_net *net)
{
    build_signs_beside_a_sum(net);
    smooth(net);
}

static void test_approx_sign(void **state)
{
    (void)state;
    lb_net_builder *all[] = {build_smooth_bnn, build_smooth_xnor, build_smooth_signs};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 12, 1);
        lb_backends_agree(all[i], LB_LOSS_CROSS_ENTROPY, 40, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenets),
        cmocka_unit_test(test_approx_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
