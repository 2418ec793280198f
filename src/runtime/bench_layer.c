#include "runtime/bench_layer.h"

enum {
    SIDE_MAX = 4096,
    CHANNELS_MAX = 65536,
    KERNEL_MAX = 63,
    BITS_MAX = 8,
    VALUES_MAX = 1 << 28 /* of a map, of the weights */
};

static lb_status check_range(const char *what, size_t value, size_t most)
{
    if (value >= 1 && value <= most) return LB_OK;
    return lb_fail(LB_E_ARG, "layer: %s %zu: wanted 1 to %zu", what, value, most);
}

static lb_status check_sizes(const lb_bench_layer *l, size_t stride, size_t groups)
{
    LB_TRY(check_range("filters", l->out, CHANNELS_MAX));
    LB_TRY(check_range("input channels", l->in, CHANNELS_MAX));
    LB_TRY(check_range("kernel height", l->kh, KERNEL_MAX));
    LB_TRY(check_range("kernel width", l->kw, KERNEL_MAX));
    LB_TRY(check_range("map height", l->height, SIDE_MAX));
    LB_TRY(check_range("map width", l->width, SIDE_MAX));
    LB_TRY(check_range("stride", stride, SIDE_MAX));
    LB_TRY(check_range("groups", groups, CHANNELS_MAX));
    if (l->in % groups != 0 || l->out % groups != 0) {
        return lb_fail(LB_E_ARG,
                       "layer: %zu groups do not divide %zu input channels and %zu filters", groups,
                       l->in, l->out);
    }
    const double map = (double)l->height * (double)l->width;
    const size_t inputs = l->in / groups * l->kh * l->kw;
    const double weights = (double)l->out * (double)inputs;
    if (map * (double)l->in > VALUES_MAX || map * (double)l->out > VALUES_MAX ||
        weights > VALUES_MAX) {
        return lb_fail(LB_E_ARG, "layer: more than %d values in a map or in the weights",
                       VALUES_MAX);
    }
    return LB_OK;
}

static lb_status check_bits(const lb_bench_layer *l)
{
    const bool ternary = l->weight_bits == LB_BENCH_TERNARY;
    if (!ternary && (l->weight_bits < 1 || l->weight_bits > BITS_MAX)) {
        return lb_fail(LB_E_ARG, "bits: weights of %d bits; wanted 1 to %d, or ternary",
                       l->weight_bits, BITS_MAX);
    }
    if (l->act_bits < 1 || l->act_bits > BITS_MAX) {
        return lb_fail(LB_E_ARG, "bits: activations of %d bits; wanted 1 to %d", l->act_bits,
                       BITS_MAX);
    }
    return LB_OK;
}

static lb_status check_zeros(const lb_bench_layer *l)
{
    const double most = 99.0;
    if (!(l->zero_percent >= 0.0 && l->zero_percent <= most))
        return lb_fail(LB_E_ARG, "layer: %g %% of the weights zero; wanted 0 to %g",
                       l->zero_percent, most);
    if (l->zero_percent > 0.0 && l->weight_bits != LB_BENCH_TERNARY)
        return lb_fail(LB_E_ARG, "layer: zeros are counted of ternary weights only");
    return LB_OK;
}

/* How many of a layer's ternary weights are not zero. */
static size_t nonzero_of(const lb_bench_layer *l, size_t weights)
{
    const double share = l->zero_percent > 0.0 ? 1.0 - l->zero_percent / 100.0 : 2.0 / 3.0;
    const size_t nonzero = (size_t)(share * (double)weights);
    return nonzero > 0 ? nonzero : 1;
}

static lb_weight_class class_of(int bits)
{
    if (bits == LB_BENCH_TERNARY) return LB_WEIGHTS_TERNARY;
    return bits == 1 ? LB_WEIGHTS_BINARY : LB_WEIGHTS_INTEGER;
}

lb_status lb_bench_layer_conv(const lb_bench_layer *l, lb_int_conv *out)
{
    static const lb_code_grid plus_minus_one = {.bits = 1, .offset = 1, .step = -2};
    const size_t stride = l->stride > 0 ? l->stride : 1, groups = l->groups > 0 ? l->groups : 1;
    LB_TRY(check_sizes(l, stride, groups));
    LB_TRY(check_bits(l));
    LB_TRY(check_zeros(l));
    const bool ternary = l->weight_bits == LB_BENCH_TERNARY;
    lb_int_conv c = {.in_c = l->in,
                     .in_h = l->height,
                     .in_w = l->width,
                     .filters = l->out,
                     .groups = groups,
                     .terms = 1,
                     .kh = l->kh,
                     .kw = l->kw,
                     .stride = stride,
                     .pad_top = (l->kh - 1) / 2,
                     .pad_left = (l->kw - 1) / 2,
                     .acts = {.bits = l->act_bits, .offset = 0, .step = 1},
                     .weights = class_of(l->weight_bits),
                     .weight_bits = ternary ? 2 : l->weight_bits,
                     .max_weight = ternary || l->weight_bits == 1 ? 1 : 1 << (l->weight_bits - 1)};
    if (l->act_bits == 1) c.acts = plus_minus_one;
    const size_t padded_h = l->height + 2 * c.pad_top, padded_w = l->width + 2 * c.pad_left;
    if (padded_h < l->kh || padded_w < l->kw) {
        return lb_fail(LB_E_ARG, "layer: a kernel of %zux%zu on a map of %zux%zu", l->kh, l->kw,
                       l->height, l->width);
    }
    c.out_h = (padded_h - l->kh) / stride + 1;
    c.out_w = (padded_w - l->kw) / stride + 1;
    const size_t inputs = l->in / groups * l->kh * l->kw;
    if (ternary) c.nonzero = nonzero_of(l, l->out * inputs);
    if ((double)inputs * c.max_weight * (double)lb_grid_high(c.acts) >= (double)INT32_MAX) {
        return lb_fail(LB_E_UNSUPPORTED, "layer: sums could pass 2^31");
    }
    *out = c;
    return LB_OK;
}
