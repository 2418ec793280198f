/* Sums of 16 filters, in 16 bits and without their constants, to sums or codes: levels are brought to the same
 * form once for many pixels, so that 16 filters are compared at once.
 *
 * A sum is above a level where its total, of at most 32,767, is above level - constant. Constants are below
 * 2^20; a level past that is as good as one at 2^24, and what does not fit 16 bits is saturated: 32,767 is above
 * no total, and every total is above -32,768. */
#ifndef LB_KERNELS_CONV_POPCOUNT_PUT_AVX2_H
#define LB_KERNELS_CONV_POPCOUNT_PUT_AVX2_H

#include "kernels/conv/threshold_avx2.h"

enum { SHORT_LANES = 16, LEVELS_MAX = (1 << LB_PLANE_BITS_MAX) - 1 };

/* Two registers of 8 numbers to 16 of 16 bits, saturated. */
LB_ALWAYS_INLINE __m256i saturate(__m256i low, __m256i high)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
}

/* Level j of 8 filters, less their constants. */
LB_ALWAYS_INLINE __m256i relative_level(const lb_conv_sink *sink, int j, size_t f,
                                        __m256i constants)
{
    const __m256i far = _mm256_set1_epi32(1 << 24), minus_far = _mm256_set1_epi32(-(1 << 24));
    const int32_t *level = sink->level + (size_t)j * sink->stride + f;
    __m256i near = _mm256_min_epi32(_mm256_loadu_si256((const __m256i *)level), far);
    near = _mm256_max_epi32(near, minus_far);
    return _mm256_sub_epi32(near, constants);
}

/* Bit f of the low half: of `first` filter f; of the high half: of `second`. */
LB_ALWAYS_INLINE uint32_t bits_of_both(__m256i first, __m256i second)
{
    const __m256i bytes = _mm256_packs_epi16(first, second);
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(bytes, 0xd8));
}

LB_ALWAYS_INLINE void store_bits(uint8_t *to, uint32_t bits)
{
    const uint16_t two_bytes = (uint16_t)bits;
    memcpy(to, &two_bytes, sizeof two_bytes);
}

/* Codes of one bit; two pixels at a time. */
static inline void put_short_bits(const lb_conv_sink *sink, uint8_t *to, uint32_t flip, size_t n,
                                  const __m256i *totals, __m256i level)
{
    const size_t step = sink->pixel_bytes;
    size_t i = 0;
    for (; i + 2 <= n; i += 2, to += 2 * step) {
        const uint32_t bits = bits_of_both(_mm256_cmpgt_epi16(totals[i], level),
                                           _mm256_cmpgt_epi16(totals[i + 1], level)) ^
                              flip;
        store_bits(to, bits);
        store_bits(to + step, bits >> 16);
    }
    if (i == n) return;
    const __m256i above = _mm256_cmpgt_epi16(totals[i], level);
    store_bits(to, bits_of_both(above, above) ^ flip);
}

/* Codes of two to four bits; see threshold_avx2.h for the bits of a count. */
LB_ALWAYS_INLINE void put_short_fields(const lb_conv_sink *sink, int bits, uint8_t *to,
                                       uint32_t flip, size_t n, const __m256i *totals,
                                       const __m256i *levels)
{
    for (size_t i = 0; i < n; i++, to += sink->pixel_bytes) {
        __m256i plane[LB_PLANE_BITS_MAX];
        for (int p = 0; p < LB_PLANE_BITS_MAX; p++) plane[p] = _mm256_setzero_si256();
        for (int j = 0; j < (1 << bits) - 1; j++) {
            const __m256i above = _mm256_cmpgt_epi16(totals[i], levels[j]);
            for (int p = 0; (j + 1) % (1 << p) == 0; p++)
                plane[p] = _mm256_xor_si256(plane[p], above);
        }
        const uint32_t low = bits_of_both(plane[0], plane[1]) ^ flip;
        store_bits(to, low);
        store_bits(to + sink->plane_bytes, low >> 16);
        if (bits == 2) continue;
        const uint32_t high = bits_of_both(plane[2], plane[3]) ^ flip;
        store_bits(to + 2 * sink->plane_bytes, high);
        if (bits == 4) store_bits(to + 3 * sink->plane_bytes, high >> 16);
    }
}

/* Codes of n neighbouring pixels from `pixel` of the span on, of filters [f, f + 16), f a multiple of 16 below the
 * span's last filter. A plane is whole 32-bit words, so both bytes are inside. */
static inline void put_short_codes(const lb_conv_sink *to, size_t pixel, size_t f, size_t n,
                                   const __m256i *totals, const __m256i constants[2])
{
    const lb_conv_sink sink = *to; /* of one's own: no store of a code changes it */
    uint8_t *codes = sink.codes + pixel * sink.pixel_bytes + f / 8;
    const uint32_t flip = (sink.flip[f / 8] | (uint32_t)sink.flip[f / 8 + 1] << 8) * 0x10001u;
    __m256i levels[LEVELS_MAX];
    for (int j = 0; j < (1 << sink.bits) - 1; j++)
        levels[j] = saturate(relative_level(&sink, j, f, constants[0]),
                             relative_level(&sink, j, f + 8, constants[1]));
    if (sink.bits == 1)
        put_short_bits(&sink, codes, flip, n, totals, levels[0]);
    else if (sink.bits == 2)
        put_short_fields(&sink, 2, codes, flip, n, totals, levels);
    else if (sink.bits == 3)
        put_short_fields(&sink, 3, codes, flip, n, totals, levels);
    else
        put_short_fields(&sink, 4, codes, flip, n, totals, levels);
}

/* Sums of one pixel, filters [f, f + 16) and below `end`, with what they start from (NULL: 0), to their place. */
static inline void put_short_pixel(const lb_conv_sink *sink, size_t pixel, size_t f, size_t end,
                                   __m256i totals, const __m256i constants[2], const int32_t *start)
{
    const __m128i half[2] = {_mm256_castsi256_si128(totals), _mm256_extracti128_si256(totals, 1)};
    for (size_t i = 0; i < 2 && f < end; i++, f += 8) {
        __m256i sums = _mm256_add_epi32(constants[i], _mm256_cvtepi16_epi32(half[i]));
        if (start) sums = _mm256_add_epi32(sums, _mm256_loadu_si256((const __m256i *)(start + f)));
        lb_conv_put_avx2(sink, pixel, f, sums);
    }
}

#endif
