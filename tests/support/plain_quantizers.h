/* Quantizers simple enough for hand-worked tests. Whole weights: masters hold whole numbers, codes
 * are the masters. */
#ifndef LB_TESTS_PLAIN_QUANTIZERS_H
#define LB_TESTS_PLAIN_QUANTIZERS_H

#include "nn/quantizer.h"

/* Options: factor of the largest |w| of the group that gives the scale; the same for negative codes
 * (0: equal). */
enum { LB_WHOLE_FACTOR, LB_WHOLE_FACTOR_NEGATIVE };

/* code = w, scale = factor * max |w|; |code| <= 255, per layer or per filter. Backward: dw = dq *
 * scale. */
extern const lb_weight_quantizer lb_whole_weights;
/* The same with two scales. */
extern const lb_weight_quantizer lb_whole_weights_asymmetric;
/* Codes +-1: +1 where a draw is below w. Evaluation takes the masters. */
extern const lb_weight_quantizer lb_chance_weights;
/* As lb_whole_weights, after doubling the masters. */
extern const lb_weight_quantizer lb_doubling_weights;
/* Two learned scales a group, starting at the first master and at 7; code = sign(w); dlearned are
 * the sums of dq over positive codes and, negated, over negative ones. */
extern const lb_weight_quantizer lb_learned_weights;

/* An activation quantizer with codes 0..3 of scale 1/3f: t = x * 3, ties to even; window [0, 1]. */
extern const lb_act_quantizer lb_two_bit_acts;
/* Codes +-1 of scale 1, sign(0) = +1; window (-1, 1), open. */
extern const lb_act_quantizer lb_sign_acts;
/* Codes 0..255 of scale 1, window [0, 255]. */
extern const lb_act_quantizer lb_byte_acts;

#endif
