/* Functions of one float that compilers turn into vector instructions of the plain architecture. */
#ifndef LB_QUANT_ELEMENTWISE_H
#define LB_QUANT_ELEMENTWISE_H

#include <math.h>
#include <stdint.h>

/* x rounded to a whole number, ties to even, for |x| <= 2^22: adding 1.5 * 2^23 leaves no bits for
 * a fraction. rintf would do, but without SSE4.1 it is a call. */
static inline float lb_round_even(float x)
{
    const float shift = 12582912.0f;
    return (x + shift) - shift;
}

/* min(max(x, low), high); a NaN gives low. */
static inline float lb_clampf(float x, float low, float high)
{
    const float y = x > low ? x : low;
    return y < high ? y : high;
}

/* tanh(x) = x P(x^2) / Q(x^2) for |x| <= 9, where it is 1 - 3e-8; a minimax fit of relative error
 * 2.1e-8. Single precision makes it |lb_tanhf(x) - tanh(x)| <= 5e-7 |tanh(x)|; the result is at
 * most 1. NaN stays. */
static inline float lb_tanhf(float x)
{
    const float limit = 9.0f;
    const float above = x > limit ? limit : x;
    const float y = above < -limit ? -limit : above;
    const float z = y * y;
    float p = 0x1.cadd34p-27f;
    float q = 0x1.a18072p-21f;
    p = p * z + 0x1.59c378p-16f;
    q = q * z + 0x1.58862ep-12f;
    p = p * z + 0x1.ca2c8cp-9f;
    q = q * z + 0x1.a7f7f6p-6f;
    p = p * z + 0x1.120b1ep-3f;
    q = q * z + 0x1.de5ad8p-2f;
    p = p * z + 1.0f;
    q = q * z + 1.0f;
    const float t = y * p / q;
    const float low = t > 1.0f ? 1.0f : t;
    return low < -1.0f ? -1.0f : low;
}

#endif
