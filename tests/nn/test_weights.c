/* Quantized weights of a layer: groups, scales of either sign, learned scales, preparing, draws,
 * threads. */
/* ctest: label tsan */
#include <omp.h>
#include <string.h>

#include "base/random.h"
#include "nn/executor.h"
#include "quant/method.h"
#include "support/plain_quantizers.h"
#include "support/support.h"

/* A net of one linear layer "fc", its quantized weights in a block. */
typedef struct fixture {
    lb_net net;
    void *block;
    lb_quantized_weights q;
    float *w;
    const lb_param *weight;
} fixture;

static fixture layer(size_t in, size_t out, const lb_weight_choice *choice)
{
    fixture f;
    lb_net_init(&f.net);
    lb_net_input(&f.net, (lb_shape){in, 1, 1}, false);
    lb_net_linear(&f.net, "fc", 0, out, false, choice);
    assert_ok(lb_net_finish(&f.net, LB_LOSS_CROSS_ENTROPY));
    const lb_node *node = &f.net.nodes[1];
    assert_ok(lb_alloc(lb_quantized_weights_bytes(&f.net, node), 1, "weights", &f.block));
    lb_quantized_weights_carve(&f.net, node, f.block, &f.q);
    f.weight = &f.net.params[node->as.conv.weight];
    f.w = f.weight->value;
    return f;
}

static void release(fixture *f)
{
    lb_free(f->block);
    lb_net_release(&f->net);
}

static void assert_floats(const float *got, const float *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (got[i] != wanted[i])
            fail_msg("[%zu]: got %g, wanted %g", i, (double)got[i], (double)wanted[i]);
    }
}

static void test_scales_per_filter_and_per_layer(void **state)
{
    (void)state;
    const float w[] = {1.0f, -2.0f, 0.0f, 4.0f, 3.0f, -1.0f};
    float d_real[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
    lb_weight_choice choice = {&lb_whole_weights,
                               {.bits = 4, .granularity = LB_PER_FILTER, .options = {0.25f}}};
    fixture f = layer(3, 2, &choice);
    memcpy(f.w, w, sizeof w);
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    assert_floats(f.q.scale, (const float[]){0.5f, 1.0f},
                  2); /* a quarter of the largest, 2 and 4 */
    assert_floats(f.q.scale_negative, f.q.scale, 2);
    assert_floats(f.q.real, (const float[]){0.5f, -1.0f, 0.0f, 4.0f, 3.0f, -1.0f}, 6);
    for (size_t i = 0; i < 6; i++) assert_int_equal(f.q.code[i], (int)w[i]);
    lb_weights_backward(&f.net, 1, &f.q, d_real);
    assert_floats(f.weight->grad, (const float[]){0.5f, 1.0f, 1.5f, 4.0f, 5.0f, 6.0f}, 6);
    release(&f);

    choice.setting.granularity = LB_PER_LAYER;
    f = layer(3, 2, &choice);
    memcpy(f.w, w, sizeof w);
    lb_weights_quantize(&f.net, 1, 0, 0, true, &f.q);
    assert_floats(f.q.scale, (const float[]){1.0f, 1.0f}, 2);
    assert_floats(f.q.real, w, 6);
    assert_floats(f.w, w, 6);
    release(&f);
}

static void test_two_scales(void **state)
{
    (void)state;
    const lb_weight_choice choice = {
        &lb_whole_weights_asymmetric,
        {.bits = 4, .granularity = LB_PER_LAYER, .options = {0.5f, 0.25f}}};
    fixture f = layer(4, 1, &choice);
    memcpy(f.w, (const float[]){1.0f, -2.0f, 0.0f, 2.0f}, 4 * sizeof(float));
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    assert_true(f.q.scale[0] == 1.0f && f.q.scale_negative[0] == 0.5f);
    assert_floats(f.q.real, (const float[]){1.0f, -1.0f, 0.0f, 2.0f}, 4);
    release(&f);
}

static void test_float_layers(void **state)
{
    (void)state;
    fixture f = layer(2, 2, NULL);
    const float w[] = {0.1f, -0.2f, 0.3f, 0.4f};
    float d[] = {1.0f, 2.0f, 3.0f, 4.0f};
    memcpy(f.w, w, sizeof w);
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    assert_floats(f.q.real, w, 4);
    assert_null(f.q.code);
    assert_null(f.q.scale);
    lb_weights_backward(&f.net, 1, &f.q, d);
    assert_floats(f.weight->grad, d, 4);
    lb_weights_backward(&f.net, 1, &f.q, f.weight->grad); /* over itself */
    assert_floats(f.weight->grad, d, 4);
    release(&f);
}

/* Masters are overwritten while training only: evaluating any number of times changes no run. */
static void test_preparing(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_doubling_weights, {.bits = 4, .options = {1.0f}}};
    fixture f = layer(2, 1, &choice);
    memcpy(f.w, (const float[]){1.0f, -3.0f}, 2 * sizeof(float));
    for (int i = 0; i < 2; i++) {
        lb_weights_quantize(&f.net, 1, 0, 0, true, &f.q);
        assert_floats(f.w, (const float[]){1.0f, -3.0f}, 2);
        assert_floats(f.q.real, (const float[]){12.0f, -36.0f}, 2); /* codes 2, -6; scale 6 */
    }
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    assert_floats(f.w, (const float[]){2.0f, -6.0f}, 2);
    assert_floats(f.q.real, (const float[]){12.0f, -36.0f}, 2);
    release(&f);
}

/* Scales start at each filter's first weight and at 7; a second backward starts the sums anew. */
/* L2 on quantized weights: their value, times the factor, is added to the gradient that they get. */
static void test_quantized_decay(void **state)
{
    (void)state;
    lb_weight_choice choice = {&lb_whole_weights,
                               {.bits = 4, .granularity = LB_PER_FILTER, .options = {0.25f}}};
    fixture f = layer(3, 2, &choice);
    memcpy(f.w, (const float[]){1.0f, -2.0f, 0.0f, 4.0f, 3.0f, -1.0f}, 6 * sizeof(float));
    f.net.quantized_decay = 0.5f;
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    float d[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
    lb_weights_backward(&f.net, 1, &f.q, d);
    /* values 0.5 -1 0 | 4 3 -1, passed on times the scales 0.5 | 1 */
    assert_floats(f.weight->grad, (const float[]){0.625f, 0.75f, 1.5f, 6.0f, 6.5f, 5.5f}, 6);
    release(&f);
}

static void test_learned_scales(void **state)
{
    (void)state;
    const lb_weight_choice choice = {&lb_learned_weights,
                                     {.bits = 1, .granularity = LB_PER_FILTER}};
    fixture f = layer(3, 2, &choice);
    const lb_param *learned = &f.net.params[lb_net_find_param(&f.net, "fc.learned")];
    assert_true(learned->dims[0] == 2 && learned->dims[1] == 2 &&
                learned->role == LB_PARAM_LEARNED);
    lb_net_initialize(&f.net, LB_INIT_FAN_IN, 3);
    assert_floats(learned->value, (const float[]){f.w[0], 7.0f, f.w[3], 7.0f}, 4);

    memcpy(f.w, (const float[]){1.0f, -1.0f, 1.0f, -1.0f, -1.0f, 1.0f}, 6 * sizeof(float));
    memcpy(learned->value, (const float[]){2.0f, 3.0f, 4.0f, 5.0f}, 4 * sizeof(float));
    float d[] = {1.0f, 2.0f, 4.0f, 8.0f, 16.0f, 32.0f};
    for (int i = 0; i < 2; i++) {
        lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
        assert_floats(f.q.real, (const float[]){2.0f, -3.0f, 2.0f, -5.0f, -5.0f, 4.0f}, 6);
        lb_weights_backward(&f.net, 1, &f.q, d);
        assert_floats(learned->grad, (const float[]){5.0f, -2.0f, 32.0f, -24.0f}, 4);
    }
    release(&f);
}

/* Weight i takes the i-th draw of (seed, step, node), whatever the groups are. */
static void test_chance(void **state)
{
    (void)state;
    for (int granularity = LB_PER_LAYER; granularity <= LB_PER_FILTER; granularity++) {
        const lb_weight_choice choice = {&lb_chance_weights,
                                         {.bits = 1, .granularity = (lb_granularity)granularity}};
        fixture f = layer(10, 4, &choice);
        for (size_t i = 0; i < 40; i++) f.w[i] = (float)i / 40.0f;
        lb_random random = lb_random_at(5, LB_RANDOM_WEIGHTS, 9, 1);
        lb_weights_quantize(&f.net, 1, 5, 9, false, &f.q);
        for (size_t i = 0; i < 40; i++) {
            assert_int_equal(f.q.code[i], lb_random_uniform(&random) < f.w[i] ? 1 : -1);
        }
        float before[40];
        memcpy(before, f.q.real, sizeof before);
        lb_weights_quantize(&f.net, 1, 5, 10, false, &f.q);
        assert_memory_not_equal(before, f.q.real, sizeof before);
        lb_weights_quantize(&f.net, 1, 5, 9, true, &f.q); /* evaluation: the masters */
        assert_floats(f.q.real, f.w, 40);
        release(&f);
    }
}

/* Large enough to be shared out among threads. */
static void test_threads_change_nothing(void **state)
{
    (void)state;
    static const lb_weight_quantizer *const quantizers[] = {&lb_chance_weights,
                                                            &lb_learned_weights};
    const int threads_before = omp_get_max_threads();
    for (size_t k = 0; k < 2; k++) {
        const lb_weight_choice choice = {quantizers[k], {.bits = 1, .granularity = LB_PER_FILTER}};
        fixture one = layer(300, 100, &choice), three = layer(300, 100, &choice);
        fixture *const fixtures[] = {&one, &three};
        for (int i = 0; i < 2; i++) {
            fixture *f = fixtures[i];
            omp_set_num_threads(1 + 2 * i);
            lb_net_initialize(&f->net, LB_INIT_FAN_IN, 4);
            lb_weights_quantize(&f->net, 1, 1, 2, false, &f->q);
            lb_weights_backward(&f->net, 1, &f->q, f->q.real);
        }
        assert_memory_equal(one.q.real, three.q.real, 30000 * sizeof(float));
        assert_memory_equal(one.q.code, three.q.code, 30000 * sizeof(int16_t));
        for (size_t i = 0; i < one.net.n_params; i++) {
            assert_memory_equal(one.net.params[i].grad, three.net.params[i].grad,
                                one.net.params[i].count * sizeof(float));
        }
        release(&one);
        release(&three);
    }
    omp_set_num_threads(threads_before);
}

/* In training held weights stand at their levels, the others at master * scale; in evaluation all at their levels,
 * until they are relaxed there too. Without a partition all are quantized. */
static void test_relaxed_weights(void **state)
{
    (void)state;
    const float w[] = {0.25f, -0.75f, 0.5f, 1.5f, -0.125f, 2.0f};
    const uint8_t held[] = {0, 1, 1, 0, 1, 0};
    const float mixed[] = {0.125f, -0.5f, 0.0f, 3.0f, 0.0f, 4.0f};
    const float levels[] = {0.0f, -0.5f, 0.0f, 2.0f, 0.0f, 2.0f};
    const lb_weight_choice choice = {lb_weight_quantizer_find("rpr"),
                                     {.bits = 2, .granularity = LB_PER_FILTER}};
    fixture f = layer(3, 2, &choice);
    lb_param *weight = &f.net.params[f.net.nodes[1].as.conv.weight];
    float *scale = f.net.params[f.net.nodes[1].as.conv.learned].value;
    memcpy(f.w, w, sizeof w);
    scale[0] = 0.5f;
    scale[1] = 2.0f;
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    assert_floats(f.q.real, levels, 6);
    assert_ok(lb_arena_alloc(&f.net.arena, 6, 1, "held", (void **)&weight->held));
    memcpy(weight->held, held, sizeof held);
    lb_weights_quantize(&f.net, 1, 0, 0, false, &f.q);
    assert_floats(f.q.real, mixed, 6);
    assert_floats(f.w, w, 6);
    lb_weights_quantize(&f.net, 1, 0, 0, true, &f.q);
    assert_floats(f.q.real, levels, 6);
    lb_weights_relax(&f.net, 1, &f.q);
    assert_floats(f.q.real, mixed, 6);
    release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales_per_filter_and_per_layer),
        cmocka_unit_test(test_two_scales),
        cmocka_unit_test(test_float_layers),
        cmocka_unit_test(test_preparing),
        cmocka_unit_test(test_quantized_decay),
        cmocka_unit_test(test_learned_scales),
        cmocka_unit_test(test_chance),
        cmocka_unit_test(test_relaxed_weights),
        cmocka_unit_test(test_threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
