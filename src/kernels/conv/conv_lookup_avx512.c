/* Looked-up partial sums in registers of 64 filters: the operations of conv_lookup_body.h, and how sums become
 * codes. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

#define LB_REGISTER_BYTES 64
typedef __m512i bytes_t;
#define LB_IN_REGISTER(v) "+v"(v)

static inline bytes_t bytes_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void bytes_store(uint8_t *p, bytes_t v)
{
    _mm512_storeu_si512(p, v);
}

static inline bytes_t bytes_zero(void)
{
    return _mm512_setzero_si512();
}

static inline bytes_t tables_load(size_t parts, const uint8_t *p)
{
    if (parts == 2)
        return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline bytes_t low_nibbles(bytes_t v)
{
    return _mm512_and_si512(v, _mm512_set1_epi8(0x0f));
}

static inline bytes_t high_nibbles(bytes_t v)
{
    return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(0x0f));
}

static inline bytes_t look_up(bytes_t tables, bytes_t indices)
{
    return _mm512_shuffle_epi8(tables, indices);
}

static inline bytes_t bytes_add(bytes_t a, bytes_t b)
{
    return _mm512_add_epi8(a, b);
}

static inline bytes_t bytes_subtract(bytes_t a, bytes_t b)
{
    return _mm512_sub_epi8(a, b);
}

static inline bytes_t bytes_times_16(bytes_t v)
{
    return _mm512_and_si512(_mm512_slli_epi16(v, 4), _mm512_set1_epi8((char)0xf0));
}

static inline bytes_t words_add(bytes_t a, bytes_t b)
{
    return _mm512_add_epi16(a, b);
}

static inline bytes_t odd_bytes(bytes_t v)
{
    return _mm512_srli_epi16(v, 8);
}

#define LB_TAKES_PAIRS false
#define LB_WORD_BITS 2
#include "kernels/conv/conv_lookup_body.h"
#include "kernels/conv/threshold_avx512.h"

/* clang-format off */
LB_WINDOWS_3(BYTES, 1) LB_WINDOW(BYTES, 8, 1)
LB_WINDOWS_3(BYTES, 2) LB_WINDOW(BYTES, 8, 2)
static window_fn *const windows[PARTS + 1][KINDS][SIZES] = {
    [1] = {[BYTES] = {window_BYTES_1_1, window_BYTES_2_1, window_BYTES_4_1, window_BYTES_8_1}},
    [2] = {[BYTES] = {window_BYTES_1_2, window_BYTES_2_2, window_BYTES_4_2, window_BYTES_8_2}},
};
/* clang-format on */

/* ---- thresholds ---- */

/* Levels of 16 filters less their base, saturated to 16 bits. */
static inline __m256i level_less_base(const int32_t *level, const int32_t *base)
{
    const __m512i l = _mm512_loadu_si512(level), b = _mm512_loadu_si512(base);
    const __m512i difference = _mm512_sub_epi32(l, b);
    /* past 32 bits where the signs of l and b differ and that of the difference is not l's */
    const __m512i past = _mm512_and_si512(_mm512_xor_si512(l, b), _mm512_xor_si512(l, difference));
    const __m512i limit = _mm512_xor_si512(_mm512_srai_epi32(l, 31), _mm512_set1_epi32(INT32_MAX));
    return _mm512_cvtsepi32_epi16(
        _mm512_mask_mov_epi32(difference, _mm512_movepi32_mask(past), limit));
}

/* A block's levels, filters in order; words past its own hold anything. */
static LB_NEVER_INLINE void hoist(const row_run *run, filter_group *group, filter_block *b)
{
    for (int j = 0; j < (1 << run->sink.bits) - 1; j++) {
        const int32_t *level = run->sink.level + (size_t)j * run->sink.stride + group->first;
        for (size_t f = b->first; f < b->first + b->block.filters; f += 16)
            _mm256_store_si256((__m256i *)(void *)(group->level[j] + f),
                               level_less_base(level + f, group->base + f));
    }
}

/* The sums S of a pixel's filters in order: 0 to 31 of the block, and in *high 32 to 63. */
static inline __m512i words_of(const tile_sums *sums, size_t p, size_t parts, __m512i *high)
{
    const __m512i odd = bytes_load(sums->odd[p]);
    const __m512i even = _mm512_sub_epi16(bytes_load(sums->whole[p]), _mm512_slli_epi16(odd, 8));
    if (parts == 1) {
        *high = odd;
        return even;
    }
    /* 128 bits each: even 0, odd 0, even 2, odd 2; and those of 1 and 3, which are their other parts */
    const __m512i zeroth = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i first = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    const __m512i sum = _mm512_add_epi16(_mm512_permutex2var_epi64(even, zeroth, odd),
                                         _mm512_permutex2var_epi64(even, first, odd));
    *high = _mm512_setzero_si512();
    return sum;
}

static inline __m512i scaled(__m512i words, __m512i scale, __m512i total)
{
    return _mm512_add_epi16(_mm512_mullo_epi16(words, scale), total);
}

/* Bit i: is the sum of filter i above its level? */
LB_ALWAYS_INLINE uint64_t above(size_t parts, const int16_t *level, __m512i low, __m512i high)
{
    const uint64_t bits = _mm512_cmpgt_epi16_mask(low, _mm512_loadu_si512(level));
    if (parts == 2) return bits;
    return bits | (uint64_t)_mm512_cmpgt_epi16_mask(high, _mm512_loadu_si512(level + 32)) << 32;
}

/* The planes of fields of 1 or 2 bits. Levels ascend: see lb_conv_put_avx512. */
LB_ALWAYS_INLINE void planes_of_sums(int bits, size_t parts, const int16_t *level, __m512i low,
                                     __m512i high, uint64_t *plane)
{
    plane[0] = above(parts, level, low, high);
    if (bits == 1) return;
    plane[1] = above(parts, level + LB_CONV_BLOCK, low, high);
    plane[0] ^= plane[1] ^ above(parts, level + 2 * LB_CONV_BLOCK, low, high);
}

LB_ALWAYS_INLINE void put_codes(int bits, size_t parts, const row_run *run, filter_group *group,
                                filter_block *b, const tile *t)
{
    const size_t f = group->first + b->first, plane_bytes = run->sink.plane_bytes;
    const size_t bytes =
        parts == 1 ? sizeof(uint64_t) : sizeof(uint32_t); /* of 33 filters or more: 8 */
    const __m512i scale = _mm512_set1_epi16((int16_t)group->head->scale);
    uint8_t *pixel =
        run->sink.codes + (t->first - run->span->first) * run->sink.pixel_bytes + f / 8;
    uint64_t flip = 0;
    memcpy(&flip, run->sink.flip + f / 8, bytes);
    for (size_t p = 0; p < t->pixels; p++, pixel += run->sink.pixel_bytes) {
        use_start(run, group, b, start_of(run, t, p));
        const __m512i total = _mm512_set1_epi16((int16_t)t->total[p]);
        uint64_t plane[2];
        __m512i high, low = words_of(t->sums, p, parts, &high);
        low = scaled(low, scale, total);
        if (parts == 1) high = scaled(high, scale, total);
        planes_of_sums(bits, parts, group->level[0] + b->first, low, high, plane);
        for (int i = 0; i < bits; i++) {
            plane[i] ^= flip;
            memcpy(pixel + (size_t)i * plane_bytes, &plane[i], bytes);
        }
    }
}

/* The final sums of 16 filters of a block, of which `i` is the first. */
static inline __m512i sums_of_16(const row_run *run, const filter_group *group,
                                 const filter_block *b, const tile *t, size_t p, size_t i)
{
    const __m512i base = _mm512_loadu_si512(group->base + b->first + i);
    const __m512i scale = _mm512_set1_epi32(group->head->scale);
    const __m512i total = _mm512_set1_epi32(t->total[p]);
    __m512i sum;
    if (run->narrow) {
        __m512i high, words = words_of(t->sums, p, b->block.parts, &high);
        if (i >= 32) words = high;
        if (i % 32 == 16) words = _mm512_shuffle_i64x2(words, words, 0x4e);
        words = scaled(words, _mm512_set1_epi16((int16_t)group->head->scale),
                       _mm512_set1_epi16((int16_t)t->total[p]));
        return _mm512_add_epi32(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(words)), base);
    }
    const uint32_t *even = t->sums->even_sums[p], *odd = t->sums->odd_sums[p];
    if (b->block.parts == 1) {
        sum = _mm512_loadu_si512(i < 32 ? even + i : odd + (i - 32));
    } else {
        const __m256i *e = (const __m256i *)(const void *)(even + i);
        const __m256i *o = (const __m256i *)(const void *)(odd + i);
        const __m256i low = _mm256_add_epi32(_mm256_loadu_si256(e), _mm256_loadu_si256(e + 1));
        const __m256i high = _mm256_add_epi32(_mm256_loadu_si256(o), _mm256_loadu_si256(o + 1));
        sum = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    return _mm512_add_epi32(_mm512_add_epi32(_mm512_mullo_epi32(sum, scale), base), total);
}

static LB_NEVER_INLINE void put_sums(const row_run *run, filter_group *group, filter_block *b,
                                     const tile *t)
{
    for (size_t p = 0; p < t->pixels; p++) {
        use_start(run, group, b, start_of(run, t, p));
        for (size_t i = 0; i < b->filters; i += 16)
            lb_conv_put_avx512(&run->sink, t->first + p - run->span->first,
                               group->first + b->first + i, sums_of_16(run, group, b, t, p, i));
    }
}

static LB_NEVER_INLINE void put_codes_of_1(const row_run *run, filter_group *group, filter_block *b,
                                           const tile *t)
{
    put_codes(1, b->block.parts, run, group, b, t);
}

static LB_NEVER_INLINE void put_codes_of_2(const row_run *run, filter_group *group, filter_block *b,
                                           const tile *t)
{
    put_codes(2, b->block.parts, run, group, b, t);
}

static void finish(const row_run *run, filter_group *group, filter_block *b, const tile *t)
{
    if (!run->in_words)
        put_sums(run, group, b, t);
    else if (run->sink.bits == 1)
        put_codes_of_1(run, group, b, t);
    else
        put_codes_of_2(run, group, b, t);
}

static bool supports(const lb_int_conv *conv, const char **why)
{
    if (!lb_lookup_supports(conv, why)) return false;
    if (conv->acts.bits > 2) *why = "its activations have more than 2 bits";
    return **why == '\0';
}

/* Measured on a Sapphire Rapids Xeon at about 3.9 GHz. */
static double cost(const lb_int_conv *conv)
{
    static const lb_lookup_speed speed = {{0.0, 0.62, 0.68, 0.85, 0.85}, 6.0, 1.4, 120.0};
    return lb_lookup_cost(conv, LB_REGISTER_BYTES, &speed);
}

const lb_conv_kernel lb_conv_lookup__avx512 = {
    .name = "lookup avx512",
    .summary = "sums of 4 channels looked up in tables by byte shuffle, 64 filters a register",
    .isa = LB_ISA_AVX512,
    .supports = supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = lb_lookup_row_bytes,
    .prepare_row = lb_lookup_prepare_tables__avx2,
    .run_row = run_row,
    .by_blocks = true,
    .start_by_pixel = true,
};
