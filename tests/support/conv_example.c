/* Random convolutions, their data, and their sums and codes by naive arithmetic. */
#include "support/conv_example.h"

#include <stdlib.h>
#include <string.h>

enum {
    LONG = 8000, /* inputs of a window that overflow narrow counters */
    MACS_MAX = 400000
};

void *lb_test_block(size_t bytes)
{
    void *block = NULL;
    if (posix_memalign(&block, LB_CONV_ALIGN, bytes ? bytes : 1) != 0) abort();
    return block;
}

size_t lb_test_between(lb_random *r, size_t low, size_t high)
{
    return low + lb_random_below(r, high - low + 1);
}

static size_t one_of(lb_random *r, const size_t *values, size_t n)
{
    return values[lb_random_below(r, n)];
}

/* --- random convolutions --- */

static lb_code_grid random_grid(lb_random *r)
{
    const int bits = (int)lb_test_between(r, 1, lb_random_below(r, 3) ? 4 : 8);
    if (bits == 1)
        return lb_random_below(r, 4) ? (lb_code_grid){1, 1, -2} : (lb_code_grid){1, 0, 1};
    switch (lb_random_below(r, 4)) {
    case 0: return (lb_code_grid){bits, -(1 << (bits - 1)), 1};
    case 1: return (lb_code_grid){bits, -((1 << bits) - 1), 2};
    default: return (lb_code_grid){bits, 0, 1};
    }
}

static void random_channels(lb_int_conv *c, lb_random *r)
{
    static const size_t channels[] = {1,  3,  4,  8,  16, 20,  31,  32,
                                      33, 50, 64, 65, 96, 128, 160, 288};
    static const size_t filters[] = {1, 2, 7, 8, 9, 10, 16, 20, 33, 64, 65, 72, 100, 128, 130, 192};
    c->in_c = one_of(r, channels, sizeof channels / sizeof *channels);
    c->filters = one_of(r, filters, sizeof filters / sizeof *filters);
    c->groups = c->terms = 1;
    switch (lb_random_below(r, 8)) {
    case 0: /* depthwise, one or two filters a channel */
        c->groups = c->in_c;
        c->filters = c->in_c * lb_test_between(r, 1, 2);
        break;
    case 1: /* grouped */
        c->groups = lb_test_between(r, 2, 4);
        c->in_c = c->groups * lb_test_between(r, 1, 40);
        c->filters = c->groups * lb_test_between(r, 1, 40);
        break;
    default: break;
    }
    if (lb_random_below(r, 5) == 0) {
        c->terms = lb_test_between(r, 2, 3);
        c->filters *= c->terms;
    }
}

static void random_window(lb_int_conv *c, lb_random *r)
{
    c->in_h = lb_test_between(r, 1, 9);
    c->in_w = lb_test_between(r, 1, 19);
    if (lb_random_below(r, 6) == 0) { /* linear: the window is the map */
        static const size_t inputs[] = {800, 1024, 2048, 4096};
        if (c->groups == 1 && lb_random_below(r, 2)) {
            c->in_c = one_of(r, inputs, sizeof inputs / sizeof *inputs);
            c->in_h = c->in_w = 1;
        }
        c->kh = c->in_h;
        c->kw = c->in_w;
        c->stride = c->out_h = c->out_w = 1;
        c->pad_top = c->pad_left = 0;
        return;
    }
    static const size_t sides[] = {1, 1, 2, 3, 3, 3, 5, 7};
    c->kh = one_of(r, sides, sizeof sides / sizeof *sides);
    c->kw = lb_random_below(r, 4) ? c->kh : one_of(r, sides, sizeof sides / sizeof *sides);
    c->stride = lb_test_between(r, 1, lb_random_below(r, 2) ? 1 : 3);
    c->pad_top = lb_test_between(r, 0, c->kh);
    c->pad_left =
        lb_random_below(r, 8) ? lb_test_between(r, 0, c->kw / 2) : lb_test_between(r, 0, c->kw + 2);
    /* some outputs see padding only, some inputs are seen by no output */
    c->out_h = lb_test_between(r, 1, (c->in_h + 2 * c->pad_top) / c->stride + 1);
    c->out_w = lb_test_between(r, 1, (c->in_w + 2 * c->pad_left) / c->stride + 1);
}

static void random_weight_kind(lb_int_conv *c, lb_random *r)
{
    c->weights = (lb_weight_class)lb_random_below(r, 3);
    c->weight_bits = c->weights == LB_WEIGHTS_BINARY    ? 1
                     : c->weights == LB_WEIGHTS_TERNARY ? 2
                                                        : (int)lb_test_between(r, 2, 8);
    c->max_weight = c->weights != LB_WEIGHTS_INTEGER ? 1
                    : lb_random_below(r, 2)          ? 1 << (c->weight_bits - 1)
                                                     : (1 << c->weight_bits) - 1;
}

static size_t macs(const lb_int_conv *c)
{
    return c->in_c / c->groups * c->kh * c->kw * c->filters * c->out_h * c->out_w;
}

/* A linear layer so long that narrow counters overflow unless they are emptied in time. */
static lb_int_conv long_conv(lb_random *r)
{
    lb_int_conv c = {.in_h = 1, .in_w = 1, .out_h = 1, .out_w = 1, .groups = 1, .terms = 1};
    c.in_c = lb_test_between(r, LONG, 20000);
    c.filters = lb_test_between(r, 1, 20);
    c.kh = c.kw = c.stride = 1;
    return c;
}

/* Filters of several blocks, whatever a kernel's block is. */
static lb_int_conv wide_conv(lb_random *r)
{
    lb_int_conv c = {.in_h = 1, .in_w = 1, .out_h = 1, .out_w = 1, .groups = 1, .terms = 1};
    c.in_c = lb_test_between(r, 1, 70);
    c.filters = lb_test_between(r, 1000, 3500);
    c.kh = c.kw = c.stride = 1;
    return c;
}

static lb_int_conv random_conv(lb_random *r)
{
    lb_int_conv c = {0};
    do {
        random_channels(&c, r);
        random_window(&c, r);
    } while (macs(&c) > MACS_MAX);
    const uint64_t kind = lb_random_below(r, 32);
    if (kind < 2) c = long_conv(r);
    if (kind == 2) c = wide_conv(r);
    random_weight_kind(&c, r);
    c.acts = random_grid(r);
    return c;
}

/* --- data --- */

/* Codes are odd where the grid is (binary; half of the integer cases), so that every class is met. */
static int16_t random_weight(const lb_int_conv *c, bool extreme, bool no_negative, uint64_t dense,
                             lb_random *r)
{
    const int sign = lb_random_below(r, 2) && !no_negative ? -1 : 1;
    if (c->weights == LB_WEIGHTS_BINARY) return (int16_t)(extreme ? 1 : sign);
    if (c->weights == LB_WEIGHTS_TERNARY && !extreme)
        return (int16_t)(sign * (lb_random_below(r, 256) < dense));
    const bool twos_complement =
        c->weights == LB_WEIGHTS_INTEGER && c->max_weight == 1 << (c->weight_bits - 1);
    const int high = twos_complement ? c->max_weight - 1 : c->max_weight;
    if (extreme) return (int16_t)(no_negative ? high : -c->max_weight);
    const int size = (int)lb_random_below(r, (uint64_t)high + 1);
    const bool odd = c->weights == LB_WEIGHTS_INTEGER && !twos_complement && !no_negative;
    return (int16_t)(sign * (odd ? size | 1 : size));
}

/* None, the same for all columns, or one of two or none for each. */
static void random_starts(lb_conv_example *e, lb_random *r)
{
    const size_t padded = lb_conv_padded_filters(&e->conv);
    const uint64_t kind = lb_random_below(r, 4);
    e->start = lb_test_block(2 * padded * sizeof *e->start);
    e->starts = lb_test_block(e->conv.out_w * sizeof *e->starts);
    for (size_t f = 0; f < 2 * padded; f++) {
        const bool used = f % padded < e->conv.filters; /* what lies past them may not matter */
        e->start[f] = used ? (int32_t)lb_test_between(r, 0, 2000) - 1000 : INT32_MAX;
    }
    for (size_t x = 0; x < e->conv.out_w; x++) {
        const uint64_t which = kind < 2 ? 0 : kind == 2 ? 1 : lb_random_below(r, 3);
        e->starts[x] = which == 0 ? NULL : e->start + (which - 1) * padded;
    }
}

static void random_data(lb_conv_example *e, lb_random *r)
{
    const lb_int_conv *c = &e->conv;
    const size_t taps = c->kh * c->kw * (c->in_c / c->groups);
    const size_t n = c->in_h * c->in_w * c->in_c, pixel = lb_map_pixel_bytes(c->acts.bits, c->in_c);
    const bool extreme = c->in_c >= LONG || lb_random_below(r, 5) == 0,
               no_negative = lb_random_below(r, 4) == 0;
    const uint64_t fields = (uint64_t)1 << c->acts.bits;
    const uint64_t dense = lb_random_below(r, 2) ? 128 : lb_random_below(r, 257); /* of 256 */
    const uint8_t last = (uint8_t)(lb_random_below(r, 2) ? fields - 1 : 0);
    e->weights = lb_test_block(c->filters * taps * sizeof *e->weights);
    e->fields = lb_test_block(n);
    e->map = lb_test_block(c->in_h * c->in_w * pixel);
    for (size_t i = 0; i < c->filters * taps; i++)
        e->weights[i] = random_weight(c, extreme, no_negative, dense, r);
    if (c->weights == LB_WEIGHTS_TERNARY) e->conv.nonzero = lb_conv_example_nonzero(c, e->weights);
    for (size_t i = 0; i < n; i++)
        e->fields[i] = extreme ? last : (uint8_t)lb_random_below(r, fields);
    lb_map_row_pack(c->acts.bits, c->in_c, c->in_h * c->in_w, e->fields, e->map);
    random_starts(e, r);
}

/* The code at a place of the map, or what padding counts as. */
static int act_at(const lb_conv_example *e, size_t y, size_t x, size_t channel)
{
    const lb_int_conv *c = &e->conv;
    if (y < c->pad_top || x < c->pad_left || y - c->pad_top >= c->in_h ||
        x - c->pad_left >= c->in_w)
        return lb_grid_has_zero(c->acts) ? 0 : c->acts.bits == 1 ? 1 : c->acts.offset;
    const size_t at = ((y - c->pad_top) * c->in_w + (x - c->pad_left)) * c->in_c + channel;
    return c->acts.offset + c->acts.step * e->fields[at];
}

/* One sum, straight from the contract. */
static int64_t naive(const lb_conv_example *e, size_t oy, size_t ox, size_t f)
{
    const lb_int_conv *c = &e->conv;
    const size_t per_group = c->in_c / c->groups, channels = c->filters / c->terms;
    const size_t group = f % channels / (channels / c->groups);
    const int16_t *w = e->weights + f * c->kh * c->kw * per_group;
    int64_t sum = e->starts[ox] ? e->starts[ox][f] : 0;
    for (size_t ky = 0; ky < c->kh; ky++)
        for (size_t kx = 0; kx < c->kw; kx++)
            for (size_t i = 0; i < per_group; i++)
                sum += (int64_t)*w++ *
                       act_at(e, oy * c->stride + ky, ox * c->stride + kx, group * per_group + i);
    return sum;
}

static void naive_sums(lb_conv_example *e)
{
    const lb_int_conv *c = &e->conv;
    int32_t *to = lb_test_block(c->out_h * c->out_w * c->filters * sizeof *to);
    e->wanted = to;
    for (size_t y = 0; y < c->out_h; y++)
        for (size_t x = 0; x < c->out_w; x++)
            for (size_t f = 0; f < c->filters; f++) {
                const int64_t sum = naive(e, y, x, f);
                if (sum < INT32_MIN || sum > INT32_MAX) abort(); /* random_conv keeps clear of it */
                *to++ = (int32_t)sum;
            }
}

static int ascending(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Levels are sums that occur (so that ">" and ">=" differ), their neighbours, and infinities. */
static int32_t random_level(const lb_conv_example *e, size_t f, lb_random *r)
{
    const lb_int_conv *c = &e->conv;
    if (lb_random_below(r, 12) == 0) return lb_random_below(r, 2) ? INT32_MAX : INT32_MIN;
    const size_t pixel = lb_random_below(r, c->out_h * c->out_w);
    return e->wanted[pixel * c->filters + f] + (int32_t)lb_test_between(r, 0, 2) - 1;
}

static void random_thresholds(lb_conv_example *e, lb_random *r)
{
    enum { LEVELS_MAX = 15 };
    const lb_int_conv *c = &e->conv;
    const size_t stride = lb_conv_padded_filters(c);
    const int bits = (int)lb_test_between(r, 1, 4), levels = (1 << bits) - 1;
    e->level = lb_test_block((size_t)levels * stride * sizeof *e->level);
    e->flip = lb_test_block(stride / 8);
    memset(e->flip, 0, stride / 8);
    for (size_t f = 0; f < stride; f++) {
        int32_t of_channel[LEVELS_MAX];
        for (int j = 0; j < levels; j++)
            of_channel[j] = f < c->filters ? random_level(e, f, r) : INT32_MAX;
        qsort(of_channel, (size_t)levels, sizeof *of_channel, ascending);
        for (int j = 0; j < levels; j++) e->level[(size_t)j * stride + f] = of_channel[j];
        if (f < c->filters && lb_random_below(r, 3) == 0) e->flip[f / 8] |= (uint8_t)(1u << f % 8);
    }
    e->t = (lb_conv_thresholds){bits, stride, e->level, e->flip};
}

/* From the contract: fields by counting, packed by lb_map_row_pack. */
static void naive_codes(lb_conv_example *e)
{
    const lb_int_conv *c = &e->conv;
    const size_t pixels = c->out_h * c->out_w;
    const unsigned levels = (1u << e->t.bits) - 1;
    uint8_t *fields = lb_test_block(pixels * c->filters);
    for (size_t i = 0; i < pixels * c->filters; i++) {
        const size_t f = i % c->filters;
        unsigned field = 0;
        for (unsigned j = 0; j < levels; j++) field += e->wanted[i] > e->level[j * e->t.stride + f];
        fields[i] = (uint8_t)(e->flip[f / 8] >> f % 8 & 1 ? field ^ levels : field);
    }
    e->wanted_codes = lb_test_block(pixels * lb_map_pixel_bytes(e->t.bits, c->filters));
    lb_map_row_pack(e->t.bits, c->filters, pixels, fields, e->wanted_codes);
    free(fields);
}

lb_conv_example lb_conv_example_create(size_t number, uint64_t seed)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, number, 0);
    lb_conv_example e = {.number = number, .conv = random_conv(&r)};
    random_data(&e, &r);
    naive_sums(&e);
    if (e.conv.terms == 1) {
        random_thresholds(&e, &r);
        naive_codes(&e);
    }
    return e;
}

size_t lb_conv_example_nonzero(const lb_int_conv *conv, const int16_t *weights)
{
    const size_t n = conv->filters * conv->kh * conv->kw * (conv->in_c / conv->groups);
    size_t nonzero = 0;
    for (size_t i = 0; i < n; i++) nonzero += weights[i] != 0;
    return nonzero;
}

void lb_conv_example_release(lb_conv_example *e)
{
    free(e->weights);
    free(e->fields);
    free(e->map);
    free(e->start);
    free(e->starts);
    free(e->wanted);
    free(e->level);
    free(e->flip);
    free(e->wanted_codes);
}
