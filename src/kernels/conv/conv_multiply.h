/* The kernels that multiply codes: what they share, whatever the width of their codes and registers.
 *
 *     prepared row   codes or fields, [row pixels][in_c], nothing between pixels: the window of an output
 *                    pixel is one contiguous run in each row, so a first layer of 3 channels wastes nothing;
 *                    Winograd: [blocks of output pixels][positions][in_c rounded up to 32]
 *     weights        for every LB_CONV_BLOCK filters: an int32 constant for each, Winograd: and one for each
 *                    position; then [tile of filters][position][run][step][filter of the tile][codes of a
 *                    step]
 *
 * A run is what lies side by side in a prepared row: kw pixels of all channels, or, where the filters of a
 * tile see only some groups of channels, the channels that they see of one pixel. Runs are cut into steps
 * of a few codes, which one multiplication of a register takes from each filter; the codes that fill up
 * the last step meet zero weights.
 *
 * A block of output pixels is one pixel, with one position, or what Winograd's transforms (conv_winograd.h)
 * compute together: 2 or 4 pixels with 4 or 6 positions, each of which has weights and sums of its own.
 *
 * Weights are walked through in chunks that stay in the first-level cache while all blocks of a strip use
 * them; meanwhile the 32-bit sums of the strip lie in a small array. The loops are in conv_multiply_run.c;
 * an instruction set brings three functions: rows, sums of a stretch of weights, putting outputs. */
#ifndef LB_KERNELS_CONV_MULTIPLY_H
#define LB_KERNELS_CONV_MULTIPLY_H

#include "kernels/conv/threshold.h"

enum {
    LB_MULTIPLY_REGISTERS_MAX = 4, /* of a tile */
    LB_MULTIPLY_STRIP_MAX = 96     /* blocks */
};

/* ---- sizes ---- */

/* What follows for one convolution. */
typedef struct lb_multiply_layout {
    size_t channels;     /* input channels that the filters of a tile see at most */
    size_t runs_per_row; /* 1, or kw where a tile does not see all channels */
    size_t runs, steps;  /* of a window; of a run */
    size_t outputs;      /* pixels of a block */
    size_t positions;    /* of a block */
    size_t run_pitch;   /* bytes from one run to the next in a prepared row, or between positions */
    size_t block_pitch; /* bytes from one block of output pixels to the next */
    size_t constant_bytes; /* of LB_CONV_BLOCK filters */
    size_t filter_bytes;   /* of one filter's weights */
} lb_multiply_layout;

/** The constants of the LB_CONV_BLOCK filters that f is one of. First what to add to grid.step * (sum over
 *  fields) - or, without fields, to the sum over codes - to get the sum over codes; then, for Winograd,
 *  what the sums of each position start from. */
static inline size_t lb_multiply_constants_at(const lb_multiply_layout *layout, size_t f)
{
    return f / LB_CONV_BLOCK * (layout->constant_bytes + LB_CONV_BLOCK * layout->filter_bytes);
}

/** The weights of the tile beginning with filter f. */
static inline size_t lb_multiply_weights_at(const lb_multiply_layout *layout, size_t f)
{
    return lb_multiply_constants_at(layout, f) + layout->constant_bytes +
           f % LB_CONV_BLOCK * layout->filter_bytes;
}

/* ---- what an instruction set brings ---- */

/* Blocks of pixels and where they lie in prepared rows. */
typedef struct lb_multiply_strip {
    size_t n;
    uint32_t row[LB_MULTIPLY_STRIP_MAX];    /* rows of outputs below the first, times the stride */
    uint32_t offset[LB_MULTIPLY_STRIP_MAX]; /* in the row, in bytes */
    uint32_t pixel
        [LB_MULTIPLY_STRIP_MAX]; /* of the span's outputs; of the first that is inside the span */
    uint32_t column[LB_MULTIPLY_STRIP_MAX]; /* its column, from the span's first one on */
    /* the outputs of the block that are inside: [first, end) */
    uint8_t first[LB_MULTIPLY_STRIP_MAX], end[LB_MULTIPLY_STRIP_MAX];
} lb_multiply_strip;

/* A part of a window: whole runs, or some steps of one. */
typedef struct lb_multiply_stretch {
    const void *const *rows;
    const lb_multiply_strip *strip;
    size_t runs_per_row, run_pitch;
    size_t offset;      /* of its first input from the first one of a run, in bytes */
    size_t run, n_runs; /* runs [run, run + n_runs) */
    size_t n_steps;     /* of each */
    const uint8_t *weights;
    const int32_t *start; /* what the sums of every block start from; NULL: from what they are */
} lb_multiply_stretch;

/** Add the products of a stretch to the sums of a tile's filters, [blocks][filters of a tile]. */
typedef void lb_multiply_add_fn(const lb_multiply_stretch *stretch, int32_t *sums);

/* The outputs of a strip and where they go. */
typedef struct lb_multiply_outputs {
    const lb_conv_span *span;
    const lb_conv_sink *sink;
    const lb_multiply_strip *strip;
    size_t tile;           /* filters of a tile, also where it is the last and has fewer */
    size_t f, filters;     /* filters [f, f + filters) */
    size_t outputs;        /* pixels of a block */
    size_t position_pitch; /* integers from one position's sums to the next one's */
    uint32_t scale;        /* of sums */
    const int32_t *constants;
    int32_t *sums; /* [positions][blocks][filters of a tile]; overwritten */
} lb_multiply_outputs;

/** Put all outputs of a strip to their place. */
typedef void lb_multiply_put_fn(const lb_multiply_outputs *outputs);

struct lb_multiply_method;
/** prepare_row of lb_conv_kernel. */
typedef void lb_multiply_prepare_fn(const struct lb_multiply_method *method,
                                    const lb_int_conv *conv, const void *row, void *prepared);

/* What a kernel's time is made of, measured; all in nanoseconds but `gops`. */
typedef struct lb_multiply_speed {
    double gops;    /* 10^9 operations a second, padding of filters and codes included */
    double stretch; /* to take up and put back the sums of a block, for each position and filter */
    double output;  /* else for an output of a filter */
    double pixel;   /* for an output pixel, whatever its filters */
    double input;   /* for a channel of an input pixel */
} lb_multiply_speed;

/* A kernel. */
typedef struct lb_multiply_method {
    size_t code_bytes; /* 1 or 2 */
    size_t step;       /* codes that a step takes from each filter */
    size_t lanes;      /* filters of a register of weights */
    size_t tile;       /* filters of a tile: lanes times registers; divides LB_CONV_BLOCK */
    size_t round;      /* filters are rounded up to these: a multiple of lanes */
    bool
        has_sign; /* what rows hold. Bytes are fields u, with sign u - 128 if they have 8 bits; 16 bits
                        * are codes offset + step * u, with sign */
    size_t products; /* that a step adds in 16 bits; 0: sums are of 32 bits at once */
    size_t winograd; /* outputs of a block, 2 or 4: F(2, 3) or F(4, 3); 0: each output by itself */
    size_t strip;    /* blocks */
    lb_multiply_prepare_fn *prepare;
    lb_multiply_add_fn *const *add; /* [registers of a tile, from 1 on] */
    lb_multiply_put_fn *put;
    lb_multiply_speed speed;
} lb_multiply_method;

lb_multiply_layout lb_multiply_layout_of(const lb_multiply_method *method, const lb_int_conv *conv);

/** First input channel that the tile beginning with filter f reads. */
size_t lb_multiply_first_channel(const lb_multiply_method *method, const lb_int_conv *conv,
                                 const lb_multiply_layout *layout, size_t f);

/** What rows of fields hold for the field 0, with its sign changed. */
static inline int lb_multiply_field_shift(const lb_multiply_method *method, const lb_int_conv *conv)
{
    return method->code_bytes == 1 && method->has_sign && conv->acts.bits == 8 ? 128 : 0;
}

/** Steps of a position that may be added before sums of 16 bits might overflow; 0: not even one. */
size_t lb_multiply_longest(const lb_multiply_method *method, const lb_int_conv *conv,
                           size_t position);

/** How many steps of weights a stretch may have at most, for a tile of so many filters. */
size_t lb_multiply_steps_of_stretch(const lb_multiply_method *method, const lb_int_conv *conv,
                                    size_t position, size_t filters);

/* ---- the members of lb_conv_kernel ---- */

bool lb_multiply_supports(const lb_multiply_method *method, const lb_int_conv *conv,
                          const char **why);
double lb_multiply_cost(const lb_multiply_method *method, const lb_int_conv *conv);
size_t lb_multiply_weight_bytes(const lb_multiply_method *method, const lb_int_conv *conv);
void lb_multiply_pack(const lb_multiply_method *method, const lb_int_conv *conv,
                      const int16_t *codes, void *packed);
size_t lb_multiply_row_bytes(const lb_multiply_method *method, const lb_int_conv *conv);
void lb_multiply_run_row(const lb_multiply_method *method, const lb_int_conv *conv,
                         const void *packed, const lb_conv_span *span);
size_t lb_multiply_rows_at_once(const lb_int_conv *conv);

/* Define the kernel `symbol`, whose method is the constant `method`. */
#define LB_MULTIPLY_KERNEL(symbol, method, kernel_name, kernel_summary, sets)                  \
    static bool method##_supports(const lb_int_conv *conv, const char **why)                   \
    {                                                                                          \
        return lb_multiply_supports(&(method), conv, why);                                     \
    }                                                                                          \
    static double method##_cost(const lb_int_conv *conv)                                       \
    {                                                                                          \
        return lb_multiply_cost(&(method), conv);                                              \
    }                                                                                          \
    static size_t method##_weight_bytes(const lb_int_conv *conv)                               \
    {                                                                                          \
        return lb_multiply_weight_bytes(&(method), conv);                                      \
    }                                                                                          \
    static void method##_pack(const lb_int_conv *conv, const int16_t *codes, void *packed)     \
    {                                                                                          \
        lb_multiply_pack(&(method), conv, codes, packed);                                      \
    }                                                                                          \
    static size_t method##_row_bytes(const lb_int_conv *conv)                                  \
    {                                                                                          \
        return lb_multiply_row_bytes(&(method), conv);                                         \
    }                                                                                          \
    static void method##_prepare_row(const lb_int_conv *conv, const void *row, void *prepared) \
    {                                                                                          \
        (method).prepare(&(method), conv, row, prepared);                                      \
    }                                                                                          \
    static void method##_run_row(const lb_int_conv *conv, const void *packed,                  \
                                 const lb_conv_span *span)                                     \
    {                                                                                          \
        lb_multiply_run_row(&(method), conv, packed, span);                                    \
    }                                                                                          \
    const lb_conv_kernel symbol = {                                                            \
        .name = (kernel_name),                                                                 \
        .summary = (kernel_summary),                                                           \
        .isa = (sets),                                                                         \
        .supports = method##_supports,                                                         \
        .cost = method##_cost,                                                                 \
        .weight_bytes = method##_weight_bytes,                                                 \
        .pack = method##_pack,                                                                 \
        .row_bytes = method##_row_bytes,                                                       \
        .prepare_row = method##_prepare_row,                                                   \
        .run_row = method##_run_row,                                                           \
        .rows_at_once = lb_multiply_rows_at_once,                                              \
        .by_blocks = true,                                                                     \
        .start_by_pixel = true,                                                                \
    };

#endif
