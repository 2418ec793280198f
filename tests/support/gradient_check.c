#include "support/gradient_check.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "support/support.h"

static const double unit_roundoff = 0x1p-24;

/* One check at work. */
typedef struct checker {
    lb_net *net;
    const lb_backend *backend;
    const lb_gradient_check *check;
    lb_executor *executor;
    float *images;
    uint16_t *labels;
    double noise; /* N of the header */
    size_t compared, standing_out;
} checker;

static float *floats(size_t count)
{
    void *block = NULL;
    assert_ok(lb_alloc(count, sizeof(float), "gradient check", &block));
    return block;
}

static void draw_batch(checker *c)
{
    const size_t pixels = c->check->batch * lb_shape_count(c->net->input);
    lb_random random = lb_random_at(c->check->seed, LB_RANDOM_TEST, 0, 0);
    void *labels = NULL;
    assert_ok(lb_alloc(c->check->batch, sizeof(uint16_t), "labels", &labels));
    c->labels = labels;
    c->images = floats(pixels);
    for (size_t i = 0; i < pixels; i++) {
        c->images[i] = c->check->images ? c->check->images[i] : lb_random_normal(&random);
    }
    for (size_t i = 0; i < c->check->batch; i++) {
        c->labels[i] = (uint16_t)lb_random_below(&random, c->net->classes);
    }
}

static lb_executor *new_executor(const checker *c, const lb_backend *backend)
{
    const lb_executor_options options = {
        .batch = c->check->batch, .threads = 1, .seed = c->check->seed};
    lb_executor *executor = NULL;
    assert_ok(backend->create(c->net, &options, &executor));
    return executor;
}

/* The loss as the parameters and images are now; step 0 each time, so that dropout keeps its
 * mask. */
static double loss_of(checker *c)
{
    lb_step_result result;
    assert_ok(c->backend->train(c->executor, c->images, c->labels, 0, &result));
    return result.loss;
}

/* How far rounding can move the loss, from the reference's maps and gradients. */
static double rounding_noise(const checker *c)
{
    const lb_backend *reference = lb_backend_find("reference");
    lb_executor *executor = new_executor(c, reference);
    lb_step_result result;
    assert_ok(reference->train(executor, c->images, c->labels, 0, &result));
    double sum = 0.0;
    for (size_t i = 1; i < c->net->n_nodes; i++) {
        const size_t count = c->check->batch * lb_shape_count(c->net->nodes[i].shape);
        float *value = floats(count), *grad = floats(count);
        assert_true(reference->copy_map(executor, (int)i, false, value));
        assert_true(reference->copy_map(executor, (int)i, true, grad));
        for (size_t k = 0; k < count; k++) sum += fabs((double)value[k] * (double)grad[k]);
        lb_free(value);
        lb_free(grad);
    }
    reference->destroy(executor);
    return c->check->roundings * unit_roundoff * sum;
}

/* The loss with *p moved by `step`, and how far it really moved. */
static double moved_loss(checker *c, float *p, float step, double *moved)
{
    const float start = *p;
    *p = start + step;
    *moved = (double)*p - (double)start;
    const double loss = loss_of(c);
    *p = start;
    return loss;
}

static void check_one(checker *c, const char *name, size_t i, float *p, double grad, double largest)
{
    const float h = c->check->step;
    double up, down, up2, down2;
    const double l_up = moved_loss(c, p, h, &up), l_down = moved_loss(c, p, -h, &down);
    const double l_up2 = moved_loss(c, p, 2.0f * h, &up2),
                 l_down2 = moved_loss(c, p, -2.0f * h, &down2);
    const double d = (l_up - l_down) / (up - down), d2 = (l_up2 - l_down2) / (up2 - down2);
    const double steps = (double)(c->net->n_nodes + 1) * c->check->roundings;
    double tolerance = c->noise / (double)h + steps * unit_roundoff * largest + fabs(d2 - d);
    if (c->check->kinks) {
        const double l = loss_of(c);
        tolerance += 0.5 * fabs((l_up - l) / up - (l_down - l) / down);
    }
    if (!(fabs(grad - d) <= tolerance)) {
        fail_msg("%s[%zu]: gradient %.9g, difference quotient %.9g, tolerance %.3g", name, i, grad,
                 d, tolerance);
    }
    if (grad == 0.0 && d == 0.0) return; /* nothing depends on it */
    c->compared++;
    c->standing_out += fabs(d) >= 4.0 * tolerance;
}

/* All of one tensor; `grad` is overwritten by later steps, so a copy is compared. */
static void check_tensor(checker *c, const char *name, float *values, const float *grad,
                         size_t count)
{
    float *copy = floats(count);
    memcpy(copy, grad, count * sizeof *copy);
    double largest = 0.0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)copy[i]));
    for (size_t i = 0; i < count; i++) check_one(c, name, i, &values[i], (double)copy[i], largest);
    lb_free(copy);
    (void)loss_of(c); /* the gradients of the unmoved net, for the next tensor */
}

void lb_check_gradient(lb_net *net, const lb_backend *backend, const lb_gradient_check *check)
{
    checker c = {.net = net, .backend = backend, .check = check};
    draw_batch(&c);
    c.noise = rounding_noise(&c);
    c.executor = new_executor(&c, backend);
    (void)loss_of(&c);
    for (size_t i = 0; i < net->n_params; i++) {
        const lb_param *p = &net->params[i];
        if (p->grad) check_tensor(&c, p->name, p->value, p->grad, p->count);
    }
    const size_t pixels = check->batch * lb_shape_count(net->input);
    float *d_images = floats(pixels);
    if (backend->copy_map(c.executor, 0, true, d_images))
        check_tensor(&c, "images", c.images, d_images, pixels);
    assert_true(c.compared > 0);
    if ((double)c.standing_out < check->significant * (double)c.compared) {
        fail_msg("only %zu of %zu gradients stand out of their tolerance (noise %.3g), wanted %g "
                 "of them",
                 c.standing_out, c.compared, c.noise / (double)check->step, check->significant);
    }
    backend->destroy(c.executor);
    lb_free(d_images);
    lb_free(c.images);
    lb_free(c.labels);
}
