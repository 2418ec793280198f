/* The reference back end's evaluation: the numbers of the deployed network, each operation in
 * single precision and rounded.
 *
 * Convolution and linear layers:
 *   inputs and weights are codes:  t = (float)(int32 sum of code * code);  t = t * s,
 *                                  s = w_scale * a_scale
 *   weights are codes:             t = fixed-order sum of code * x;  t = t * w_scale
 *   neither:                       t = fixed-order sum of w * x
 *   then t = t + bias where there is one. Asymmetric weights have two sums, over their positive and
 *   their negative codes: t = S+ * s+ - S- * s-, each product rounded. Weights with scales by kernel
 *   row or position have a sum for each: t = S0 * s0, then t = t + Sk * sk in ascending order.
 * Fixed order: sum = 0, then over kernel rows, kernel columns and input channels of the filter's
 * group, in that nesting, product = w * x; sum = sum + product. Taps outside the map are skipped. A
 * linear layer behind flatten (or dropout) sums in the order of the map before it: rows, columns,
 * channels. */
#include <math.h>
#include <string.h>

#include "nn/backend/reference.h"

/* A layer as its sums see it. */
typedef struct layer {
    const lb_conv *conv;
    lb_window window;
    lb_shape in, out;
    size_t channels, taps; /* input channels a filter sees, window positions */
    const float *x;        /* values, or codes as whole numbers */
    bool coded;            /* weights are codes */
    size_t sums;           /* a channel */
    const lb_quantized_weights *weights;
} layer;

/* Which of a filter's weights a sum takes. */
typedef enum share { REALS, CODES, POSITIVE_CODES, NEGATIVE_CODES } share;

/* Kernel positions that a sum takes. */
typedef struct span {
    size_t begin, end;
} span;

/* The map a linear layer's input was before it was flattened; memory is the same. */
static lb_shape unflattened(const lb_net *net, int node)
{
    while (net->nodes[node].op == LB_OP_FLATTEN || net->nodes[node].op == LB_OP_DROPOUT) {
        node = net->nodes[node].in[0];
    }
    return net->nodes[node].shape;
}

static layer view(const lb_executor *e, int index)
{
    const lb_node *node = &e->net->nodes[index];
    layer l = {.conv = &node->as.conv,
               .window = node->as.conv.window,
               .in = e->net->nodes[node->in[0]].shape,
               .out = node->shape,
               .x = e->nodes[node->in[0]].value,
               .coded = lb_node_takes_codes(node, e->options.mixed),
               .sums = lb_node_sums(node),
               .weights = &e->nodes[index].frozen};
    if (node->op == LB_OP_LINEAR) {
        l.in = unflattened(e->net, node->in[0]);
        l.window = (lb_window){.kh = l.in.h, .kw = l.in.w, .stride = 1};
    }
    l.channels = l.in.c / l.conv->groups;
    l.taps = l.window.kh * l.window.kw;
    return l;
}

/* Magnitudes: negative codes of asymmetric layers have their own scale and count as 1 in their own
 * sum. */
static float weight_at(const layer *l, share which, size_t i)
{
    switch (which) {
    case REALS: return l->weights->real[i];
    case CODES: return (float)l->weights->code[i];
    case POSITIVE_CODES: return l->weights->code[i] > 0 ? (float)l->weights->code[i] : 0.0f;
    case NEGATIVE_CODES: return l->weights->code[i] < 0 ? -(float)l->weights->code[i] : 0.0f;
    }
    return 0.0f;
}

/* One output's sum, before scale and bias; both kinds of sum are made by the same walk. */
static float sum_of(const layer *l, share which, span taps, bool integer, size_t n, size_t o,
                    size_t oh, size_t ow)
{
    const lb_window *win = &l->window;
    const size_t first = o / (l->conv->out / l->conv->groups) * l->channels;
    int32_t codes = 0;
    float sum = 0.0f;
    size_t h = 0, w = 0;
    for (size_t kh = 0; kh < win->kh; kh++) {
        if (!lb_reference_tap(oh, win->stride, kh, win->pad_top, l->in.h, &h)) continue;
        for (size_t kw = 0; kw < win->kw; kw++) {
            const size_t tap = kh * win->kw + kw;
            if (tap < taps.begin || tap >= taps.end) continue;
            if (!lb_reference_tap(ow, win->stride, kw, win->pad_left, l->in.w, &w)) continue;
            for (size_t i = 0; i < l->channels; i++) {
                const float weight = weight_at(l, which, (o * l->channels + i) * l->taps + tap);
                const float x = l->x[lb_reference_index(l->in, n, first + i, h, w)];
                if (integer) {
                    codes += (int32_t)weight * (int32_t)x;
                } else {
                    const float product = weight * x;
                    sum = sum + product;
                }
            }
        }
    }
    return integer ? (float)codes : sum;
}

/* One output of a layer; a_scale is 1 where the input is float. */
static float output_of(const layer *l, bool integer, float a_scale, size_t n, size_t o, size_t oh,
                       size_t ow)
{
    const lb_weight_quantizer *q = l->conv->quantizer;
    const span whole = {0, l->taps};
    if (!l->coded) return sum_of(l, REALS, whole, false, n, o, oh, ow);
    const float scale = l->weights->scale[o] * a_scale;
    if (q->asymmetric) {
        const float scale_negative = l->weights->scale_negative[o] * a_scale;
        const float positive = sum_of(l, POSITIVE_CODES, whole, integer, n, o, oh, ow) * scale;
        const float negative =
            sum_of(l, NEGATIVE_CODES, whole, integer, n, o, oh, ow) * scale_negative;
        return positive - negative;
    }
    const size_t run = l->taps / l->sums;
    float t = sum_of(l, CODES, (span){0, run}, integer, n, o, oh, ow) * scale;
    for (size_t k = 1; k < l->sums; k++) {
        const span taps = {k * run, (k + 1) * run};
        const float scale_k = l->weights->scale[k * l->conv->out + o] * a_scale;
        const float product = sum_of(l, CODES, taps, integer, n, o, oh, ow) * scale_k;
        t = t + product;
    }
    return t;
}

/* Values code * scale back to their codes: the quotient is within two roundings of a whole number
 * below 2^15. */
static void read_codes(float scale, size_t count, const float *x, float *codes)
{
    for (size_t i = 0; i < count; i++) codes[i] = scale > 0.0f ? rintf(x[i] / scale) : 0.0f;
}

static void evaluate_layer(lb_executor *e, int index)
{
    const lb_net *net = e->net;
    layer l = view(e, index);
    lb_act_map map = {.scale = 1.0f};
    const bool integer =
        l.coded && lb_node_is_integer(net, index) && lb_input_codes(net, index, &map);
    const float *bias = l.conv->bias >= 0 ? net->params[l.conv->bias].value : NULL;
    if (integer) {
        read_codes(map.scale, e->images * lb_shape_count(l.in), l.x, e->codes);
        l.x = e->codes;
    }
    for (size_t n = 0; n < e->images; n++) {
        for (size_t o = 0; o < l.out.c; o++) {
            for (size_t oh = 0; oh < l.out.h; oh++) {
                for (size_t ow = 0; ow < l.out.w; ow++) {
                    const float t =
                        output_of(&l, integer, integer ? map.scale : 1.0f, n, o, oh, ow);
                    e->nodes[index].value[lb_reference_index(l.out, n, o, oh, ow)] =
                        bias ? t + bias[o] : t;
                }
            }
        }
    }
}

static void evaluate_batch_norm(const lb_reference_node *r, lb_shape s, size_t count,
                                const float *x, float *y)
{
    for (size_t i = 0; i < count; i++) {
        const size_t c = i / (s.h * s.w) % s.c;
        const float t = x[i] * r->a[c];
        y[i] = t + r->b[c];
    }
}

void lb_reference_evaluate(lb_executor *e, int index)
{
    const lb_node *node = &e->net->nodes[index];
    const size_t count = e->images * lb_shape_count(node->shape);
    const float *x = e->nodes[node->in[0]].value;
    float *y = e->nodes[index].value;
    switch (node->op) {
    case LB_OP_CONV:
    case LB_OP_LINEAR: evaluate_layer(e, index); break;
    case LB_OP_BATCH_NORM: evaluate_batch_norm(&e->nodes[index], node->shape, count, x, y); break;
    case LB_OP_DROPOUT: memcpy(y, x, count * sizeof *y); break;
    default: lb_reference_forward(e, index); break; /* the same as in training */
    }
}
