/* From ternary weights to gaps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "intnet/gaps.h"

/* ---- counting ---- */

/* How often each gap before a weight that is not zero occurs. */
typedef struct gap_counts {
    size_t nonzero, longest;
    uint32_t *of; /* [longest + 1] */
} gap_counts;

/* Call `see` with the gap before each weight that is not zero. */
static void for_gaps(const int8_t *codes, size_t n,
                     void (*see)(size_t gap, bool negative, void *user), void *user)
{
    size_t gap = 0;
    for (size_t i = 0; i < n; i++) {
        if (codes[i] == 0) {
            gap++;
            continue;
        }
        see(gap, codes[i] < 0, user);
        gap = 0;
    }
}

static void see_longest(size_t gap, bool negative, void *user)
{
    (void)negative;
    gap_counts *c = user;
    c->nonzero++;
    c->longest = gap > c->longest ? gap : c->longest;
}

static void count_gap(size_t gap, bool negative, void *user)
{
    (void)negative;
    ((gap_counts *)user)->of[gap]++;
}

static lb_status count_gaps(const int8_t *codes, size_t n, gap_counts *c)
{
    *c = (gap_counts){0};
    for_gaps(codes, n, see_longest, c);
    LB_TRY(lb_alloc(c->longest + 1, sizeof *c->of, "counts of gaps", (void **)&c->of));
    for_gaps(codes, n, count_gap, c);
    return LB_OK;
}

static double entropy(const gap_counts *c)
{
    double bits = 0.0;
    for (size_t gap = 0; gap <= c->longest; gap++) {
        if (c->of[gap] == 0) continue;
        const double p = (double)c->of[gap] / (double)c->nonzero;
        bits -= p * log2(p);
    }
    return bits;
}

/* ---- run-length ---- */

static uint64_t run_length_bits(const gap_counts *c, unsigned width)
{
    const size_t skip = ((size_t)1 << width) - 1;
    uint64_t skips = 0;
    for (size_t gap = skip; gap <= c->longest; gap++) skips += c->of[gap] * (gap / skip);
    return c->nonzero * (uint64_t)(width + 1) + skips * width;
}

static unsigned best_width(const gap_counts *c)
{
    unsigned best = 1;
    for (unsigned b = 2; b <= LB_GAP_MAX_WIDTH; b++)
        if (run_length_bits(c, b) < run_length_bits(c, best)) best = b;
    return best;
}

/* ---- Huffman ---- */

/* A symbol, or two trees joined. */
typedef struct tree {
    uint64_t weight;
    uint16_t symbol, parent, depth;
} tree;

typedef struct huffman_code {
    unsigned precision;
    size_t n_symbols; /* the last one that occurs, plus 1; at least 1 */
    uint64_t bits;    /* that all gaps take: codes and extra bits     */
    uint64_t count[LB_GAP_MAX_SYMBOLS];
    uint16_t code[LB_GAP_MAX_SYMBOLS];
    uint8_t length[LB_GAP_MAX_SYMBOLS]; /* 0: does not occur */
    tree trees[2 * LB_GAP_MAX_SYMBOLS]; /* while lengths are made */
} huffman_code;

/* Bits of a gap that its symbol does not hold. */
static unsigned extra_bits(size_t gap, unsigned precision)
{
    unsigned extra = 0;
    while (gap >> extra >> precision > 1) extra++;
    return extra;
}

static size_t symbol_of(size_t gap, unsigned precision)
{
    const unsigned extra = extra_bits(gap, precision);
    return ((size_t)extra << precision) + (gap >> extra);
}

static int by_weight(const void *a, const void *b)
{
    const tree *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? -1 : 1;
    return x->symbol - y->symbol;
}

/* Lengths of a Huffman code by the counts, each divided by `divisor` and rounded up: the two lightest trees are
 * joined until one is left. Symbols, sorted, and joined trees, which are made in the order of their weights, are two
 * queues with the lightest in front. Returns the longest length. */
static unsigned code_lengths(huffman_code *h, uint64_t divisor)
{
    tree *t = h->trees;
    size_t leaves = 0;
    memset(h->length, 0, sizeof h->length);
    for (size_t s = 0; s < h->n_symbols; s++) {
        const uint64_t weight = (h->count[s] + divisor - 1) / divisor;
        if (weight > 0) t[leaves++] = (tree){.weight = weight, .symbol = (uint16_t)s};
    }
    if (leaves == 0) return 0;
    qsort(t, leaves, sizeof *t, by_weight);
    size_t leaf = 0, joined = leaves, n = leaves;
    for (; n < 2 * leaves - 1; n++) {
        t[n] = (tree){0};
        for (int k = 0; k < 2; k++) {
            const bool is_leaf =
                leaf < leaves && (joined == n || t[leaf].weight <= t[joined].weight);
            tree *lightest = &t[is_leaf ? leaf++ : joined++];
            lightest->parent = (uint16_t)n;
            t[n].weight += lightest->weight;
        }
    }
    t[n - 1].depth = leaves == 1; /* a symbol without others still takes a bit */
    for (size_t i = n - 1; i-- > 0;) t[i].depth = (uint16_t)(t[t[i].parent].depth + 1);
    for (size_t i = 0; i < leaves; i++) h->length[t[i].symbol] = (uint8_t)t[i].depth;
    return t[0].depth; /* nothing is deeper than the lightest symbol */
}

/* Codes in the order of lengths, then symbols. */
static void number_codes(huffman_code *h)
{
    unsigned next = 0;
    for (unsigned bits = 1; bits <= LB_GAP_MAX_LENGTH; bits++, next <<= 1) {
        for (size_t s = 0; s < h->n_symbols; s++)
            if (h->length[s] == bits) h->code[s] = (uint16_t)next++;
    }
}

static void make_huffman(const gap_counts *c, unsigned precision, huffman_code *h)
{
    h->precision = precision;
    h->n_symbols = c->nonzero > 0 ? symbol_of(c->longest, precision) + 1 : 1;
    h->bits = 0;
    memset(h->count, 0, sizeof h->count);
    for (size_t gap = 0; gap <= c->longest; gap++) {
        if (c->of[gap] == 0) continue;
        h->count[symbol_of(gap, precision)] += c->of[gap];
        h->bits += (uint64_t)c->of[gap] * extra_bits(gap, precision);
    }
    /* where codes are too long for the table, rare symbols are taken for less rare */
    for (uint64_t divisor = 1; code_lengths(h, divisor) > LB_GAP_MAX_LENGTH; divisor *= 2)
        ;
    for (size_t s = 0; s < h->n_symbols; s++) h->bits += h->count[s] * h->length[s];
}

static size_t table_bytes(const huffman_code *h)
{
    return (h->n_symbols + 1) / 2;
}

/* The code of the precision that takes the fewest bits with its table; lb_free gives *out back. */
static lb_status best_huffman(const gap_counts *c, huffman_code **out)
{
    huffman_code *h;
    LB_TRY(lb_alloc(1, sizeof *h, "Huffman code", (void **)&h));
    unsigned best = 0;
    uint64_t fewest = UINT64_MAX;
    for (unsigned p = 0; p <= LB_GAP_MAX_PRECISION; p++) {
        make_huffman(c, p, h);
        const uint64_t bits = h->bits + 8 * (uint64_t)table_bytes(h);
        if (bits >= fewest) continue;
        best = p;
        fewest = bits;
    }
    make_huffman(c, best, h);
    number_codes(h);
    *out = h;
    return LB_OK;
}

/* ---- sizes ---- */

static size_t run_length_bytes(const gap_counts *c)
{
    return LB_GAP_HEADER + (size_t)((run_length_bits(c, best_width(c)) + 7) / 8);
}

static size_t huffman_bytes(const gap_counts *c, const huffman_code *h)
{
    return LB_GAP_TABLE + table_bytes(h) + (size_t)((h->bits + c->nonzero + 7) / 8);
}

lb_status lb_gaps_measure(const int8_t *codes, size_t n, lb_gap_sizes *out)
{
    gap_counts c;
    huffman_code *h;
    LB_TRY(count_gaps(codes, n, &c));
    const lb_status status = best_huffman(&c, &h);
    if (status == LB_OK) {
        *out = (lb_gap_sizes){
            .nonzero = c.nonzero,
            .run_length_bytes = run_length_bytes(&c),
            .huffman_bytes = huffman_bytes(&c, h),
            .gap_entropy = entropy(&c),
            .huffman_bits = c.nonzero > 0 ? (double)h->bits / (double)c.nonzero : 0.0,
        };
        lb_free(h);
    }
    lb_free(c.of);
    return status;
}

/* ---- streams ---- */

typedef struct gap_writer {
    uint8_t *stream;
    size_t bit;     /* the next one, from the stream's start */
    unsigned width; /* run-length; 0: Huffman */
    const huffman_code *huffman;
} gap_writer;

static void put_bit(gap_writer *w, size_t bit)
{
    w->stream[w->bit / 8] |= (uint8_t)((bit & 1) << w->bit % 8);
    w->bit++;
}

/* The lowest n bits, the lowest first. */
static void put_bits(gap_writer *w, size_t bits, unsigned n)
{
    for (unsigned b = 0; b < n; b++) put_bit(w, bits >> b);
}

static void put_run_length(gap_writer *w, size_t gap)
{
    const size_t skip = ((size_t)1 << w->width) - 1;
    for (; gap >= skip; gap -= skip) put_bits(w, skip, w->width);
    put_bits(w, gap, w->width);
}

static void put_huffman(gap_writer *w, size_t gap)
{
    const huffman_code *h = w->huffman;
    const size_t symbol = symbol_of(gap, h->precision);
    for (unsigned b = h->length[symbol]; b > 0; b--) put_bit(w, h->code[symbol] >> (b - 1));
    put_bits(w, gap, extra_bits(gap, h->precision));
}

static void put_weight(size_t gap, bool negative, void *user)
{
    gap_writer *w = user;
    if (w->width > 0)
        put_run_length(w, gap);
    else
        put_huffman(w, gap);
    put_bit(w, negative);
}

/* The header, and for Huffman the table. */
static void put_header(gap_writer *w, size_t nonzero)
{
    const huffman_code *h = w->huffman;
    put_bits(w, nonzero, 32);
    put_bits(w, w->width > 0 ? w->width : h->precision, 8);
    if (w->width > 0) return;
    put_bits(w, h->n_symbols - 1, 16);
    for (size_t s = 0; s < h->n_symbols; s++) put_bits(w, h->length[s], 4);
    w->bit = 8 * ((w->bit + 7) / 8);
}

lb_status lb_gaps_encode(lb_gap_code code, const int8_t *codes, size_t n, lb_arena *arena,
                         uint8_t **stream, size_t *bytes)
{
    gap_counts c;
    huffman_code *h = NULL;
    LB_TRY(count_gaps(codes, n, &c));
    const bool run_length = code == LB_GAPS_RUN_LENGTH;
    lb_status status = run_length ? LB_OK : best_huffman(&c, &h);
    gap_writer w = {.width = run_length ? best_width(&c) : 0, .huffman = h};
    if (status == LB_OK) {
        *bytes = run_length ? run_length_bytes(&c) : huffman_bytes(&c, h);
        status = lb_arena_alloc(arena, *bytes, 1, "encoded weights", (void **)&w.stream);
    }
    if (status == LB_OK) {
        put_header(&w, c.nonzero);
        for_gaps(codes, n, put_weight, &w);
        lb_assert((w.bit + 7) / 8 == *bytes);
        *stream = w.stream;
    }
    lb_free(h);
    lb_free(c.of);
    return status;
}
