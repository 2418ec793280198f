/* The pass kernels for AVX-512. */
#include <immintrin.h>

#include "nn/backend/pass_kernels.h"

#define LB_PASS_KERNELS lb_pass_kernels_avx512

typedef __m512 lb_v16;

static inline lb_v16 v_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline lb_v16 v_load_i16(const int16_t *x)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)x)));
}

static inline lb_v16 v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline void v_store(float *y, lb_v16 x)
{
    _mm512_storeu_ps(y, x);
}

static inline void v_store_u8(uint8_t *y, lb_v16 x)
{
    _mm_storeu_si128((__m128i *)y, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(x)));
}

static inline void v_store_i16(int16_t *y, lb_v16 x)
{
    _mm256_storeu_si256((__m256i *)y, _mm512_cvtepi32_epi16(_mm512_cvttps_epi32(x)));
}

static inline lb_v16 v_add(lb_v16 a, lb_v16 b)
{
    return _mm512_add_ps(a, b);
}

static inline lb_v16 v_sub(lb_v16 a, lb_v16 b)
{
    return _mm512_sub_ps(a, b);
}

static inline lb_v16 v_mul(lb_v16 a, lb_v16 b)
{
    return _mm512_mul_ps(a, b);
}

/* b where a is NaN */
static inline lb_v16 v_max(lb_v16 a, lb_v16 b)
{
    return _mm512_max_ps(a, b);
}

static inline lb_v16 v_min(lb_v16 a, lb_v16 b)
{
    return _mm512_min_ps(a, b);
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1u << n) - 1u);
}

static inline lb_v16 v_load_some(const float *x, size_t n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), x);
}

static inline void v_store_some(float *y, lb_v16 x, size_t n)
{
    _mm512_mask_storeu_ps(y, first_lanes(n), x);
}

static inline lb_v16 v_divide(lb_v16 a, lb_v16 b)
{
    return _mm512_div_ps(a, b);
}

/* Bits where x is larger. */
static inline uint16_t v_above(lb_v16 x, lb_v16 best)
{
    return _mm512_cmp_ps_mask(x, best, _CMP_GT_OQ);
}

static inline lb_v16 v_choose(uint16_t bits, lb_v16 set, lb_v16 clear)
{
    return _mm512_mask_mov_ps(clear, bits, set);
}

static inline uint16_t v_inside(lb_v16 x, lb_v16 low, lb_v16 high, bool open)
{
    if (open)
        return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(low, x, _CMP_LT_OQ), x, high, _CMP_LT_OQ);
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(low, x, _CMP_LE_OQ), x, high, _CMP_LE_OQ);
}

static inline lb_v16 v_keep(lb_v16 x, uint16_t bits)
{
    return _mm512_maskz_mov_ps(bits, x);
}

/* To nearest, ties to even: the upper half of each lane. */
static inline __m512i round_bf16(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    return _mm512_srli_epi32(
        _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
}

static inline void v_split(lb_v16 x, uint16_t *high, uint16_t *low)
{
    const __m512i h = round_bf16(x);
    const __m512i l = round_bf16(_mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_slli_epi32(h, 16))));
    _mm256_storeu_si256((__m256i *)high, _mm512_cvtepi32_epi16(h));
    _mm256_storeu_si256((__m256i *)low, _mm512_cvtepi32_epi16(l));
}

#include "nn/backend/pass_kernels_body.h"
