/* One convolution of an integer network, made ready for a kernel and run: weights packed, thresholds in
 * the kernel's layout, corrections of borders; the ring of prepared rows that a window slides over.
 *
 * Borders. Padding has the value 0. Where the activations' grid has no code for it (+-1), kernels take
 * padding as field 0 (+1), and the sum of the weights outside the map is taken back through the span's `start`:
 * a row of outputs is cut into stretches whose windows have the same columns outside. */
#ifndef LB_RUNTIME_CONV_RUN_H
#define LB_RUNTIME_CONV_RUN_H

#include "base/fail.h"
#include "base/memory.h"
#include "intnet/post.h"
#include "kernels/conv/conv.h"

/** Write the codes of filters [first, first + n), [n][kh][kw][in_c / groups]. */
typedef void lb_conv_codes_fn(const void *user, size_t first, size_t n, int16_t *codes);

/* Where weights come from, some filters at a time. */
typedef struct lb_conv_source {
    lb_conv_codes_fn *read;
    const void *user;
} lb_conv_source;

/* A stretch of a row of outputs, and the columns of its windows that lie outside the map. */
typedef struct lb_conv_stretch {
    size_t first, pixels, left, right;
} lb_conv_stretch;

/* A convolution with its weights. Read-only after creation: any number of threads may run it. */
typedef struct lb_conv_plan {
    lb_int_conv conv;
    const lb_conv_kernel *kernel;
    void *weights;
    lb_conv_thresholds thresholds; /* bits 0: sums are wanted */
    bool corrects_borders;
    bool wide_corrections; /* int32, else int16 */
    void *corrections;     /* [kh * kw][padded filters]: of a tap that lies outside the map */
    lb_conv_stretch *stretches;
    size_t n_stretches;
    size_t rows_at_once;         /* rows of outputs a call of the kernel */
    size_t ring_rows, row_bytes; /* slots of the ring, bytes of one */
    size_t sums_rows;            /* rows of sums handed over at once, at most; 0 with thresholds */
    size_t scratch_bytes;        /* what lb_conv_run needs */
    size_t bytes;                /* weights, thresholds and corrections: resident */
} lb_conv_plan;

/**
 * Lay a convolution out for a kernel.
 *
 * Requires:  the sums fit int32; terms = 1 where there are thresholds, of 1 to 4 bits; isa: LB_ISA_ bits.
 * Ownership: *out lives in the arena; thresholds and source are read here only. kernel NULL: the best of
 *            the instruction sets; thresholds NULL: sums are wanted.
 * Errors:    LB_E_NOMEM; LB_E_UNSUPPORTED the kernel cannot compute this convolution.
 */
LB_MUST_CHECK lb_status lb_conv_plan_create(const lb_int_conv *conv, const lb_conv_kernel *kernel,
                                            unsigned isa, const lb_thresholds *thresholds,
                                            const lb_conv_source *source, lb_arena *arena,
                                            lb_conv_plan *out);

/** Filters whose codes lb_conv_plan_create wants at once from a source, at most. */
size_t lb_conv_filters_at_once(const lb_int_conv *conv, const lb_conv_kernel *kernel);

/** A source that reads an array of all codes, [filters][kh][kw][in_c / groups]: `user` of
 *  lb_conv_read_array. */
typedef struct lb_conv_array {
    const int16_t *codes;
    size_t filter_size; /* kh * kw * in_c / groups */
} lb_conv_array;
void lb_conv_read_array(const void *array, size_t first, size_t n, int16_t *codes);

/* What to run. */
typedef struct lb_conv_job {
    const lb_conv_plan *plan;
    const void *in;            /* the input map, rows as bits/bits.h has them */
    void *out;                 /* the output map, with thresholds */
    void *scratch;             /* plan->scratch_bytes, aligned to LB_CONV_ALIGN */
    size_t row_begin, row_end; /* of outputs */
    size_t filter_begin,
        filter_end; /* multiples of LB_CONV_BLOCK, or the end; at least one filter */
    /* Without thresholds: called for every few rows; sums [rows][out_w][filters], those of the range are
     * written. */
    void (*finish)(void *user, size_t row, size_t rows, const int32_t *sums);
    void *user;
} lb_conv_job;

/** Run some rows and filters. Allocates nothing; jobs that share no output may run at the same time. */
void lb_conv_run(const lb_conv_job *job);

#endif
