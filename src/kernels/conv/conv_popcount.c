/* Packing of weights and rows for the kernels that count bits. */
#include "kernels/conv/conv_popcount.h"

#include <string.h>

#include "base/compiler.h"

enum {
    SLACK_BYTES = 64, /* past a prepared row: windows are read in whole registers */
    STREAM_WORD = 64  /* bits */
};

static size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

lb_popcount_plan lb_popcount_plan_of(const lb_int_conv *conv, size_t parts, size_t pixels,
                                     bool rows_of_words)
{
    lb_popcount_plan plan = {.parts = parts, .pixels = pixels};
    const size_t shift = parts == 4 ? 3 : parts == 2 ? 4 : 5; /* word_bits is a power of 2 */
    plan.filter_parts = pixels == 2 ? parts / 2 : parts;
    plan.word_bits = (size_t)1 << shift;
    const size_t pixel_words = (conv->in_c + plan.word_bits - 1) >> shift;
    const size_t dense_run = (conv->kw * conv->in_c + plan.word_bits - 1) >> shift;
    plan.dense = dense_run < conv->kw * pixel_words;
    plan.taps = plan.dense ? 1 : conv->kw;
    plan.tap_words = plan.dense ? dense_run : pixel_words;
    plan.run = plan.taps * plan.tap_words;
    plan.words = conv->kh * plan.run;
    const size_t columns = lb_conv_row_pixels(conv), stride = conv->stride;
    if (!rows_of_words) {
        plan.word_stride = 1;
        plan.pixel_stride = plan.dense ? plan.run : stride * pixel_words;
        plan.phase_stride = pixel_words;
        plan.plane_words = plan.dense ? conv->out_w * plan.run : columns * pixel_words;
    } else {
        plan.pixel_stride = 1;
        plan.phase_stride = stride == 1 ? columns : ceil_div(columns, stride);
        plan.word_stride = plan.dense ? conv->out_w : stride * plan.phase_stride;
        plan.plane_words = plan.tap_words * plan.word_stride;
    }
    return plan;
}

bool lb_popcount_supports(const lb_int_conv *conv, const lb_popcount_plan *plan, size_t words_max,
                          const char **why)
{
    *why = conv->groups > 1                      ? "it has groups"
           : conv->weights == LB_WEIGHTS_INTEGER ? "its weights have several bits"
           : conv->acts.bits > LB_PLANE_BITS_MAX ? "its activations have more than 4 bits"
           : plan->words > words_max / (size_t)conv->acts.bits ? "its window is too large"
                                                               : "";
    return **why == '\0';
}

/* --- weights --- */

/* The place in a window's row of bit b of word `word`; false where it stands for no input. */
static bool place_of_bit(const lb_int_conv *conv, const lb_popcount_plan *plan, size_t word,
                         size_t b, size_t *place)
{
    if (plan->dense) {
        *place = word * plan->word_bits + b;
        return *place < conv->kw * conv->in_c;
    }
    const size_t channel = word % plan->tap_words * plan->word_bits + b;
    *place = word / plan->tap_words * conv->in_c + channel;
    return channel < conv->in_c;
}

uint32_t lb_popcount_weight_word(const lb_int_conv *conv, const lb_popcount_plan *plan,
                                 const int16_t *codes, size_t f, bool non_zero, size_t index)
{
    if (f >= conv->filters) return 0;
    const size_t row = conv->kw * conv->in_c;
    const int16_t *of_row = codes + (f * conv->kh + index / plan->run) * row;
    uint32_t bits = 0;
    for (size_t b = 0; b < plan->word_bits; b++) {
        size_t place;
        if (!place_of_bit(conv, plan, index % plan->run, b, &place)) continue;
        const bool set = non_zero ? of_row[place] != 0 : of_row[place] < 0;
        bits |= (uint32_t)set << b;
    }
    return bits;
}

int32_t lb_popcount_constant(const lb_int_conv *conv, const int16_t *codes, size_t f)
{
    if (f >= conv->filters) return 0;
    const size_t taps = conv->kh * conv->kw * conv->in_c;
    int32_t sum = 0, negative = 0;
    for (size_t k = 0; k < taps; k++) {
        sum += codes[f * taps + k];
        negative += codes[f * taps + k] < 0;
    }
    const int32_t fields = (1 << conv->acts.bits) - 1;
    return conv->acts.offset * sum - conv->acts.step * fields * negative;
}

void lb_popcount_pack_words(const lb_int_conv *conv, const lb_popcount_plan *plan, size_t lanes,
                            size_t registers, const int16_t *codes, uint32_t *packed)
{
    const bool ternary = conv->weights == LB_WEIGHTS_TERNARY;
    const size_t step = (1 + plan->words * (ternary ? 2 : 1)) * lanes;
    for (size_t f = 0; f < registers * lanes; f++) {
        uint32_t *to = packed + f / lanes * step + f % lanes;
        *to = (uint32_t)lb_popcount_constant(conv, codes, f);
        for (size_t i = 0; i < plan->words; i++) {
            if (ternary) *(to += lanes) = lb_popcount_weight_word(conv, plan, codes, f, true, i);
            *(to += lanes) = lb_popcount_weight_word(conv, plan, codes, f, false, i);
        }
    }
}

/* --- rows --- */

size_t lb_popcount_row_bytes(const lb_int_conv *conv, const lb_popcount_plan *plan)
{
    const size_t words = (size_t)conv->acts.bits * plan->plane_words * sizeof(uint32_t);
    /* behind the words, the bits of a plane without gaps, while they are cut anew */
    const size_t bits = lb_conv_row_pixels(conv) * conv->in_c;
    const size_t stream = (ceil_div(bits, STREAM_WORD) + 2) * STREAM_WORD / 8;
    return words + (plan->dense ? stream : 0) + SLACK_BYTES;
}

/* One plane of a row, as prepare_row sees it: column i of the windows is pixel i - pad_left where there is
 * one. */
typedef struct source {
    const uint8_t *row; /* the plane of pixel 0; NULL: all padding */
    size_t pixel_bytes;
    size_t first, end, columns; /* columns [first, end) are pixels of the row */
    bool pad;                   /* the bit of padding */
    uint32_t repeat;            /* times this, a word is in every part of a pixel */
} source;

static source source_of(const lb_int_conv *conv, const lb_popcount_plan *plan, const void *row,
                        size_t plane)
{
    const size_t columns = lb_conv_row_pixels(conv), plane_bytes = (conv->in_c + 31) / 32 * 4;
    source s = {.row = row, .columns = columns};
    if (row) s.row += plane * plane_bytes;
    s.pixel_bytes = (size_t)conv->acts.bits * plane_bytes;
    s.first = conv->pad_left < columns ? conv->pad_left : columns;
    s.end = conv->pad_left + conv->in_w < columns ? conv->pad_left + conv->in_w : columns;
    if (!row) s.end = s.first;
    s.pad = lb_conv_pad_field(conv) >> plane & 1;
    for (size_t i = 0; i < plan->filter_parts; i++) s.repeat |= 1u << i * plan->word_bits;
    return s;
}

/* A little-endian word of 1, 2 or 4 bytes. */
LB_ALWAYS_INLINE uint32_t load_word(const uint8_t *from, size_t bytes)
{
    uint16_t two;
    uint32_t four;
    if (bytes == 1) return *from;
    if (bytes == 2) {
        memcpy(&two, from, sizeof two);
        return LB_LITTLE_16(two);
    }
    memcpy(&four, from, sizeof four);
    return LB_LITTLE_32(four);
}

/* Every `step`-th column of padding, n of them. */
static void put_padding(const lb_int_conv *conv, const lb_popcount_plan *plan, const source *s,
                        size_t n, uint32_t *to)
{
    for (size_t j = 0; j < plan->tap_words; j++, to += plan->word_stride) {
        const size_t left = conv->in_c - j * plan->word_bits;
        const size_t used = left < plan->word_bits ? left : plan->word_bits;
        const uint32_t word = (uint32_t)(((uint64_t)1 << used) - 1) * s->repeat;
        for (size_t i = 0; i < n; i++) to[i * plan->pixel_stride] = s->pad ? word : 0;
    }
}

/* n pixels, `distance` bytes apart; words of `bytes`. */
LB_ALWAYS_INLINE void put_pixels(const lb_popcount_plan *plan, const uint8_t *from, size_t distance,
                                 size_t bytes, uint32_t repeat, size_t n, uint32_t *to)
{
    for (size_t j = 0; j < plan->tap_words; j++, from += bytes, to += plan->word_stride)
        for (size_t i = 0; i < n; i++)
            to[i * plan->pixel_stride] = load_word(from + i * distance, bytes) * repeat;
}

/* Columns first, first + stride, ... below `end`: how many there are. */
static size_t columns_of_phase(size_t first, size_t end, size_t stride)
{
    return first >= end ? 0 : stride == 1 ? end - first : ceil_div(end - first, stride);
}

static void prepare_plane(const lb_int_conv *conv, const lb_popcount_plan *plan, const source *s,
                          uint32_t *to)
{
    const size_t stride = conv->stride, distance = stride * s->pixel_bytes;
    for (size_t phase = 0; phase < stride; phase++, to += plan->phase_stride) {
        const size_t before = columns_of_phase(phase, s->first, stride);
        const size_t upto = columns_of_phase(phase, s->end, stride);
        const size_t all = columns_of_phase(phase, s->columns, stride), n = upto - before;
        put_padding(conv, plan, s, before, to);
        put_padding(conv, plan, s, all - upto, to + upto * plan->pixel_stride);
        if (n == 0) continue;
        uint32_t *inside = to + before * plan->pixel_stride;
        const uint8_t *from = s->row + (phase + before * stride - conv->pad_left) * s->pixel_bytes;
        if (plan->word_bits == 8)
            put_pixels(plan, from, distance, 1, s->repeat, n, inside);
        else if (plan->word_bits == 16)
            put_pixels(plan, from, distance, 2, s->repeat, n, inside);
        else
            put_pixels(plan, from, distance, 4, 1, n, inside);
    }
}

/* --- rows without gaps between pixels --- */

/* Bits are appended to a stream of little-endian 64-bit words. */
typedef struct bit_writer {
    uint8_t *to;
    uint64_t word;
    size_t used; /* bits of `word`, below 64 */
} bit_writer;

static void store_stream(uint8_t *to, uint64_t word)
{
    word = LB_LITTLE_64(word);
    memcpy(to, &word, sizeof word);
}

static uint64_t load_stream(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return LB_LITTLE_64(word);
}

/* n in 1 .. 32; bits above n are 0. */
static void append_bits(bit_writer *w, uint32_t bits, size_t n)
{
    w->word |= (uint64_t)bits << w->used;
    w->used += n;
    if (w->used < STREAM_WORD) return;
    store_stream(w->to, w->word);
    w->to += STREAM_WORD / 8;
    w->used -= STREAM_WORD;
    w->word = w->used > 0 ? (uint64_t)bits >> (n - w->used) : 0;
}

/* All channels of one column. */
static void append_column(const lb_int_conv *conv, const source *s, size_t column, bit_writer *w)
{
    const bool inside = column >= s->first && column < s->end;
    const uint8_t *from = inside ? s->row + (column - conv->pad_left) * s->pixel_bytes : NULL;
    for (size_t c = 0; c < conv->in_c; c += 32) {
        const size_t n = conv->in_c - c < 32 ? conv->in_c - c : 32;
        const uint32_t all = (uint32_t)(((uint64_t)1 << n) - 1);
        append_bits(w, inside ? load_word(from + c / 8, 4) : s->pad ? all : 0, n);
    }
}

static void prepare_plane_dense(const lb_int_conv *conv, const lb_popcount_plan *plan,
                                const source *s, uint8_t *stream, uint32_t *to)
{
    bit_writer writer = {stream, 0, 0};
    for (size_t i = 0; i < s->columns; i++) append_column(conv, s, i, &writer);
    store_stream(writer.to, writer.word);
    store_stream(writer.to + STREAM_WORD / 8, 0); /* may be read */
    const size_t row_bits = conv->kw * conv->in_c;
    for (size_t x = 0; x < conv->out_w; x++, to += plan->pixel_stride) {
        const size_t begin = x * conv->stride * conv->in_c;
        uint32_t *at = to;
        for (size_t b = 0; b < row_bits; b += plan->word_bits, at += plan->word_stride) {
            const size_t n = row_bits - b < plan->word_bits ? row_bits - b : plan->word_bits;
            const uint64_t bits = load_stream(stream + (begin + b) / 8) >> (begin + b) % 8;
            *at = (uint32_t)(bits & (((uint64_t)1 << n) - 1)) * s->repeat;
        }
    }
}

/* The same where a window's row is no more than 64 bits: they are a number that columns are shifted into. */
static void prepare_plane_shifting(const lb_int_conv *conv, const lb_popcount_plan *plan,
                                   const source *s, uint32_t *to)
{
    const size_t top = (conv->kw - 1) * conv->in_c;
    const uint64_t pad = s->pad ? (((uint64_t)1 << conv->in_c) - 1) << top : 0;
    const uint32_t word_mask = (uint32_t)(((uint64_t)1 << plan->word_bits) - 1);
    uint64_t bits = 0;
    size_t column = 0;
    const uint8_t *from = s->row;
    for (size_t x = 0; x < conv->out_w; x++, to += plan->pixel_stride) {
        for (const size_t end = x * conv->stride + conv->kw; column < end; column++) {
            bits >>= conv->in_c;
            if (column < s->first || column >= s->end) {
                bits |= pad;
                continue;
            }
            bits |= (uint64_t)load_word(from, 4) << top; /* kw > 1: at most 32 channels */
            from += s->pixel_bytes;
        }
        uint64_t left = bits;
        for (size_t j = 0; j < plan->run; j++, left >>= plan->word_bits)
            to[j * plan->word_stride] = ((uint32_t)left & word_mask) * s->repeat;
    }
}

void lb_popcount_prepare_row(const lb_int_conv *conv, const lb_popcount_plan *plan, const void *row,
                             void *prepared)
{
    uint32_t *to = prepared;
    uint8_t *stream = (uint8_t *)(to + (size_t)conv->acts.bits * plan->plane_words);
    for (size_t p = 0; p < (size_t)conv->acts.bits; p++, to += plan->plane_words) {
        const source s = source_of(conv, plan, row, p);
        if (plan->dense && conv->kw * conv->in_c <= 64)
            prepare_plane_shifting(conv, plan, &s, to);
        else if (plan->dense)
            prepare_plane_dense(conv, plan, &s, stream, to);
        else
            prepare_plane(conv, plan, &s, to);
    }
}
