/* The graph builder: one function a layer, each checks what it is given and infers its output's
 * shape. */
#include <math.h>

#include "nn/net_internal.h"

/* No window or stride of a real network comes near; keeps sums of sizes and paddings far from
 * overflow. */
enum { LARGEST_WINDOW = 1 << 16 };
/* Values of one image's map: indices fit int32 everywhere. */
static const size_t largest_map = INT32_MAX;

size_t lb_shape_count(lb_shape shape)
{
    return shape.c * shape.h * shape.w;
}

lb_window lb_window_square(size_t k, size_t stride, size_t pad)
{
    return (lb_window){.kh = k,
                       .kw = k,
                       .stride = stride,
                       .pad_top = pad,
                       .pad_left = pad,
                       .pad_bottom = pad,
                       .pad_right = pad};
}

lb_window lb_window_ceil(size_t k, size_t stride, size_t size)
{
    lb_window window = lb_window_square(k, stride, 0);
    if (stride == 0) return window; /* refused by the layer that gets it */
    size_t steps = size > k ? (size - k + stride - 1) / stride : 0;
    /* a window must start inside the map: one that would lie wholly in the padding is left out */
    if (steps > 0 && steps * stride >= size) steps--;
    const size_t reach = steps * stride + k;
    const size_t pad = reach > size ? reach - size : 0;
    window.pad_bottom = window.pad_right = pad;
    return window;
}

lb_window lb_window_same(size_t k, size_t stride, size_t size)
{
    if (stride == 0 || size == 0) return lb_window_square(k, stride, 0); /* refused by the layer */
    const size_t reach = (size - 1) / stride * stride + k;
    const size_t pad = reach > size ? reach - size : 0;
    lb_window window = lb_window_square(k, stride, pad / 2);
    window.pad_bottom = window.pad_right = pad - pad / 2;
    return window;
}

/* Set the node's output shape; false where a dimension is 0 or a map too large. */
static bool set_shape(lb_net *net, lb_node *node, size_t c, size_t h, size_t w)
{
    size_t plane = 0, count = 0;
    const bool fits = lb_size_mul(h, w, &plane) && lb_size_mul(c, plane, &count);
    if (!fits || count == 0 || count > largest_map) {
        lb_net_fail(net, LB_E_SHAPE, "node '%s': shape %zu x %zu x %zu, wanted 1 to %zu values",
                    node->name, c, h, w, largest_map);
        return false;
    }
    node->shape = (lb_shape){c, h, w};
    return true;
}

/* Where the window of a convolution or pool stops on a map of x; false where it does not fit. */
static bool slide(lb_net *net, lb_node *node, lb_shape x, lb_window win, size_t channels)
{
    const size_t sizes[] = {win.kh,       win.kw,         win.stride,   win.pad_top,
                            win.pad_left, win.pad_bottom, win.pad_right};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (sizes[i] > LARGEST_WINDOW || (i < 3 && sizes[i] == 0)) {
            lb_net_fail(net, LB_E_SHAPE,
                        "node '%s': kernel %zu x %zu, stride %zu: wanted each from 1 to %d, and "
                        "paddings up to that",
                        node->name, win.kh, win.kw, win.stride, LARGEST_WINDOW);
            return false;
        }
    }
    const size_t h = x.h + win.pad_top + win.pad_bottom, w = x.w + win.pad_left + win.pad_right;
    if (h < win.kh || w < win.kw) {
        lb_net_fail(net, LB_E_SHAPE,
                    "node '%s': kernel %zu x %zu is larger than its padded input %zu x %zu",
                    node->name, win.kh, win.kw, h, w);
        return false;
    }
    return set_shape(net, node, channels, (h - win.kh) / win.stride + 1,
                     (w - win.kw) / win.stride + 1);
}

static int last_index(const lb_net *net)
{
    return (int)net->n_nodes - 1;
}

int lb_net_input(lb_net *net, lb_shape shape, bool raw)
{
    lb_node *node = lb_net_new_node(net, LB_OP_INPUT, "input", -1, -1);
    if (!node || !set_shape(net, node, shape.c, shape.h, shape.w)) return 0;
    net->input = shape;
    net->raw_input = raw;
    return last_index(net);
}

size_t lb_node_filter_size(const lb_node *node)
{
    const lb_conv *conv = &node->as.conv;
    return conv->in / conv->groups * conv->window.kh * conv->window.kw;
}

lb_weight_group lb_node_weight_group(const lb_node *node, size_t *n_groups)
{
    const lb_conv *conv = &node->as.conv;
    const bool per_filter = conv->quantizer && conv->setting.granularity == LB_PER_FILTER;
    const size_t size = lb_node_filter_size(node), taps = conv->window.kh * conv->window.kw;
    *n_groups = per_filter ? conv->out : 1;
    lb_weight_group group = {.filters = conv->out / *n_groups,
                             .channels = conv->in / conv->groups,
                             .taps = taps,
                             .scales = 1};
    if (node->op == LB_OP_LINEAR) {
        group.channels = size;
        group.taps = 1;
    } else if (conv->quantizer && conv->setting.granularity == LB_PER_ROW) {
        group.scales = conv->window.kh;
    } else if (conv->quantizer && conv->setting.granularity == LB_PER_PIXEL) {
        group.scales = taps;
    }
    group.n = group.filters * size;
    return group;
}

size_t lb_node_sums(const lb_node *node)
{
    size_t n_groups = 0;
    const lb_weight_quantizer *q = node->as.conv.quantizer;
    return q && q->asymmetric ? 2 : lb_node_weight_group(node, &n_groups).scales;
}

static bool choice_fits(lb_net *net, const lb_node *node, const lb_weight_choice *choice)
{
    const lb_weight_quantizer *q = choice->quantizer;
    const lb_weight_setting *s = &choice->setting;
    if (s->bits < q->bits_min || s->bits > q->bits_max) {
        lb_net_fail(net, LB_E_ARG, "layer '%s': weight quantizer '%s' takes %d to %d bits, not %d",
                    node->name, q->name, q->bits_min, q->bits_max, s->bits);
        return false;
    }
    if (!(q->granularities & 1u << s->granularity)) {
        static const char *const names[LB_GRANULARITIES] = {"layer", "filter", "row", "pixel"};
        lb_net_fail(net, LB_E_ARG, "layer '%s': weight quantizer '%s' has no per-%s scales",
                    node->name, q->name, names[s->granularity]);
        return false;
    }
    return true;
}

/* Parameters of a convolution or linear layer whose sizes and window are set; the node's index, 0:
 * failed. */
static int add_weights(lb_net *net, lb_node *node, size_t n_dims, const size_t *dims, bool bias,
                       const lb_weight_choice *choice)
{
    lb_conv *conv = &node->as.conv;
    conv->bias = conv->learned = -1;
    if (choice && choice->quantizer) {
        if (!choice_fits(net, node, choice)) return 0;
        conv->quantizer = choice->quantizer;
        conv->setting = choice->setting;
        conv->setting.fully_connected = node->op == LB_OP_LINEAR;
    }
    conv->weight = lb_net_new_param(net, LB_PARAM_WEIGHT, "weight", n_dims, dims);
    if (bias) conv->bias = lb_net_new_param(net, LB_PARAM_BIAS, "bias", 1, &conv->out);
    if (conv->quantizer && conv->quantizer->n_learned > 0) {
        size_t learned[2] = {0, (size_t)conv->quantizer->n_learned};
        const lb_weight_group group = lb_node_weight_group(node, &learned[0]);
        learned[0] *= group.scales;
        conv->learned = lb_net_new_param(net, LB_PARAM_LEARNED, "learned", 2, learned);
    }
    return net->failed == LB_OK ? last_index(net) : 0;
}

int lb_net_conv(lb_net *net, const char *name, int in, size_t out, lb_window window, size_t groups,
                bool bias, const lb_weight_choice *weights)
{
    lb_node *node = lb_net_new_node(net, LB_OP_CONV, name, in, -1);
    if (!node) return 0;
    const lb_shape x = net->nodes[in].shape;
    if (groups == 0 || x.c % groups != 0 || out % groups != 0) {
        return lb_net_fail(net, LB_E_SHAPE,
                           "layer '%s': %zu groups do not divide %zu input and %zu output channels",
                           name, groups, x.c, out);
    }
    if (!slide(net, node, x, window, out)) return 0;
    node->as.conv = (lb_conv){.out = out, .in = x.c, .groups = groups, .window = window};
    const size_t dims[] = {out, x.c / groups, window.kh, window.kw};
    return add_weights(net, node, 4, dims, bias, weights);
}

int lb_net_linear(lb_net *net, const char *name, int in, size_t out, bool bias,
                  const lb_weight_choice *weights)
{
    lb_node *node = lb_net_new_node(net, LB_OP_LINEAR, name, in, -1);
    if (!node || !set_shape(net, node, out, 1, 1)) return 0;
    const lb_shape x = net->nodes[in].shape;
    const lb_window window = {.kh = x.h, .kw = x.w, .stride = 1};
    node->as.conv = (lb_conv){.out = out, .in = x.c, .groups = 1, .window = window};
    const size_t dims[] = {out, lb_shape_count(x)};
    return add_weights(net, node, 2, dims, bias, weights);
}

int lb_net_batch_norm(lb_net *net, const char *name, int in, bool affine, float eps, float momentum)
{
    lb_node *node = lb_net_new_node(net, LB_OP_BATCH_NORM, name, in, -1);
    if (!node) return 0;
    if (!(eps > 0.0f && isfinite(eps)) || !(momentum >= 0.0f && momentum <= 1.0f)) {
        return lb_net_fail(
            net, LB_E_ARG,
            "node '%s': eps %g and momentum %g, wanted eps > 0 and momentum in [0, 1]", name,
            (double)eps, (double)momentum);
    }
    node->shape = net->nodes[in].shape;
    lb_batch_norm *norm = &node->as.norm;
    *norm = (lb_batch_norm){.eps = eps, .momentum = momentum, .gamma = -1, .beta = -1};
    const size_t *c = &node->shape.c;
    if (affine) {
        norm->gamma = lb_net_new_param(net, LB_PARAM_GAMMA, "gamma", 1, c);
        norm->beta = lb_net_new_param(net, LB_PARAM_BETA, "beta", 1, c);
    }
    norm->mean = lb_net_new_param(net, LB_PARAM_MEAN, "mean", 1, c);
    norm->variance = lb_net_new_param(net, LB_PARAM_VARIANCE, "variance", 1, c);
    return net->failed == LB_OK ? last_index(net) : 0;
}

/* A node that keeps its input's shape; NULL after a failure. */
static lb_node *new_same_shape(lb_net *net, lb_op op, const char *name, int in)
{
    lb_node *node = lb_net_new_node(net, op, name, in, -1);
    if (node) node->shape = net->nodes[in].shape;
    return node;
}

int lb_net_relu(lb_net *net, const char *name, int in, float slope)
{
    lb_node *node = new_same_shape(net, LB_OP_RELU, name, in);
    if (!node) return 0;
    if (!(slope > 0.0f && isfinite(slope))) {
        return lb_net_fail(net, LB_E_ARG, "node '%s': slope %g, wanted one above 0", name,
                           (double)slope);
    }
    node->as.relu.slope = slope;
    return last_index(net);
}

int lb_net_clip(lb_net *net, const char *name, int in, float low, float high)
{
    lb_node *node = new_same_shape(net, LB_OP_CLIP, name, in);
    if (!node) return 0;
    if (!(low < high)) {
        return lb_net_fail(net, LB_E_ARG, "node '%s': clip to [%g, %g], wanted low < high", name,
                           (double)low, (double)high);
    }
    node->as.clip.low = low;
    node->as.clip.high = high;
    return last_index(net);
}

int lb_net_quantize(lb_net *net, const char *name, int in, const lb_act_quantizer *quantizer,
                    const lb_act_setting *setting)
{
    lb_node *node = new_same_shape(net, LB_OP_QUANTIZE, name, in);
    if (!node) return 0;
    if (setting->bits < quantizer->bits_min || setting->bits > quantizer->bits_max) {
        return lb_net_fail(
            net, LB_E_ARG, "node '%s': activation quantizer '%s' takes %d to %d bits, not %d", name,
            quantizer->name, quantizer->bits_min, quantizer->bits_max, setting->bits);
    }
    node->as.quantize = (lb_quantize){.quantizer = quantizer, .setting = *setting, .learned = -1};
    if (quantizer->n_learned > 0) {
        const size_t n = (size_t)quantizer->n_learned;
        const int learned = lb_net_new_param(net, LB_PARAM_LEARNED, "learned", 1, &n);
        if (learned < 0) return 0;
        node->as.quantize.learned = learned;
    }
    return last_index(net);
}

static int pool(lb_net *net, lb_op op, const char *name, int in, lb_window window)
{
    lb_node *node = lb_net_new_node(net, op, name, in, -1);
    if (!node) return 0;
    const lb_shape x = net->nodes[in].shape;
    if (!slide(net, node, x, window, x.c)) return 0;
    if (window.pad_top >= window.kh || window.pad_bottom >= window.kh ||
        window.pad_left >= window.kw || window.pad_right >= window.kw) {
        return lb_net_fail(net, LB_E_SHAPE,
                           "node '%s': padding as large as the kernel %zu x %zu, wanted less: a "
                           "pool needs a pixel",
                           name, window.kh, window.kw);
    }
    node->as.pool = window;
    return last_index(net);
}

int lb_net_max_pool(lb_net *net, const char *name, int in, lb_window window)
{
    return pool(net, LB_OP_MAX_POOL, name, in, window);
}

int lb_net_average_pool(lb_net *net, const char *name, int in, lb_window window)
{
    return pool(net, LB_OP_AVERAGE_POOL, name, in, window);
}

int lb_net_global_pool(lb_net *net, const char *name, int in)
{
    if (net->failed != LB_OK) return 0;
    const bool stands = in >= 0 && (size_t)in < net->n_nodes; /* else refused in pool() */
    const lb_shape x = stands ? net->nodes[in].shape : (lb_shape){1, 1, 1};
    return pool(net, LB_OP_AVERAGE_POOL, name, in, (lb_window){.kh = x.h, .kw = x.w, .stride = 1});
}

/* A node of two inputs whose maps have the same height and width (and channels, where asked). */
static lb_node *new_join(lb_net *net, lb_op op, const char *name, int a, int b, bool same_channels)
{
    lb_node *node =
        lb_net_new_node(net, op, name, a, b == -1 ? -2 : b); /* -1 would mean: no second input */
    if (!node) return NULL;
    const lb_shape x = net->nodes[a].shape, y = net->nodes[b].shape;
    if (x.h == y.h && x.w == y.w && (x.c == y.c || !same_channels)) return node;
    lb_net_fail(net, LB_E_SHAPE, "node '%s': '%s' is %zu x %zu x %zu, but '%s' is %zu x %zu x %zu",
                name, net->nodes[a].name, x.c, x.h, x.w, net->nodes[b].name, y.c, y.h, y.w);
    return NULL;
}

int lb_net_add(lb_net *net, const char *name, int a, int b)
{
    lb_node *node = new_join(net, LB_OP_ADD, name, a, b, true);
    if (!node) return 0;
    node->shape = net->nodes[a].shape;
    return last_index(net);
}

int lb_net_concat(lb_net *net, const char *name, int a, int b)
{
    lb_node *node = new_join(net, LB_OP_CONCAT, name, a, b, false);
    if (!node) return 0;
    const lb_shape x = net->nodes[a].shape, y = net->nodes[b].shape;
    return set_shape(net, node, x.c + y.c, x.h, x.w) ? last_index(net) : 0;
}

int lb_net_subsample(lb_net *net, const char *name, int in, size_t stride, size_t channels)
{
    lb_node *node = lb_net_new_node(net, LB_OP_SUBSAMPLE, name, in, -1);
    if (!node) return 0;
    const lb_shape x = net->nodes[in].shape;
    if (stride == 0 || stride > LARGEST_WINDOW || channels < x.c) {
        return lb_net_fail(
            net, LB_E_SHAPE,
            "node '%s': stride %zu to %zu channels, wanted a stride from 1 to %d and "
            "at least the input's %zu channels",
            name, stride, channels, LARGEST_WINDOW, x.c);
    }
    node->as.subsample.stride = stride;
    const size_t h = (x.h + stride - 1) / stride, w = (x.w + stride - 1) / stride;
    return set_shape(net, node, channels, h, w) ? last_index(net) : 0;
}

int lb_net_flatten(lb_net *net, const char *name, int in)
{
    lb_node *node = lb_net_new_node(net, LB_OP_FLATTEN, name, in, -1);
    if (!node) return 0;
    node->shape = (lb_shape){lb_shape_count(net->nodes[in].shape), 1, 1};
    return last_index(net);
}

int lb_net_dropout(lb_net *net, const char *name, int in, float p)
{
    lb_node *node = new_same_shape(net, LB_OP_DROPOUT, name, in);
    if (!node) return 0;
    if (!(p >= 0.0f && p < 1.0f)) {
        return lb_net_fail(net, LB_E_ARG, "node '%s': dropout %g, wanted 0 <= p < 1", name,
                           (double)p);
    }
    node->as.dropout.p = p;
    return last_index(net);
}
