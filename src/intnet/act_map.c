/* The activation quantizers' map, in loops that a compiler turns into vectors, and its grid.
 *
 * Codes' bounds are whole numbers and rounding is monotone, so clamping first and rounding then gives the
 * same code as the other way round; the clamped value is small, so adding and subtracting 1.5 * 2^23
 * rounds it to the nearest whole number, ties to even. A NaN fails every comparison and becomes `low`. */
#include "intnet/act_map.h"

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

LB_VECTORIZED static void scale(float multiplier, size_t n, const float *x, float *t)
{
    LB_INDEPENDENT
    for (size_t i = 0; i < n; i++) t[i] = x[i] * multiplier;
}

LB_VECTORIZED static void divide(float divisor, size_t n, float *t)
{
    for (size_t i = 0; i < n; i++) t[i] = t[i] / divisor;
}

LB_VECTORIZED static void encode(const lb_act_map *map, size_t n, float *t)
{
    const float low = map->low, high = map->high;
    switch (map->rounding) {
    case LB_ROUND_EVEN:
        for (size_t i = 0; i < n; i++) t[i] = round_even(clamp(t[i], low, high));
        break;
    case LB_ROUND_HALF_UP:
        for (size_t i = 0; i < n; i++) t[i] = round_half_up(clamp(t[i], low, high));
        break;
    case LB_ROUND_SIGN:
        for (size_t i = 0; i < n; i++) t[i] = t[i] >= 0.0f ? 1.0f : -1.0f;
        break;
    case LB_ROUND_STEP:
        for (size_t i = 0; i < n; i++) t[i] = t[i] > 0.0f ? 1.0f : 0.0f;
        break;
    }
}

void lb_act_encode(const lb_act_map *map, size_t n, const float *x, float *code)
{
    scale(map->multiplier, n, x, code);
    if (map->divisor != 1.0f) divide(map->divisor, n, code); /* the slowest part, and mostly by 1 */
    encode(map, n, code);
}

lb_code_grid lb_act_grid(const lb_act_map *map)
{
    if (map->rounding == LB_ROUND_SIGN) return (lb_code_grid){.bits = 1, .offset = 1, .step = -2};
    if (map->rounding == LB_ROUND_STEP) return (lb_code_grid){.bits = 1, .offset = 0, .step = 1};
    const int low = (int)map->low, high = (int)map->high;
    int bits = 1;
    if (low >= 0) {
        while (high > (1 << bits) - 1) bits++;
        return (lb_code_grid){.bits = bits, .offset = 0, .step = 1};
    }
    while (low < -(1 << (bits - 1)) || high > (1 << (bits - 1)) - 1) bits++;
    return (lb_code_grid){.bits = bits, .offset = -(1 << (bits - 1)), .step = 1};
}

bool lb_act_same_codes(const lb_act_map *a, const lb_act_map *b)
{
    return a->low == b->low && a->high == b->high && a->scale == b->scale &&
           a->rounding == b->rounding;
}

bool lb_act_has_zero(const lb_act_map *map)
{
    return map->rounding != LB_ROUND_SIGN && map->low <= 0.0f && map->high >= 0.0f;
}

lb_act_map lb_act_raw_pixels(void)
{
    return (lb_act_map){.rounding = LB_ROUND_EVEN,
                        .multiplier = 128.0f,
                        .divisor = 1.0f,
                        .low = -128.0f,
                        .high = 127.0f,
                        .scale = 0x1p-7f,
                        .window_low = -1.0f,
                        .window_high = 1.0f};
}
