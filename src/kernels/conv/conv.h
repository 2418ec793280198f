/* Integer convolutions of one image: the contract that every kernel of src/kernels/conv keeps.
 *
 * A linear layer is a convolution whose window is its whole map. Nothing is materialized but rows: a
 * kernel turns each packed row of the input map into a form of its own (`prepare_row`: borders added,
 * codes expanded, tables of partial sums built) and computes rows of outputs from the kh prepared rows
 * that a window covers (`run_row`). Output channels lie in the lanes of registers, so no sum is added
 * up across a register. The driver that keeps the ring of prepared rows is src/runtime/conv_run.c. */
#ifndef LB_KERNELS_CONV_H
#define LB_KERNELS_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits/bits.h"

enum {
    LB_CONV_BLOCK = 64, /* output channels are split between threads at multiples of this */
    LB_CONV_ALIGN = 64  /* of packed weights and prepared rows */
};

/* What kinds of weights there are to make use of. */
typedef enum lb_weight_class {
    LB_WEIGHTS_BINARY,  /* all codes -1 or +1 */
    LB_WEIGHTS_TERNARY, /* -1, 0, +1 ({0, 1} too) */
    LB_WEIGHTS_INTEGER  /* anything in -255 .. 255 */
} lb_weight_class;

/* One convolution. Filters are the output channels, or terms * channels of them where a layer has
 * several sums a channel. */
typedef struct lb_int_conv {
    size_t in_c, in_h, in_w; /* of the input map */
    size_t filters;          /* sums a pixel */
    size_t out_h, out_w;     /* what the window covers; below and right, padding is implied */
    size_t groups;           /* filter f sees channels [g * in_c / groups, (g + 1) * in_c / groups),
                                 * g = (f % (filters / terms)) / (filters / terms / groups) */
    size_t terms;            /* filter f = term * (filters / terms) + channel */
    size_t kh, kw, stride, pad_top, pad_left;
    lb_code_grid acts; /* of the input map: 1..8 bits */
    lb_weight_class weights;
    int weight_bits; /* planes that the codes would need: 1, 2 (ternary), 2..8 */
    int max_weight;  /* largest |code|; of 2^(weight_bits - 1), only the negative is a code */
    size_t nonzero;  /* ternary: weights that are not zero; 0: not counted */
} lb_int_conv;

/* How sums become codes: field = (number of levels below the sum) ^ flip, where levels are
 * 2^bits - 1 ascending integers a channel and flip is 0 or 2^bits - 1. */
typedef struct lb_conv_thresholds {
    int bits;      /* of the output map: 1..4 */
    size_t stride; /* channels rounded up to LB_CONV_BLOCK */
    const int32_t
        *level; /* [2^bits - 1][stride]: counts where sum > level; INT32_MAX past the channels */
    const uint8_t
        *flip; /* bit c % 8 of byte c / 8: flip channel c; stride / 8 bytes, 0 past the channels */
} lb_conv_thresholds;

/* Where a row of outputs goes: either sums or codes. */
typedef struct lb_conv_output {
    int32_t *sums;                        /* [pixels][filters]; NULL: codes are wanted */
    const lb_conv_thresholds *thresholds; /* for codes; terms = 1 */
    uint8_t *codes;                       /* the map row (bits/bits.h) of the first pixel */
} lb_conv_output;

/* One stretch of a row of outputs. */
typedef struct lb_conv_span {
    const void *const *rows; /* [kh + more_rows * stride] prepared rows, top first */
    size_t first, pixels;    /* output pixels [first, first + pixels) of the row */
    /* So many rows of outputs below are wanted too, the same pixels of each; their outputs lie out_w
     * pixels further each. 0 but for kernels with `rows_at_once`. */
    size_t more_rows;
    /* Output filters, a multiple of LB_CONV_BLOCK at both ends, or the end itself: bytes of codes that
     * lie past `filter_end` rounded up to 8 are not touched unless filter_end is the last filter, when
     * the pixel's remaining bytes are set to 0. */
    size_t filter_begin, filter_end;
    /* [filters rounded up to LB_CONV_BLOCK]: added to each sum (corrections of borders); NULL: none */
    const int32_t *start;
    /* For kernels with `start_by_pixel` only, in place of `start` unless NULL: that of each pixel, in every row,
     * [pixels], of which any may be NULL */
    const int32_t *const *starts;
    lb_conv_output out; /* sums and codes of pixel `first`: whole pixels, filter 0 first */
} lb_conv_span;

/**
 * A kernel.
 *
 * Computes: sum[f] = start[f] + sum over taps and input channels of weight * activation, exact int32.
 *           Padding counts as the code 0; where the grid has no 0 (+-1), as +1 (field 0), which `start`
 *           takes back.
 * Exactness: every kernel gives identical integers.
 * Reads stay inside the packed row, the prepared rows, the packed weights and `start`; writes inside what
 * is named. Kernels allocate nothing and check nothing: the caller has asked `supports`.
 */
typedef struct lb_conv_kernel {
    const char *name;    /* "popcount avx2": algorithm, instruction set */
    const char *summary; /* what it does, in one line for `lowbit kernels` */
    unsigned isa;        /* LB_ISA_ bits it needs */
    /** Can it compute this convolution exactly? *why (never NULL afterwards) says why not. */
    bool (*supports)(const lb_int_conv *conv, const char **why);
    /** Expected time in nanoseconds a MAC, from measurements; the smallest that is supported wins. */
    double (*cost)(const lb_int_conv *conv);
    /** Bytes of the packed weights, and packing them from codes [filters][kh][kw][in_c / groups]. */
    size_t (*weight_bytes)(const lb_int_conv *conv);
    void (*pack)(const lb_int_conv *conv, const int16_t *codes, void *packed);
    /** Bytes of a prepared row, and preparing one from a packed row of the input map
     *  (bits/bits.h); row NULL: a row of padding. */
    size_t (*row_bytes)(const lb_int_conv *conv);
    void (*prepare_row)(const lb_int_conv *conv, const void *row, void *prepared);
    void (*run_row)(const lb_int_conv *conv, const void *packed, const lb_conv_span *span);
    /** How many rows of outputs are best computed by one call: more than one where a row has few pixels and
     *  the weights are large, so that they are read from memory less often. NULL: 1. */
    size_t (*rows_at_once)(const lb_int_conv *conv);
    /* Do packed weights lie block after block of B = block_filters (0: LB_CONV_BLOCK) filters? Then, with
     * one group and one term, those of filters [B b, B b + n), n at least B and ending with a block or the
     * layer, are byte for byte what packing these filters as a convolution of their own gives, right behind
     * those of the filters before: so weights can be packed without the codes of a whole layer in memory. */
    bool by_blocks;
    size_t block_filters;
    /* May the pixels of a span start differently (lb_conv_span.starts)? Otherwise the caller cuts rows where
     * corrections of borders change, which costs kernels that take several pixels at once. */
    bool start_by_pixel;
} lb_conv_kernel;

/* All kernels of this architecture; NULL-terminated. */
extern const lb_conv_kernel *const lb_conv_kernels[];

/** The supported kernel of lowest cost within the allowed instruction sets. Never NULL: the scalar
 *  kernels cover every convolution whose sums fit int32. */
const lb_conv_kernel *lb_conv_select(const lb_int_conv *conv, unsigned allowed_isa);

/** Filters rounded up to LB_CONV_BLOCK. */
size_t lb_conv_padded_filters(const lb_int_conv *conv);
/** Columns of a prepared row: what the windows of a row of outputs cover, padding included. */
size_t lb_conv_row_pixels(const lb_int_conv *conv);
/** The field that stands for padding: that of code 0, or 0 (+1) where the grid has no 0. */
uint8_t lb_conv_pad_field(const lb_int_conv *conv);

/** Apply thresholds to one pixel's sums of filters [begin, end) - the definition of what kernels do in
 *  registers: writes fields to `codes`, the pixel's bytes in the map, as lb_conv_span says.
 *  sums: [end - begin], that of filter `begin` first. */
void lb_conv_threshold(const lb_conv_thresholds *t, size_t filters, size_t begin, size_t end,
                       const int32_t *sums, uint8_t *codes);

#endif
