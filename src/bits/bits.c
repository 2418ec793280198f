/* Codes in bits. Eight fields at a time are moved as the eight bytes of one 64-bit word, so that plain C is
 * fast everywhere:
 *
 *     bits -> byte   the lowest bits b0 .. b7 of bytes 0 .. 7, times the sum of 2^(56 - 7 i): the product
 *                    b_i * 2^(8 i) * 2^(56 - 7 i) is bit 56 + i; all 64 products fall on different bits, so
 *                    nothing is carried and the top byte is b0 .. b7
 *     byte -> bits   the byte in all eight bytes, of which byte i keeps its bit i, not zero + 127 = 128 or more */
#include "bits/bits.h"

#include <string.h>

enum { BYTE_BITS = 8, WORD_BITS = 32 };
static const uint64_t every_byte = 0x0101010101010101u;
static const uint64_t gather_bits = 0x0102040810204080u;
static const uint64_t bit_i_of_byte_i = 0x8040201008040201u;

int lb_grid_low(lb_code_grid grid)
{
    const int last = grid.offset + grid.step * ((1 << grid.bits) - 1);
    return last < grid.offset ? last : grid.offset;
}

int lb_grid_high(lb_code_grid grid)
{
    const int last = grid.offset + grid.step * ((1 << grid.bits) - 1);
    return last > grid.offset ? last : grid.offset;
}

bool lb_grid_has_zero(lb_code_grid grid)
{
    return lb_grid_low(grid) <= 0 && lb_grid_high(grid) >= 0 && grid.offset % grid.step == 0;
}

uint8_t lb_grid_field(lb_code_grid grid, int code)
{
    return (uint8_t)((code - grid.offset) / grid.step);
}

/* Little-endian whatever the machine; compilers make one load or store of it, but not always of a loop. */
static inline uint64_t load_8(const uint8_t *b)
{
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 |
           (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 |
           (uint64_t)b[7] << 56;
}

static inline void store_4(uint8_t *b, uint32_t v)
{
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
    b[2] = (uint8_t)(v >> 16);
    b[3] = (uint8_t)(v >> 24);
}

static inline void store_8(uint8_t *b, uint64_t v)
{
    store_4(b, (uint32_t)v);
    store_4(b + 4, (uint32_t)(v >> 32));
}

/* Bit p of eight fields as one byte. */
static inline unsigned pack_8(int p, const uint8_t *fields)
{
    return (unsigned)((load_8(fields) >> p & every_byte) * gather_bits >> 56);
}

/* Bit p of n fields to ceil(n / 8) bytes. */
static inline void pack_plane(int p, size_t n, const uint8_t *fields, uint8_t *plane)
{
    size_t i = 0;
    for (; i + BYTE_BITS <= n; i += BYTE_BITS)
        plane[i / BYTE_BITS] = (uint8_t)pack_8(p, fields + i);
    if (i == n) return;
    unsigned last = 0;
    for (size_t j = i; j < n; j++) last |= (fields[j] >> p & 1u) << (j - i);
    plane[i / BYTE_BITS] = (uint8_t)last;
}

/* Bit p of n fields is set from the plane; plane 0 comes first and sets whole fields. */
static inline void unpack_plane(int p, size_t n, const uint8_t *plane, uint8_t *fields)
{
    size_t i = 0;
    for (; i + BYTE_BITS <= n; i += BYTE_BITS) {
        const uint64_t kept = plane[i / BYTE_BITS] * every_byte & bit_i_of_byte_i;
        const uint64_t bits = ((kept + 0x7f * every_byte) >> 7 & every_byte) << p;
        store_8(fields + i, p == 0 ? bits : load_8(fields + i) | bits);
    }
    for (; i < n; i++) {
        const unsigned bit = (unsigned)plane[i / BYTE_BITS] >> i % BYTE_BITS & 1u;
        fields[i] = (uint8_t)((p == 0 ? 0u : fields[i]) | bit << p);
    }
}

size_t lb_stream_plane_bytes(size_t n)
{
    return n / BYTE_BITS + (n % BYTE_BITS != 0);
}

void lb_stream_pack(int bits, size_t n, const uint8_t *fields, uint8_t *stream)
{
    const size_t plane = lb_stream_plane_bytes(n);
    for (int p = 0; p < bits; p++) pack_plane(p, n, fields, stream + (size_t)p * plane);
}

void lb_stream_unpack(int bits, size_t n, const uint8_t *stream, uint8_t *fields)
{
    const size_t plane = lb_stream_plane_bytes(n);
    for (int p = 0; p < bits; p++) unpack_plane(p, n, stream + (size_t)p * plane, fields);
}

/* Bytes of one plane of a pixel. */
static inline size_t map_plane_bytes(size_t channels)
{
    return (channels + WORD_BITS - 1) / WORD_BITS * (WORD_BITS / BYTE_BITS);
}

size_t lb_map_pixel_bytes(int bits, size_t channels)
{
    return bits > LB_PLANE_BITS_MAX ? channels : (size_t)bits * map_plane_bytes(channels);
}

/* One pixel, a word of 32 channels after the other, planes within; `bits` is a constant where this is
 * inlined. */
static inline void pack_pixel(int bits, size_t channels, const uint8_t *fields, uint8_t *to)
{
    const size_t plane = map_plane_bytes(channels);
    for (size_t c = 0; c < channels; c += WORD_BITS, to += WORD_BITS / BYTE_BITS) {
        const size_t left = channels - c < WORD_BITS ? channels - c : WORD_BITS;
        const uint8_t *from = fields + c;
        uint8_t last[WORD_BITS] = {0};
        if (left % BYTE_BITS != 0) from = memcpy(last, from, left);
        for (int p = 0; p < bits; p++) {
            uint32_t word = 0;
            for (size_t i = 0; i < left; i += BYTE_BITS) word |= (uint32_t)pack_8(p, from + i) << i;
            store_4(to + (size_t)p * plane, word);
        }
    }
}

void lb_map_row_pack(int bits, size_t channels, size_t pixels, const uint8_t *fields, void *row)
{
    if (bits > LB_PLANE_BITS_MAX) {
        memcpy(row, fields, pixels * channels);
        return;
    }
    const size_t pixel = lb_map_pixel_bytes(bits, channels);
    uint8_t *to = row;
    for (size_t i = 0; i < pixels; i++, to += pixel, fields += channels) {
        switch (bits) {
        case 1: pack_pixel(1, channels, fields, to); break;
        case 2: pack_pixel(2, channels, fields, to); break;
        default: pack_pixel(bits, channels, fields, to); break;
        }
    }
}

void lb_map_row_unpack(int bits, size_t channels, size_t pixels, const void *row, uint8_t *fields)
{
    if (bits > LB_PLANE_BITS_MAX) {
        memcpy(fields, row, pixels * channels);
        return;
    }
    const size_t plane = map_plane_bytes(channels);
    const uint8_t *from = row;
    for (size_t i = 0; i < pixels; i++)
        for (int p = 0; p < bits; p++, from += plane)
            unpack_plane(p, channels, from, fields + i * channels);
}
