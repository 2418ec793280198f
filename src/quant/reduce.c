/* Partial sum l takes the elements l, l + LANES, ...; the lanes are added in order at the end. */
#include "quant/reduce.h"

#include <math.h>

enum { LANES = 8 };

static double total(const double *lane)
{
    double sum = 0.0;
    for (int l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

double lb_sum(const float *x, size_t n)
{
    double lane[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) lane[l] += (double)x[i + (size_t)l];
    }
    for (int l = 0; i < n; i++, l++) lane[l] += (double)x[i];
    return total(lane);
}

double lb_sum_abs(const float *x, size_t n)
{
    double lane[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) lane[l] += (double)fabsf(x[i + (size_t)l]);
    }
    for (int l = 0; i < n; i++, l++) lane[l] += (double)fabsf(x[i]);
    return total(lane);
}

float lb_max_abs(const float *x, size_t n)
{
    float lane[LANES] = {0.0f};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const float a = fabsf(x[i + (size_t)l]);
            lane[l] = a > lane[l] ? a : lane[l];
        }
    }
    for (; i < n; i++) lane[0] = fabsf(x[i]) > lane[0] ? fabsf(x[i]) : lane[0];
    float largest = 0.0f;
    for (int l = 0; l < LANES; l++) largest = lane[l] > largest ? lane[l] : largest;
    return largest;
}

double lb_sum_abs_above(const float *x, size_t n, float threshold, size_t *count)
{
    double lane[LANES] = {0.0};
    uint32_t above[LANES] = {0}; /* a group has fewer than 2^32 weights */
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const float a = fabsf(x[i + (size_t)l]);
            lane[l] += (double)(a > threshold ? a : 0.0f);
            above[l] += a > threshold ? 1u : 0u;
        }
    }
    for (int l = 0; i < n; i++, l++) {
        const float a = fabsf(x[i]);
        lane[l] += (double)(a > threshold ? a : 0.0f);
        above[l] += a > threshold ? 1u : 0u;
    }
    *count = 0;
    for (int l = 0; l < LANES; l++) *count += above[l];
    return total(lane);
}

double lb_sum_product(const float *g, const int16_t *code, size_t n)
{
    double lane[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            lane[l] += (double)(g[i + (size_t)l] * (float)code[i + (size_t)l]);
        }
    }
    for (int l = 0; i < n; i++, l++) lane[l] += (double)(g[i] * (float)code[i]);
    return total(lane);
}

void lb_sum_by_sign(const float *g, const int16_t *code, size_t n, double *positive,
                    double *negative)
{
    double above[LANES] = {0.0};
    double below[LANES] = {0.0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int l = 0; l < LANES; l++) {
            const float value = g[i + (size_t)l];
            above[l] += (double)(code[i + (size_t)l] > 0 ? value : 0.0f);
            below[l] += (double)(code[i + (size_t)l] < 0 ? value : 0.0f);
        }
    }
    for (int l = 0; i < n; i++, l++) {
        above[l] += (double)(code[i] > 0 ? g[i] : 0.0f);
        below[l] += (double)(code[i] < 0 ? g[i] : 0.0f);
    }
    *positive = total(above);
    *negative = total(below);
}
