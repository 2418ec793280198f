/* The loops of a resize with AVX2: two taps at a time by multiply-and-add of pairs. */
#include "data/resize_rows.h"

#include <immintrin.h>
#include <string.h>

/* Two weights, one for each tap of a pair. */
static inline int32_t pair_at(const int16_t *weights)
{
    int32_t pair;
    memcpy(&pair, weights, sizeof pair);
    return pair;
}

static inline __m256i bytes_at(const uint8_t *row)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)row));
}

void lb_resize_blend__avx2(const uint8_t *const *rows, const int16_t *weights, size_t n,
                           size_t bytes, int16_t *out)
{
    const __m256i half = _mm256_set1_epi32(1 << (LB_RESIZE_FIRST_SHIFT - 1));
    size_t x = 0;
    for (; x + 16 <= bytes; x += 16) {
        __m256i low = half, high = half;
        for (size_t k = 0; k < n; k += 2) {
            const __m256i w = _mm256_set1_epi32(pair_at(weights + k));
            const __m256i a = bytes_at(rows[k] + x), b = bytes_at(rows[k + 1] + x);
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), w));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), w));
        }
        low = _mm256_srai_epi32(low, LB_RESIZE_FIRST_SHIFT);
        high = _mm256_srai_epi32(high, LB_RESIZE_FIRST_SHIFT);
        _mm256_storeu_si256((__m256i *)(void *)(out + x), _mm256_packs_epi32(low, high));
    }
    for (; x < bytes; x++) {
        int32_t sum = 1 << (LB_RESIZE_FIRST_SHIFT - 1);
        for (size_t k = 0; k < n; k++) sum += weights[k] * rows[k][x];
        out[x] = (int16_t)(sum >> LB_RESIZE_FIRST_SHIFT);
    }
}

/* The four values of one output pixel, as int32. */
static inline __m128i pixel(const int16_t *from, const int16_t *weights, size_t n)
{
    __m128i sum = _mm_set1_epi32(1 << (LB_RESIZE_LAST_SHIFT - 1));
    for (size_t k = 0; k < n; k += 2) {
        const __m128i two = _mm_loadu_si128((const __m128i *)(const void *)(from + 4 * k));
        const __m128i pairs = _mm_unpacklo_epi16(two, _mm_srli_si128(two, 8));
        sum = _mm_add_epi32(sum, _mm_madd_epi16(pairs, _mm_set1_epi32(pair_at(weights + k))));
    }
    return _mm_srai_epi32(sum, LB_RESIZE_LAST_SHIFT);
}

/* n is a constant where it is called with the usual ones, so that the compiler unrolls. */
static inline void pick_n(const int16_t *row, const uint32_t *firsts, const int16_t *weights,
                          size_t n, size_t count, uint8_t *const planes[3])
{
    /* From four pixels of four bytes to four bytes of each plane. */
    const __m128i by_plane = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    size_t x = 0;
    for (; x + 4 <= count; x += 4) {
        __m128i p[4];
        for (size_t i = 0; i < 4; i++) {
            p[i] = pixel(row + 4 * (size_t)firsts[x + i], weights + (x + i) * n, n);
        }
        const __m128i words[2] = {_mm_packs_epi32(p[0], p[1]), _mm_packs_epi32(p[2], p[3])};
        const __m128i bytes = _mm_shuffle_epi8(_mm_packus_epi16(words[0], words[1]), by_plane);
        const int32_t out[3] = {_mm_cvtsi128_si32(bytes), _mm_extract_epi32(bytes, 1),
                                _mm_extract_epi32(bytes, 2)};
        for (size_t c = 0; c < 3; c++) memcpy(planes[c] + x, &out[c], sizeof out[c]);
    }
    for (; x < count; x++) {
        const __m128i p = pixel(row + 4 * (size_t)firsts[x], weights + x * n, n);
        planes[0][x] = (uint8_t)_mm_extract_epi32(p, 0);
        planes[1][x] = (uint8_t)_mm_extract_epi32(p, 1);
        planes[2][x] = (uint8_t)_mm_extract_epi32(p, 2);
    }
}

void lb_resize_pick__avx2(const int16_t *row, const uint32_t *firsts, const int16_t *weights,
                          size_t n, size_t count, uint8_t *const planes[3])
{
    if (n == 2) {
        pick_n(row, firsts, weights, 2, count, planes);
    } else if (n == 4) {
        pick_n(row, firsts, weights, 4, count, planes);
    } else {
        pick_n(row, firsts, weights, n, count, planes);
    }
}
