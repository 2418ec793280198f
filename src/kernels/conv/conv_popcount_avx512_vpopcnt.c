/* Counting bits by the instruction for it, in registers of 16 lanes: three instructions for 16 x 32 binary or
 * ternary weights. A tile of pixels x registers of filters keeps its counts in registers while the words of
 * the window pass.
 *
 *     prepared row   planes of rows of pixels (conv_popcount.h)
 *     weights        for every 16 filters: constants, then word after word; a ternary word is (n, w)
 *
 * Counts of a plane are below 2^31: a window has at most WORDS_MAX words. */
#include <immintrin.h>
#include <math.h>

#include "base/cpu.h"
#include "kernels/conv/conv_popcount.h"
#include "kernels/conv/threshold_avx512.h"

enum { LANES = 16, WORDS_MAX = 1 << 16, PIXELS_MAX = 8, REGISTERS_MAX = 4 };

/* What a tile is made for; constants wherever it is used. */
typedef struct tile {
    bool ternary;
    size_t pixels, registers;
} tile;

typedef struct tile_sums {
    __m512i of[PIXELS_MAX][REGISTERS_MAX];
} tile_sums;

/* A row of outputs under way. */
typedef struct row_run {
    const lb_int_conv *conv;
    const lb_conv_span *span;
    lb_popcount_plan plan;
    lb_conv_sink sink;
    const __m512i *packed;
    size_t register_step; /* of weights, from 16 filters to the next */
} row_run;

/* Bits of one word that count. */
LB_ALWAYS_INLINE __m512i differing(bool ternary, const __m512i *w, __m512i activations)
{
    enum {
        AND_XOR = 0x6a
    }; /* (a & b) ^ c of the bits of each number a = 0xf0, b = 0xcc, c = 0xaa */
    if (!ternary) return _mm512_xor_si512(activations, w[0]);
    return _mm512_ternarylogic_epi32(activations, w[0], w[1], AND_XOR);
}

/* One run of words of one plane, added to the counts; `at`: where pixel 0's begins in its row. */
LB_ALWAYS_INLINE void count_run(tile t, const row_run *r, const uint32_t *from, const __m512i *w,
                                tile_sums *counts)
{
    const size_t per_word = t.ternary ? 2 : 1, step = r->plan.pixel_stride;
    for (size_t i = 0; i < r->plan.run; i++, w += per_word) {
        for (size_t p = 0; p < t.pixels; p++) {
            const __m512i x = _mm512_set1_epi32((int)from[p * step + i]);
            for (size_t q = 0; q < t.registers; q++) {
                const __m512i bits = differing(t.ternary, w + q * r->register_step, x);
                counts->of[p][q] = _mm512_add_epi32(counts->of[p][q], _mm512_popcnt_epi32(bits));
            }
        }
    }
}

/* counts = 2 * counts + those of a plane. */
LB_ALWAYS_INLINE void count_plane(tile t, const row_run *r, size_t plane, size_t pixel,
                                  const __m512i *w, tile_sums *counts)
{
    const size_t per_word = t.ternary ? 2 : 1;
    const size_t at = plane * r->plan.plane_words + pixel * r->plan.pixel_stride;
    for (size_t p = 0; p < t.pixels; p++)
        for (size_t q = 0; q < t.registers; q++)
            counts->of[p][q] = _mm512_add_epi32(counts->of[p][q], counts->of[p][q]);
    for (size_t ky = 0; ky < r->conv->kh; ky++, w += per_word * r->plan.run)
        count_run(t, r, (const uint32_t *)r->span->rows[ky] + at, w, counts);
}

/* Counts to sums to their place. */
LB_NEVER_INLINE static void put_tile(const row_run *r, size_t x, size_t f, size_t pixels,
                                     size_t registers, const tile_sums *counts)
{
    const lb_conv_sink sink = r->sink; /* of one's own: no store of a code changes it */
    const __m512i step = _mm512_set1_epi32(r->conv->acts.step);
    for (size_t q = 0; q < registers; q++, f += LANES) {
        const __m512i constant = r->packed[f / LANES * r->register_step];
        for (size_t p = 0; p < pixels; p++) {
            const int32_t *start = lb_conv_start_of(r->span, x + p);
            __m512i sums = _mm512_add_epi32(constant, _mm512_mullo_epi32(counts->of[p][q], step));
            if (start) sums = _mm512_add_epi32(sums, _mm512_loadu_si512(start + f));
            lb_conv_put_avx512(&sink, x + p, f, sums);
        }
    }
}

/* Outputs x .. of the span, filters f .. */
LB_ALWAYS_INLINE void run_tile(tile t, const row_run *r, size_t x, size_t f)
{
    const __m512i *w = r->packed + f / LANES * r->register_step;
    tile_sums counts;
    for (size_t p = 0; p < t.pixels; p++)
        for (size_t q = 0; q < t.registers; q++) counts.of[p][q] = _mm512_setzero_si512();
    for (size_t plane = (size_t)r->conv->acts.bits; plane-- > 0;)
        count_plane(t, r, plane, r->span->first + x, w + 1, &counts);
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
    for (; f + 3 * LANES < end; f += 4 * LANES) run_pixels((tile){ternary, 4, 4}, r, f);
    for (; f + LANES < end; f += 2 * LANES) run_pixels((tile){ternary, 8, 2}, r, f);
    if (f < end) run_pixels((tile){ternary, 8, 1}, r, f);
}

static lb_popcount_plan plan_of(const lb_int_conv *conv)
{
    return lb_popcount_plan_of(conv, 1, 1, false);
}

static size_t register_step(const lb_int_conv *conv, const lb_popcount_plan *plan)
{
    return 1 + plan->words * (conv->weights == LB_WEIGHTS_TERNARY ? 2 : 1);
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

static size_t registers_of(const lb_int_conv *conv)
{
    return (conv->filters + LANES - 1) / LANES;
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    return registers_of(conv) * register_step(conv, &plan) * sizeof(__m512i);
}

/* Measured on 3x3 windows of 16 to 512 channels and on linear layers: what a word and a window cost for 16
 * filters, a word for all of them, an input pixel, a row, a map; a single window cannot be faster than its weights are
 * read. */
static double cost(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    const double planes = conv->acts.bits, words = planes * (double)plan.words;
    const double registers = (double)registers_of(conv),
                 outputs = (double)(conv->out_w * conv->out_h);
    double window = registers * (0.41 * words + 1.6) + 0.05 * words;
    if (outputs == 1.0) window = fmax(window, 0.0085 * (double)weight_bytes(conv));
    const double input =
        (plan.dense ? 1.5 : 0.2) * planes * (double)(plan.tap_words * conv->stride);
    const double pixel = window + input + 1.0 + 80.0 / (double)conv->out_w + 200.0 / outputs;
    return pixel / (double)(conv->filters * conv->kh * conv->kw * conv->in_c);
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

const lb_conv_kernel lb_conv_popcount__avx512 = {
    .name = "popcount avx512",
    .summary = "bit planes, counted by vpopcntd; 16 filters a register",
    .isa = LB_ISA_AVX512 | LB_ISA_AVX512_VPOPCNT,
    .supports = supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = row_bytes,
    .prepare_row = prepare_row,
    .run_row = run_row,
    .by_blocks = true,
    .block_filters = 32,
    .start_by_pixel = true,
};
