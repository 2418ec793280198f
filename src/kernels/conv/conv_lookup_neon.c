/* Looked-up partial sums in registers of 16 filters: the operations of conv_lookup_body.h, and how sums become
 * codes. */
#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "kernels/conv/conv_lookup_rows.h"

#define LB_REGISTER_BYTES 16
typedef uint8x16_t bytes_t;
#define LB_IN_REGISTER(v) "+w"(v)

static inline bytes_t bytes_load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline void bytes_store(uint8_t *p, bytes_t v)
{
    vst1q_u8(p, v);
}

static inline bytes_t bytes_zero(void)
{
    return vdupq_n_u8(0);
}

static inline bytes_t tables_load(size_t parts, const uint8_t *p)
{
    (void)parts; /* 1: a register has the filters of the smallest block */
    return vld1q_u8(p);
}

static inline bytes_t low_nibbles(bytes_t v)
{
    return vandq_u8(v, vdupq_n_u8(0x0f));
}

static inline bytes_t high_nibbles(bytes_t v)
{
    return vshrq_n_u8(v, 4);
}

static inline bytes_t look_up(bytes_t tables, bytes_t indices)
{
    return vqtbl1q_u8(tables, indices);
}

static inline bytes_t bytes_add(bytes_t a, bytes_t b)
{
    return vaddq_u8(a, b);
}

static inline bytes_t bytes_subtract(bytes_t a, bytes_t b)
{
    return vsubq_u8(a, b);
}

static inline bytes_t bytes_times_16(bytes_t v)
{
    return vshlq_n_u8(v, 4);
}

static inline bytes_t words_add(bytes_t a, bytes_t b)
{
    return vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
}

static inline bytes_t odd_bytes(bytes_t v)
{
    return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(v), 8));
}

#define LB_TAKES_PAIRS true
#define LB_WORD_BITS LB_PLANE_BITS_MAX
#include "kernels/conv/conv_lookup_body.h"
#include "kernels/conv/threshold_neon.h"

/* clang-format off */
LB_WINDOWS_3(BYTES, 1) LB_WINDOW(BYTES, 8, 1) LB_WINDOWS_3(PAIRS, 1) LB_WINDOW(WORDS, 1, 1) LB_WINDOW(WORDS, 4, 1)
static window_fn *const windows[PARTS + 1][KINDS][SIZES] = {
    [1] = {[BYTES] = {window_BYTES_1_1, window_BYTES_2_1, window_BYTES_4_1, window_BYTES_8_1},
           [PAIRS] = {window_PAIRS_1_1, window_PAIRS_2_1, window_PAIRS_4_1},
           [WORDS] = {window_WORDS_1_1, NULL, window_WORDS_4_1}},
};
/* clang-format on */

/* ---- thresholds ---- */

/* A block's levels less its base, saturated to 16 bits, filters in order. */
static void hoist(const row_run *run, filter_group *group, filter_block *b)
{
    const size_t f = b->first;
    for (int j = 0; j < (1 << run->sink.bits) - 1; j++) {
        const int32_t *level = run->sink.level + (size_t)j * run->sink.stride + group->first + f;
        const int32_t *base = group->base + f;
        for (size_t i = 0; i < b->block.filters; i += 4)
            vst1_s16(group->level[j] + f + i,
                     vqmovn_s32(vqsubq_s32(vld1q_s32(level + i), vld1q_s32(base + i))));
    }
}

/* The sums S of a pixel's filters 0 to 7; *high: of 8 to 15. */
static inline int16x8_t words_of(const tile_sums *sums, size_t p, int16x8_t *high)
{
    const uint16x8_t whole = vreinterpretq_u16_u8(bytes_load(sums->whole[p]));
    const uint16x8_t odd = vreinterpretq_u16_u8(bytes_load(sums->odd[p]));
    *high = vreinterpretq_s16_u16(odd);
    return vreinterpretq_s16_u16(vsubq_u16(whole, vshlq_n_u16(odd, 8)));
}

/* What the words of one pixel come to, less the base. */
static inline int16x8_t scaled_words(const filter_group *group, const tile *t, size_t p,
                                     int16x8_t *high)
{
    const int16_t scale = (int16_t)group->head->scale;
    const int16x8_t total = vdupq_n_s16((int16_t)t->total[p]);
    int16x8_t low = words_of(t->sums, p, high);
    *high = vaddq_s16(vmulq_n_s16(*high, scale), total);
    return vaddq_s16(vmulq_n_s16(low, scale), total);
}

/* Bit i: is the sum of filter i above its level? */
static inline uint32_t above(const int16_t *level, int16x8_t low, int16x8_t high)
{
    static const uint8_t bit_of_lane[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x8_t bits = vld1_u8(bit_of_lane);
    const uint8x8_t a = vmovn_u16(vcgtq_s16(low, vld1q_s16(level)));
    const uint8x8_t b = vmovn_u16(vcgtq_s16(high, vld1q_s16(level + 8)));
    return vaddv_u8(vand_u8(a, bits)) | (uint32_t)vaddv_u8(vand_u8(b, bits)) << 8;
}

/* Levels ascend: see lb_conv_put_neon. The first half of a word of the map is stored with zeros for the second,
 * which the next block brings, if there is one. */
static void put_codes(const row_run *run, const filter_group *group, const filter_block *b,
                      const tile *t, size_t p)
{
    const lb_conv_sink *sink = &run->sink;
    const size_t f = group->first + b->first;
    uint8_t *to = sink->codes + (t->first + p - run->span->first) * sink->pixel_bytes + f / 8;
    uint32_t plane[LB_PLANE_BITS_MAX];
    int16x8_t high;
    const int16x8_t low = scaled_words(group, t, p, &high);
    const uint32_t flip = (uint32_t)sink->flip[f / 8] | (uint32_t)sink->flip[f / 8 + 1] << 8;
    for (int i = 0; i < LB_PLANE_BITS_MAX; i++) plane[i] = flip;
    for (int j = 0; j < (1 << sink->bits) - 1; j++) {
        const uint32_t over = above(group->level[j] + b->first, low, high);
        for (int i = 0; ((j + 1) & ((1 << i) - 1)) == 0; i++) plane[i] ^= over;
    }
    for (int i = 0; i < sink->bits; i++)
        memcpy(to + (size_t)i * sink->plane_bytes, &plane[i],
               f % 32 == 0 ? sizeof(uint32_t) : sizeof(uint16_t));
}

/* The final sums of filters [i, i + 4) of a block. */
static inline int32x4_t sums_of_4(const row_run *run, const filter_group *group,
                                  const filter_block *b, const tile *t, size_t p, size_t i)
{
    const int32x4_t base = vld1q_s32(group->base + b->first + i);
    if (run->narrow) {
        int16x8_t high, low = scaled_words(group, t, p, &high);
        const int16x8_t words = i < 8 ? low : high;
        return vaddw_s16(base, i % 8 == 0 ? vget_low_s16(words) : vget_high_s16(words));
    }
    const uint32_t *from = i < 8 ? t->sums->even_sums[p] + i : t->sums->odd_sums[p] + (i - 8);
    const int32x4_t sum = vmulq_n_s32(vreinterpretq_s32_u32(vld1q_u32(from)), group->head->scale);
    return vaddq_s32(vaddq_s32(sum, base), vdupq_n_s32(t->total[p]));
}

static void finish(const row_run *run, filter_group *group, filter_block *b, const tile *t)
{
    for (size_t p = 0; p < t->pixels; p++) {
        use_start(run, group, b, start_of(run, t, p));
        if (run->in_words) {
            put_codes(run, group, b, t, p);
            continue;
        }
        for (size_t i = 0; i < b->filters; i += 8)
            lb_conv_put_neon(&run->sink, t->first + p - run->span->first,
                             group->first + b->first + i, sums_of_4(run, group, b, t, p, i),
                             sums_of_4(run, group, b, t, p, i + 4));
    }
}

static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    prepare_tables(conv, row, prepared);
    if (kind_of(conv) == PAIRS) pair_tables(conv, prepared);
}

/* Estimated from the number of instructions, for a core of 2.5 GHz with two vector units. */
static double cost(const lb_int_conv *conv)
{
    static const lb_lookup_speed speed = {{0.0, 0.60, 0.80, 1.10, 1.10}, 8.0, 2.5, 200.0};
    return lb_lookup_cost(conv, LB_REGISTER_BYTES, &speed);
}

const lb_conv_kernel lb_conv_lookup__neon = {
    .name = "lookup neon",
    .summary = "sums of 4 channels looked up in tables by byte shuffle, 16 filters a register",
    .isa = LB_ISA_NEON,
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
