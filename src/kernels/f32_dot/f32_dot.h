/* Fixed-order float sums: the one kernel behind every float sum that evaluation promises bit for bit. */
#ifndef LB_KERNELS_F32_DOT_H
#define LB_KERNELS_F32_DOT_H

#include <stddef.h>

enum {
    LB_F32_DOT_LANES = 16
}; /* output channels a call computes; weights are packed in blocks of 16 */

/* Where the inputs of successive output pixels lie. A pixel's inputs are `n_segments` runs of
 * `segment_length` floats; run s of pixel p starts at x[p * pixel_stride + segment_offset[s]]. */
typedef struct lb_f32_dot_inputs {
    size_t n_pixels, pixel_stride;
    size_t n_segments, segment_length;
    const size_t *segment_offset;
} lb_f32_dot_inputs;

/**
 * Sums of products for up to 16 output channels and a run of output pixels.
 *
 * Computes:  y[p * y_stride + o] = (...((0 + x_p[0] w[0][o]) + x_p[1] w[1][o]) + ...), o < lanes, where x_p is
 *            the concatenation of pixel p's segments and k runs over it in order. Each product is rounded to
 *            single precision before it is added: no fused multiply-add.
 * Shapes:    w (n_segments * segment_length, 16) row-major.
 * Requires:  1 <= lanes <= 16. No alignment required.
 * Aliasing:  y overlaps nothing.
 * Exactness: all variants return identical bits; sums of integers below 2^24 are exact in any order.
 *            Reads stay inside the segments and w, writes inside the `lanes` floats of each pixel.
 */
typedef void lb_f32_dot_fn(const lb_f32_dot_inputs *in, const float *x, const float *w,
                           size_t lanes, float *y, size_t y_stride);

typedef struct lb_f32_dot_variant {
    const char *name;
    lb_f32_dot_fn *fn;
    unsigned isa; /* LB_ISA_ bits it needs */
} lb_f32_dot_variant;

/* Best first; the last row needs no instruction set. */
extern const lb_f32_dot_variant lb_f32_dot_variants[];
extern const size_t lb_n_f32_dot_variants;
/** The first row whose instruction sets are all in `allowed`. */
const lb_f32_dot_variant *lb_f32_dot_select(unsigned allowed);

#endif
