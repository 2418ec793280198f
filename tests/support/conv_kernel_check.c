/* The check of all convolution kernels: random convolutions, naive sums, every kernel, every way to call it. */
#include "support/conv_kernel_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/random.h"

enum {
    MESSAGES_MAX = 20,
    LONG = 8000,
    WEIGHT_LIMIT = 255,
    MACS_MAX = 400000,
    CASE_KERNELS_MAX = 64
};

/* One convolution with its data and what it must give. */
typedef struct example {
    size_t number; /* with the seed, it is the case */
    lb_int_conv conv;
    int16_t *weights;       /* [filters][kh][kw][in_c / groups] */
    uint8_t *fields;        /* [in_h][in_w][in_c] */
    uint8_t *map;           /* the same, packed */
    int32_t *start;         /* [2][padded filters] */
    const int32_t **starts; /* [out_w]: what a column's sums start from, NULL: nothing */
    int32_t *wanted;        /* [out_h][out_w][filters] sums */
    lb_conv_thresholds t;   /* terms = 1 */
    int32_t *level;
    uint8_t *flip;
    uint8_t *wanted_codes; /* the packed map that the thresholds make */
} example;

static void *block_of(size_t bytes)
{
    void *block = NULL;
    if (posix_memalign(&block, LB_CONV_ALIGN, bytes ? bytes : 1) != 0) abort();
    return block;
}

static size_t between(lb_random *r, size_t low, size_t high)
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
    const int bits = (int)between(r, 1, lb_random_below(r, 3) ? 4 : 8);
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
        c->filters = c->in_c * between(r, 1, 2);
        break;
    case 1: /* grouped */
        c->groups = between(r, 2, 4);
        c->in_c = c->groups * between(r, 1, 40);
        c->filters = c->groups * between(r, 1, 40);
        break;
    default: break;
    }
    if (lb_random_below(r, 5) == 0) {
        c->terms = between(r, 2, 3);
        c->filters *= c->terms;
    }
}

static void random_window(lb_int_conv *c, lb_random *r)
{
    c->in_h = between(r, 1, 9);
    c->in_w = between(r, 1, 19);
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
    c->stride = between(r, 1, lb_random_below(r, 2) ? 1 : 3);
    c->pad_top = between(r, 0, c->kh);
    c->pad_left = lb_random_below(r, 8) ? between(r, 0, c->kw / 2) : between(r, 0, c->kw + 2);
    /* some outputs see padding only, some inputs are seen by no output */
    c->out_h = between(r, 1, (c->in_h + 2 * c->pad_top) / c->stride + 1);
    c->out_w = between(r, 1, (c->in_w + 2 * c->pad_left) / c->stride + 1);
}

static void random_weight_kind(lb_int_conv *c, lb_random *r)
{
    c->weights = (lb_weight_class)lb_random_below(r, 3);
    c->weight_bits = c->weights == LB_WEIGHTS_BINARY    ? 1
                     : c->weights == LB_WEIGHTS_TERNARY ? 2
                                                        : (int)between(r, 2, 8);
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
    c.in_c = between(r, LONG, 20000);
    c.filters = between(r, 1, 20);
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
    if (lb_random_below(r, 16) == 0) c = long_conv(r);
    random_weight_kind(&c, r);
    c.acts = random_grid(r);
    return c;
}

/* --- data --- */

/* Codes are odd where the grid is (binary; half of the integer cases), so that every class is met. */
static int16_t random_weight(const lb_int_conv *c, bool extreme, bool no_negative, lb_random *r)
{
    const int sign = lb_random_below(r, 2) && !no_negative ? -1 : 1;
    if (c->weights == LB_WEIGHTS_BINARY) return (int16_t)(extreme ? 1 : sign);
    if (c->weights == LB_WEIGHTS_TERNARY && !extreme)
        return (int16_t)(sign * (int)lb_random_below(r, 2));
    const bool twos_complement =
        c->weights == LB_WEIGHTS_INTEGER && c->max_weight == 1 << (c->weight_bits - 1);
    const int high = twos_complement ? c->max_weight - 1 : c->max_weight;
    if (extreme) return (int16_t)(no_negative ? high : -c->max_weight);
    const int size = (int)lb_random_below(r, (uint64_t)high + 1);
    const bool odd = c->weights == LB_WEIGHTS_INTEGER && !twos_complement && !no_negative;
    return (int16_t)(sign * (odd ? size | 1 : size));
}

/* None, the same for all columns, or one of two or none for each. */
static void random_starts(example *e, lb_random *r)
{
    const size_t padded = lb_conv_padded_filters(&e->conv);
    const uint64_t kind = lb_random_below(r, 4);
    e->start = block_of(2 * padded * sizeof *e->start);
    e->starts = block_of(e->conv.out_w * sizeof *e->starts);
    for (size_t f = 0; f < 2 * padded; f++) e->start[f] = (int32_t)between(r, 0, 2000) - 1000;
    for (size_t x = 0; x < e->conv.out_w; x++) {
        const uint64_t which = kind < 2 ? 0 : kind == 2 ? 1 : lb_random_below(r, 3);
        e->starts[x] = which == 0 ? NULL : e->start + (which - 1) * padded;
    }
}

static void random_data(example *e, lb_random *r)
{
    const lb_int_conv *c = &e->conv;
    const size_t taps = c->kh * c->kw * (c->in_c / c->groups);
    const size_t n = c->in_h * c->in_w * c->in_c, pixel = lb_map_pixel_bytes(c->acts.bits, c->in_c);
    const bool extreme = c->in_c >= LONG || lb_random_below(r, 5) == 0,
               no_negative = lb_random_below(r, 4) == 0;
    const uint64_t fields = (uint64_t)1 << c->acts.bits;
    const uint8_t last = (uint8_t)(lb_random_below(r, 2) ? fields - 1 : 0);
    e->weights = block_of(c->filters * taps * sizeof *e->weights);
    e->fields = block_of(n);
    e->map = block_of(c->in_h * c->in_w * pixel);
    for (size_t i = 0; i < c->filters * taps; i++)
        e->weights[i] = random_weight(c, extreme, no_negative, r);
    for (size_t i = 0; i < n; i++)
        e->fields[i] = extreme ? last : (uint8_t)lb_random_below(r, fields);
    lb_map_row_pack(c->acts.bits, c->in_c, c->in_h * c->in_w, e->fields, e->map);
    random_starts(e, r);
}

/* The code at a place of the map, or what padding counts as. */
static int act_at(const example *e, size_t y, size_t x, size_t channel)
{
    const lb_int_conv *c = &e->conv;
    if (y < c->pad_top || x < c->pad_left || y - c->pad_top >= c->in_h ||
        x - c->pad_left >= c->in_w)
        return lb_grid_has_zero(c->acts) ? 0 : c->acts.bits == 1 ? 1 : c->acts.offset;
    const size_t at = ((y - c->pad_top) * c->in_w + (x - c->pad_left)) * c->in_c + channel;
    return c->acts.offset + c->acts.step * e->fields[at];
}

/* One sum, straight from the contract. */
static int64_t naive(const example *e, size_t oy, size_t ox, size_t f)
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

static void naive_sums(example *e)
{
    const lb_int_conv *c = &e->conv;
    int32_t *to = block_of(c->out_h * c->out_w * c->filters * sizeof *to);
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
static int32_t random_level(const example *e, size_t f, lb_random *r)
{
    const lb_int_conv *c = &e->conv;
    if (lb_random_below(r, 12) == 0) return lb_random_below(r, 2) ? INT32_MAX : INT32_MIN;
    const size_t pixel = lb_random_below(r, c->out_h * c->out_w);
    return e->wanted[pixel * c->filters + f] + (int32_t)between(r, 0, 2) - 1;
}

static void random_thresholds(example *e, lb_random *r)
{
    enum { LEVELS_MAX = 15 };
    const lb_int_conv *c = &e->conv;
    const size_t stride = lb_conv_padded_filters(c);
    const int bits = (int)between(r, 1, 4), levels = (1 << bits) - 1;
    e->level = block_of((size_t)levels * stride * sizeof *e->level);
    e->flip = block_of(stride / 8);
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
static void naive_codes(example *e)
{
    const lb_int_conv *c = &e->conv;
    const size_t pixels = c->out_h * c->out_w;
    const unsigned levels = (1u << e->t.bits) - 1;
    uint8_t *fields = block_of(pixels * c->filters);
    for (size_t i = 0; i < pixels * c->filters; i++) {
        const size_t f = i % c->filters;
        unsigned field = 0;
        for (unsigned j = 0; j < levels; j++) field += e->wanted[i] > e->level[j * e->t.stride + f];
        fields[i] = (uint8_t)(e->flip[f / 8] >> f % 8 & 1 ? field ^ levels : field);
    }
    e->wanted_codes = block_of(pixels * lb_map_pixel_bytes(e->t.bits, c->filters));
    lb_map_row_pack(e->t.bits, c->filters, pixels, fields, e->wanted_codes);
    free(fields);
}

static example example_create(size_t number, uint64_t seed)
{
    lb_random r = lb_random_at(seed, LB_RANDOM_TEST, number, 0);
    example e = {.number = number, .conv = random_conv(&r)};
    random_data(&e, &r);
    naive_sums(&e);
    if (e.conv.terms == 1) {
        random_thresholds(&e, &r);
        naive_codes(&e);
    }
    return e;
}

static void example_release(example *e)
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

/* --- one kernel on one example --- */

/* The state of a run: prepared rows of the whole map, the outputs. */
typedef struct run {
    const example *e;
    const lb_conv_kernel *kernel;
    void *packed;
    void **prepared; /* one a row that windows cover: padding, the map, padding */
    int32_t *sums;
    uint8_t *codes;
    lb_random random;
    size_t failures, *messages;
} run;

static void say(run *r, size_t y, size_t x, size_t f, int64_t got, int64_t wanted, const char *of)
{
    const lb_int_conv *c = &r->e->conv;
    r->failures++;
    if ((*r->messages)++ >= MESSAGES_MAX) return;
    printf("%s: case %zu: %zux%zux%zu@%zux%zu to %zux%zu, %zu groups, %zu terms, stride %zu, "
           "padding %zu,%zu, acts %d bits from %d by %d, weights class %d %d bits: "
           "pixel %zu,%zu filter %zu: %s %lld, wanted %lld\n",
           r->kernel->name, r->e->number, c->filters, c->in_c, c->kh, c->in_h, c->in_w, c->out_h,
           c->out_w, c->groups, c->terms, c->stride, c->pad_top, c->pad_left, c->acts.bits,
           c->acts.offset, c->acts.step, (int)c->weights, c->weight_bits, y, x, f, of,
           (long long)got, (long long)wanted);
}

static void prepare_rows(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t rows = (c->out_h - 1) * c->stride + c->kh;
    const size_t row = c->in_w * lb_map_pixel_bytes(c->acts.bits, c->in_c);
    r->prepared = block_of(rows * sizeof *r->prepared);
    for (size_t i = 0; i < rows; i++) {
        const bool inside = i >= c->pad_top && i - c->pad_top < c->in_h;
        const size_t bytes = r->kernel->row_bytes(c);
        r->prepared[i] = block_of(bytes);
        memset(r->prepared[i], 0xa5, bytes);
        /* a row of its own, unaligned but for words, and exact: the first byte past it is seen */
        uint8_t *block = malloc(row + 4), *packed = block + 4;
        if (!block) abort();
        if (inside) memcpy(packed, r->e->map + (i - c->pad_top) * row, row);
        r->kernel->prepare_row(c, inside ? packed : NULL, r->prepared[i]);
        free(block);
    }
}

/* Filters [begin, end) of output pixels [x, x + n) of row y and of `more` rows below. */
static void run_alike(run *r, bool codes, size_t y, size_t more, size_t x, size_t n, size_t begin,
                      size_t end)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t first = y * c->out_w + x;
    const size_t pixel_bytes = codes ? lb_map_pixel_bytes(r->e->t.bits, c->filters) : 0;
    const lb_conv_span span = {
        .rows = (const void *const *)r->prepared + y * c->stride,
        .first = x,
        .pixels = n,
        .more_rows = more,
        .filter_begin = begin,
        .filter_end = end,
        .start = r->kernel->start_by_pixel ? NULL : r->e->starts[x],
        .starts = r->kernel->start_by_pixel ? r->e->starts + x : NULL,
        .out = {.sums = codes ? NULL : r->sums + first * c->filters,
                .thresholds = codes ? &r->e->t : NULL,
                .codes = codes ? r->codes + first * pixel_bytes : NULL},
    };
    r->kernel->run_row(c, r->packed, &span);
}

/* The same, cut where starts change unless the kernel takes them pixel by pixel. */
static void run_span(run *r, bool codes, size_t y, size_t more, size_t x, size_t n, size_t begin,
                     size_t end)
{
    const int32_t *const *starts = r->e->starts;
    for (size_t first = x, same; first < x + n; first += same) {
        same = 1;
        while (first + same < x + n &&
               (r->kernel->start_by_pixel || starts[first + same] == starts[first]))
            same++;
        run_alike(r, codes, y, more, first, same, begin, end);
    }
}

/* Output row y and `more` below it in random pieces: stretches of pixels from left to right; a block of filters and the rest in
 * either order, so that what one writes into the other's place is seen. */
static void run_rows_in_pieces(run *r, size_t y, size_t more, bool codes)
{
    const lb_int_conv *c = &r->e->conv;
    const bool split = lb_random_below(&r->random, 2);
    const size_t blocks = lb_conv_padded_filters(c) / LB_CONV_BLOCK;
    for (size_t x = 0, n = 0; x < c->out_w; x += n) {
        n = split ? between(&r->random, 1, c->out_w - x) : c->out_w;
        const size_t middle = split ? lb_random_below(&r->random, blocks) * LB_CONV_BLOCK : 0;
        const bool last_first = lb_random_below(&r->random, 2);
        if (middle > 0 && !last_first) run_span(r, codes, y, more, x, n, 0, middle);
        run_span(r, codes, y, more, x, n, middle, c->filters);
        if (middle > 0 && last_first) run_span(r, codes, y, more, x, n, 0, middle);
    }
}

/* All rows of outputs, as many at once as the kernel takes or fewer. */
static void run_all_rows(run *r, bool codes)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t most = r->kernel->rows_at_once ? r->kernel->rows_at_once(c) : 1;
    const bool split = lb_random_below(&r->random, 2);
    for (size_t y = 0, n; y < c->out_h; y += n) {
        n = split ? between(&r->random, 1, most) : most;
        if (n > c->out_h - y) n = c->out_h - y;
        run_rows_in_pieces(r, y, n - 1, codes);
    }
}

static void check_sums(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t n = c->out_h * c->out_w * c->filters;
    r->sums = block_of(n * sizeof *r->sums);
    memset(r->sums, 0x5a, n * sizeof *r->sums);
    run_all_rows(r, false);
    for (size_t i = 0; i < n; i++) {
        if (r->sums[i] == r->e->wanted[i]) continue;
        const size_t pixel = i / c->filters;
        say(r, pixel / c->out_w, pixel % c->out_w, i % c->filters, r->sums[i], r->e->wanted[i],
            "sum");
    }
    free(r->sums);
}

static void check_codes(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t pixel_bytes = lb_map_pixel_bytes(r->e->t.bits, c->filters);
    const size_t plane = pixel_bytes / (size_t)r->e->t.bits, n = c->out_h * c->out_w * pixel_bytes;
    uint8_t *block = malloc(n + 4); /* aligned to words only */
    if (!block) abort();
    r->codes = block + 4;
    memset(r->codes, 0x5a, n);
    run_all_rows(r, true);
    for (size_t i = 0; i < n; i++) {
        if (r->codes[i] == r->e->wanted_codes[i]) continue;
        const size_t pixel = i / pixel_bytes;
        say(r, pixel / c->out_w, pixel % c->out_w, i % plane * 8, r->codes[i],
            r->e->wanted_codes[i], "byte of codes from there on");
    }
    free(block);
}

/* Are blocks of filters packed one by one what packing all of them gives? */
static void check_packing_by_blocks(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t filter = c->kh * c->kw * c->in_c;
    lb_int_conv block = *c;
    block.filters = LB_CONV_BLOCK;
    const size_t step = r->kernel->weight_bytes(&block);
    for (size_t f = 0; f < c->filters; f += LB_CONV_BLOCK) {
        block.filters = c->filters - f < LB_CONV_BLOCK ? c->filters - f : LB_CONV_BLOCK;
        const size_t bytes = r->kernel->weight_bytes(&block);
        uint8_t *packed = block_of(bytes);
        memset(packed, 0xa5, bytes);
        r->kernel->pack(&block, r->e->weights + f * filter, packed);
        const uint8_t *wanted = (const uint8_t *)r->packed + f / LB_CONV_BLOCK * step;
        for (size_t i = 0; i < bytes; i++) {
            if (packed[i] == wanted[i]) continue;
            say(r, 0, 0, f, packed[i], wanted[i], "byte of a block packed by itself");
            break;
        }
        free(packed);
    }
}

static size_t check_kernel(const example *e, const lb_conv_kernel *kernel, size_t *messages)
{
    const lb_int_conv *c = &e->conv;
    run r = {.e = e, .kernel = kernel, .messages = messages};
    r.random = lb_random_at(1, LB_RANDOM_TEST, e->number, 1);
    r.packed = block_of(kernel->weight_bytes(c));
    memset(r.packed, 0x5a, kernel->weight_bytes(c));
    kernel->pack(c, e->weights, r.packed);
    if (kernel->by_blocks && c->groups == 1 && c->terms == 1) check_packing_by_blocks(&r);
    prepare_rows(&r);
    check_sums(&r);
    if (c->terms == 1) check_codes(&r);
    for (size_t i = 0; i < (c->out_h - 1) * c->stride + c->kh; i++) free(r.prepared[i]);
    free(r.prepared);
    free(r.packed);
    return r.failures;
}

lb_conv_check lb_check_conv_kernels(size_t cases, uint64_t seed)
{
    lb_conv_check check = {0};
    size_t messages = 0, runs_of[CASE_KERNELS_MAX] = {0};
    for (size_t i = 0; i < cases; i++) {
        example e = example_create(i, seed);
        for (size_t k = 0; lb_conv_kernels[k]; k++) {
            const lb_conv_kernel *kernel = lb_conv_kernels[k];
            const char *why = NULL;
            if ((kernel->isa & lb_cpu_isa()) != kernel->isa || !kernel->supports(&e.conv, &why))
                continue;
            check.failures += check_kernel(&e, kernel, &messages);
            check.runs++;
            runs_of[k]++;
        }
        example_release(&e);
    }
    for (size_t k = 0; lb_conv_kernels[k]; k++) {
        const lb_conv_kernel *kernel = lb_conv_kernels[k];
        if ((kernel->isa & lb_cpu_isa()) != kernel->isa) {
            printf("SKIP %s: this machine has no such instructions\n", kernel->name);
            check.skipped++;
        } else {
            printf("%s: %zu of %zu convolutions\n", kernel->name, runs_of[k], cases);
            check.unused += runs_of[k] == 0;
        }
    }
    return check;
}
