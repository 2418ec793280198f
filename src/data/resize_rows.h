/* The two loops of a resize, for each instruction set; all give the same bytes. resize_rows.c is the
 * definition. Weights sum to 2^14; an intermediate value is 2^7 times a pixel, rounded half up. */
#ifndef LB_DATA_RESIZE_ROWS_H
#define LB_DATA_RESIZE_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum {
    LB_RESIZE_WEIGHT_BITS = 14,
    LB_RESIZE_KEPT_BITS = 7, /* 255 * 2^7 is the largest intermediate: it fits int16 */
    LB_RESIZE_FIRST_SHIFT = LB_RESIZE_WEIGHT_BITS - LB_RESIZE_KEPT_BITS,
    LB_RESIZE_LAST_SHIFT = LB_RESIZE_WEIGHT_BITS + LB_RESIZE_KEPT_BITS
};

/* out[x] = sum over k < n of weights[k] * rows[k][x], for x < bytes; n is even. */
typedef void lb_resize_blend(const uint8_t *const *rows, const int16_t *weights, size_t n,
                             size_t bytes, int16_t *out);

/* Pixel x < count of each plane from pixels firsts[x], firsts[x] + 1, ... of `row`, four values a pixel;
 * n is even. One pixel past the last one with a weight may be read. */
typedef void lb_resize_pick(const int16_t *row, const uint32_t *firsts, const int16_t *weights,
                            size_t n, size_t count, uint8_t *const planes[3]);

typedef struct lb_resize_loops {
    lb_resize_blend *blend;
    lb_resize_pick *pick;
} lb_resize_loops;

/** The loops for an instruction set (bits of base/cpu.h). */
lb_resize_loops lb_resize_loops_for(unsigned isa);

lb_resize_blend lb_resize_blend__avx2;
lb_resize_pick lb_resize_pick__avx2;

#endif
