/* The one owner of bit order: how small codes are stored in bits.
 *
 * A code is stored as its field u, 0 <= u < 2^bits, of a grid: code = offset + step * u.
 *
 *     codes                          grid
 *     +-1                            bits 1, offset 1, step -2      (bit 1 means -1)
 *     {0, 1}                         bits 1, offset 0, step 1
 *     0 .. 2^k - 1                   bits k, offset 0, step 1
 *     -2^(k-1) .. 2^(k-1) - 1        bits k, offset -2^(k-1), step 1
 *     odd, -(2^k - 1) .. 2^k - 1     bits k, offset -(2^k - 1), step 2
 *
 * Ternary weights have two planes of their own: sign (1 means negative) and non-zero; a field is
 * sign + 2 * non-zero, so 0 is the code 0, 2 the code +1, 3 the code -1, and 1 is not used.
 *
 * Two layouts. A *stream* (files: weights) has plane after plane, bit i of plane p at bit i % 8 of byte
 * i / 8, each plane padded with zero bits to a whole byte. A *map row* (memory: activations, channels
 * innermost) has, pixel after pixel, for up to 4 bits `bits` planes of ceil(channels / 32) little-endian
 * 32-bit words, channel c at bit c % 32 of word c / 32, unused bits zero; from 5 bits on one byte a
 * channel. */
#ifndef LB_BITS_BITS_H
#define LB_BITS_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lb_code_grid {
    int bits, offset, step;
} lb_code_grid;

enum { LB_PLANE_BITS_MAX = 4 }; /* the most bits that a map keeps in planes */

/** Smallest and largest code of a grid. */
int lb_grid_low(lb_code_grid grid);
int lb_grid_high(lb_code_grid grid);
/** Is 0 a code of the grid? */
bool lb_grid_has_zero(lb_code_grid grid);
/** The field of a code that the grid has. */
uint8_t lb_grid_field(lb_code_grid grid, int code);

/** Bytes of one plane of n bits in a stream: ceil(n / 8). */
size_t lb_stream_plane_bytes(size_t n);
/** fields (n) to `bits` planes of a stream, and back. Fields below 2^bits. */
void lb_stream_pack(int bits, size_t n, const uint8_t *fields, uint8_t *stream);
void lb_stream_unpack(int bits, size_t n, const uint8_t *stream, uint8_t *fields);

/** Bytes of one pixel of a map: for up to 4 bits a multiple of 4. */
size_t lb_map_pixel_bytes(int bits, size_t channels);
/** fields (pixels, channels) to a map row, and back. */
void lb_map_row_pack(int bits, size_t channels, size_t pixels, const uint8_t *fields, void *row);
void lb_map_row_unpack(int bits, size_t channels, size_t pixels, const void *row, uint8_t *fields);

#endif
