/* Optimizers against PyTorch's, and what lowbit adds: decay on weights only, clipping, the floor
 * of learned scales. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "quant/method.h"
#include "support/golden.h"
#include "support/support.h"
#include "train/optimizer.h"

enum { STEPS = 12, COUNT = 64 };

/* float32 against double: at most 6 roundings a step, each 2^-24 of the largest weight, over 12
 * steps */
static const double rounding = 6.0 * STEPS * 0x1p-24;

/* A linear layer of `inputs` weights and a bias, one output. */
static void build(lb_net *net, size_t inputs, const lb_weight_choice *weights)
{
    lb_net_init(net);
    const int in = lb_net_input(net, (lb_shape){.c = inputs, .h = 1, .w = 1}, false);
    lb_net_linear(net, "layer", in, 1, true, weights);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
}

static lb_param *param_of(lb_net *net, const char *name)
{
    const int p = lb_net_find_param(net, name);
    assert_true(p >= 0);
    return &net->params[p];
}

static void check_golden(const char *name, lb_optimizer_options options)
{
    lb_golden golden = lb_golden_read("tests/train/golden/optimizers.txt");
    lb_net net;
    build(&net, COUNT, NULL);
    lb_param *w = param_of(&net, "layer.weight");
    memcpy(w->value, lb_golden_at(&golden, "start")->values, COUNT * sizeof(float));
    const float *g = lb_golden_at(&golden, "g")->values;
    lb_optimizer optimizer;
    assert_ok(lb_optimizer_init(&optimizer, &net, &options));
    float history[STEPS * COUNT];
    for (size_t t = 0; t < STEPS; t++) {
        memcpy(w->grad, g + t * COUNT, COUNT * sizeof(float));
        lb_optimizer_step(&optimizer, 0.01 / (1.0 + (double)t), t + 1);
        memcpy(history + t * COUNT, w->value, COUNT * sizeof(float));
    }
    lb_golden_compare(lb_golden_at(&golden, "%s", name), history, STEPS * COUNT, rounding);
    lb_optimizer_release(&optimizer);
    lb_net_release(&net);
    lb_golden_release(&golden);
}

static void sgd_agrees_with_pytorch(void **state)
{
    (void)state;
    check_golden("sgd", (lb_optimizer_options){.kind = LB_OPTIMIZER_SGD});
    check_golden("sgd-decay",
                 (lb_optimizer_options){.kind = LB_OPTIMIZER_SGD, .weight_decay = 0.05f});
    check_golden(
        "sgd-momentum",
        (lb_optimizer_options){.kind = LB_OPTIMIZER_SGD, .momentum = 0.9f, .weight_decay = 0.05f});
    check_golden("sgd-nesterov", (lb_optimizer_options){.kind = LB_OPTIMIZER_SGD,
                                                        .momentum = 0.9f,
                                                        .nesterov = true,
                                                        .weight_decay = 0.05f});
}

static void adam_agrees_with_pytorch(void **state)
{
    (void)state;
    check_golden("adam", (lb_optimizer_options){.kind = LB_OPTIMIZER_ADAM});
    check_golden("adam-decay",
                 (lb_optimizer_options){.kind = LB_OPTIMIZER_ADAM, .weight_decay = 0.05f});
}

/* Held weights and their moments are as if there had been no step; the others do not notice. */
static void held_weights_stay(void **state)
{
    (void)state;
    static const lb_optimizer_options all[] = {
        {.kind = LB_OPTIMIZER_ADAM, .weight_decay = 0.1f},
        {.kind = LB_OPTIMIZER_SGD, .momentum = 0.9f, .weight_decay = 0.1f},
        {.kind = LB_OPTIMIZER_SGD},
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        lb_net nets[2];
        lb_optimizer optimizers[2];
        uint8_t held[COUNT];
        for (size_t i = 0; i < COUNT; i++) held[i] = i % 3 == 1;
        for (int n = 0; n < 2; n++) {
            build(&nets[n], COUNT, NULL);
            lb_param *w = param_of(&nets[n], "layer.weight");
            assert_ok(lb_optimizer_init(&optimizers[n], &nets[n], &all[k]));
            if (n == 1) w->held = held;
            for (size_t i = 0; i < COUNT; i++) w->value[i] = (float)i + 1.0f;
            for (uint64_t t = 1; t <= 3; t++) {
                for (size_t i = 0; i < COUNT; i++) w->grad[i] = 1.0f + (float)i;
                lb_optimizer_step(&optimizers[n], 0.01, t);
            }
        }
        const float *free_w = param_of(&nets[0], "layer.weight")->value;
        const float *held_w = param_of(&nets[1], "layer.weight")->value;
        const size_t p = (size_t)lb_net_find_param(&nets[1], "layer.weight");
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(free_w[i] != (float)i + 1.0f);
            assert_true(held_w[i] == (held[i] ? (float)i + 1.0f : free_w[i]));
            for (size_t m = 0; held[i] && m < optimizers[1].n_moments; m++)
                assert_true(optimizers[1].moments[p].value[m][i] == 0.0f);
        }
        for (int n = 0; n < 2; n++) {
            lb_optimizer_release(&optimizers[n]);
            lb_net_release(&nets[n]);
        }
    }
}

static void decay_reaches_weights_only(void **state)
{
    (void)state;
    lb_net net;
    build(&net, 4, NULL);
    lb_param *w = param_of(&net, "layer.weight"), *b = param_of(&net, "layer.bias");
    w->value[0] = b->value[0] = 1.0f;
    const lb_optimizer_options options = {.kind = LB_OPTIMIZER_SGD, .weight_decay = 0.5f};
    lb_optimizer optimizer;
    assert_ok(lb_optimizer_init(&optimizer, &net, &options));
    lb_optimizer_step(&optimizer, 0.5, 1); /* no gradient: w - 0.5 * 0.5 * w */
    assert_float_equal(w->value[0], 0.75f, 0.0f);
    assert_float_equal(b->value[0], 1.0f, 0.0f);
    lb_optimizer_release(&optimizer);
    lb_net_release(&net);
}

static void masters_are_clipped_and_learned_scales_stay_positive(void **state)
{
    (void)state;
    const lb_optimizer_options options = {.kind = LB_OPTIMIZER_SGD};
    lb_net net;
    lb_optimizer optimizer;
    const lb_weight_choice bc = {.quantizer = lb_weight_quantizer_find("bc"),
                                 .setting = {.bits = 1}};
    build(&net, 3, &bc);
    lb_param *w = param_of(&net, "layer.weight"), *b = param_of(&net, "layer.bias");
    memcpy(w->value, (const float[]){0.9f, -0.9f, 0.5f}, 3 * sizeof(float));
    memcpy(w->grad, (const float[]){-1.0f, 1.0f, 0.25f}, 3 * sizeof(float));
    b->value[0] = 0.0f;
    b->grad[0] = -5.0f;
    assert_ok(lb_optimizer_init(&optimizer, &net, &options));
    lb_optimizer_step(&optimizer, 1.0, 1);
    const float wanted[] = {1.0f, -1.0f, 0.25f};
    for (size_t i = 0; i < 3; i++) assert_float_equal(w->value[i], wanted[i], 0.0f);
    assert_float_equal(b->value[0], 5.0f, 0.0f); /* biases are not clipped */
    lb_optimizer_release(&optimizer);
    lb_net_release(&net);

    const lb_weight_choice ttq = {.quantizer = lb_weight_quantizer_find("ttq"),
                                  .setting = {.bits = 2}};
    build(&net, 3, &ttq);
    lb_param *scales = param_of(&net, "layer.learned");
    scales->value[0] = 1.0f;
    scales->value[1] = 0.5f;
    scales->grad[0] = 2.0f;
    scales->grad[1] = -1.0f;
    assert_ok(lb_optimizer_init(&optimizer, &net, &options));
    lb_optimizer_step(&optimizer, 1.0, 1);
    assert_float_equal(scales->value[0], 1e-6f, 0.0f);
    assert_float_equal(scales->value[1], 1.5f, 0.0f);
    lb_optimizer_release(&optimizer);
    lb_net_release(&net);
}

/* PACT's clip has an L2 factor of its own: a - lr (g + factor a); LSQ's step has none. */
static void learned_values_decay_by_their_quantizer(void **state)
{
    (void)state;
    static const char *const names[] = {"pact", "lsq"};
    const float wanted[] = {4.0f - 0.5f * (1.0f + 0.25f * 4.0f), 4.0f - 0.5f};
    for (size_t k = 0; k < 2; k++) {
        const lb_optimizer_options options = {.kind = LB_OPTIMIZER_SGD, .weight_decay = 0.125f};
        const lb_act_setting setting = {.bits = 2, .options = {6.0f, 0.25f}};
        lb_net net;
        lb_optimizer optimizer;
        lb_net_init(&net);
        int x = lb_net_input(&net, (lb_shape){3, 1, 1}, false);
        x = lb_net_quantize(&net, "quantize", x, lb_act_quantizer_find(names[k]), &setting);
        lb_net_linear(&net, "layer", x, 2, false, NULL);
        assert_ok(lb_net_finish(&net, LB_LOSS_CROSS_ENTROPY));
        lb_param *learned = param_of(&net, "quantize.learned");
        learned->value[0] = 4.0f;
        learned->grad[0] = 1.0f;
        assert_ok(lb_optimizer_init(&optimizer, &net, &options));
        lb_optimizer_step(&optimizer, 0.5, 1);
        assert_float_equal(learned->value[0], wanted[k], 0.0f);
        lb_optimizer_release(&optimizer);
        lb_net_release(&net);
    }
}

static void a_rate_of_zero_moves_nothing_and_nan_is_kept(void **state)
{
    (void)state;
    lb_net net;
    build(&net, 4, NULL);
    lb_param *w = param_of(&net, "layer.weight");
    w->value[0] = 0.3f;
    w->grad[0] = 7.0f;
    const lb_optimizer_options options = {.kind = LB_OPTIMIZER_ADAM};
    lb_optimizer optimizer;
    assert_ok(lb_optimizer_init(&optimizer, &net, &options));
    lb_optimizer_step(&optimizer, 0.0, 1);
    assert_float_equal(w->value[0], 0.3f, 0.0f);
    w->grad[0] = NAN;
    lb_optimizer_step(&optimizer, 0.1, 2);
    assert_true(isnan(w->value[0]));
    lb_optimizer_release(&optimizer);
    lb_net_release(&net);
}

static void threads_do_not_change_the_result(void **state)
{
    (void)state;
    enum { LARGE = 100004, N_STEPS = 3 }; /* several chunks, the last one ragged */
    float *results[2];
    for (int run = 0; run < 2; run++) {
        omp_set_num_threads(run == 0 ? 1 : 4);
        lb_net net;
        build(&net, LARGE, NULL);
        lb_param *w = param_of(&net, "layer.weight");
        const lb_optimizer_options options = {.kind = LB_OPTIMIZER_ADAM, .weight_decay = 0.01f};
        lb_optimizer optimizer;
        assert_ok(lb_optimizer_init(&optimizer, &net, &options));
        for (size_t i = 0; i < LARGE; i++) w->value[i] = (float)(i % 17) - 8.0f;
        for (uint64_t t = 1; t <= N_STEPS; t++) {
            for (size_t i = 0; i < LARGE; i++) w->grad[i] = (float)(i % 13) - 6.0f;
            lb_optimizer_step(&optimizer, 0.01, t);
        }
        results[run] = malloc(LARGE * sizeof(float));
        assert_non_null(results[run]);
        memcpy(results[run], w->value, LARGE * sizeof(float));
        lb_optimizer_release(&optimizer);
        lb_net_release(&net);
    }
    assert_memory_equal(results[0], results[1], LARGE * sizeof(float));
    assert_true(results[0][LARGE - 1] !=
                (float)((LARGE - 1) % 17) - 8.0f); /* the last chunk moved */
    free(results[0]);
    free(results[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgd_agrees_with_pytorch),
        cmocka_unit_test(adam_agrees_with_pytorch),
        cmocka_unit_test(held_weights_stay),
        cmocka_unit_test(decay_reaches_weights_only),
        cmocka_unit_test(masters_are_clipped_and_learned_scales_stay_positive),
        cmocka_unit_test(learned_values_decay_by_their_quantizer),
        cmocka_unit_test(a_rate_of_zero_moves_nothing_and_nan_is_kept),
        cmocka_unit_test(threads_do_not_change_the_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
