/* Sizes and weights of the kernels that look partial sums up, and the tables that theirs are made of. */
#include "kernels/conv/conv_lookup.h"

#include <string.h>

#include "base/fail.h"

/* Sum of the bits of n (4 bits) that i selects. */
#define SUM(n, i)                                                            \
    (((n) & (i)&1) + ((n) >> 1 & (i) >> 1 & 1) + ((n) >> 2 & (i) >> 2 & 1) + \
     ((n) >> 3 & (i) >> 3 & 1))
#define TABLE(n)                                                                            \
    SUM(n, 0), SUM(n, 1), SUM(n, 2), SUM(n, 3), SUM(n, 4), SUM(n, 5), SUM(n, 6), SUM(n, 7), \
        SUM(n, 8), SUM(n, 9), SUM(n, 10), SUM(n, 11), SUM(n, 12), SUM(n, 13), SUM(n, 14),   \
        SUM(n, 15)
#define TWO(low, high)          \
    {                           \
        TABLE(low), TABLE(high) \
    }
#define SIXTEEN(high)                                                                         \
    TWO(0, high), TWO(1, high), TWO(2, high), TWO(3, high), TWO(4, high), TWO(5, high),       \
        TWO(6, high), TWO(7, high), TWO(8, high), TWO(9, high), TWO(10, high), TWO(11, high), \
        TWO(12, high), TWO(13, high), TWO(14, high), TWO(15, high)

_Alignas(LB_LOOKUP_UNIT_BYTES) const uint8_t lb_lookup_tables[256][LB_LOOKUP_UNIT_BYTES] = {
    SIXTEEN(0),  SIXTEEN(1),  SIXTEEN(2),  SIXTEEN(3),  SIXTEEN(4),  SIXTEEN(5),
    SIXTEEN(6),  SIXTEEN(7),  SIXTEEN(8),  SIXTEEN(9),  SIXTEEN(10), SIXTEEN(11),
    SIXTEEN(12), SIXTEEN(13), SIXTEEN(14), SIXTEEN(15),
};

enum { LANE_BYTES = 16 };

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Planes that the weights may have. */
static size_t planes_of(const lb_int_conv *conv)
{
    if (conv->weights == LB_WEIGHTS_BINARY) return 1;
    return conv->weights == LB_WEIGHTS_TERNARY ? 2 : (size_t)conv->weight_bits;
}

static uint64_t window_size(const lb_int_conv *conv)
{
    return (uint64_t)(conv->in_c * conv->kh * conv->kw);
}

bool lb_lookup_supports(const lb_int_conv *conv, const char **why)
{
    *why = "";
    const int low = lb_grid_low(conv->acts), high = lb_grid_high(conv->acts);
    const uint64_t largest = (uint64_t)(-low > high ? -low : high);
    if (conv->groups != 1)
        *why = "its filters see groups of channels";
    else if (conv->acts.bits > LB_PLANE_BITS_MAX)
        *why = "its activations have more than 4 bits";
    else if (planes_of(conv) > LB_LOOKUP_PLANES)
        *why = "its weights have more than 4 bits";
    else if (window_size(conv) * (uint64_t)conv->max_weight * largest > INT32_MAX)
        *why = "its sums may not fit 32 bits";
    return **why == '\0';
}

/* scale * S + total_scale * U is the sum of w * (scale * u). The 32767 itself is left to levels that no sum
 * is above, and -32768 to levels that all sums are above. */
bool lb_lookup_is_narrow(const lb_int_conv *conv)
{
    const int step = conv->acts.step < 0 ? -conv->acts.step : conv->acts.step;
    const uint64_t largest = (uint64_t)step * ((1u << conv->acts.bits) - 1);
    return window_size(conv) * (uint64_t)conv->max_weight * largest <= INT16_MAX;
}

size_t lb_lookup_units(const lb_int_conv *conv)
{
    return (conv->in_c + LB_LOOKUP_UNIT - 1) / LB_LOOKUP_UNIT;
}

size_t lb_lookup_run_steps(const lb_int_conv *conv, size_t parts)
{
    return (conv->kw * lb_lookup_units(conv) + parts - 1) / parts;
}

lb_lookup_block lb_lookup_block_of(size_t left, size_t register_bytes)
{
    const bool half = register_bytes > LANE_BYTES && left <= register_bytes / 2;
    return (lb_lookup_block){half ? register_bytes / 2 : register_bytes, half ? 2 : 1};
}

size_t lb_lookup_block_bytes(const lb_int_conv *conv, lb_lookup_block block)
{
    return planes_of(conv) * conv->kh * lb_lookup_run_steps(conv, block.parts) * block.filters *
           block.parts;
}

size_t lb_lookup_group_bytes(const lb_int_conv *conv, size_t register_bytes)
{
    const lb_lookup_block whole = {register_bytes, 1};
    return sizeof(lb_lookup_head) +
           LB_CONV_BLOCK / register_bytes * lb_lookup_block_bytes(conv, whole);
}

size_t lb_lookup_weight_bytes(const lb_int_conv *conv, size_t register_bytes)
{
    size_t bytes = conv->filters / LB_CONV_BLOCK * lb_lookup_group_bytes(conv, register_bytes);
    size_t left = conv->filters % LB_CONV_BLOCK;
    if (left > 0) bytes += sizeof(lb_lookup_head);
    while (left > 0) {
        const lb_lookup_block block = lb_lookup_block_of(left, register_bytes);
        bytes += lb_lookup_block_bytes(conv, block);
        left -= left < block.filters ? left : block.filters;
    }
    return bytes;
}

lb_lookup_row lb_lookup_row_of(const lb_int_conv *conv)
{
    lb_lookup_row row = {.columns = lb_conv_row_pixels(conv)};
    row.slack = row.columns * lb_lookup_units(conv) * LB_LOOKUP_UNIT_BYTES;
    row.windows = row.slack + LB_LOOKUP_SLACK;
    row.totals = row.windows + conv->out_w * sizeof(int32_t);
    row.end = row.totals + (row.columns + LB_LOOKUP_PIXELS) * sizeof(int32_t);
    return row;
}

size_t lb_lookup_row_bytes(const lb_int_conv *conv)
{
    return round_up(lb_lookup_row_of(conv).end, LB_CONV_ALIGN);
}

static int greatest_common_divisor(int a, int b)
{
    while (b != 0) {
        const int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The coarsest grid low + step * field that has all n codes, in 2^planes fields. */
typedef struct weight_grid {
    int low, step, planes;
} weight_grid;

static weight_grid grid_of(size_t n, const int16_t *codes)
{
    weight_grid grid = {codes[0], 0, 1};
    int high = codes[0];
    for (size_t i = 0; i < n; i++) {
        if (codes[i] < grid.low) grid.low = codes[i];
        if (codes[i] > high) high = codes[i];
    }
    for (size_t i = 0; i < n; i++)
        grid.step = greatest_common_divisor(codes[i] - grid.low, grid.step);
    if (grid.step == 0) grid.step = 1; /* all codes are the same */
    while ((high - grid.low) / grid.step >= 1 << grid.planes) grid.planes++;
    return grid;
}

/* Where the weights of one block go. */
typedef struct block_packer {
    const lb_int_conv *conv;
    weight_grid grid;
    lb_lookup_block block;
    size_t filters; /* that are there: at most those of the block */
    uint8_t *packed;
} block_packer;

/* Bits of plane p of the four channels of a table, of one filter's [kw][in_c] codes in a kernel row. */
static unsigned index_of(const block_packer *b, int p, const int16_t *codes, size_t table)
{
    const size_t units = lb_lookup_units(b->conv), unit = table / 2;
    const size_t kx = unit / units, first = unit % units * LB_LOOKUP_UNIT + table % 2 * 4;
    unsigned index = 0;
    for (size_t c = first; kx < b->conv->kw && c < first + 4 && c < b->conv->in_c; c++) {
        const int field = (codes[kx * b->conv->in_c + c] - b->grid.low) / b->grid.step;
        index |= ((unsigned)field >> p & 1u) << (c - first);
    }
    return index;
}

/* The filter of byte i of a register. */
static size_t filter_of_byte(lb_lookup_block block, size_t i)
{
    if (block.filters == LB_CONV_BLOCK) return i / 2 + i % 2 * (LB_CONV_BLOCK / 2);
    const size_t lane = i / LANE_BYTES, byte = i % LANE_BYTES;
    return lane / block.parts * LANE_BYTES + byte / 2 + byte % 2 * (LANE_BYTES / 2);
}

/* The register of one step of a kernel row: codes of filter 0 in that row, filters `size` apart. */
static void pack_step(const block_packer *b, int p, const int16_t *codes, size_t size, size_t step,
                      uint8_t *to)
{
    const size_t parts = b->block.parts, bytes = b->block.filters * parts;
    for (size_t i = 0; i < bytes; i++) {
        const size_t filter = filter_of_byte(b->block, i);
        const size_t table = step * 2 * parts + i / LANE_BYTES % parts;
        to[i] = 0;
        if (filter >= b->filters) continue;
        const int16_t *row = codes + filter * size;
        to[i] = (uint8_t)(index_of(b, p, row, table) | index_of(b, p, row, table + parts) << 4);
    }
}

static void pack_block(const block_packer *b, const int16_t *codes)
{
    const lb_int_conv *conv = b->conv;
    const size_t size = (size_t)window_size(conv), row = conv->kw * conv->in_c;
    const size_t steps = lb_lookup_run_steps(conv, b->block.parts);
    uint8_t *to = b->packed;
    for (int p = b->grid.planes - 1; p >= 0; p--)
        for (size_t ky = 0; ky < conv->kh; ky++)
            for (size_t s = 0; s < steps; s++, to += b->block.filters * b->block.parts)
                pack_step(b, p, codes + ky * row, size, s, to);
}

static void fill_head(const lb_int_conv *conv, weight_grid grid, const int16_t *codes,
                      size_t filters, lb_lookup_head *head)
{
    const size_t size = (size_t)window_size(conv);
    memset(head, 0, sizeof *head);
    head->planes = grid.planes;
    head->scale = conv->acts.step * grid.step;
    head->total_scale = conv->acts.step * grid.low;
    for (size_t f = 0; f < filters; f++) {
        int32_t sum = 0;
        for (size_t k = 0; k < size; k++) sum += codes[f * size + k];
        head->constant[f] = conv->acts.offset * sum;
    }
}

void lb_lookup_pack(const lb_int_conv *conv, const int16_t *codes, size_t register_bytes,
                    void *packed)
{
    const size_t size = (size_t)window_size(conv);
    uint8_t *to = packed;
    memset(packed, 0, lb_lookup_weight_bytes(conv, register_bytes));
    for (size_t f = 0; f < conv->filters; f += LB_CONV_BLOCK) {
        size_t left = conv->filters - f < LB_CONV_BLOCK ? conv->filters - f : LB_CONV_BLOCK;
        const weight_grid grid = grid_of(left * size, codes + f * size);
        lb_assert((size_t)grid.planes <= planes_of(conv));
        fill_head(conv, grid, codes + f * size, left, (lb_lookup_head *)(void *)to);
        to += sizeof(lb_lookup_head);
        for (size_t g = f; left > 0;) {
            block_packer b = {conv, grid, lb_lookup_block_of(left, register_bytes), left, to};
            if (b.filters > b.block.filters) b.filters = b.block.filters;
            pack_block(&b, codes + g * size);
            to += lb_lookup_block_bytes(conv, b.block);
            g += b.filters;
            left -= b.filters;
        }
    }
}

/* A step takes longer in small tiles, whose pixels share less: times the pixels of a row of outputs. */
static double slowed_pixels(size_t out_w)
{
    static const double of_tile[4] = {2.2, 1.5, 1.15, 1.0}; /* of 1, 2, 4, 8 pixels */
    double pixels = (double)(out_w / 8) * 8.0;
    for (size_t i = 0; i < 3; i++)
        if (out_w >> i & 1) pixels += of_tile[i] * (double)(1u << i);
    return pixels;
}

double lb_lookup_cost(const lb_int_conv *conv, size_t register_bytes, const lb_lookup_speed *speed)
{
    double finish = conv->acts.bits > 2 ? 2.5 * speed->finish : speed->finish;
    if (!lb_grid_has_zero(conv->acts)) finish *= 1.5; /* thresholds change along a row */
    const double step = speed->step[conv->out_w == 1 && conv->acts.bits == 1 ? 2 : conv->acts.bits];
    const double in_rows = (double)((conv->out_h - 1) * conv->stride + conv->kh);
    const double units = (double)(lb_conv_row_pixels(conv) * lb_lookup_units(conv));
    double of_row = in_rows * units * speed->unit / (double)conv->out_h + speed->row;
    for (size_t f = 0; f < conv->filters; f += register_bytes) {
        const lb_lookup_block block = lb_lookup_block_of(conv->filters - f, register_bytes);
        const double steps =
            (double)(planes_of(conv) * conv->kh * lb_lookup_run_steps(conv, block.parts));
        of_row += slowed_pixels(conv->out_w) * steps * step + (double)conv->out_w * finish;
    }
    return of_row / (double)(window_size(conv) * conv->filters * conv->out_w);
}
