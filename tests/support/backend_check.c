#include "support/backend_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "quant/method.h"
#include "support/support.h"

lb_weight_choice lb_backend_weights(const char *name, int bits, lb_granularity granularity)
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

int lb_backend_quantize(lb_net *net, const char *name, int in, const char *quantizer, int bits)
{
    const lb_act_quantizer *q = lb_act_quantizer_find(quantizer);
    assert_non_null(q);
    lb_act_setting setting = {.bits = bits};
    for (int i = 0; q->options && q->options[i].name; i++)
        setting.options[i] = q->options[i].standard;
    return lb_net_quantize(net, name, in, q, &setting);
}

void lb_backend_start(lb_net *net, size_t c, size_t h, size_t w)
{
    lb_net_init(net);
    lb_net_input(net, (lb_shape){c, h, w}, false);
}

void lb_backend_fill(size_t n, float *x, uint64_t seed)
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

char lb_backend_difference[256];

bool lb_backend_near(const char *what, const char *name, size_t n, const float *got,
                     const float *want, double relative, double absolute)
{
    double difference = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)got[i] - (double)want[i];
        difference += d * d;
    }
    const double bound = relative * norm_of(n, want) + absolute;
    if (sqrt(difference) <= bound) return true;
    snprintf(lb_backend_difference, sizeof lb_backend_difference,
             "%s of '%s': differs by %g (first: %g, wanted %g), wanted at most %g", what, name,
             sqrt(difference), (double)got[0], (double)want[0], bound);
    return false;
}

void lb_backend_prepare(lb_net_builder *build, lb_loss loss, lb_net *net)
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

void lb_backend_step(const char *backend, lb_net *net, size_t batch, int threads, uint64_t seed,
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
        lb_backend_fill(batch * values, images, 10 * seed + s);
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
        if (w->grad && !lb_backend_near("gradient", w->name, w->count, g->grad, w->grad,
                                        wide * 4e-5, 1e-6 * largest)) {
            return false;
        }
        if (!lb_backend_near("value", w->name, w->count, g->value, w->value, factor * 2e-5, 1e-6))
            return false;
    }
    return true;
}

/* Both back ends, the same net, the same two steps. */
static bool agrees_on(lb_net_builder *build, lb_loss loss, size_t batch, int threads, double factor,
                      uint64_t seed)
{
    lb_net fast, plain;
    lb_step_result got, want;
    lb_backend_prepare(build, loss, &fast);
    lb_backend_prepare(build, loss, &plain);
    lb_backend_step("onednn", &fast, batch, threads, seed, &got);
    lb_backend_step("reference", &plain, batch, 1, seed, &want);
    bool agree = fabs(got.loss - want.loss) <= factor * 2e-5 * fabs(want.loss) &&
                 got.correct == want.correct;
    if (!agree) {
        snprintf(lb_backend_difference, sizeof lb_backend_difference,
                 "loss %.9g, wanted %.9g; %zu correct, wanted %zu", got.loss, want.loss,
                 got.correct, want.correct);
    }
    agree = agree && nets_agree(&fast, &plain, factor);
    lb_net_release(&fast);
    lb_net_release(&plain);
    return agree;
}

void lb_backends_agree_within(lb_net_builder *build, lb_loss loss, size_t batch, int threads,
                              double factor)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        if (agrees_on(build, loss, batch, threads, factor, seed)) return;
    }
    fail_msg("batch %zu, %d threads: %s", batch, threads, lb_backend_difference);
}

void lb_backends_agree(lb_net_builder *build, lb_loss loss, size_t batch, int threads)
{
    lb_backends_agree_within(build, loss, batch, threads, 1.0);
}
