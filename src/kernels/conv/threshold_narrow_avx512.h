/* Thresholds of thirty-two channels at once, in 16 bits; exact where threshold_narrow_avx2.h says. */
#ifndef LB_KERNELS_CONV_THRESHOLD_NARROW_AVX512_H
#define LB_KERNELS_CONV_THRESHOLD_NARROW_AVX512_H

#include "kernels/conv/threshold_avx512.h"

typedef struct lb_conv_narrow_avx512 {
    __m512i level[(1 << LB_PLANE_BITS_MAX) - 1];
} lb_conv_narrow_avx512;

/** Two registers to one of 16 bits, saturated, channels in order. */
LB_ALWAYS_INLINE __m512i lb_conv_narrow_avx512_of(__m512i first, __m512i second)
{
    const __m512i in_order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    return _mm512_permutexvar_epi64(in_order, _mm512_packs_epi32(first, second));
}

/** The levels of filters [f, f + 32); false: one of them does not fit. */
static inline bool lb_conv_narrow_open_avx512(const lb_conv_sink *sink, size_t f,
                                              lb_conv_narrow_avx512 *narrow)
{
    const __m512i low = _mm512_set1_epi32(-INT16_MAX), high = _mm512_set1_epi32(INT16_MAX - 1);
    const __m512i none = _mm512_set1_epi32(INT32_MAX), all = _mm512_set1_epi32(INT32_MIN);
    bool fits = true;
    for (int j = 0; j < (1 << sink->bits) - 1; j++) {
        const int32_t *level = sink->level + (size_t)j * sink->stride + f;
        __m512i half[2];
        for (size_t h = 0; h < 2; h++) {
            half[h] = _mm512_loadu_si512(level + 16 * h);
            const __m512i cut = _mm512_min_epi32(_mm512_max_epi32(half[h], low), high);
            const __mmask16 ends =
                _mm512_cmpeq_epi32_mask(half[h], none) | _mm512_cmpeq_epi32_mask(half[h], all);
            fits = fits && (ends | _mm512_cmpeq_epi32_mask(half[h], cut)) == 0xffff;
        }
        narrow->level[j] = lb_conv_narrow_avx512_of(half[0], half[1]);
    }
    return fits;
}

LB_ALWAYS_INLINE void lb_conv_put_32_avx512(uint8_t *to, unsigned bits)
{
    memcpy(to, &bits, sizeof bits);
}

/** As lb_conv_put_avx512 with codes, of filters [f, f + 32), f a multiple of 16. */
LB_ALWAYS_INLINE void lb_conv_put_narrow_avx512(const lb_conv_sink *sink,
                                                const lb_conv_narrow_avx512 *narrow, size_t pixel,
                                                size_t f, __m512i first, __m512i second)
{
    const __m512i *l = narrow->level;
    const __m512i sums =
        _mm512_max_epi16(lb_conv_narrow_avx512_of(first, second), _mm512_set1_epi16(-INT16_MAX));
    uint8_t *to = sink->codes + pixel * sink->pixel_bytes + f / 8;
    const size_t next = sink->plane_bytes;
    unsigned flip;
    memcpy(&flip, sink->flip + f / 8, sizeof flip);
    if (sink->bits == 1) {
        lb_conv_put_32_avx512(to, _mm512_cmpgt_epi16_mask(sums, l[0]) ^ flip);
        return;
    }
    if (sink->bits == 2) {
        const __mmask32 middle = _mm512_cmpgt_epi16_mask(sums, l[1]);
        const __m512i outer = _mm512_mask_blend_epi16(middle, l[0], l[2]);
        lb_conv_put_32_avx512(to, _mm512_cmpgt_epi16_mask(sums, outer) ^ flip);
        lb_conv_put_32_avx512(to + next, middle ^ flip);
        return;
    }
    /* The highest plane first: as levels ascend, each plane halves those that are left. With 7 levels `high`
     * is empty, and the upper half is not looked at. */
    __mmask32 high = 0;
    const int eight = sink->bits == 4 ? 8 : 0;
    if (sink->bits == 4) {
        high = _mm512_cmpgt_epi16_mask(sums, l[7]);
        lb_conv_put_32_avx512(to + 3 * next, high ^ flip);
    }
    __m512i of[7];
    for (int j = 0; j < 7; j++) of[j] = _mm512_mask_blend_epi16(high, l[j], l[j + eight]);
    const __mmask32 four = _mm512_cmpgt_epi16_mask(sums, of[3]);
    const __mmask32 two =
        _mm512_cmpgt_epi16_mask(sums, _mm512_mask_blend_epi16(four, of[1], of[5]));
    const __m512i without = _mm512_mask_blend_epi16(four, of[0], of[4]);
    const __m512i with = _mm512_mask_blend_epi16(four, of[2], of[6]);
    const __mmask32 one =
        _mm512_cmpgt_epi16_mask(sums, _mm512_mask_blend_epi16(two, without, with));
    lb_conv_put_32_avx512(to, one ^ flip);
    lb_conv_put_32_avx512(to + next, two ^ flip);
    lb_conv_put_32_avx512(to + 2 * next, four ^ flip);
}

#endif
