/* Fixed-order float sums over ternary weights of which most are zero. The sums are those of kernels/f32_dot, bit for
 * bit, though the zeros are skipped:
 *
 *     A product with the weight 0 is +0 or -0 where the input is finite. Adding it changes no sum but -0 (-0 + 0 = 0),
 *     and no sum is ever -0: each starts at +0, and a sum rounded to nearest is -0 only if both its terms are.
 *     An input that is +-0 may be skipped for the same reason. +1 and -1 give the input itself and its negative,
 *     unrounded; adding the negative is subtracting.
 *
 * Infinities and NaN give NaN under a zero too: such inputs are multiplied by all weights, as f32_dot does. */
#ifndef LB_KERNELS_SPARSE_F32_H
#define LB_KERNELS_SPARSE_F32_H

#include <stddef.h>
#include <stdint.h>

/**
 * Sums of one pixel, from lists by input (kernels/sparse/sparse_lists.h).
 *
 * Computes:  y[o] = (...((0 + x[0] w[o][0]) + x[1] w[o][1]) + ...), outputs [begin, end).
 * Exactness: as kernels/f32_dot.
 */
void lb_sparse_f32_sum(const uint16_t *lists, size_t outputs, size_t inputs, const float *x,
                       size_t begin, size_t end, float *y);

/* The weights of one filter that are not zero, for neighbouring pixels: places of their inputs, row by row of the
 * window. Row ky of the window has the places [starts[ky], starts[ky + 1]). */
typedef struct lb_sparse_filter {
    size_t kh;
    const uint32_t *starts; /* [kh + 1] */
    const uint32_t *places;
} lb_sparse_filter;

enum { LB_SPARSE_PIXELS = 16 }; /* a row is read in multiples of this */

/**
 * Sums of one filter for a row of pixels.
 *
 * Computes:  y[p * y_stride] = ((0 + rows[0][place + p]) + ...) over all places in order, p < pixels.
 * Requires:  rows hold the inputs of the +1, and negated those of the -1, all finite; they can be read for pixels
 *            rounded up to LB_SPARSE_PIXELS.
 * Exactness: all variants return identical bits.
 */
typedef void lb_sparse_rows_fn(const lb_sparse_filter *filter, const float *const *rows,
                               size_t pixels, float *y, size_t y_stride);

typedef struct lb_sparse_rows_variant {
    const char *name;
    lb_sparse_rows_fn *fn;
    unsigned isa; /* LB_ISA_ bits it needs */
} lb_sparse_rows_variant;

/* Best first; the last row needs no instruction set. */
extern const lb_sparse_rows_variant lb_sparse_rows_variants[];
extern const size_t lb_n_sparse_rows_variants;
/** The first row whose instruction sets are all in `allowed`. */
const lb_sparse_rows_variant *lb_sparse_rows_select(unsigned allowed);

#endif
