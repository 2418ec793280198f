/* Sums and maxima over the weights of a group. They run over every weight at each training step, so
 * they keep a fixed number of partial sums in double precision: vectorized, accurate, and the same
 * result whatever the thread count. */
#ifndef LB_QUANT_REDUCE_H
#define LB_QUANT_REDUCE_H

#include <stddef.h>
#include <stdint.h>

/** Values that are made in a small buffer, then summed: so many at a time. */
enum { LB_SUM_BLOCK = 256 };

/** Sum of x[i]. */
double lb_sum(const float *x, size_t n);
/** Sum of |x[i]|. */
double lb_sum_abs(const float *x, size_t n);
/** Sum of x[i]^2. */
double lb_sum_squares(const float *x, size_t n);
/** Largest |x[i]|, NaNs left out; 0 for n = 0. */
float lb_max_abs(const float *x, size_t n);
/** Sum of |x[i]| over |x[i]| > threshold; *count how many there are. */
double lb_sum_abs_above(const float *x, size_t n, float threshold, size_t *count);
/** Sum of g[i] * code[i]. */
double lb_sum_product(const float *g, const int16_t *code, size_t n);
/** Sums of g[i] over code[i] > 0 and over code[i] < 0. */
void lb_sum_by_sign(const float *g, const int16_t *code, size_t n, double *positive,
                    double *negative);

#endif
