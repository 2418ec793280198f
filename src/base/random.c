/* Counter-based random numbers.
 *
 * Key:   h <- mix(h ^ mix(x + G)) over x = seed, purpose, a, b.
 * Draw:  mix(mix(counter * G) ^ key), counter = 1, 2, ...; a bijection of the counter for every
 *        key. The key enters between two mixes, so that two streams are never shifted copies of
 *        each other (as they would be if it were added to the counter).
 * mix is the finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014; constants: Stafford's
 * variant 13), G the golden ratio times 2^64.
 */
#include "base/random.h"

#include <math.h>
#include <stddef.h>

#include "base/fail.h"

static const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

lb_random lb_random_at(uint64_t seed, lb_random_purpose purpose, uint64_t a, uint64_t b)
{
    const uint64_t parts[] = {seed, (uint64_t)purpose, a, b};
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        key = mix(key ^ mix(parts[i] + golden));
    return (lb_random){.key = key, .counter = 0};
}

uint64_t lb_random_bits(lb_random *r)
{
    r->counter++;
    return mix(mix(r->counter * golden) ^ r->key);
}

float lb_random_uniform(lb_random *r)
{
    return (float)(lb_random_bits(r) >> 40) * 0x1p-24f;
}

float lb_random_normal(lb_random *r)
{
    const double pi = 3.14159265358979323846;
    const double radius =
        (double)((lb_random_bits(r) >> 11) + 1) * 0x1p-53; /* in (0, 1]: log is finite */
    const double angle = (double)(lb_random_bits(r) >> 11) * 0x1p-53;
    return (float)(sqrt(-2.0 * log(radius)) * cos(2.0 * pi * angle));
}

uint64_t lb_random_below(lb_random *r, uint64_t n)
{
    lb_assert(n >= 1);
    const uint64_t rejected = (UINT64_C(0) - n) % n; /* 2^64 mod n: the draws left over */
    uint64_t bits = lb_random_bits(r);
    while (bits < rejected) bits = lb_random_bits(r);
    return bits % n;
}
