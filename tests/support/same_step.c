#include "support/same_step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/support.h"

void lb_test_normals(size_t n, float *x, uint64_t seed)
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

bool lb_test_near(const char *what, const char *name, size_t n, const float *got, const float *want,
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

void lb_test_odd_parameters(lb_net *net)
{
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

void lb_test_steps(const char *backend, lb_net *net, size_t batch, int threads, uint64_t seed,
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
        lb_test_normals(batch * values, images, 10 * seed + s);
        for (size_t i = 0; i < batch; i++) labels[i] = (uint16_t)((i * 7 + s) % net->classes);
        assert_ok(b->train(e, images, labels, s, result));
    }
    free(images);
    free(labels);
    b->destroy(e);
}

static bool nets_agree(const lb_net *fast, const lb_net *plain, lb_step_bounds bounds)
{
    double largest = 0.0;
    for (size_t i = 0; i < plain->n_params; i++) {
        const lb_param *p = &plain->params[i];
        if (p->grad) largest = fmax(largest, norm_of(p->count, p->grad));
    }
    for (size_t i = 0; i < plain->n_params; i++) {
        const lb_param *g = &fast->params[i], *w = &plain->params[i];
        /* a learned scale's gradient is a sum over all weights that cancels */
        const double wide = w->role == LB_PARAM_LEARNED ? 10.0 * bounds.gradient : bounds.gradient;
        if (w->grad && isfinite(bounds.gradient) &&
            !lb_test_near("gradient", w->name, w->count, g->grad, w->grad, wide * 4e-5,
                          bounds.forward * 1e-6 * largest)) {
            return false;
        }
        if (!lb_test_near("value", w->name, w->count, g->value, w->value, bounds.forward * 2e-5,
                          1e-6))
            return false;
    }
    return true;
}

bool lb_test_same_step(lb_net *fast, lb_net *plain, size_t batch, int threads,
                       lb_step_bounds bounds, uint64_t seed)
{
    lb_step_result got, want;
    lb_test_steps("onednn", fast, batch, threads, seed, &got);
    lb_test_steps("reference", plain, batch, 1, seed, &want);
    const bool agree = fabs(got.loss - want.loss) <= bounds.forward * 2e-5 * fabs(want.loss) &&
                       got.correct == want.correct;
    if (!agree) {
        snprintf(difference_found, sizeof difference_found,
                 "loss %.9g, wanted %.9g; %zu correct, wanted %zu", got.loss, want.loss,
                 got.correct, want.correct);
    }
    return agree && nets_agree(fast, plain, bounds);
}

const char *lb_test_step_difference(void)
{
    return difference_found;
}
