/* The sensitivity pass, forward: evaluation in plain floats, its sums in oneDNN's order. */
#include <dnnl.h>
#include <string.h>

#include "nn/backend/margins.h"
#include "nn/backend/reference.h"

void lb_margins_multiply(bool a_transposed, bool b_transposed, size_t m, size_t n, size_t k,
                         const float *a, size_t lda, const float *b, size_t ldb, float *c,
                         size_t ldc)
{
    const dnnl_status_t status = dnnl_sgemm(
        a_transposed ? 'T' : 'N', b_transposed ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n,
        (dnnl_dim_t)k, 1.0f, a, (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, 0.0f, c, (dnnl_dim_t)ldc);
    lb_assert(status == dnnl_success);
}

/* One row of columns: the input under a weight's tap. */
static void column(const lb_window *win, lb_shape in, lb_shape out, size_t kh, size_t kw,
                   const float *plane, float *to)
{
    for (size_t oh = 0; oh < out.h; oh++) {
        size_t h = 0, w = 0;
        const bool inside = lb_reference_tap(oh, win->stride, kh, win->pad_top, in.h, &h);
        for (size_t ow = 0; ow < out.w; ow++) {
            const bool there =
                inside && lb_reference_tap(ow, win->stride, kw, win->pad_left, in.w, &w);
            *to++ = there ? plane[h * in.w + w] : 0.0f;
        }
    }
}

void lb_margins_columns(const lb_net *net, const lb_node *node, size_t group, const float *x,
                        float *columns)
{
    const lb_conv *conv = &node->as.conv;
    const lb_shape in = net->nodes[node->in[0]].shape, out = node->shape;
    const size_t channels = conv->in / conv->groups;
    for (size_t i = 0; i < channels; i++) {
        const float *plane = x + (group * channels + i) * in.h * in.w;
        for (size_t kh = 0; kh < conv->window.kh; kh++)
            for (size_t kw = 0; kw < conv->window.kw; kw++, columns += out.h * out.w)
                column(&conv->window, in, out, kh, kw, plane, columns);
    }
}

static void convolve(const lb_sensitivity *s, lb_margins_work *w, int index)
{
    const lb_node *node = &s->net->nodes[index];
    const lb_conv *conv = &node->as.conv;
    const size_t pixels = node->shape.h * node->shape.w, n = lb_node_filter_size(node);
    const size_t filters = conv->out / conv->groups;
    float *y = lb_margins_value(s, w, index);
    for (size_t g = 0; g < conv->groups; g++) {
        lb_margins_columns(s->net, node, g, lb_margins_value(s, w, node->in[0]), w->columns);
        lb_margins_multiply(false, false, filters, pixels, n,
                            s->nodes[index].weights + g * filters * n, n, w->columns, pixels,
                            y + g * filters * pixels, pixels);
    }
    for (size_t o = 0; conv->bias >= 0 && o < conv->out; o++)
        for (size_t p = 0; p < pixels; p++)
            y[o * pixels + p] += s->net->params[conv->bias].value[o];
}

static void normalize(const lb_margins_node *norm, lb_shape shape, const float *x, float *y)
{
    const size_t pixels = shape.h * shape.w;
    for (size_t c = 0; c < shape.c; c++)
        for (size_t p = 0; p < pixels; p++)
            y[c * pixels + p] = x[c * pixels + p] * norm->a[c] + norm->b[c];
}

static void forward(const lb_sensitivity *s, lb_margins_work *w, int index)
{
    const lb_net *net = s->net;
    const lb_node *node = &net->nodes[index];
    const size_t count = lb_shape_count(node->shape);
    const lb_shape in = net->nodes[node->in[0]].shape;
    const float *x = lb_margins_value(s, w, node->in[0]);
    const float *x1 = node->n_in > 1 ? lb_margins_value(s, w, node->in[1]) : NULL;
    float *y = lb_margins_value(s, w, index);
    switch (node->op) {
    case LB_OP_INPUT: break;
    case LB_OP_CONV:
    case LB_OP_LINEAR: convolve(s, w, index); break;
    case LB_OP_BATCH_NORM: normalize(&s->nodes[index], node->shape, x, y); break;
    case LB_OP_RELU: lb_reference_relu(node->as.relu.slope, count, x, y); break;
    case LB_OP_CLIP: lb_reference_clip(node->as.clip.low, node->as.clip.high, count, x, y); break;
    case LB_OP_QUANTIZE: lb_reference_quantize(&s->nodes[index].map, count, x, y); break;
    case LB_OP_MAX_POOL: lb_reference_max_pool(&node->as.pool, 1, in, node->shape, x, y); break;
    case LB_OP_AVERAGE_POOL:
        lb_reference_average_pool(&node->as.pool, 1, in, node->shape, x, y);
        break;
    case LB_OP_ADD:
        for (size_t i = 0; i < count; i++) y[i] = x[i] + x1[i];
        break;
    case LB_OP_CONCAT: lb_reference_concat(1, in, net->nodes[node->in[1]].shape, x, x1, y); break;
    case LB_OP_SUBSAMPLE:
        lb_reference_subsample(node->as.subsample.stride, 1, in, node->shape, x, y);
        break;
    case LB_OP_FLATTEN:
    case LB_OP_DROPOUT: memcpy(y, x, count * sizeof *y); break;
    }
}

void lb_margins_forward(const lb_sensitivity *s, lb_margins_work *w)
{
    for (size_t i = 1; i < s->net->n_nodes; i++) forward(s, w, (int)i);
}
