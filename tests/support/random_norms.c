#include "support/random_norms.h"

#include <math.h>
#include <stdlib.h>

#include "base/cpu.h"
#include "nn/evaluate.h"

static bool chance(lb_random *r, uint64_t percent)
{
    return lb_random_below(r, 100) < percent;
}

static float draw_gain(lb_random *r, bool huge)
{
    const float x = lb_random_normal(r);
    if (chance(r, 6)) return 0.0f;
    if (!huge) return x;
    switch (lb_random_below(r, 8)) {
    case 0: return x * 1e-30f;
    case 1: return x * 1e-6f;
    case 2: return x * 1e6f;
    case 3: return x * 1e30f;
    case 4: return chance(r, 50) ? 1.0f : -1.0f;
    default: return x;
    }
}

static float draw_shift(lb_random *r, bool huge)
{
    const float x = 0.5f * lb_random_normal(r);
    if (chance(r, 15)) return 0.0f;
    if (!huge) return x;
    return chance(r, 20) ? x * (chance(r, 50) ? 1e3f : 1e-30f) : x;
}

static void draw_affine(lb_net *net, const lb_batch_norm *norm, lb_random *r, bool huge)
{
    for (size_t c = 0; norm->gamma >= 0 && c < net->params[norm->gamma].count; c++) {
        net->params[norm->gamma].value[c] = draw_gain(r, huge);
        net->params[norm->beta].value[c] = draw_shift(r, huge);
    }
}

/* Mean and deviation of channel c of n maps x; of all channels where that would be a few values only. */
static void measure(lb_shape s, size_t n, const float *x, size_t c, double *mean, double *deviation)
{
    const size_t pixels = s.h * s.w, image = s.c * pixels;
    const bool all = n * pixels < 8;
    double sum = 0.0, squares = 0.0, count = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = all ? 0 : c * pixels; k < (all ? image : (c + 1) * pixels); k++) {
            const double v = (double)x[i * image + k];
            sum += v;
            squares += v * v;
            count += 1.0;
        }
    *mean = sum / count;
    *deviation = sqrt(fabs(squares / count - *mean * *mean));
}

/* x: the maps before the batch-norm. */
static void draw_statistics(lb_net *net, const lb_node *node, size_t n, const float *x,
                            lb_random *r)
{
    float *mean = net->params[node->as.norm.mean].value;
    float *variance = net->params[node->as.norm.variance].value;
    const bool fits = chance(r, 85);
    for (size_t c = 0; c < node->shape.c; c++) {
        double m = 0.0, deviation = 1.0;
        if (fits) measure(node->shape, n, x, c, &m, &deviation);
        const double spread = 0.3 + (double)lb_random_uniform(r);
        mean[c] = (float)(m + 0.4 * (double)lb_random_normal(r) * deviation);
        variance[c] = (float)(deviation * deviation * spread);
        /* magnitudes without end come from huge gains before; mean times gain must stay finite */
        if (fabsf(mean[c]) < 1e4f && variance[c] < 1e30f && !chance(r, 2)) continue;
        mean[c] = 0.0f;
        variance[c] = chance(r, 50) ? 0.0f : 1.0f;
    }
}

static void *zeroed(size_t n)
{
    void *block = calloc(n, sizeof(float));
    lb_assert(block != NULL);
    return block;
}

void lb_random_learned_acts(lb_net *net, lb_random *r)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        if (node->op != LB_OP_QUANTIZE || node->as.quantize.learned < 0) continue;
        net->params[node->as.quantize.learned].value[0] = 0.01f + lb_random_uniform(r);
    }
}

void lb_random_norms(lb_net *net, lb_random *r, size_t samples, bool huge)
{
    const lb_evaluator_options options = {
        .batch = samples, .threads = 1, .keep_maps = true, .isa = lb_cpu_isa()};
    const size_t floats = samples * lb_shape_count(net->input);
    float *images = zeroed(floats), *logits = zeroed(samples * net->classes);
    lb_evaluator *e = NULL;
    const lb_status status = lb_evaluator_create(net, &options, &e);
    lb_assert(status == LB_OK);
    for (size_t i = 0; i < floats; i++)
        images[i] = net->raw_input ? ((float)lb_random_below(r, 256) - 128.0f) / 128.0f
                                   : lb_random_normal(r);
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        if (node->op != LB_OP_BATCH_NORM) continue;
        float *x = zeroed(samples * lb_shape_count(node->shape));
        lb_evaluator_freeze(e); /* with the batch-norms before this one as they were drawn */
        lb_evaluator_run(e, images, samples, logits);
        (void)lb_evaluator_copy_map(e, node->in[0], x);
        draw_affine(net, &node->as.norm, r, huge);
        draw_statistics(net, node, samples, x, r);
        free(x);
    }
    lb_evaluator_destroy(e);
    free(images);
    free(logits);
}
