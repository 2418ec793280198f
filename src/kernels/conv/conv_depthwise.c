/* Depthwise convolutions: a filter sees one channel, so that channels lie in the lanes and nothing is shared
 * between filters. Plain C with vectors of 16 lanes, of which the compiler makes registers.
 *
 *     prepared row   int16 codes [row pixels][filters of a term], each channel as often as it has filters
 *     weights        int16 codes [kh][kw][padded filters]
 *
 * Sums are of 16 bits where taps * max_weight * largest |activation| fits, which the few taps of such layers
 * allow for all but the widest codes. */
#include <string.h>

#include "base/compiler.h"
#include "base/cpu.h"
#include "kernels/conv/threshold.h"

enum { BYTE_BITS = 8, LANES = 16 };

static size_t taps_of(const lb_int_conv *conv)
{
    return conv->kh * conv->kw;
}

/* Filters of one term. */
static size_t filters_of_term(const lb_int_conv *conv)
{
    return conv->filters / conv->terms;
}

static uint64_t largest_sum(const lb_int_conv *conv)
{
    const int low = lb_grid_low(conv->acts), high = lb_grid_high(conv->acts);
    const uint64_t act = (uint64_t)(-low > high ? -low : high);
    return (uint64_t)taps_of(conv) * (uint64_t)conv->max_weight * act;
}

static bool supports(const lb_int_conv *conv, const char **why)
{
    *why = "";
    if (conv->groups != conv->in_c) {
        *why = "its filters see more than one channel";
    } else if (largest_sum(conv) > INT32_MAX) {
        *why = "its sums may not fit 32 bits";
    }
    return !**why;
}

/* Measured on 3x3 windows of 128 channels, for codes of 2 and of 8 bits. */
static double cost(const lb_int_conv *conv)
{
    const double tap = largest_sum(conv) <= INT16_MAX ? 0.1 : 0.25, output = 1.0;
    const size_t rounded = (conv->filters + LANES - 1) / LANES * LANES;
    const double used = (double)conv->filters / (double)rounded;
    return (tap + output / (double)taps_of(conv)) / used;
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    return (taps_of(conv) * lb_conv_padded_filters(conv) + LANES) * sizeof(int16_t);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    const size_t taps = taps_of(conv), padded = lb_conv_padded_filters(conv);
    int16_t *to = packed;
    memset(packed, 0, weight_bytes(conv));
    for (size_t f = 0; f < conv->filters; f++)
        for (size_t k = 0; k < taps; k++) to[k * padded + f] = codes[f * taps + k];
}

/* 16 filters are read from the first one on, wherever that is. */
static size_t row_bytes(const lb_int_conv *conv)
{
    return (lb_conv_row_pixels(conv) * filters_of_term(conv) + LANES) * sizeof(int16_t);
}

/* n fields become codes, each `times` times. They lie at the end of the codes' place: an element is written
 * at or before the byte of its own field, the fields behind it are still whole. */
static void expand(const lb_int_conv *conv, const uint8_t *fields, size_t n, size_t times,
                   int16_t *to)
{
    const int offset = conv->acts.offset, step = conv->acts.step;
    if (times == 1) {
        LB_INDEPENDENT
        for (size_t i = 0; i < n; i++) to[i] = (int16_t)(offset + step * fields[i]);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const int16_t code = (int16_t)(offset + step * fields[i]);
        for (size_t k = 0; k < times; k++) *to++ = code;
    }
}

static void fill(const lb_int_conv *conv, int16_t *to, size_t n)
{
    const int code = conv->acts.offset + conv->acts.step * lb_conv_pad_field(conv);
    for (size_t i = 0; i < n; i++) to[i] = (int16_t)code;
}

static void prepare_row(const lb_int_conv *conv, const void *row, void *prepared)
{
    const size_t columns = lb_conv_row_pixels(conv), pixel = filters_of_term(conv);
    const size_t before = conv->pad_left < columns ? conv->pad_left : columns;
    const size_t left = row ? columns - before : 0, inside = left < conv->in_w ? left : conv->in_w;
    int16_t *to = prepared;
    const int16_t *end = to + columns * pixel + LANES;
    fill(conv, to, before * pixel);
    to += before * pixel;
    const size_t n = inside * conv->in_c;
    uint8_t *fields = (uint8_t *)(to + inside * pixel) - n;
    if (inside > 0) lb_map_row_unpack(conv->acts.bits, conv->in_c, inside, row, fields);
    expand(conv, fields, n, pixel / conv->in_c, to);
    to += inside * pixel;
    fill(conv, to, (size_t)(end - to));
}

typedef int16_t narrow_t __attribute__((vector_size(LANES * sizeof(int16_t))));
typedef int32_t wide_t __attribute__((vector_size(LANES * sizeof(int32_t))));

/* Where 16 neighbouring filters read and what they begin with. Inputs of tap (ky, kx) of output pixel i are at
 * rows[ky] + channel + (i * stride + kx) * pixel. */
typedef struct sixteen {
    const void *const *rows;
    size_t kh, kw, pixel, channel;
    const int16_t *weights; /* [tap][padded] */
    size_t padded;
    int32_t start[LANES];
} sixteen;

/* Sums at the output pixel whose window begins in column x. */
LB_ALWAYS_INLINE void add_taps(const sixteen *s, size_t x, bool narrow, int32_t *sums)
{
    narrow_t sum = {0};
    wide_t total;
    memcpy(&total, s->start, sizeof total);
    const int16_t *w = s->weights;
    for (size_t ky = 0; ky < s->kh; ky++) {
        const int16_t *at = (const int16_t *)s->rows[ky] + s->channel + x * s->pixel;
        for (size_t kx = 0; kx < s->kw; kx++, at += s->pixel, w += s->padded) {
            narrow_t x_k, w_k;
            memcpy(&x_k, at, sizeof x_k);
            memcpy(&w_k, w, sizeof w_k);
            if (narrow) {
                sum += x_k * w_k;
            } else {
                total +=
                    __builtin_convertvector(x_k, wide_t) * __builtin_convertvector(w_k, wide_t);
            }
        }
    }
    if (narrow) total += __builtin_convertvector(sum, wide_t);
    memcpy(sums, &total, sizeof total);
}

/* The codes of filters [f, f + n) of a pixel. */
LB_ALWAYS_INLINE void put_codes(const lb_conv_sink *sink, size_t pixel, size_t f, size_t n,
                                const int32_t *sums)
{
    const uint64_t every_byte = 0x0101010101010101u, gather_bits = 0x0102040810204080u;
    uint8_t count[LANES] = {0};
    for (int j = 0; j < (1 << sink->bits) - 1; j++) {
        const int32_t *level = sink->level + (size_t)j * sink->stride + f;
        for (size_t i = 0; i < LANES; i++) count[i] = (uint8_t)(count[i] + (sums[i] > level[i]));
    }
    uint8_t *to = sink->codes + pixel * sink->pixel_bytes + f / BYTE_BITS;
    for (size_t b = 0; b * BYTE_BITS < n; b++) {
        uint64_t fields; /* channel 0 lowest, as all processors here are little-endian */
        memcpy(&fields, count + b * BYTE_BITS, sizeof fields);
        for (size_t p = 0; p < (size_t)sink->bits; p++) {
            /* bit p of eight bytes to one byte, as in bits/bits.c */
            const uint64_t bits = fields >> p & every_byte;
            to[p * sink->plane_bytes + b] =
                (uint8_t)(bits * gather_bits >> 56 ^ sink->flip[f / BYTE_BITS + b]);
        }
    }
}

LB_ALWAYS_INLINE void run_sixteen(const lb_int_conv *conv, const sixteen *s,
                                  const lb_conv_span *span, const lb_conv_sink *sink, bool narrow,
                                  size_t f, size_t n)
{
    int32_t sums[LANES];
    for (size_t i = 0; i < span->pixels; i++) {
        add_taps(s, (span->first + i) * conv->stride, narrow, sums);
        if (sink->sums) {
            memcpy(sink->sums + i * conv->filters + f, sums, n * sizeof *sums);
        } else {
            put_codes(sink, i, f, n, sums);
        }
    }
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    const lb_conv_sink sink = lb_conv_sink_open(conv, span);
    const size_t of_term = filters_of_term(conv);
    sixteen s = {.rows = span->rows,
                 .kh = conv->kh,
                 .kw = conv->kw,
                 .pixel = of_term,
                 .padded = lb_conv_padded_filters(conv)};
    for (size_t f = span->filter_begin, n; f < span->filter_end; f += n) {
        s.channel = f % of_term;
        s.weights = (const int16_t *)packed + f;
        n = span->filter_end - f < LANES ? span->filter_end - f : LANES;
        if (n > of_term - s.channel) n = of_term - s.channel;
        if (span->start) memcpy(s.start, span->start + f, n * sizeof *s.start);
        if (largest_sum(conv) <= INT16_MAX) {
            run_sixteen(conv, &s, span, &sink, true, f, n);
        } else {
            run_sixteen(conv, &s, span, &sink, false, f, n);
        }
    }
}

const lb_conv_kernel lb_conv_depthwise__portable = {
    .name = "depthwise portable",
    .summary = "16-bit codes, channels in the lanes; one channel a filter",
    .isa = LB_ISA_ANY,
    .supports = supports,
    .cost = cost,
    .weight_bytes = weight_bytes,
    .pack = pack,
    .row_bytes = row_bytes,
    .prepare_row = prepare_row,
    .run_row = run_row,
};
