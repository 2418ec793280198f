/* Bit planes to bytes with AVX2. */
#ifndef LB_KERNELS_CONV_MULTIPLY_FIELDS_AVX2_H
#define LB_KERNELS_CONV_MULTIPLY_FIELDS_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The fields of 32 channels, of which plane p has its bits at word[p * plane_bytes]. */
static inline void fields_32(const uint8_t *word, size_t plane_bytes, int bits, uint8_t *to)
{
    const __m256i byte_of_lane =
        _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i bit_of_lane = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    __m256i fields = _mm256_setzero_si256();
    for (int p = 0; p < bits; p++) {
        int32_t plane;
        memcpy(&plane, word + (size_t)p * plane_bytes, sizeof plane);
        const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(plane), byte_of_lane);
        const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of_lane), bit_of_lane);
        fields = _mm256_or_si256(fields, _mm256_and_si256(set, _mm256_set1_epi8((char)(1 << p))));
    }
    _mm256_storeu_si256((__m256i *)to, fields);
}

#endif
