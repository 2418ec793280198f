#include "support/random_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "nn/mixed_bits.h"
#include "quant/method.h"
#include "support/random_norms.h"

typedef struct generator {
    lb_random r;
    lb_net *net;
    size_t names;
    size_t order;             /* of its blocks: 0 to 2, or 3: each its own */
    bool huge;                /* this network has gains and shifts without measure */
    lb_weight_choice weights; /* the network's; layers may have others */
    const lb_act_quantizer *acts;
    lb_act_setting act_setting;
    char name[LB_NAME_BYTES];
} generator;

static size_t below(generator *g, size_t n)
{
    return (size_t)lb_random_below(&g->r, n);
}

static bool chance(generator *g, size_t percent)
{
    return below(g, 100) < percent;
}

/* From 1 to n, small ones more often. */
static size_t small(generator *g, size_t n)
{
    const size_t a = below(g, n), b = below(g, n);
    return 1 + (a < b ? a : b);
}

static const char *name(generator *g, const char *kind)
{
    (void)snprintf(g->name, sizeof g->name, "%s%zu", kind, ++g->names);
    return g->name;
}

static lb_shape shape_of(const generator *g, int x)
{
    return g->net->failed == LB_OK ? g->net->nodes[x].shape : (lb_shape){1, 1, 1};
}

/* ---- quantizers ---- */

static void draw_options(generator *g, const lb_option *options, float *values)
{
    for (size_t i = 0; options && options[i].name; i++) {
        const lb_option *o = &options[i];
        values[i] = o->standard;
        if (chance(g, 40)) values[i] = chance(g, 50) ? o->min : o->max;
    }
}

static int draw_bits(generator *g, int min, int max)
{
    if (max > 2 && chance(g, 50)) max = 2 > min ? 2 : min; /* few bits matter most */
    return min + (int)below(g, (size_t)(max - min + 1));
}

static lb_weight_choice draw_weights(generator *g)
{
    size_t n = 0;
    while (lb_weight_quantizers[n]) n++;
    if (chance(g, 10)) return (lb_weight_choice){.quantizer = NULL};
    const lb_weight_quantizer *q = lb_weight_quantizers[below(g, n)];
    lb_weight_choice choice = {
        .quantizer = q,
        .setting = {.bits = draw_bits(g, q->bits_min, q->bits_max), .granularity = q->granularity}};
    const lb_granularity other = (lb_granularity)below(g, LB_GRANULARITIES);
    if (q->granularities & 1u << other) choice.setting.granularity = other;
    draw_options(g, q->options, choice.setting.options);
    return choice;
}

static void draw_acts(generator *g)
{
    size_t n = 0;
    while (lb_act_quantizers[n]) n++;
    g->acts = lb_act_quantizers[below(g, n)];
    g->act_setting = (lb_act_setting){.bits = draw_bits(g, g->acts->bits_min, g->acts->bits_max)};
    draw_options(g, g->acts->options, g->act_setting.options);
}

/* ---- pieces ---- */

static int quantize(generator *g, int x)
{
    if (chance(g, 12)) return x; /* this layer's input stays as it is */
    const lb_act_quantizer *acts = g->acts;
    const lb_act_setting setting = g->act_setting;
    if (chance(g, 25)) draw_acts(g);
    x = lb_net_quantize(g->net, name(g, "quantize"), x, g->acts, &g->act_setting);
    g->acts = acts;
    g->act_setting = setting;
    return x;
}

static int norm(generator *g, int x)
{
    if (chance(g, 10)) return x;
    return lb_net_batch_norm(g->net, name(g, "norm"), x, chance(g, 85), 1e-5f, 0.1f);
}

/* Mostly the non-linearity that the quantizer wants before it. */
static int act(generator *g, int x)
{
    const size_t other = below(g, 16);
    if (other == 0) return x;
    if (other == 1) {
        const float low = lb_random_normal(&g->r), width = 0.01f + lb_random_uniform(&g->r);
        return lb_net_clip(g->net, name(g, "clip"), x, low, low + width);
    }
    if (other == 2 ||
        (lb_act_quantizer_before(g->acts, &g->act_setting) == LB_BEFORE_RELU && other > 5))
        return lb_net_relu(g->net, name(g, "relu"), x, chance(g, 50) ? 1.0f : 0.125f);
    if (other < 6) return x;
    const float low = g->acts->before == LB_BEFORE_HARD_TANH ? -1.0f : 0.0f;
    return lb_net_clip(g->net, name(g, "clip"), x, low, 1.0f);
}

/* A window that fits: pads may differ on all sides. */
static lb_window draw_window(generator *g, lb_shape in, size_t largest_kernel, size_t stride)
{
    lb_window w = {.stride = stride};
    w.kh = small(g, largest_kernel);
    w.kw = chance(g, 70) ? w.kh : small(g, largest_kernel);
    if (chance(g, 60)) {
        w.pad_top = w.pad_bottom = w.kh / 2;
        w.pad_left = w.pad_right = w.kw / 2;
    }
    if (chance(g, 25)) {
        w.pad_top = below(g, w.kh);
        w.pad_left = below(g, w.kw);
        w.pad_bottom = below(g, w.kh);
        w.pad_right = below(g, w.kw);
    }
    if (in.h + w.pad_top + w.pad_bottom < w.kh) w.kh = in.h;
    if (in.w + w.pad_left + w.pad_right < w.kw) w.kw = in.w;
    if (w.pad_top >= w.kh) w.pad_top = w.kh - 1;
    if (w.pad_bottom >= w.kh) w.pad_bottom = w.kh - 1;
    if (w.pad_left >= w.kw) w.pad_left = w.kw - 1;
    if (w.pad_right >= w.kw) w.pad_right = w.kw - 1;
    return w;
}

static size_t draw_groups(generator *g, size_t in, size_t *out)
{
    if (chance(g, 75)) return 1;
    size_t groups = in; /* depthwise */
    if (chance(g, 50))
        for (groups = 1 + below(g, in); in % groups != 0;) groups--;
    *out = groups * (1 + *out / groups % 4);
    return groups;
}

static int conv_with(generator *g, int x, size_t out, lb_window window, bool may_group)
{
    const size_t groups = may_group ? draw_groups(g, shape_of(g, x).c, &out) : 1;
    const lb_weight_choice weights = chance(g, 25) ? draw_weights(g) : g->weights;
    return lb_net_conv(g->net, name(g, "conv"), x, out, window, groups, chance(g, 25), &weights);
}

static size_t draw_channels(generator *g)
{
    return chance(g, 12) ? small(g, 40) : small(g, 12);
}

static int pool(generator *g, int x)
{
    const lb_shape in = shape_of(g, x);
    if (chance(g, 25) && in.h == in.w && in.h > 2)
        return lb_net_max_pool(g->net, name(g, "pool"), x, lb_window_ceil(3, 2, in.h));
    const lb_window w = draw_window(g, in, 3, 1 + below(g, 3));
    return chance(g, 75) ? lb_net_max_pool(g->net, name(g, "pool"), x, w)
                         : lb_net_average_pool(g->net, name(g, "mean"), x, w);
}

/* A convolution that keeps height and width, with its quantizer, batch-norm and non-linearity in one of
 * three orders. */
static int ordered(generator *g, int x, size_t out, bool may_pool)
{
    const lb_shape in = shape_of(g, x);
    lb_window w = draw_window(g, in, 5, 1);
    if (!may_pool) w = lb_window_square(chance(g, 50) ? 1 : 3, 1, 0);
    if (w.kh == 3 && !may_pool) w = lb_window_square(3, 1, 1);
    if (may_pool && chance(g, 30)) w.stride = 1 + below(g, 3);
    switch (g->order < 3 ? g->order : below(g, 3)) {
    case 0: /* conv-bn-act */
        x = norm(g, conv_with(g, quantize(g, x), out, w, may_pool));
        x = act(g, x);
        return may_pool && chance(g, 30) ? pool(g, x) : x;
    case 1: /* bn-act-conv */
        x = quantize(g, act(g, norm(g, x)));
        return conv_with(g, x, out, w, may_pool);
    default: /* XNOR-Net */
        x = conv_with(g, quantize(g, norm(g, x)), out, w, may_pool);
        x = lb_net_relu(g->net, name(g, "relu"), x, 1.0f);
        return may_pool && chance(g, 30) ? pool(g, x) : x;
    }
}

/* ---- blocks ---- */

static int residual(generator *g, int x)
{
    const lb_shape in = shape_of(g, x);
    int y, skip = x;
    if (chance(g, 50)) {
        y = ordered(g, x, in.c, false);
        if (chance(g, 50)) y = ordered(g, y, in.c, false);
    } else {
        const size_t stride = 1 + below(g, 2), out = in.c + below(g, 4);
        y = conv_with(g, quantize(g, x), out, lb_window_square(1, stride, 0), false);
        y = norm(g, y);
        if (chance(g, 50)) {
            skip = chance(g, 30) ? quantize(g, x) : x;
            skip = lb_net_subsample(g->net, name(g, "subsample"), skip, stride, out);
        } else {
            skip =
                conv_with(g, quantize(g, norm(g, x)), out, lb_window_square(1, stride, 0), false);
            skip = norm(g, skip);
        }
    }
    x = chance(g, 50) ? lb_net_add(g->net, name(g, "add"), y, skip)
                      : lb_net_add(g->net, name(g, "add"), skip, y);
    return act(g, x);
}

static int branches(generator *g, int x)
{
    if (chance(g, 60)) x = quantize(g, x);
    const int a = chance(g, 10) ? x : ordered(g, x, small(g, 8), false);
    const int b = chance(g, 10) ? x : ordered(g, x, small(g, 8), false);
    x = lb_net_concat(g->net, name(g, "concat"), a, b);
    if (chance(g, 20)) {
        const int c = conv_with(g, x, small(g, 5), lb_window_square(1, 1, 0), false);
        x = lb_net_concat(g->net, name(g, "concat"), x, c);
    }
    return chance(g, 40) ? pool(g, x) : x;
}

/* The same quantizer twice on one map, and its value added to itself. */
static int twice(generator *g, int x)
{
    const size_t out = small(g, 6);
    const lb_window w = lb_window_square(1, 1, 0);
    const int a = lb_net_quantize(g->net, name(g, "quantize"), x, g->acts, &g->act_setting);
    const int b = lb_net_quantize(g->net, name(g, "quantize"), x, g->acts, &g->act_setting);
    const int y = conv_with(g, a, out, w, false), z = conv_with(g, b, out, w, false);
    x = lb_net_add(g->net, name(g, "add"), y, z);
    return chance(g, 30) ? lb_net_add(g->net, name(g, "add"), x, x) : x;
}

static int block(generator *g, int x)
{
    switch (below(g, 12)) {
    case 0:
    case 1: return residual(g, x);
    case 2: return branches(g, x);
    case 3: return twice(g, x);
    case 4: return pool(g, x);
    default: return ordered(g, x, draw_channels(g), true);
    }
}

static void end(generator *g, int x)
{
    const size_t classes = 1 + below(g, 10);
    const lb_weight_choice weights = chance(g, 50) ? draw_weights(g) : g->weights;
    if (chance(g, 15)) {
        x = conv_with(g, quantize(g, x), classes, lb_window_square(1, 1, 0), false);
        x = lb_net_global_pool(g->net, name(g, "pool"), x);
    } else {
        if (chance(g, 30)) x = lb_net_global_pool(g->net, name(g, "pool"), x);
        if (chance(g, 30)) x = lb_net_dropout(g->net, name(g, "dropout"), x, 0.5f);
        x = quantize(g, chance(g, 40) ? act(g, norm(g, x)) : x);
        if (chance(g, 30)) x = lb_net_flatten(g->net, name(g, "flatten"), x);
        x = lb_net_linear(g->net, name(g, "linear"), x, classes, chance(g, 50), &weights);
    }
    if (chance(g, 10)) x = act(g, norm(g, x));
    if (chance(g, 3)) x = quantize(g, x);
    if (chance(g, 5)) (void)lb_net_flatten(g->net, name(g, "flatten"), x);
}

/* ---- parameters ---- */

static void draw_weights_of(generator *g, lb_param *p)
{
    const size_t filters = p->dims[0], n = p->count / filters;
    if (chance(g, 3)) /* nothing to scale */
        for (size_t i = 0; i < p->count; i++) p->value[i] = 0.0f;
    if (chance(g, 10)) {
        const size_t o = below(g, filters);
        for (size_t i = 0; i < n; i++) p->value[o * n + i] = 0.0f;
    }
    if (chance(g, 10)) /* all codes at one end */
        for (size_t i = 0; i < p->count; i++) p->value[i] = -fabsf(p->value[i]) - 0.5f;
}

enum { SAMPLES = 4 };

static void draw_params(generator *g)
{
    for (size_t k = 0; k < g->net->n_params; k++) {
        lb_param *p = &g->net->params[k];
        if (p->role == LB_PARAM_WEIGHT) draw_weights_of(g, p);
        for (size_t i = 0; i < p->count; i++) {
            if (p->role == LB_PARAM_BIAS) p->value[i] = 0.5f * lb_random_normal(&g->r);
            if (p->role == LB_PARAM_LEARNED) p->value[i] = 0.05f + lb_random_uniform(&g->r);
        }
    }
    lb_random_learned_acts(g->net, &g->r);
    lb_random_norms(g->net, &g->r, SAMPLES, g->huge);
}

static generator start(uint64_t seed, lb_net *net)
{
    generator g = {.r = lb_random_at(seed, LB_RANDOM_TEST, 1, 0), .net = net};
    g.huge = chance(&g, 30);
    g.order = below(&g, 4);
    g.weights = draw_weights(&g);
    if ((!g.weights.quantizer || g.weights.quantizer->stochastic) && chance(&g, 70))
        g.weights = draw_weights(&g); /* float networks are not what matters most */
    draw_acts(&g);
    return g;
}

/* Widths of layers, filters and activations, in every third network; from numbers of their own. */
static void draw_widths(uint64_t seed, lb_net *net)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, 3, 0);
    for (size_t i = 0; seed % 3 == 0 && i < net->n_nodes; i++) {
        lb_node *node = &net->nodes[i];
        if (node->op == LB_OP_QUANTIZE) {
            lb_quantize *q = &node->as.quantize;
            const int least = q->quantizer->bits_min;
            q->setting.bits -= (int)lb_random_below(&r, (uint64_t)(q->setting.bits - least + 1));
        }
        lb_conv *conv = &node->as.conv;
        const bool layer = node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
        if (!layer || !conv->quantizer || conv->setting.granularity != LB_PER_FILTER) continue;
        if (lb_weights_are_ternary(conv->quantizer, &conv->setting)) continue;
        char list[1024];
        size_t at = (size_t)snprintf(list, sizeof list, "%s=", node->name);
        const int least = conv->quantizer->bits_min, most = conv->setting.bits;
        for (size_t o = 0; o < conv->out && at + 1 < sizeof list; o++)
            list[at++] =
                (char)('0' + least + (int)lb_random_below(&r, (uint64_t)(most - least + 1)));
        list[at] = '\0';
        lb_assert(lb_net_set_bits(net, list) == LB_OK);
    }
}

void lb_random_net(uint64_t seed, lb_net *net)
{
    generator g = start(seed, net);
    lb_net_init(net);
    const lb_shape input = {1 + below(&g, 4), 1 + below(&g, 9), 1 + below(&g, 9)};
    int x = lb_net_input(net, input, chance(&g, 30));
    if (chance(&g, 20)) x = quantize(&g, x);
    if (chance(&g, 70)) x = ordered(&g, x, draw_channels(&g), true);
    for (size_t blocks = below(&g, 7); blocks > 0; blocks--) x = block(&g, x);
    end(&g, x);
    const lb_status status = lb_net_finish(net, LB_LOSS_CROSS_ENTROPY);
    if (status != LB_OK)
        fprintf(stderr, "network %llu: %s\n", (unsigned long long)seed, lb_error());
    lb_assert(status == LB_OK);
    draw_widths(seed, net);
    lb_net_initialize(net, chance(&g, 50) ? LB_INIT_FAN_IN : LB_INIT_RESNET, seed);
    draw_params(&g);
}

void lb_random_net_images(uint64_t seed, const lb_net *net, size_t n, float *images)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, 2, 0);
    const size_t count = lb_shape_count(net->input);
    for (size_t i = 0; i < n * count; i++) {
        const float x = lb_random_normal(&r);
        images[i] = net->raw_input ? ((float)lb_random_below(&r, 256) - 128.0f) / 128.0f : x;
    }
    /* the extremes too: an image of the largest values */
    if (n > 1 && seed % 4 == 0)
        for (size_t i = 0; i < count; i++) images[i] = net->raw_input ? -1.0f : 10.0f;
}
