/* Convolutions by tables of partial sums: what the instruction sets share.
 *
 * Weights of a few planes of bits, w = low + step * (sum over planes p of 2^p * bit_p), meet fields u of 1 to
 * 4 bits, a = offset + scale * u. For every filter
 *
 *     sum of w * a = (step * scale) * S + (low * scale) * U + offset * (sum of w),
 *     S = sum over p of 2^p * (sum of the fields whose weight has bit p),   U = sum of all fields,
 *
 * U being the same for all filters. For four channels of one pixel, the 16 possible sums of a subset of their
 * fields are one table of bytes; the four bits of a weight's plane are its index; a byte shuffle looks up as
 * many filters as a register has bytes. A table serves all filters, planes and positions of the window.
 *
 *     unit           8 channels of a pixel: two tables, 32 bytes; entry 0 of every table is 0
 *     prepared row   [row pixels][units] tables; LB_LOOKUP_SLACK zeros; U of the window's part of this row for
 *                    each output pixel, int32 [out_w]; sum of the fields of each pixel, int32 [row pixels]
 *     weights        for each 64 filters: lb_lookup_head; then for each block of them
 *                    [plane, highest first][kernel row][step] registers
 *
 * A block is as many filters as a register has bytes (16, 32 or 64), or half as many, 16 at least, where few are
 * left; its registers then hold indices of two tables side by side, and the two parts of a sum are added up at
 * the end. A step takes the units of one register: low nibbles are indices of its first tables, high nibbles
 * of its second:
 *
 *     filters = bytes          one unit: low, high nibbles = its first, second table, in every 16 bytes alike
 *     filters = bytes / 2      two units: the 16 bytes h belong to filters [16 (h / 2), ...); low (high)
 *                              nibbles = table h % 2 of the first (second) unit
 *
 * The units of a row of the window, [kw][units], are one run; what fills up its last step has indices 0.
 * Sums are kept in 16-bit words, those of even and of odd bytes apart. So byte b of each 16 belongs to filter
 * b / 2 + 8 * (b % 2): the words of their even bytes are filters 0 to 7, those of odd bytes 8 to 15. Where filters =
 * bytes = 64, byte b belongs to filter b / 2 + 32 * (b % 2). */
#ifndef LB_KERNELS_CONV_LOOKUP_H
#define LB_KERNELS_CONV_LOOKUP_H

#include "base/compiler.h"
#include "kernels/conv/conv.h"

enum {
    LB_LOOKUP_UNIT = 8,        /* channels */
    LB_LOOKUP_UNIT_BYTES = 32, /* of its two tables */
    LB_LOOKUP_SLACK = 128,     /* what the last step may read past the last pixel */
    LB_LOOKUP_PIXELS = 8,      /* whose U are read at once, also past the last one */
    LB_LOOKUP_PLANES = 4       /* of weights, at most */
};

/* Before the weights of each LB_CONV_BLOCK filters. */
typedef struct lb_lookup_head {
    int32_t planes;      /* of these filters */
    int32_t scale;       /* of S */
    int32_t total_scale; /* of U */
    int32_t unused[13];
    int32_t constant[LB_CONV_BLOCK]; /* offset * (sum of w) */
} lb_lookup_head;

/* Filters that share a register, and the parts that their sums come in: 1 or 2. */
typedef struct lb_lookup_block {
    size_t filters, parts;
} lb_lookup_block;

/** The two tables of 8 fields of one bit, given as a byte: 256 x 32 bytes. */
extern const uint8_t lb_lookup_tables[256][LB_LOOKUP_UNIT_BYTES];

/** Units of a pixel. */
size_t lb_lookup_units(const lb_int_conv *conv);
/** Steps of one row of the window for a block of so many parts. */
size_t lb_lookup_run_steps(const lb_int_conv *conv, size_t parts);
/** The block that begins `left` filters before the end, for registers of so many bytes. */
lb_lookup_block lb_lookup_block_of(size_t left, size_t register_bytes);
/** Bytes of a block's weights. */
size_t lb_lookup_block_bytes(const lb_int_conv *conv, lb_lookup_block block);
/** Bytes of LB_CONV_BLOCK filters, their head included. */
size_t lb_lookup_group_bytes(const lb_int_conv *conv, size_t register_bytes);
/** Do all sums but for `constant` fit 16 bits with their sign? */
bool lb_lookup_is_narrow(const lb_int_conv *conv);

/* As in lb_conv_kernel, for registers of so many bytes. */
bool lb_lookup_supports(const lb_int_conv *conv, const char **why);
size_t lb_lookup_weight_bytes(const lb_int_conv *conv, size_t register_bytes);
void lb_lookup_pack(const lb_int_conv *conv, const int16_t *codes, size_t register_bytes,
                    void *packed);
size_t lb_lookup_row_bytes(const lb_int_conv *conv);

#ifdef LB_ARCH_X86_64
/** prepare_row of what takes no pairs. */
void lb_lookup_prepare_tables__avx2(const lb_int_conv *conv, const void *row, void *prepared);
#endif

/* Measured nanoseconds. */
typedef struct lb_lookup_speed {
    double step[LB_PLANE_BITS_MAX +
                1]; /* [bits of activations]: one step, one pixel of a tile of many */
    double finish;  /* sums of one pixel and block to codes of up to 2 bits */
    double unit;    /* preparing the tables of one unit */
    double row;     /* what a row takes besides */
} lb_lookup_speed;

/** Expected nanoseconds a MAC. */
double lb_lookup_cost(const lb_int_conv *conv, size_t register_bytes, const lb_lookup_speed *speed);

/* Where things are in a prepared row, in bytes. */
typedef struct lb_lookup_row {
    size_t columns; /* pixels */
    size_t slack, windows, totals, end;
} lb_lookup_row;
lb_lookup_row lb_lookup_row_of(const lb_int_conv *conv);

#endif
