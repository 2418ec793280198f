/* Counting the bits of bytes by the instruction for it, in registers of 4 lanes: three instructions for 4 x 32
 * binary weights. A tile of pixels x registers of filters keeps its counts in registers while the words of
 * the window pass; bytes take the counts of CHUNK words before they are widened.
 *
 *     prepared row   planes of rows of pixels (conv_popcount.h)
 *     weights        for every 4 filters: constants, then word after word; a ternary word is (n, w)
 *
 * Counts of all planes are below 2^31: a window has at most WORDS_MAX words. */
#include <arm_neon.h>

#include "base/cpu.h"
#include "kernels/conv/conv_popcount.h"
#include "kernels/conv/threshold_neon.h"

enum {
    LANES = 4,
    WORDS_MAX = 1 << 16,
    CHUNK = 31, /* words whose counts, 8 a byte each, fit bytes */
    PIXELS_MAX = 8,
    REGISTERS_MAX = 4
};

/* What a tile is made for; constants wherever it is used. Registers are even, as codes are bytes of 8 filters. */
typedef struct tile {
    bool ternary;
    size_t pixels, registers;
} tile;

/* Counts of a tile: those of the last words, and those that have been widened. */
typedef struct tile_counts {
    uint8x16_t last[PIXELS_MAX][REGISTERS_MAX];
    uint32x4_t all[PIXELS_MAX][REGISTERS_MAX];
} tile_counts;

/* A row of outputs under way. */
typedef struct row_run {
    const lb_int_conv *conv;
    const lb_conv_span *span;
    lb_popcount_plan plan;
    lb_conv_sink sink;
    const uint32_t *packed;
    size_t register_step; /* of weights, from 4 filters to the next */
} row_run;

/* Bits of one word that count. */
LB_ALWAYS_INLINE uint8x16_t differing(bool ternary, const uint32_t *w, uint32x4_t activations)
{
    if (ternary) {
        activations = vandq_u32(activations, vld1q_u32(w));
        w += LANES;
    }
    return vreinterpretq_u8_u32(veorq_u32(activations, vld1q_u32(w)));
}

/* n words, added to the last counts. */
LB_ALWAYS_INLINE void count_words(tile t, const row_run *r, const uint32_t *from, const uint32_t *w,
                                  size_t n, tile_counts *counts)
{
    const size_t step = r->plan.pixel_stride;
    for (size_t i = 0; i < n; i++, w += t.ternary ? 2 * LANES : LANES) {
        for (size_t p = 0; p < t.pixels; p++) {
            const uint32x4_t x = vld1q_dup_u32(from + p * step + i);
            for (size_t q = 0; q < t.registers; q++) {
                const uint8x16_t bits = differing(t.ternary, w + q * r->register_step, x);
                counts->last[p][q] = vaddq_u8(counts->last[p][q], vcntq_u8(bits));
            }
        }
    }
}

LB_ALWAYS_INLINE void clear_last(tile t, tile_counts *counts)
{
    for (size_t p = 0; p < t.pixels; p++)
        for (size_t q = 0; q < t.registers; q++) counts->last[p][q] = vdupq_n_u8(0);
}

LB_ALWAYS_INLINE void widen_last(tile t, tile_counts *counts)
{
    for (size_t p = 0; p < t.pixels; p++)
        for (size_t q = 0; q < t.registers; q++)
            counts->all[p][q] = vpadalq_u16(counts->all[p][q], vpaddlq_u8(counts->last[p][q]));
    clear_last(t, counts);
}

/* counts = 2 * counts + those of a plane. */
LB_ALWAYS_INLINE void count_plane(tile t, const row_run *r, size_t plane, size_t pixel,
                                  const uint32_t *w, tile_counts *counts)
{
    const size_t at = plane * r->plan.plane_words + pixel * r->plan.pixel_stride;
    for (size_t p = 0; p < t.pixels; p++)
        for (size_t q = 0; q < t.registers; q++)
            counts->all[p][q] = vaddq_u32(counts->all[p][q], counts->all[p][q]);
    clear_last(t, counts);
    size_t room = CHUNK;
    for (size_t ky = 0; ky < r->conv->kh; ky++) {
        const uint32_t *from = (const uint32_t *)r->span->rows[ky] + at;
        for (size_t left = r->plan.run, n; left > 0; left -= n, from += n, room -= n) {
            if (room == 0) {
                widen_last(t, counts);
                room = CHUNK;
            }
            n = left < room ? left : room;
            count_words(t, r, from, w, n, counts);
            w += n * (t.ternary ? 2 * LANES : LANES);
        }
    }
    widen_last(t, counts);
}

/* Counts to sums to their place. */
LB_NEVER_INLINE static void put_tile(const row_run *r, size_t x, size_t f, size_t pixels,
                                     size_t registers, const tile_counts *counts)
{
    const int32_t step = r->conv->acts.step;
    for (size_t q = 0; q < registers; q += 2, f += 2 * LANES) {
        const uint32_t *constants = r->packed + f / LANES * r->register_step;
        int32x4_t constant[2];
        for (size_t i = 0; i < 2; i++, constants += r->register_step)
            constant[i] = vreinterpretq_s32_u32(vld1q_u32(constants));
        for (size_t p = 0; p < pixels; p++) {
            const int32_t *start = lb_conv_start_of(r->span, x + p);
            int32x4_t sums[2];
            for (size_t i = 0; i < 2; i++) {
                const int32x4_t n = vreinterpretq_s32_u32(counts->all[p][q + i]);
                sums[i] = vmlaq_n_s32(constant[i], n, step);
                if (start) sums[i] = vaddq_s32(sums[i], vld1q_s32(start + f + i * LANES));
            }
            lb_conv_put_neon(&r->sink, x + p, f, sums[0], sums[1]);
        }
    }
}

/* Outputs x .. of the span, filters f .. */
LB_ALWAYS_INLINE void run_tile(tile t, const row_run *r, size_t x, size_t f)
{
    const uint32_t *w = r->packed + f / LANES * r->register_step + LANES;
    tile_counts counts;
    for (size_t p = 0; p < t.pixels; p++)
        for (size_t q = 0; q < t.registers; q++) counts.all[p][q] = vdupq_n_u32(0);
    for (size_t plane = (size_t)r->conv->acts.bits; plane-- > 0;)
        count_plane(t, r, plane, r->span->first + x, w, &counts);
    put_tile(r, x, f, t.pixels, t.registers, &counts);
}

/* All pixels of the span on some registers of filters, a tile at a time. */
LB_ALWAYS_INLINE void run_pixels(tile t, const row_run *r, size_t f)
{
    size_t x = 0;
    for (; x + t.pixels <= r->span->pixels; x += t.pixels) run_tile(t, r, x, f);
    for (; x < r->span->pixels; x++) run_tile((tile){t.ternary, 1, t.registers}, r, x, f);
}

LB_ALWAYS_INLINE void run_filters(bool ternary, const row_run *r)
{
    const size_t end = r->span->filter_end;
    size_t f = r->span->filter_begin;
    for (; f + 2 * LANES < end; f += 4 * LANES) run_pixels((tile){ternary, 4, 4}, r, f);
    if (f < end) run_pixels((tile){ternary, 8, 2}, r, f);
}

static lb_popcount_plan plan_of(const lb_int_conv *conv)
{
    return lb_popcount_plan_of(conv, 1, 1, false);
}

static size_t register_step(const lb_int_conv *conv, const lb_popcount_plan *plan)
{
    return (1 + plan->words * (conv->weights == LB_WEIGHTS_TERNARY ? 2 : 1)) * LANES;
}

/* Filters are computed four registers at a time, or two; the last ones may be of no filter. */
static size_t registers_of(const lb_int_conv *conv)
{
    return (conv->filters + 4 * LANES - 1) / (4 * LANES) * 4;
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    row_run r = {conv, span, plan_of(conv), lb_conv_sink_open(conv, span), packed, 0};
    r.register_step = register_step(conv, &r.plan);
    if (conv->weights == LB_WEIGHTS_TERNARY)
        run_filters(true, &r);
    else
        run_filters(false, &r);
}

static bool supports(const lb_int_conv *conv, const char **why)
{
    const lb_popcount_plan plan = plan_of(conv);
    return lb_popcount_supports(conv, &plan, WORDS_MAX, why);
}

/* From the instructions that a core with two 128-bit pipes at 2.5 GHz needs; not measured. */
static double cost(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    const double word = conv->weights == LB_WEIGHTS_TERNARY ? 0.8 : 0.6, planes = conv->acts.bits;
    const double words = planes * (double)plan.words, registers = (double)registers_of(conv);
    const double window = registers * (word * words + 1.0 * planes + 2.0) + 0.2 * words;
    const double input =
        (plan.dense ? 2.0 : 0.5) * planes * (double)(plan.tap_words * conv->stride);
    const double pixel = window + input + 2.0 + 100.0 / (double)conv->out_w;
    return pixel / (double)(conv->filters * conv->kh * conv->kw * conv->in_c);
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    return registers_of(conv) * register_step(conv, &plan) * sizeof(uint32_t);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    const lb_popcount_plan plan = plan_of(conv);
    lb_popcount_pack_words(conv, &plan, LANES, registers_of(conv), codes, packed);
}

static size_t row_bytes(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    return lb_popcount_row_bytes(conv, &plan);
}

static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    const lb_popcount_plan plan = plan_of(conv);
    lb_popcount_prepare_row(conv, &plan, row, prepared);
}

const lb_conv_kernel lb_conv_popcount__neon = {
    .name = "popcount neon",
    .summary = "bit planes, counted by cnt; 4 filters a register",
    .isa = LB_ISA_NEON,
    .supports = supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = row_bytes,
    .prepare_row = prepare_row,
    .run_row = run_row,
    .by_blocks = true,
    .start_by_pixel = true,
};
