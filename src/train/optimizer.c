/* Optimizers: one pass over memory that updates moments and weights, decays and clips; the
 * equations stand in the header. Every element is its own computation, so threads cannot change
 * the result. */
#include "train/optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/compiler.h"

/* The complements are constants too: 1.0f - 0.999f is off by 1e-5 of itself. */
static const float beta2 = 0.999f, one_less_beta1 = 0.1f, one_less_beta2 = 0.001f, adam_eps = 1e-8f;
static const float least_learned = 1e-6f;

enum { CHUNK = 16384 }; /* 64 KiB of each array: four of them fit a core's L2 */

/* What all elements of a chunk share. */
typedef struct update {
    float lr, decay, momentum;
    float second_correction; /* Adam: sqrt(1 - 0.999^t); lr holds lr / (1 - 0.9^t) */
    float low, high;         /* range of the parameter after the step */
} update;

/* Neither comparison holds for NaN, which stays. */
static inline float clip(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

LB_VECTORIZED static void adam(const update *u, size_t n, float *restrict w,
                               const float *restrict grad, float *restrict m, float *restrict v)
{
    const update k = *u;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + k.decay * w[i];
        const float m_i = m[i] + (g - m[i]) * one_less_beta1; /* PyTorch's lerp */
        const float v_i = v[i] * beta2 + one_less_beta2 * g * g;
        m[i] = m_i;
        v[i] = v_i;
        const float step = m_i / (sqrtf(v_i) / k.second_correction + adam_eps);
        w[i] = clip(w[i] - k.lr * step, k.low, k.high);
    }
}

LB_VECTORIZED static void sgd(const update *u, size_t n, float *restrict w,
                              const float *restrict grad)
{
    const update k = *u;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + k.decay * w[i];
        w[i] = clip(w[i] - k.lr * g, k.low, k.high);
    }
}

LB_VECTORIZED static void sgd_momentum(const update *u, size_t n, float *restrict w,
                                       const float *restrict grad, float *restrict m)
{
    const update k = *u;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + k.decay * w[i];
        m[i] = k.momentum * m[i] + g;
        w[i] = clip(w[i] - k.lr * m[i], k.low, k.high);
    }
}

LB_VECTORIZED static void sgd_nesterov(const update *u, size_t n, float *restrict w,
                                       const float *restrict grad, float *restrict m)
{
    const update k = *u;
    for (size_t i = 0; i < n; i++) {
        const float g = grad[i] + k.decay * w[i];
        m[i] = k.momentum * m[i] + g;
        w[i] = clip(w[i] - k.lr * (g + k.momentum * m[i]), k.low, k.high);
    }
}

const char *lb_optimizer_moment_name(const lb_optimizer *o, size_t k)
{
    if (o->options.kind == LB_OPTIMIZER_SGD) return "momentum";
    return k == 0 ? "m" : "v";
}

static size_t count_chunks(const lb_net *net)
{
    size_t n = 0;
    for (size_t p = 0; p < net->n_params; p++) {
        if (net->params[p].grad != NULL) n += (net->params[p].count + CHUNK - 1) / CHUNK;
    }
    return n;
}

static void fill_chunks(lb_optimizer *o)
{
    for (size_t p = 0; p < o->net->n_params; p++) {
        const lb_param *param = &o->net->params[p];
        if (param->grad == NULL) continue;
        for (size_t first = 0; first < param->count; first += CHUNK) {
            const size_t left = param->count - first;
            o->chunks[o->n_chunks++] = (lb_optimizer_chunk){
                .param = p, .first = first, .count = left < CHUNK ? left : CHUNK};
        }
    }
}

lb_status lb_optimizer_init(lb_optimizer *out, lb_net *net, const lb_optimizer_options *options)
{
    *out = (lb_optimizer){.options = *options, .net = net, .n_moments = 2};
    if (options->kind == LB_OPTIMIZER_SGD) out->n_moments = options->momentum != 0.0f ? 1 : 0;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&out->arena, net->n_params, sizeof *out->moments, "optimizer", &block));
    out->moments = block;
    for (size_t p = 0; p < net->n_params; p++) {
        if (net->params[p].grad == NULL) continue;
        for (size_t k = 0; k < out->n_moments; k++) {
            LB_TRY(lb_arena_alloc(&out->arena, net->params[p].count, sizeof(float), "optimizer",
                                  &block));
            out->moments[p].value[k] = block;
        }
    }
    LB_TRY(
        lb_arena_alloc(&out->arena, count_chunks(net), sizeof *out->chunks, "optimizer", &block));
    out->chunks = block;
    fill_chunks(out);
    return LB_OK;
}

void lb_optimizer_reset(lb_optimizer *o)
{
    for (size_t p = 0; p < o->net->n_params; p++) {
        for (size_t k = 0; k < o->n_moments && o->net->params[p].grad != NULL; k++)
            memset(o->moments[p].value[k], 0, o->net->params[p].count * sizeof(float));
    }
}

void lb_optimizer_release(lb_optimizer *o)
{
    lb_arena_release(&o->arena);
    *o = (lb_optimizer){0};
}

/* The range a parameter is held in. */
static void range_of(const lb_net *net, const lb_param *param, update *u)
{
    u->low = -INFINITY;
    u->high = INFINITY;
    if (param->role == LB_PARAM_LEARNED) u->low = least_learned;
    if (param->role != LB_PARAM_WEIGHT) return;
    const lb_node *node = &net->nodes[param->node];
    if (node->op != LB_OP_CONV && node->op != LB_OP_LINEAR) return;
    const lb_weight_quantizer *quantizer = node->as.conv.quantizer;
    if (quantizer == NULL || quantizer->clip == 0.0f) return;
    u->low = -quantizer->clip;
    u->high = quantizer->clip;
}

static float decay_of(const lb_optimizer *o, const lb_param *param)
{
    if (param->role == LB_PARAM_WEIGHT) return o->options.weight_decay;
    const lb_node *node = &o->net->nodes[param->node];
    if (param->role != LB_PARAM_LEARNED || node->op != LB_OP_QUANTIZE) return 0.0f;
    const lb_quantize *q = &node->as.quantize;
    return q->quantizer->learned_decay ? q->quantizer->learned_decay(&q->setting) : 0.0f;
}

static void update_all(const lb_optimizer *o, const update *shared, const lb_optimizer_chunk *chunk)
{
    const lb_param *param = &o->net->params[chunk->param];
    update u = *shared;
    u.decay = decay_of(o, param);
    range_of(o->net, param, &u);
    float *w = param->value + chunk->first;
    const float *g = param->grad + chunk->first;
    float *m[LB_MAX_MOMENTS] = {NULL, NULL};
    for (size_t k = 0; k < o->n_moments; k++)
        m[k] = o->moments[chunk->param].value[k] + chunk->first;

    if (o->options.kind == LB_OPTIMIZER_ADAM)
        adam(&u, chunk->count, w, g, m[0], m[1]);
    else if (o->n_moments == 0)
        sgd(&u, chunk->count, w, g);
    else if (o->options.nesterov)
        sgd_nesterov(&u, chunk->count, w, g, m[0]);
    else
        sgd_momentum(&u, chunk->count, w, g, m[0]);
}

/* Take back what is held: w[i] = kept[i] there. No branch: with rpr, held is random. */
static void hold(const uint8_t *held, size_t n, const float *restrict kept, float *restrict w)
{
    for (size_t i = 0; i < n; i++) {
        const float stepped = w[i], held_back = kept[i];
        w[i] = held[i] ? held_back : stepped;
    }
}

static void update_chunk(const lb_optimizer *o, const update *shared,
                         const lb_optimizer_chunk *chunk)
{
    const lb_param *param = &o->net->params[chunk->param];
    if (param->held == NULL) {
        update_all(o, shared, chunk);
        return;
    }
    static const float zeros[CHUNK];
    const uint8_t *held = param->held + chunk->first;
    float before[CHUNK], *w = param->value + chunk->first;
    memcpy(before, w, chunk->count * sizeof *w);
    update_all(o, shared, chunk);
    hold(held, chunk->count, before, w);
    for (size_t k = 0; k < o->n_moments; k++)
        hold(held, chunk->count, zeros, o->moments[chunk->param].value[k] + chunk->first);
}

void lb_optimizer_step(lb_optimizer *o, double lr, uint64_t t)
{
    update u = {.lr = (float)lr, .momentum = o->options.momentum};
    if (o->options.kind == LB_OPTIMIZER_ADAM) {
        const double n = (double)t;
        u.lr = (float)(lr / (1.0 - pow((double)0.9, n)));
        u.second_correction = (float)sqrt(1.0 - pow((double)0.999, n));
    }
    const ptrdiff_t n_chunks = (ptrdiff_t)o->n_chunks;
#pragma omp parallel for schedule(static)
    for (ptrdiff_t i = 0; i < n_chunks; i++) update_chunk(o, &u, &o->chunks[i]);
}
