/* The pass kernels for AVX2. */
#include <immintrin.h>

#include "nn/backend/pass_kernels.h"

#define LB_PASS_KERNELS lb_pass_kernels_avx2

static inline unsigned inside8(__m256 x, __m256 low, __m256 high, bool open)
{
    const __m256 above = open ? _mm256_cmp_ps(low, x, _CMP_LT_OQ) : _mm256_cmp_ps(low, x, _CMP_LE_OQ);
    const __m256 below = open ? _mm256_cmp_ps(x, high, _CMP_LT_OQ) : _mm256_cmp_ps(x, high, _CMP_LE_OQ);
    return (unsigned)_mm256_movemask_ps(_mm256_and_ps(above, below));
}

static inline uint16_t inside16(const float *x, float low, float high, bool open)
{
    const __m256 l = _mm256_set1_ps(low), h = _mm256_set1_ps(high);
    return (uint16_t)(inside8(_mm256_loadu_ps(x), l, h, open) | inside8(_mm256_loadu_ps(x + 8), l, h, open) << 8);
}

static inline __m256 keep8(__m256 x, int bits, __m256 factor)
{
    const __m256i positions = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(bits), positions);
    return _mm256_and_ps(_mm256_mul_ps(x, factor), _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, positions)));
}

static inline void keep16(const float *x, uint16_t bits, float factor, float *y)
{
    const __m256 f = _mm256_set1_ps(factor);
    _mm256_storeu_ps(y, keep8(_mm256_loadu_ps(x), bits, f));
    _mm256_storeu_ps(y + 8, keep8(_mm256_loadu_ps(x + 8), bits >> 8, f));
}

#include "nn/backend/pass_kernels_body.h"
