/* From gaps to ternary weights: every read is checked, as streams come from files. */
#include "intnet/gaps.h"

typedef struct bit_reader {
    const uint8_t *at, *end;
    unsigned bit; /* of *at, 0 to 7 */
    bool over;    /* more was asked for than there is */
} bit_reader;

static unsigned read_bit(bit_reader *r)
{
    if (r->at == r->end) {
        r->over = true;
        return 0;
    }
    const unsigned bit = *r->at >> r->bit & 1;
    r->bit = (r->bit + 1) % 8;
    if (r->bit == 0) r->at++;
    return bit;
}

/* Canonical code: symbols ascend with their codes, shorter codes first. */
typedef struct huffman_table {
    unsigned precision;
    uint16_t count[LB_GAP_MAX_LENGTH + 1]; /* codes of each length */
    uint16_t symbols[LB_GAP_MAX_SYMBOLS];  /* by code */
} huffman_table;

static unsigned code_length(const uint8_t *lengths, size_t symbol)
{
    return lengths[symbol / 2] >> symbol % 2 * 4 & 15;
}

/* The reader stands behind the table afterwards. */
static lb_status read_table(const uint8_t *stream, bit_reader *r, huffman_table *t)
{
    if (r->end - stream < LB_GAP_TABLE)
        return lb_fail(LB_E_FORMAT, "ends before its table of code lengths");
    t->precision = stream[LB_GAP_HEADER - 1];
    if (t->precision > LB_GAP_MAX_PRECISION) {
        return lb_fail(LB_E_FORMAT, "symbols of %u bits, wanted 0 to %d", t->precision,
                       LB_GAP_MAX_PRECISION);
    }
    const size_t n_symbols = (stream[LB_GAP_HEADER] | (size_t)stream[LB_GAP_HEADER + 1] << 8) + 1;
    const size_t most = (size_t)(33 - t->precision) << t->precision;
    if (n_symbols > most)
        return lb_fail(LB_E_FORMAT, "%zu symbols, wanted at most %zu", n_symbols, most);
    const uint8_t *lengths = stream + LB_GAP_TABLE;
    const size_t bytes = (n_symbols + 1) / 2;
    if ((size_t)(r->end - lengths) < bytes)
        return lb_fail(LB_E_FORMAT, "ends within its table of code lengths");
    for (size_t s = 0; s < n_symbols; s++) t->count[code_length(lengths, s)]++;
    if (n_symbols % 2 != 0 && lengths[bytes - 1] >> 4 != 0)
        return lb_fail(LB_E_FORMAT, "has bits past its table of code lengths");
    r->at = lengths + bytes;
    t->count[0] = 0;
    size_t n = 0;
    int32_t left = 1; /* codes of this length that are not taken */
    for (unsigned bits = 1; bits <= LB_GAP_MAX_LENGTH; bits++) {
        left = 2 * left - t->count[bits];
        if (left < 0) return lb_fail(LB_E_FORMAT, "has more codes of %u bits than there are", bits);
        for (size_t s = 0; s < n_symbols; s++)
            if (code_length(lengths, s) == bits) t->symbols[n++] = (uint16_t)s;
    }
    return LB_OK;
}

/* The symbol of the next code, or -1: there is no such code. */
static int read_symbol(bit_reader *r, const huffman_table *t)
{
    int code = 0, first = 0, index = 0;
    for (unsigned bits = 1; bits <= LB_GAP_MAX_LENGTH; bits++) {
        code = code << 1 | (int)read_bit(r);
        if (code - first < t->count[bits]) return t->symbols[index + code - first];
        index += t->count[bits];
        first = (first + t->count[bits]) << 1;
    }
    return -1;
}

static size_t read_bits(bit_reader *r, unsigned n)
{
    size_t bits = 0;
    for (unsigned b = 0; b < n; b++) bits |= (size_t)read_bit(r) << b;
    return bits;
}

typedef struct gap_reader {
    bit_reader bits;
    unsigned width; /* run-length; 0: Huffman */
    huffman_table table;
} gap_reader;

/* Zeros before the next weight, or before more of the gap. */
static lb_status read_gap(gap_reader *g, size_t *gap, bool *goes_on)
{
    if (g->width > 0) {
        *gap = read_bits(&g->bits, g->width);
        *goes_on = *gap == ((size_t)1 << g->width) - 1;
        return LB_OK;
    }
    const int symbol = read_symbol(&g->bits, &g->table);
    if (symbol < 0) return lb_fail(LB_E_FORMAT, "has bits that are no code");
    const unsigned above = (unsigned)symbol >> g->table.precision;
    const unsigned extra = above > 1 ? above - 1 : 0;
    const size_t top = (size_t)symbol - ((size_t)extra << g->table.precision);
    *gap = top << extra | read_bits(&g->bits, extra);
    return LB_OK;
}

static lb_status read_weights(gap_reader *g, size_t nonzero, size_t n, lb_gaps_put_fn *put,
                              void *user)
{
    size_t place = 0; /* of the next weight */
    while (nonzero > 0) {
        size_t gap = 0;
        bool goes_on = false;
        LB_TRY(read_gap(g, &gap, &goes_on));
        if (g->bits.over) return lb_fail(LB_E_FORMAT, "ends before its last weight");
        if (gap >= n - place) return lb_fail(LB_E_FORMAT, "has gaps past its %zu weights", n);
        place += gap;
        if (goes_on) continue;
        put(place++, read_bit(&g->bits) != 0, user);
        nonzero--;
    }
    return LB_OK;
}

/* Nothing may follow but zero bits up to the end of the byte. */
static lb_status check_end(const bit_reader *r)
{
    if (r->over) return lb_fail(LB_E_FORMAT, "ends before its last weight");
    const size_t whole = (size_t)(r->end - r->at) - (r->bit > 0);
    const bool bits_left = r->bit > 0 && *r->at >> r->bit != 0;
    if (whole == 0 && !bits_left) return LB_OK;
    return lb_fail(LB_E_FORMAT, "has %s after its last weight", whole > 0 ? "bytes" : "bits");
}

lb_status lb_gaps_decode(lb_gap_code code, const uint8_t *stream, size_t bytes, size_t n,
                         lb_gaps_put_fn *put, void *user)
{
    if (bytes < LB_GAP_HEADER)
        return lb_fail(LB_E_FORMAT, "%zu bytes, wanted at least %d", bytes, LB_GAP_HEADER);
    size_t nonzero = 0;
    for (int i = 3; i >= 0; i--) nonzero = nonzero << 8 | stream[i];
    if (nonzero > n)
        return lb_fail(LB_E_FORMAT, "says %zu weights of %zu are not zero", nonzero, n);
    gap_reader g = {.bits = {.at = stream + LB_GAP_HEADER, .end = stream + bytes}};
    if (code == LB_GAPS_HUFFMAN) {
        LB_TRY(read_table(stream, &g.bits, &g.table));
    } else {
        g.width = stream[LB_GAP_HEADER - 1];
        if (g.width < 1 || g.width > LB_GAP_MAX_WIDTH) {
            return lb_fail(LB_E_FORMAT, "gaps of %u bits, wanted 1 to %d", g.width,
                           LB_GAP_MAX_WIDTH);
        }
    }
    LB_TRY(read_weights(&g, nonzero, n, put, user));
    return check_end(&g.bits);
}
