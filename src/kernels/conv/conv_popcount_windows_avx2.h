/* The windows of a row of outputs: where their words are in prepared rows (of words: conv_popcount.h), and the forms
 * made of them, for 8 neighbouring windows at once. */
#ifndef LB_KERNELS_CONV_POPCOUNT_WINDOWS_AVX2_H
#define LB_KERNELS_CONV_POPCOUNT_WINDOWS_AVX2_H

#include "kernels/conv/conv_popcount_count_avx2.h"
#include "kernels/conv/threshold.h"

enum {
    CHUNK_LANES = 32, /* windows made before the weights are streamed */
    /* Words of a window, all planes: where 8 windows are interleaved, and at all. */
    WIDE_WORDS_MAX = (BLOCKS_MAX + 1) * BLOCK * GROUP - 1,
    WORDS_MAX = WIDE_WORDS_MAX * LANES,
    FORMS_MAX = WORDS_MAX / GROUP * GROUP_FORMS + LB_PLANE_BITS_MAX * HEAD_FORMS * LANES
};

/* A row of outputs under way. */
typedef struct row_run {
    const lb_int_conv *conv;
    const lb_conv_span *span;
    const lanes *packed;
    lb_popcount_plan plan;
    tree_shape shape;
    lb_conv_sink sink;
    const uint32_t *words[WORDS_MAX]; /* of plane 0 of the window of output pixel 0 */
    /* Pixels of a stretch whose sums start from something: with borders, few of them. */
    size_t starting, starts_at[2 * CHUNK_LANES + 1];
} row_run;

static void find_words(row_run *r)
{
    const lb_popcount_plan *plan = &r->plan;
    const uint32_t **to = r->words;
    for (size_t ky = 0; ky < r->conv->kh; ky++) {
        const uint32_t *row = r->span->rows[ky];
        for (size_t t = 0, phase = 0; t < plan->taps; t++) {
            const uint32_t *from = row + phase * plan->phase_stride;
            for (size_t j = 0; j < plan->tap_words; j++, from += plan->word_stride) *to++ = from;
            if (++phase < r->conv->stride) continue;
            phase = 0;
            row++;
        }
    }
}

/* Word i of 8 neighbouring windows, or of one; or, where two share a lane, `apart` pixels apart, of 16. */
LB_ALWAYS_INLINE lanes load_words(kind k, size_t pixels, const row_run *r, size_t i, size_t at,
                                  size_t apart)
{
    const uint32_t *from = r->words[i] + at;
    if (k.across == 1) return splat(*from); /* only one lane of it is used */
    const __m256i first = _mm256_loadu_si256((const __m256i *)from);
    if (pixels == 1) return (lanes)first;
    const __m256i second = _mm256_loadu_si256((const __m256i *)(from + apart));
    return (lanes)_mm256_or_si256(first, _mm256_slli_epi32(second, 16));
}

LB_ALWAYS_INLINE void store_words(kind k, uint32_t *to, lanes words)
{
    if (k.across == 1)
        *to = words[0];
    else
        _mm256_storeu_si256((__m256i *)to, (__m256i)words);
}

LB_ALWAYS_INLINE void make_forms(kind k, size_t pixels, const row_run *r, size_t at, size_t apart,
                                 uint32_t *forms)
{
    const tree_shape s = r->shape;
    lanes rest[3] = {splat(0), splat(0), splat(0)};
    for (size_t i = 0; i < s.rest; i++) rest[i] = load_words(k, pixels, r, i, at, apart);
    lanes sum = rest[0] ^ rest[1] ^ rest[2]; /* of all words so far */
    if (s.rest == 3) {
        rest[0] ^= rest[1];
        rest[1] ^= rest[2];
    }
    store_words(k, forms, rest[0]);
    store_words(k, forms + k.across, rest[1]);
    store_words(k, forms + 2 * k.across, sum);
    uint32_t *to = forms + HEAD_FORMS * k.across;
    for (size_t i = s.rest; i < r->plan.words; i += GROUP, to += GROUP_FORMS * k.across) {
        const lanes b = load_words(k, pixels, r, i + 1, at, apart),
                    d = load_words(k, pixels, r, i + 3, at, apart);
        const lanes differ_ab = load_words(k, pixels, r, i, at, apart) ^ b;
        const lanes differ_cd = load_words(k, pixels, r, i + 2, at, apart) ^ d;
        const lanes half = differ_ab ^ sum;
        store_words(k, to, b ^ sum);
        store_words(k, to + k.across, differ_ab);
        store_words(k, to + 2 * k.across, half);
        store_words(k, to + 3 * k.across, d ^ half);
        store_words(k, to + 4 * k.across, differ_cd);
        sum = half ^ differ_cd;
    }
    store_words(k, forms + (HEAD_FORMS - 1) * k.across, sum);
}

/* A stretch of outputs of the span, and how far apart those are that share a lane. */
typedef struct stretch {
    size_t first, pixels, apart;
} stretch;

static void find_starts(row_run *r, stretch of)
{
    r->starting = 0;
    if (!r->span->start && !r->span->starts) return;
    for (size_t x = 0; x < of.pixels; x++) {
        r->starts_at[r->starting] = x;
        r->starting += lb_conv_start_of(r->span, of.first + x) != NULL;
    }
}

/* All planes of the windows of a stretch, `across` at a time. */
LB_ALWAYS_INLINE void make_windows_of(kind k, size_t pixels, const row_run *r, stretch of,
                                      uint32_t *forms)
{
    for (size_t x = 0; x < of.apart; x += k.across) {
        size_t at = r->span->first + of.first + x;
        for (int p = 0; p < r->conv->acts.bits; p++, at += r->plan.plane_words) {
            if (!k.ternary) make_forms(k, pixels, r, at, of.apart, forms);
            for (size_t i = 0; k.ternary && i < r->plan.words; i++)
                store_words(k, forms + i * k.across, load_words(k, pixels, r, i, at, of.apart));
            forms += r->shape.forms * k.across;
        }
    }
}

LB_ALWAYS_INLINE void make_windows(kind k, const row_run *r, stretch of, uint32_t *forms)
{
    if (k.across > 1 && r->plan.pixels == 2)
        make_windows_of(k, 2, r, of, forms);
    else
        make_windows_of(k, 1, r, of, forms);
}

#endif
