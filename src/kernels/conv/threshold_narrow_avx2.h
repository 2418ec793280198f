/* Thresholds of sixteen channels at once, in 16 bits.
 *
 * Sums are saturated to -32767 .. 32767 and compared with levels of 16 bits. That is exact where every level is
 * one of -32767 .. 32766, the least (every sum is above; here -32768) or the greatest of 32 bits (none is; here
 * 32767): a sum that was cut off lies beyond the same levels as before. */
#ifndef LB_KERNELS_CONV_THRESHOLD_NARROW_AVX2_H
#define LB_KERNELS_CONV_THRESHOLD_NARROW_AVX2_H

#include "kernels/conv/threshold_avx2.h"

typedef struct lb_conv_narrow_avx2 {
    __m256i
        level[(1 << LB_PLANE_BITS_MAX) - 1]; /* channels in the order of lb_conv_narrow_sums_avx2 */
} lb_conv_narrow_avx2;

/** The levels of filters [f, f + 16); false: one of them does not fit. */
static inline bool lb_conv_narrow_open_avx2(const lb_conv_sink *sink, size_t f,
                                            lb_conv_narrow_avx2 *narrow)
{
    const __m256i low = _mm256_set1_epi32(-INT16_MAX), high = _mm256_set1_epi32(INT16_MAX - 1);
    const __m256i none = _mm256_set1_epi32(INT32_MAX), all = _mm256_set1_epi32(INT32_MIN);
    __m256i fits = _mm256_set1_epi32(-1);
    for (int j = 0; j < (1 << sink->bits) - 1; j++) {
        const int32_t *level = sink->level + (size_t)j * sink->stride + f;
        __m256i half[2];
        for (size_t h = 0; h < 2; h++) {
            half[h] = _mm256_loadu_si256((const __m256i *)(level + 8 * h));
            const __m256i cut = _mm256_min_epi32(_mm256_max_epi32(half[h], low), high);
            const __m256i ends = _mm256_or_si256(_mm256_cmpeq_epi32(half[h], none),
                                                 _mm256_cmpeq_epi32(half[h], all));
            fits = _mm256_and_si256(fits, _mm256_or_si256(ends, _mm256_cmpeq_epi32(half[h], cut)));
        }
        narrow->level[j] = _mm256_packs_epi32(half[0], half[1]);
    }
    return _mm256_movemask_epi8(fits) == -1;
}

/** Two registers of sums to one: channels 0-3, 8-11, 4-7, 12-15. */
LB_ALWAYS_INLINE __m256i lb_conv_narrow_sums_avx2(__m256i first, __m256i second)
{
    return _mm256_max_epi16(_mm256_packs_epi32(first, second), _mm256_set1_epi16(-INT16_MAX));
}

/* Two planes, whose bits are the signs of 16 channels each, to their bytes. */
LB_ALWAYS_INLINE void lb_conv_put_planes_avx2(__m256i plane, __m256i next, unsigned flip,
                                              uint8_t *to, uint8_t *next_to)
{
    const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i both = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(plane, next), in_order);
    const uint32_t bits = (uint32_t)_mm256_movemask_epi8(both) ^ (flip | flip << 16);
    const uint16_t low = (uint16_t)bits, high = (uint16_t)(bits >> 16);
    memcpy(to, &low, sizeof low);
    memcpy(next_to, &high, sizeof high);
}

/** As lb_conv_put_avx2 with codes, of filters [f, f + 16), f a multiple of 16. */
LB_ALWAYS_INLINE void lb_conv_put_narrow_avx2(const lb_conv_sink *sink,
                                              const lb_conv_narrow_avx2 *narrow, size_t pixel,
                                              size_t f, __m256i first, __m256i second)
{
    const __m256i sums = lb_conv_narrow_sums_avx2(first, second);
    uint8_t *to = sink->codes + pixel * sink->pixel_bytes + f / 8;
    const unsigned flip = sink->flip[f / 8] | (unsigned)sink->flip[f / 8 + 1] << 8;
    const size_t next = sink->plane_bytes;
    if (sink->bits <= 2) {
        const __m256i above = _mm256_cmpgt_epi16(sums, narrow->level[0]);
        if (sink->bits == 1) {
            lb_conv_put_planes_avx2(above, above, flip, to, to);
            return;
        }
        const __m256i middle = _mm256_cmpgt_epi16(sums, narrow->level[1]);
        const __m256i outer = _mm256_xor_si256(above, _mm256_cmpgt_epi16(sums, narrow->level[2]));
        lb_conv_put_planes_avx2(_mm256_xor_si256(outer, middle), middle, flip, to, to + next);
        return;
    }
    /* the levels below a sum are counted; bit p of the count becomes a sign */
    __m256i count = _mm256_setzero_si256();
    for (int j = 0; j < (1 << sink->bits) - 1; j++)
        count = _mm256_sub_epi16(count, _mm256_cmpgt_epi16(sums, narrow->level[j]));
    lb_conv_put_planes_avx2(_mm256_slli_epi16(count, 15), _mm256_slli_epi16(count, 14), flip, to,
                            to + next);
    if (sink->bits == 3) {
        const __m256i last = _mm256_slli_epi16(count, 13);
        lb_conv_put_planes_avx2(last, last, flip, to + 2 * next, to + 2 * next);
    } else {
        lb_conv_put_planes_avx2(_mm256_slli_epi16(count, 13), _mm256_slli_epi16(count, 12), flip,
                                to + 2 * next, to + 3 * next);
    }
}

#endif
