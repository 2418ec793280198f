/* Eight channels' sums of one pixel to their place: a byte of each plane, or stored sums. */
#ifndef LB_KERNELS_CONV_THRESHOLD_AVX2_H
#define LB_KERNELS_CONV_THRESHOLD_AVX2_H

#include <immintrin.h>

#include "base/compiler.h"
#include "kernels/conv/threshold.h"

/* Bit c: is the sum of channel c above level j? */
LB_ALWAYS_INLINE unsigned lb_conv_above_avx2(const lb_conv_sink *sink, int j, size_t f,
                                             __m256i sums)
{
    const int32_t *level = sink->level + (size_t)j * sink->stride + f;
    const __m256i above = _mm256_cmpgt_epi32(sums, _mm256_loadu_si256((const __m256i *)level));
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(above));
}

LB_ALWAYS_INLINE void lb_conv_put_sums_avx2(const lb_conv_sink *sink, size_t pixel, size_t f,
                                            __m256i sums)
{
    int32_t *to = sink->sums + pixel * sink->filters + f;
    if (sink->filters - f >= 8) {
        _mm256_storeu_si256((__m256i *)to, sums);
    } else {
        const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        const __m256i left = _mm256_set1_epi32((int)(sink->filters - f));
        _mm256_maskstore_epi32(to, _mm256_cmpgt_epi32(left, lane), sums);
    }
}

/* Planes of many levels: the levels below a sum are counted in its lane, as taking each comparison out of
 * the registers would cost more; the planes are the bits of the counts. */
LB_ALWAYS_INLINE void lb_conv_put_count_avx2(const lb_conv_sink *sink, const int bits, size_t f,
                                             __m256i sums, uint8_t *to)
{
    const unsigned flip = sink->flip[f / 8];
    __m256i count = _mm256_setzero_si256();
    for (int j = 0; j < (1 << bits) - 1; j++) {
        const int32_t *level = sink->level + (size_t)j * sink->stride + f;
        const __m256i levels = _mm256_loadu_si256((const __m256i *)level);
        count = _mm256_sub_epi32(count, _mm256_cmpgt_epi32(sums, levels));
    }
    for (int p = 0; p < bits; p++) {
        const __m256 bit_as_sign = _mm256_castsi256_ps(_mm256_slli_epi32(count, 31 - p));
        to[(size_t)p * sink->plane_bytes] =
            (uint8_t)((unsigned)_mm256_movemask_ps(bit_as_sign) ^ flip);
    }
}

/* Put the final sums of filters [f, f + 8), f a multiple of 8 below the span's last filter, of pixel
 * span->first + pixel. Lanes past the last filter may hold anything.
 *
 * Levels ascend, so that the masks of "above level j" do too (each holds the next one), and bit p of the
 * count is the parity of the masks j = 2^p - 1, 2 * 2^p - 1, ...: up to 2 bits no count is formed. */
LB_ALWAYS_INLINE void lb_conv_put_avx2(const lb_conv_sink *sink, size_t pixel, size_t f,
                                       __m256i sums)
{
    if (sink->sums) {
        lb_conv_put_sums_avx2(sink, pixel, f, sums);
        return;
    }
    uint8_t *to = sink->codes + pixel * sink->pixel_bytes + f / 8;
    const unsigned flip = sink->flip[f / 8];
    if (sink->bits == 1) {
        *to = (uint8_t)(lb_conv_above_avx2(sink, 0, f, sums) ^ flip);
        return;
    }
    if (sink->bits == 2) {
        const unsigned middle = lb_conv_above_avx2(sink, 1, f, sums);
        const unsigned odd =
            lb_conv_above_avx2(sink, 0, f, sums) ^ middle ^ lb_conv_above_avx2(sink, 2, f, sums);
        to[0] = (uint8_t)(odd ^ flip);
        to[sink->plane_bytes] = (uint8_t)(middle ^ flip);
        return;
    }
    if (sink->bits == 3) {
        lb_conv_put_count_avx2(sink, 3, f, sums, to);
    } else {
        lb_conv_put_count_avx2(sink, 4, f, sums, to);
    }
}

#endif
