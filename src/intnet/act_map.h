/* The activation quantizers' map: from a value to its code, as plain data. */
#ifndef LB_INTNET_ACT_MAP_H
#define LB_INTNET_ACT_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "bits/bits.h"

typedef enum lb_rounding {
    LB_ROUND_EVEN,    /* to nearest, ties to even */
    LB_ROUND_HALF_UP, /* floor(x + 1/2) */
    LB_ROUND_SIGN,    /* +1 where x >= 0, else -1 */
    LB_ROUND_STEP     /* 1 where x > 0, else 0 */
} lb_rounding;

/* How a gradient passes a map: as it is inside the window, or times the slope of a smooth stand-in for
 * sign, max(2 - 2 |x|, 0). */
typedef enum lb_act_gradient { LB_GRADIENT_STE, LB_GRADIENT_APPROX_SIGN } lb_act_gradient;

/* The map of one activation element as plain data, so that training, freeze, runtime and generated
 * code all compute
 *   t = x * multiplier;  t = t / divisor;  t = round(t);  code = min(max(t, low), high)
 * in IEEE single precision in this order. A NaN gives code low. value = code * scale.
 * The straight-through window: dL/dx = dL/dvalue where window_low <= x <= window_high (strictly
 * inside where `open`), else 0; or dL/dx = max(2 - 2 |x|, 0) dL/dvalue. */
typedef struct lb_act_map {
    lb_rounding rounding;
    float multiplier, divisor; /* 1 where not needed */
    float low, high;           /* smallest and largest code */
    float scale;
    float window_low, window_high;
    bool open;
    lb_act_gradient gradient;
} lb_act_map;

/** code[i] of x[i], as whole numbers in float. code may equal x. */
void lb_act_encode(const lb_act_map *map, size_t n, const float *x, float *code);
/** The grid of a map's codes: +-1 for LB_ROUND_SIGN, else low .. high in the fewest bits. */
lb_code_grid lb_act_grid(const lb_act_map *map);

/** Do equal codes under both maps mean equal values? How x became a code does not matter. */
bool lb_act_same_codes(const lb_act_map *a, const lb_act_map *b);
/** Has the value 0 a code? */
bool lb_act_has_zero(const lb_act_map *map);
/** Raw pixels p: codes p - 128 of the values (p - 128) / 128. */
lb_act_map lb_act_raw_pixels(void);

#endif
