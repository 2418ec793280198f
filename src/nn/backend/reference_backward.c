/* The reference back end's backward pass: the exact chain rule, but for the straight-through
 * windows of quantizers. Every node adds its share to its inputs' gradients, so a node that feeds
 * several sums them. */
#include <math.h>

#include "base/random.h"
#include "nn/backend/reference.h"

/* The output position whose window has tap k on input position `in`; false: none. */
static bool output_above(size_t in, size_t stride, size_t k, size_t pad, size_t size, size_t *out)
{
    if (in + pad < k || (in + pad - k) % stride != 0 || (in + pad - k) / stride >= size)
        return false;
    *out = (in + pad - k) / stride;
    return true;
}

/* dL/dx[n,c,h,w] = sum over the outputs it reaches of dy * w. */
static double conv_input_gradient(const lb_node *node, const float *real, const float *dy, size_t n,
                                  size_t c, size_t h, size_t w)
{
    const lb_conv *conv = &node->as.conv;
    const lb_window *win = &conv->window;
    const size_t channels = conv->in / conv->groups, filters = conv->out / conv->groups;
    const size_t first = c / channels * filters, i = c % channels;
    double sum = 0.0;
    size_t oh = 0, ow = 0;
    for (size_t kh = 0; kh < win->kh; kh++) {
        if (!output_above(h, win->stride, kh, win->pad_top, node->shape.h, &oh)) continue;
        for (size_t kw = 0; kw < win->kw; kw++) {
            if (!output_above(w, win->stride, kw, win->pad_left, node->shape.w, &ow)) continue;
            for (size_t o = first; o < first + filters; o++) {
                sum += (double)dy[lb_reference_index(node->shape, n, o, oh, ow)] *
                       (double)real[((o * channels + i) * win->kh + kh) * win->kw + kw];
            }
        }
    }
    return sum;
}

/* dL/dw[o,i,kh,kw] = sum over images and outputs of dy * the input under that tap. */
static double conv_weight_gradient(const lb_node *node, lb_shape in, size_t images, const float *x,
                                   const float *dy, size_t o, size_t i, size_t kh, size_t kw)
{
    const lb_conv *conv = &node->as.conv;
    const lb_window *win = &conv->window;
    const size_t c = o / (conv->out / conv->groups) * (conv->in / conv->groups) + i;
    double sum = 0.0;
    size_t h = 0, w = 0;
    for (size_t n = 0; n < images; n++) {
        for (size_t oh = 0; oh < node->shape.h; oh++) {
            if (!lb_reference_tap(oh, win->stride, kh, win->pad_top, in.h, &h)) continue;
            for (size_t ow = 0; ow < node->shape.w; ow++) {
                if (!lb_reference_tap(ow, win->stride, kw, win->pad_left, in.w, &w)) continue;
                sum += (double)dy[lb_reference_index(node->shape, n, o, oh, ow)] *
                       (double)x[lb_reference_index(in, n, c, h, w)];
            }
        }
    }
    return sum;
}

static void bias_gradient(lb_shape s, size_t images, const float *dy, float *d_bias)
{
    for (size_t o = 0; o < s.c; o++) {
        double sum = 0.0;
        for (size_t n = 0; n < images; n++) {
            for (size_t p = 0; p < s.h * s.w; p++) sum += (double)dy[(n * s.c + o) * s.h * s.w + p];
        }
        d_bias[o] = (float)sum;
    }
}

/* The gradient that enters a layer, sample by sample. */
static void quantize_gradient(lb_executor *e, int index)
{
    const lb_node *node = &e->net->nodes[index];
    const int bits = e->options.gradient_bits;
    if (!lb_node_quantizes_gradient(node, bits)) return;
    const size_t one = lb_shape_count(node->shape);
    lb_random random = lb_random_at(e->options.seed, LB_RANDOM_GRADIENT, e->step, (uint64_t)index);
    for (size_t n = 0; n < e->images; n++) {
        float *g = e->nodes[index].grad + n * one, largest = 0.0f;
        for (size_t i = 0; i < one; i++) largest = fmaxf(largest, fabsf(g[i]));
        for (size_t i = 0; i < one; i++)
            g[i] = lb_gradient_quantize(bits, largest, g[i], lb_random_uniform(&random));
    }
}

static void conv_backward(lb_executor *e, int index)
{
    quantize_gradient(e, index);
    lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const lb_conv *conv = &node->as.conv;
    const lb_shape in = net->nodes[node->in[0]].shape;
    lb_reference_node *r = &e->nodes[index];
    const float *x = e->nodes[node->in[0]].value, *dy = r->grad;
    float *dx = e->nodes[node->in[0]].grad, *d_real = r->d_real;
    const bool held = net->params[conv->weight].all_held;
    for (size_t n = 0; n < e->images; n++) {
        for (size_t c = 0; c < in.c; c++) {
            for (size_t h = 0; h < in.h; h++) {
                for (size_t w = 0; w < in.w; w++) {
                    dx[lb_reference_index(in, n, c, h, w)] +=
                        (float)conv_input_gradient(node, r->weights.real, dy, n, c, h, w);
                }
            }
        }
    }
    for (size_t o = 0; o < conv->out; o++) {
        for (size_t i = 0; i < conv->in / conv->groups; i++) {
            for (size_t kh = 0; kh < conv->window.kh; kh++) {
                for (size_t kw = 0; kw < conv->window.kw; kw++) {
                    const double d =
                        held ? 0.0 : conv_weight_gradient(node, in, e->images, x, dy, o, i, kh, kw);
                    *d_real++ = (float)d;
                }
            }
        }
    }
    if (conv->bias >= 0) bias_gradient(node->shape, e->images, dy, net->params[conv->bias].grad);
    lb_weights_backward(net, index, &r->weights, r->d_real);
}

/* With x^ = (x - mean) / deviation over the N values of a channel:
 *   dbeta = sum dy, dgamma = sum dy * x^,
 *   dx = gamma / deviation * (dy - dbeta / N - x^ * dgamma / N) */
static void batch_norm_backward(lb_executor *e, int index)
{
    const lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const lb_batch_norm *norm = &node->as.norm;
    const lb_shape s = node->shape;
    const lb_reference_node *r = &e->nodes[index];
    const float *x = e->nodes[node->in[0]].value, *dy = r->grad;
    float *dx = e->nodes[node->in[0]].grad;
    const size_t plane = s.h * s.w;
    const double count = (double)(e->images * plane);
    for (size_t c = 0; c < s.c; c++) {
        const double deviation = sqrt(r->variance[c] + (double)norm->eps);
        const double gamma = norm->gamma >= 0 ? (double)net->params[norm->gamma].value[c] : 1.0;
        double d_beta = 0.0, d_gamma = 0.0;
        for (size_t k = 0; k < e->images * plane; k++) {
            const size_t i = (k / plane * s.c + c) * plane + k % plane;
            d_beta += (double)dy[i];
            d_gamma += (double)dy[i] * (((double)x[i] - r->mean[c]) / deviation);
        }
        for (size_t k = 0; k < e->images * plane; k++) {
            const size_t i = (k / plane * s.c + c) * plane + k % plane;
            const double x_hat = ((double)x[i] - r->mean[c]) / deviation;
            dx[i] += (float)(gamma / deviation *
                             ((double)dy[i] - d_beta / count - x_hat * d_gamma / count));
        }
        if (norm->gamma >= 0) net->params[norm->gamma].grad[c] = (float)d_gamma;
        if (norm->beta >= 0) net->params[norm->beta].grad[c] = (float)d_beta;
    }
}

static void relu_backward(float slope, size_t count, const float *x, const float *dy, float *dx)
{
    for (size_t i = 0; i < count; i++) {
        if (x[i] > 0.0f) dx[i] += slope * dy[i];
    }
}

/* The gradient passes where low <= x <= high, strictly inside where `open`. */
static void window_backward(float low, float high, bool open, size_t count, const float *x,
                            const float *dy, float *dx)
{
    for (size_t i = 0; i < count; i++) {
        const bool inside = open ? low < x[i] && x[i] < high : low <= x[i] && x[i] <= high;
        if (inside) dx[i] += dy[i];
    }
}

/* The slope of a piecewise quadratic sign. */
static void approx_sign_backward(size_t count, const float *x, const float *dy, float *dx)
{
    for (size_t i = 0; i < count; i++) {
        const float slope = 2.0f - 2.0f * fabsf(x[i]);
        if (slope > 0.0f) dx[i] += dy[i] * slope;
    }
}

static void quantize_backward(lb_executor *e, int index, const float *x, const float *dy, float *dx)
{
    const lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const lb_quantize *q = &node->as.quantize;
    const lb_act_map map = lb_quantize_map(net, node);
    const size_t one = lb_shape_count(node->shape);
    if (map.gradient == LB_GRADIENT_APPROX_SIGN)
        approx_sign_backward(e->images * one, x, dy, dx);
    else
        window_backward(map.window_low, map.window_high, map.open, e->images * one, x, dy, dx);
    if (q->learned < 0) return;
    const lb_param *p = &net->params[q->learned];
    double sum = 0.0;
    for (size_t n = 0; n < e->images; n++) {
        sum += (double)q->quantizer->backward_learned(&q->setting, p->value, x + n * one,
                                                      dy + n * one, one);
    }
    p->grad[0] = (float)sum;
}

static void max_pool_backward(const lb_window *window, size_t n, lb_shape in, lb_shape out,
                              const float *x, const float *dy, float *dx)
{
    for (size_t plane = 0; plane < n * out.c; plane++) {
        const size_t first = plane * in.h * in.w;
        for (size_t oh = 0; oh < out.h; oh++) {
            for (size_t ow = 0; ow < out.w; ow++) {
                dx[first + lb_reference_first_largest(window, in, oh, ow, x + first)] +=
                    dy[(plane * out.h + oh) * out.w + ow];
            }
        }
    }
}

static void average_pool_backward(const lb_window *window, size_t n, lb_shape in, lb_shape out,
                                  const float *dy, float *dx)
{
    size_t h = 0, w = 0;
    for (size_t plane = 0; plane < n * out.c; plane++) {
        for (size_t oh = 0; oh < out.h; oh++) {
            for (size_t ow = 0; ow < out.w; ow++) {
                const size_t taps = lb_reference_taps_inside(window, in, oh, ow);
                const float share = dy[(plane * out.h + oh) * out.w + ow] / (float)taps;
                for (size_t kh = 0; kh < window->kh; kh++) {
                    if (!lb_reference_tap(oh, window->stride, kh, window->pad_top, in.h, &h))
                        continue;
                    for (size_t kw = 0; kw < window->kw; kw++) {
                        if (!lb_reference_tap(ow, window->stride, kw, window->pad_left, in.w, &w))
                            continue;
                        dx[(plane * in.h + h) * in.w + w] += share;
                    }
                }
            }
        }
    }
}

static void concat_backward(size_t n, lb_shape a, lb_shape b, const float *dy, float *dx0,
                            float *dx1)
{
    const size_t n0 = lb_shape_count(a), n1 = lb_shape_count(b);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n0; j++) dx0[i * n0 + j] += dy[i * (n0 + n1) + j];
        for (size_t j = 0; j < n1; j++) dx1[i * n1 + j] += dy[i * (n0 + n1) + n0 + j];
    }
}

static void subsample_backward(size_t stride, size_t n, lb_shape in, lb_shape out, const float *dy,
                               float *dx)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < in.c; c++) {
            for (size_t h = 0; h < out.h; h++) {
                for (size_t w = 0; w < out.w; w++) {
                    dx[lb_reference_index(in, i, c, h * stride, w * stride)] +=
                        dy[lb_reference_index(out, i, c, h, w)];
                }
            }
        }
    }
}

static void dropout_backward(const lb_executor *e, int index, size_t count, const float *dy,
                             float *dx)
{
    const float p = e->net->nodes[index].as.dropout.p;
    lb_random random = lb_random_at(e->options.seed, LB_RANDOM_DROPOUT, e->step, (uint64_t)index);
    for (size_t i = 0; i < count; i++) {
        if (lb_random_uniform(&random) >= p) dx[i] += dy[i] / (1.0f - p);
    }
}

void lb_reference_backward(lb_executor *e, int index)
{
    const lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const size_t images = e->images, count = images * lb_shape_count(node->shape);
    const lb_shape in = net->nodes[node->in[0]].shape, out = node->shape;
    const float *x = e->nodes[node->in[0]].value, *dy = e->nodes[index].grad;
    float *dx = e->nodes[node->in[0]].grad;
    float *dx1 = node->n_in > 1 ? e->nodes[node->in[1]].grad : NULL;
    switch (node->op) {
    case LB_OP_INPUT: break;
    case LB_OP_CONV:
    case LB_OP_LINEAR: conv_backward(e, index); break;
    case LB_OP_BATCH_NORM: batch_norm_backward(e, index); break;
    case LB_OP_RELU: relu_backward(node->as.relu.slope, count, x, dy, dx); break;
    case LB_OP_CLIP:
        window_backward(node->as.clip.low, node->as.clip.high, false, count, x, dy, dx);
        break;
    case LB_OP_QUANTIZE: quantize_backward(e, index, x, dy, dx); break;
    case LB_OP_MAX_POOL: max_pool_backward(&node->as.pool, images, in, out, x, dy, dx); break;
    case LB_OP_AVERAGE_POOL: average_pool_backward(&node->as.pool, images, in, out, dy, dx); break;
    case LB_OP_ADD:
        for (size_t i = 0; i < count; i++) dx[i] += dy[i];
        for (size_t i = 0; i < count; i++) dx1[i] += dy[i];
        break;
    case LB_OP_CONCAT:
        concat_backward(images, in, net->nodes[node->in[1]].shape, dy, dx, dx1);
        break;
    case LB_OP_SUBSAMPLE:
        subsample_backward(node->as.subsample.stride, images, in, out, dy, dx);
        break;
    case LB_OP_FLATTEN:
        for (size_t i = 0; i < count; i++) dx[i] += dy[i];
        break;
    case LB_OP_DROPOUT: dropout_backward(e, index, count, dy, dx); break;
    }
}
