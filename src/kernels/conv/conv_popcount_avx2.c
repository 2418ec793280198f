/* Counting bits by a tree of adders in registers of 8 lanes.
 *
 * Counts of bytes, times a step of +-1 or +-2, pairs of bytes added, are at most 2 * 2 * (120 + 16 * 248) = 16,352
 * (conv_popcount_count_avx2.h). Sums have 16 bits only where |step| * (2^bits - 1) * inputs <= 32,767. */
#include <math.h>

#include "base/cpu.h"
#include "kernels/conv/conv_popcount_put_avx2.h"
#include "kernels/conv/conv_popcount_windows_avx2.h"

/* Counts of a block of filters at the lanes of a stretch: window after window, plane after plane. */
LB_ALWAYS_INLINE void count_block(kind k, const row_run *r, size_t n, const uint32_t *windows,
                                  const lanes *w, window_counts *to)
{
    const size_t planes = (size_t)r->conv->acts.bits, plane_forms = r->shape.forms * k.across;
    for (size_t x = 0; x < n; x++) {
        const uint32_t *forms = windows + x / k.across * planes * plane_forms + x % k.across;
        for (size_t p = 0; p < planes; p++, forms += plane_forms, to++)
            *to = count_window(k, &r->shape, forms, w, NULL);
    }
}

/* --- from counts to sums --- */

/* What the lanes of a stretch count, times the step, all planes: 8 filters of 32 bits in of[0]; or 16 of 16 bits;
 * or, in of[1], those of the pixels `apart`, or the next 16 filters. */
typedef struct totals {
    __m256i of[2][CHUNK_LANES];
} totals;

/* The low or the high two bytes of each lane, or the bytes of half a register, to 16 bits. */
LB_ALWAYS_INLINE __m256i widen_bytes(size_t pixels, size_t half, counts x)
{
    const __m256i low =
        _mm256_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1, //
                         0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1);
    const __m256i two = _mm256_set1_epi16(2);
    if (pixels == 2) return _mm256_shuffle_epi8(x, half == 0 ? low : _mm256_add_epi8(low, two));
    return _mm256_cvtepu8_epi16(half == 0 ? _mm256_castsi256_si128(x)
                                          : _mm256_extracti128_si256(x, 1));
}

/* A plane of 4 parts: one block at most, so that 16 * 8 + 120 fits a byte. */
LB_ALWAYS_INLINE __m256i scaled_bytes(size_t pixels, size_t half, int step, window_counts c)
{
    const counts all = _mm256_add_epi8(c.last, _mm256_slli_epi16(c.sixteens, 4));
    return _mm256_mullo_epi16(widen_bytes(pixels, half, all), _mm256_set1_epi16((short)step));
}

/* A plane of 1 or 2 parts: pairs of bytes. */
LB_ALWAYS_INLINE __m256i scaled_pairs(int step, window_counts c)
{
    const __m256i by_1 = _mm256_set1_epi8((char)step), by_16 = _mm256_set1_epi8((char)(16 * step));
    return _mm256_add_epi16(_mm256_maddubs_epi16(c.last, by_1),
                            _mm256_maddubs_epi16(c.sixteens, by_16));
}

LB_ALWAYS_INLINE void total_lanes(size_t parts, size_t pixels, const row_run *r, size_t n,
                                  const window_counts *from, totals *to)
{
    const size_t planes = (size_t)r->conv->acts.bits;
    const int step = r->conv->acts.step;
    for (size_t x = 0; x < n; x++, from += planes) {
        __m256i t[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
        for (size_t p = planes; p-- > 0;) { /* twice the total, and the next lower plane */
            if (parts == 1) {
                const __m256i sum =
                    _mm256_madd_epi16(scaled_pairs(step, from[p]), _mm256_set1_epi16(1));
                t[0] = _mm256_add_epi32(_mm256_add_epi32(t[0], t[0]), sum);
                continue;
            }
            const __m256i sum =
                parts == 2 ? scaled_pairs(step, from[p]) : scaled_bytes(pixels, 0, step, from[p]);
            t[0] = _mm256_add_epi16(_mm256_add_epi16(t[0], t[0]), sum);
            if (parts == 2) continue;
            const __m256i second = scaled_bytes(pixels, 1, step, from[p]);
            t[1] = _mm256_add_epi16(_mm256_add_epi16(t[1], t[1]), second);
        }
        to->of[0][x] = t[0];
        if (parts == 4) to->of[1][x] = t[1];
    }
}

/* Totals of 32 bits to their place. */
static void put_long(const row_run *r, stretch of, size_t f, __m256i constants, const __m256i *t)
{
    for (size_t i = 0; i < of.pixels; i++) {
        const int32_t *start = lb_conv_start_of(r->span, of.first + i);
        __m256i sums = _mm256_add_epi32(constants, t[i]);
        if (start) sums = _mm256_add_epi32(sums, _mm256_loadu_si256((const __m256i *)(start + f)));
        lb_conv_put_avx2(&r->sink, of.first + i, f, sums);
    }
}

/* Totals of 16 bits of n pixels from `first` of the stretch on to their place. */
static void put_short(const row_run *r, stretch of, size_t first, size_t n, size_t f,
                      const lanes *constants, const __m256i *t)
{
    const __m256i both[2] = {(__m256i)constants[0], (__m256i)constants[1]};
    const size_t end = r->span->filter_end;
    if (f >= end) return;
    if (r->sink.sums) {
        for (size_t i = 0, pixel = of.first + first; i < n; i++, pixel++)
            put_short_pixel(&r->sink, pixel, f, end, t[i], both, lb_conv_start_of(r->span, pixel));
        return;
    }
    put_short_codes(&r->sink, of.first + first, f, n, t, both);
    for (size_t i = 0; i < r->starting; i++) { /* once more those with a start */
        const size_t x = r->starts_at[i] - first, pixel = of.first + r->starts_at[i];
        if (x >= n) continue; /* or before the first: wrapped round */
        put_short_pixel(&r->sink, pixel, f, end, t[x], both, lb_conv_start_of(r->span, pixel));
    }
}

/* Counts of filters f .. at the lanes of a stretch to sums, and these to their place. */
static void put_block(const row_run *r, stretch of, size_t f, const lanes *constants,
                      const window_counts *from)
{
    totals t;
    if (r->plan.parts == 1) {
        total_lanes(1, 1, r, of.apart, from, &t);
        put_long(r, of, f, (__m256i)constants[0], t.of[0]);
    } else if (r->plan.parts == 2) {
        total_lanes(2, 1, r, of.apart, from, &t);
        put_short(r, of, 0, of.pixels, f, constants, t.of[0]);
    } else if (r->plan.pixels == 2) {
        total_lanes(4, 2, r, of.apart, from, &t);
        put_short(r, of, 0, of.apart, f, constants, t.of[0]);
        put_short(r, of, of.apart, of.pixels - of.apart, f, constants, t.of[1]);
    } else {
        total_lanes(4, 1, r, of.apart, from, &t);
        put_short(r, of, 0, of.pixels, f, constants, t.of[0]);
        put_short(r, of, 0, of.pixels, f + SHORT_LANES, constants + 2, t.of[1]);
    }
}

/* --- rows --- */

/* Windows of a stretch of pixels, then all filters on them. */
LB_ALWAYS_INLINE void run_interleaved(bool ternary, row_run *r)
{
    const kind k = {ternary, LANES};
    uint32_t windows[FORMS_MAX];
    window_counts all[CHUNK_LANES * LB_PLANE_BITS_MAX];
    const size_t filter_parts = r->plan.filter_parts, filters = LANES * filter_parts;
    const size_t planes = (size_t)r->conv->acts.bits, block = filter_parts + r->shape.weights;
    size_t chunk = FORMS_MAX / (planes * r->shape.forms * LANES) * LANES;
    if (chunk > CHUNK_LANES) chunk = CHUNK_LANES;
    chunk *= r->plan.pixels;
    for (size_t first = 0; first < r->span->pixels; first += chunk) {
        const size_t left = r->span->pixels - first;
        stretch of = {.first = first, .pixels = left < chunk ? left : chunk};
        of.apart = r->plan.pixels == 2 ? (of.pixels + 1) / 2 : of.pixels;
        make_windows(k, r, of, windows);
        find_starts(r, of);
        const lanes *w = r->packed + r->span->filter_begin / filters * block;
        for (size_t f = r->span->filter_begin; f < r->span->filter_end; f += filters, w += block) {
            count_block(k, r, of.apart, windows, w + filter_parts, all);
            put_block(r, of, f, w, all);
        }
    }
}

/* One pixel after the other; one filter a lane. */
LB_ALWAYS_INLINE void run_single(bool ternary, const row_run *r)
{
    const kind k = {ternary, 1};
    uint32_t window[FORMS_MAX];
    const int step = r->conv->acts.step, planes = r->conv->acts.bits;
    for (size_t x = 0; x < r->span->pixels; x++) {
        const int32_t *start = lb_conv_start_of(r->span, x);
        make_windows(k, r, (stretch){x, 1, 1}, window);
        for (size_t f = r->span->filter_begin; f < r->span->filter_end; f += LANES) {
            const lanes *w = r->packed + f / LANES * (1 + r->shape.weights);
            __m256i sum = _mm256_setzero_si256();
            for (int p = planes; p-- > 0;) {
                __m256i n = _mm256_setzero_si256(); /* counts of the plane */
                const uint32_t *forms = window + (size_t)p * r->shape.forms;
                const window_counts c = count_window(k, &r->shape, forms, w + 1, &n);
                n = _mm256_add_epi32(n, add_bytes(c.last, 1));
                n = _mm256_add_epi32(n, add_bytes(c.sixteens, 16));
                sum = _mm256_add_epi32(_mm256_add_epi32(sum, sum), n);
            }
            sum = _mm256_mullo_epi32(sum, _mm256_set1_epi32(step));
            sum = _mm256_add_epi32(sum, (__m256i)w[0]);
            if (start)
                sum = _mm256_add_epi32(sum, _mm256_loadu_si256((const __m256i *)(start + f)));
            lb_conv_put_avx2(&r->sink, x, f, sum);
        }
    }
}

/* How lanes are shared. Rows and weights depend on it, and so it does not depend on the number of filters. */
static lb_popcount_plan plan_of(const lb_int_conv *conv)
{
    const size_t row = conv->kw * conv->in_c, inputs = conv->kh * row;
    const size_t step = (size_t)(conv->acts.step < 0 ? -conv->acts.step : conv->acts.step);
    const size_t planes = (size_t)conv->acts.bits;
    const bool short_sums = step * (((size_t)1 << planes) - 1) * inputs <= INT16_MAX;
    const size_t most = planes * conv->kh * conv->kw * ((conv->in_c + 15) / 16);
    const bool one_window =
        conv->out_w * conv->out_h == 1 && inputs > 512; /* little follows its counting */
    size_t parts = 2, pixels = 1;
    if (!short_sums || most > WIDE_WORDS_MAX || one_window) {
        parts = 1;
    } else if (conv->kh * ((row + 7) / 8) < 2 * BLOCK * GROUP) {
        parts = 4;
        pixels = conv->out_w > 1 ? 2 : 1;
    }
    return lb_popcount_plan_of(conv, parts, pixels, true);
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    row_run r; /* its words are set by find_words */
    r.conv = conv;
    r.span = span;
    r.packed = packed;
    r.plan = plan_of(conv);
    r.shape = tree_shape_of(conv, &r.plan);
    r.sink = lb_conv_sink_open(conv, span);
    find_words(&r);
    const bool ternary = conv->weights == LB_WEIGHTS_TERNARY;
    const bool large = r.plan.words * (size_t)conv->acts.bits > WIDE_WORDS_MAX;
    if (r.plan.parts == 1 && (large || span->pixels == 1)) {
        if (ternary)
            run_single(true, &r);
        else
            run_single(false, &r);
    } else {
        if (ternary)
            run_interleaved(true, &r);
        else
            run_interleaved(false, &r);
    }
}

/* --- the kernel --- */

static bool supports(const lb_int_conv *conv, const char **why)
{
    const lb_popcount_plan plan = plan_of(conv);
    return lb_popcount_supports(conv, &plan, WORDS_MAX, why);
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    return tree_weight_bytes(conv, &plan, LANES);
}

/* Measured on 3x3 windows of 16 to 512 channels and on linear layers: what a word, a plane, a window and a row cost
 * for a block of filters, then what a word of a window, an input pixel, an output, a row and a map cost besides.
 * A single window cannot be faster than its weights are read. */
static double cost(const lb_int_conv *conv)
{
    const lb_popcount_plan plan = plan_of(conv);
    const double outputs = (double)(conv->out_w * conv->out_h);
    const bool one_window = outputs == 1.0;
    const double word = conv->weights == LB_WEIGHTS_TERNARY ? 0.6 : 0.42, row = (double)conv->out_w;
    const double planes = conv->acts.bits, words = planes * (double)plan.words;
    const double blocks = ceil((double)conv->filters / (double)(LANES * plan.filter_parts));
    const double block =
        word * words + 3.0 * planes + (double)plan.parts + (one_window ? 0.0 : 25.0 / row);
    double window = blocks * block + 0.15 * words;
    if (one_window) window = fmax(window, 0.0145 * (double)weight_bytes(conv));
    const double input =
        (plan.dense ? 1.0 : 0.35) * planes * (double)(plan.tap_words * conv->stride);
    const double output = window / (double)plan.pixels + input + 1.0 + 90.0 / row + 200.0 / outputs;
    return output / (double)(conv->filters * conv->kh * conv->kw * conv->in_c);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    const lb_popcount_plan plan = plan_of(conv);
    tree_pack(conv, &plan, LANES, codes, packed);
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

const lb_conv_kernel lb_conv_popcount__avx2 = {
    .name = "popcount avx2",
    .summary = "bit planes, counted by a tree of adders; 8 filters a register",
    .isa = LB_ISA_AVX2,
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
