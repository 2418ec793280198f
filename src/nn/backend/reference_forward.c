/* The reference back end's training forward pass. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "nn/backend/reference.h"

/* y[n,o,oh,ow] = b[o] + sum over kh, kw, i of w[o,i,kh,kw] * x[n,i,ih,iw]; a linear layer is the
 * window that covers its whole input. */
static double conv_sum(const lb_conv *conv, lb_shape in, const float *x, const float *w_o, size_t n,
                       size_t o, size_t oh, size_t ow)
{
    const lb_window *win = &conv->window;
    const size_t channels = conv->in / conv->groups,
                 first = o / (conv->out / conv->groups) * channels;
    double sum = 0.0;
    size_t h = 0, w = 0;
    for (size_t kh = 0; kh < win->kh; kh++) {
        if (!lb_reference_tap(oh, win->stride, kh, win->pad_top, in.h, &h)) continue;
        for (size_t kw = 0; kw < win->kw; kw++) {
            if (!lb_reference_tap(ow, win->stride, kw, win->pad_left, in.w, &w)) continue;
            for (size_t i = 0; i < channels; i++) {
                sum += (double)w_o[(i * win->kh + kh) * win->kw + kw] *
                       (double)x[lb_reference_index(in, n, first + i, h, w)];
            }
        }
    }
    return sum;
}

static void conv_forward(lb_executor *e, int index)
{
    const lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const lb_conv *conv = &node->as.conv;
    const lb_shape in = net->nodes[node->in[0]].shape, out = node->shape;
    const float *x = e->nodes[node->in[0]].value, *real = e->nodes[index].weights.real;
    const float *bias = conv->bias >= 0 ? net->params[conv->bias].value : NULL;
    const size_t filter = lb_node_filter_size(node);
    for (size_t n = 0; n < e->images; n++) {
        for (size_t o = 0; o < out.c; o++) {
            for (size_t oh = 0; oh < out.h; oh++) {
                for (size_t ow = 0; ow < out.w; ow++) {
                    const double sum = conv_sum(conv, in, x, real + o * filter, n, o, oh, ow);
                    e->nodes[index].value[lb_reference_index(out, n, o, oh, ow)] =
                        (float)(sum + (bias ? (double)bias[o] : 0.0));
                }
            }
        }
    }
}

/* Mean and biased variance of channel c over the batch. */
static void batch_statistics(lb_shape s, size_t images, size_t c, const float *x, double *mean,
                             double *variance)
{
    const size_t plane = s.h * s.w;
    const double count = (double)(images * plane);
    double sum = 0.0, squares = 0.0;
    for (size_t n = 0; n < images; n++) {
        for (size_t p = 0; p < plane; p++) sum += (double)x[(n * s.c + c) * plane + p];
    }
    *mean = sum / count;
    for (size_t n = 0; n < images; n++) {
        for (size_t p = 0; p < plane; p++) {
            const double d = (double)x[(n * s.c + c) * plane + p] - *mean;
            squares += d * d;
        }
    }
    *variance = squares / count;
}

/* running = (1 - momentum) * running + momentum * batch */
static void follow(float *running, double batch, float momentum)
{
    *running = (float)((1.0 - (double)momentum) * (double)*running + (double)momentum * batch);
}

/* y = (x - mean) / sqrt(variance + eps) * gamma + beta with the batch's mean and biased variance.
 * The running variance follows the unbiased one (of a single value, which has none, the biased
 * one). */
static void batch_norm_forward(lb_executor *e, int index)
{
    const lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const lb_batch_norm *norm = &node->as.norm;
    const lb_shape s = node->shape;
    lb_reference_node *r = &e->nodes[index];
    const float *x = e->nodes[node->in[0]].value;
    const size_t plane = s.h * s.w;
    const double count = (double)(e->images * plane),
                 unbiased = count > 1.0 ? count / (count - 1.0) : 1.0;
    for (size_t c = 0; c < s.c; c++) {
        batch_statistics(s, e->images, c, x, &r->mean[c], &r->variance[c]);
        const double deviation = sqrt(r->variance[c] + (double)norm->eps);
        const double gamma = norm->gamma >= 0 ? (double)net->params[norm->gamma].value[c] : 1.0;
        const double beta = norm->beta >= 0 ? (double)net->params[norm->beta].value[c] : 0.0;
        for (size_t n = 0; n < e->images; n++) {
            for (size_t p = 0; p < plane; p++) {
                const size_t i = (n * s.c + c) * plane + p;
                r->value[i] = (float)(((double)x[i] - r->mean[c]) / deviation * gamma + beta);
            }
        }
        follow(&net->params[norm->mean].value[c], r->mean[c], norm->momentum);
        follow(&net->params[norm->variance].value[c], r->variance[c] * unbiased, norm->momentum);
    }
}

/* y = x / (1 - p) with probability 1 - p, else 0; element i draws the i-th number of its stream. */
static void dropout_forward(const lb_executor *e, int index, size_t count, const float *x, float *y)
{
    const float p = e->net->nodes[index].as.dropout.p;
    lb_random random = lb_random_at(e->options.seed, LB_RANDOM_DROPOUT, e->step, (uint64_t)index);
    for (size_t i = 0; i < count; i++)
        y[i] = lb_random_uniform(&random) >= p ? x[i] / (1.0f - p) : 0.0f;
}

void lb_reference_forward(lb_executor *e, int index)
{
    const lb_net *net = e->net;
    const lb_node *node = &net->nodes[index];
    const size_t images = e->images, count = images * lb_shape_count(node->shape);
    const lb_shape in = net->nodes[node->in[0]].shape;
    const float *x = e->nodes[node->in[0]].value;
    const float *x1 = node->n_in > 1 ? e->nodes[node->in[1]].value : NULL;
    float *y = e->nodes[index].value;
    switch (node->op) {
    case LB_OP_INPUT: break;
    case LB_OP_CONV:
    case LB_OP_LINEAR: conv_forward(e, index); break;
    case LB_OP_BATCH_NORM: batch_norm_forward(e, index); break;
    case LB_OP_RELU: lb_reference_relu(node->as.relu.slope, count, x, y); break;
    case LB_OP_CLIP: lb_reference_clip(node->as.clip.low, node->as.clip.high, count, x, y); break;
    case LB_OP_QUANTIZE: {
        const lb_act_map map = lb_quantize_map(net, node);
        lb_reference_quantize(&map, count, x, y);
        break;
    }
    case LB_OP_MAX_POOL:
        lb_reference_max_pool(&node->as.pool, images, in, node->shape, x, y);
        break;
    case LB_OP_AVERAGE_POOL:
        lb_reference_average_pool(&node->as.pool, images, in, node->shape, x, y);
        break;
    case LB_OP_ADD:
        for (size_t i = 0; i < count; i++) y[i] = x[i] + x1[i];
        break;
    case LB_OP_CONCAT:
        lb_reference_concat(images, in, net->nodes[node->in[1]].shape, x, x1, y);
        break;
    case LB_OP_SUBSAMPLE:
        lb_reference_subsample(node->as.subsample.stride, images, in, node->shape, x, y);
        break;
    case LB_OP_FLATTEN: memcpy(y, x, count * sizeof *y); break;
    case LB_OP_DROPOUT: dropout_forward(e, index, count, x, y); break;
    }
}
