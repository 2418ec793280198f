/* Sparse ternary weights as gaps: how many zeros stand before each weight that is not zero, and its sign.
 *
 * Weights are taken row-major [O][I][KH][KW]; after the last weight that is not zero nothing is stored. Two
 * codes for the gaps:
 *
 *   run-length  one width of b bits for the whole layer, the one that takes the fewest bits. The gap of b ones
 *               means: skip 2^b - 1 zeros, no weight follows.
 *   Huffman     a gap is a symbol and extra bits: its highest bit and the p below it make the symbol, the e bits
 *               below those are stored as they are; symbol = e 2^p + (gap >> e), and gaps below 2^(p + 1) are
 *               symbols by themselves. The symbols have a canonical Huffman code of the layer's own, of at most 15
 *               bits; p, too, is the layer's own, the one that takes the fewest bits with the table.
 *
 * A stream of bytes (docs/format.md):
 *
 *   run-length  4 bytes number of weights that are not zero, little-endian; 1 byte b, 1 to 15; then bits: gap (b,
 *               lowest first), sign (1 means -1; not after a skip), ...
 *   Huffman     4 bytes the same; 1 byte p, 0 to 8; 2 bytes number of symbols - 1, little-endian; their code
 *               lengths, 4 bits each, lowest symbol and low half of a byte first, 0: not used; then bits: code (its
 *               highest bit first), extra bits (lowest first), sign, ...
 *
 * Bits fill a byte from its lowest on; those left over in the last one are 0.
 * Source: Faraone, "Simplification of Deep Neural Networks for Efficient Inference", thesis, Sydney, 2020, 3.2; extra
 * bits: as the distances of Deutsch, RFC 1951, 1996, 3.2.5. */
#ifndef LB_INTNET_GAPS_H
#define LB_INTNET_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/memory.h"

typedef enum lb_gap_code { LB_GAPS_RUN_LENGTH, LB_GAPS_HUFFMAN } lb_gap_code;

enum {
    LB_GAP_MAX_WIDTH = 15,    /* run-length */
    LB_GAP_MAX_LENGTH = 15,   /* Huffman: bits of a code */
    LB_GAP_MAX_PRECISION = 8, /* Huffman: bits of a gap below its highest that a symbol holds, p */
    LB_GAP_MAX_SYMBOLS = (33 - LB_GAP_MAX_PRECISION) << LB_GAP_MAX_PRECISION, /* gaps are < 2^32 */
    LB_GAP_WEIGHTS_A_BYTE = 65536,   /* at most, so that a small file never asks for much memory */
    LB_GAP_HEADER = 5,               /* bytes that both codes start with */
    LB_GAP_TABLE = LB_GAP_HEADER + 2 /* where the code lengths stand */
};

/* What n ternary weights take. */
typedef struct lb_gap_sizes {
    size_t nonzero;
    size_t run_length_bytes, huffman_bytes;
    double gap_entropy; /* bits a gap: -sum p log2 p over the gaps of weights that are not zero */
    double
        huffman_bits; /* bits a gap of the Huffman stream, codes and extra bits, without table and signs */
} lb_gap_sizes;

/** Count what n ternary codes would take in both codes; n < 2^32. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_gaps_measure(const int8_t *codes, size_t n, lb_gap_sizes *out);

/**
 * Encode n ternary codes.
 *
 * Requires:  n < 2^32.
 * Ownership: *stream (*bytes of them) is the arena's.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_gaps_encode(lb_gap_code code, const int8_t *codes, size_t n,
                                       lb_arena *arena, uint8_t **stream, size_t *bytes);

/** The next weight that is not zero: `place` of all weights, ascending. */
typedef void lb_gaps_put_fn(size_t place, bool negative, void *user);

/**
 * Decode a stream of n ternary weights; any bytes are safe. Takes no memory, however many weights a stream says.
 *
 * Errors: LB_E_FORMAT it ends early, has bytes or bits left over, more weights than n, or a bad table; some weights
 *         may have been put by then.
 */
LB_MUST_CHECK lb_status lb_gaps_decode(lb_gap_code code, const uint8_t *stream, size_t bytes,
                                       size_t n, lb_gaps_put_fn *put, void *user);

#endif
