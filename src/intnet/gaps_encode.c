/* From ternary weights to gaps. */
#include <math.h>
#include <string.h>

#include "intnet/gaps.h"

/* ---- counting ---- */

/* How often each gap occurs; gaps that are longer go on in a list of their own. */
enum { COUNTED_GAPS = 1 << LB_GAP_MAX_WIDTH };

typedef struct gap_counts {
    size_t nonzero;
    uint64_t *of;    /* [COUNTED_GAPS]: gaps below COUNTED_GAPS */
    uint64_t n_long; /* longer ones: each counted as a value of its own in the entropy */
    uint64_t long_skips[LB_GAP_MAX_WIDTH + 1]; /* by width: skips that the longer gaps take    */
    uint64_t long_symbol_skips;                /* the same for Huffman                          */
    uint64_t long_rest[LB_GAP_SYMBOLS];        /* Huffman: what is left of longer gaps          */
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

static void count_gap(size_t gap, bool negative, void *user)
{
    (void)negative;
    gap_counts *c = user;
    c->nonzero++;
    if (gap < COUNTED_GAPS) {
        c->of[gap]++;
        return;
    }
    c->n_long++;
    for (unsigned b = 1; b <= LB_GAP_MAX_WIDTH; b++)
        c->long_skips[b] += gap / (((size_t)1 << b) - 1);
    c->long_symbol_skips += gap / (LB_GAP_SYMBOLS - 1);
    c->long_rest[gap % (LB_GAP_SYMBOLS - 1)]++;
}

/* ---- run-length ---- */

static uint64_t run_length_bits(const gap_counts *c, unsigned width)
{
    const size_t skip = ((size_t)1 << width) - 1;
    uint64_t skips = c->long_skips[width];
    for (size_t gap = skip; gap < COUNTED_GAPS; gap++) skips += c->of[gap] * (gap / skip);
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

typedef struct huffman_code {
    uint64_t count[LB_GAP_SYMBOLS];
    uint8_t length[LB_GAP_SYMBOLS]; /* 0: does not occur */
    uint16_t code[LB_GAP_SYMBOLS];
    size_t n_symbols; /* the last one that occurs, plus 1; at least 1 */
} huffman_code;

/* Lengths of a Huffman code by the counts: the two rarest trees are joined until one is left. Returns the
 * longest. Plain search for the rarest: there are 256 symbols at most. */
static unsigned code_lengths(const uint64_t *count, uint8_t *length)
{
    enum { TREES = 2 * LB_GAP_SYMBOLS };
    uint64_t weight[TREES];
    int parent[TREES];
    size_t n = LB_GAP_SYMBOLS, open = 0;
    memcpy(weight, count, LB_GAP_SYMBOLS * sizeof *weight);
    memset(length, 0, LB_GAP_SYMBOLS);
    for (size_t s = 0; s < LB_GAP_SYMBOLS; s++) open += count[s] > 0;
    for (; open > 1; open--, n++) {
        size_t pair[2];
        for (int k = 0; k < 2; k++) {
            pair[k] = TREES;
            for (size_t i = 0; i < n; i++) {
                const bool rarer = pair[k] == TREES || weight[i] < weight[pair[k]];
                if (weight[i] > 0 && rarer && !(k == 1 && i == pair[0])) pair[k] = i;
            }
        }
        weight[n] = weight[pair[0]] + weight[pair[1]];
        for (int k = 0; k < 2; k++) {
            weight[pair[k]] = 0; /* taken */
            parent[pair[k]] = (int)n;
        }
    }
    const bool alone = n == LB_GAP_SYMBOLS; /* a symbol without others still takes a bit */
    unsigned longest = 0;
    for (size_t s = 0; s < LB_GAP_SYMBOLS; s++) {
        if (count[s] == 0) continue;
        unsigned depth = alone ? 1 : 0;
        for (size_t i = s; !alone && i + 1 < n; i = (size_t)parent[i]) depth++;
        length[s] = (uint8_t)depth;
        longest = length[s] > longest ? length[s] : longest;
    }
    return longest;
}

/* Codes in the order of lengths, then symbols. */
static void number_codes(huffman_code *h)
{
    unsigned next = 0;
    for (unsigned bits = 1; bits <= LB_GAP_MAX_LENGTH; bits++, next <<= 1) {
        for (size_t s = 0; s < LB_GAP_SYMBOLS; s++)
            if (h->length[s] == bits) h->code[s] = (uint16_t)next++;
    }
}

static void make_huffman(const gap_counts *c, huffman_code *h)
{
    const size_t skip = LB_GAP_SYMBOLS - 1;
    uint64_t flat[LB_GAP_SYMBOLS];
    *h = (huffman_code){.n_symbols = 1};
    h->count[skip] = c->long_symbol_skips;
    for (size_t gap = 0; gap < COUNTED_GAPS; gap++) {
        h->count[skip] += c->of[gap] * (gap / skip);
        h->count[gap % skip] += c->of[gap];
    }
    for (size_t s = 0; s < skip; s++) h->count[s] += c->long_rest[s];
    memcpy(flat, h->count, sizeof flat);
    /* where codes are too long for the table, rare symbols are taken for less rare */
    while (code_lengths(flat, h->length) > LB_GAP_MAX_LENGTH)
        for (size_t s = 0; s < LB_GAP_SYMBOLS; s++) flat[s] = (flat[s] + 1) / 2;
    for (size_t s = 0; s < LB_GAP_SYMBOLS; s++)
        if (h->length[s] > 0) h->n_symbols = s + 1;
    number_codes(h);
}

static uint64_t huffman_code_bits(const huffman_code *h)
{
    uint64_t bits = 0;
    for (size_t s = 0; s < LB_GAP_SYMBOLS; s++) bits += h->count[s] * h->length[s];
    return bits;
}

/* ---- sizes ---- */

static lb_status count_gaps(const int8_t *codes, size_t n, gap_counts *c)
{
    *c = (gap_counts){0};
    LB_TRY(lb_alloc(COUNTED_GAPS, sizeof *c->of, "counts of gaps", (void **)&c->of));
    for_gaps(codes, n, count_gap, c);
    return LB_OK;
}

static size_t run_length_bytes(const gap_counts *c)
{
    return LB_GAP_HEADER + (size_t)((run_length_bits(c, best_width(c)) + 7) / 8);
}

static size_t huffman_bytes(const gap_counts *c, const huffman_code *h)
{
    const uint64_t bits = huffman_code_bits(h) + c->nonzero;
    return LB_GAP_HEADER + (h->n_symbols + 1) / 2 + (size_t)((bits + 7) / 8);
}

static double entropy(const gap_counts *c)
{
    const double n = (double)c->nonzero;
    double bits = c->n_long > 0 ? (double)c->n_long / n * log2(n) : 0.0;
    for (size_t gap = 0; gap < COUNTED_GAPS; gap++) {
        const double p = n > 0.0 ? (double)c->of[gap] / n : 0.0;
        if (p > 0.0) bits -= p * log2(p);
    }
    return bits;
}

lb_status lb_gaps_measure(const int8_t *codes, size_t n, lb_gap_sizes *out)
{
    gap_counts c;
    huffman_code h;
    LB_TRY(count_gaps(codes, n, &c));
    make_huffman(&c, &h);
    *out = (lb_gap_sizes){
        .nonzero = c.nonzero,
        .run_length_bytes = run_length_bytes(&c),
        .huffman_bytes = huffman_bytes(&c, &h),
        .gap_entropy = entropy(&c),
        .huffman_bits = c.nonzero > 0 ? (double)huffman_code_bits(&h) / (double)c.nonzero : 0.0,
    };
    lb_free(c.of);
    return LB_OK;
}

/* ---- streams ---- */

typedef struct gap_writer {
    uint8_t *stream;
    size_t bit;     /* the next one, from the stream's start */
    unsigned width; /* run-length; 0: Huffman */
    const huffman_code *huffman;
} gap_writer;

static void put_bit(gap_writer *w, unsigned bit)
{
    w->stream[w->bit / 8] |= (uint8_t)(bit << w->bit % 8);
    w->bit++;
}

static void put_symbol(gap_writer *w, size_t symbol)
{
    if (w->width > 0) {
        for (unsigned b = 0; b < w->width; b++) put_bit(w, (unsigned)(symbol >> b & 1));
        return;
    }
    for (unsigned b = w->huffman->length[symbol]; b > 0; b--)
        put_bit(w, w->huffman->code[symbol] >> (b - 1) & 1u);
}

static void put_weight(size_t gap, bool negative, void *user)
{
    gap_writer *w = user;
    const size_t skip = w->width > 0 ? ((size_t)1 << w->width) - 1 : LB_GAP_SYMBOLS - 1;
    for (; gap >= skip; gap -= skip) put_symbol(w, skip);
    put_symbol(w, gap);
    put_bit(w, negative);
}

/* The header, and for Huffman the table. */
static void put_header(gap_writer *w, const gap_counts *c)
{
    for (int i = 0; i < 4; i++) w->stream[i] = (uint8_t)(c->nonzero >> 8 * i);
    w->stream[4] = (uint8_t)(w->width > 0 ? w->width : w->huffman->n_symbols - 1);
    w->bit = (size_t)8 * LB_GAP_HEADER;
    if (w->width > 0) return;
    for (size_t s = 0; s < w->huffman->n_symbols; s++)
        w->stream[LB_GAP_HEADER + s / 2] |= (uint8_t)(w->huffman->length[s] << s % 2 * 4);
    w->bit += (w->huffman->n_symbols + 1) / 2 * 8;
}

lb_status lb_gaps_encode(lb_gap_code code, const int8_t *codes, size_t n, lb_arena *arena,
                         uint8_t **stream, size_t *bytes)
{
    gap_counts c;
    huffman_code h;
    LB_TRY(count_gaps(codes, n, &c));
    make_huffman(&c, &h);
    gap_writer w = {.width = code == LB_GAPS_RUN_LENGTH ? best_width(&c) : 0, .huffman = &h};
    const size_t size = w.width > 0 ? run_length_bytes(&c) : huffman_bytes(&c, &h);
    const lb_status status = lb_arena_alloc(arena, size, 1, "encoded weights", (void **)&w.stream);
    if (status == LB_OK) {
        put_header(&w, &c);
        for_gaps(codes, n, put_weight, &w);
        lb_assert((w.bit + 7) / 8 == size);
        *stream = w.stream;
        *bytes = size;
    }
    lb_free(c.of);
    return status;
}
