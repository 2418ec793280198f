/* Partial sum l takes the elements l, l + LANES, ... of a block; the lanes are added in order at the
 * end. Blocks of products or masked values go through a small buffer first: one simple loop each for
 * the values and for their sum, which compilers vectorize where they do not vectorize the two in one. */
#include "quant/reduce.h"

#include <math.h>

#include "base/compiler.h"

enum { LANES = 8 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* lane[l] += x[l], x[l + LANES], ... */
static inline void add_block(double *restrict lane, const float *restrict x, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + (size_t)l];
    }
    for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i];
}

static double total(const double *lane)
{
    double sum = 0.0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

LB_VECTORIZED double lb_sum(const float *x, size_t n)
{
    double lane[LANES] = {0.0};
    add_block(lane, x, n);
    return total(lane);
}

LB_VECTORIZED double lb_sum_abs(const float *x, size_t n)
{
    double lane[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) lane[l] += (double)fabsf(x[i + (size_t)l]);
    }
    for (int l = 0; i < n; i++, l++) lane[l] += (double)fabsf(x[i]);
    return total(lane);
}

LB_VECTORIZED double lb_sum_squares(const float *x, size_t n)
{
    double lane[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const double y = (double)x[i + (size_t)l];
            lane[l] += y * y;
        }
    }
    for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i] * (double)x[i];
    return total(lane);
}

LB_VECTORIZED float lb_max_abs(const float *x, size_t n)
{
    float lane[4 * LANES] = {0.0f};
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        for (size_t l = 0; l < 4 * LANES; l++) {
            const float a = fabsf(x[i + l]);
            lane[l] = a > lane[l] ? a : lane[l];
        }
    }
    float largest = 0.0f;
    for (; i < n; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    for (int l = 0; l < 4 * LANES; l++) largest = lane[l] > largest ? lane[l] : largest;
    return largest;
}

LB_VECTORIZED double lb_sum_abs_above(const float *x, size_t n, float threshold, size_t *count)
{
    double lane[LANES] = {0.0};
    float value[LB_SUM_BLOCK];
    *count = 0;
    for (size_t begin = 0; begin < n; begin += LB_SUM_BLOCK) {
        const size_t m = smaller(n - begin, LB_SUM_BLOCK);
        int32_t above = 0;
        for (size_t i = 0; i < m; i++) {
            const float a = fabsf(x[begin + i]);
            value[i] = a > threshold ? a : 0.0f;
            above += a > threshold ? 1 : 0;
        }
        *count += (size_t)above;
        add_block(lane, value, m);
    }
    return total(lane);
}

LB_VECTORIZED double lb_sum_product(const float *g, const int16_t *code, size_t n)
{
    double lane[LANES] = {0.0};
    float value[LB_SUM_BLOCK];
    for (size_t begin = 0; begin < n; begin += LB_SUM_BLOCK) {
        const size_t m = smaller(n - begin, LB_SUM_BLOCK);
        for (size_t i = 0; i < m; i++) value[i] = g[begin + i] * (float)code[begin + i];
        add_block(lane, value, m);
    }
    return total(lane);
}

LB_VECTORIZED void lb_sum_by_sign(const float *g, const int16_t *code, size_t n, double *positive,
                                  double *negative)
{
    double above[LANES] = {0.0};
    double below[LANES] = {0.0};
    float value[LB_SUM_BLOCK];
    for (size_t begin = 0; begin < n; begin += LB_SUM_BLOCK) {
        const size_t m = smaller(n - begin, LB_SUM_BLOCK);
        for (size_t i = 0; i < m; i++) {
            const float v = g[begin + i]; /* read in any case: no branch */
            value[i] = code[begin + i] > 0 ? v : 0.0f;
        }
        add_block(above, value, m);
        for (size_t i = 0; i < m; i++) {
            const float v = g[begin + i];
            value[i] = code[begin + i] < 0 ? v : 0.0f;
        }
        add_block(below, value, m);
    }
    *positive = total(above);
    *negative = total(below);
}
