/* The pass kernels for AVX2. */
#include <immintrin.h>

#include "nn/backend/pass_kernels.h"

#define LB_PASS_KERNELS lb_pass_kernels_avx2

typedef struct lb_v16 {
    __m256 low, high;
} lb_v16;

static inline lb_v16 v_load(const float *x)
{
    return (lb_v16){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

static inline __m256 i16_to_8(const int16_t *x)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)x)));
}

static inline lb_v16 v_load_i16(const int16_t *x)
{
    return (lb_v16){i16_to_8(x), i16_to_8(x + 8)};
}

static inline lb_v16 v_set(float x)
{
    return (lb_v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline void v_store(float *y, lb_v16 x)
{
    _mm256_storeu_ps(y, x.low);
    _mm256_storeu_ps(y + 8, x.high);
}

/* 16 whole numbers as int16, in order. */
static inline __m256i to_16_i16(lb_v16 x)
{
    const __m256i packed =
        _mm256_packs_epi32(_mm256_cvttps_epi32(x.low), _mm256_cvttps_epi32(x.high));
    return _mm256_permute4x64_epi64(packed, 0xd8); /* packing works within 128-bit lanes */
}

static inline void v_store_i16(int16_t *y, lb_v16 x)
{
    _mm256_storeu_si256((__m256i *)y, to_16_i16(x));
}

static inline void v_store_u8(uint8_t *y, lb_v16 x)
{
    const __m256i words = to_16_i16(x);
    _mm_storeu_si128((__m128i *)y, _mm_packus_epi16(_mm256_castsi256_si128(words),
                                                    _mm256_extracti128_si256(words, 1)));
}

static inline lb_v16 v_add(lb_v16 a, lb_v16 b)
{
    return (lb_v16){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

static inline lb_v16 v_sub(lb_v16 a, lb_v16 b)
{
    return (lb_v16){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline lb_v16 v_mul(lb_v16 a, lb_v16 b)
{
    return (lb_v16){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

/* b where a is NaN */
static inline lb_v16 v_max(lb_v16 a, lb_v16 b)
{
    return (lb_v16){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

static inline lb_v16 v_min(lb_v16 a, lb_v16 b)
{
    return (lb_v16){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

static inline __m256i lanes_below(size_t n)
{
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), numbers);
}

static inline lb_v16 v_load_some(const float *x, size_t n)
{
    if (n == 16) return v_load(x);
    if (n <= 8) return (lb_v16){_mm256_maskload_ps(x, lanes_below(n)), _mm256_setzero_ps()};
    return (lb_v16){_mm256_loadu_ps(x), _mm256_maskload_ps(x + 8, lanes_below(n - 8))};
}

static inline void v_store_some(float *y, lb_v16 x, size_t n)
{
    if (n == 16) {
        v_store(y, x);
    } else if (n <= 8) {
        _mm256_maskstore_ps(y, lanes_below(n), x.low);
    } else {
        _mm256_storeu_ps(y, x.low);
        _mm256_maskstore_ps(y + 8, lanes_below(n - 8), x.high);
    }
}

static inline lb_v16 v_divide(lb_v16 a, lb_v16 b)
{
    return (lb_v16){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}

/* Bits where x is larger. */
static inline uint16_t v_above(lb_v16 x, lb_v16 best)
{
    const unsigned low = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x.low, best.low, _CMP_GT_OQ));
    const unsigned high =
        (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(x.high, best.high, _CMP_GT_OQ));
    return (uint16_t)(low | high << 8);
}

static inline unsigned inside_8(__m256 x, __m256 low, __m256 high, bool open)
{
    const __m256 above =
        open ? _mm256_cmp_ps(low, x, _CMP_LT_OQ) : _mm256_cmp_ps(low, x, _CMP_LE_OQ);
    const __m256 below =
        open ? _mm256_cmp_ps(x, high, _CMP_LT_OQ) : _mm256_cmp_ps(x, high, _CMP_LE_OQ);
    return (unsigned)_mm256_movemask_ps(_mm256_and_ps(above, below));
}

static inline uint16_t v_inside(lb_v16 x, lb_v16 low, lb_v16 high, bool open)
{
    return (uint16_t)(inside_8(x.low, low.low, high.low, open) |
                      inside_8(x.high, low.low, high.low, open) << 8);
}

static inline __m256 keep_8(__m256 x, int bits)
{
    const __m256i positions = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(bits), positions);
    return _mm256_and_ps(x, _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, positions)));
}

static inline lb_v16 v_keep(lb_v16 x, uint16_t bits)
{
    return (lb_v16){keep_8(x.low, bits), keep_8(x.high, bits >> 8)};
}

static inline lb_v16 v_choose(uint16_t bits, lb_v16 set, lb_v16 clear)
{
    const __m256 all = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
    return (lb_v16){_mm256_blendv_ps(clear.low, set.low, keep_8(all, bits)),
                    _mm256_blendv_ps(clear.high, set.high, keep_8(all, bits >> 8))};
}

/* To nearest, ties to even: the upper half of each lane. */
static inline __m256i round_bf16(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    return _mm256_srli_epi32(sum, 16);
}

static inline void store_bf16(uint16_t *y, __m256i low, __m256i high)
{
    _mm256_storeu_si256((__m256i *)y,
                        _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8));
}

static inline __m256 of_rounded(__m256i x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
}

static inline void v_split(lb_v16 x, uint16_t *high, uint16_t *low)
{
    const __m256i a = round_bf16(x.low), b = round_bf16(x.high);
    store_bf16(high, a, b);
    store_bf16(low, round_bf16(_mm256_sub_ps(x.low, of_rounded(a))),
               round_bf16(_mm256_sub_ps(x.high, of_rounded(b))));
}

#include "nn/backend/pass_kernels_body.h"
