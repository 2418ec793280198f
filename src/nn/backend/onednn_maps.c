/* Operations that move values between maps: images in, pools, concat, subsample, flatten; the random bits of
 * dropout; gradients of learned activation quantizers, which see a sample in the order c, h, w. */
#include <math.h>
#include <string.h>

#include "nn/backend/onednn.h"

enum { TILE = 16 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* (c, pixels) <-> (pixels, c), tile by tile: pixels a power of two apart share few lines of the cache. */
static void transpose(size_t rows, size_t columns, const float *from, float *to)
{
    for (size_t first = 0; first < rows; first += TILE) {
        const size_t end = smaller(first + TILE, rows);
        for (size_t c = 0; c < columns; c++) {
            for (size_t r = first; r < end; r++) to[c * rows + r] = from[r * columns + c];
        }
    }
}

static void subsample(const lb_executor *e, int node, const float *x, float *y)
{
    const lb_node *n = &e->net->nodes[node];
    const lb_shape in = e->net->nodes[n->in[0]].shape, out = n->shape;
    const size_t stride = n->as.subsample.stride;
    for (size_t oy = 0; oy < out.h; oy++) {
        for (size_t ox = 0; ox < out.w; ox++) {
            float *to = y + (oy * out.w + ox) * out.c;
            memcpy(to, x + (oy * stride * in.w + ox * stride) * in.c, in.c * sizeof *y);
            memset(to + in.c, 0, (out.c - in.c) * sizeof *y);
        }
    }
}

static void subsample_backward(const lb_executor *e, int node, const float *dy, float *dx)
{
    const lb_node *n = &e->net->nodes[node];
    const lb_shape in = e->net->nodes[n->in[0]].shape, out = n->shape;
    const size_t stride = n->as.subsample.stride;
    memset(dx, 0, lb_values_of(in) * sizeof *dx);
    for (size_t oy = 0; oy < out.h; oy++) {
        for (size_t ox = 0; ox < out.w; ox++) {
            memcpy(dx + (oy * stride * in.w + ox * stride) * in.c, dy + (oy * out.w + ox) * out.c,
                   in.c * sizeof *dx);
        }
    }
}

static void concat(const lb_executor *e, int node, const float *a, const float *b, float *y)
{
    const lb_node *n = &e->net->nodes[node];
    const size_t ca = e->net->nodes[n->in[0]].shape.c, cb = n->shape.c - ca;
    for (size_t p = 0; p < n->shape.h * n->shape.w; p++) {
        memcpy(y + p * n->shape.c, a + p * ca, ca * sizeof *y);
        memcpy(y + p * n->shape.c + ca, b + p * cb, cb * sizeof *y);
    }
}

static void concat_backward(const lb_executor *e, int node, int part, const float *dy, float *dx)
{
    const lb_node *n = &e->net->nodes[node];
    const size_t ca = e->net->nodes[n->in[0]].shape.c;
    const size_t c = part == 0 ? ca : n->shape.c - ca, from = part == 0 ? 0 : ca;
    for (size_t p = 0; p < n->shape.h * n->shape.w; p++) {
        memcpy(dx + p * c, dy + p * n->shape.c + from, c * sizeof *dx);
    }
}

/* The draw of an element is numbered by its place in (n, c, h, w). */
static void dropout_bits(const lb_executor *e, int node, size_t image, uint8_t *bits)
{
    const lb_value *v = &e->values[node];
    const size_t pixels = v->map.h * v->map.w, values = v->map.c * pixels;
    lb_random random = lb_random_at(e->options.seed, LB_RANDOM_DROPOUT, e->step, (uint64_t)node);
    random.counter += image * values;
    memset(bits, 0, lb_cell_bytes(LB_CELL_BIT, values));
    for (size_t c = 0; c < v->map.c; c++) {
        for (size_t p = 0; p < pixels; p++) {
            const size_t i = p * v->map.c + c;
            const bool kept = lb_random_uniform(&random) >= e->net->nodes[node].as.dropout.p;
            bits[i / 8] = (uint8_t)(bits[i / 8] | (unsigned)kept << (i % 8));
        }
    }
}

static void learned(lb_executor *e, const lb_operation *op, const lb_range *r, size_t image,
                    const float *x, const float *g)
{
    const lb_quantize *q = &e->net->nodes[op->node].as.quantize;
    const lb_shape s = e->values[op->node].map;
    const size_t values = lb_values_of(s);
    float *ordered = e->values[op->node].learned_order + (size_t)r->thread * 2 * values;
    transpose(s.h * s.w, s.c, x, ordered);
    transpose(s.h * s.w, s.c, g, ordered + values);
    e->values[op->node].learned_partial[image] = (double)q->quantizer->backward_learned(
        &q->setting, e->net->params[q->learned].value, ordered, ordered + values, values);
}

/* Draws are numbered by the element's place in (n, c, h, w). */
static void quantize_gradient(const lb_executor *e, int node, size_t image, const float *g,
                              float *out)
{
    const lb_value *v = &e->values[node];
    const size_t pixels = v->map.h * v->map.w, values = v->map.c * pixels;
    lb_random random = lb_random_at(e->options.seed, LB_RANDOM_GRADIENT, e->step, (uint64_t)node);
    random.counter += image * values;
    float largest = 0.0f;
    for (size_t i = 0; i < values; i++) largest = fmaxf(largest, fabsf(g[i]));
    for (size_t c = 0; c < v->map.c; c++) {
        for (size_t p = 0; p < pixels; p++) {
            const size_t i = p * v->map.c + c;
            out[i] = lb_gradient_quantize(e->options.gradient_bits, largest, g[i],
                                          lb_random_uniform(&random));
        }
    }
}

static void transpose_bytes(size_t rows, size_t columns, const uint8_t *from, uint8_t *to)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
    }
}

/* A linear layer's input, h, w, c -> c, h, w. */
static void to_vector(const lb_executor *e, const lb_operation *op, lb_shape s, const void *x,
                      void *y)
{
    if (e->buffers[op->in[0]].cell == LB_CELL_F32)
        transpose(s.h * s.w, s.c, x, y);
    else
        transpose_bytes(s.h * s.w, s.c, x, y);
}

static void run_image(lb_executor *e, const lb_operation *op, const lb_range *r, size_t i)
{
    const lb_pass_kernels *k = e->kernels;
    const lb_node *n = &e->net->nodes[op->node];
    const bool moving_back =
        op->kind == LB_OPERATION_POOL_BACKWARD || op->kind == LB_OPERATION_CONCAT_BACKWARD ||
        op->kind == LB_OPERATION_SUBSAMPLE_BACKWARD || op->kind == LB_OPERATION_FLATTEN_BACKWARD;
    const void *x = op->in[0] >= 0 ? lb_buffer_at(e, op->in[0], r, i) : NULL;
    const void *x1 = op->in[1] >= 0 && !moving_back ? lb_buffer_at(e, op->in[1], r, i) : NULL;
    void *y = op->out >= 0 ? lb_buffer_at(e, op->out, r, i) : NULL;
    void *aux = op->aux >= 0 ? lb_buffer_at(e, op->aux, r, i) : NULL;
    const lb_shape in = n->n_in > 0 ? e->net->nodes[n->in[0]].shape : n->shape;
    switch (op->kind) {
    case LB_OPERATION_IMPORT:
        transpose(in.c, in.h * in.w, e->images + i * lb_values_of(in), y);
        break;
    case LB_OPERATION_POOL:
        if (n->op == LB_OP_MAX_POOL)
            k->max_pool(&op->pool, x, y, aux);
        else
            k->average_pool(&op->pool, x, y);
        break;
    case LB_OPERATION_POOL_BACKWARD:
        if (n->op == LB_OP_MAX_POOL)
            k->max_pool_backward(&op->pool, x, aux, y);
        else
            k->average_pool_backward(&op->pool, x, y);
        break;
    case LB_OPERATION_CONCAT: concat(e, op->node, x, x1, y); break;
    case LB_OPERATION_CONCAT_BACKWARD: concat_backward(e, op->node, op->in[1], x, y); break;
    case LB_OPERATION_SUBSAMPLE: subsample(e, op->node, x, y); break;
    case LB_OPERATION_SUBSAMPLE_BACKWARD: subsample_backward(e, op->node, x, y); break;
    case LB_OPERATION_FLATTEN: transpose(in.h * in.w, in.c, x, y); break;
    case LB_OPERATION_FLATTEN_BACKWARD: transpose(in.c, in.h * in.w, x, y); break;
    case LB_OPERATION_VECTOR:
        to_vector(e, op, e->values[lb_source(e, op->node, 0)].map, x, y);
        break;
    case LB_OPERATION_VECTOR_BACKWARD: {
        const lb_shape s = e->values[lb_source(e, op->node, 0)].map;
        transpose(s.c, s.h * s.w, x, y);
        break;
    }
    case LB_OPERATION_DROPOUT_BITS: dropout_bits(e, op->node, i, y); break;
    case LB_OPERATION_QUANTIZE_GRADIENT: quantize_gradient(e, op->node, i, x, y); break;
    case LB_OPERATION_LEARNED: learned(e, op, r, i, x, x1); break;
    default: break;
    }
}

void lb_maps_run(lb_executor *e, const lb_operation *op, const lb_range *r)
{
    for (size_t i = r->first; i < r->first + r->count; i++) run_image(e, op, r, i);
}
