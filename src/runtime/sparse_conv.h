/* A convolution with float sums and ternary weights of which most are zero, by kernels/sparse: the sums of
 * runtime/float_conv.h, bit for bit, infinities and NaN too.
 *
 *     one output pixel, whose window is the map    lists by input
 *     else                                         lists by filter, over rows of pixels: a row of the input map
 *                                                  becomes one run a sign, channel and phase of the stride, so
 *                                                  that neighbouring outputs read neighbouring floats
 */
#ifndef LB_RUNTIME_SPARSE_CONV_H
#define LB_RUNTIME_SPARSE_CONV_H

#include "intnet/intnet.h"
#include "kernels/sparse/sparse_f32.h"
#include "runtime/conv_run.h"

/* Read-only after creation: any number of threads may run it. */
typedef struct lb_sparse_conv {
    lb_shape in, out;
    lb_window window;
    size_t groups, filters; /* filter = term * channels + channel */
    uint16_t *lists;        /* by input, or NULL */
    lb_sparse_rows_fn *sum_row;
    uint32_t *starts; /* [filters * kh + 1]: of the places of each filter and row of the window */
    uint32_t *places; /* in a row of the ring */
    size_t columns;   /* of the padded map that windows see */
    size_t phases;    /* of the stride that windows see */
    size_t run;       /* floats of one sign, channel and phase */
    size_t row_floats;
    size_t scratch_bytes; /* what lb_sparse_conv_row needs */
    size_t bytes;         /* of the lists; 0: this is no sparse convolution */
} lb_sparse_conv;

#ifdef LB_SMALL
enum { LB_HAS_SPARSE_CONV = 0 }; /* no room: all float sums are dense */
#else
enum { LB_HAS_SPARSE_CONV = 1 };
#endif

/** Is it one? False of {0}. */
static inline bool lb_sparse_conv_is(const lb_sparse_conv *conv)
{
    return LB_HAS_SPARSE_CONV && conv->bytes > 0;
}

/** Is a CONV layer with float sums and ternary weights, so many of them not zero, faster this way? Sums by kernel row
 *  or position never are: none may see what an infinity of the others' inputs makes of a zero. */
bool lb_sparse_conv_pays(const lb_int_layer *layer, size_t nonzero);

/**
 * Lay a CONV layer out.
 *
 * Requires:  `layer` is a checked CONV with ternary weights on floats, `nonzero` of them not zero; `in` is its
 *            input; isa: LB_ISA_ bits.
 * Ownership: the lists lie in the arena; all else is borrowed while this runs.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_sparse_conv_create(const lb_int_layer *layer, lb_shape in,
                                              size_t nonzero, unsigned isa,
                                              const lb_conv_source *source, lb_arena *arena,
                                              lb_sparse_conv *out);

/* The rows of one thread. */
typedef struct lb_sparse_conv_state {
    const lb_sparse_conv *conv;
    const float *in;
    float *ring;        /* [kh] rows */
    bool *special;      /* [kh]: the row has an infinity or a NaN */
    const float **rows; /* [kh]: those of a row of outputs */
    size_t prepared;    /* rows of the padded map before this one are in the ring */
} lb_sparse_conv_state;

/** Begin at the first row of a thread's own; scratch is aligned to LB_ALIGN. */
lb_sparse_conv_state lb_sparse_conv_begin(const lb_sparse_conv *conv, const float *in,
                                          void *scratch);
/** Sums of a row of outputs, rows in ascending order: y [out.w][filters], of which [filter_begin, filter_end)
 *  are written. */
void lb_sparse_conv_row(lb_sparse_conv_state *state, size_t row, size_t filter_begin,
                        size_t filter_end, float *y);

#endif
