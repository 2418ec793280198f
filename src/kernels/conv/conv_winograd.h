/* Winograd's F(2, 3) and F(4, 3) along rows, in integers (Lavin & Gray, CVPR 2016, arXiv:1509.09308, which
 * take them along both axes): 4 multiplications instead of 6 for two neighbouring outputs of a window of 3
 * columns, 6 instead of 12 for four.
 *
 * Position j of a block of outputs multiplies W_j, a sum of the window's three weights w0, w1, w2, by D_j, a
 * sum of the block's 4 or 6 inputs d0, d1, ...; the outputs are sums of the products M_j, divided. The
 * fractions of the paper's weight transforms are left out until there, so that all is in integers, and
 * signs are such that D_j are small:
 *
 *     F(2, 3)   W0 = w0             D0 = d0 - d2      y0 = M0 + (M1 + M2) / 2
 *               W1 = w0 + w1 + w2   D1 = d1 + d2      y1 = (M1 - M2) / 2 - M3
 *               W2 = w0 - w1 + w2   D2 = d2 - d1
 *               W3 = w2             D3 = d1 - d3
 *
 *     F(4, 3)   W0 = w0                D0 =  4 d0 - 5 d2 + d4           y0 = (6 M0 + 4 (M1 + M2) + (M3 + M4)) / 24
 *               W1 = w0 + w1 + w2      D1 =  4 d1 + 4 d2 - d3 - d4      y1 = (2 (M1 - M2) + (M3 - M4)) / 12
 *               W2 = w0 - w1 + w2      D2 = -4 d1 + 4 d2 + d3 - d4      y2 = ((M1 + M2) + (M3 + M4)) / 6
 *               W3 = w0 + 2 w1 + 4 w2  D3 = -2 d1 - d2 + 2 d3 + d4      y3 = ((M1 - M2) + 2 (M3 - M4)) / 6 + M5
 *               W4 = w0 - 2 w1 + 4 w2  D4 =  2 d1 - d2 - 2 d3 + d4
 *               W5 = w2                D5 =  4 d1 - 5 d3 + d5
 *
 * The divisions leave no remainder. All sums are taken modulo 2^32, and a division by 3 is a multiplication by
 * its inverse modulo 2^32; what is then shifted must fit 32 bits. With |y| <= B for all codes, F(2, 3) shifts
 *
 *     M1 + M2 = 2 (y0 - M0) = 2 (w0 d2 + w1 d1 + w2 d2),  M1 - M2 = 2 (y1 + M3) = 2 (w0 d1 + w1 d2 + w2 d1)
 *
 * (each term summed over channels and rows), at most 2 B: B < 2^30. F(4, 3) shifts 8 y0, 4 y1, 2 y2 and
 * 2 (y3 - M5) = 2 (w0 d3 + w1 d4 + w2 (5 d3 - 4 d1)), at most 22/3 B: B < 2^28. Of fields, what is shifted is
 * multiplied by the grid's step or may be, which makes it at most twice as large: half of that.
 *
 * D_j of fields up to U lie in -bias U .. (range - bias) U; in bytes without sign they are stored plus
 * bias U, and M_j starts from -bias U times the sum of the filter's W_j. */
#ifndef LB_KERNELS_CONV_WINOGRAD_H
#define LB_KERNELS_CONV_WINOGRAD_H

#include <stddef.h>
#include <stdint.h>

enum { LB_WINOGRAD_POSITIONS_MAX = 6, LB_WINOGRAD_OUTPUTS_MAX = 4, LB_WINOGRAD_TAPS = 3 };

typedef struct lb_winograd_position {
    int8_t weight[LB_WINOGRAD_TAPS]; /* W_j = sum of weight[i] * w_i */
    uint8_t growth;                  /* |W_j| <= growth * largest |w_i| */
    uint8_t bias, range;             /* of D_j, in units of the largest field */
} lb_winograd_position;

/** The positions of F(outputs, 3), outputs 2 or 4. */
const lb_winograd_position *lb_winograd_of(size_t outputs);

#endif
