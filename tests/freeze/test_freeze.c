/* Freeze, rule by rule: which nodes become which layers, weights, refusals. */
#include <math.h>
#include <string.h>

#include "freeze/freeze.h"
#include "quant/method.h"
#include "support/support.h"
#include "support/tiny_net.h"

/* ---- pools, concatenations, shortcuts ---- */

/* XNOR-Net's order. The pool takes the smallest code where the gain after it is negative. */
static void test_pools_work_on_codes(void **state)
{
    static const float gains[] = {1.0f, -1.0f, 0.0f, -0.5f, 2.0f, 1.0f, 1.0f, 1.0f, -3.0f};
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("xnor", 1);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 5, 5}, false);
    x = lb_tiny_quantize(&net, "q1", x, "sign", 1);
    x = lb_net_conv(&net, "conv", x, 9, lb_window_square(3, 1, 1), 1, false, &w);
    x = lb_net_relu(&net, "relu", x, 1.0f);
    x = lb_net_max_pool(&net, "pool", x, lb_window_ceil(3, 2, 5));
    x = lb_tiny_norm(&net, "bn", x);
    x = lb_tiny_quantize(&net, "q2", x, "sign", 1);
    (void)lb_net_linear(&net, "fc", x, 3, false, &w);
    lb_tiny_finish(&net);
    for (size_t c = 0; c < 9; c++) lb_tiny_set_norm(&net, "bn", c, gains[c], 0.2f, 0.0f);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input(float) q1=q1 conv= pool=q2 fc=fc(float)");
    const lb_int_layer *pool = lb_tiny_layer(&frozen, "pool");
    assert_non_null(pool->reversed);
    for (size_t c = 0; c < 9; c++)
        assert_int_equal(lb_tiny_bit(pool->reversed, c), gains[c] < 0.0f);
    assert_int_equal(lb_tiny_layer(&frozen, "conv")->post.kind, LB_POST_THRESHOLDS);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* conv-bn-act: what falls stands before the pool, which takes the largest everywhere. A pool that something
 * else reads stays on floats. */
static void test_pools_after_the_batch_norm(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    for (int shared = 0; shared < 2; shared++) {
        lb_net net;
        lb_intnet frozen;
        lb_net_init(&net);
        int x = lb_net_input(&net, (lb_shape){2, 4, 4}, true);
        x = lb_net_conv(&net, "conv", x, 4, lb_window_square(3, 1, 1), 1, true, &w);
        x = lb_net_clip(&net, "act", lb_tiny_norm(&net, "bn", x), 0.0f, 1.0f);
        const int pool = lb_net_max_pool(&net, "pool", x, lb_window_square(2, 2, 0));
        x = lb_tiny_quantize(&net, "q", pool, "dorefa", 2);
        x = lb_net_conv(&net, "conv2", x, 4, lb_window_square(1, 1, 0), 1, false, &w);
        if (shared) x = lb_net_add(&net, "add", x, pool);
        (void)lb_net_global_pool(&net, "mean", x);
        lb_tiny_finish(&net);
        for (size_t c = 0; c < 4; c++) lb_tiny_set_norm(&net, "bn", c, -0.3f, 0.0f, 0.4f);
        lb_tiny_freeze(&net, &frozen);
        if (shared) {
            lb_tiny_check_layers(&frozen, "input=input conv=act(float) pool=pool(float) q=q "
                                          "conv2=add(float) mean=mean(float)");
        } else {
            lb_tiny_check_layers(&frozen,
                                 "input=input conv= pool=q conv2=conv2(float) mean=mean(float)");
            assert_null(lb_tiny_layer(&frozen, "pool")->reversed);
        }
        lb_intnet_release(&frozen);
        lb_net_release(&net);
    }
}

/* The batch-norm after a concatenation goes to both sides with its own channels. */
static void test_concatenations_work_on_codes(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){3, 4, 4}, false);
    x = lb_tiny_quantize(&net, "q1", x, "sign", 1);
    const int a = lb_net_conv(&net, "a", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    const int b = lb_net_conv(&net, "b", x, 3, lb_window_square(3, 1, 1), 1, false, &w);
    x = lb_net_concat(&net, "concat", a, b);
    x = lb_net_max_pool(&net, "pool", x, lb_window_square(2, 2, 0));
    x = lb_tiny_quantize(&net, "q2", lb_tiny_norm(&net, "bn", x), "sign", 1);
    (void)lb_net_linear(&net, "fc", x, 3, false, &w);
    lb_tiny_finish(&net);
    for (size_t c = 0; c < 5; c++)
        lb_tiny_set_norm(&net, "bn", c, c == 3 ? -1.0f : 1.0f, (float)c, 0.0f);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input(float) q1=q1 a= b= concat= pool=q2 fc=fc(float)");
    /* s - c >= 0; channel 3 of five, channel 1 of b: -(s - 3) >= 0, which falls from 4 on */
    const lb_thresholds *ta = &lb_tiny_layer(&frozen, "a")->post.thresholds;
    const lb_thresholds *tb = &lb_tiny_layer(&frozen, "b")->post.thresholds;
    assert_int_equal(lb_threshold_at(ta, 0, 0), 0);
    assert_int_equal(lb_threshold_at(ta, 1, 0), 1);
    assert_int_equal(lb_threshold_at(tb, 0, 0), 2);
    assert_int_equal(lb_threshold_at(tb, 1, 0), 4);
    assert_int_equal(lb_threshold_at(tb, 2, 0), 4);
    assert_true(lb_tiny_bit(tb->falls, 0) && !lb_tiny_bit(tb->falls, 1) &&
                lb_tiny_bit(tb->falls, 2));
    assert_true(lb_tiny_bit(lb_tiny_layer(&frozen, "pool")->reversed, 3));
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* A side that is no convolution's gets an expression of its own, under a name of its own. */
static void test_concatenation_with_a_shared_side(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    const int x = lb_net_input(&net, (lb_shape){3, 4, 4}, true);
    const int a = lb_net_conv(&net, "a", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    const int b = lb_net_conv(&net, "b", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    const int sum = lb_net_add(&net, "sum", a, b);
    int y = lb_net_concat(&net, "concat", sum, b); /* b is read twice */
    y = lb_tiny_quantize(&net, "q", lb_tiny_norm(&net, "bn", y), "dorefa", 2);
    (void)lb_net_linear(&net, "fc", y, 3, false, &w);
    lb_tiny_finish(&net);
    for (size_t c = 0; c < 4; c++) lb_tiny_set_norm(&net, "bn", c, 1.0f, 0.1f * (float)c, 0.0f);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input b=b(float) a= q= concat=q fc=fc(float)");
    assert_int_equal(lb_tiny_layer(&frozen, "a")->n_in, 2); /* the sum is in it */
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* A post-activation residual block: the block's output is read as floats and as codes. */
static void test_shortcuts(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("dorefa", 1);
    const lb_window w3 = lb_window_square(3, 1, 1), w1 = lb_window_square(1, 1, 0);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    const int x = lb_net_input(&net, (lb_shape){3, 4, 4}, false);
    int y = lb_net_conv(&net, "stem", x, 4, w3, 1, false, NULL);
    const int in = lb_net_clip(&net, "act0", lb_tiny_norm(&net, "bn0", y), 0.0f, 1.0f);
    y = lb_net_conv(&net, "conv1", lb_tiny_quantize(&net, "q1", in, "dorefa", 2), 4, w3, 1, false,
                    &w);
    y = lb_net_clip(&net, "act1", lb_tiny_norm(&net, "bn1", y), 0.0f, 1.0f);
    y = lb_net_conv(&net, "conv2", lb_tiny_quantize(&net, "q2", y, "dorefa", 2), 4, w3, 1, false,
                    &w);
    y = lb_tiny_norm(&net, "bn2", y);
    int skip = lb_net_conv(&net, "skip", lb_tiny_quantize(&net, "q3", in, "dorefa", 2), 4, w1, 1,
                           false, &w);
    skip = lb_tiny_norm(&net, "bn3", skip);
    y = lb_net_clip(&net, "act2", lb_net_add(&net, "add", y, skip), 0.0f, 1.0f);
    y = lb_tiny_quantize(&net, "q4", y, "dorefa", 2);
    (void)lb_net_linear(&net, "fc", y, 3, true, &w);
    lb_tiny_finish(&net);
    lb_tiny_freeze(&net, &frozen);
    /* q3 is q1 again; both of the sum's sides are convolutions: the first one takes it */
    lb_tiny_check_layers(
        &frozen, "input=input(float) stem=q1 conv1=q2 skip=bn3(float) conv2=q4 fc=fc(float)");
    const lb_int_layer *sum = lb_tiny_layer(&frozen, "conv2");
    assert_int_equal(sum->n_in, 2);
    assert_int_equal(sum->post.kind, LB_POST_STEPS);
    assert_int_equal(sum->post.n_steps, 5); /* scale, batch-norm, add, clip, encode */
    assert_int_equal(sum->post.steps[2].kind, LB_STEP_ADD);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* A pre-activation block: the map before the batch-norm is read by the shortcut too. Quantizers on it are
 * expressions, equal ones once. A sum whose second side is the convolution is followed there. */
static void test_maps_that_are_read_twice(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    const lb_window w1 = lb_window_square(1, 1, 0);
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){3, 4, 4}, true);
    x = lb_net_conv(&net, "conv1", x, 4, w1, 1, true, &w);
    const int bn = lb_tiny_norm(&net, "bn", x);
    const int a =
        lb_net_conv(&net, "a", lb_tiny_quantize(&net, "qa", bn, "sign", 1), 4, w1, 1, false, &w);
    const int b =
        lb_net_conv(&net, "b", lb_tiny_quantize(&net, "qb", bn, "sign", 1), 4, w1, 1, false, &w);
    int y = lb_net_add(&net, "sum1", x, a);
    y = lb_net_add(&net, "sum2", y, b);
    (void)lb_net_global_pool(&net, "mean", y);
    lb_tiny_finish(&net);
    for (size_t c = 0; c < 4; c++) lb_tiny_set_norm(&net, "bn", c, 1.0f, 0.0f, 0.1f);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen,
                         "input=input conv1=conv1(float) qa=qa a=sum1(float) b=sum2(float) "
                         "mean=mean(float)");
    assert_int_equal(lb_tiny_layer(&frozen, "qa")->post.n_steps, 2); /* batch-norm, encode */
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* x + x, twice the same map. */
static void test_a_map_added_to_itself(void **state)
{
    (void)state;
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 1, 1}, false);
    x = lb_net_linear(&net, "fc", x, 3, true, NULL);
    (void)lb_net_add(&net, "add", x, x);
    lb_tiny_finish(&net);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input(float) fc=fc(float) add=add(float)");
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* ---- weights ---- */

/* Two sums: t = s+ * (wp * scale) + s- * -(wn * scale). */
static void test_two_scales(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("ttq", 2);
    static const float masters[] = {0.5f, -0.5f, 0.0f, 1.0f};
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 2, 2}, false);
    x = lb_tiny_quantize(&net, "q1", x, "qnn", 2); /* scale 1/2 */
    x = lb_net_conv(&net, "conv", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    x = lb_tiny_quantize(&net, "q2", x, "sign", 1);
    (void)lb_net_linear(&net, "fc", x, 3, false, NULL);
    lb_tiny_finish(&net);
    memcpy(lb_tiny_values(&net, "conv.weight"), masters, sizeof masters);
    lb_tiny_values(&net, "conv.learned")[0] = 3.0f;
    lb_tiny_values(&net, "conv.learned")[1] = 0.25f;
    lb_tiny_freeze(&net, &frozen);
    const lb_int_layer *l = lb_tiny_layer(&frozen, "conv");
    assert_int_equal(l->weights.storage, LB_STORED_TERNARY);
    assert_int_equal(l->weights.terms, 2);
    /* + - / 0 +: sign plane 0b0010, non-zero plane 0b1011 */
    assert_int_equal(((const uint8_t *)l->weights.at)[0], 2);
    assert_int_equal(((const uint8_t *)l->weights.at)[1], 11);
    assert_int_equal(l->post.kind, LB_POST_STEPS);
    for (size_t c = 0; c < 2; c++) {
        assert_true(l->post.steps[0].a[c] == 1.5f);
        assert_true(l->post.steps[0].a[2 + c] == -0.125f);
    }
    assert_true(l->map.coded);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* A sum a row, of three; alpha_i times the input's scale for both channels. A kernel of one position and a
 * fully connected layer have one sum, so their codes get thresholds. */
static void test_scales_by_row(void **state)
{
    (void)state;
    lb_weight_choice w = lb_tiny_weights("syq", 1);
    static const float learned[] = {0.5f, 3.0f, 0.25f};
    w.setting.granularity = LB_PER_ROW;
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 4, 4}, false);
    x = lb_tiny_quantize(&net, "q1", x, "qnn", 2); /* scale 1/2 */
    x = lb_net_conv(&net, "rows", x, 2, lb_window_square(3, 1, 1), 1, false, &w);
    x = lb_tiny_quantize(&net, "q2", x, "sign", 1);
    x = lb_net_conv(&net, "point", x, 2, lb_window_square(1, 1, 0), 1, false, &w);
    x = lb_tiny_quantize(&net, "q3", x, "sign", 1);
    (void)lb_net_linear(&net, "fc", x, 3, false, &w);
    lb_tiny_finish(&net);
    memcpy(lb_tiny_values(&net, "rows.learned"), learned, sizeof learned);
    lb_tiny_freeze(&net, &frozen);
    const lb_int_layer *l = lb_tiny_layer(&frozen, "rows");
    assert_int_equal(l->weights.storage, LB_STORED_GRID);
    assert_int_equal(l->weights.grid.bits, 1);
    assert_int_equal(l->weights.sums, LB_SUMS_ROW);
    assert_int_equal(l->weights.terms, 3);
    assert_int_equal(l->post.kind, LB_POST_STEPS);
    for (size_t i = 0; i < 6; i++) assert_true(l->post.steps[0].a[i] == learned[i / 2] * 0.5f);
    assert_int_equal(lb_tiny_layer(&frozen, "point")->weights.sums, LB_SUMS_WHOLE);
    assert_int_equal(lb_tiny_layer(&frozen, "point")->post.kind, LB_POST_THRESHOLDS);
    assert_int_equal(lb_tiny_layer(&frozen, "fc")->weights.terms, 1);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* A linear layer on a map of 2 channels and 1 x 2 pixels: masters in the order channel, row, column, stored
 * row, column, channel. Fields of qnn's 4 bits are the code plus 8. */
static void test_linear_layers_are_convolutions(void **state)
{
    (void)state;
    const lb_weight_choice w = lb_tiny_weights("qnn", 4);
    static const float masters[] = {0.125f, 0.25f, 0.375f, -1.0f}; /* codes 1 2 3 -8 */
    static const uint8_t wanted[] = {1 + 8, 3 + 8, 2 + 8, 0};
    uint8_t fields[4];
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 1, 2}, true);
    x = lb_net_dropout(&net, "dropout", x, 0.5f);
    x = lb_net_flatten(&net, "flatten", x);
    (void)lb_net_linear(&net, "fc", x, 1, false, &w);
    lb_tiny_finish(&net);
    memcpy(lb_tiny_values(&net, "fc.weight"), masters, sizeof masters);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input fc=fc(float)");
    const lb_int_layer *l = lb_tiny_layer(&frozen, "fc");
    assert_int_equal(l->window.kh, 1);
    assert_int_equal(l->window.kw, 2);
    assert_int_equal(l->weights.storage, LB_STORED_GRID);
    lb_stream_unpack(4, 4, l->weights.at, fields);
    assert_memory_equal(fields, wanted, sizeof wanted);
    assert_true(l->post.steps[0].a[0] == 0.125f / 128.0f);
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

static void test_weight_grids(void **state)
{
    static const struct {
        const char *name;
        int bits;
        lb_weight_storage storage;
        lb_code_grid grid;
    } cases[] = {
        {"bc", 1, LB_STORED_GRID, {1, 1, -2}},
        {"xnor", 1, LB_STORED_GRID, {1, 1, -2}},
        {"dorefa", 1, LB_STORED_GRID, {1, 1, -2}},
        {"dorefa", 2, LB_STORED_GRID, {2, -3, 2}},
        {"dorefa", 8, LB_STORED_GRID, {8, -255, 2}},
        {"qnn", 1, LB_STORED_GRID, {1, 1, -2}},
        {"qnn", 3, LB_STORED_GRID, {3, -4, 1}},
        {"twn", 2, LB_STORED_TERNARY, {0, 0, 0}},
        {"bc-stochastic", 1, LB_STORED_FLOAT, {0, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const lb_weight_choice w = lb_tiny_weights(cases[i].name, cases[i].bits);
        lb_net net;
        lb_intnet frozen;
        lb_net_init(&net);
        int x = lb_net_input(&net, (lb_shape){4, 3, 3}, true);
        x = lb_net_conv(&net, "conv", x, 6, lb_window_square(3, 2, 1), 2, false, &w);
        (void)lb_net_global_pool(&net, "mean", x);
        lb_tiny_finish(&net);
        lb_tiny_freeze(&net, &frozen);
        const lb_int_layer *l = lb_tiny_layer(&frozen, "conv");
        assert_int_equal(l->weights.storage, cases[i].storage);
        assert_memory_equal(&l->weights.grid, &cases[i].grid, sizeof l->weights.grid);
        assert_int_equal(l->groups, 2);
        lb_intnet_release(&frozen);
        lb_net_release(&net);
    }
}

/* Logits that are codes get a layer that gives their values. */
static void test_logits_are_floats(void **state)
{
    (void)state;
    lb_net net;
    lb_intnet frozen;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){4, 1, 1}, false);
    x = lb_net_linear(&net, "fc", x, 3, true, NULL);
    (void)lb_tiny_quantize(&net, "q", x, "dorefa", 3);
    lb_tiny_finish(&net);
    lb_tiny_freeze(&net, &frozen);
    lb_tiny_check_layers(&frozen, "input=input(float) fc=q q=q(float)");
    lb_intnet_release(&frozen);
    lb_net_release(&net);
}

/* ---- refusals ---- */

static lb_act_map map_without_grid(const lb_act_setting *setting, const float *learned)
{
    (void)setting;
    (void)learned;
    return (lb_act_map){.rounding = LB_ROUND_EVEN,
                        .multiplier = 1.0f,
                        .divisor = 1.0f,
                        .low = -0.5f,
                        .high = 0.5f,
                        .scale = 1.0f};
}

static const lb_act_quantizer without_grid = {
    .name = "without-grid", .bits_min = 1, .bits_max = 8, .map = map_without_grid};

static void build_for_refusals(lb_net *net, const lb_act_quantizer *acts)
{
    const lb_weight_choice w = lb_tiny_weights("bc", 1);
    const lb_act_setting setting = {.bits = 2};
    lb_net_init(net);
    int x = lb_net_input(net, (lb_shape){2, 3, 3}, false);
    x = lb_net_quantize(net, "the-quantizer", x, acts, &setting);
    x = lb_net_conv(net, "the-conv", x, 4, lb_window_square(3, 1, 1), 1, true, &w);
    x = lb_tiny_norm(net, "the-norm", x);
    (void)lb_net_linear(net, "the-last", x, 3, false, NULL);
    lb_tiny_finish(net);
}

static void check_refused(lb_net *net, const char *name, const char *reason)
{
    lb_intnet frozen;
    assert_status(lb_freeze(net, &frozen), LB_E_UNSUPPORTED);
    assert_contains(lb_error(), name);
    assert_contains(lb_error(), reason);
    lb_intnet_release(&frozen);
    lb_net_release(net);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *param;
        float value;
        const char *name, *reason;
    } cases[] = {
        {"the-norm.gamma", NAN, "'the-norm'", "finite"},
        {"the-norm.mean", INFINITY, "'the-norm'", "finite"},
        {"the-norm.variance", -1.0f, "'the-norm'", "finite"},
        {"the-conv.weight", NAN, "'the-conv'", "weight 0 is"},
        {"the-conv.bias", INFINITY, "'the-conv'", "bias 0 is"},
        {"the-last.weight", INFINITY, "'the-last'", "weight 0 is"},
    };
    (void)state;
    const lb_act_quantizer *dorefa = lb_act_quantizer_find("dorefa");
    lb_net net;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        build_for_refusals(&net, dorefa);
        lb_tiny_values(&net, cases[i].param)[0] = cases[i].value;
        check_refused(&net, cases[i].name, cases[i].reason);
    }
    build_for_refusals(&net, &without_grid);
    check_refused(&net, "'the-quantizer'", "codes -0.5 to 0.5");
}

/* Only linear layers see through a flatten. */
static void test_flattened_maps_are_refused_elsewhere(void **state)
{
    (void)state;
    lb_net net;
    lb_net_init(&net);
    int x = lb_net_input(&net, (lb_shape){2, 2, 2}, false);
    x = lb_net_flatten(&net, "flatten", x);
    x = lb_net_relu(&net, "relu", x, 1.0f);
    (void)lb_net_linear(&net, "fc", x, 3, false, NULL);
    lb_tiny_finish(&net);
    check_refused(&net, "'relu'", "flattened");

    lb_net_init(&net);
    x = lb_net_input(&net, (lb_shape){2, 2, 2}, false);
    x = lb_net_conv(&net, "conv", x, 2, lb_window_square(1, 1, 0), 1, false, NULL);
    (void)lb_net_flatten(&net, "flatten", x);
    lb_tiny_finish(&net);
    check_refused(&net, "'flatten'", "flattened");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pools_work_on_codes),
        cmocka_unit_test(test_pools_after_the_batch_norm),
        cmocka_unit_test(test_concatenations_work_on_codes),
        cmocka_unit_test(test_concatenation_with_a_shared_side),
        cmocka_unit_test(test_shortcuts),
        cmocka_unit_test(test_maps_that_are_read_twice),
        cmocka_unit_test(test_a_map_added_to_itself),
        cmocka_unit_test(test_two_scales),
        cmocka_unit_test(test_scales_by_row),
        cmocka_unit_test(test_linear_layers_are_convolutions),
        cmocka_unit_test(test_weight_grids),
        cmocka_unit_test(test_logits_are_floats),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_flattened_maps_are_refused_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
