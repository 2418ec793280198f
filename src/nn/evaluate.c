/* Evaluation of a whole network: a thread takes a group of images through all nodes in maps of its own,
 * so there is no waiting between layers and a group's maps stay in the cache. Maps have their channels
 * innermost; a quantized map holds codes until a node asks for values. */
#include "nn/evaluate.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "base/compiler.h"
#include "nn/evaluate_layer.h"

enum {
    GROUP = 8
}; /* images a thread takes at a time: a linear layer's weights serve all of them */

/* What evaluation knows of a node. */
typedef struct node_plan {
    size_t floats; /* of one image's map */
    int storage; /* the node whose buffer holds the map: itself, or its input's (flatten, dropout) */
    size_t offset;           /* of the buffer in a thread's maps (or in all maps with keep_maps) */
    bool coded;              /* the map holds codes ... */
    lb_act_map map;          /* ... of this map */
    lb_evaluate_layer layer; /* conv and linear nodes */
    float *a, *b;            /* batch-norm coefficients */
    lb_step step;            /* element-wise nodes */
} node_plan;

struct lb_evaluator {
    lb_net *net;
    lb_evaluator_options options;
    lb_f32_dot_fn *dot;
    lb_arena arena;
    node_plan *plan;
    size_t maps_floats; /* one thread's maps, or everybody's with keep_maps */
    size_t
        scratch_floats; /* one thread's: two value maps, a padded image, pieces, integers, terms */
    size_t largest_map, largest_padded, largest_pixels, largest_terms;
    float *maps, *scratch;
    size_t bytes;
};

/* The state of one thread at work on one group. */
typedef struct task {
    const lb_evaluator *e;
    size_t first, n; /* images of the batch */
    float *maps;
    float *values[2];
    lb_evaluate_scratch scratch;
} task;

/* ---- planning ---- */

static bool passes_codes(lb_op op)
{
    return op == LB_OP_MAX_POOL || op == LB_OP_FLATTEN || op == LB_OP_DROPOUT ||
           op == LB_OP_SUBSAMPLE;
}

/* Learned maps change: read anew at every freeze. */
static void find_codes(lb_evaluator *e)
{
    const lb_net *net = e->net;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        node_plan *p = &e->plan[i];
        const node_plan *in = node->n_in > 0 ? &e->plan[node->in[0]] : NULL;
        p->coded = false;
        if (node->op == LB_OP_INPUT && net->raw_input) {
            p->coded = true;
            p->map = lb_act_raw_pixels();
        } else if (node->op == LB_OP_QUANTIZE) {
            p->coded = true;
            p->map = lb_quantize_map(net, node);
        } else if (passes_codes(node->op) ||
                   (node->op == LB_OP_CONCAT && e->plan[node->in[1]].coded && in->coded &&
                    lb_act_same_codes(&in->map, &e->plan[node->in[1]].map))) {
            p->coded = in->coded;
            p->map = in->map;
        }
    }
}

static size_t map_floats(lb_shape s)
{
    return s.c * s.h * s.w;
}

/* Give each buffer a place; without keep_maps a place is free again after its last reader. */
static lb_status place_maps(lb_evaluator *e)
{
    const lb_net *net = e->net;
    const size_t images = e->options.keep_maps ? e->options.batch : GROUP;
    size_t *last_use = NULL, end = 0;
    LB_TRY(lb_alloc(net->n_nodes, sizeof *last_use, "evaluation plan", (void **)&last_use));
    for (size_t i = 0; i < net->n_nodes; i++)
        for (int k = 0; k < net->nodes[i].n_in; k++)
            last_use[e->plan[net->nodes[i].in[k]].storage] = i;
    last_use[e->plan[net->n_nodes - 1].storage] = net->n_nodes;
    for (size_t i = 0; i < net->n_nodes; i++) {
        node_plan *p = &e->plan[i];
        if (p->storage != (int)i) continue;
        const size_t need = p->floats * images;
        size_t at = 0;
        for (bool moved = true;
             moved && !e->options.keep_maps;) { /* first gap between living buffers */
            moved = false;
            for (size_t j = 0; j < i; j++) {
                const node_plan *q = &e->plan[j];
                const size_t q_end = q->offset + q->floats * images;
                if (q->storage != (int)j || last_use[j] < i || at >= q_end ||
                    at + need <= q->offset)
                    continue;
                at = q_end;
                moved = true;
            }
        }
        if (e->options.keep_maps) at = end;
        p->offset = at;
        if (at + need > end) end = at + need;
    }
    e->maps_floats = end;
    lb_free(last_use);
    return LB_OK;
}

static lb_status plan_nodes(lb_evaluator *e)
{
    lb_net *net = e->net;
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        node_plan *p = &e->plan[i];
        p->floats = map_floats(node->shape);
        p->storage = (int)i;
        if (node->op == LB_OP_FLATTEN || node->op == LB_OP_DROPOUT)
            p->storage = e->plan[node->in[0]].storage;
        if (p->floats > e->largest_map) e->largest_map = p->floats;
        if (node->op == LB_OP_CONV || node->op == LB_OP_LINEAR) {
            LB_TRY(lb_evaluate_layer_create(net, (int)i, &e->arena, &p->layer));
            const size_t pixels = lb_evaluate_layer_pixels(&p->layer, GROUP);
            if (pixels > e->largest_pixels) e->largest_pixels = pixels;
            const size_t terms = lb_evaluate_layer_term_floats(&p->layer, GROUP);
            if (p->layer.padded_floats > e->largest_padded)
                e->largest_padded = p->layer.padded_floats;
            if (terms > e->largest_terms) e->largest_terms = terms;
        } else if (node->op == LB_OP_BATCH_NORM) {
            LB_TRY(lb_arena_alloc(&e->arena, node->shape.c, sizeof(float), "batch-norm",
                                  (void **)&p->a));
            LB_TRY(lb_arena_alloc(&e->arena, node->shape.c, sizeof(float), "batch-norm",
                                  (void **)&p->b));
        }
    }
    return place_maps(e);
}

static lb_status build(lb_evaluator *e)
{
    LB_TRY(lb_arena_alloc(&e->arena, e->net->n_nodes, sizeof *e->plan, "evaluation plan",
                          (void **)&e->plan));
    LB_TRY(plan_nodes(e));
    const size_t threads = (size_t)e->options.threads;
    const size_t sums = e->largest_pixels * LB_F32_DOT_LANES;
    e->scratch_floats =
        2 * GROUP * e->largest_map + e->largest_padded + 2 * sums + e->largest_terms;
    const size_t maps = e->maps_floats * (e->options.keep_maps ? 1 : threads);
    LB_TRY(lb_arena_alloc(&e->arena, maps, sizeof(float), "evaluation maps", (void **)&e->maps));
    LB_TRY(lb_arena_alloc(&e->arena, e->scratch_floats * threads, sizeof(float),
                          "evaluation scratch", (void **)&e->scratch));
    e->bytes = (maps + e->scratch_floats * threads) * sizeof(float);
    return LB_OK;
}

lb_status lb_evaluator_create(lb_net *net, const lb_evaluator_options *options, lb_evaluator **out)
{
    lb_evaluator *e = NULL;
    LB_TRY(lb_alloc(1, sizeof *e, "evaluator", (void **)&e));
    e->net = net;
    e->options = *options;
    e->dot = lb_f32_dot_select(options->isa)->fn;
    const lb_status status = build(e);
    if (status != LB_OK) {
        lb_evaluator_destroy(e);
        return status;
    }
    *out = e;
    return LB_OK;
}

void lb_evaluator_destroy(lb_evaluator *e)
{
    if (!e) return;
    lb_arena_release(&e->arena);
    lb_free(e);
}

static lb_step step_of(const lb_node *node, const node_plan *p)
{
    switch (node->op) {
    case LB_OP_BATCH_NORM: return (lb_step){.kind = LB_STEP_AFFINE, .a = p->a, .b = p->b};
    case LB_OP_RELU: return (lb_step){.kind = LB_STEP_RELU, .slope = node->as.relu.slope};
    case LB_OP_CLIP:
        return (lb_step){
            .kind = LB_STEP_CLIP, .low = node->as.clip.low, .high = node->as.clip.high};
    case LB_OP_QUANTIZE: return (lb_step){.kind = LB_STEP_ENCODE, .encode = p->map};
    default: return (lb_step){.kind = LB_STEP_ADD};
    }
}

void lb_evaluator_freeze(lb_evaluator *e)
{
    find_codes(e);
    for (size_t i = 0; i < e->net->n_nodes; i++) {
        const lb_op op = e->net->nodes[i].op;
        if (op == LB_OP_CONV || op == LB_OP_LINEAR)
            lb_evaluate_layer_freeze(e->net, &e->plan[i].layer);
        if (op == LB_OP_BATCH_NORM)
            lb_batch_norm_coefficients(e->net, (int)i, e->plan[i].a, e->plan[i].b);
        e->plan[i].step = step_of(&e->net->nodes[i], &e->plan[i]);
    }
}

size_t lb_evaluator_memory_bytes(const lb_evaluator *e)
{
    return e->bytes;
}

/* ---- maps ---- */

static float *map_of(const task *t, int node)
{
    const node_plan *p = &t->e->plan[t->e->plan[node].storage];
    return t->maps + p->offset + (t->e->options.keep_maps ? t->first * p->floats : 0);
}

/* The values of a map: itself, or its codes times their scale in scratch `which`. */
static const float *values_of(const task *t, int node, int which)
{
    const node_plan *p = &t->e->plan[node];
    const float *codes = map_of(t, node);
    if (!p->coded || p->map.scale == 1.0f) return codes;
    for (size_t i = 0; i < p->floats * t->n; i++) t->values[which][i] = codes[i] * p->map.scale;
    return t->values[which];
}

/* ---- nodes: y from x, n images, channels innermost ---- */

static void run_input(const task *t, const node_plan *p, lb_shape s, const float *images, float *y)
{
    const size_t pixels = s.h * s.w;
    for (size_t i = 0; i < t->n; i++)
        for (size_t c = 0; c < s.c; c++) {
            const float *plane = images + (i * s.c + c) * pixels;
            float *out = y + i * s.c * pixels + c;
            for (size_t k = 0; k < pixels; k++)
                out[k * s.c] = p->coded ? plane[k] * p->map.multiplier : plane[k];
        }
}

LB_VECTORIZED static void run_pool(const lb_node *node, lb_shape in, bool average, size_t n,
                                   const float *x, float *y)
{
    const lb_window *w = &node->as.pool;
    const lb_shape out = node->shape;
    for (size_t i = 0; i < n; i++, x += in.c * in.h * in.w)
        for (size_t oh = 0; oh < out.h; oh++)
            for (size_t ow = 0; ow < out.w; ow++, y += out.c) {
                size_t taps = 0;
                for (size_t c = 0; c < out.c; c++) y[c] = average ? 0.0f : -INFINITY;
                for (size_t kh = 0; kh < w->kh; kh++)
                    for (size_t kw = 0; kw < w->kw; kw++) {
                        const size_t h = oh * w->stride + kh, v = ow * w->stride + kw;
                        if (h < w->pad_top || v < w->pad_left || h - w->pad_top >= in.h ||
                            v - w->pad_left >= in.w)
                            continue;
                        const float *pixel = x + ((h - w->pad_top) * in.w + v - w->pad_left) * in.c;
                        taps++;
                        if (average)
                            for (size_t c = 0; c < out.c; c++) y[c] = y[c] + pixel[c];
                        else
                            for (size_t c = 0; c < out.c; c++)
                                y[c] = pixel[c] > y[c] ? pixel[c] : y[c];
                    }
                if (average)
                    for (size_t c = 0; c < out.c; c++) y[c] = y[c] / (float)taps;
            }
}

static void run_concat(lb_shape a, lb_shape b, size_t n, const float *x0, const float *x1, float *y)
{
    for (size_t k = 0; k < n * a.h * a.w; k++, y += a.c + b.c) {
        memcpy(y, x0 + k * a.c, a.c * sizeof *y);
        memcpy(y + a.c, x1 + k * b.c, b.c * sizeof *y);
    }
}

static void run_subsample(const lb_node *node, lb_shape in, size_t n, const float *x, float *y)
{
    const lb_shape out = node->shape;
    const size_t stride = node->as.subsample.stride;
    for (size_t i = 0; i < n; i++, x += in.c * in.h * in.w)
        for (size_t h = 0; h < out.h; h++)
            for (size_t w = 0; w < out.w; w++, y += out.c) {
                memcpy(y, x + (h * stride * in.w + w * stride) * in.c, in.c * sizeof *y);
                memset(y + in.c, 0, (out.c - in.c) * sizeof *y);
            }
}

static void run_node(const task *t, int index, const float *images)
{
    const lb_net *net = t->e->net;
    const lb_node *node = &net->nodes[index];
    const node_plan *p = &t->e->plan[index];
    const size_t channels = node->shape.c;
    float *y = map_of(t, index);
    if (node->op == LB_OP_INPUT) {
        run_input(t, p, node->shape, images, y);
        return;
    }
    const lb_shape in = net->nodes[node->in[0]].shape;
    const float *codes = map_of(t, node->in[0]);
    const float *x = p->coded && node->op != LB_OP_QUANTIZE ? codes : NULL;
    if (!x && !((node->op == LB_OP_CONV || node->op == LB_OP_LINEAR) && p->layer.integer))
        x = values_of(t, node->in[0], 0);
    switch (node->op) {
    case LB_OP_CONV:
    case LB_OP_LINEAR:
        lb_evaluate_layer_run(&p->layer, t->e->dot, &t->scratch, t->n, p->layer.integer ? codes : x,
                              y);
        break;
    case LB_OP_ADD:
    case LB_OP_BATCH_NORM:
    case LB_OP_RELU:
    case LB_OP_CLIP:
    case LB_OP_QUANTIZE:
        lb_step_run(&p->step, p->floats / channels * t->n, channels,
                    node->op == LB_OP_ADD ? values_of(t, node->in[1], 1) : NULL, x, y);
        break;
    case LB_OP_MAX_POOL: run_pool(node, in, false, t->n, x, y); break;
    case LB_OP_AVERAGE_POOL: run_pool(node, in, true, t->n, x, y); break;
    case LB_OP_CONCAT:
        run_concat(in, net->nodes[node->in[1]].shape, t->n, x,
                   p->coded ? map_of(t, node->in[1]) : values_of(t, node->in[1], 1), y);
        break;
    case LB_OP_SUBSAMPLE: run_subsample(node, in, t->n, x, y); break;
    case LB_OP_INPUT:
    case LB_OP_FLATTEN:
    case LB_OP_DROPOUT: break; /* the map is the input's */
    }
}

/* ---- running ---- */

static task start_task(const lb_evaluator *e, size_t thread, size_t first, size_t n)
{
    float *scratch = e->scratch + thread * e->scratch_floats;
    float *padded = scratch + 2 * GROUP * e->largest_map;
    float *pieces = padded + e->largest_padded;
    float *integers = pieces + e->largest_pixels * LB_F32_DOT_LANES;
    float *terms = integers + e->largest_pixels * LB_F32_DOT_LANES;
    return (task){.e = e,
                  .first = first,
                  .n = n,
                  .maps = e->maps + (e->options.keep_maps ? 0 : thread * e->maps_floats),
                  .values = {scratch, scratch + GROUP * e->largest_map},
                  .scratch = {padded, pieces, (int32_t *)(void *)integers, terms}};
}

void lb_evaluator_run(lb_evaluator *e, const float *images, size_t n, float *logits)
{
    const lb_net *net = e->net;
    const size_t image_floats = map_floats(net->input), last = net->n_nodes - 1;
    const long groups = (long)((n + GROUP - 1) / GROUP);
#pragma omp parallel for schedule(dynamic, 1) num_threads(e->options.threads)
    for (long g = 0; g < groups; g++) {
        const size_t first = (size_t)g * GROUP, left = n - first;
        const task t =
            start_task(e, (size_t)omp_get_thread_num(), first, left < GROUP ? left : GROUP);
        for (size_t i = 0; i < net->n_nodes; i++)
            run_node(&t, (int)i, images + first * image_floats);
        memcpy(logits + first * net->classes, values_of(&t, (int)last, 0),
               t.n * net->classes * sizeof *logits);
    }
}

bool lb_evaluator_copy_map(const lb_evaluator *e, int node, float *out)
{
    if (!e->options.keep_maps) return false;
    const node_plan *p = &e->plan[node];
    const lb_shape s = e->net->nodes[node].shape;
    const lb_shape stored =
        e->net->nodes[p->storage].shape; /* flatten: (c, h, w) as its input has them */
    const float *map = e->maps + e->plan[p->storage].offset;
    const float scale = p->coded ? p->map.scale : 1.0f;
    for (size_t i = 0; i < e->options.batch; i++)
        for (size_t c = 0; c < stored.c; c++)
            for (size_t k = 0; k < stored.h * stored.w; k++)
                out[i * map_floats(s) + c * stored.h * stored.w + k] =
                    map[i * map_floats(s) + k * stored.c + c] * scale;
    return true;
}
