#include "support/freeze_check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "nn/evaluate.h"
#include "support/plain_intnet.h"

typedef struct comparison {
    lb_net *net;
    const lb_intnet *frozen;
    lb_evaluator *evaluator;
    size_t n;
    float *
        *want; /* [layers]: the training network's maps of all images, NULL: nothing to compare */
    lb_freeze_comparison *out;
} comparison;

static void *block(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    lb_assert(p != NULL);
    return p;
}

static void read_maps(comparison *c)
{
    c->want = block(c->frozen->n_layers, sizeof *c->want);
    for (size_t i = 0; i < c->frozen->n_layers; i++) {
        const lb_int_layer *l = &c->frozen->layers[i];
        if (l->equals[0] == '\0') continue;
        const int node = lb_net_find_node(c->net, l->equals);
        lb_assert(node >= 0);
        lb_assert(lb_shape_count(c->net->nodes[node].shape) == lb_shape_count(l->map.shape));
        c->want[i] = block(c->n * lb_shape_count(l->map.shape), sizeof(float));
        lb_assert(lb_evaluator_copy_map(c->evaluator, node, c->want[i]));
    }
}

/* false: stop with this image. */
static bool compare_map(const comparison *c, size_t image, size_t layer, const float *got)
{
    const lb_int_layer *l = &c->frozen->layers[layer];
    const size_t n = lb_shape_count(l->map.shape);
    const float *want = c->want[layer] + image * n;
    lb_freeze_comparison *out = c->out;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(want[i])) {
            out->not_finite++;
            return false;
        }
        if (got[i] == want[i]) continue;
        const size_t plane = l->map.shape.h * l->map.shape.w;
        (void)snprintf(
            out->difference, sizeof out->difference,
            "layer %zu '%s' (node '%s'), image %zu, channel %zu, pixel %zu: %a, wanted %a", layer,
            l->name, l->equals, image, i / plane, i % plane, (double)got[i], (double)want[i]);
        return false;
    }
    out->layers++;
    out->values += n;
    return true;
}

static void compare_image(const comparison *c, size_t image, const float *pixels)
{
    lb_plain_maps maps;
    lb_plain_run(c->frozen, pixels, &maps);
    for (size_t i = 0; i < c->frozen->n_layers; i++)
        if (c->want[i] && !compare_map(c, image, i, maps.value[i])) break;
    lb_plain_release(&maps);
}

void lb_test_compare_frozen(lb_net *net, const lb_intnet *frozen, const float *images, size_t n,
                            lb_freeze_comparison *out)
{
    comparison c = {.net = net, .frozen = frozen, .n = n, .out = out};
    const lb_evaluator_options options = {
        .batch = n, .threads = 1, .keep_maps = true, .isa = lb_cpu_isa()};
    float *logits = block(n * net->classes, sizeof *logits);
    *out = (lb_freeze_comparison){0};
    const lb_status status = lb_evaluator_create(net, &options, &c.evaluator);
    lb_assert(status == LB_OK);
    lb_evaluator_freeze(c.evaluator);
    lb_evaluator_run(c.evaluator, images, n, logits);
    read_maps(&c);
    for (size_t i = 0; i < n && out->difference[0] == '\0'; i++)
        compare_image(&c, i, images + i * lb_shape_count(net->input));
    for (size_t i = 0; i < frozen->n_layers; i++) free(c.want[i]);
    free(c.want);
    free(logits);
    lb_evaluator_destroy(c.evaluator);
}
