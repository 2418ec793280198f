/* The loops around looked-up sums, shared by the instruction sets, which differ in register width and in how sums
 * become codes. The including file defines LB_REGISTER_BYTES and, as static inline functions,
 *
 *     bytes_t, LB_IN_REGISTER(v)           a register; as output of an asm
 *     bytes_load(p), bytes_store(p, v)     p aligned to LB_REGISTER_BYTES, but 32 at most
 *     bytes_zero()
 *     tables_load(parts, p)                1 or 2 tables of 16 bytes, repeated until the register is full
 *     low_nibbles(v), high_nibbles(v)      as bytes
 *     look_up(tables, indices)             in every 16 bytes
 *     bytes_add(a, b), bytes_subtract(a, b), bytes_times_16(v), words_add(a, b)
 *     odd_bytes(v)                         v's odd bytes as words
 *     LB_TAKES_PAIRS                       does it use PAIRS (conv_lookup_sums.h)?
 *     LB_WORD_BITS                         codes of up to so many bits are made of sums in words
 *
 * and after including this
 *
 *     windows[parts][kind][log2 size]
 *     hoist(run, group, block)             make the block's levels, from its base
 *     finish(run, group, block, tile)      sums of a block's pixels -> their place, each after use_start */
#include <string.h>

#include "base/compiler.h"
#include "kernels/conv/conv_lookup.h"
#include "kernels/conv/threshold.h"

enum { PIXELS = LB_LOOKUP_PIXELS, HALF = LB_REGISTER_BYTES / 2, PARTS = 2 };

/* Sums of a tile: some pixels, one block of filters. */
typedef struct tile_sums {
    _Alignas(LB_CONV_ALIGN) uint8_t whole[PIXELS][LB_REGISTER_BYTES]; /* words */
    uint8_t odd[PIXELS][LB_REGISTER_BYTES];
    uint32_t even_sums[PIXELS][HALF], odd_sums[PIXELS][HALF]; /* wide */
} tile_sums;

/* Add 2^shift times the sums in words to those of 32 bits. */
static LB_NEVER_INLINE void flush_words(size_t pixels, int shift, tile_sums *sums)
{
    for (size_t p = 0; p < pixels; p++) {
        uint16_t whole[HALF], odd[HALF];
        memcpy(whole, sums->whole[p], sizeof whole);
        memcpy(odd, sums->odd[p], sizeof odd);
        for (size_t i = 0; i < HALF; i++) {
            sums->even_sums[p][i] += (uint32_t)(uint16_t)(whole[i] - (odd[i] << 8)) << shift;
            sums->odd_sums[p][i] += (uint32_t)odd[i] << shift;
        }
    }
}

#include "kernels/conv/conv_lookup_sums.h"

/* Those that the instruction set has. */
static window_fn *const windows[PARTS + 1][KINDS][SIZES];

static void double_words(size_t pixels, tile_sums *sums)
{
    for (size_t p = 0; p < pixels; p++) {
        const bytes_t whole = bytes_load(sums->whole[p]), odd = bytes_load(sums->odd[p]);
        bytes_store(sums->whole[p], words_add(whole, whole));
        bytes_store(sums->odd[p], words_add(odd, odd));
    }
}

/* One call of run_row. */
typedef struct row_run {
    const lb_int_conv *conv;
    const lb_conv_span *span;
    lb_conv_sink sink;
    size_t distance; /* between the tables of neighbouring outputs */
    size_t windows;  /* where a prepared row has the sums U */
    sums_kind kind;
    bool narrow;
    bool in_words; /* thresholds are compared with words; else sums are made and put elsewhere */
} row_run;

/* Some filters of a group, and how the steps of their windows are cut: into equal pieces of a row (the last may
 * be shorter), as processors foresee the ends of loops of one length. Where rows are short, there are some
 * between two widenings. */
typedef struct filter_block {
    lb_lookup_block block;
    size_t first, filters; /* of the group; that are there */
    const uint8_t *weights;
    size_t steps, piece, pieces; /* see window */
    const int32_t *start;        /* that `base` and `level` of the group were made for; see hoist */
} filter_block;

/* Some pixels. */
typedef struct tile {
    size_t first, pixels;  /* output pixels of the row */
    int32_t total[PIXELS]; /* U * total_scale */
    tile_sums *sums;
} tile;

/* See conv_lookup_sums.h: 257 registers of bytes of up to 255 make words of up to 65535. */
enum { STEPS_OF_WORDS = 512 };
static const size_t flush_after[KINDS] = {[BYTES] = 257, [PAIRS] = 257, [WORDS] = 1};

/* Steps, of two look-ups each, between widenings; and how many are best taken together. */
static size_t steps_of(const row_run *run, size_t *together)
{
    *together = run->kind == PAIRS ? 3 : run->kind == WORDS ? 2 : 1;
    if (run->kind == WORDS) return STEPS_OF_WORDS;
    return run->conv->acts.bits == 1 ? 31 : 10;
}

/* All planes of the weights. */
static void add_planes(const row_run *run, int planes, const filter_block *b, const tile *t)
{
    window_fn *const add = windows[b->block.parts][run->kind][size_index(run->kind, t->pixels)];
    window w = {.rows = run->span->rows,
                .kh = run->conv->kh,
                .offset = t->first * run->distance,
                .distance = run->distance,
                .weights = b->weights,
                .steps = b->steps,
                .piece = b->piece,
                .pieces = b->pieces,
                .flush_after = flush_after[run->kind],
                .narrow = run->narrow,
                .first = true,
                .pixels = t->pixels};
    if (!run->narrow) {
        memset(t->sums->even_sums, 0, sizeof t->sums->even_sums);
        memset(t->sums->odd_sums, 0, sizeof t->sums->odd_sums);
    }
    for (w.plane = planes - 1; w.plane >= 0; w.plane--) {
        add(&w, t->sums);
        if (run->narrow && w.plane > 0) double_words(t->pixels, t->sums);
        w.first = !run->narrow;
        w.weights += w.kh * w.steps * LB_REGISTER_BYTES;
    }
}

/* ---- loops ---- */

/* LB_CONV_BLOCK filters, or what is left of them. */
typedef struct filter_group {
    size_t first, filters;
    const lb_lookup_head *head;
    filter_block blocks[LB_CONV_BLOCK / 16];
    size_t n_blocks;
    /* Of each block for the start of the pixel in hand: constant + start; in_words: levels less that, saturated,
     * in the order of the words of sums. */
    _Alignas(LB_CONV_ALIGN) int32_t base[LB_CONV_BLOCK];
    _Alignas(LB_CONV_ALIGN) int16_t level[(1 << LB_WORD_BITS) - 1][LB_CONV_BLOCK];
} filter_group;

static void hoist(const row_run *run, filter_group *group, filter_block *b);
static void finish(const row_run *run, filter_group *group, filter_block *b, const tile *t);

/* What a pixel's sums start from. */
static inline const int32_t *start_of(const row_run *run, const tile *t, size_t p)
{
    return lb_conv_start_of(run->span, t->first - run->span->first + p);
}

static LB_NEVER_INLINE void start_block(const row_run *run, filter_group *group, filter_block *b,
                                        const int32_t *start)
{
    int32_t *base = group->base + b->first;
    memcpy(base, group->head->constant + b->first, b->block.filters * sizeof *base);
    for (size_t f = 0; start && f < b->filters; f++) /* past the last one start may hold anything */
        base[f] = (int32_t)((uint32_t)base[f] + (uint32_t)start[group->first + b->first + f]);
    b->start = start;
    if (run->in_words) hoist(run, group, b);
}

/* Before a pixel is finished. */
static inline void use_start(const row_run *run, filter_group *group, filter_block *b,
                             const int32_t *start)
{
    if (start != b->start) start_block(run, group, b, start);
}

static void cut_group(const row_run *run, filter_group *group)
{
    const uint8_t *weights = (const uint8_t *)(group->head + 1);
    size_t together;
    const size_t most = steps_of(run, &together);
    group->n_blocks = 0;
    for (size_t f = 0; f < group->filters; f += LB_REGISTER_BYTES) {
        filter_block *b = &group->blocks[group->n_blocks++];
        const size_t left = group->filters - f;
        b->block = lb_lookup_block_of(left, LB_REGISTER_BYTES);
        b->first = f;
        b->filters = left < b->block.filters ? left : b->block.filters;
        b->weights = weights;
        b->steps = b->piece = lb_lookup_run_steps(run->conv, b->block.parts);
        b->pieces = 1;
        if (b->steps > most) {
            const size_t pieces = (b->steps + most - 1) / most,
                         piece = (b->steps + pieces - 1) / pieces;
            const size_t rounded = (piece + together - 1) / together * together;
            b->piece = rounded <= most ? rounded : piece;
        } else {
            b->pieces = most / b->steps;
        }
        weights += lb_lookup_block_bytes(run->conv, b->block);
        start_block(run, group, b, NULL);
    }
}

typedef uint32_t totals_t __attribute__((vector_size(PIXELS * sizeof(uint32_t))));

/* U of each pixel; past the last one, anything. */
static void add_up_totals(const row_run *run, const lb_lookup_head *head, tile *t)
{
    totals_t total = {0};
    for (size_t ky = 0; ky < run->conv->kh; ky++) {
        const uint8_t *of_windows = (const uint8_t *)run->span->rows[ky] + run->windows;
        totals_t of_row;
        memcpy(&of_row, of_windows + t->first * sizeof(int32_t), sizeof of_row);
        total += of_row;
    }
    total *= (uint32_t)head->total_scale;
    memcpy(t->total, &total, sizeof total);
}

static void run_group(const row_run *run, filter_group *group)
{
    tile_sums sums;
    const size_t end = run->span->first + run->span->pixels;
    tile t = {.sums = &sums};
    for (t.first = run->span->first; t.first < end; t.first += t.pixels) {
        t.pixels = tile_pixels(run->kind, end - t.first);
        add_up_totals(run, group->head, &t);
        for (size_t i = 0; i < group->n_blocks; i++) {
            add_planes(run, group->head->planes, &group->blocks[i], &t);
            finish(run, group, &group->blocks[i], &t);
        }
    }
}

/* Codes that are made of sums in words are stored as whole words of a map, which leaves nothing to clear. */
static void open_sink(row_run *run)
{
    const lb_conv_span *span = run->span;
    run->sink = lb_conv_sink_of(run->conv, span);
    run->in_words = run->narrow && !run->sink.sums && run->sink.bits <= LB_WORD_BITS;
    if (!run->in_words) lb_conv_sink_clear_tails(&run->sink, run->conv, span);
}

static sums_kind kind_of(const lb_int_conv *conv)
{
    if (conv->acts.bits == 1 && conv->out_w > 1 && LB_TAKES_PAIRS) return PAIRS;
    return conv->acts.bits > 2 ? WORDS : BYTES;
}

static void run_row(const lb_int_conv *conv, const void *packed, const lb_conv_span *span)
{
    const size_t group_bytes = lb_lookup_group_bytes(conv, LB_REGISTER_BYTES);
    row_run run = {.conv = conv,
                   .span = span,
                   .distance = conv->stride * lb_lookup_units(conv) * LB_LOOKUP_UNIT_BYTES,
                   .windows = lb_lookup_row_of(conv).windows,
                   .kind = kind_of(conv),
                   .narrow = lb_lookup_is_narrow(conv)};
    open_sink(&run);
    filter_group group;
    for (size_t f = span->filter_begin; f < span->filter_end; f += LB_CONV_BLOCK) {
        const size_t left = span->filter_end - f;
        group.first = f;
        group.filters = left < LB_CONV_BLOCK ? left : LB_CONV_BLOCK;
        group.head =
            (const lb_lookup_head *)((const char *)packed + f / LB_CONV_BLOCK * group_bytes);
        cut_group(&run, &group);
        run_group(&run, &group);
    }
}

static size_t weight_bytes(const lb_int_conv *conv)
{
    return lb_lookup_weight_bytes(conv, LB_REGISTER_BYTES);
}

static void pack(const lb_int_conv *conv, const int16_t *codes, void *packed)
{
    lb_lookup_pack(conv, codes, LB_REGISTER_BYTES, packed);
}
