/* What the binary and ternary weight quantizers share: the signs, and the straight-through
 * window. */
#ifndef LB_QUANT_BINARY_H
#define LB_QUANT_BINARY_H

#include "nn/quantizer.h"

enum { LB_ANY_GRANULARITY = 1 << LB_PER_LAYER | 1 << LB_PER_FILTER };

/** max_code of binary and ternary quantizers: 1. */
int lb_max_code_one(const lb_weight_setting *setting);
/** statistics of quantizers without a scale: 1. */
void lb_statistics_one(const lb_weight_setting *setting, lb_weight_group group, const float *w,
                       const float *learned, lb_weight_statistics *s);
/** encode of binary quantizers: code = +1 where w >= 0, else -1 (RedBit eq. 2). */
void lb_encode_sign(const lb_weight_setting *setting, lb_weight_group group,
                    const lb_weight_statistics *s, const float *w, lb_random *random,
                    int16_t *code);
/** code = +1 where w > threshold, -1 where w < -threshold, else 0. */
void lb_encode_ternary(const float *w, size_t n, float threshold, int16_t *code);
/** dw = factor * dq where |w| <= 1, else 0. */
void lb_backward_window(const float *w, const float *dq, size_t n, float factor, float *dw);
/** backward of signs without a scale: dw = dq where |w| <= 1, else 0. */
void lb_backward_sign(const lb_weight_setting *setting, lb_weight_group group,
                      const lb_weight_statistics *s, const float *w, const int16_t *code,
                      const float *dq, float *dw, float *dlearned);
/** dw = dq: the straight-through estimator without a window. */
void lb_backward_identity(const float *dq, size_t n, float *dw);

#endif
