/* Learned values of activations start from the first batch, in both back ends.
 * ctest: label tsan */
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "nn/executor.h"
#include "quant/method.h"

enum { BATCH = 12, CLASSES = 4, PIXELS = 3 * 8 * 8 };

static int quantize(lb_net *net, const char *name, int in)
{
    const lb_act_setting setting = {.bits = 3};
    return lb_net_quantize(net, name, in, lb_act_quantizer_find("lsq"), &setting);
}

/* Two quantizers in one region of the fast back end (no batch-norm between them), one behind a
 * batch-norm, one behind a shortcut, one behind a pool and a flatten. */
static void build(lb_net *net)
{
    const lb_weight_choice choice = {lb_weight_quantizer_find("lsq"), {.bits = 4}};
    lb_net_init(net);
    int x = lb_net_input(net, (lb_shape){3, 8, 8}, false);
    x = lb_net_relu(net, "input.relu", x, 1.0f);
    x = quantize(net, "a.quantize", x);
    x = lb_net_conv(net, "a", x, 8, lb_window_square(3, 1, 1), 1, true, &choice);
    x = lb_net_relu(net, "a.relu", x, 1.0f);
    x = quantize(net, "b.quantize", x);
    x = lb_net_conv(net, "b", x, 8, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "b.norm", x, true, 1e-5f, 0.1f);
    const int short_cut = x = lb_net_relu(net, "b.relu", x, 1.0f);
    x = quantize(net, "c.quantize", x);
    x = lb_net_conv(net, "c", x, 8, lb_window_square(3, 1, 1), 1, false, &choice);
    x = lb_net_batch_norm(net, "c.norm", x, true, 1e-5f, 0.1f);
    x = lb_net_relu(net, "sum.relu", lb_net_add(net, "sum", x, short_cut), 1.0f);
    x = lb_net_max_pool(net, "pool", x, lb_window_square(2, 2, 0));
    x = quantize(net, "d.quantize", lb_net_flatten(net, "flatten", x));
    lb_net_linear(net, "d", x, CLASSES, true, &choice);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
    lb_net_initialize(net, LB_INIT_FAN_IN, 3);
}

static void step(const char *name, lb_net *net, int threads)
{
    static float images[BATCH * PIXELS];
    uint16_t labels[BATCH];
    const lb_backend *backend = lb_backend_find(name);
    const lb_executor_options options = {.batch = BATCH, .threads = threads, .seed = 1};
    lb_random random = lb_random_at(2, LB_RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < BATCH * PIXELS; i++) images[i] = lb_random_normal(&random);
    for (size_t i = 0; i < BATCH; i++) labels[i] = (uint16_t)(i % CLASSES);
    lb_executor *e = NULL;
    lb_step_result result;
    assert_ok(backend->create(net, &options, &e));
    assert_ok(backend->train(e, images, labels, 0, &result));
    assert_true(isfinite(result.loss));
    backend->destroy(e);
}

static const char *const learned[] = {"a.quantize.learned", "b.quantize.learned",
                                      "c.quantize.learned", "d.quantize.learned"};
enum { N_LEARNED = sizeof learned / sizeof *learned };

static float *value_of(const lb_net *net, const char *name)
{
    return net->params[lb_net_find_param(net, name)].value;
}

/* The first one from the images alone: 2 mean|x| / sqrt(7) of their positive parts. The others from
 * the maps that the earlier ones made: near in both back ends. */
static void test_values(void **state)
{
    (void)state;
    lb_net plain, fast;
    build(&plain);
    build(&fast);
    for (size_t i = 0; i < N_LEARNED; i++)
        assert_float_equal(value_of(&fast, learned[i])[0], 0.0f, 0.0f);
    step("reference", &plain, 1);
    step("onednn", &fast, 2);
    lb_random random = lb_random_at(2, LB_RANDOM_TEST, 0, 0);
    double sum = 0.0;
    for (size_t i = 0; i < BATCH * PIXELS; i++) sum += fmax(0.0, (double)lb_random_normal(&random));
    const double wanted = 2.0 * sum / (BATCH * PIXELS) / sqrt(7.0);
    assert_float_equal(value_of(&plain, learned[0])[0], wanted, 1e-7);
    for (size_t i = 0; i < N_LEARNED; i++) {
        const float a = value_of(&fast, learned[i])[0], b = value_of(&plain, learned[i])[0];
        if (!(fabsf(a - b) <= 1e-5f * b && b > 0.0f && b != 1.0f))
            fail_msg("%s: %.9g, the reference has %.9g", learned[i], (double)a, (double)b);
    }
    lb_net_release(&plain);
    lb_net_release(&fast);
}

/* A step that starts them leaves what a step leaves that finds them started: gradients, running
 * statistics, and the values themselves. */
static void test_nothing_else_changes(void **state)
{
    (void)state;
    static const char *const backends[] = {"reference", "onednn"};
    for (size_t k = 0; k < 2; k++) {
        lb_net first, later;
        build(&first);
        build(&later);
        step(backends[k], &first, 2);
        for (size_t i = 0; i < N_LEARNED; i++)
            value_of(&later, learned[i])[0] = value_of(&first, learned[i])[0];
        step(backends[k], &later, 2);
        for (size_t p = 0; p < first.n_params; p++) {
            const lb_param *a = &first.params[p], *b = &later.params[p];
            const size_t bytes = a->count * sizeof(float);
            if (memcmp(a->value, b->value, bytes) != 0)
                fail_msg("%s: '%s' differs", backends[k], a->name);
            if (a->grad && memcmp(a->grad, b->grad, bytes) != 0)
                fail_msg("%s: the gradient of '%s' differs", backends[k], a->name);
        }
        lb_net_release(&first);
        lb_net_release(&later);
    }
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    lb_net one, three;
    build(&one);
    build(&three);
    step("onednn", &one, 1);
    step("onednn", &three, 3);
    for (size_t i = 0; i < N_LEARNED; i++)
        assert_memory_equal(value_of(&one, learned[i]), value_of(&three, learned[i]),
                            sizeof(float));
    lb_net_release(&one);
    lb_net_release(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nothing_else_changes),
        cmocka_unit_test(test_threads_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
