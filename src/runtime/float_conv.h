/* A convolution with float sums, by kernels/f32_dot: float weights, or coded ones on float inputs.
 *
 * The order of a sum is kernel row, kernel column, input channel, as in evaluation, bit for bit; padding
 * is added as 0.0. Rows of the input map are used where they lie, or, where columns are padded or the map
 * is coded, copied as values to a ring of as many rows as the window has. */
#ifndef LB_RUNTIME_FLOAT_CONV_H
#define LB_RUNTIME_FLOAT_CONV_H

#include "base/memory.h"
#include "intnet/intnet.h"
#include "kernels/f32_dot/f32_dot.h"

/** Write the weights of filter `filter` as floats, [kh][kw][in_c / groups]; filter = term * O + channel. */
typedef void lb_float_weights_fn(const void *user, size_t filter, float *weights);

/* Read-only after creation: any number of threads may run it. */
typedef struct lb_float_conv {
    lb_f32_dot_fn *dot;
    lb_int_map in;
    lb_shape out;
    lb_window window;
    size_t groups, terms;
    size_t parts; /* rows or positions of the kernel that sums are of, one each; 1: all of it */
    size_t filter_size; /* weights that one sum adds up */
    size_t blocks;      /* of 16 filters, in a group */
    float *weights;     /* [terms][groups][blocks][filter size][16] */
    bool uses_ring;
    size_t columns;       /* of a row in the ring */
    size_t runs_per_row;  /* runs of inputs that lie side by side in a row: 1, or kw */
    size_t scratch_bytes; /* what lb_float_conv_run needs */
    size_t bytes;         /* of the weights */
} lb_float_conv;

/**
 * Lay a CONV layer out.
 *
 * Requires:  `layer` is a checked CONV on `in`; `dot` is allowed here.
 * Ownership: weights lie in the arena; all else is borrowed while this runs.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_float_conv_create(const lb_int_layer *layer, const lb_int_map *in,
                                             lb_f32_dot_fn *dot, lb_float_weights_fn *read,
                                             const void *user, lb_arena *arena, lb_float_conv *out);

/* The rows of one thread. */
typedef struct lb_float_conv_state {
    const lb_float_conv *conv;
    const void *in;
    float *ring;
    uint8_t *fields; /* of one row of a coded map */
    size_t *offsets; /* of the runs of inputs */
    size_t prepared; /* rows of the padded map before this one are in the ring */
} lb_float_conv_state;

/** Begin at the first row of a thread's own; scratch is aligned to LB_ALIGN. */
lb_float_conv_state lb_float_conv_begin(const lb_float_conv *conv, const void *in, void *scratch);
/**
 * Sums of a row of outputs, rows in ascending order.
 *
 * Shapes:   y [out.w][terms * out.c], term-major within a pixel; filters [filter_begin, filter_end) are
 *           written. Less than all filters only with one group and one term; multiples of 16 or the end.
 */
void lb_float_conv_row(lb_float_conv_state *state, size_t row, size_t filter_begin,
                       size_t filter_end, float *y);

#endif
