/* Counting the bits of one window, one plane, by the tree of adders (conv_popcount_tree.h), 8 lanes a register.
 *
 * Bytes of counts: the four last bits of a tree count to at most 8 * (1 + 2 + 4 + 8) = 120 a byte, carries of
 * weight 16 to 8 a byte and block, 248 in 31 blocks. */
#ifndef LB_KERNELS_CONV_POPCOUNT_COUNT_AVX2_H
#define LB_KERNELS_CONV_POPCOUNT_COUNT_AVX2_H

#include <immintrin.h>
#include <stdint.h>

typedef uint32_t lanes __attribute__((vector_size(32)));
typedef __m256i counts; /* a byte each for every 8 bits */

static inline lanes splat(uint32_t x)
{
    return (lanes)_mm256_set1_epi32((int)x);
}

#include "kernels/conv/conv_popcount_tree.h"

enum {
    LANES = 8,
    BLOCKS_MAX = 31 /* whose carries fit bytes */
};

/* weight * (number of bits of each byte). */
LB_ALWAYS_INLINE counts count_bytes(lanes x, int weight)
{
    const char w = (char)weight, w2 = (char)(2 * weight), w3 = (char)(3 * weight),
               w4 = (char)(4 * weight);
    const __m256i table =
        _mm256_setr_epi8(0, w, w, w2, w, w2, w2, w3, w, w2, w2, w3, w2, w3, w3, w4, 0, w, w, w2, w,
                         w2, w2, w3, w, w2, w2, w3, w2, w3, w3, w4);
    const __m256i four_bits = _mm256_set1_epi8(15);
    const __m256i low = _mm256_and_si256((__m256i)x, four_bits);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16((__m256i)x, 4), four_bits);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
}

/* The four last bits of a tree. */
LB_ALWAYS_INLINE counts count_last_bits(lanes ones, const tree *t)
{
    return _mm256_add_epi8(_mm256_add_epi8(count_bytes(ones, 1), count_bytes(t->twos, 2)),
                           _mm256_add_epi8(count_bytes(t->fours, 4), count_bytes(t->eights, 8)));
}

/* What is left to be added up of a window: last + 16 * sixteens, byte by byte. */
typedef struct window_counts {
    counts last, sixteens;
} window_counts;

/* What the counting loops are made for; constants wherever it is used. */
typedef struct kind {
    bool ternary;
    size_t across; /* windows whose forms are interleaved: 1 or 8 */
} kind;

/* 32-bit sums of bytes: factor * x. */
LB_ALWAYS_INLINE __m256i add_bytes(counts x, int factor)
{
    const __m256i pairs = _mm256_maddubs_epi16(x, _mm256_set1_epi8((char)factor));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* Before carries of weight 16 overflow; windows that are interleaved are too short to need it. */
LB_ALWAYS_INLINE void empty_counts(kind k, size_t block, counts *sixteens, __m256i *early)
{
    if (k.across > 1 || block % BLOCKS_MAX != BLOCKS_MAX - 1) return;
    *early = _mm256_add_epi32(*early, add_bytes(*sixteens, 16));
    *sixteens = _mm256_setzero_si256();
}

LB_ALWAYS_INLINE window_counts count_binary(kind k, const tree_shape *s, const uint32_t *forms,
                                            const lanes *w, __m256i *early)
{
    tree t = {.twos = rest_twos(forms, k.across, w, s->rest)};
    w += s->rest > 1 ? s->rest : 0;
    const lanes ones = form(w++, forms[(HEAD_FORMS - 1) * k.across]);
    const size_t block_forms = BLOCK * GROUP_FORMS * k.across;
    forms += HEAD_FORMS * k.across;
    if (s->loose > 0) {
        add_loose_groups(&t, forms + s->blocks * block_forms, k.across, w, s->loose);
        w += 1 + s->loose * GROUP;
    }
    counts sixteens = _mm256_setzero_si256();
    for (size_t i = 0; i < s->blocks; i++, forms += block_forms, w += BLOCK_WEIGHTS) {
        empty_counts(k, i, &sixteens, early);
        sixteens = _mm256_add_epi8(sixteens, count_bytes(add_block(&t, forms, k.across, w), 1));
    }
    return (window_counts){count_last_bits(ones, &t), sixteens};
}

LB_ALWAYS_INLINE window_counts count_ternary(kind k, const tree_shape *s, const uint32_t *words,
                                             const lanes *w, __m256i *early)
{
    ternary_tree t = ternary_begin(words, k.across, w, s->rest);
    const size_t block_words = BLOCK * GROUP * k.across;
    words += s->rest * k.across;
    w += s->rest * TERNARY_WEIGHTS;
    if (s->loose > 0) {
        add_loose_ternary(&t, words + s->blocks * block_words, k.across, w, s->loose);
        w += s->loose * GROUP * TERNARY_WEIGHTS;
    }
    counts sixteens = _mm256_setzero_si256();
    for (size_t i = 0; i < s->blocks;
         i++, words += block_words, w += BLOCK * GROUP * TERNARY_WEIGHTS) {
        empty_counts(k, i, &sixteens, early);
        const lanes carry = add_block_ternary(&t, words, k.across, w);
        sixteens = _mm256_add_epi8(sixteens, count_bytes(carry, 1));
    }
    return (window_counts){count_last_bits(t.ones, &t.above), sixteens};
}

LB_ALWAYS_INLINE window_counts count_window(kind k, const tree_shape *s, const uint32_t *forms,
                                            const lanes *w, __m256i *early)
{
    return k.ternary ? count_ternary(k, s, forms, w, early) : count_binary(k, s, forms, w, early);
}

#endif
