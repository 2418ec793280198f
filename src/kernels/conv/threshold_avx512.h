/* Sixteen channels' sums of one pixel to their place: two bytes of each plane, or stored sums. */
#ifndef LB_KERNELS_CONV_THRESHOLD_AVX512_H
#define LB_KERNELS_CONV_THRESHOLD_AVX512_H

#include <immintrin.h>

#include "base/compiler.h"
#include "kernels/conv/threshold.h"

/* Bit c: is the sum of channel c above level j? */
LB_ALWAYS_INLINE unsigned lb_conv_above_avx512(const lb_conv_sink *sink, int j, size_t f,
                                               __m512i sums)
{
    const int32_t *level = sink->level + (size_t)j * sink->stride + f;
    return _mm512_cmpgt_epi32_mask(sums, _mm512_loadu_si512(level));
}

/* A plane's bytes of 16 channels. A plane is whole 32-bit words, so both are inside. */
LB_ALWAYS_INLINE void lb_conv_put_plane_avx512(uint8_t *to, unsigned bits)
{
    const uint16_t two_bytes = (uint16_t)bits;
    memcpy(to, &two_bytes, sizeof two_bytes);
}

/* Planes of 7 or 15 levels, the highest first: as levels ascend, each plane halves those that are left, and
 * the comparison with the middle one of these is the plane. */
LB_ALWAYS_INLINE void lb_conv_put_searched_avx512(const lb_conv_sink *sink, size_t f, __m512i sums,
                                                  unsigned flip, uint8_t *to)
{
    const size_t stride = sink->stride, step = sink->bits == 4 ? stride : 0;
    const int32_t *level = sink->level + f;
    /* a level of the lower half, and where the highest plane is set the one 8 above; of 7 levels itself */
#define LB_LEVEL(j)                                                       \
    _mm512_mask_loadu_epi32(_mm512_loadu_si512(level + (j)*stride), high, \
                            level + (j)*stride + 8 * step)
    __mmask16 high = 0;
    if (sink->bits == 4) {
        high = _mm512_cmpgt_epi32_mask(sums, _mm512_loadu_si512(level + 7 * stride));
        lb_conv_put_plane_avx512(to + 3 * sink->plane_bytes, high ^ flip);
    }
    const __mmask16 four = _mm512_cmpgt_epi32_mask(sums, LB_LEVEL(3));
    const __m512i of_four = _mm512_mask_blend_epi32(four, LB_LEVEL(1), LB_LEVEL(5));
    const __mmask16 two = _mm512_cmpgt_epi32_mask(sums, of_four);
    const __m512i low_two = _mm512_mask_blend_epi32(four, LB_LEVEL(0), LB_LEVEL(4));
    const __m512i high_two = _mm512_mask_blend_epi32(four, LB_LEVEL(2), LB_LEVEL(6));
    const __m512i of_two = _mm512_mask_blend_epi32(two, low_two, high_two);
    const __mmask16 one = _mm512_cmpgt_epi32_mask(sums, of_two);
#undef LB_LEVEL
    lb_conv_put_plane_avx512(to, one ^ flip);
    lb_conv_put_plane_avx512(to + sink->plane_bytes, two ^ flip);
    lb_conv_put_plane_avx512(to + 2 * sink->plane_bytes, four ^ flip);
}

/* Put the final sums of filters [f, f + 16), f a multiple of 16 below the span's last filter, of pixel
 * span->first + pixel. Lanes past the last filter may hold anything.
 *
 * Levels ascend, so that the masks of "above level j" do too (each holds the next one), and bit p of the
 * count is the parity of the masks j = 2^p - 1, 2 * 2^p - 1, ...: of 3 levels no count is formed. */
LB_ALWAYS_INLINE void lb_conv_put_avx512(const lb_conv_sink *sink, size_t pixel, size_t f,
                                         __m512i sums)
{
    if (sink->sums) {
        const size_t left = sink->filters - f;
        const __mmask16 lanes = (__mmask16)(left >= 16 ? 0xffffu : (1u << left) - 1u);
        _mm512_mask_storeu_epi32(sink->sums + pixel * sink->filters + f, lanes, sums);
        return;
    }
    uint8_t *to = sink->codes + pixel * sink->pixel_bytes + f / 8;
    const unsigned flip = sink->flip[f / 8] | (unsigned)sink->flip[f / 8 + 1] << 8;
    if (sink->bits == 1) {
        lb_conv_put_plane_avx512(to, lb_conv_above_avx512(sink, 0, f, sums) ^ flip);
        return;
    }
    if (sink->bits == 2) {
        const unsigned middle = lb_conv_above_avx512(sink, 1, f, sums);
        const unsigned odd = lb_conv_above_avx512(sink, 0, f, sums) ^ middle ^
                             lb_conv_above_avx512(sink, 2, f, sums);
        lb_conv_put_plane_avx512(to, odd ^ flip);
        lb_conv_put_plane_avx512(to + sink->plane_bytes, middle ^ flip);
        return;
    }
    lb_conv_put_searched_avx512(sink, f, sums, flip, to);
}

#endif
