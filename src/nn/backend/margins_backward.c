/* The sensitivity pass, backward: gradients of all margins of one image at once.
 *
 * Weights: the gradient of one image's margin is a product of two matrices, gradients (filters x pixels) and columns
 * (pixels x weights of a filter). All classes of all filters are the rows of one product; its squares are added up
 * row by row. Where there is one pixel, the rows are outer products: (sum of squares of x) dy^2. */
#include <math.h>

#include "nn/backend/margins.h"
#include "nn/backend/reference.h"

enum { TILE = 256 };

static double sum_of_squares(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

/* ---- convolutions ---------------------------------------------------------------------------- */

/* Gains of a group's filters; dy: its gradients, rows (filter, class). */
static void add_gains(const lb_sensitivity *s, lb_margins_work *w, size_t filters, size_t pixels,
                      size_t n, const float *dy, double *gains)
{
    const size_t rows = filters * s->classes;
    const double squares = pixels == 1 ? sum_of_squares(w->columns, n) : 0.0;
    for (size_t first = 0; first < rows; first += LB_MARGINS_ROWS) {
        const size_t some = rows - first < LB_MARGINS_ROWS ? rows - first : LB_MARGINS_ROWS;
        if (pixels > 1) {
            lb_margins_multiply(false, true, some, n, pixels, dy + first * pixels, pixels,
                                w->columns, pixels, w->d_weights, n);
        }
        for (size_t r = 0; r < some; r++) {
            const size_t row = first + r;
            const double sum = pixels > 1 ? sum_of_squares(w->d_weights + r * n, n)
                                          : (double)dy[row] * (double)dy[row] * squares;
            gains[row / s->classes] += w->scale[row % s->classes] * sum;
        }
    }
}

/* Adds a row of column gradients to the plane that its tap reads. */
static void put_column(const lb_window *win, lb_shape in, lb_shape out, size_t kh, size_t kw,
                       const float *from, float *plane)
{
    for (size_t oh = 0; oh < out.h; oh++) {
        size_t h = 0, w = 0;
        if (!lb_reference_tap(oh, win->stride, kh, win->pad_top, in.h, &h)) continue;
        for (size_t ow = 0; ow < out.w; ow++) {
            if (!lb_reference_tap(ow, win->stride, kw, win->pad_left, in.w, &w)) continue;
            plane[h * in.w + w] += from[oh * out.w + ow];
        }
    }
}

/* Gradients of one class's columns, to the input of a group; rows of `from` are `row` apart. */
static void put_columns(const lb_sensitivity *s, const lb_node *node, size_t group, size_t k,
                        const float *from, size_t row, float *dx)
{
    const lb_conv *conv = &node->as.conv;
    const lb_shape in = s->net->nodes[node->in[0]].shape;
    const size_t channels = conv->in / conv->groups, plane = in.h * in.w;
    for (size_t i = 0; i < channels; i++) {
        float *to = dx + ((group * channels + i) * s->classes + k) * plane;
        for (size_t kh = 0; kh < conv->window.kh; kh++)
            for (size_t kw = 0; kw < conv->window.kw; kw++, from += row)
                put_column(&conv->window, in, node->shape, kh, kw, from, to);
    }
}

static void back_to_input(const lb_sensitivity *s, lb_margins_work *w, const lb_node *node,
                          size_t group, const float *weights, const float *dy, float *dx)
{
    const lb_conv *conv = &node->as.conv;
    const size_t pixels = node->shape.h * node->shape.w, n = lb_node_filter_size(node);
    const size_t filters = conv->out / conv->groups, between = s->classes * pixels;
    if (pixels == 1) { /* all classes at once: a column has one value a class */
        lb_margins_multiply(true, false, n, s->classes, filters, weights, n, dy, between,
                            w->d_columns, s->classes);
        for (size_t k = 0; k < s->classes; k++)
            put_columns(s, node, group, k, w->d_columns + k, s->classes, dx);
        return;
    }
    for (size_t k = 0; k < s->classes; k++) {
        lb_margins_multiply(true, false, n, pixels, filters, weights, n, dy + k * pixels, between,
                            w->d_columns, pixels);
        put_columns(s, node, group, k, w->d_columns, pixels, dx);
    }
}

static void conv_backward(const lb_sensitivity *s, lb_margins_work *w, int index, const float *dy,
                          float *dx, double *gains)
{
    const lb_node *node = &s->net->nodes[index];
    const lb_conv *conv = &node->as.conv;
    const size_t pixels = node->shape.h * node->shape.w, n = lb_node_filter_size(node);
    const size_t filters = conv->out / conv->groups;
    for (size_t g = 0; g < conv->groups; g++) {
        const size_t first = g * filters;
        const float *dy_g = dy + first * s->classes * pixels;
        lb_margins_columns(s->net, node, g, lb_margins_value(s, w, node->in[0]), w->columns);
        add_gains(s, w, filters, pixels, n, dy_g, gains + s->nodes[index].gain + first);
        if (dx) back_to_input(s, w, node, g, s->nodes[index].weights + first * n, dy_g, dx);
    }
}

/* ---- element by element ---------------------------------------------------------------------- */

/* dy/dx of element x in channel c. */
static float slope_of(const lb_node *node, const lb_margins_node *shared, size_t c, float x)
{
    switch (node->op) {
    case LB_OP_BATCH_NORM: return shared->a[c];
    case LB_OP_RELU: return x > 0.0f ? node->as.relu.slope : 0.0f;
    case LB_OP_CLIP: return x >= node->as.clip.low && x <= node->as.clip.high ? 1.0f : 0.0f;
    case LB_OP_QUANTIZE: {
        const lb_act_map *m = &shared->map;
        if (m->gradient == LB_GRADIENT_APPROX_SIGN) return fmaxf(2.0f - 2.0f * fabsf(x), 0.0f);
        const bool inside = m->open ? x > m->window_low && x < m->window_high
                                    : x >= m->window_low && x <= m->window_high;
        return inside ? 1.0f : 0.0f;
    }
    default: return 1.0f;
    }
}

/* In place where dx is dy, else added. */
static void elements_backward(const lb_sensitivity *s, lb_margins_work *w, int index,
                              const float *dy, float *dx)
{
    const lb_node *node = &s->net->nodes[index];
    const float *x = lb_margins_value(s, w, node->in[0]);
    const size_t count = lb_shape_count(node->shape), pixels = node->shape.h * node->shape.w;
    float slopes[TILE];
    for (size_t first = 0, n = 0; first < count; first += n) { /* some pixels of one channel */
        const size_t c = first / pixels, p = first % pixels;
        n = pixels - p < TILE ? pixels - p : TILE;
        for (size_t i = 0; i < n; i++)
            slopes[i] = slope_of(node, &s->nodes[index], c, x[first + i]);
        for (size_t k = 0; k < s->classes; k++) {
            const size_t at = (c * s->classes + k) * pixels + p;
            for (size_t i = 0; i < n; i++)
                dx[at + i] = (dx == dy ? 0.0f : dx[at + i]) + dy[at + i] * slopes[i];
        }
    }
}

/* ---- from map to map ------------------------------------------------------------------------- */

static void max_pool_backward(const lb_node *node, size_t classes, lb_shape in, const float *x,
                              const float *dy, float *dx)
{
    const size_t plane = in.h * in.w, pixels = node->shape.h * node->shape.w;
    for (size_t c = 0; c < in.c; c++)
        for (size_t oh = 0; oh < node->shape.h; oh++)
            for (size_t ow = 0; ow < node->shape.w; ow++) {
                const size_t from =
                    lb_reference_first_largest(&node->as.pool, in, oh, ow, x + c * plane);
                for (size_t k = c * classes; k < (c + 1) * classes; k++)
                    dx[k * plane + from] += dy[k * pixels + oh * node->shape.w + ow];
            }
}

static void average_pool_backward(const lb_node *node, size_t classes, lb_shape in, const float *dy,
                                  float *dx)
{
    const lb_window *win = &node->as.pool;
    const size_t plane = in.h * in.w;
    for (size_t k = 0; k < in.c * classes; k++, dx += plane)
        for (size_t oh = 0; oh < node->shape.h; oh++)
            for (size_t ow = 0; ow < node->shape.w; ow++) {
                const float d = *dy++ / (float)lb_reference_taps_inside(win, in, oh, ow);
                for (size_t kh = 0; kh < win->kh; kh++)
                    for (size_t kw = 0; kw < win->kw; kw++) {
                        size_t h = 0, w = 0;
                        if (lb_reference_tap(oh, win->stride, kh, win->pad_top, in.h, &h) &&
                            lb_reference_tap(ow, win->stride, kw, win->pad_left, in.w, &w))
                            dx[h * in.w + w] += d;
                    }
            }
}

static void subsample_backward(const lb_node *node, size_t classes, lb_shape in, const float *dy,
                               float *dx)
{
    const lb_shape out = node->shape;
    const size_t stride = node->as.subsample.stride;
    for (size_t k = 0; k < (in.c < out.c ? in.c : out.c) * classes; k++)
        for (size_t h = 0; h < out.h; h++)
            for (size_t w = 0; w < out.w; w++)
                dx[(k * in.h + h * stride) * in.w + w * stride] += dy[(k * out.h + h) * out.w + w];
}

/* [c h w][class] to [c][class][h w]. */
static void flatten_backward(size_t classes, lb_shape in, const float *dy, float *dx)
{
    const size_t plane = in.h * in.w;
    for (size_t c = 0; c < in.c; c++)
        for (size_t p = 0; p < plane; p++)
            for (size_t k = 0; k < classes; k++)
                dx[(c * classes + k) * plane + p] += dy[(c * plane + p) * classes + k];
}

static void add_to(float *dx, const float *dy, size_t n)
{
    for (size_t i = 0; dx && i < n; i++) dx[i] += dy[i];
}

/* ---- a node ---------------------------------------------------------------------------------- */

static void backward(const lb_sensitivity *s, lb_margins_work *w, int index, double *gains)
{
    const lb_net *net = s->net;
    const lb_node *node = &net->nodes[index];
    const lb_shape in = net->nodes[node->in[0]].shape;
    const float *x = lb_margins_value(s, w, node->in[0]), *dy = lb_margins_grad(s, w, index);
    float *dx = lb_margins_grad(s, w, node->in[0]);
    float *dx1 = node->n_in > 1 ? lb_margins_grad(s, w, node->in[1]) : NULL;
    const size_t count = lb_shape_count(node->shape) * s->classes;
    const size_t count0 = lb_shape_count(in) * s->classes;
    if (node->op == LB_OP_CONV || node->op == LB_OP_LINEAR) {
        conv_backward(s, w, index, dy, dx, gains);
        return;
    }
    if (!dx && !dx1) return;
    switch (node->op) {
    case LB_OP_MAX_POOL: max_pool_backward(node, s->classes, in, x, dy, dx); break;
    case LB_OP_AVERAGE_POOL: average_pool_backward(node, s->classes, in, dy, dx); break;
    case LB_OP_SUBSAMPLE: subsample_backward(node, s->classes, in, dy, dx); break;
    case LB_OP_FLATTEN: flatten_backward(s->classes, in, dy, dx); break;
    case LB_OP_ADD:
        add_to(dx, dy, count);
        add_to(dx1, dy, count);
        break;
    case LB_OP_CONCAT:
        add_to(dx, dy, count0);
        add_to(dx1, dy + count0, count - count0);
        break;
    default: elements_backward(s, w, index, dy, dx); break;
    }
}

/* A map's gain: before its node changes the gradients in place. */
static void add_map_gain(const lb_sensitivity *s, const lb_margins_work *w, int index,
                         double *gains)
{
    const lb_node *node = &s->net->nodes[index];
    const float *dy = lb_margins_grad(s, w, index);
    const size_t pixels = node->shape.h * node->shape.w;
    if (node->op != LB_OP_QUANTIZE || !dy) return;
    for (size_t row = 0; row < node->shape.c * s->classes; row++)
        gains[s->nodes[index].gain] +=
            w->scale[row % s->classes] * sum_of_squares(dy + row * pixels, pixels);
}

void lb_margins_backward(const lb_sensitivity *s, lb_margins_work *w, double *gains)
{
    for (size_t i = s->net->n_nodes - 1; i > 0; i--) {
        add_map_gain(s, w, (int)i, gains);
        backward(s, w, (int)i, gains);
    }
}
