/* The pass kernels for AVX-512. */
#include <immintrin.h>

#include "nn/backend/pass_kernels.h"

#define LB_PASS_KERNELS lb_pass_kernels_avx512

static inline uint16_t inside16(const float *x, float low, float high, bool open)
{
    const __m512 v = _mm512_loadu_ps(x), l = _mm512_set1_ps(low), h = _mm512_set1_ps(high);
    if (open) return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(l, v, _CMP_LT_OQ), v, h, _CMP_LT_OQ);
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(l, v, _CMP_LE_OQ), v, h, _CMP_LE_OQ);
}

static inline void keep16(const float *x, uint16_t bits, float factor, float *y)
{
    _mm512_storeu_ps(y, _mm512_maskz_mul_ps(bits, _mm512_loadu_ps(x), _mm512_set1_ps(factor)));
}

#include "nn/backend/pass_kernels_body.h"
