/* The loops of pass_kernels.h, included by one file an instruction set, which first defines
 * lb_v16, 16 floats, with its operations v_load, v_store, v_add, ..., v_inside (bits of the values in a
 * window) and v_keep (values whose bit is set, 0 elsewhere), and LB_PASS_KERNELS, the name of the table.
 * Everything is static: code compiled for one instruction set must never be merged with another's.
 * Where lb_v16 brings nothing, loops are plain, for the compiler to turn into vectors. */

#include <math.h>
#include <string.h>

#define SMALLER(a, b) ((a) < (b) ? (a) : (b))

/* One loop over whole periods: BODY sees i, the index in the tile, and j, the index of the coefficients. */
#define OVER_PERIODS(BODY)                               \
    for (size_t start = 0; start < n; start += period) { \
        const size_t part = SMALLER(period, n - start);  \
        for (size_t j = 0; j < part; j++) {              \
            const size_t i = start + j;                  \
            BODY;                                        \
        }                                                \
    }

static void affine_f32(size_t n, size_t period, const float *restrict x, const float *restrict a,
                       const float *restrict b, float *restrict y)
{
    OVER_PERIODS(y[i] = x[i] * a[j] + b[j])
}

static void affine_i16(size_t n, size_t period, const int16_t *restrict x, const float *restrict a,
                       const float *restrict b, float *restrict y)
{
    OVER_PERIODS(y[i] = (float)x[i] * a[j] + b[j])
}

static void affine(size_t n, size_t period, lb_cell cell, const void *x, const float *a,
                   const float *b, float *y)
{
    if (cell == LB_CELL_I16)
        affine_i16(n, period, x, a, b, y);
    else
        affine_f32(n, period, x, a, b, y);
}

static void convert_f32(size_t n, const float *restrict x, float factor, float *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = x[i] * factor;
}

static void convert_i16(size_t n, const int16_t *restrict x, float factor, float *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = (float)x[i] * factor;
}

static void convert_u8(size_t n, const uint8_t *restrict x, float factor, float *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = (float)x[i] * factor;
}

static void convert_s8(size_t n, const int8_t *restrict x, float factor, float *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = (float)x[i] * factor;
}

static void convert(size_t n, lb_cell cell, const void *x, float factor, float *y)
{
    switch (cell) {
    case LB_CELL_I16: convert_i16(n, x, factor, y); break;
    case LB_CELL_U8: convert_u8(n, x, factor, y); break;
    case LB_CELL_S8: convert_s8(n, x, factor, y); break;
    default: convert_f32(n, x, factor, y); break;
    }
}

static inline uint16_t bf16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16); /* to nearest, ties to even */
}

static inline float of_bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, sizeof y);
    return y;
}

static void u8_to_bf16(size_t n, const uint8_t *restrict x, uint16_t *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = bf16_of((float)x[i]);
}

static void s8_to_bf16(size_t n, const int8_t *restrict x, uint16_t *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = bf16_of((float)x[i]);
}

static void to_bf16(size_t n, lb_cell cell, const void *x, uint16_t *y)
{
    if (cell == LB_CELL_S8)
        s8_to_bf16(n, x, y);
    else
        u8_to_bf16(n, x, y);
}

static void split_pixel(size_t channels, const float *restrict x, const float *restrict factor,
                        uint16_t *restrict high, uint16_t *restrict low)
{
    for (size_t c = 0; c < channels; c++) {
        const float scaled = x[c] * factor[c];
        high[c] = bf16_of(scaled);
        low[c] = bf16_of(scaled - of_bf16(high[c]));
    }
}

static void split(size_t n, size_t channels, const float *x, const float *factor, uint16_t *y)
{
    for (size_t i = 0; i < n; i += channels) {
        split_pixel(channels, x + i, factor, y + 2 * i, y + 2 * i + channels);
    }
}

static void add(size_t n, const float *restrict x, const float *restrict y, float *restrict z)
{
    for (size_t i = 0; i < n; i++) z[i] = x[i] + y[i];
}

static void relu(size_t n, float slope, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++) y[i] = slope * (x[i] < 0.0f ? 0.0f : x[i]); /* keeps NaN */
}

static void clip(size_t n, float low, float high, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        const float raised = x[i] < low ? low : x[i]; /* keeps NaN */
        y[i] = raised > high ? high : raised;
    }
}

static void window(size_t n, float low, float high, bool open, const float *x, uint8_t *bits)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const uint16_t word = v_inside(v_load(x + i), v_set(low), v_set(high), open);
        memcpy(bits + i / 8, &word, sizeof word);
    }
    if (i == n) return;
    float rest[16] = {0};
    memcpy(rest, x + i, (n - i) * sizeof *x);
    const uint16_t word = v_inside(v_load(rest), v_set(low), v_set(high), open);
    memcpy(bits + i / 8, &word, sizeof word);
}

static void mask(size_t n, const uint8_t *bits, float factor, const float *x, float *y)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        uint16_t word;
        memcpy(&word, bits + i / 8, sizeof word);
        v_store(y + i, v_keep(v_mul(v_load(x + i), v_set(factor)), word));
    }
    for (; i < n; i++) y[i] = bits[i / 8] >> (i % 8) & 1 ? x[i] * factor : 0.0f;
}

static void approx_sign(size_t n, const float *restrict g, const float *restrict x,
                        float *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        const float slope = 2.0f - 2.0f * (x[i] < 0.0f ? -x[i] : x[i]);
        y[i] = slope > 0.0f ? g[i] * slope : 0.0f;
    }
}

/* The order of operations of lb_act_map, with its last two steps exchanged: bounds of codes are whole numbers and
 * rounding is monotone, so both orders give the same code, and what is small can be rounded by an addition. */
static inline float raise_and_cap(float t, float low, float high)
{
    const float raised = t > low ? t : low; /* NaN becomes low */
    return raised < high ? raised : high;
}

static inline float to_even(float t)
{
    const float big = 12582912.0f; /* 1.5 * 2^23: the sum has no room for a fraction */
    return (t + big) - big;
}

static inline float half_up(float t)
{
    const float u = t + 0.5f, r = to_even(u);
    return r > u ? r - 1.0f : r;
}

#define QUANTIZE_LOOP(CODE)           \
    for (size_t i = 0; i < n; i++) {  \
        const float t = x[i] * m / d; \
        code[i] = (CODE);             \
    }

static void encode(size_t n, const lb_act_map *map, const float *restrict x, float *restrict code)
{
    const float m = map->multiplier, d = map->divisor, low = map->low, high = map->high;
    switch (map->rounding) {
    case LB_ROUND_EVEN:
        if (d == 1.0f) {
            for (size_t i = 0; i < n; i++) code[i] = to_even(raise_and_cap(x[i] * m, low, high));
        } else {
            QUANTIZE_LOOP(to_even(raise_and_cap(t, low, high)))
        }
        break;
    case LB_ROUND_HALF_UP: QUANTIZE_LOOP(half_up(raise_and_cap(t, low, high))) break;
    case LB_ROUND_SIGN: QUANTIZE_LOOP(t >= 0.0f ? 1.0f : -1.0f) break;
    case LB_ROUND_STEP: QUANTIZE_LOOP(t > 0.0f ? 1.0f : 0.0f) break;
    }
}

static void store_codes(size_t n, const float *restrict code, lb_cell cell, void *restrict to)
{
    if (cell == LB_CELL_U8) {
        uint8_t *restrict y = to;
        for (size_t i = 0; i < n; i++) y[i] = (uint8_t)(int32_t)code[i];
    } else if (cell == LB_CELL_S8) {
        int8_t *restrict y = to;
        for (size_t i = 0; i < n; i++) y[i] = (int8_t)(int32_t)code[i];
    } else {
        memcpy(to, code, n * sizeof *code);
    }
}

static void quantize(size_t n, const lb_act_map *map, const float *x, lb_cell cell, void *codes,
                     float *y)
{
    enum { PIECE = 512 };
    float code[PIECE];
    const size_t bytes = cell == LB_CELL_F32 ? sizeof(float) : 1;
    for (size_t i = 0; i < n; i += PIECE) {
        const size_t part = SMALLER((size_t)PIECE, n - i);
        encode(part, map, x + i, code);
        if (codes) store_codes(part, code, cell, (uint8_t *)codes + i * bytes);
        if (y) convert_f32(part, code, map->scale, y + i);
    }
}

static void statistics(size_t n, size_t period, const float *restrict x,
                       const float *restrict shift, float *restrict sum, float *restrict squares)
{
    OVER_PERIODS(const float d = x[i] - shift[j]; sum[j] += d; squares[j] += d * d)
}

static void sums_f32(size_t n, size_t period, const float *restrict g, const float *restrict x,
                     const float *restrict mean, float *restrict sum, float *restrict products)
{
    OVER_PERIODS(sum[j] += g[i]; products[j] += g[i] * (x[i] - mean[j]))
}

static void sums_i16(size_t n, size_t period, const float *restrict g, const int16_t *restrict x,
                     const float *restrict mean, float *restrict sum, float *restrict products)
{
    OVER_PERIODS(sum[j] += g[i]; products[j] += g[i] * ((float)x[i] - mean[j]))
}

static void sums(size_t n, size_t period, lb_cell cell, const float *g, const void *x,
                 const float *mean, float *sum, float *products)
{
    if (cell == LB_CELL_I16)
        sums_i16(n, period, g, x, mean, sum, products);
    else
        sums_f32(n, period, g, x, mean, sum, products);
}

static void norm_backward_f32(size_t n, size_t period, const float *restrict g,
                              const float *restrict x, const float *restrict mean,
                              const float *restrict a, const float *restrict b,
                              const float *restrict c, float *restrict y)
{
    OVER_PERIODS(y[i] = g[i] * a[j] + ((x[i] - mean[j]) * b[j] + c[j]))
}

static void norm_backward_i16(size_t n, size_t period, const float *restrict g,
                              const int16_t *restrict x, const float *restrict mean,
                              const float *restrict a, const float *restrict b,
                              const float *restrict c, float *restrict y)
{
    OVER_PERIODS(y[i] = g[i] * a[j] + (((float)x[i] - mean[j]) * b[j] + c[j]))
}

static void norm_backward(size_t n, size_t period, lb_cell cell, const float *g, const void *x,
                          const float *mean, const float *a, const float *b, const float *c,
                          float *y)
{
    if (cell == LB_CELL_I16)
        norm_backward_i16(n, period, g, x, mean, a, b, c, y);
    else
        norm_backward_f32(n, period, g, x, mean, a, b, c, y);
}

#include "nn/backend/pass_fused_body.h"
#include "nn/backend/pass_pools_body.h"

const lb_pass_kernels LB_PASS_KERNELS = {
    .affine = affine,
    .convert = convert,
    .to_bf16 = to_bf16,
    .split = split,
    .add = add,
    .relu = relu,
    .clip = clip,
    .window = window,
    .mask = mask,
    .approx_sign = approx_sign,
    .quantize = quantize,
    .statistics = statistics,
    .statistics_i16 = statistics_i16,
    .activate = activate,
    .mask_sums = mask_sums,
    .norm_split = norm_split,
    .sums = sums,
    .norm_backward = norm_backward,
    .max_pool = max_pool,
    .max_pool_backward = max_pool_backward,
    .average_pool = average_pool,
    .average_pool_backward = average_pool_backward,
};
