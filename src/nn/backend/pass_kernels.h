/* The inner loops of everything between two convolutions: each works on n values of a tile that stays in
 * the first-level cache, several in a row make a pass over a map (onednn_pass.c).
 *
 * Per-channel coefficients are repeated to `period` values (a multiple of the channels), so that a loop never
 * asks which channel a value belongs to: value i uses coefficient i mod period.
 *
 * The functions are written once, in pass_kernels_body.h, and compiled for each instruction set. All
 * give the same bits: no sum depends on the vector width, as sums are kept by coefficient position. */
#ifndef LB_NN_BACKEND_PASS_KERNELS_H
#define LB_NN_BACKEND_PASS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/quantizer.h"

/* What a map's values are stored as. */
typedef enum lb_cell {
    LB_CELL_F32,
    LB_CELL_I16,
    LB_CELL_U8,
    LB_CELL_S8,
    LB_CELL_BIT,
    LB_CELL_BF16,
    LB_CELL_SPLIT /* a pixel's channels as bfloat16, then what that rounding lost, as bfloat16 */
} lb_cell;

/* Channels innermost: sizes of a pool's maps and its window. */
typedef struct lb_pool_shape {
    size_t c, h, w, out_h, out_w, kh, kw, stride, pad_top, pad_left;
} lb_pool_shape;

/* An activation: t = x * a + b (+ y), bit = t within [low, high] (strictly where open),
 * u = slope * min(max(t, low), high), code = u * multiplier rounded to even within [code_low, code_high]. */
typedef struct lb_activation {
    size_t period;
    const float *a, *b;
    float low, high, slope, multiplier, code_low, code_high;
    bool open;
} lb_activation;

typedef struct lb_pass_kernels {
    /** y = x * a + b, x floats or LB_CELL_I16. */
    void (*affine)(size_t n, size_t period, lb_cell cell, const void *x, const float *a,
                   const float *b, float *y);
    /** y = x * factor. */
    void (*convert)(size_t n, lb_cell cell, const void *x, float factor, float *y);
    /** Codes, at most 8 bits, as bfloat16: exact. */
    void (*to_bf16)(size_t n, lb_cell cell, const void *x, uint16_t *y);
    /** x * factor = high + low, both bfloat16, to LB_CELL_SPLIT; n is a multiple of the channels. */
    void (*split)(size_t n, size_t channels, const float *x, const float *factor, uint16_t *y);
    void (*add)(size_t n, const float *x, const float *y, float *z);
    /** A NaN stays one, here and in clip, where evaluation makes it the lower end: training must see it. */
    void (*relu)(size_t n, float slope, const float *x, float *y);
    void (*clip)(size_t n, float low, float high, const float *x, float *y);
    /** bit = low <= x <= high, strictly inside where `open`. */
    void (*window)(size_t n, float low, float high, bool open, const float *x, uint8_t *bits);
    /** y = bit ? x * factor : 0. */
    void (*mask)(size_t n, const uint8_t *bits, float factor, const float *x, float *y);
    /** y = g * max(2 - 2 |x|, 0). */
    void (*approx_sign)(size_t n, const float *g, const float *x, float *y);
    /** Codes of x to `codes` (NULL: not wanted) and code * scale to y (NULL: not wanted). */
    void (*quantize)(size_t n, const lb_act_map *map, const float *x, lb_cell cell, void *codes,
                     float *y);
    /** sum += x - shift, squares += (x - shift)^2. */
    void (*statistics)(size_t n, size_t period, const float *x, const float *shift, float *sum,
                       float *squares);
    /** The same, and x as int16. */
    void (*statistics_i16)(size_t n, size_t period, const float *x, const float *shift, float *sum,
                           float *squares, int16_t *copy);
    /** sum += g, products += g * (x - mean). */
    void (*sums)(size_t n, size_t period, lb_cell cell, const float *g, const void *x,
                 const float *mean, float *sum, float *products);
    /** y = g * a + (x - mean) * b + c. */
    void (*norm_backward)(size_t n, size_t period, lb_cell cell, const float *g, const void *x,
                          const float *mean, const float *a, const float *b, const float *c,
                          float *y);
    /** u to out, bits, u8 codes; y, out, bits, codes: NULL where not wanted. */
    void (*activate)(size_t n, const lb_activation *s, lb_cell cell, const void *x, const float *y,
                     float *out, uint8_t *bits, uint8_t *codes);
    /** add (y NULL: none), mask (bits NULL: none) and sums, batch-norm's input being z. */
    void (*mask_sums)(size_t n, size_t period, const float *x, const float *y, const uint8_t *bits,
                      float factor, float *g, lb_cell cell, const void *z, const float *mean,
                      float *sum, float *products);
    /** norm_backward to `out` (NULL: not wanted) and its split; channels: a multiple of 16, of which n is one. */
    void (*norm_split)(size_t n, size_t period, size_t channels, lb_cell cell, const float *g,
                       const void *x, const float *mean, const float *a, const float *b,
                       const float *c, const float *factor, uint16_t *halves, float *out);
    /** One image; index: position of the largest in its window, row-major. */
    void (*max_pool)(const lb_pool_shape *s, const float *x, float *y, uint16_t *index);
    void (*max_pool_backward)(const lb_pool_shape *s, const float *dy, const uint16_t *index,
                              float *dx);
    void (*average_pool)(const lb_pool_shape *s, const float *x, float *y);
    void (*average_pool_backward)(const lb_pool_shape *s, const float *dy, float *dx);
} lb_pass_kernels;

extern const lb_pass_kernels lb_pass_kernels_any, lb_pass_kernels_avx2, lb_pass_kernels_avx512;

/** The table for these instruction sets (lb_cpu_isa()). */
const lb_pass_kernels *lb_pass_kernels_for(unsigned isa);

#endif
