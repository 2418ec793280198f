/* Looked-up partial sums in registers of 32 filters: the operations of conv_lookup_body.h, and how sums become
 * codes. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "kernels/conv/conv_lookup_rows.h"

#define LB_REGISTER_BYTES 32
typedef __m256i bytes_t;
#define LB_IN_REGISTER(v) "+x"(v)

static inline bytes_t bytes_load(const uint8_t *p)
{
    return _mm256_load_si256((const __m256i *)(const void *)p);
}

static inline void bytes_store(uint8_t *p, bytes_t v)
{
    _mm256_store_si256((__m256i *)(void *)p, v);
}

static inline bytes_t bytes_zero(void)
{
    return _mm256_setzero_si256();
}

static inline bytes_t tables_load(size_t parts, const uint8_t *p)
{
    if (parts == 2) return _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)p));
}

static inline bytes_t low_nibbles(bytes_t v)
{
    return _mm256_and_si256(v, _mm256_set1_epi8(0x0f));
}

static inline bytes_t high_nibbles(bytes_t v)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0f));
}

static inline bytes_t look_up(bytes_t tables, bytes_t indices)
{
    return _mm256_shuffle_epi8(tables, indices);
}

static inline bytes_t bytes_add(bytes_t a, bytes_t b)
{
    return _mm256_add_epi8(a, b);
}

static inline bytes_t bytes_subtract(bytes_t a, bytes_t b)
{
    return _mm256_sub_epi8(a, b);
}

static inline bytes_t bytes_times_16(bytes_t v)
{
    return _mm256_and_si256(_mm256_slli_epi16(v, 4), _mm256_set1_epi8((char)0xf0));
}

static inline bytes_t words_add(bytes_t a, bytes_t b)
{
    return _mm256_add_epi16(a, b);
}

static inline bytes_t odd_bytes(bytes_t v)
{
    return _mm256_srli_epi16(v, 8);
}

#define LB_TAKES_PAIRS true
#define LB_WORD_BITS LB_PLANE_BITS_MAX
#include "kernels/conv/conv_lookup_body.h"
#include "kernels/conv/threshold_avx2.h"

/* clang-format off */
LB_WINDOWS_3(BYTES, 1) LB_WINDOW(BYTES, 8, 1) LB_WINDOWS_3(PAIRS, 1) LB_WINDOW(WORDS, 1, 1) LB_WINDOW(WORDS, 4, 1)
LB_WINDOWS_3(BYTES, 2) LB_WINDOW(BYTES, 8, 2) LB_WINDOWS_3(PAIRS, 2) LB_WINDOW(WORDS, 1, 2) LB_WINDOW(WORDS, 4, 2)
static window_fn *const windows[PARTS + 1][KINDS][SIZES] = {
    [1] = {[BYTES] = {window_BYTES_1_1, window_BYTES_2_1, window_BYTES_4_1, window_BYTES_8_1},
           [PAIRS] = {window_PAIRS_1_1, window_PAIRS_2_1, window_PAIRS_4_1},
           [WORDS] = {window_WORDS_1_1, NULL, window_WORDS_4_1}},
    [2] = {[BYTES] = {window_BYTES_1_2, window_BYTES_2_2, window_BYTES_4_2, window_BYTES_8_2},
           [PAIRS] = {window_PAIRS_1_2, window_PAIRS_2_2, window_PAIRS_4_2},
           [WORDS] = {window_WORDS_1_2, NULL, window_WORDS_4_2}},
};
/* clang-format on */

/* ---- thresholds ---- */

/* Levels of 8 filters less their base, saturated to 32 bits. */
static inline __m256i level_less_base(const int32_t *level, const int32_t *base)
{
    const __m256i l = _mm256_loadu_si256((const __m256i *)level);
    const __m256i b = _mm256_load_si256((const __m256i *)base);
    const __m256i difference = _mm256_sub_epi32(l, b);
    /* past 32 bits where the signs of l and b differ and that of the difference is not l's */
    const __m256i past = _mm256_and_si256(_mm256_xor_si256(l, b), _mm256_xor_si256(l, difference));
    const __m256i limit = _mm256_xor_si256(_mm256_srai_epi32(l, 31), _mm256_set1_epi32(INT32_MAX));
    return _mm256_blendv_epi8(difference, limit, _mm256_srai_epi32(past, 31));
}

/* Levels of 16 filters less their base, saturated to 16 bits. */
static inline __m256i levels_16(const int32_t *level, const int32_t *base)
{
    const __m256i packed =
        _mm256_packs_epi32(level_less_base(level, base), level_less_base(level + 8, base + 8));
    return _mm256_permute4x64_epi64(packed, 0xd8);
}

/* A whole block's levels in the order of its words: even bytes', then odd bytes'. Of half a block, those of
 * two pixels side by side. */
static LB_NEVER_INLINE void hoist(const row_run *run, filter_group *group, filter_block *b)
{
    const size_t f = b->first;
    const int32_t *base = group->base + f;
    for (int j = 0; j < (1 << run->sink.bits) - 1; j++) {
        const int32_t *level = run->sink.level + (size_t)j * run->sink.stride + group->first + f;
        const __m256i low = levels_16(level, base);
        const __m256i high = b->block.parts == 2 ? low : levels_16(level + 16, base + 16);
        __m256i *to = (__m256i *)(void *)(group->level[j] + f);
        _mm256_store_si256(to, _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_store_si256(to + 1, _mm256_permute2x128_si256(low, high, 0x31));
    }
}

/* Bit i: is sum i above its level? Sums of 32 filters, or twice 16, even bytes' and odd bytes'. */
static inline uint32_t above(const int16_t *level, __m256i even, __m256i odd)
{
    const __m256i a = _mm256_cmpgt_epi16(even, _mm256_load_si256((const __m256i *)level));
    const __m256i b = _mm256_cmpgt_epi16(odd, _mm256_load_si256((const __m256i *)(level + 16)));
    return (uint32_t)_mm256_movemask_epi8(_mm256_packs_epi16(a, b));
}

/* The planes of the fields. Levels ascend: see lb_conv_put_avx2. */
LB_ALWAYS_INLINE void planes_of_sums(int bits, const int16_t *level, __m256i even, __m256i odd,
                                     uint32_t *plane)
{
    if (bits <= 2) {
        plane[0] = above(level, even, odd);
        if (bits == 1) return;
        plane[1] = above(level + LB_CONV_BLOCK, even, odd);
        plane[0] ^= plane[1] ^ above(level + 2 * LB_CONV_BLOCK, even, odd);
        return;
    }
    __m256i a = _mm256_setzero_si256(), b = a;
    for (int j = 0; j < (1 << bits) - 1; j++, level += LB_CONV_BLOCK) {
        const __m256i *of_j = (const __m256i *)(const void *)level;
        a = _mm256_sub_epi16(a, _mm256_cmpgt_epi16(even, _mm256_load_si256(of_j)));
        b = _mm256_sub_epi16(b, _mm256_cmpgt_epi16(odd, _mm256_load_si256(of_j + 1)));
    }
    const __m256i count = _mm256_packs_epi16(a, b);
    for (int p = 0; p < bits; p++)
        plane[p] = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(count, 7 - p));
}

/* The sums S of a pixel's even bytes; *odd: of its odd bytes. */
static inline __m256i words_of(const tile_sums *sums, size_t p, __m256i *odd)
{
    *odd = bytes_load(sums->odd[p]);
    return _mm256_sub_epi16(bytes_load(sums->whole[p]), _mm256_slli_epi16(*odd, 8));
}

static inline __m256i scaled(__m256i words, __m256i scale, __m256i total)
{
    return _mm256_add_epi16(_mm256_mullo_epi16(words, scale), total);
}

/* Two pixels' halves of sums, added: the first's in the low, the second's in the high half of a register. */
static inline __m256i add_halves(__m256i first, __m256i second)
{
    return _mm256_add_epi16(_mm256_blend_epi32(first, second, 0xf0),
                            _mm256_permute2x128_si256(first, second, 0x21));
}

/* Where codes of a block go. */
typedef struct code_writer {
    __m256i scale;
    const int16_t *level;
    uint32_t flip;
    size_t plane_bytes;
} code_writer;

LB_ALWAYS_INLINE void put_32(int bits, const code_writer *w, const tile *t, size_t p, uint8_t *to)
{
    uint32_t plane[LB_PLANE_BITS_MAX];
    __m256i odd, even = words_of(t->sums, p, &odd);
    const __m256i total = _mm256_set1_epi16((int16_t)t->total[p]);
    even = scaled(even, w->scale, total);
    odd = scaled(odd, w->scale, total);
    planes_of_sums(bits, w->level, even, odd, plane);
    for (int b = 0; b < bits; b++, to += w->plane_bytes) {
        plane[b] ^= w->flip;
        memcpy(to, &plane[b], sizeof plane[b]);
    }
}

/* Sixteen filters of pixels p and q, which may be the same. */
LB_ALWAYS_INLINE void put_16(int bits, const code_writer *w, const tile *t, size_t p, size_t q,
                             uint8_t *to_p, uint8_t *to_q)
{
    uint32_t plane[LB_PLANE_BITS_MAX];
    __m256i odd_p, odd_q;
    const __m256i even_p = words_of(t->sums, p, &odd_p), even_q = words_of(t->sums, q, &odd_q);
    const __m256i total = _mm256_inserti128_si256(_mm256_set1_epi16((int16_t)t->total[p]),
                                                  _mm_set1_epi16((int16_t)t->total[q]), 1);
    const __m256i even = scaled(add_halves(even_p, even_q), w->scale, total);
    const __m256i odd = scaled(add_halves(odd_p, odd_q), w->scale, total);
    planes_of_sums(bits, w->level, even, odd, plane);
    for (int b = 0; b < bits; b++, to_p += w->plane_bytes, to_q += w->plane_bytes) {
        const uint32_t of_q = (plane[b] >> 16) ^ w->flip, of_p = (plane[b] & 0xffffu) ^ w->flip;
        memcpy(to_q, &of_q, sizeof of_q);
        memcpy(to_p, &of_p, sizeof of_p);
    }
}

LB_ALWAYS_INLINE void put_codes(int bits, const row_run *run, filter_group *group, filter_block *b,
                                const tile *t)
{
    const size_t f = group->first + b->first, pixel_bytes = run->sink.pixel_bytes;
    uint8_t *to = run->sink.codes + (t->first - run->span->first) * pixel_bytes + f / 8;
    code_writer w = {.scale = _mm256_set1_epi16((int16_t)group->head->scale),
                     .level = group->level[0] + b->first,
                     .plane_bytes = run->sink.plane_bytes};
    memcpy(&w.flip, run->sink.flip + f / 8, sizeof w.flip);
    for (size_t p = 0; p < t->pixels; p++, to += pixel_bytes) {
        const int32_t *start = start_of(run, t, p);
        use_start(run, group, b, start);
        if (b->block.parts == 1) {
            put_32(bits, &w, t, p, to);
        } else if (p + 1 == t->pixels || start_of(run, t, p + 1) != start) {
            put_16(bits, &w, t, p, p, to, to);
        } else {
            put_16(bits, &w, t, p, p + 1, to, to + pixel_bytes);
            p++;
            to += pixel_bytes;
        }
    }
}

/* The final sums of 8 filters of a block, of which `i` is the first. */
static inline __m256i sums_of_8(const row_run *run, const filter_group *group,
                                const filter_block *b, const tile *t, size_t p, size_t i)
{
    const __m256i base = _mm256_load_si256((const __m256i *)(group->base + b->first + i));
    if (run->narrow) {
        __m256i odd, even = words_of(t->sums, p, &odd), words = i % 16 == 8 ? odd : even;
        if (b->block.parts == 2) words = add_halves(words, words);
        words = scaled(words, _mm256_set1_epi16((int16_t)group->head->scale),
                       _mm256_set1_epi16((int16_t)t->total[p]));
        if (i >= 16) words = _mm256_permute4x64_epi64(words, 0x4e);
        return _mm256_add_epi32(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(words)), base);
    }
    const uint32_t *from =
        (i % 16 == 8 ? t->sums->odd_sums[p] : t->sums->even_sums[p]) + (i >= 16 ? 8 : 0);
    __m256i sum = _mm256_load_si256((const __m256i *)from);
    if (b->block.parts == 2)
        sum = _mm256_add_epi32(sum, _mm256_load_si256((const __m256i *)(from + 8)));
    sum = _mm256_mullo_epi32(sum, _mm256_set1_epi32(group->head->scale));
    return _mm256_add_epi32(_mm256_add_epi32(sum, base), _mm256_set1_epi32(t->total[p]));
}

static LB_NEVER_INLINE void put_sums(const row_run *run, filter_group *group, filter_block *b,
                                     const tile *t)
{
    for (size_t p = 0; p < t->pixels; p++) {
        use_start(run, group, b, start_of(run, t, p));
        const size_t pixel = t->first + p - run->span->first;
        for (size_t i = 0; i < b->filters; i += 8)
            lb_conv_put_avx2(&run->sink, pixel, group->first + b->first + i,
                             sums_of_8(run, group, b, t, p, i));
    }
}

static LB_NEVER_INLINE void put_codes_of_1(const row_run *run, filter_group *group, filter_block *b,
                                           const tile *t)
{
    put_codes(1, run, group, b, t);
}

static LB_NEVER_INLINE void put_codes_of_2(const row_run *run, filter_group *group, filter_block *b,
                                           const tile *t)
{
    put_codes(2, run, group, b, t);
}

static LB_NEVER_INLINE void put_codes_of_more(const row_run *run, filter_group *group,
                                              filter_block *b, const tile *t)
{
    put_codes(run->sink.bits, run, group, b, t);
}

static void finish(const row_run *run, filter_group *group, filter_block *b, const tile *t)
{
    if (!run->in_words)
        put_sums(run, group, b, t);
    else if (run->sink.bits == 1)
        put_codes_of_1(run, group, b, t);
    else if (run->sink.bits == 2)
        put_codes_of_2(run, group, b, t);
    else
        put_codes_of_more(run, group, b, t);
}

void lb_lookup_prepare_tables__avx2(const lb_int_conv *conv, const void *row, void *prepared)
{
    prepare_tables(conv, row, prepared);
}

static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    prepare_tables(conv, row, prepared);
    if (kind_of(conv) == PAIRS) pair_tables(conv, prepared);
}

/* Measured on a Sapphire Rapids Xeon at about 3.9 GHz. */
static double cost(const lb_int_conv *conv)
{
    static const lb_lookup_speed speed = {{0.0, 0.33, 0.45, 0.57, 0.57}, 5.0, 1.4, 120.0};
    return lb_lookup_cost(conv, LB_REGISTER_BYTES, &speed);
}

const lb_conv_kernel lb_conv_lookup__avx2 = {
    .name = "lookup avx2",
    .summary = "sums of 4 channels looked up in tables by byte shuffle, 32 filters a register",
    .isa = LB_ISA_AVX2,
    .supports = lb_lookup_supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = lb_lookup_row_bytes,
    .prepare_row = prepare_row,
    .run_row = run_row,
    .by_blocks = true,
    .start_by_pixel = true,
};
