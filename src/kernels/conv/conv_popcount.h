/* Convolutions by counting bits: what the kernels of all instruction sets share.
 *
 * With activations code = offset + step * sum over planes p of 2^p u_p, u_p the bits of plane p, and w the bit
 * "is negative" of a weight,
 *
 *     binary    sum of weight * u_p = count(u_p ^ w) - count(w)
 *     ternary   sum of weight * u_p = count((u_p & n) ^ w) - count(w), n the bit "is not zero" (w within n)
 *     both      sum of weight * code = constant[f] + step * sum of 2^p count_p,
 *               constant[f] = offset * sum of weights - step * (2^bits - 1) * count(w)
 *
 * so that counts of whole windows are all there is to do. Bits that stand for no input are 0 in u, w and n.
 *
 * A window's bits are cut into words of 32 bits, each lane of a register counting for one filter; or into
 * words of 16 or 8 bits, so that a lane's 2 or 4 parts count for as many filters (or for 2 filters at 2
 * pixels): what comes after the counting is then done for twice or four times as many sums at once. */
#ifndef LB_KERNELS_CONV_POPCOUNT_H
#define LB_KERNELS_CONV_POPCOUNT_H

#include "kernels/conv/conv.h"

/* How a convolution's windows are cut. Word i of a window is word i % run % tap_words of tap i % run / tap_words
 * of kernel row i / run; that word j of tap t for output pixel x lies in a plane of the prepared row at
 * j * word_stride + t % stride * phase_stride + (t / stride + x) * pixel_stride. */
typedef struct lb_popcount_plan {
    size_t parts;        /* of a lane: 1, 2 or 4 */
    size_t pixels;       /* that share a lane: 1 or 2 */
    size_t filter_parts; /* parts / pixels: filters in a lane */
    size_t word_bits;    /* 32 / parts */
    /* Are the bits of a window's row cut without regard to pixels? Then every output pixel has its own words,
     * as if of one tap; otherwise each pixel's channels begin with a word. */
    bool dense;
    size_t taps, tap_words;
    size_t run;   /* taps * tap_words: words of one row of a window */
    size_t words; /* kh * run: of a window */
    /* In rows of pixels, the words of a pixel are neighbours, word_stride is 1, and so are a window's row's. In
     * rows of words, word j of all pixels are neighbours, pixel_stride is 1; with a stride of s, first those
     * of every s-th pixel. */
    size_t word_stride, pixel_stride, phase_stride;
    size_t plane_words; /* of one plane of a prepared row */
} lb_popcount_plan;

/** The plan for these parts and pixels, and rows of pixels or of words. */
lb_popcount_plan lb_popcount_plan_of(const lb_int_conv *conv, size_t parts, size_t pixels,
                                     bool rows_of_words);

/** Word `index` of a window, as filter f has it: its bits "is negative" or "is not zero". */
uint32_t lb_popcount_weight_word(const lb_int_conv *conv, const lb_popcount_plan *plan,
                                 const int16_t *codes, size_t f, bool non_zero, size_t index);
/** constant[f] above; 0 past the filters. */
int32_t lb_popcount_constant(const lb_int_conv *conv, const int16_t *codes, size_t f);

/** Weights as kernels want them that take a window's words as they come, for registers of `lanes` filters:
 *  register after register its constants, then every word; ternary words are two, n and w. */
void lb_popcount_pack_words(const lb_int_conv *conv, const lb_popcount_plan *plan, size_t lanes,
                            size_t registers, const int16_t *codes, uint32_t *packed);

/** What every popcount kernel asks of a convolution, and that a window has at most `words_max` words. */
bool lb_popcount_supports(const lb_int_conv *conv, const lb_popcount_plan *plan, size_t words_max,
                          const char **why);

/** Bytes of a prepared row: planes of words, each with its bits in every part that a filter of the same pixel
 *  has (a kernel that lets two pixels share a lane shifts the second one's), and 64 bytes that may be read. */
size_t lb_popcount_row_bytes(const lb_int_conv *conv, const lb_popcount_plan *plan);
void lb_popcount_prepare_row(const lb_int_conv *conv, const lb_popcount_plan *plan, const void *row,
                             void *prepared);

#endif
