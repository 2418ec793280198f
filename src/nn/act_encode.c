/* Encoding activations, in loops a compiler turns into vectors.
 *
 * Codes' bounds are whole numbers and rounding is monotone, so clamping first and rounding then gives the
 * same code as the other way round; the clamped value is small, so adding and subtracting 1.5 * 2^23
 * rounds it to the nearest whole number, ties to even. A NaN fails every comparison and becomes `low`. */
#include "nn/act_encode.h"

#include "base/compiler.h"

static float clamp(float t, float low, float high)
{
    const float raised = t > low ? t : low;
    return raised < high ? raised : high;
}

static float round_even(float t)
{
    const float big = 12582912.0f;
    return (t + big) - big;
}

/* floor(t + 1/2) */
static float round_half_up(float t)
{
    const float u = t + 0.5f, r = round_even(u);
    return r > u ? r - 1.0f : r;
}

LB_VECTORIZED void lb_act_encode(const lb_act_map *map, size_t n, const float *x, float *code)
{
    const float m = map->multiplier, d = map->divisor, low = map->low, high = map->high;
    switch (map->rounding) {
    case LB_ROUND_EVEN:
        for (size_t i = 0; i < n; i++) code[i] = round_even(clamp(x[i] * m / d, low, high));
        break;
    case LB_ROUND_HALF_UP:
        for (size_t i = 0; i < n; i++) code[i] = round_half_up(clamp(x[i] * m / d, low, high));
        break;
    case LB_ROUND_SIGN:
        for (size_t i = 0; i < n; i++) code[i] = x[i] * m / d >= 0.0f ? 1.0f : -1.0f;
        break;
    case LB_ROUND_STEP:
        for (size_t i = 0; i < n; i++) code[i] = x[i] * m / d > 0.0f ? 1.0f : 0.0f;
        break;
    }
}
