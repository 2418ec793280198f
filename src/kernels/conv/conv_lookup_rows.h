/* Preparing rows of tables, for every instruction set: plain C on registers of 32 bytes. */
#include <string.h>

#include "base/compiler.h"
#include "kernels/conv/conv_lookup.h"

typedef uint8_t tables_t __attribute__((vector_size(LB_LOOKUP_UNIT_BYTES)));

static inline tables_t tables_of(uint8_t bits)
{
    tables_t v;
    memcpy(&v, lb_lookup_tables[bits], sizeof v);
    return v;
}

/* What preparing a row works on: where the next pixel's tables and total go. */
typedef struct row_writer {
    const lb_int_conv *conv;
    size_t units, plane_bytes;
    uint8_t *tables;
    int32_t *total;
} row_writer;

enum { WORD_BYTES = 4, WORD_UNITS = 32 / LB_LOOKUP_UNIT };

/* The tables of the first n units of 32 channels, whose planes are `distance` bytes apart; adds their fields to
 * *total. */
LB_ALWAYS_INLINE uint8_t *write_word(int bits, const uint8_t *channels, size_t distance, size_t n,
                                     int32_t *total, uint8_t *tables)
{
    uint32_t plane[LB_PLANE_BITS_MAX];
    for (int p = 0; p < bits; p++) {
        memcpy(&plane[p], channels + (size_t)p * distance, WORD_BYTES);
        *total += __builtin_popcount(plane[p]) << p;
    }
    for (; n > 0; n--, tables += LB_LOOKUP_UNIT_BYTES) {
        tables_t sum = tables_of((uint8_t)plane[bits - 1]);
        for (int p = bits - 2; p >= 0; p--) sum = sum + sum + tables_of((uint8_t)plane[p]);
        memcpy(tables, &sum, sizeof sum);
        for (int p = 0; p < bits; p++) plane[p] >>= LB_LOOKUP_UNIT;
    }
    return tables;
}

LB_ALWAYS_INLINE void write_pixels(int bits, row_writer *w, const uint8_t *pixel, size_t n)
{
    const size_t plane_bytes = w->plane_bytes;
    const size_t last_units = w->units - (plane_bytes / WORD_BYTES - 1) * WORD_UNITS;
    uint8_t *tables = w->tables;
    for (size_t i = 0; i < n; i++, pixel += (size_t)bits * plane_bytes) {
        const uint8_t *word = pixel;
        int32_t total = 0;
        for (size_t left = plane_bytes - WORD_BYTES; left > 0;
             left -= WORD_BYTES, word += WORD_BYTES)
            tables = write_word(bits, word, plane_bytes, WORD_UNITS, &total, tables);
        tables = write_word(bits, word, plane_bytes, last_units, &total, tables);
        *w->total++ = total;
    }
    w->tables = tables;
}

static void write_padding(row_writer *w, size_t n)
{
    const lb_int_conv *c = w->conv;
    if (n == 0) return;
    const unsigned field = lb_conv_pad_field(c);
    const unsigned tail = 0xffu >> (w->units * LB_LOOKUP_UNIT - c->in_c);
    for (size_t i = 0; i < n; i++) {
        for (size_t u = 0; u < w->units; u++, w->tables += LB_LOOKUP_UNIT_BYTES) {
            const unsigned used = u + 1 == w->units ? tail : 0xffu;
            tables_t sum = {0};
            for (int p = c->acts.bits - 1; p >= 0; p--)
                sum = sum + sum + tables_of((uint8_t)(field >> p & 1u ? used : 0u));
            memcpy(w->tables, &sum, sizeof sum);
        }
        *w->total++ = (int32_t)(field * c->in_c);
    }
}

/* The sum over each window's part of the row. */
static void add_totals(const lb_int_conv *conv, const int32_t *totals, int32_t *windows)
{
    const size_t out_w = conv->out_w, stride = conv->stride;
    memset(windows, 0, out_w * sizeof *windows);
    for (size_t kx = 0; kx < conv->kw; kx++) {
        if (stride == 1)
            for (size_t x = 0; x < out_w; x++) windows[x] += totals[x + kx];
        else
            for (size_t x = 0; x < out_w; x++) windows[x] += totals[x * stride + kx];
    }
}

static void prepare_tables(const lb_int_conv *conv, const void *row, void *prepared)
{
    const lb_lookup_row layout = lb_lookup_row_of(conv);
    const size_t before = conv->pad_left < layout.columns ? conv->pad_left : layout.columns;
    size_t inside = row ? layout.columns - before : 0;
    if (inside > conv->in_w) inside = conv->in_w;
    int32_t *windows = (int32_t *)(void *)((uint8_t *)prepared + layout.windows);
    int32_t *totals = (int32_t *)(void *)((uint8_t *)prepared + layout.totals);
    row_writer w = {.conv = conv,
                    .units = lb_lookup_units(conv),
                    .plane_bytes = (conv->in_c + 31) / 32 * 4,
                    .tables = prepared,
                    .total = totals};
    memset((uint8_t *)prepared + layout.slack, 0, LB_LOOKUP_SLACK);
    write_padding(&w, before);
    switch (conv->acts.bits) {
    case 1: write_pixels(1, &w, row, inside); break;
    case 2: write_pixels(2, &w, row, inside); break;
    case 3: write_pixels(3, &w, row, inside); break;
    default: write_pixels(4, &w, row, inside); break;
    }
    write_padding(&w, layout.columns - before - inside);
    add_totals(conv, totals, windows);
}

/* Put the second pixel of each pair into the tables of the first: entries of at most 4, whose high 4 bits are free.
 * Pixels past the last column have empty tables. */
static void pair_tables(const lb_int_conv *conv, void *prepared)
{
    const lb_lookup_row layout = lb_lookup_row_of(conv);
    const size_t distance = conv->stride * lb_lookup_units(conv) * LB_LOOKUP_UNIT_BYTES;
    uint8_t *tables = prepared;
    for (size_t i = 0; i + distance < layout.slack; i += LB_LOOKUP_UNIT_BYTES) {
        tables_t first, second;
        memcpy(&first, tables + i, sizeof first);
        memcpy(&second, tables + i + distance, sizeof second);
        first |= second << 4;
        memcpy(tables + i, &first, sizeof first);
    }
}
